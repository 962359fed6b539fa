"""``ingestd check``: every problem at once, in a form for people, programs and GitHub, and an exit code for CI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GOOD = """\
sources:
  alertmanager: {kind: alertmanager, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
people:
  asha: {name: Asha Rao, email: asha@example.com}
channels: {email: mail}
policies:
  default: {steps: [{page: [asha], wait: 5m}]}
teams:
  default: {policy: default, ticket: {to: tickets}}
api: {loopback_without_token: true}
"""
RULES = """\
version: 1
owner: payments
rules:
  - rule: card-gateway-down
    match: [alertname = CardGatewayDown]
    impact: high
    urgency: high
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration in which nothing is wrong."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10-payments.yaml").write_text(RULES)
    path = tmp_path / "config.yaml"
    path.write_text(GOOD)
    return path


def test_nothing_wrong(bare_shell, config):
    shown = bare_shell("check", "all", str(config))
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "everything is right\n")


def test_all_problems_of_all_files_are_shown_at_once_with_place_and_carets(bare_shell, config):
    config.write_text(GOOD.replace("page: [asha]", "page: [aisha]").replace("loopback_without", "lopback_without"))
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(RULES.replace("urgency", "urgancy"))
    shown = bare_shell("check", "all", str(config))
    assert shown.exit_code == 1
    assert f"{config}:10:" in shown.stdout
    assert f"{config}:13:" in shown.stdout
    assert f'{rules}:7:5: error[unknown-key]: unknown key "urgancy"' in shown.stdout
    assert '^^^^^^^ did you mean "urgency"?' in shown.stdout
    assert shown.stderr.startswith("3 errors")


def test_the_settings_of_connectors_are_checked_too(bare_shell, config):
    config.write_text(GOOD.replace("path: tickets", "pfad: tickets"))
    shown = bare_shell("check", "config", str(config))
    assert shown.exit_code == 1
    assert 'unknown key "pfad"' in shown.stdout


def test_a_wrong_rule_does_not_hide_a_wrong_connector(bare_shell, config):
    config.write_text(GOOD.replace("path: tickets", "pfad: tickets").replace("kind: email_pager", "kind: emial_pager"))
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(RULES.replace("urgency", "urgancy"))
    shown = bare_shell("check", "all", str(config))
    assert shown.exit_code == 1
    assert 'unknown key "pfad"' in shown.stdout
    assert 'no connector of kind "emial_pager" is installed' in shown.stdout
    assert 'unknown key "urgancy"' in shown.stdout


def test_what_would_stop_the_daemon_only_when_it_builds_its_connectors_is_found(bare_shell, config):
    config.write_text(GOOD.replace("{email: mail}", "{email: tickets}"))
    shown = bare_shell("check", "all", str(config))
    assert shown.exit_code == 1
    assert "cannot serve the channel email" in shown.stdout


def test_a_connector_of_another_channel_is_told_where_it_stands_in_the_list(bare_shell, config):
    config.write_text(GOOD.replace("{email: mail}", "{email: [mail, {to: tickets}]}"))
    shown = bare_shell("check", "all", str(config))
    assert shown.exit_code == 1
    line = next(at for at, text in enumerate(config.read_text().splitlines(), 1) if "channels:" in text)
    (said,) = [one for one in shown.stdout.splitlines() if "cannot serve the channel email" in one]
    assert f"config.yaml:{line}:26: " in said


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "  help: {kind: email, email: {recipients: [help@example.com], reports: {answer: tickets}}}\n",
            'connector "tickets" cannot answer reports: it sends no mail',
        ),
        (
            "  desk: {kind: freshdesk_ticket, auth: none, tickets: {connector: mail}}\n",
            'connector "mail" has no tickets',
        ),
    ],
)
def test_a_connector_that_cannot_do_what_reports_want_of_it_is_told(bare_shell, config, source, said):
    config.write_text(GOOD.replace("sources:\n", f"sources:\n{source}"))
    shown = bare_shell("check", "all", str(config))
    assert shown.exit_code == 1
    assert said in shown.stdout


DESK = (
    "  desk: {kind: freshdesk, domain: example, api_key: key-of-the-agent, requester_email: monitoring@example.com}\n"
)


