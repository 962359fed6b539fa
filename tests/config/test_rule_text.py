"""Rules that are written out load to the same: as models, and as the ruleset that decides."""

from __future__ import annotations

import json
import re
import string
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestd.config.problems import ConfigProblems, has_errors
from ingestd.config.rule_files import load_rules
from ingestd.config.rule_model import RuleFileModel, RuleModel
from ingestd.config.rule_text import duration, parse, render
from ingestd.config.stage_model import EnrichModel
from ingestd.core.rule_draft import Known
from ingestd.core.ruleset import Rule, Ruleset, TeamRoute

KNOWN = Known(
    {"default": TeamRoute("default"), "payments": TeamRoute()},
    frozenset({"default", "night"}),
    frozenset({"jira"}),
)
FIELDS = {"labels": {"x": "1"}, "summary": "full", "rule": "r"}

# ---------------------------------------------------------------------- rule files as an author's program would write them: plain values

# fmt: off (a word a line would be forty lines)
hostile = st.sampled_from(
    [
        "no",
        "true",
        "22:00",
        "010",
        "1e5",
        "~",
        "{a}",
        "-",
        "'",
        '"',
        "\\",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "?",
        "|",
        ">",
        "none",
        "=",
        "<<",
        "é",
        "\U0001f525",
        "\x07",
        "\ufeff",
        "",
        "a: b",
        "# x",
        "- a",
        "x\ny",
        "\x85",
        "\u2028",
        "\t",
        " a ",
        "a #b",
    ]
)
# fmt: on
words = st.text(string.ascii_letters + string.digits + " :#'\"\\{}[],&*!|>%@`-?=~\n", max_size=30)
texts = hostile | words
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,10}", fullmatch=True)
labels = st.sampled_from(["host", "service", "alertname", "alert.source", "annotations.x"])
durations = st.sampled_from(["0s", "90s", "5m", "1h30m", "2d"])
levels = st.sampled_from(["high", "medium", "low"])


@st.composite
def matchers(draw: st.DrawFn) -> str:
    value = draw(texts).replace("\\", "\\\\").replace('"', '\\"')
    if draw(st.booleans()):
        return f'{draw(labels)} {draw(st.sampled_from(["=", "!="]))} "{value}"'
    return f"{draw(labels)} {draw(st.sampled_from(['=~', '!~']))} {draw(st.sampled_from(['db[0-9]+', 'a|b', '.+']))}"


