"""Tests that authors write: what they can say, and that they fail when what they say does not hold."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ingestd.trial.rule_tests import BEGIN

GATEWAY = "{alertname: CardGatewayDown, service: card-gateway, env: prod}"


def test_a_single_alert_is_classified_and_its_consequences_are_counted(lab):
    tried = lab(f"""\
  - name: card gateway down in prod is critical and pages
    alert: {GATEWAY}
    expect:
      rule: card-gateway-down
      category: availability
      team: payments
      title: "card-gateway: CardGatewayDown"
      summary: CardGatewayDown
      runbook: https://runbooks.example.com/card-gateway
      dedup_key: alertname=CardGatewayDown,service=card-gateway,env=prod
      correlate_key: payments|service=card-gateway,env=prod
      ticket: jira
      page: payments-oncall
      severity: critical
      impact: high
      urgency: high
      state: triggered
      incidents: 1
      tickets: 1
      pages: [asha]
""")
    assert tried.read.problems == ()
    assert tried.wrong == []
    assert tried.only.has_passed


EVERYTHING = {
    "rule": "ledger-lag",
    "category": "none at all",
    "team": "default",
    "title": "x",
    "summary": "x",
    "runbook": "x",
    "dedup_key": "x",
    "correlate_key": "x",
    "ticket": "tickets",
    "page": "none",
    "severity": "low",
    "impact": "low",
    "urgency": "low",
    "state": "resolved",
    "held": "hold",
    "held_by": "x",
    "maintenance": "patching",
    "parent": "ledger-lag",
    "incidents": 2,
    "tickets": 0,
    "pages": ["ben"],
}


@pytest.mark.parametrize("key", EVERYTHING)
def test_each_expectation_fails_when_it_does_not_hold(lab, key):
    tried = lab(f"""\
  - name: wrong on purpose
    alert: {GATEWAY}
    expect: {json.dumps({key: EVERYTHING[key]})}
""")
    assert tried.read.problems == ()
    assert [one[0] for one in tried.wrong] == [key]


def test_every_expectation_has_been_tried(lab):
    from ingestd.config.rule_test_model import ExpectModel

    assert set(EVERYTHING) == set(ExpectModel.model_fields)


def test_the_difference_says_what_was_expected_and_what_is(lab):
    tried = lab("""\
  - name: the canary wakes nobody
    alert: {alertname: CardGatewayDown, service: card-gateway, env: prod, cluster: canary}
    expect: {rule: card-gateway-down, severity: critical, page: none, pages: 0}
""")
    assert tried.wrong == [("rule", "card-gateway-down", "payments-other"), ("severity", "critical", "low")]
    assert tried.only.shortfalls[0].reasons == ("card-gateway-down does not match: unless cluster = canary",)


def test_how_bad_a_held_alert_is_can_be_expected_before_an_incident_opens(lab):
    tried = lab("""\
  - name: replication lags, and is silenced
    steps:
      - silence: {match: [alertname = LedgerReplicationLag], for: 2h}
      - alert: {alertname: LedgerReplicationLag, env: prod}
    expect: {rule: ledger-lag, held: silenced, incidents: 0, severity: low, urgency: high}
""")
    assert tried.wrong == [("severity", "low", "high")]


@pytest.mark.parametrize(
    ("alert", "reason"),
    [
        ("{alertname: CardGatewayDown, service: ledger}", "card-gateway-down does not match: needs env = prod"),
        (
            "{alertname: LedgerReplicationLag, env: prod}",
            'card-gateway-down does not match: needs alertname =~ "CardGateway(Down|ErrorsHigh)"',
        ),
    ],
)
def test_a_rule_that_was_expected_and_did_not_decide_is_explained(lab, alert, reason):
    tried = lab(f"""\
  - name: explained
    alert: {alert}
    expect: {{rule: card-gateway-down}}
