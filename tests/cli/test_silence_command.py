"""``ingestd silence`` and ``ingestd alert``, against the API itself: what is typed, what is told, what is refused and why."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ingestd.store import migrate, silences
from ingestd.store.silences import SilenceState
from ingestd.testing.inline_database import InlineDatabase
from ingestd.web.desk import Access
from ingestd.web.routes import add_routes
from tests.cli.conftest import NOW, Shell
from tests.web.conftest import ACCESS, SECRETS, Office

WHY = ("-c", "new disks")


@pytest.fixture
def office(tmp_path, serving):
    """The API with a real database behind it, for callers on this machine."""
    database = InlineDatabase(f"sqlite:///{tmp_path / 'ingestd.db'}")
    database.run_now(migrate.migrate)
    made = Office(database, access=replace(ACCESS, loopback_without_token=True))
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


def stored(office):
    return office.database.read_now(silences.listed, set(SilenceState), office.clock.at, 99)


def lines(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_silence_is_made_and_its_id_is_all_that_is_data(office, shell):
    made = shell("silence", "add", "DiskFull", 'host=~"db.*"', "-d", "2h", *WHY)
    assert (made.exit_code, made.stdout) == (0, "SIL-1\n")
    assert lines(made.stderr) == [
        "SIL-1 holds from now until 05:14:00 CET (in 2 h)",
        "0 alerts that fire now match it",
    ]
    (one,) = stored(office)
    assert one.matchers == ('alertname="DiskFull"', 'host=~"db.*"')
    assert (one.comment, one.author) == ("new disks", "night-shift")


def test_what_it_reaches_is_told_and_that_open_incidents_go_on(office, shell):
    office.fires(host="db1")
    office.fires(host="db2")
    told = lines(shell("silence", "add", "DiskFull", "-d", "2h", *WHY).stderr)
    assert told[1:] == [
        "2 alerts that fire now match it",
        f"INC-1001 triggered, 2 of its alerts: {office.incident().title}",
        "a silence keeps back what is news only: INC-1001 goes on paging until acknowledged",
        "to stop that: ingestd incident ack INC-1001",
    ]


def test_a_label_that_nothing_has_is_guessed(office, shell):
    office.fires(service="ledger")
    told = shell("silence", "add", "servce=ledger", "-d", "2h", *WHY).stderr
    assert 'no alert has a label "servce"; did you mean "service"?' in told


def test_quiet_and_json_are_for_programs(shell):
    quiet = shell("silence", "add", "-q", "DiskFull", "-d", "2h", *WHY)
    assert (quiet.stdout, quiet.stderr) == ("SIL-1\n", "")
    answer = json.loads(shell("silence", "add", "DiskFull", "-d", "2h", *WHY, "-a", "asha", "-o", "json").stdout)
    assert (answer["silence"]["id"], answer["silence"]["author"]) == ("SIL-2", "asha")


def test_times_are_those_of_this_machine_unless_they_say_otherwise(office, shell):
    shell("silence", "add", "DiskFull", "--start", "2026-03-28 22:00", "--end", "2026-03-29 06:00", *WHY)
    shell("silence", "add", "DiskFull", "--start", "2026-03-28T21:00:00Z", "-d", "8h", *WHY)
    second, first = stored(office)
    assert first.starts_at == second.starts_at
    assert first.starts_at.isoformat() == "2026-03-28T21:00:00+00:00"
    assert first.ends_at.isoformat() == "2026-03-29T04:00:00+00:00", "the clock went forward in between"
    assert second.ends_at.isoformat() == "2026-03-29T05:00:00+00:00"


def test_everything_that_is_wrong_is_told_at_once_with_its_place(office, shell):
    shown = shell("silence", "add", "DiskFull", "alert.sumary=x", 'host=~"(a"', "bare", "{a=b", "--start", "noon")
    assert shown.exit_code == 2
    assert shown.stdout == ""
    told = shown.stderr.splitlines()
    at = told.index("  alert.sumary=x")
    assert told[at - 1 : at + 3] == [
        'error: there is no field "alert.sumary"',
        "  alert.sumary=x",
        "  ^^^^^^^^^^^^",
        'hint: did you mean "alert.summary"?',
    ]
    at = told.index('  host=~"(a"')
    assert told[at + 1] == "         ^^"
    assert "  bare" in told
    assert "hint: only the first word may stand alone: it is the alertname" in told
    assert "error: this selector has no closing }" in told
    assert "error: -c: a silence needs a comment" in told
    assert "error: --start: 'noon' is not an instant" in told
    assert "error: -d or --end: a silence needs an end" in told
    assert told.index("error: -c: a silence needs a comment") < told.index("error: -d or --end: a silence needs an end")
    assert stored(office) == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["-d", "2h"], "this would silence every alert"),
        (['host=~".*"', "-d", "2h"], "this would silence every alert"),
        (["DiskFull", "-d", "91d"], "at most 90 days"),
        (["DiskFull", "-d", "2 hours"], "'2 hours' is not a duration"),
        (["DiskFull", "-d", "2h", "--end", "2026-03-02 05:00"], "not both"),
        (["DiskFull", "--end", "2026-03-02 03:00"], "it would have ended already"),
        (["DiskFull", "--end", "2026-03-02 05:00", "--start", "2026-03-02 06:00"], "it would end before it begins"),
    ],
)
def test_what_cannot_be_a_silence_is_a_usage_error(office, shell, words, part):
    shown = shell("silence", "add", *words, *WHY)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert part in shown.stderr
    assert "hint: " in shown.stderr or "before it begins" in part
    assert stored(office) == []


def test_a_long_matcher_is_shown_around_what_is_meant(shell):
    shown = shell("silence", "add", f'host=~"{"a" * 3000}(b"', "-d", "2h", *WHY)
    assert shown.exit_code == 2
    assert max(map(len, shown.stderr.splitlines())) < 700


def test_with_a_token_its_owner_is_the_author(office, shell):
    env = {"INGESTD_TOKEN": SECRETS["hands"]}
    shell("silence", "add", "DiskFull", "-d", "2h", *WHY, env=env)
    assert stored(office)[0].author == "hands"
    refused = shell("silence", "add", "DiskFull", "-d", "2h", *WHY, "-a", "asha", env=env)
    assert refused.exit_code == 1
    assert "nobody can make a silence in another's name" in refused.stderr
    viewer = shell("silence", "add", "DiskFull", "-d", "2h", *WHY, env={"INGESTD_TOKEN": SECRETS["eyes"]})
    assert viewer.exit_code == 5


def test_a_list_shows_what_is_silent_why_and_until_when(shell):
    shell("silence", "add", "DiskFull", "env!=prod", "-d", "30m", *WHY)
    shell("silence", "add", "service=ledger", "--start", "2026-03-02 05:14", "-d", "1h", "-c", "CHG-311")
    shown = lines(shell("silence", "query").stdout)
    assert shown == [
        "ID STATE ENDS BY WHAT, AND WHY",
        "SIL-2 pending begins in 2 h night-shift service=ledger: CHG-311",
        'SIL-1 active in 30 min night-shift alertname="DiskFull", env!=prod: new disks',
    ]
    assert lines(shell("silence", "query", "DiskFull").stdout)[1].startswith("SIL-1")
    assert shell("silence", "query", 'service=~"led.*"', "-o", "id").stdout == "SIL-2\n"
    assert len(json.loads(shell("silence", "query", "-o", "json").stdout)["silences"]) == 2
    assert "there may be more than these 1" in shell("silence", "query", "--limit", "1").stderr
    assert shell("silence", "query", "service=~(", "-q").exit_code == 2


def test_the_ids_of_a_query_can_be_ended(office, shell):
    for name in ("DiskFull", "SiteDown"):
        shell("silence", "add", name, "-d", "30m", *WHY)
    office.fires()
    ids = shell("silence", "query", "-q").stdout.split()
    ended = shell("silence", "expire", *ids)
    assert lines(ended.stdout) == [
        "SIL-2 has ended; it kept back 0 alerts",
        "SIL-1 has ended; it kept back 1 alert, looked at now",
    ]
    assert shell("silence", "query", "-q").stdout == ""
    assert shell("silence", "query").stderr == "nothing is silent\n"
    assert shell("silence", "query", "--expired", "-q").stdout == "SIL-2\nSIL-1\n"


def test_ending_goes_on_after_one_that_is_not_there(shell):
    shell("silence", "add", "DiskFull", "-d", "30m", *WHY)
    shown = shell("silence", "expire", "99", "sil-1", "1")
    assert shown.exit_code == 1
    assert "there is no silence SIL-99" in shown.stderr
    assert lines(shown.stdout)[1].startswith("SIL-1 was over already")
    assert shell("silence", "expire", "INC-1").exit_code == 2
    assert shell("silence", "expire").exit_code == 2


def test_a_page_shows_what_a_silence_keeps_back(office, shell):
    office.fires(host="db0")
    shell("silence", "add", "DiskFull", "-d", "30m", *WHY)
    office.fires(host="db1")
    shown = lines(shell("silence", "show", "1").stdout)
    assert shown[0] == "SIL-1 active"
    assert "why new disks" in shown
    assert "Kept back now: 1" in shown
    assert any(line.startswith("now disk-full") and "host=db1" in line for line in shown)
    assert "2 alerts that fire now match it; 1 of them kept back already" in shown
    assert json.loads(shell("silence", "show", "SIL-1", "-o", "json").stdout)["held_count"] == 1
    assert shell("silence", "show", "7").exit_code == 1


def test_alerts_that_are_kept_back_are_listed_with_what_keeps_them(office, shell):
    assert shell("alert", "list", "--held").stderr == "nothing is kept back\n"
    shell("silence", "add", "DiskFull", "-d", "30m", *WHY)
    office.fires()
    shown = lines(shell("alert", "list", "--held").stdout)
    assert shown[0] == "SINCE UNTIL KEPT BACK BY RULE INCIDENT ALERT"
    assert shown[1].startswith("now in 30 min silence SIL-1 disk-full - ")
    assert json.loads(shell("alert", "list", "--held", "-o", "json").stdout)["alerts"][0]["by"] == "SIL-1"
    refused = shell("alert", "list")
    assert (refused.exit_code, "add --held" in refused.stderr) == (2, True)


def test_what_others_write_cannot_speak_to_the_terminal(shell, hostile):
    raw, shown_as = hostile
    shell("silence", "add", "DiskFull", "-d", "30m", "-c", raw.replace("\n", " "))
    for command in (("query",), ("show", "1")):
        shown = shell("silence", *command).stdout
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert shown_as[:12] in shown


AMTOOL = [
    {
        "id": "0f4ea5a7",
        "matchers": [
            {"name": "alertname", "value": 'a"b\\c', "isRegex": False, "isEqual": True},
            {"name": "host", "value": "db1|db2", "isRegex": True, "isEqual": True},
            {"name": "env", "value": "prod", "isRegex": False, "isEqual": False},
            {"name": "team", "value": "x.*", "isRegex": True, "isEqual": False},
            {"name": "alert.source", "value": "a label", "isRegex": False},
        ],
        "createdBy": "carl",
        "comment": "CHG-7",
        "startsAt": "2026-03-01T00:00:00.123456789Z",
        "endsAt": "2026-03-04T00:00:00.000Z",
        "updatedAt": "2026-03-01T00:00:00.123Z",
        "status": {"state": "active"},
    },
    {"id": "over", "status": {"state": "expired"}},
]


def test_what_is_silent_in_alertmanager_is_taken_over(office, shell):
    shown = shell("silence", "import", stdin=json.dumps(AMTOOL))
    assert (shown.exit_code, shown.stdout) == (0, "SIL-1\n")
    assert shown.stderr == "1 of 2 silences are not over\n"
    (one,) = stored(office)
    assert one.matchers == (
        'alertname="a\\"b\\\\c"',
        'host=~"db1|db2"',
        'env!="prod"',
        'team!~"x.*"',
        '"alert.source"="a label"',
    )
    assert (one.author, one.comment, one.starts_at) == ("carl", "CHG-7", NOW)
    office.fires('a"b\\c', host="db2", **{"alert.source": "a label"})
    assert "SIL-1" in shell("alert", "list", "--held").stdout
    office.access = Access(office.access.tokens)
    shell("silence", "import", stdin=json.dumps(AMTOOL), env={"INGESTD_TOKEN": SECRETS["hands"]})
    assert (stored(office)[0].author, stored(office)[0].comment) == ("hands", "CHG-7 (by carl)")


def test_what_cannot_be_taken_over_is_told_and_stops_nothing(tmp_path, office, shell):
    too_long = {**AMTOOL[0], "id": "long", "endsAt": "2027-03-04T00:00:00Z"}
    file = tmp_path / "silences.json"
    file.write_text(json.dumps([too_long, 7, {"id": "empty"}, {**AMTOOL[0], "matchers": [3]}, AMTOOL[0]]))
    shown = shell("silence", "import", str(file))
    assert (shown.exit_code, shown.stdout) == (1, "SIL-1\n")
    assert "silence 1 (long): ends_at: a silence lasts at most 90 days" in shown.stderr
    assert shown.stderr.count("this is no silence of amtool") == 3
    assert len(stored(office)) == 1
    for wrong in ("{}", "not json", "[" * 100_000):
        assert shell("silence", "import", stdin=wrong).exit_code == 2
    assert shell("silence", "import", str(tmp_path / "missing")).exit_code == 1


def test_the_page_of_silences_shows_what_is_told_of_a_bad_one(root, shell):
    page = (root / "docs" / "rules" / "silences.md").read_text(encoding="utf-8")
    line = "ingestd silence add DiskFull alert.sumary=x 'host=~\"(a\"'"
    assert f"$ {line}\n{shell(*shlex.split(line)[1:]).stderr}```\n" in page
