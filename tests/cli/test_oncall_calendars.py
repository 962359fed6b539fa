"""``ingestd oncall import`` and ``feed``, and ``ingestd test`` alone: calendars in and out, as they are typed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ingestd.config.load import load
from ingestd.config.policy import build_policy
from ingestd.store import migrate
from ingestd.testing.inline_database import InlineDatabase
from ingestd.web.routes import add_routes
from tests.calendars.ics import calendar, event
from tests.cli.conftest import NOW, Shell
from tests.web.conftest import ACCESS, Office

CONFIG = """\
sources:
  am: {kind: alertmanager, auth: {bearer: {secrets_file: not-on-this-machine}}}
connectors:
  tickets: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
channels: {email: mail}
timezone: Europe/Berlin
people:
  asha: {name: Asha Rao, email: asha@example.com}
  ben: {email: ben@example.com}
schedules:
  l1: {layers: [{name: weeks, people: [asha], start: 2026-01-05 09:00, turn: 1 week}], calendar: {url_file: not-on-this-machine}}
  l2: {layers: [{name: weeks, people: [asha], start: 2026-01-05 09:00, turn: 1 week}]}
  l3: {calendar: {path: l3.ics, use: layers}}
policies:
  default: {steps: [{page: [schedule:l1]}]}
teams:
  default: {policy: default, ticket: {to: tickets}}
api: {loopback_without_token: true}
heartbeat: {url_file: not-on-this-machine}
oncall_tests:
  - {at: "2026-03-30 09:00 Europe/Berlin", who: {l1: asha}}
