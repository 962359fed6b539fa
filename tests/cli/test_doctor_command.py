"""``ingestd doctor``: green, yellow and red, each for what it says."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ingestd.cli import doctor_local
from ingestd.cli.doctor_daemon import check_ready
from ingestd.cli.doctor_local import check_clock_keeper, check_mail_headers, check_sqlite, numbers
from ingestd.config.load import load

CONFIG = """\
database: {url: "sqlite:data.db"}
sources:
  alertmanager: {kind: alertmanager, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  desk: {kind: freshdesk, url: "http://127.0.0.1:1", api_key: 0123456789abcdefghij, requester_email: i@example.com}
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


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "10.yaml").write_text("version: 1\nowner: a\nrules:\n  - {rule: r, match: [a = b]}\n")
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(line for line in CONFIG.splitlines() if "desk:" not in line))
    return path


@pytest.fixture
def well(daemon, delivery):
    """A daemon at which nothing is wrong."""
    daemon.status = {
        "version": "0.1.0",
        "started_at": "2026-03-02T00:14:00Z",
        "outbox": [{"connector": "mail", "state": "waiting", "count": 2}],
        "inbox_waiting": 0,
        "sources": {"alertmanager": {"kind": "alertmanager"}},
        "connectors": {"mail": {"kind": "email_pager", "is_stopped": False}},
    }
    daemon.envelopes["env_1"] = {
        "id": "env_1",
        "source": "alertmanager",
        "state": "done",
        "received_at": "2026-03-02T02:11:00Z",
    }
    page = delivery("INC-1/mail/page/1", "page", "done", person="asha", channel="email")
    daemon.deliveries = {page["key"]: page}
    return daemon


def marks(shown) -> dict[str, str]:
    return {check["topic"]: check["mark"] for check in json.loads(shown.stdout)["checks"]}


def test_a_page_of_a_daemon_that_is_well(shell, well, config):
    shown = shell("doctor", f"--config.file={config}")
    assert shown.exit_code == 0
    text = " ".join(shown.stdout.split())
    assert f"ok config {config}: everything is right" in text
    assert "ok daemon ready at http://127.0.0.1:" in text
    assert "ok from alertmanager last webhook 03:11:00 CET (3 min ago)" in text
    assert "ok last page asha by email, 03:09:14 CET (4 min ago)" in text
    assert "ok outbox 2 waiting, 0 uncertain, 0 given up" in text
    assert shown.stderr.endswith("0 red\n")


def test_without_a_daemon_it_is_red_and_ends_with_1(bare_shell, config):
    shown = bare_shell("doctor", f"--config.file={config}", "--url", "http://127.0.0.1:1", "-o", "json")
    assert shown.exit_code == 1
    assert marks(shown)["daemon"] == "red"


def test_a_configuration_that_cannot_be_used_is_red(shell, well, config):
    config.write_text("sources: 7\n")
    shown = shell("doctor", f"--config.file={config}", "-o", "json")
    assert shown.exit_code == 1
    assert marks(shown)["config"] == "red"


def test_a_configuration_that_nobody_named_and_is_not_there_is_no_reason_for_red(shell, well, tmp_path):
    shown = shell("doctor", "-o", "json", env={"INGESTD_CONFIG_FILE": str(tmp_path / "none.yaml")})
    assert shown.exit_code == 0
    assert marks(shown)["config"] == "warn"


def test_an_account_that_does_not_answer_is_red(shell, well, config):
    config.write_text(CONFIG)
    shown = shell("doctor", f"--config.file={config}", "-o", "json")
    assert shown.exit_code == 1
    assert marks(shown)["desk"] == "red"
    assert marks(shown)["mail"] == "ok"
    assert "0123456789abcdefghij" not in shown.output


def test_a_mailbox_that_cannot_be_read_is_red_and_its_password_is_not_shown(shell, well, config):
    mailbox = "{host: 127.0.0.1, port: 1, tls: none, username: a@example.com, password: geheimgeheim, source: storage}"
    text = config.read_text().replace(
        "sources:", "sources:\n  storage: {kind: email, email: {recipients: [a@example.com]}}"
    )
    config.write_text(f"{text}\nmail: {{mailboxes: {{ops: {mailbox}}}}}\n")
    shown = shell("doctor", f"--config.file={config}", "-o", "json")
    assert marks(shown)["mailbox ops"] == "red"
    assert "geheimgeheim" not in shown.output


