"""``ingestd oncall`` and ``ingestd test oncall``: who is on call, which shifts there are, where nobody is, and the exit codes."""

from __future__ import annotations

import json
import re
import shlex
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
  chloe: {name: Chloé Weiß, email: chloe@example.com}
schedules:
  l1:
    layers:
      - {name: weeks, people: [asha, ben, chloe], start: 2026-01-05 09:00, turn: 1 week}
    overrides:
      - {who: ben, from: 2026-03-30 18:00, to: 2026-03-31 09:00, why: swap, by: chloe}
  india:
    tz: Asia/Kolkata
    layers:
      - {name: days, people: [asha], start: 2026-01-05 09:00, turn: 1 day, only: {weekdays: ['monday:friday']}}
policies:
  payments-oncall: {steps: [{page: [asha], wait: 5m}]}
teams:
  default: {policy: payments-oncall, ticket: {to: tickets}}
api: {loopback_without_token: true}
oncall_tests:
  - {at: "2026-03-30 08:59 Europe/Berlin", who: {l1: chloe}}
  - {at: "2026-03-30 09:00 Europe/Berlin", who: {l1: asha, india: asha}}
  - {at: "2026-03-29 09:00", who: {india: none}}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "payments.yaml").write_text("rules: []\n")
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


def table(shown) -> list[list[str]]:
    return [[cell for cell in line.split("  ") if cell] for line in shown.stdout.splitlines()]


def test_who_is_on_call_now_until_when_and_then(bare_shell, config):
    """It is Monday, 2 March 2026, 03:14 in Berlin."""
    shown = bare_shell("oncall", "who", "--offline")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert [[cell.strip() for cell in row] for row in table(shown)] == [
        ["SCHEDULE", "ON CALL", "UNTIL", "THEN", "OVERRIDE"],
        ["l1", "ben", "Mon 2026-03-02 09:00 CET", "chloe (Chloé Weiß)"],
        ["india", "asha (Asha Rao)", "Sat 2026-03-07 00:00 IST", "nobody"],
    ]


@pytest.mark.parametrize(
    ("at", "person"),
    [
        ("2026-03-30 08:59", "chloe"),
        ("2026-03-30 09:00", "asha"),
        ("2026-03-30T07:00Z", "asha"),
        ("2026-03-30 12:29 Asia/Kolkata", "chloe"),
        ("2026-03-30 12:30 Asia/Kolkata", "asha"),
        ("2026-03-31", "ben"),
        ("2026-03-31 Asia/Kolkata", "ben"),
        ("2025-12-31 00:00", None),
    ],
)
def test_who_is_on_call_at_another_time(bare_shell, config, at, person):
    shown = bare_shell("oncall", "who", "l1", "--offline", "--at", at, "-o", "json")
    (one,) = json.loads(shown.stdout)["oncall"]
    assert (one["schedule"], one["person"]) == ("l1", person)


def test_show_lists_the_shifts_on_the_clock_of_the_schedule_with_its_overrides(bare_shell, config):
    shown = bare_shell("oncall", "show", "l1", "--offline", "--from", "2026-03-25", "--to", "2026-04-01")
    assert [[cell.strip() for cell in row] for row in table(shown)] == [
        ["FROM", "TO", "ON CALL", "OVERRIDE"],
        ["Wed 2026-03-25 00:00 CET", "Mon 2026-03-30 09:00 CEST", "chloe (Chloé Weiß)"],
        ["Mon 2026-03-30 09:00 CEST", "Mon 2026-03-30 18:00 CEST", "asha (Asha Rao)"],
        ["Mon 2026-03-30 18:00 CEST", "Tue 2026-03-31 09:00 CEST", "ben", "swap, by chloe"],
        ["Tue 2026-03-31 09:00 CEST", "Wed 2026-04-01 00:00 CEST", "asha (Asha Rao)"],
    ]
    shown = bare_shell("oncall", "show", "l1", "--offline", "--from", "2026-03-25", "--to", "2026-04-01", "-o", "json")
    assert json.loads(shown.stdout)["shifts"][2] == {
        "from": "2026-03-30T16:00:00.000Z",
        "to": "2026-03-31T07:00:00.000Z",
        "person": "ben",
        "person_name": "ben",
        "override": "swap, by chloe",
    }