"""
GOOD = event(
    "[L1] ben@example.com", "DTSTART;TZID=Europe/Berlin:20260309T090000", "DTEND;TZID=Europe/Berlin:20260310T090000"
)


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "payments.yaml").write_text("rules: []\n")
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


@pytest.fixture
def given(tmp_path):
    """``given(event(...), ...)`` lies as shifts.ics in the folder."""

    def write(*events: str) -> None:
        (tmp_path / "shifts.ics").write_bytes(calendar(*events))

    return write


def lines(shown) -> list[str]:
    return [" ".join(line.split()) for line in shown.stdout.splitlines()]


def test_a_calendar_is_shown_as_the_shifts_that_it_means(bare_shell, given):
    given(GOOD)
    shown = bare_shell("oncall", "import", "shifts.ics")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert lines(shown) == ["FROM TO ON CALL", "Mon 2026-03-09 09:00 CET Tue 2026-03-10 09:00 CET ben"]


@pytest.mark.parametrize("name", ["l1", "l2"])
def test_within_a_schedule_its_layers_fill_the_rest(bare_shell, given, name):
    given(GOOD)
    shown = bare_shell("oncall", "import", "shifts.ics", "--schedule", name, "--for", "10d")
    assert lines(shown)[1:] == [
        "Mon 2026-03-02 03:14 CET Mon 2026-03-09 09:00 CET asha (Asha Rao)",
        "Mon 2026-03-09 09:00 CET Tue 2026-03-10 09:00 CET ben",
        "Tue 2026-03-10 09:00 CET Thu 2026-03-12 03:14 CET asha (Asha Rao)",
    ]


def test_a_schedule_of_a_calendar_alone_has_nobody_where_it_is_silent(bare_shell, given):
    given(GOOD)
    shown = bare_shell("oncall", "import", "shifts.ics", "--schedule", "l3", "-o", "json")
    assert [one["person"] for one in json.loads(shown.stdout)["shifts"]] == [None, "ben", None]


def test_every_stranger_is_an_error_with_uid_and_date_also_months_ahead(bare_shell, given):
    given(
        GOOD,
        event("bne", "DTSTART;VALUE=DATE:20261225", uid="4711@example.com"),
        event("asha", "DTSTART:20260305T000000Z", uid="e3"),
    )
    shown = bare_shell("oncall", "import", "shifts.ics")
    assert shown.exit_code == 1
    assert lines(shown)[2:] == [
        "error: 2026-03-05 it has no end (UID e3)",
        'error: 2026-12-25 nobody is called "bne" (UID 4711@example.com); did you mean "ben"?',
    ]
    found = json.loads(bare_shell("oncall", "import", "shifts.ics", "-o", "json").stdout)
    assert found["errors"][1] == {
        "uid": "4711@example.com",
        "on": "2026-12-25",
        "text": 'nobody is called "bne"',
        "hint": 'did you mean "ben"?',
    }


def test_the_address_of_a_last_resort_is_nobody_who_takes_shifts(bare_shell, given, tmp_path):
    config = CONFIG.replace("[schedule:l1]}]}", "[schedule:l1]}], last_resort: {email: noc@example.com}}")
    (tmp_path / "config.yaml").write_text(config)
    given(event("noc@example.com", "DTSTART;VALUE=DATE:20260305", uid="4711@example.com"))
    shown = bare_shell("oncall", "import", "shifts.ics")
    assert shown.exit_code == 1
    assert 'nobody is called "noc@example.com" (UID 4711@example.com)' in shown.stdout


def test_what_is_no_calendar_is_told_in_a_sentence(bare_shell, tmp_path):
    (tmp_path / "shifts.ics").write_text("<html>")
    shown = bare_shell("oncall", "import", "shifts.ics")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == (
        "error: shifts.ics cannot be used: it is no iCalendar: it does not begin with BEGIN:VCALENDAR\n"
    )
    assert "cannot read nowhere.ics: No such file" in bare_shell("oncall", "import", "nowhere.ics").stderr
    assert 'did you mean "l1"' in bare_shell("oncall", "import", "shifts.ics", "--schedule", "l11").stderr


def test_a_title_cannot_speak_to_the_terminal(bare_shell, given, hostile):
    given(event(hostile[0].replace("\n", "\\n"), "DTSTART;VALUE=DATE:20260305"))
    shown = bare_shell("oncall", "import", "shifts.ics")
    assert shown.exit_code == 1
    assert "\x1b" not in shown.stdout


def test_what_a_calendar_fills_is_no_gap_of_the_file(bare_shell):
    shown = bare_shell("oncall", "gaps")
    assert (shown.exit_code, shown.stdout.partition(" until ")[0]) == (0, "no gaps")
    assert shown.stderr == "what a calendar fills is not known here: l3; whether it leaves gaps says --live\n"


def test_test_alone_runs_the_tests_of_rules_and_of_who_is_on_call(bare_shell, config):
    shown = bare_shell("test")
    assert (shown.exit_code, shown.stdout.splitlines()) == (
        0,
        ["0 passed, 0 failed; rules covered 0/0", "1 passed, 0 failed"],
    )
    config.write_text(CONFIG.replace("who: {l1: asha}", "who: {l1: ben}"))
    failed = bare_shell("test")
    assert failed.exit_code == 1
    assert failed.stdout.splitlines()[0] == "0 passed, 0 failed; rules covered 0/0"
    assert failed.stdout.splitlines()[-1] == "0 passed, 1 failed"


@pytest.fixture
def shell(tmp_path, config, serving):
    """A shell beside a daemon that runs with the configuration."""
    database = InlineDatabase(f"sqlite:///{tmp_path / 'ingestd.db'}")
    database.run_now(migrate.migrate)
    policy = build_policy(load(config, environment={}, needs_secrets=False))
    office = Office(database, access=replace(ACCESS, loopback_without_token=True), policy=policy)
    office.clock.at = NOW
    app = web.Application()
    add_routes(app, office.desk())
    with capture_logs():  # else the daemon would speak where the command does
        yield Shell(serving.start(app))
    database.close()


def test_a_feed_is_made_shown_once_listed_and_revoked(shell):
    made = shell("oncall", "feed", "add", "person:asha")
    assert made.exit_code == 0
    (url,) = made.stdout.splitlines()
    assert url.startswith("https://alerts.example/calendars/")
    (_, shown) = lines(shell("oncall", "feed", "list"))
    name = shown.split()[0]
    assert f"ingestd oncall feed revoke {name}" in made.stderr
    assert shown.endswith("local")
    assert url.rpartition("/")[2].removesuffix(".ics") not in shown
    revoked = shell("oncall", "feed", "revoke", name, "000000000000")
    assert revoked.exit_code == 1
    assert revoked.stdout == f"the address of {name} (person:asha) leads nowhere now\n"
    assert "there is no feed 000000000000" in revoked.stderr
    assert shell("oncall", "feed", "list").stderr == "there are none\n"
