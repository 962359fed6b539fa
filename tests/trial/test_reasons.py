"""Why something did not come about as a test expects: told below the difference."""

from __future__ import annotations

import json

import pytest

from ingestd.trial.failures import failure_lines

RULES = """\
maintenance:
  - name: sunday-patching
    match: [env = prod]
    when: {weekdays: [sunday], times: ["02:00-04:00"], tz: Europe/Berlin}
  - name: for-two-days
    match: [env = lab]
    when: {from: 2026-01-10 00:00, to: 2026-01-12 00:00, tz: Europe/Berlin}
    do: record
rules:
  - rule: slow
    match: [alertname = Slow]
    dedup: {within: 15m}
  - rule: waits
    match: [alertname = Waits]
    hold: 10m
  - rule: several
    match: [alertname = Several]
    threshold: {count: 3, within: 10m}
  - rule: watched
    match: [alertname = Watched]
    mode: monitor
  - rule: rest
    match: []
"""
SUNDAY = "at: 2026-01-11 02:30, tz: Europe/Berlin"
IN_WINDOW = f"{SUNDAY}, alert: {{alertname: Slow, env: prod}}"
PATCHING = "! kept back: maintenance “sunday-patching” until 04:00 Europe/Berlin"


def lines(lab, test: str) -> list[str]:
    tried = lab(f"  - {{name: n, {test}}}\n", rules=RULES)
    assert tried.read.problems == ()
    return failure_lines(tried.only)


@pytest.mark.parametrize("expect", ["tickets: 1", "incidents: 1", "pages: 1", "pages: [asha]", "state: triggered"])
def test_what_kept_it_back_is_told_and_until_when(lab, expect):
    told = lines(lab, f"{IN_WINDOW}, expect: {{{expect}}}")
    assert told[0] == f"- {expect}"
    assert told[-1] == PATCHING


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (f"{IN_WINDOW}, expect: {{held: silenced}}", PATCHING),
        (f"{IN_WINDOW}, expect: {{held: none}}", PATCHING),
        (f"{IN_WINDOW}, expect: {{held: maintenance, tickets: 1}}", PATCHING),
        (
            f"{SUNDAY}, alert: {{alertname: Slow, env: lab}}, expect: {{tickets: 1}}",
            "! kept back: maintenance “for-two-days” until 2026-01-12 00:00 Europe/Berlin",
        ),
        (
            f"{SUNDAY}, alert: {{alertname: Waits}}, expect: {{tickets: 1}}",
            "! kept back: rule “waits” waits until 02:40 Europe/Berlin",
        ),
        (
            f"{SUNDAY}, steps: [{{at: 30s, alert: {{alertname: Waits}}}}], expect: {{tickets: 1}}",
            "! kept back: rule “waits” waits until 02:40:30 Europe/Berlin",
        ),
        (
            "alert: {alertname: Several}, expect: {tickets: 1}",
            "! kept back: rule “several” waits for more of them",
        ),
        ("alert: {alertname: Watched}, expect: {tickets: 1}", "! kept back: rule “watched” only monitors"),
        (
            f"{SUNDAY}, steps: [{{silence: {{match: [a = b], for: 2h}}}}, {{alert: {{a: b}}}}], expect: {{tickets: 1}}",
            "! kept back: silence SIL-1 until 04:30 Europe/Berlin",
        ),
        (
            "at: 2026-01-11 05:30, tz: Europe/Berlin, alert: {alertname: Slow, env: prod}, expect: {held: maintenance}",
            "! nothing kept it back at Sunday 2026-01-11 05:30 Europe/Berlin",
        ),
    ],
)
def test_whatever_keeps_it_back_is_named(lab, test, told):
    assert lines(lab, test)[-1] == told


def test_what_came_of_it_too_often_was_not_kept_back(lab):
    steps = "steps: [{alert: {alertname: Waits}}, {alert: {alertname: Slow}}]"
    assert lines(lab, f"{steps}, expect: {{tickets: 0}}") == ["- tickets: 0", "+ tickets: 1"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Slow", "! closed since it did not come back within 15m (within of the rule's dedup)"),
        ("Other", "! closed since it did not come back within 30m (reopen_within)"),
    ],
)
def test_why_an_incident_is_closed_already(lab, name, told):
    alert = f"{{alertname: {name}}}"
    steps = f"steps: [{{alert: {alert}}}, {{at: 5m, resolve: {alert}}}, {{at: 3h}}]"
    assert lines(lab, f"{steps}, expect: {{state: resolved}}") == ["- state: resolved", "+ state: closed", told]


@pytest.mark.parametrize(
    ("before", "resolve", "told"),
    [
        ("{alert: {a: b, env: prod}}", "{a: b, env: live}", "the nearest that did: env is live here, prod there"),
        ("{alert: {a: b, env: prod}}", "{a: b}", "the nearest that did: env is missing here, prod there"),
        ("{alert: {a: b}}", "{a: b, env: prod}", "the nearest that did: env is prod here, missing there"),
        ("{alert: {a: x, b: y}}, {alert: {a: b}}", "{a: b, c: d}", "the nearest that did: c is d here, missing there"),
        ("{at: 1m}", "{a: b}", ""),
        (
            "{alert: {a: b}}",
            "{a: b, alert.source: grafana}",
            "the nearest that did: alert.source is grafana here, am there",
        ),
    ],
)
def test_an_end_of_what_never_fired_is_a_problem_of_the_test(lab, before, resolve, told):
    tried = lab(f"  - {{name: n, steps: [{before}, {{resolve: {resolve}}}], expect: {{rule: rest}}}}\n", rules=RULES)
    (problem,) = tried.only.problems
    assert problem.startswith("line 25: nothing with these labels fires")
    assert problem.endswith(f"; {told}" if told else ": no alert has fired before")
    assert not tried.only.has_passed


def test_an_end_may_come_twice_and_for_an_alert_of_a_payload(lab, place):
    body = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "X"}}]}
    (place / "rules" / "x.json").write_text(json.dumps(body))
    tried = lab(
        """\
  - name: twice
    steps: [{alert: {a: b}}, {resolve: {a: b}}, {at: 1m, resolve: {a: b}}]
    expect: {incidents: 1}
  - name: of a payload
    steps: [{payload: x.json, source: am}, {at: 1m, resolve: {alertname: X}}]
    expect: {incidents: 1}
""",
        rules=RULES,
    )
    assert tried.read.problems == ()
    assert [result.has_passed for result in tried.results] == [True, True]
