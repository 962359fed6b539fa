"""Tests that authors write of senders whose silence ends an alert: it does so in virtual time, as it does for the daemon."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from ingestd.trial.rule_tests import BEGIN
from tests.trial.conftest import CONFIG

SOURCES = """\
sources:
  es: {kind: watcher, auth: none, auto_resolve_after: 30m}
  prom: {kind: alertmanager_api, auth: none}
"""
WATCH = '{"watch_id": "errors", "metadata": {"severity": "high"}}'


@pytest.fixture(autouse=True)
def silent_senders(place):
    (place / "config.yaml").write_text(CONFIG.replace("sources:\n", SOURCES, 1))


@pytest.mark.parametrize("first", ["payload: watch.json, source: es", "alert: {alert.source: es, alertname: errors}"])
def test_each_repeat_puts_the_end_off(lab, place, first):
    (place / "rules" / "watch.json").write_text(WATCH)
    tried = lab(f"""\
  - name: a watch is over when it was not heard of for half an hour
    steps:
      - {{at: 0m, {first}}}
      - {{at: 20m, {first}}}
      - {{at: 49m, expect: {{state: triggered}}}}
      - {{at: 55m}}
    expect: {{state: resolved, incidents: 1}}
""")
    assert tried.read.problems == ()
    assert tried.wrong == []


def of_prometheus(ends_in_minutes: int) -> str:
    ends_at = BEGIN + timedelta(minutes=ends_in_minutes)
    return json.dumps([{"labels": {"alertname": "ShopDown"}, "endsAt": ends_at.isoformat()}])


def test_what_a_prometheus_sent_ends_by_the_clock_of_the_test(lab, place):
    (place / "rules" / "first.json").write_text(of_prometheus(4))
    (place / "rules" / "again.json").write_text(of_prometheus(20))
    tried = lab("""\
  - name: nothing is heard for four minutes
    steps:
      - {at: 0m, payload: first.json, source: prom, expect: {state: triggered}}
      - {at: 3m, expect: {state: triggered}}
      - {at: 6m}
    expect: {state: resolved}
  - name: it says itself that it is over
    steps:
      - {at: 0m, payload: again.json, source: prom, expect: {state: triggered}}
      - {at: 10m, payload: first.json, source: prom}
      - {at: 12m}
    expect: {state: resolved, incidents: 1}
""")
    assert tried.read.problems == ()
    assert tried.wrong == []
