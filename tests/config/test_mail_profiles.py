"""Profiles of machine mail that are wrong in one place, each with exactly what its author is told."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestd.config.mail_profile_model import (
    FindModel,
    MailProfileSection,
    PairsModel,
    SeverityModel,
    SplitModel,
    StartsAtModel,
    StatusModel,
)
from ingestd.config.mail_profiles import BUILT_IN, built_in, chosen
from ingestd.config.problems import ConfigProblems, render_all

PROFILE = """\
mail_profiles:
  box:
    match: ['alert.subject =~ "[A-Z]+ .*"']
    extract: {from: alert.subject, regex: '(?P<word>[A-Z]+) (?P<host>.+)'}
    status: {from: word, problem: [ALERT], recovery: [CLEAR]}
    identity: [host]
    labels: {host: '{host}'}
"""
POST = """\
  post: {kind: email, email: {recipients: [a@example.com], auth: none, profiles: [nagios, box]}}
connectors:
"""
DOOR = 'mail: {listener: {listen: "127.0.0.1:2525"}}\n'

EDITS = [
    ("profiles: [nagios, box]", "profiles: [nagois, box]", "a profile that does not exist"),
    ("identity:", "identiy:", "a key of a profile that does not exist"),
    ("    identity: [host]\n", "", "no identity"),
    ("    match: ['alert.subject =~ \"[A-Z]+ .*\"']\n", "", "no match"),
    ("alert.subject =~", "alert.subjct =~", "a text that does not exist"),
    ("alert.subject =~", "subject =~", "a text without its prefix"),
    ("alert.subject =~", "alert.summary =~", "a text that no mail has"),
    ("[A-Z]+ .*", "(?=x).*", "a look-ahead in a matcher"),
    ("(?P<word>[A-Z]+)", "(?P<word>[A-Z)+)", "an expression that cannot be read"),
    ("'(?P<word>[A-Z]+) (?P<host>.+)'", "'[A-Z]+'", "an expression without a group"),
    ("(?P<word>[A-Z]+) ", "(?P<subject>[A-Z]+) (?P<word>.) ", "a group with a name of its own"),
    ("from: alert.subject", "from: alert.subjct", "a place to look that does not exist"),
    ("from: word", "from: wrod", "a status field that nothing finds"),
    ("identity: [host]", "identity: [hots]", "an identity that nothing finds"),
    ("identity: [host]", "identity: labels", "labels without pairs"),
    ("'{host}'", "'{hots}'", "a label's field that nothing finds"),
    ("'{host}'", "'{host'", "a brace without its end"),
    ("problem: [ALERT]", "problems: [ALERT]", "a kind of word that does not exist"),
    ("problem: [ALERT]", "otherwise: fine", "a meaning that does not exist"),
    ("    labels:", "    pairs: {regex: '(?P<key>.)=(?P<value>.)'}\n    labels:", "pairs without a name"),
    ("    labels:", "    starts_at: {from: host, format: '%d.%m.%Y %H:%M'}\n    labels:", "a clock without its zone"),
    (
        "    labels:",
        "    starts_at: {from: host, format: '%d.%m.%Q', zone: UTC}\n    labels:",
        "a time that cannot be written",
    ),
    ("    labels:", "    description: x\n    labels:", "an annotation in the wrong place"),
    ("    labels:", "    severity: high\n    labels:", "a severity that is always the same"),
    ("    labels:", "    severity: {from: wrod, critical: [ALERT]}\n    labels:", "a severity that nothing finds"),
    ("    labels:", "    severity: {from: word, medium: [ALERT]}\n    labels:", "a severity that does not exist"),
    ("recovery: [CLEAR]", "recovery: [CLEAR, alert]", "a word that is a problem and its end"),
    (
        "    labels:",
        "    severity: {from: word, critical: [ALERT], info: [alert]}\n    labels:",
        "a word of two severities",
    ),
    (
        "    labels:",
        "    split: {at: '(?m)^== (?P<part>.)', extract: {from: sektion, regex: '(?P<a>.)'}}\n    labels:",
        "a text of a section that does not exist",
    ),
]

TOLD = dict(
    block.split("\n", 1)
    for block in (Path(__file__).parent / "mail_profiles_told.txt").read_text(encoding="utf-8").split("### ")[1:]
)
"""By the name of the edit."""


@pytest.fixture
def mine(good) -> str:
    return good.replace("connectors:\n", POST, 1) + PROFILE + DOOR


@pytest.mark.parametrize(("right", "wrong", "name"), EDITS, ids=[name for _, _, name in EDITS])
def test_one_wrong_place_of_a_profile_is_reported_where_it_stands(load_text, mine, right, wrong, name):
    assert right in mine
    with pytest.raises(ConfigProblems) as caught:
        load_text(mine.replace(right, wrong, 1))
    assert render_all(caught.value.problems).strip() == TOLD[name].strip()


def test_a_source_asks_the_profiles_that_it_names_in_their_order(load_text, mine):
    config = load_text(mine).config
    assert [one.name for one in config.ways_of("post").mail.profiles] == ["nagios", "box"]


def test_a_source_that_names_none_asks_the_configurations_own_and_then_all_that_come_along(load_text, mine):
    config = load_text(mine.replace(", profiles: [nagios, box]", "")).config
    assert [one.name for one in config.ways_of("post").mail.profiles] == ["box", *BUILT_IN]


def test_a_source_may_ask_none(load_text, mine):
    config = load_text(mine.replace("[nagios, box]", "[]")).config
    assert config.ways_of("post").mail.profiles == ()


def test_a_profile_with_the_name_of_a_built_in_one_takes_its_place(load_text, mine):
    config = load_text(mine.replace("  box:", "  nagios:").replace("[nagios, box]", "[zabbix, nagios]")).config
    zabbix, nagios = config.ways_of("post").mail.profiles
    assert zabbix is built_in()["zabbix"]
    assert [matcher.text for matcher in nagios.match] == ['alert.subject =~ "[A-Z]+ .*"']


def test_a_source_that_takes_no_mail_has_no_profiles(load_text, mine):
    assert load_text(mine).config.ways_of("am").mail is None


def test_the_built_in_profiles_are_read_once_and_are_all_there():
    assert tuple(built_in()) == BUILT_IN
    assert chosen(None, {})[0] is chosen(("alertmanager",), {})[0]
    assert BUILT_IN[-1] == "generic", "what knows least is asked last"


def test_every_key_of_a_profile_is_on_its_page(root):
    page = (root / "docs" / "rules" / "email.md").read_text(encoding="utf-8")
    models = (MailProfileSection, FindModel, PairsModel, SplitModel, StatusModel, SeverityModel, StartsAtModel)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", page)] == []
    assert [name for name in BUILT_IN if f"| `{name}` |" not in page] == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    at=st.integers(0, len(PROFILE)),
    length=st.integers(0, 12),
    text=st.text(alphabet="[]{}'\": \n-(?P<a>)ab|\\*", max_size=12),
)
def test_whatever_is_written_there_is_read_or_told_of(load_text, good, at, length, text):
    wrong = PROFILE[:at] + text + PROFILE[at + length :]
    with contextlib.suppress(ConfigProblems):
        assert load_text(good.replace("connectors:\n", POST, 1) + wrong).config.sources