def test_a_damaged_database_is_red(shell, well, config):
    path = config.parent / "data.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT)")
        connection.executemany("INSERT INTO settings VALUES (?, ?)", [(str(n), "x" * 300) for n in range(200)])
    connection.close()
    raw = bytearray(path.read_bytes())
    raw[4096 * 5 : 4096 * 6] = b"\xff" * 4096
    path.write_bytes(raw)
    shown = shell("doctor", f"--config.file={config}", "-o", "json")
    assert shown.exit_code == 1
    assert marks(shown)["database"] == "red"


def test_a_database_that_cannot_be_read_from_here_is_yellow(shell, well, config):
    (config.parent / "data.db").write_text("this is no database at all" * 100)
    assert marks(shell("doctor", f"--config.file={config}", "-o", "json"))["database"] == "warn"


def test_what_was_given_up_and_what_never_came_is_yellow(shell, well, config):
    well.status["outbox"].append({"connector": "jira", "state": "parked", "count": 1})
    well.status["inbox_waiting"] = 5000
    well.envelopes.clear()
    well.deliveries.clear()
    found = marks(shell("doctor", f"--config.file={config}", "-o", "json"))
    assert {found[topic] for topic in ("outbox", "inbox", "from alertmanager", "last page")} == {"warn"}


def test_a_connector_that_was_stopped_is_red(shell, well, config):
    well.status["connectors"]["jira"] = {"kind": "jira", "is_stopped": True}
    shown = shell("doctor", f"--config.file={config}", "-o", "json")
    assert shown.exit_code == 1
    assert marks(shown)["jira"] == "red"


def test_without_a_token_the_rest_is_still_told(shell, well, config):
    well.tokens["0123456789abcdef"] = "viewer"
    shown = shell("doctor", f"--config.file={config}")
    assert shown.exit_code == 1
    assert "a token is needed" in shown.stdout
    assert "ready at" in shown.stdout


def test_quick_asks_for_readiness_alone_and_needs_no_token(shell, well):
    well.tokens["0123456789abcdef"] = "viewer"
    assert shell("doctor", "--quick").exit_code == 0
    assert [call.path for call in well.calls] == ["/-/ready"]
    well.not_ready = ["engine: no worker has turned for 60 s", "database: no answer within 2 s"]
    shown = shell("doctor", "--quick")
    assert shown.exit_code == 1
    assert "not ready: engine: no worker has turned for 60 s" in shown.stdout
    assert "not ready: database" in shown.stdout


def test_quick_without_a_daemon_ends_with_1_as_health_checks_want(bare_shell):
    assert bare_shell("doctor", "--quick", "--url", "http://127.0.0.1:1").exit_code == 1


@pytest.mark.parametrize(
    ("minute", "second", "mark"), [(14, 3, "ok"), (14, 30, "warn"), (16, 0, "red"), (12, 0, "red")]
)
def test_clocks_that_differ_are_told(daemon, shell, minute, second, mark):
    class Api:
        url = "http://x"

        def probe(self, path: str) -> tuple[int, str, str]:
            return 200, "ingestd is ready\n", f"Mon, 02 Mar 2026 02:{minute:02}:{second:02} GMT"

    now = datetime(2026, 3, 2, 2, 14, tzinfo=UTC)
    assert [check.mark for check in check_ready(Api(), now) if check.topic == "clock"] == [mark]


@pytest.mark.parametrize(
    ("found", "floor", "is_fine"),
    [("3.14.3", "3.14.3", True), ("3.14.10", "3.14.3", True), ("3.14", "3.14.3", False), ("4.0rc1", "3.14.3", True)],
)
def test_versions_are_compared_by_their_numbers(found, floor, is_fine):
    assert (numbers(found) >= numbers(floor)) is is_fine


def test_a_library_below_its_floor_is_red(monkeypatch):
    monkeypatch.setattr(doctor_local, "FLOORS", {"aiohttp": "999.0", "a-package-that-nobody-has": "1"})
    found = {check.topic: check.mark for check in doctor_local.check_software()}
    assert found["aiohttp"] == "red"
    assert "a-package-that-nobody-has" not in found


def test_a_python_that_writes_forged_headers_is_found_by_what_it_does():
    assert check_mail_headers(b"Subject: a\nBcc: x@example.com\n\n").mark == "warn"
    assert check_mail_headers(b"Subject: =?utf-8?q?a=0ABcc=3A?=\n\n").mark == "ok"
    assert check_mail_headers(b"HeaderWriteError").mark == "ok"
    assert doctor_local.forged_subject()


def test_an_old_sqlite_is_fine_for_a_single_writer_and_the_line_says_why():
    assert check_sqlite("3.51.3").text == "3.51.3"
    assert check_sqlite("3.40.1").mark == "ok"
    assert "one writer and a lock" in check_sqlite("3.40.1").text