def some(**entries: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.fixed_dictionaries({}, optional=entries)


lists = st.lists(matchers(), max_size=3)
pairs = st.fixed_dictionaries(
    {"match": st.lists(matchers(), min_size=1, max_size=2)}, optional={"equal": st.lists(labels, max_size=2)}
)
counts = st.fixed_dictionaries({"count": st.integers(2, 100), "within": st.sampled_from(["10m", "90s", "7d"])})
extracts = st.fixed_dictionaries({"from": labels, "regex": st.sampled_from(["on (?P<h>.*)", r"(?P<a>\d+): (?P<b>.)"])})
tickets = st.just("none") | st.builds(
    lambda options: {"to": "jira", **options}, some(project=texts, tags=st.lists(texts, max_size=2), n=st.integers())
)
windows = st.fixed_dictionaries(
    {"weekdays": st.lists(st.sampled_from(["monday:friday", "sun", "saturday:monday"]), min_size=1, max_size=2)},
    optional={
        "times": st.just(["02:00-04:00", "22:00-06:00", "12:00-24:00"]),
        "months": st.just(["11:2", "march"]),
        "days_of_month": st.just(["-3:-1", "1", "1:7"]),
        "years": st.just([2026, "2027:2029"]),
        "tz": st.sampled_from(["Europe/Berlin", "UTC"]),
    },
) | st.sampled_from(
    [
        {"from": "2026-03-29 02:00", "to": "2026-03-29 04:00"},
        {"from": "2026-03-29T02:00:30+02:00", "to": "2026-03-29T04:00Z"},
        {"from": "2026-03-29 02:00", "to": "2026-03-29 04:00", "tz": "Asia/Kolkata"},
    ]
)
said = {
    "impact": levels,
    "urgency": levels,
    "impact_from": labels,
    "urgency_from": labels,
    "many_reports": st.fixed_dictionaries(
        {"count": st.integers(2, 100), "within": st.sampled_from(["1m", "7d"]), "impact": levels}
    ),
    "category": texts,
    "team": st.sampled_from(["default", "payments"]),
    "dedup": some(by=st.lists(labels, max_size=2), within=durations),
    "correlate": some(by=st.lists(labels, max_size=2), within=durations),
    "title": st.sampled_from(["{{ labels.x }}: {{ summary }}", "{% if summary %}yes{% endif %}", "plain"]),
    "summary": st.sampled_from(["{{ rule }}", "# {{ summary }}"]),
    "ticket": tickets,
    "page": st.sampled_from(["none", "night"]),
    "runbook": texts,
    "hold": durations,
    "flap": counts,
    "threshold": counts,
    "inhibit_by": pairs | st.lists(pairs, max_size=2),
    "resolve_on": st.sampled_from(["all", "any", "never"]),
    "auto_resolve_after": st.sampled_from(["1m", "30d"]),
}
own = {
    "about": texts,
    "owner": texts,
    "mode": st.sampled_from(["active", "monitor"]),
    "expires": st.sampled_from(["2027-01-01", "2027-01-01 18:30", "2027-01-01T18:30:00+05:30"]),
    "extract": extracts | st.lists(extracts, max_size=2),
    "match_any": st.lists(matchers().map(lambda one: f"{{{one}, service = x}}"), max_size=2),
    "unless": lists,
    "correlate": some(by=st.lists(labels, max_size=2), collects=pairs),
}
rules = st.fixed_dictionaries({"rule": names, "match": lists}, optional={**said, **own})
maintenance = st.fixed_dictionaries(
    {"name": names, "match": lists, "when": windows | st.lists(windows, min_size=1, max_size=2)},
    optional={"about": texts, "do": st.sampled_from(["ticket-only", "record", "drop"])},
)
enrich = st.fixed_dictionaries(
    {"name": texts.filter(bool), "add": st.dictionaries(labels, texts, min_size=1, max_size=2)},
    optional={"match": lists, "rename": st.dictionaries(labels, labels, max_size=2), "extract": extracts},
)
responses = some(
    page=st.sampled_from(["now", "office-hours", "never"]), ack_within=st.just("15m"), report=st.just("required")
)
row = st.fixed_dictionaries({one: st.sampled_from(["critical", "low"]) for one in ("high", "medium", "low")})
matrix = st.fixed_dictionaries(dict.fromkeys(("high", "medium", "low"), row))
files = some(
    version=st.just(1),
    owner=texts,
    severity=matrix,
    response=st.dictionaries(st.sampled_from(["critical", "low"]), responses, max_size=2),
    office_hours=st.builds(lambda one: {"when": one}, windows),
    services=st.dictionaries(texts, some(team=st.just("payments"), impact=levels, runbook=texts), max_size=2),
    enrich=st.lists(enrich, max_size=2),
    defaults=some(**said),
    maintenance=st.lists(maintenance, max_size=2, unique_by=lambda one: str(one["name"])),
    rules=st.lists(rules, max_size=3, unique_by=lambda one: str(one["rule"])),
)


def as_json(raw: object) -> str:
    """JSON is YAML, if a character is one escape: this way to the loader is another one than what is tested here."""

    def whole(pair: re.Match[str]) -> str:
        char = json.loads('"' + pair[0] + '"')
        return f"\\U{ord(char):08x}"

    return re.sub(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}", whole, json.dumps(raw))


def compiled(text: str) -> Ruleset:
    """The ruleset of one file with this text."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "10-rules.yaml"
        file.write_text(text, encoding="utf-8")
        ruleset, problems = load_rules(file, KNOWN)
    assert not has_errors(problems), problems
    return ruleset


def decides(ruleset: Ruleset) -> object:
    """All of a ruleset but where its rules stand: what two of them must agree in to decide equally."""
    told = [
        {
            one.name: _value(one.name, getattr(rule, one.name))
            for one in fields(Rule)
            if one.name not in {"file", "line"}
        }
        for rule in ruleset.rules
    ]
    stages = (ruleset.matrix, ruleset.responses, ruleset.office_hours, ruleset.services)
    return told, stages, repr(ruleset.enrich), [repr(replace(one, file="", line=0)) for one in ruleset.maintenance]


def _value(name: str, value: object) -> object:
    if name.startswith("render_"):
        return value(FIELDS) if callable(value) else None
    return repr(value)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files)
def test_rules_that_are_written_out_load_and_compile_to_the_same(raw):
    before = as_json(raw)
    model = parse(before, "before.yaml")
    text = render(model)
    assert parse(text, "after.yaml") == model
    assert render(parse(text, "after.yaml")) == text
    assert decides(compiled(text)) == decides(compiled(before))


@pytest.mark.parametrize("folder", ["rules", "tests/trial/payments/rules"])
def test_rules_that_people_wrote_load_to_the_same_when_they_are_written_out(root, folder):
    for file in sorted((root / folder).glob("[0-9]*.yaml")):
        if not file.name.endswith("_test.yaml"):
            model = parse(file.read_text(encoding="utf-8"), file.name)
            assert parse(render(model), file.name) == model


def test_what_is_written_reads_like_what_a_person_writes():
    model = RuleFileModel(
        owner="payments",
        enrich=[EnrichModel(name="region", add={"region": "no"})],
        rules=[
            RuleModel.model_validate(
                {
                    "rule": "disk-full",
                    "match": ["alertname = DiskFull", 'host =~ "db[0-9]+"'],
                    "hold": "90m",
                    "page": "none",
                    "expires": "2027-01-01",
                    "title": "{{ labels.host }}: full",
                }
            ),
            RuleModel.model_validate({"rule": "rest", "match": []}),
        ],
    )
    assert (
        render(model)
        == """\
owner: payments

enrich:
  - name: region
    add: {region: 'no'}

rules:
  - rule: disk-full
    expires: 2027-01-01 00:00
    match: [alertname = DiskFull, 'host =~ "db[0-9]+"']
    title: '{{ labels.host }}: full'
    page: none
    hold: 1h30m

  - rule: rest
    match: []
"""
    )


def test_what_is_no_rule_file_is_told_whole():
    with pytest.raises(ConfigProblems) as caught:
        parse("ruels: []\nrules: [{rule: x, match: 5}, {rule: y, urgancy: low}]\n", "a.yaml")
    assert [problem.code for problem in caught.value.problems] == ["unknown-key", "matcher", "unknown-key"]


@pytest.mark.parametrize(("seconds", "written"), [(0, "0s"), (90, "1m30s"), (86_400, "1d"), (93_784, "1d2h3m4s")])
def test_a_duration_in_words(seconds, written):
    assert duration(seconds) == written
