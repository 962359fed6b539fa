"""``ingestd test rules``: what is printed, what a CI server reads, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

CONFIG = """\
sources:
  am: {kind: alertmanager, auth: {bearer: {secrets_file: not-on-this-machine}}}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, smtp: {host: localhost, username: x, password: "${NOT_SET_HERE}"}}
people:
  asha: {email: asha@example.com}
channels: {email: mail}
policies:
  payments-oncall: {steps: [{page: [asha], wait: 5m}]}
teams:
  default: {policy: payments-oncall, ticket: {to: tickets}}
  payments: {}
api: {loopback_without_token: true}
"""
RULES = """\
version: 1
defaults: {team: payments}
rules:
  - rule: card-gateway-down
    match: [alertname = CardGatewayDown, env = prod]
    unless: [cluster = canary]
    impact: high
    urgency: high
  - rule: ledger-lag
    match: [alertname = LedgerLag]
  - rule: payments-other
    match: ['service =~ "card-gateway|ledger"']
    urgency: low
    page: none
"""
PASSING = """\
tests:
  - name: card gateway down in prod is critical and pages
    alert: {alertname: CardGatewayDown, service: card-gateway, env: prod}
    expect: {rule: card-gateway-down, severity: critical, page: payments-oncall}
  - name: the canary wakes nobody
    alert: {alertname: CardGatewayDown, service: card-gateway, env: prod, cluster: canary}
    expect: {severity: low, page: none}
"""
FAILING = PASSING.replace("{severity: low, page", "{rule: card-gateway-down, severity: critical, page")


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "payments.yaml").write_text(RULES + PASSING)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


def write(config: Path, text: str, name: str = "payments.yaml") -> None:
    (config.parent / "rules" / name).write_text(text)


def test_all_pass_without_the_secrets_of_the_configuration(bare_shell, config):
    shown = bare_shell("test", "rules", "config.yaml")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "2 passed, 0 failed; rules covered 2/3\n", "")


def test_a_failure_shows_what_was_expected_what_is_and_why(bare_shell, config):
    write(config, RULES + FAILING)
    shown = bare_shell("test", "rules")
    assert shown.exit_code == 1
    assert (
        shown.stdout
        == """\
FAIL the canary wakes nobody  rules/payments.yaml:19
  - rule: card-gateway-down
  + rule: payments-other
  - severity: critical
  + severity: low
  ! card-gateway-down does not match: unless cluster = canary
1 passed, 1 failed; rules covered 2/3
"""
    )


def test_diff_shows_also_what_was_right(bare_shell, config):
    write(config, RULES + FAILING)
    shown = bare_shell("test", "rules", "--diff")
    assert "  - severity: critical\n  + severity: low\n" in shown.stdout
    assert "\n    page: none\n" in shown.stdout
    assert "\n    dedup_key: am/" in shown.stdout


def test_some_tests_are_chosen_by_name(bare_shell, config):
    write(config, RULES + FAILING)
    assert bare_shell("test", "rules", "--run", "pages$").stdout == "1 passed, 0 failed; rules covered 1/3\n"
    shown = bare_shell("test", "rules", "--run", "cannary")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "no test has a name like 'cannary'" in shown.stderr
    assert bare_shell("test", "rules", "--run", "(?=x)").exit_code == 2


def test_coverage_lists_what_no_test_reaches_and_can_be_asked_for(bare_shell, config):
    shown = bare_shell("test", "rules", "--coverage")
    assert shown.exit_code == 0
    assert (
        shown.stdout
        == """\
rules that no test reaches:
  ledger-lag  rules/payments.yaml:9

