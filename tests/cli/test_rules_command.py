"""``ingestd rules``: an alert's way through the rules with everything that would come of it, the list of rules, codes explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ingestd.config.codes import CODES

CONFIG = """\
server: {external_url: "https://in.example.com"}
sources:
  am: {kind: alertmanager, auth: none}
  grafana: {kind: grafana, auth: none}
connectors:
  jira: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail, timezone: Europe/Berlin}
  sms: {kind: sms_pager, timezone: Europe/Berlin, vonage: {api_key: abcd, api_secret: 0123456789abcdef, from: Ingestd}}
people:
  asha: {name: Asha Rao, phone: "+49 1511 2345678"}
  ben: {email: ben@example.com}
channels: {email: mail, sms: sms}
policies:
  payments-oncall: {steps: [{page: [asha], wait: 5m}, {page: [ben], wait: 10m}]}
teams:
  default: {policy: payments-oncall, ticket: {to: jira}}
  payments: {}
api: {loopback_without_token: true}
"""
RULES = """\
version: 1
defaults: {team: payments, ticket: {to: jira, project: PAY}}
rules:
  - rule: card-gateway-down
    about: Customers cannot pay by card.
    match: [alertname = CardGatewayDown, env = prod]
    unless: [cluster = canary]
    impact: high
    urgency: high
    category: availability
    title: "{{ labels.service }}: {{ summary }}"
  - rule: ledger-lag
    match_any: ['{alertname = LedgerLag}']
  - rule: payments-other
    match: ['service =~ "card-gateway|ledger"']
    urgency: low
    page: none
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "payments.yaml").write_text(RULES)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


GATEWAY = ("CardGatewayDown", "service=card-gateway", "env=prod")


def test_each_rule_is_shown_with_what_stood_against_it_and_then_what_comes_of_it(bare_shell, config):
    shown = bare_shell("rules", "route", *GATEWAY, "cluster=canary")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert (
        shown.stdout
        == """\
  card-gateway-down  no     unless cluster = canary
  ledger-lag         no     needs one of its match_any
  payments-other     MATCH  rules/payments.yaml:14

  rule           payments-other
  severity       low  impact medium × urgency low
  team           payments
  title          CardGatewayDown
  dedup_key      the alert itself
  correlate_key  payments|alert.rule=CardGatewayDown,cluster=canary,env=prod,service=card-gateway
  incident       opened
  ticket         jira (project: PAY)
  page           none

Nobody is paged
"""
    )


def test_who_would_be_paged_when_and_in_which_words(bare_shell, config):
    shown = bare_shell(
        "rules", "route", *GATEWAY, "alert.summary=34 % of cards fail", "--at", "2026-03-02T03:14:00+01:00"
    )
    assert shown.exit_code == 0
    assert (
        """
Who is paged, if nobody answers
  at once   asha  by sms    L1
  after 5m  ben   by email  L2  asha did not answer in 5 min

What asha reads by sms
  CRITICAL INC-1001 #1 prod
  card-gateway: 34 % of cards fail, since 03:14 CET, next level 03:19 CET
  Ack: https://in.example.com/p/xxxxxxxxxxxx

What ben reads by email
  [CRITICAL] card-gateway: 34 % of cards fail (INC-1001)
"""
        in shown.stdout
    )
    assert "Level 2: asha did not answer in 5 min." in shown.stdout
    assert "the next level is paged" not in shown.stdout
    assert "asha by sms" in shown.stdout


def test_without_the_secrets_it_says_everything_but_the_words(bare_shell, config):
    config.write_text(CONFIG.replace("api_secret: 0123456789abcdef", "api_secret_file: not-here"))
    shown = bare_shell("rules", "route", *GATEWAY)
    assert shown.exit_code == 0
    assert "at once   asha  by sms    L1" in shown.stdout
    assert "reads by" not in shown.stdout


def test_the_same_as_json(bare_shell, config):
    config.write_text("timezone: Europe/Berlin\n" + CONFIG)
    shown = bare_shell("rules", "route", *GATEWAY, "--at", "2026-03-02 03:14", "-o", "json")
    (route,) = json.loads(shown.stdout)["routes"]
    assert route["trace"] == [
        {"rule": "card-gateway-down", "file": "rules/payments.yaml", "line": 4, "matched": True, "failed_on": ""}
    ]
    assert (route["rule"], route["severity"], route["page"]) == ("card-gateway-down", "critical", "payments-oncall")
    assert route["ticket"] == {"to": "jira", "options": {"project": "PAY"}}
    assert (route["verdict"], route["join"], route["incident"]) == ("new", "opened", "INC-1001")
    first, second = route["pages"]
    assert (first["person"], first["channel"], first["after_seconds"], first["at"]) == (
        "asha",
        "sms",
        0,
        "2026-03-02T02:14:00Z",
    )
    assert (second["person"], second["level"], second["reason"]) == ("ben", 2, "asha did not answer in 5 min")
    assert first["words"].startswith("CRITICAL INC-1001")
    assert route["dedup_key"] == route["alert"]["key"]
    assert len(route["dedup_key"]) > 32


