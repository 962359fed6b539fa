"""The rules that come with ingestd, on alerts as the usual senders make them."""

from pathlib import Path

import pytest

from ingestd.config.load import load
from ingestd.config.problems import ConfigProblems
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.ruleset import Ruleset
from ingestd.testing.builders import NOW

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    return load(EXAMPLE, environment={}).ruleset


def alert(**labels: str) -> Alert:
    rule_name = labels.get("alertname", "")
    if rule_name in {"DatasourceNoData", "DatasourceError"}:
        rule_name = labels.get("rulename", rule_name)
    return Alert("am", AlertKey("am/1"), AlertStatus.FIRING, labels, rule_name=rule_name)


@pytest.mark.parametrize(
    ("labels", "rule", "severity", "pages", "has_ticket"),
    [
        ({"alertname": "Watchdog", "severity": "none"}, "watchdog", "low", False, False),
        ({"alertname": "DeadMansSwitch", "severity": "critical"}, "watchdog", "low", False, False),
        ({"alertname": "InfoInhibitor", "severity": "none"}, "inhibitors", "low", False, False),
        ({"alertname": "PrometheusIsDown"}, "monitoring-down", "high", True, True),
        ({"alertname": "AlertmanagerFailedToSendAlerts", "severity": "warning"}, "monitoring-down", "high", True, True),
        ({"alertname": "DatasourceNoData", "rulename": "cpu"}, "grafana-no-data", "low", False, True),
        ({"alertname": "DatasourceError", "rulename": "cpu"}, "grafana-no-data", "low", False, True),
        ({"alertname": "KubeAPIDown", "severity": "critical"}, "cluster-down", "critical", True, True),
        ({"alertname": "etcdInsufficientMembers", "severity": "critical"}, "cluster-down", "critical", True, True),
        ({"alertname": "InstanceDown"}, "target-down", "high", True, True),
        ({"alertname": "TargetDown", "severity": "warning"}, "target-down", "high", True, True),
        ({"alertname": "InstanceDown", "severity": "critical"}, "says-critical", "critical", True, True),
        ({"alertname": "NodeFilesystemSpaceFillingUp", "severity": "warning"}, "disk-filling", "medium", True, True),
        (
            {"alertname": "NodeFilesystemSpaceFillingUp", "severity": "critical"},
            "says-critical",
            "critical",
            True,
            True,
        ),
        (
            {"alertname": "KubeClientCertificateExpiration", "severity": "warning"},
            "certificate-expiring",
            "low",
            False,
            True,
        ),
        ({"alertname": "BlackboxSslCertificateWillExpireSoon"}, "certificate-expiring", "low", False, True),
        ({"alertname": "X", "severity": "page"}, "says-critical", "critical", True, True),
        ({"alertname": "X", "severity": "CRITICAL"}, "says-critical", "critical", True, True),
        ({"alertname": "X", "priority": "P1"}, "says-critical", "critical", True, True),
        ({"alertname": "X", "severity": "major"}, "says-high", "high", True, True),
        ({"alertname": "X", "severity": "Warning"}, "says-warning", "medium", True, True),
        ({"alertname": "X", "severity": "warning", "priority": "P1"}, "says-warning", "medium", True, True),
        ({"alertname": "X", "severity": "info"}, "says-info", "low", False, True),
        ({"alertname": "X", "severity": "purple"}, "unmatched", "medium", True, True),
        ({"alertname": "X"}, "unmatched", "medium", True, True),
        ({}, "unmatched", "medium", True, True),
    ],
)
def test_a_usual_alert_gets_what_an_operator_expects(ruleset, labels, rule, severity, pages, has_ticket):
    found = classify(alert(**labels), ruleset, NOW)
    assert (found.rule, found.severity) == (rule, severity)
    assert (found.policy is not None, found.ticket is not None) == (pages, has_ticket)
    assert found.template_problem == ""


def test_no_shipped_rule_makes_less_of_an_alert_that_its_sender_calls_critical(ruleset):
    quiet = {"watchdog", "inhibitors"}
    for rule in ruleset.rules:
        for matcher in rule.condition.match:
            for name in ("InstanceDown", "NodeFilesystemAlmostOutOfSpace", "PrometheusIsDown", "TlsCertificateExpires"):
                seen = alert(alertname=name, severity="critical")
                if matcher.matches(seen) and rule.name not in quiet:
                    assert classify(seen, ruleset, NOW).severity == "critical", (rule.name, name)


