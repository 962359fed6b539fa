"""The rules that come with ingestd, on alerts as the usual senders make them."""

from pathlib import Path

import pytest

from ingestd.config.load import load
from ingestd.config.problems import ConfigProblems
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.enrich import enrich
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.response import PageWhen
from ingestd.core.ruleset import Classification, Ruleset
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


def classified(ruleset: Ruleset, seen: Alert) -> Classification:
    return classify(enrich(seen, ruleset.enrich, ruleset.services), ruleset, NOW)


NEVER, MORNING, AT_ONCE = PageWhen.NEVER, PageWhen.OFFICE_HOURS, PageWhen.NOW


@pytest.mark.parametrize(
    ("labels", "rule", "severity", "when"),
    [
        ({"alertname": "PrometheusIsDown"}, "monitoring-down", "high", AT_ONCE),
        ({"alertname": "AlertmanagerFailedToSendAlerts", "severity": "warning"}, "monitoring-down", "high", AT_ONCE),
        (
            {"alertname": "PrometheusOutOfOrderTimestamps", "severity": "warning"},
            "monitoring-trouble",
            "medium",
            MORNING,
        ),
        ({"alertname": "DatasourceNoData", "rulename": "cpu"}, "grafana-no-data", "medium", MORNING),
        ({"alertname": "DatasourceError", "rulename": "cpu", "severity": "page"}, "grafana-blind", "high", AT_ONCE),
        ({"alertname": "KubeAPIDown", "severity": "critical"}, "cluster-down", "critical", AT_ONCE),
        ({"alertname": "etcdInsufficientMembers", "severity": "critical"}, "cluster-down", "critical", AT_ONCE),
        ({"alertname": "KubeSchedulerDown", "severity": "critical"}, "control-plane-part", "critical", AT_ONCE),
        ({"alertname": "InstanceDown"}, "target-down", "high", AT_ONCE),
        ({"alertname": "TargetDown", "severity": "warning"}, "target-down", "high", AT_ONCE),
        ({"alertname": "InstanceDown", "severity": "critical"}, "says-critical", "critical", AT_ONCE),
        ({"alertname": "MySQLDown", "severity": "warning"}, "database-down", "high", AT_ONCE),
        ({"alertname": "NodeFilesystemSpaceFillingUp", "severity": "warning"}, "disk-filling", "medium", MORNING),
        ({"alertname": "NodeFilesystemSpaceFillingUp", "severity": "critical"}, "disk-full", "critical", AT_ONCE),
        ({"alertname": "KubeClientCertificateExpiration", "severity": "warning"}, "certificate-expiring", "low", NEVER),
        ({"alertname": "BlackboxSslCertificateWillExpireSoon"}, "certificate-expiring", "low", NEVER),
        ({"alertname": "KubeMemoryOvercommit", "severity": "warning"}, "kube-housekeeping", "low", NEVER),
        ({"alertname": "KubePodCrashLooping", "severity": "warning"}, "kube-workload", "medium", MORNING),
        ({"alertname": "X", "severity": "page"}, "says-critical", "critical", AT_ONCE),
        ({"alertname": "X", "severity": "CRITICAL"}, "says-critical", "critical", AT_ONCE),
        ({"alertname": "X", "priority": "P1"}, "says-critical", "critical", AT_ONCE),
        ({"alertname": "X", "severity": "major"}, "says-high", "high", AT_ONCE),
        ({"alertname": "X", "severity": "Warning"}, "says-warning", "medium", MORNING),
        ({"alertname": "X", "severity": "warning", "priority": "P1"}, "says-warning", "medium", MORNING),
        ({"alertname": "X", "severity": "info"}, "says-info", "low", NEVER),
        ({"alertname": "X", "severity": "purple"}, "unmatched", "medium", AT_ONCE),
        ({"alertname": "X"}, "unmatched", "medium", AT_ONCE),
        ({}, "unmatched", "medium", AT_ONCE),
    ],
)
def test_a_usual_alert_gets_what_an_operator_expects(ruleset, labels, rule, severity, when):
    found = classified(ruleset, alert(**labels))
    assert (found.rule, found.severity, found.page_when) == (rule, severity, when)
    assert (found.policy is not None) == (when is not NEVER)
    assert found.ticket is not None
    assert found.template_problem == ""


CRITICAL = ("critical", "CRITICAL", "crit", "emergency", "fatal", "disaster", "page", "P1", "sev1")
NAMES = (
    *("SomethingNew", "InstanceDown", "NodeFilesystemAlmostOutOfSpace", "PrometheusIsDown", "TlsCertificateExpires"),
    *(
        "NodeCPUHighUsage",
        "KubePodCrashLooping",
        "KubeletTooManyPods",
        "KubeNodePressure",
        "RedisDown",
        "MySQLReplicationLag",
    ),
    *("BlackboxProbeSlowHttp", "NodeRAIDDegraded", "etcdMembersDown", "PrometheusRuleFailures", "BlackboxProbeFailed"),
)


@pytest.mark.parametrize("severity", CRITICAL)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("label", ["severity", "priority"])
def test_what_its_sender_calls_critical_pages_at_once_and_nothing_keeps_it_back(ruleset, name, severity, label):
    labels = {"alertname": name, label: severity, "cluster": "eu1", "instance": "a", "node": "n"}
    found = classified(ruleset, alert(**labels))
    assert (found.severity, found.page_when, found.policy, found.mode) == ("critical", AT_ONCE, "default", "active")
    assert (found.hold_seconds, found.threshold, found.inhibit_by, found.collected_by) == (0, None, (), ())


def test_grafanas_no_data_alerts_of_one_rule_are_one_incident_with_a_title_that_names_it(ruleset):
    found = classified(ruleset, alert(alertname="DatasourceNoData", rulename="cpu", instance="a"))
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