def test_the_keeper_of_the_clock(tmp_path):
    assert check_clock_keeper(tmp_path).mark == "warn"
    (tmp_path / "synchronized").touch()
    assert check_clock_keeper(tmp_path).mark == "ok"
    assert check_clock_keeper(tmp_path / "none").mark == "ok"


@pytest.mark.parametrize(
    ("runs_with", "version", "is_told"),
    [("config.yaml", "another", True), ("config.yaml", "same", False), ("another.yaml", "another", False)],
)
def test_rules_that_were_changed_and_not_reloaded_are_looked_at(shell, well, config, runs_with, version, is_told):
    in_force = load(config).ruleset.version if version == "same" else "0" * 64
    well.status |= {"config_file": str(config.with_name(runs_with)), "rules": {"count": 1, "version": in_force}}
    text = " ".join(shell("doctor", f"--config.file={config}").stdout.split())
    assert ("the rules on disk have changed and are not in force -> ingestd reload" in text) == is_told


def test_rules_that_are_refused_or_fail_their_tests_are_looked_at(shell, well, config):
    refused = {"at": "2026-03-02T01:32:00Z", "reason": "invalid", "problem_count": 2, "problems": ["a", "b"]}
    well.status |= {"refused": refused, "in_force_at": "2026-03-01T09:00:00Z", "rule_tests_failing": []}
    shown = shell("doctor", f"--config.file={config}")
    text = " ".join(shown.stdout.split())
    assert "what is on disk is refused since 02:32:00 CET (42 min ago) (2 x invalid)" in text
    assert (shown.exit_code, marks(shell("doctor", f"--config.file={config}", "-o", "json"))["reload"]) == (0, "warn")
    well.status |= {"refused": None, "rule_tests_failing": ['rules/10.yaml:4: the test "x" fails']}
    text = " ".join(shell("doctor", f"--config.file={config}").stdout.split())
    assert 'rules are in force that fail 1 of their tests; the first: rules/10.yaml:4: the test "x" fails' in text


@pytest.mark.parametrize(
    ("audit", "mark", "said"),
    [
        ({"result": "passed"}, "ok", "every promise holds, 03:13:30 CET (30 s ago)"),
        (
            {"result": "broken", "broken": ["A7: INC-1 says 2 alerts and has 1"]},
            "red",
            "A7: INC-1 says 2 alerts and has 1",
        ),
        (
            {"result": "unanswered", "unanswered": ["A3: nobody has answered INC-1"]},
            "red",
            "A3: nobody has answered INC-1",
        ),
        ({"result": "not yet", "at": None}, "warn", "nothing has been audited yet"),
    ],
)
def test_what_the_auditor_found_is_told(shell, well, config, audit, mark, said):
    well.status |= {"audit": {"at": "2026-03-02T02:13:30Z", "broken": [], "unanswered": [], **audit}}
    shown = shell("doctor", f"--config.file={config}")
    assert said in " ".join(shown.stdout.split())
    assert marks(shell("doctor", f"--config.file={config}", "-o", "json"))["audit"] == mark
    assert shown.exit_code == (1 if mark == "red" else 0)


def test_a_silent_source_is_red_and_a_heartbeat_that_does_not_get_through_is_looked_at(shell, well, config):
    audit = {"result": "passed", "at": "2026-03-02T02:13:30Z", "heartbeat_problem": "the watcher does not answer"}
    well.status |= {"audit": audit, "silent_sources": ["prod"]}
    shown = shell("doctor", f"--config.file={config}")
    text = " ".join(shown.stdout.split())
    assert "warn heartbeat the watcher does not answer" in text
    assert "red from prod its watchdog is missing: nobody would tell us of a problem" in text
    assert shown.exit_code == 1


def test_a_calendar_says_when_it_was_read_why_not_since_and_whom_it_names_that_nobody_knows(shell, well, config):
    read_at = "2026-03-02T01:00:00.000Z"
    fine = {"schedule": "l1", "read_at": read_at, "problem": "", "event_count": 7, "left_out_count": 0, "left_out": []}
    stranger = {"uid": "e2", "on": "2026-03-09", "text": 'nobody is called "bne"'}
    well.status["calendars"] = [
        fine,
        {**fine, "schedule": "l2", "problem": "its server answers with status 404", "failing_since": read_at},
        {**fine, "schedule": "l3", "left_out_count": 1, "left_out": [stranger]},
    ]
    shown = shell("doctor", f"--config.file={config}", "-o", "json")
    found = marks(shown)
    assert [found[f"calendar {name}"] for name in ("l1", "l2", "l3")] == ["ok", "warn", "warn"]
    assert "its server answers with status 404" in shown.stdout
    assert "UID e2" in shown.stdout