@pytest.mark.parametrize(
    ("option", "is_known"), [("group: Network", True), ("gruop: Network", False), ("project: NET", False)]
)
def test_what_a_rule_wants_of_a_ticket_is_known_to_the_ticket_system(bare_shell, config, option, is_known):
    """Else the ticket would be opened all the same, where nobody of the team looks."""
    config.write_text(GOOD.replace("people:\n", f"{DESK}people:\n"))
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(f"{RULES}    ticket: {{to: desk, {option}}}\n")
    shown = bare_shell("check", "all", str(config))
    assert shown.exit_code == (0 if is_known else 1)
    named = f'tickets in "desk" have no option "{option.partition(":")[0]}", which rule "card-gateway-down" gives'
    assert (named in " ".join(shown.stdout.split())) is not is_known
    assert ('did you mean "group"?' in shown.stdout) is option.startswith("gruop")


def test_config_and_rules_can_be_checked_apart(bare_shell, config):
    (config.parent / "rules" / "10-payments.yaml").write_text(RULES.replace("urgency", "urgancy"))
    assert bare_shell("check", "config", str(config)).exit_code == 0
    shown = bare_shell("check", "rules", str(config))
    assert shown.exit_code == 1
    assert shown.stderr == "1 error\n"


def test_rules_are_checked_although_the_configuration_has_errors_and_that_is_said(bare_shell, config):
    config.write_text(GOOD.replace("kind: alertmanager", "kind: alertmanger"))
    shown = bare_shell("check", "rules", str(config))
    assert shown.exit_code == 0
    assert f"{config} has errors of its own" in shown.stderr
    assert "their tests were not read" in shown.stderr


def test_warnings_fail_only_if_asked_to(bare_shell, config):
    config.write_text(GOOD.replace("api: {loopback_without_token: true}\n", ""))
    assert bare_shell("check", "all", str(config)).exit_code == 0
    shown = bare_shell("check", "all", str(config), "--lint-fatal")
    assert shown.exit_code == 3
    assert "warning[api-closed]" in shown.stdout
    assert shown.stderr == "1 warning\n"


def test_errors_outweigh_warnings(bare_shell, config):
    config.write_text(GOOD.replace("api: {loopback_without_token: true}\n", "").replace("wait: 5m", "wait: 5"))
    assert bare_shell("check", "all", str(config), "--lint-fatal").exit_code == 1


def test_problems_as_json(bare_shell, config):
    config.write_text(GOOD.replace("wait: 5m", "wait: 5"))
    shown = bare_shell("check", "all", str(config), "--format", "json")
    found = json.loads(shown.stdout)
    assert (found["error_count"], found["warning_count"], shown.stderr) == (1, 0, "")
    problem = found["problems"][0]
    assert (problem["file"], problem["line"], problem["level"], problem["code"]) == (
        str(config),
        10,
        "error",
        "duration",
    )


def test_problems_as_annotations_of_github(bare_shell, config):
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(RULES.replace("urgency", "urgancy"))
    shown = bare_shell("check", "all", str(config), "--format", "github")
    assert shown.stdout == (
        f"::error file={rules},line=7,col=5,endColumn=12,title=unknown-key::"
        'unknown key "urgancy" (did you mean "urgency"?)\n'
    )


def test_problems_as_sarif_for_code_scanning(bare_shell, config):
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(RULES.replace("urgency", "urgancy") + "  - rule: card gateway\n    match: []\n")
    shown = bare_shell("check", "rules", str(config), "--format", "sarif")
    log = json.loads(shown.stdout)
    run = log["runs"][0]
    assert (shown.exit_code, log["version"], run["columnKind"]) == (1, "2.1.0", "unicodeCodePoints")
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["name", "unknown-key"]
    result = run["results"][0]
    assert (result["ruleId"], result["ruleIndex"], result["level"]) == ("unknown-key", 1, "error")
    assert result["message"]["text"] == 'unknown key "urgancy" (did you mean "urgency"?)'
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == str(rules)
    assert place["region"] == {"startLine": 7, "startColumn": 5, "endColumn": 12}


TESTS = """\
tests:
  - {name: it is down, alert: {alertname: CardGatewayDown}, expect: {rule: card-gateway-down}}
"""


def test_mistakes_in_tests_are_found_and_results_are_not_judged(bare_shell, config):
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(RULES + TESTS.replace("CardGatewayDown", "Other"))
    assert bare_shell("check", "rules", str(config)).exit_code == 0
    rules.write_text(RULES + TESTS.replace("{rule:", "{role:"))
    shown = bare_shell("check", "rules", str(config))
    assert shown.exit_code == 1
    assert 'unknown key "role"' in shown.stdout
    assert bare_shell("serve", "--config.file", str(config), "--check").exit_code == 78