def test_gaps_tell_when_nobody_is_on_call_and_fail(bare_shell, config):
    shown = bare_shell("oncall", "gaps", "--for", "7d")
    assert shown.exit_code == 1
    assert [[cell.strip() for cell in row] for row in table(shown)] == [
        ["FROM", "TO", "WHERE", "WHAT"],
        ["Sat 2026-03-07 00:00 IST", "Mon 2026-03-09 00:00 IST", "india", "nobody is on call"],
    ]
    shown = bare_shell("oncall", "gaps", "india", "--for", "7d", "-o", "json")
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["gaps"] == [
        {
            "kind": "nobody-on-call",
            "from": "2026-03-06T18:30:00.000Z",
            "to": "2026-03-08T18:30:00.000Z",
            "name": "india",
            "person": None,
            "levels": [],
            "zone": "Asia/Kolkata",
            "text": "nobody is on call",
        }
    ]
    shown = bare_shell("oncall", "gaps", "l1", "--for", "30d")
    assert (shown.exit_code, shown.stdout) == (0, "no gaps until Wed 2026-04-01 04:14 CEST\n")


def test_gaps_tell_when_one_person_is_on_two_levels(bare_shell, config):
    """Ben has the week until Monday morning, asha the one that begins a week later."""
    steps = "{steps: [{page: ['schedule:l1']}, {page: [asha]}, {page: ['schedule:l1', ben]}]}"
    config.write_text(CONFIG.replace("{steps: [{page: [asha], wait: 5m}]}", steps))
    shown = bare_shell("oncall", "gaps", "--for", "10d", "-o", "json")
    assert shown.exit_code == 1
    found = [one for one in json.loads(shown.stdout)["gaps"] if one["kind"] == "two-levels"]
    assert [(one["name"], one["person"], one["levels"], one["from"], one["to"]) for one in found] == [
        ("payments-oncall", "ben", [1, 3], "2026-03-02T02:14:00.000Z", "2026-03-02T08:00:00.000Z"),
        ("payments-oncall", "asha", [1, 2], "2026-03-09T08:00:00.000Z", "2026-03-12T02:14:00.000Z"),
    ]


@pytest.mark.parametrize(
    ("args", "exit_code", "told"),
    [
        (("who", "l2", "--offline"), 1, "known: india, l1"),
        (("who", "indai", "--offline"), 1, 'did you mean "india"?'),
        (("who", "--at", "noon"), 2, "write 2026-03-29 03:30"),
        (("show", "l1", "--from", "2026-03-25", "--to", "2026-03-24"), 2, "--to must be after --from"),
        (("gaps", "--for", "a month"), 2, "write 30d"),
        (("gaps", "--for", "0s"), 2, "at most ten years"),
        (("gaps", "--live", "--config.file", "config.yaml"), 2, "leave one of them out"),
        (("override", "l1", "ben"), 2, "write --for 4h"),
        (("override", "l1", "ben", "--for", "4h", "--to", "2026-04-01"), 2, "not both"),
        (("override", "l1", "ben", "--for", "long"), 2, "write 4h"),
        (("end", "SIL-3"), 2, "write OVR-12 or 12"),
        (("overrides",), 4, ""),
    ],
)
def test_what_cannot_be_answered_is_said(bare_shell, config, args, exit_code, told):
    shown = bare_shell("oncall", *args)
    assert (shown.exit_code, shown.stdout) == (exit_code, "")
    assert told in shown.stderr


def test_without_schedules_it_is_said_where_they_are_written(bare_shell, config):
    text = CONFIG[: CONFIG.index("schedules:")] + CONFIG[CONFIG.index("policies:") : CONFIG.index("oncall_tests:")]
    config.write_text(text)
    shown = bare_shell("oncall", "who", "--offline")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "write them under schedules" in shown.stderr
    shown = bare_shell("test", "oncall")
    assert (shown.exit_code, shown.stdout) == (0, "0 passed, 0 failed\n")
    assert "write them under oncall_tests" in shown.stderr


def test_a_wrong_configuration_is_told_with_its_place(bare_shell, config):
    config.write_text(CONFIG.replace("people: [asha, ben, chloe]", "people: [asha, bne]"))
    for command in (("oncall", "who", "--offline"), ("test", "oncall")):
        shown = bare_shell(*command)
        assert shown.exit_code == 1
        assert 'config.yaml:15:38: error[unknown-person]: person "bne" is not defined' in shown.stdout


