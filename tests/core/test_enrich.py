"""The enrich stage: every step applies, in order; nothing that a sender said is overwritten; identity stays."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.enrich import EXTRACTED_LENGTH_MAX, EnrichStep, Extraction, Service, enrich
from ingestd.core.matchers import compile_capture, parse_field, parse_matcher
from ingestd.core.names import Level
from ingestd.core.rule_draft import EnrichDraft, ExtractDraft, RuleDraft
from ingestd.testing.builders import alert
from tests.core.rule_days import Day, rules


def extraction(source: str, regex: str) -> Extraction:
    pattern = compile_capture(regex)
    return Extraction(parse_field(source), pattern, tuple(pattern.groupindex))


def step(*match: str, **changes) -> EnrichStep:
    return EnrichStep("step", tuple(parse_matcher(text) for text in match), **changes)


def labels(steps, services=None, **given_labels) -> dict[str, str]:
    seen = replace(alert(), labels={**alert().labels, **given_labels})
    return dict(enrich(seen, steps, services or {}).labels)


def test_all_steps_apply_and_each_sees_what_the_one_before_did():
    steps = [step(rename=(("kubernetes_cluster", "site"),)), step("site = x", add=(("env", "prod"),))]
    found = labels(steps, kubernetes_cluster="x")
    assert (found["site"], found["env"], "kubernetes_cluster" in found) == ("x", "prod", False)


def test_a_step_whose_matchers_do_not_hold_does_nothing():
    assert "env" not in labels([step("site = x", add=(("env", "prod"),))])


def test_a_rename_does_not_overwrite_and_an_empty_label_is_not_there():
    assert labels([step(rename=(("a", "host"),))], a="1")["host"] == "db1"
    assert labels([step(rename=(("a", "b"),))], a="1", b="")["b"] == "1"


def test_within_a_step_renames_come_before_extraction_and_that_before_fixed_labels():
    one = step(
        rename=(("a", "b"),), extract=(extraction("b", "^(?P<c>[a-z]+)-(?P<d>[0-9]+)$"),), add=(("d", "0"), ("e", "5"))
    )
    found = labels([one], a="x-7")
    assert (found["b"], found["c"], found["d"], found["e"]) == ("x-7", "x", "7", "5")


def test_a_group_that_takes_no_part_or_is_empty_gives_no_label():
    one = step(extract=(extraction("a", "(?P<x>q)?(?P<y>[0-9]*)(?P<z>[a-z]+)"),))
    found = labels([one], a="abc")
    assert ("x" in found, "y" in found, found["z"]) == (False, False, "abc")


def test_what_is_extracted_is_bounded_and_a_lone_surrogate_breaks_nothing():
    one = step(extract=(extraction("a", "(?P<x>.+)"),))
    assert len(labels([one], a="é" * 5000)["x"]) == EXTRACTED_LENGTH_MAX
    assert labels([one], a="ab\ud800")["x"].startswith("ab")


def test_the_catalogue_is_asked_last_by_the_label_that_the_steps_made():
    services = {"shop": Service("shop", labels={"tier": "1", "host": "other"})}
    found = labels([step(rename=(("app", "service"),))], services, app="shop")
    assert (found["tier"], found["host"]) == ("1", "db1")


def test_the_rule_that_speaks_goes_with_the_label_that_names_it():
    renamed = enrich(
        replace(alert(), labels={"kind": "Boom"}, rule_name=""), [step(rename=(("kind", "alertname"),))], {}
    )
    assert renamed.rule_name == "", "a sender that names no rule names none"
    swapped = enrich(alert(), [step(rename=(("alertname", "old"),), add=(("alertname", "New"),))], {})
    assert (swapped.rule_name, swapped.labels["alertname"]) == ("New", "New")
    sensor = alert(labels={"alertname": "DatasourceNoData"}, rule_name="cpu")
    assert enrich(sensor, [step(add=(("x", "y"),))], {}).rule_name == "cpu"


names = st.sampled_from(["a", "b", "host", "service", "alertname", "env"])
values = st.sampled_from(["", "x", "db-1", "shop", "\ud800"])
steps = st.lists(
    st.builds(
        lambda pairs, added, source: step(
            rename=tuple(pairs), add=tuple(added), extract=(extraction(source, "(?P<env>[a-z]+)-(?P<b>[0-9]+)"),)
        ),
        st.lists(st.tuples(names, names), max_size=2),
        st.lists(st.tuples(names, values), max_size=2),
        names,
    ),
    max_size=4,
)


@given(steps, st.dictionaries(names, values))
def test_nothing_that_was_said_is_lost_and_the_key_never_changes(made, given_labels):
    before = replace(alert(), labels=given_labels)
    after = enrich(before, made, {"shop": Service("shop", labels={"env": "prod"})})
    assert after.key == before.key
    assert {value for value in before.labels.values() if value} <= set(after.labels.values())


# ------------------------------------------------------------------ with the rules


STAGES = {
    "enrich": (
        EnrichDraft("names", rename=(("kind", "alertname"),)),
        EnrichDraft("hosts", extract=(ExtractDraft("instance", "^(?P<machine>[^:]+):[0-9]+$"),)),
    ),
    "services": {"shop": Service("shop", impact=Level.HIGH, runbook="https://wiki.example/shop")},
}


def test_rules_see_the_enriched_alert_and_the_service_fills_what_nobody_wrote():
    day = Day(rules(RuleDraft(name="by-machine", match=("machine = web1",), urgency=Level.HIGH), **STAGES))
    day.fires("X", instance="web1:9100", service="shop")
    made = day.incident()
    assert (made.rule, made.severity, made.runbook) == ("by-machine", "critical", "https://wiki.example/shop")


def test_what_was_held_is_enriched_by_the_rules_of_then_from_what_was_received():
    """A reload while it is held: what the old rules renamed is not lost to the new ones."""
    old = RuleDraft(name="old", match=("machine = web1",), hold_seconds=60)
    new = RuleDraft(name="new", match=("instance = web1", 'machine = ""'), hold_seconds=60)
    day = Day(rules(old, enrich=(EnrichDraft("names", rename=(("instance", "machine"),)),)))
    day.fires("X", instance="web1")
    day.policy = rules(new)
    day.passes(minutes=1)
    assert day.incident().rule == "new"