NIGHT = """\
maintenance:
  - name: patching
    match: [env = prod]
    when: {weekdays: [sunday], times: ["02:00-04:00"]}
"""


@pytest.mark.parametrize(
    ("zone", "at", "until"),
    [
        ("Europe/Berlin", "2026-01-11 02:30", "until 04:00 Europe/Berlin"),
        ("Asia/Tokyo", "2026-01-11 02:30", "until 04:00 Asia/Tokyo"),
        ("Asia/Tokyo", "2026-01-10T18:30Z", "until 04:00 Asia/Tokyo"),
        ("UTC", "2026-01-11 02:30", "until 04:00 UTC"),
    ],
)
def test_a_time_is_one_in_the_zone_of_the_configuration_wherever_the_machine_is(bare_shell, config, zone, at, until):
    config.write_text(f"timezone: {zone}\n" + CONFIG)
    (config.parent / "rules" / "payments.yaml").write_text(RULES + NIGHT)
    shown = bare_shell("rules", "route", *GATEWAY, "--at", at)
    assert f"  at             {'2026-01-11 03:30' if 'Z' in at else '2026-01-11 02:30'} {zone}\n" in shown.stdout
    assert f"maintenance “patching” {until}: nothing opens" in shown.stdout


def test_a_dedup_key_of_a_rule_is_shown(bare_shell, config):
    text = RULES.replace("    match: [alertname = Card", "    dedup: {by: [env]}\n    match: [alertname = Card")
    (config.parent / "rules" / "payments.yaml").write_text(text)
    assert "  dedup_key      env=prod\n" in bare_shell("rules", "route", *GATEWAY).stdout


def test_a_payload_goes_through_the_production_reader(bare_shell, config, root):
    body = root / "tests/samples/grafana/unified-mixed-one-resolved.json"
    shown = bare_shell("rules", "route", "--payload", str(body), "--source", "grafana")
    assert shown.exit_code == 0
    assert "alert 1 of 2: " in shown.stdout
    assert "incident       none: it is over, and we had never heard of it (resolve_of_unknown)" in shown.stdout
    piped = bare_shell("rules", "route", "--payload", "-", "--source", "grafana", stdin=body.read_text())
    assert piped.stdout == shown.stdout


def test_a_payload_that_cannot_be_read_is_explained(bare_shell, config, root):
    body = str(root / "tests/samples/grafana/unified-firing.json")
    shown = bare_shell("rules", "route", "--payload", body, "--source", "am")
    assert shown.exit_code == 1
    assert 'the daemon would not read this body from "am" (not_this_kind)' in shown.stderr
    assert bare_shell("rules", "route", "--payload", "none.json", "--source", "am").exit_code == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "an alert is needed: labels, or a payload"),
        (("env=prod", "DiskFull"), "'DiskFull' is not LABEL=VALUE"),
        (("env=a", "env=b"), "env is given twice"),
        (("alert.suorce=x",), 'did you mean "alert.source"?'),
        (("alert.rule=x",), "write that"),
        (("X", "--payload", "b.json", "--source", "am"), "an alert is needed: labels, or a payload"),
        (("--payload", "b.json"), "--source am or grafana"),
        (("--payload", "b.json", "--source", "gafana"), 'did you mean "grafana"?'),
        (("X", "--at", "yesterday"), "write 2026-03-29 03:30"),
        (("X", "--verify", "sevrity=high"), 'did you mean "severity"?'),
        (("X", "--verify", "severity=hihg"), 'did you mean "high"?'),
        (("X", "--verify", "page=payments"), 'did you mean "payments-oncall"?'),
        (("X", "--verify", "pages=asha+bne"), 'did you mean "ben"?'),
        (("X", "--verify", "severity"), "is not KEY=VALUE"),
    ],
)
def test_what_cannot_be_asked_is_explained(bare_shell, config, args, said):
    shown = bare_shell("rules", "route", *args)
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_scripts_can_hold_the_rules_to_something(bare_shell, config):
    good = ("severity=critical,page=payments-oncall,rule=card-gateway-down", "pages=asha", "tickets=1,state=triggered")
    assert bare_shell("rules", "route", *GATEWAY, *(f"--verify={text}" for text in good)).exit_code == 0
    assert bare_shell("rules", "route", *GATEWAY, "--verify", "pages=1").exit_code == 0
    shown = bare_shell("rules", "route", *GATEWAY, "--verify", "severity=low,page=none")
    assert shown.exit_code == 1
    assert shown.stdout.endswith("- page: none\n+ page: payments-oncall\n- severity: low\n+ severity: critical\n")
    shown = bare_shell("rules", "route", *GATEWAY, "--verify", "severity=low", "-o", "json")
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["differences"] == [{"key": "severity", "expected": "low", "actual": "critical"}]