2 passed, 0 failed; rules covered 2/3
"""
    )
    assert bare_shell("test", "rules", "--fail-under", "66").exit_code == 0
    shown = bare_shell("test", "rules", "--fail-under", "67")
    assert shown.exit_code == 1
    assert shown.stderr == "tests reach 66.7 % of the rules, and 67 % are asked for\n"


def test_a_test_that_cannot_be_read_fails_and_the_others_run(bare_shell, config):
    write(config, RULES + PASSING.replace("severity: low", "sevreity: low"))
    shown = bare_shell("test", "rules")
    assert shown.exit_code == 1
    assert 'rules/payments.yaml:21:14: error[unknown-key]: unknown key "sevreity"' in shown.stdout
    assert shown.stdout.endswith("\n1 passed, 0 failed, 1 problem; rules covered 1/3\n")


def test_rules_with_errors_are_not_tested(bare_shell, config):
    write(config, RULES.replace("urgency", "urgancy") + PASSING)
    shown = bare_shell("test", "rules")
    assert shown.exit_code == 1
    assert "error[unknown-key]" in shown.stdout
    assert "passed" not in shown.stdout


def test_no_tests_are_no_failure(bare_shell, config):
    write(config, RULES)
    shown = bare_shell("test", "rules")
    assert (shown.exit_code, shown.stdout) == (0, "0 passed, 0 failed; rules covered 0/3\n")


def test_results_as_json(bare_shell, config):
    write(config, RULES + FAILING)
    shown = bare_shell("test", "rules", "-o", "json")
    assert shown.exit_code == 1
    found = json.loads(shown.stdout)
    assert (found["passed_count"], found["failed_count"], found["coverage_percent"]) == (1, 1, 66.7)
    assert found["rules_not_covered"] == [{"rule": "ledger-lag", "file": "rules/payments.yaml", "line": 9}]
    test = found["tests"][1]
    assert (test["name"], test["line"], test["passed"]) == ("the canary wakes nobody", 19, False)
    assert test["differences"][1] == {
        "key": "severity",
        "expected": "critical",
        "actual": "low",
        "when": "",
        "line": 19,
        "reason": "card-gateway-down does not match: unless cluster = canary",
    }
    assert test["facts"]["pages"] == []


def test_results_as_junit(bare_shell, config, hostile):
    write(config, RULES + FAILING)
    broken = (
        f"tests:\n  - {{name: {json.dumps(hostile[0])}, alert: {{a: b}}, expect: {{rule: ledger-lag}}}}\n  - {{}}\n"
    )
    write(config, broken, "x_test.yaml")
    shown = bare_shell("test", "rules", "--junit", "report.xml")
    assert shown.exit_code == 1
    suites = ET.parse(config.parent / "report.xml").getroot()  # noqa: S314 (we have just written it)
    assert [
        (suite.get("name"), suite.get("tests"), suite.get("failures"), suite.get("errors")) for suite in suites
    ] == [
        ("rules/payments.yaml", "2", "1", "0"),
        ("rules/x_test.yaml", "2", "1", "1"),
    ]
    failure = suites[0][1][0]
    assert (failure.tag, failure.get("message")) == ("failure", "- rule: card-gateway-down")
    assert "+ severity: low" in failure.text
    assert suites[1][0][0].tag == "error"
    assert bare_shell("test", "rules", "--junit", "no/such/folder.xml").exit_code == 1


def test_a_hostile_name_does_not_speak_to_the_terminal(bare_shell, config, hostile):
    write(
        config,
        f"tests:\n  - {{name: {json.dumps(hostile[0])}, alert: {{a: b}}, expect: {{rule: ledger-lag}}}}\n",
        "x_test.yaml",
    )
    shown = bare_shell("test", "rules", "--diff")
    assert "\x1b" not in shown.stdout
    assert hostile[1] in shown.stdout


def test_without_any_test_it_says_where_tests_stand(bare_shell, config):
    write(config, RULES)
    shown = bare_shell("test", "rules")
    assert (shown.exit_code, shown.stdout) == (0, "0 passed, 0 failed; rules covered 0/3\n")
    assert shown.stderr == (
        "there are no tests: write them under tests: in a rule file, or in NAME_test.yaml beside it\n"
    )