""")
    assert tried.only.shortfalls[0].reasons == (reason,)


def test_a_rule_that_an_earlier_one_stole_from_is_explained(lab):
    stolen = "rules:\n  - rule: thief\n    match: [env = prod]\n"
    tests = f"  - name: stolen\n    alert: {GATEWAY}\n    expect: {{rule: card-gateway-down}}\n"
    tried = lab(tests, {"10-thief.yaml": stolen})
    assert tried.only.shortfalls[0].reasons == (
        "card-gateway-down would match, but thief (rules/10-thief.yaml:2) comes first",
    )


def test_three_alerts_from_one_place_are_one_incident_one_ticket_and_pages_until_somebody_answers(lab):
    steps = """\
    steps:
      - {at: 0m, alert: {alertname: LedgerReplicationLag, cluster: a, host: h1}}
      - {at: 2m, alert: {alertname: LedgerReplicationLag, cluster: a, host: h2}}
      - {at: 4m, resolve: {alertname: LedgerReplicationLag, cluster: a, host: h1}}
"""
    tried = lab(f"""\
  - name: within the wait of the first step
{steps}
    expect: {{incidents: 1, tickets: 1, pages: 1, state: triggered}}
  - name: nobody answered
{steps}
      - {{at: 5m}}
    expect: {{pages: [asha, ben, chloe]}}
  - name: somebody answered
{steps}
      - {{at: 4m30s, ack: ben}}
      - {{at: 2h}}
    expect: {{pages: [asha], state: acknowledged}}
""")
    assert tried.read.problems == ()
    assert tried.wrong == []


def test_what_clears_is_resolved_after_the_grace_and_closed_after_the_reopen_window(lab):
    tried = lab(f"""\
  - name: the whole life
    steps:
      - {{alert: {GATEWAY}, expect: {{state: triggered}}}}
      - {{at: 1m, resolve: {GATEWAY}, expect: {{state: triggered}}}}
      - {{at: 1m59s, expect: {{state: triggered}}}}
      - {{at: 2m, expect: {{state: resolved}}}}
      - {{at: 16m, alert: {GATEWAY}, expect: {{state: triggered, incidents: 1, tickets: 1}}}}
      - {{at: 17m, resolve: {GATEWAY}}}
      - {{at: 2h, expect: {{state: closed}}}}
      - {{at: 3h, alert: {GATEWAY}}}
    expect: {{state: triggered, incidents: 2, tickets: 2}}
""")
    assert tried.read.problems == ()
    assert tried.wrong == []


def test_a_repeat_is_no_news(lab):
    tried = lab(f"""\
  - name: said twice
    steps:
      - {{alert: {GATEWAY}}}
      - {{at: 4m, alert: {GATEWAY}}}
    expect: {{rule: card-gateway-down, incidents: 1, pages: 1}}
""")
    assert tried.wrong == []


def test_what_does_not_hold_in_the_middle_is_found_there(lab):
    tried = lab(f"""\
  - name: too early
    steps:
      - {{alert: {GATEWAY}}}
      - {{at: 1h30m10s, expect: {{pages: 1}}}}
      - {{at: 1d, ack: asha}}
    expect: {{state: triggered}}
""")
    first, second = tried.only.shortfalls
    assert (first.when, first.line) == ("after 1h30m10s", 38)
    assert first.differences[0].remark.startswith(
        "asha by email at once, ben by email after 5m, chloe by email after 5m"
    )
    assert (second.when, second.differences[0].actual) == ("", "acknowledged")


def test_a_payload_goes_through_the_production_reader(lab, place, root):
    body = (root / "tests/samples/grafana/unified-firing.json").read_text()
    (place / "rules" / "fixtures").mkdir()
    (place / "rules" / "fixtures" / "disk.json").write_text(body)
    tried = lab("""\
  - name: a real Grafana webhook
    payload: fixtures/disk.json
    source: grafana
    expect: {rule: unmatched, incidents: 1, tickets: 1, pages: [asha]}
  - name: a step may be one too
    steps:
      - {payload: fixtures/disk.json, source: grafana}
      - {at: 1m, ack: ben}
    expect: {state: acknowledged}