def test_rules_that_are_wrong_are_not_asked(bare_shell, config):
    (config.parent / "rules" / "payments.yaml").write_text(RULES.replace("urgency", "urgancy"))
    shown = bare_shell("rules", "route", *GATEWAY)
    assert shown.exit_code == 1
    assert "error[unknown-key]" in shown.stdout
    assert "MATCH" not in shown.stdout
    assert bare_shell("rules", "list").exit_code == 1


def test_a_hostile_label_does_not_speak_to_the_terminal(bare_shell, config, hostile):
    shown = bare_shell("rules", "route", "CardGatewayDown", "env=prod", f"service={hostile[0]}")
    assert "\x1b" not in shown.stdout
    assert "owned gateway" in shown.stdout


def test_the_rules_are_listed_in_their_order(bare_shell, config):
    shown = bare_shell("rules", "list", "--config.file", str(config))
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["RULE", "SEVERITY", "TEAM", "TICKET", "PAGE", "WHERE"],
        [
            "card-gateway-down",
            "critical",
            "payments",
            "jira",
            "payments-oncall",
            f"{config.parent}/rules/payments.yaml:4",
        ],
        ["ledger-lag", "medium", "payments", "jira", "payments-oncall", f"{config.parent}/rules/payments.yaml:12"],
        ["payments-other", "low", "payments", "jira", "none", f"{config.parent}/rules/payments.yaml:14"],
        ["unmatched", "medium", "default", "jira", "payments-oncall", "built", "in"],
    ]
    listed = json.loads(bare_shell("rules", "list", "-o", "json").stdout)["rules"]
    assert (listed[0]["about"], listed[2]["page"], listed[3]["file"]) == ("Customers cannot pay by card.", None, "")


def test_a_code_is_explained_with_an_example(bare_shell):
    shown = bare_shell("rules", "explain-code", "matcher")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("matcher: A matcher cannot be read.")
    assert "\nwrong:\n    match:\n      - env: prod\n" in shown.stdout
    assert shown.stdout.endswith("right:\n    match:\n      - env = prod\n")
    shown = bare_shell("rules", "explain-code", "unreachabel")
    assert shown.exit_code == 1
    assert 'did you mean "unreachable"?' in shown.stderr


def test_all_codes_can_be_listed(bare_shell):
    lines = bare_shell("rules", "explain-code").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["CODE", *CODES]
    assert {
        one["code"] for one in json.loads(bare_shell("rules", "explain-code", "-o", "json").stdout)["codes"]
    } == set(CODES)


def test_the_daemon_is_asked_which_incident_takes_the_alert(config, shell, daemon):
    alert = ("CardGatewayDown", "env=prod", "service=card-gateway", "--live", "--at", "2026-03-02T03:14:00+00:00")
    assert "no incident there takes it: it would open one" in shell("rules", "route", *alert).stdout
    open_one = {
        "id": "INC-7",
        "state": "triggered",
        "title": "card-gateway: gone",
        "dedup_key": "another",
        "correlate_key": "payments|alert.rule=CardGatewayDown,env=prod,service=card-gateway",
        "correlate_within_seconds": 1800,
        "last_alert_at": "2026-03-02T03:00:00.000Z",
        "resolved_at": None,
    }
    daemon.incidents["INC-7"] = open_one
    shown = shell("rules", "route", *alert)
    assert "joined: same correlation key, in time" in shown.stdout
    assert "INC-7, triggered: card-gateway: gone" in shown.stdout
    answer = json.loads(shell("rules", "route", *alert, "-o", "json").stdout)
    assert answer["joins"] == [{"incident": "INC-7", "state": "triggered", "join": "same_correlation_key"}]
    open_one["last_alert_at"] = "2026-03-02T02:00:00.000Z"
    assert json.loads(shell("rules", "route", *alert, "-o", "json").stdout)["joins"] == [None]
