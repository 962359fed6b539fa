"""Which rule nearly matched: the one condition that kept it, and what the alert had instead."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core import near_miss
from ingestd.core.alert import Alert
from ingestd.core.classify import trace
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, TeamRoute

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
OVER = datetime(2026, 3, 1, tzinfo=UTC)


def rules_of(*drafts):
    ruleset, faults = compile_rules(drafts, Stages(DEFAULT_MATRIX, "v"), Known({"default": TeamRoute()}))
    assert not faults, faults
    return ruleset


def alert_of(**labels):
    return Alert("am", AlertKey("am/1"), AlertStatus.FIRING, labels, rule_name=labels.get("alertname", ""))


def tried(draft, **labels):
    return near_miss.tried_on(rules_of(draft).rules[0], alert_of(**labels), NOW)


DISK = ("alertname = DiskFull", "env = prod")


@pytest.mark.parametrize(
    ("draft", "labels", "told"),
    [
        ({"match": DISK}, {"alertname": "DiskFull", "env": "staging"}, "needs env = prod, it is env = staging"),
        ({"match": DISK}, {"alertname": "DiskFull"}, "needs env = prod, it has no env"),
        (
            {"match": DISK, "unless": ("cluster = c",)},
            {"alertname": "DiskFull", "env": "prod", "cluster": "c"},
            "unless cluster = c, it is cluster = c",
        ),
        (
            {"match": DISK, "expires_at": OVER},
            {"alertname": "DiskFull", "env": "prod"},
            "expired: 2026-03-01 00:00 UTC is over",
        ),
        (
            {"match": ("env = prod",), "match_any": ("{a = 1}", "{b = 2}")},
            {"env": "prod", "a": "3"},
            "needs one of match_any: {a = 1} or {b = 2}, it is a = 3; it has no b",
        ),
        (
            {"match": ("alertname = DiskFul",)},
            {"alertname": "DiskFull"},
            "needs alertname = DiskFul, it is alertname = DiskFull",
        ),
    ],
)
def test_a_near_miss_says_what_it_needed_and_what_it_got(draft, labels, told):
    found = tried(RuleDraft(name="r", **draft), **labels)
    assert found.is_near
    assert [one.text for one in found.failed] == [told]


@pytest.mark.parametrize(
    ("draft", "labels"),
    [
        ({"match": DISK}, {"alertname": "SiteDown", "env": "prod"}),
        ({"match": DISK}, {"alertname": "SiteDown"}),
        ({"match": ('alertname =~ "Gateway(Down|Slow)"', "env = prod")}, {"alertname": "DiskFull", "env": "prod"}),
        ({"match": ("env = prod",)}, {"env": "staging"}),
        ({"match": (*DISK, "site = x")}, {"alertname": "DiskFull"}),
        ({"match": DISK}, {"alertname": "DiskFull", "env": "prod"}),
    ],
)
def test_a_rule_for_something_else_one_that_nothing_of_holds_and_one_that_matches_are_not_near(draft, labels):
    assert not tried(RuleDraft(name="r", **draft), **labels).is_near


def test_rules_behind_the_one_that_decides_are_named_if_they_match_as_well():
    ruleset = rules_of(
        RuleDraft(name="one", match=("a = 1",)),
        RuleDraft(name="two", match=("a = 2",)),
        RuleDraft(name="three", match=("a = 1",)),
    )
    found = near_miss.follow(alert_of(a="1"), ruleset, NOW)
    assert (found.decided.rule, [one.rule for one in found.later]) == ("one", ["three"]), "unmatched is no news"


_VALUES = st.sampled_from(["", "1", "2"])
_WRITTEN = st.sampled_from(['""', "1", "2"])
_MATCHERS = st.builds("{} {} {}".format, st.sampled_from("ab"), st.sampled_from(["=", "!="]), _WRITTEN)


@given(
    st.lists(st.tuples(st.lists(_MATCHERS, min_size=1, max_size=3), st.lists(_MATCHERS, max_size=2)), max_size=5),
    st.dictionaries(st.sampled_from("ab"), _VALUES),
)
def test_the_rule_that_decides_and_the_first_thing_that_failed_are_those_of_the_engine(written, labels):
    drafts = [RuleDraft(name=f"r{n}", match=tuple(m), unless=tuple(u)) for n, (m, u) in enumerate(written)]
    ruleset = rules_of(*drafts)
    found, real = near_miss.follow(alert_of(**labels), ruleset, NOW), trace(alert_of(**labels), ruleset, NOW)
    assert [one.rule for one in (*found.before, found.decided)] == [step.rule for step in real]
    assert found.label.rule == real[-1].rule
    for mine, step in zip(found.before, real, strict=False):
        assert step.failed_on.removeprefix("unless: ") in mine.failed[0].needs