""")
    assert tried.read.problems == ()
    assert tried.wrong == []


def test_pseudo_fields_and_annotations_reach_rules_and_templates(lab):
    rules = """\
rules:
  - rule: mail
    match: [alert.source = email, 'alert.summary =~ "(?i)rejected .*"', annotations.why = weather]
    title: "{{ alert.source }}/{{ alert.value }}/{{ annotations.why }}/{{ summary }}"
"""
    tried = lab(
        """\
  - name: every field
    alert: {alert.source: email, alert.summary: Rejected file, alert.value: 7, annotations.why: weather, n: 010}
    expect: {rule: mail, title: email/7/weather/Rejected file}
""",
        rules=rules,
    )
    assert tried.read.problems == ()
    assert tried.wrong == []


def test_an_alert_without_a_source_comes_from_the_first_alertmanager(lab):
    rules = "rules:\n  - rule: am\n    match: [alert.source = am]\n"
    tried = lab("  - {name: n, alert: {alertname: X}, expect: {rule: am}}\n", rules=rules)
    assert tried.wrong == []


def test_grafanas_no_data_alert_has_the_rule_of_its_label_as_from_the_real_sender(lab):
    rules = "rules:\n  - rule: cpu\n    match: [alert.rule = cpu]\n"
    tried = lab(
        "  - {name: n, alert: {alert.source: grafana, alertname: DatasourceNoData, rulename: cpu}, expect: {rule: cpu}}\n",
        rules=rules,
    )
    assert tried.wrong == []


def test_a_template_that_fails_fails_the_test_although_the_page_would_go_out(lab):
    tried = lab("  - {name: n, alert: {alertname: CardGatewayDown, env: prod}, expect: {rule: card-gateway-down}}\n")
    assert tried.wrong == []
    assert not tried.only.has_passed
    assert "title template of rule card-gateway-down: " in tried.only.problems[0]


def test_an_acknowledgement_of_nothing_fails_the_test(lab):
    tried = lab(f"""\
  - name: nothing there
    steps:
      - {{alert: {GATEWAY}}}
      - {{at: 1m, resolve: {GATEWAY}}}
      - {{at: 1m, ack: asha}}
    expect: {{state: acknowledged}}
""")
    assert tried.only.has_passed
    stale = """\
  - name: only an end
    steps:
      - {payload: end.json, source: am}
      - {ack: asha}
    expect: {incidents: 0}
"""
    end = {"version": "4", "alerts": [{"status": "resolved", "labels": {"alertname": "X"}}]}
    (tried.loaded.config.rules.path / "end.json").write_text(json.dumps(end))
    again = lab(stale)
    assert again.wrong == []
    assert again.only.problems == ("line 38: asha acknowledges, and no incident was opened",)


def test_a_test_begins_on_a_monday_morning_or_when_it_says(lab):
    tried = lab(f"""\
  - {{name: usual, alert: {GATEWAY}, expect: {{incidents: 1}}}}
  - {{name: in utc, at: 2026-03-29 03:30, alert: {GATEWAY}, expect: {{incidents: 1}}}}
  - {{name: with offset, at: 2026-03-29T03:30:10+02:00, alert: {GATEWAY}, expect: {{incidents: 1}}}}
  - {{name: in berlin, at: 2026-03-29 03:30, tz: Europe/Berlin, alert: {GATEWAY}, expect: {{incidents: 1}}}}
  - {{name: left out, at: 2026-03-29 02:30, tz: Europe/Berlin, alert: {GATEWAY}, expect: {{incidents: 1}}}}
  - {{name: twice, at: 2026-10-25 02:30, tz: Europe/Berlin, alert: {GATEWAY}, expect: {{incidents: 1}}}}