def test_the_tests_of_who_is_on_call_pass(bare_shell, config):
    shown = bare_shell("test", "oncall", "config.yaml")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "3 passed, 0 failed\n", "")


def test_a_test_that_fails_says_who_is_on_call_instead(bare_shell, config):
    wrong = CONFIG.replace("{l1: asha, india: asha}", "{l1: chloe, india: none}").replace(
        "india: none}}\n", "india: asha}}\n"
    )
    config.write_text(wrong.replace("{l1: chloe, india: asha}", "{l1: chloe, india: none}"))
    shown = bare_shell("test", "oncall")
    assert shown.exit_code == 1
    assert (
        shown.stdout
        == """\
FAIL 2026-03-30 09:00 Europe/Berlin  config.yaml:29
  - l1: chloe
  + l1: asha
  - india: none
  + india: asha
FAIL 2026-03-29 09:00  config.yaml:30
  - india: asha
  + india: none
1 passed, 2 failed
"""
    )
    found = json.loads(bare_shell("test", "oncall", "-o", "json").stdout)
    assert (found["passed_count"], found["failed_count"]) == (1, 2)
    assert found["tests"][1]["differences"][0] == {"schedule": "l1", "expected": "chloe", "actual": "asha"}


@pytest.fixture
def office(tmp_path, config, serving):
    """The API of a daemon that runs with the configuration, for callers on this machine."""
    database = InlineDatabase(f"sqlite:///{tmp_path / 'ingestd.db'}")
    database.run_now(migrate.migrate)
    policy = build_policy(load(config, environment={}, needs_secrets=False))
    made = Office(database, access=replace(ACCESS, loopback_without_token=True), policy=policy)
    made.clock.at = NOW
    app = web.Application()
    add_routes(app, made.desk())
    made.url = serving.start(app)
    with capture_logs():  # else the daemon would speak where the command does
        yield made
    database.close()


@pytest.fixture
def shell(office):
    return Shell(office.url)


def rows(shown) -> list[list[str]]:
    return [[cell.strip() for cell in row] for row in table(shown)[1:]]


def test_taking_over_is_one_short_step_and_is_seen_at_once(shell):
    taken = shell("oncall", "override", "l1", "chloe", "--for", "4h")
    assert (taken.exit_code, taken.stderr) == (0, "")
    assert (
        taken.stdout
        == "chloe is on call on “l1” from Mon 2026-03-02 03:14 CET until Mon 2026-03-02 07:14 CET (OVR-1)\n"
    )
    shown = shell("oncall", "who", "l1")
    assert (shown.exit_code, shown.stderr) == (0, "")
    ((name, person, until, then, override),) = rows(shown)
    assert (name, person, until, then) == ("l1", "chloe (Chloé Weiß)", "Mon 2026-03-02 07:14 CET", "ben")
    assert override.startswith("override, by ")


def test_an_override_for_later_with_its_reason_stands_in_the_shifts_and_in_the_list(shell):
    span = ("--from", "2026-03-03 18:00", "--to", "2026-03-04 09:00")
    taken = shell("oncall", "override", "l1", "asha", *span, "--why", "chloe flies", "--author", "ben")
    assert taken.exit_code == 0, taken.stderr
    shown = shell("oncall", "show", "l1", "--from", "2026-03-03", "--to", "2026-03-05")
    assert rows(shown) == [
        ["Tue 2026-03-03 00:00 CET", "Tue 2026-03-03 18:00 CET", "chloe (Chloé Weiß)"],
        ["Tue 2026-03-03 18:00 CET", "Wed 2026-03-04 09:00 CET", "asha (Asha Rao)", "chloe flies, by ben"],
        ["Wed 2026-03-04 09:00 CET", "Thu 2026-03-05 00:00 CET", "chloe (Chloé Weiß)"],
    ]
    assert rows(shell("oncall", "overrides")) == [
        [
            "OVR-1",
            "pending",
            "l1",
            "asha",
            "Tue 2026-03-03 18:00 CET",
            "Wed 2026-03-04 09:00 CET",
            "ben",
            "chloe flies",
        ]
    ]
    assert shell("oncall", "overrides", "-q").stdout == "OVR-1\n"