def test_grafanas_no_data_alerts_of_one_rule_are_one_incident_with_a_title_that_names_it(ruleset):
    found = classify(alert(alertname="DatasourceNoData", rulename="cpu", instance="a"), ruleset, NOW)
    assert found.correlate_key == "default|rulename=cpu"
    assert found.title == "DatasourceNoData: cpu"


def test_the_version_changes_with_the_rules_and_only_with_them(load_text, good):
    rules = {"a.yaml": "rules: []\n", "b.yaml": "rules: []\n"}
    first = load_text(rules=rules).ruleset.version
    assert len(first) == 64
    assert load_text(good + "log: {level: debug}\n", rules=rules).ruleset.version == first
    assert load_text(rules={**rules, "b.yaml": "rules: [] # x\n"}).ruleset.version != first


def test_files_are_read_in_the_order_of_their_names_and_tests_beside_them_are_not_rules(load_text):
    body = "rules:\n  - rule: {0}\n    match: [service = {0}]\n"
    loaded = load_text(
        rules={
            "50-b.yaml": body.format("b"),
            "10-a.yaml": body.format("a"),
            "10-a_test.yaml": "tests: []\n",
            ".hidden.yaml": "x: y\n",
            "c.yml": body.format("c"),
        }
    )
    assert [rule.name for rule in loaded.ruleset.rules] == ["a", "b", "unmatched"]
    assert [problem.text for problem in loaded.lint] == ["c.yml is not read"]


def test_the_defaults_of_a_file_are_for_its_own_rules_and_give_way_key_by_key(load_text):
    rules = {
        "1.yaml": """\
defaults:
  team: payments
  impact: high
  dedup: {by: [a], within: 15m}
  correlate: {by: [b], within: 1h}
  ticket: {to: tickets, project: PAY}
  page: payments-oncall
  title: "T {{ rule }}"
rules:
  - {rule: plain, match: []}
  - {rule: own, match: [], team: default, impact: low, dedup: {by: []}, correlate: {within: 2h}, page: none, ticket: none, title: own}
  - {rule: other, match: [], ticket: {to: mail}}
""",
        "2.yaml": "rules:\n  - {rule: elsewhere, match: []}\n",
    }
    plain, own, other, elsewhere, _ = load_text(rules=rules).ruleset.rules
    assert (plain.team, plain.impact, plain.policy) == ("payments", "high", "payments-oncall")
    assert (plain.dedup_by[0].name, plain.reopen_within_seconds) == ("a", 900)
    assert (plain.correlate_by[0].name, plain.correlate_within_seconds) == ("b", 3600)
    assert (plain.ticket.connector, dict(plain.ticket.options)) == ("tickets", {"project": "PAY"})
    assert (own.team, own.impact, own.policy, own.ticket) == ("default", "low", None, None)
    assert (own.dedup_by, own.reopen_within_seconds) == ((), 900)
    assert (own.correlate_by[0].name, own.correlate_within_seconds) == ("b", 7200)
    assert (other.ticket.connector, dict(other.ticket.options)) == ("mail", {})
    assert (elsewhere.team, elsewhere.impact, elsewhere.policy) == ("default", "medium", "default")
    assert (plain.render_title({"rule": "x"}), own.render_title({}), elsewhere.render_title) == ("T x", "own", None)
    assert (own.file, own.line) == ("rules/1.yaml", 11)


def test_the_matrix_of_a_file_is_used_and_only_one_is_allowed(load_text):
    row = "{high: critical, medium: critical, low: critical}"
    matrix = f"severity: {{high: {row}, medium: {row}, low: {row}}}\n"
    assert load_text(rules={"0.yaml": matrix}).ruleset.rules[-1].severity == "critical"
    with pytest.raises(ConfigProblems, match="there is another severity matrix") as caught:
        load_text(rules={"0.yaml": matrix, "1.yaml": matrix})
    assert [(problem.file, problem.line, problem.hint) for problem in caught.value.problems] == [
        ("rules/1.yaml", 1, "in rules/0.yaml:1; keep one")
    ]