""")
    assert tried.read.problems == ()
    assert BEGIN.isoweekday() == 1
    assert [result.test.begins_at.strftime("%m-%d %H:%M:%S") for result in tried.results] == [
        "01-05 09:00:00",
        "03-29 03:30:00",
        "03-29 01:30:10",
        "03-29 01:30:00",
        "03-29 01:00:00",
        "10-25 00:30:00",
    ]
    assert all(result.test.begins_at.utcoffset() == timedelta() for result in tried.results)


def test_tests_stand_in_rule_files_and_beside_them(lab):
    tests = f"tests:\n  - {{name: beside, alert: {GATEWAY}, expect: {{rule: card-gateway-down}}}}\n"
    tried = lab(
        f"  - {{name: inside, alert: {GATEWAY}, expect: {{rule: card-gateway-down}}}}\n", {"payments_test.yaml": tests}
    )
    assert [(result.test.name, result.test.file, result.test.line) for result in tried.results] == [
        ("inside", "rules/payments.yaml", 35),
        ("beside", "rules/payments_test.yaml", 2),
    ]
    assert all(result.has_passed for result in tried.results)


def test_a_file_of_tests_can_try_some_rule_files_alone(lab):
    thief = "rules:\n  - rule: thief\n    match: []\n"
    tests = f"tests:\n  - {{name: n, alert: {GATEWAY}, expect: {{rule: card-gateway-down}}}}\n"
    all_of_them = lab("", {"10-thief.yaml": thief, "payments_test.yaml": tests})
    assert all_of_them.wrong == [("rule", "card-gateway-down", "thief")]
    alone = lab("", {"payments_test.yaml": "rule_files: [payments.yaml]\n" + tests})
    assert alone.wrong == []
    assert [rule.name for rule in alone.coverage.missed] == ["thief", "ledger-lag", "payments-other"]
    missing = lab("", {"payments_test.yaml": "rule_files: [10-thief.yaml]\n" + tests})
    assert missing.only.shortfalls[0].reasons == ("card-gateway-down is not among the rule files that this test tries",)


def test_coverage_counts_the_rules_that_decided(lab):
    tried = lab(f"""\
  - {{name: a, alert: {GATEWAY}, expect: {{rule: card-gateway-down}}}}
  - {{name: b, alert: {{alertname: Strange}}, expect: {{rule: unmatched}}}}
""")
    assert [rule.name for rule in tried.coverage.missed] == ["ledger-lag", "payments-other"]
    assert round(tried.coverage.percent, 1) == 33.3


def test_rules_in_one_file_have_their_tests_beside_it(place, lab):
    from ingestd.config.load import load
    from ingestd.trial.rule_tests import read_tests

    (place / "my.yaml").write_text("rules:\n  - rule: mine\n    match: []\n")
    (place / "my_test.yaml").write_text("tests:\n  - {name: n, alert: {a: b}, expect: {rule: mine}}\n")
    (place / "other_test.yaml").write_text("tests:\n  - {name: other, alert: {a: b}, expect: {rule: mine}}\n")
    config = (place / "config.yaml").read_text() + "rules: {path: my.yaml}\n"
    (place / "config.yaml").write_text(config)
    read = read_tests(load(Path("config.yaml"), environment={}))
    assert [(test.name, test.file) for test in read.tests] == [("n", "my_test.yaml")]


def test_five_hundred_tests_take_less_than_five_seconds(lab):
    import time

    steps = "[{alert: {alertname: CardGatewayDown, service: card-gateway, env: prod, host: h%d}}, {at: 30m}, {at: 40m, ack: ben}]"
    tests = "".join(
        f"  - {{name: test {number}, steps: {steps % number}, expect: {{state: acknowledged}}}}\n"
        for number in range(500)
    )
    before = time.process_time()
    tried = lab(tests)
    spent = time.process_time() - before
    assert len(tried.results) == 500
    assert tried.wrong == []
    assert spent < 5.0, f"{spent:.2f} s of processor time"