def test_a_swap_says_exactly_what_was_swapped_and_can_be_ended(shell):
    swapped = shell("oncall", "swap", "l1", "ben", "chloe", "--why", "holiday")
    assert swapped.stdout.splitlines() == [
        "chloe takes the shift of ben on “l1” from Mon 2026-03-02 03:14 CET until Mon 2026-03-02 09:00 CET (OVR-1)",
        "ben takes the shift of chloe on “l1” from Mon 2026-03-02 09:00 CET until Mon 2026-03-09 09:00 CET (OVR-2)",
    ]
    ended = shell("oncall", "end", "1", "ovr-2")
    assert ended.exit_code == 0
    assert ended.stdout.splitlines() == [
        "OVR-1 has ended; on “l1” ben is on call now",
        "OVR-2 has ended; on “l1” ben is on call now",
    ]
    assert shell("oncall", "overrides").stderr == "there are none\n"
    assert [row[-1] for row in rows(shell("oncall", "overrides", "l1", "--all"))] == [
        row.partition(" by ")[0] + " by local"
        for row in ("swap with chloe: holiday; ended", "swap with ben: holiday; ended")
    ]


def test_names_that_nobody_has_are_told_with_those_that_were_meant(shell):
    wrong = shell("oncall", "override", "l", "bne", "--for", "4h")
    assert wrong.exit_code == 1
    assert "schedule: there is no schedule “l”; person: there is nobody called “bne”" in wrong.stderr
    assert 'did you mean "l1"?' in wrong.stderr
    assert 'did you mean "india"?' in shell("oncall", "who", "indai").stderr
    assert "there is no override OVR-9" in shell("oncall", "end", "9").stderr


def test_offline_and_a_named_file_are_read_alone(shell, config):
    shell("oncall", "override", "l1", "chloe", "--for", "4h")
    for more in (("--offline",), ("--config.file", str(config))):
        shown = shell("oncall", "who", "l1", *more)
        assert (rows(shown)[0][1], shown.stderr) == ("ben", "")


def test_without_a_daemon_the_file_is_read_and_the_command_says_so(config):
    shown = Shell("http://127.0.0.1:1")("oncall", "who", "l1")
    assert shown.exit_code == 0
    assert rows(shown)[0][:2] == ["l1", "ben"]
    assert "this is the file alone, without overrides made at run time" in shown.stderr


def test_gaps_read_the_file_and_with_live_what_the_daemon_knows(shell, config):
    shell("oncall", "override", "india", "asha", "--from", "2026-03-07 00:00 Asia/Kolkata", "--for", "2d")
    away = "  asha: {name: Asha Rao, email: asha@example.com, away: [{from: 2026-03-03 09:00, to: 2026-03-03 12:00}]}\n"
    config.write_text(CONFIG.replace("  asha: {name: Asha Rao, email: asha@example.com}\n", away))
    shown = shell("oncall", "gaps", "india", "--for", "7d")
    assert shown.exit_code == 1
    assert [row[3] for row in rows(shown)] == ["asha is on call and away", "nobody is on call"]
    shown = shell("oncall", "gaps", "india", "--for", "7d", "--live")
    assert shown.exit_code == 1
    assert {row[3] for row in rows(shown)} == {"asha is on call and nothing is known to have reached them yet"}


def test_every_command_of_the_page_about_schedules_can_be_typed_as_it_stands_there(office, shell, config, monkeypatch):
    """Against a daemon that has the schedule of the page; what an offline one needs is in the file."""
    monkeypatch.setattr(office.clock, "at", NOW)
    config.write_text(CONFIG.replace("l1", "first-line"))
    office.policy = build_policy(load(config, environment={}, needs_secrets=False))
    page = (Path(__file__).parents[2] / "docs" / "oncall-schedules.md").read_text(encoding="utf-8")
    shown = [block for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "ingestd oncall" in block]
    typed = [line for block in shown for line in block.splitlines()]
    assert len(typed) >= 10
    for line in typed:
        words = shlex.split(line, comments=True)
        answer = shell(*words[1:])
        wanted = 1 if words[2] == "gaps" else 0
        assert (answer.exit_code, line) == (wanted, line), answer.stderr