def test_a_rule_that_no_test_reaches_is_a_warning_where_somebody_has_begun_to_test(bare_shell, config):
    rules = config.parent / "rules" / "10-payments.yaml"
    more = "  - rule: forgotten\n    match: [alertname = Forgotten]\n"
    rules.write_text(RULES + more)
    (config.parent / "rules" / "20-others.yaml").write_text(f"rules:\n{more.replace('forgotten', 'other')}")
    shown = bare_shell("check", "rules", str(config), "--lint-fatal")
    assert (shown.exit_code, shown.stdout.count("warning[unreachable]")) == (3, 1)
    (config.parent / "rules" / "20-others.yaml").write_text("rules:\n  - rule: other\n    match: [a = b]\n")
    assert bare_shell("check", "rules", str(config), "--lint-fatal").stdout == ""
    rules.write_text(RULES + more + TESTS)
    shown = bare_shell("check", "rules", str(config), "--lint-fatal")
    assert shown.exit_code == 3
    assert f'{rules}:8:11: warning[untested]: no test reaches rule "forgotten"' in shown.stdout
    assert shown.stderr == "1 warning\n"
    shown = bare_shell("check", "rules", str(config), "--coverage")
    assert (shown.exit_code, shown.stderr) == (0, "2 warnings\n")


def test_rules_are_linted_without_the_secrets_of_the_configuration(bare_shell, config):
    config.write_text(GOOD.replace("auth: none", "auth: {bearer: {secrets_file: not-here}}"))
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(RULES + "  - rule: forgotten\n    match: [alertname = Forgotten]\n" + TESTS)
    shown = bare_shell("check", "rules", str(config), "--lint-fatal")
    assert shown.exit_code == 3
    assert "warning[untested]" in shown.stdout
    assert bare_shell("check", "all", str(config)).exit_code == 1


def test_a_file_that_is_not_there(bare_shell, tmp_path):
    shown = bare_shell("check", "all", str(tmp_path / "none.yaml"))
    assert shown.exit_code == 1
    assert "missing-file" in shown.stdout


def test_without_a_file_the_one_here_is_meant(bare_shell, config, monkeypatch):
    monkeypatch.chdir(config.parent)
    assert bare_shell("check", "all").exit_code == 0
    config.write_text("sources: {}\n")
    assert bare_shell("check", "all").exit_code == 1
    other = config.with_name("other.yaml")
    other.write_text(GOOD)
    assert bare_shell("check", "all", env={"INGESTD_CONFIG_FILE": str(other)}).exit_code == 0


def test_secrets_are_not_shown(bare_shell, config):
    config.write_text(GOOD.replace("auth: none", "auth: {bearer: {secrets: [hunter2hunter2], colour: red}}"))
    shown = bare_shell("check", "all", str(config))
    assert shown.exit_code == 1
    assert "hunter2" not in shown.output


def test_the_shipped_example_has_nothing_to_say(bare_shell, root):
    shown = bare_shell("check", "all", str(root / "config.example.yaml"), "--lint-fatal")
    assert (shown.exit_code, shown.stdout) == (0, "")


def test_rules_alone_are_no_configuration_and_nothing_is_called_right(bare_shell, config):
    rules = config.parent / "rules"
    shown = bare_shell("check", "rules", str(rules))
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "is a folder: check reads a configuration" in " ".join(shown.stderr.split())
    shown = bare_shell("check", "rules", str(rules / "10-payments.yaml"))
    assert shown.exit_code == 2
    assert "holds rules: check reads a configuration" in " ".join(shown.stderr.split())
    assert bare_shell("check", "rules", str(config.parent / "nothing.yaml")).exit_code == 2


def test_what_is_checked_without_a_name_is_said_if_it_is_not_there(bare_shell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INGESTD_CONFIG_FILE", "etc/none.yaml")
    shown = bare_shell("check", "rules")
    assert shown.exit_code == 2
    assert "there is no configuration etc/none.yaml; looked at $INGESTD_CONFIG_FILE" in " ".join(shown.stderr.split())


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_rules_that_are_over_are_told_by_the_date_of_today(bare_shell, config, form):
    rules = config.parent / "rules" / "10-payments.yaml"
    rules.write_text(RULES + "    expires: 2024-12-31\n")
    shown = bare_shell("check", "rules", str(config), "--lint-fatal", "--format", form)
    assert shown.exit_code == 3
    assert "expired" in shown.stdout
    assert "it matches nothing any more" in shown.stdout
