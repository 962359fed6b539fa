"""Schedules as they stand in a configuration: what they mean, and what their author is told when something is wrong."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingestd.config.policy import build_policy
from ingestd.config.problems import ConfigProblems, render_all
from ingestd.config.schedules import build_schedules
from ingestd.core.calendar_shifts import CalendarUse, Imported
from ingestd.core.policy import RosterWords, Step
from ingestd.core.rota import Override, Turn, TurnUnit, who
from ingestd.core.windows import OneOff, TimeWindow

ROOT = Path(__file__).parents[2]
PEOPLE = """\
  ben: {email: ben@example.com, tz: Europe/London}
  chloe: {email: chloe@example.com}
"""
SCHEDULES = """\
timezone: Europe/Berlin
schedules:
  payments-l1:
    tz: Asia/Kolkata
    layers:
      - name: weeks
        people: [asha, ben, chloe]
        start: 2026-01-05 09:00
        turn: 1 week
      - name: lunch
        people: [chloe]
        start: 2026-01-05 12:00
        turn: 12 hours
        only: {weekdays: ['monday:friday'], times: ["12:00-13:00"]}
        above: weeks
    overrides:
      - {who: ben, from: 2026-03-30 18:00, to: 2026-03-31T09:00+02:00, why: swap, by: asha}
  l2: {layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]}
oncall_tests:
  - {at: "2026-03-29 12:30 Europe/Berlin", who: {payments-l1: chloe, l2: none}}
"""


@pytest.fixture
def right(good) -> str:
    return good.replace("policies:\n", f"{PEOPLE}policies:\n") + SCHEDULES


def told(load_text, config: str) -> str:
    with pytest.raises(ConfigProblems) as caught:
        load_text(config)
    return render_all(caught.value.problems) + "\n"


def test_a_schedule_is_read_with_its_zone_and_its_layers_from_the_top(load_text, right):
    loaded = load_text(right)
    assert loaded.lint == ()
    schedules = build_schedules(loaded.config)
    first, second = schedules["payments-l1"], schedules["l2"]
    india = ZoneInfo("Asia/Kolkata")
    assert first.zone == india
    assert [layer.name for layer in first.layers] == ["lunch", "weeks"]
    lunch, weeks = first.layers
    assert lunch.only == TimeWindow(india, weekdays=((0, 4),), times=((720, 780),))
    assert lunch.turn == Turn(12, TurnUnit.HOUR)
    assert weeks.people == ("asha", "ben", "chloe")
    assert weeks.start == datetime.fromisoformat("2026-01-05 09:00")
    assert first.overrides == (
        Override(
            "ben", datetime(2026, 3, 30, 12, 30, tzinfo=UTC), datetime(2026, 3, 31, 7, tzinfo=UTC), "swap", "asha"
        ),
    )
    assert second.zone == ZoneInfo("Europe/Berlin")
    assert second.layers[0].turn == Turn(1, TurnUnit.MONTH)
    assert loaded.config.people["ben"].tz == ZoneInfo("Europe/London")


def test_a_layer_that_is_open_once_is_open_once(load_text, right):
    loaded = load_text(
        right.replace(
            "{weekdays: ['monday:friday'], times: [\"12:00-13:00\"]}", "{from: 2026-05-01 00:00, to: 2026-05-02 00:00}"
        )
    )
    begin = datetime(2026, 4, 30, 18, 30, tzinfo=UTC)
    assert build_schedules(loaded.config)["payments-l1"].layers[0].only == OneOff(begin, begin + timedelta(days=1))


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ({}, "abcd"),
        ({"b": "a"}, "bacd"),
        ({"d": "a"}, "dabc"),
        ({"c": "a", "d": "a"}, "cdab"),
        ({"a": "d"}, "bcad"),
        ({"a": "b", "b": "d"}, "cabd"),
    ],
)
def test_the_first_layer_is_on_top_unless_another_is_said_to_be_above_it(load_text, good, above, expected):
    layers = "".join(
        f"      - {{name: {name}, people: [asha], start: 2026-01-05 09:00, turn: 1 day{f', above: {above[name]}' if name in above else ''}}}\n"
        for name in "abcd"
    )
    loaded = load_text(f"{good}schedules:\n  l1:\n    layers:\n{layers}")
    assert "".join(layer.name for layer in build_schedules(loaded.config)["l1"].layers) == expected


def test_a_test_says_an_instant_with_a_zone_an_offset_or_neither(load_text, right):
    def instant(text: str) -> datetime:
        config = load_text(right.replace("2026-03-29 12:30 Europe/Berlin", text)).config
        return config.oncall_tests[0].at.within(config.timezone)

    assert instant("2026-03-29 12:30 Asia/Kolkata") == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert instant("2026-03-29 12:30") == datetime(2026, 3, 29, 10, 30, tzinfo=UTC)
    assert instant("2026-03-29T12:30+00:00") == datetime(2026, 3, 29, 12, 30, tzinfo=UTC)
    assert instant("2026-03-29 02:30 Europe/Berlin") == datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert load_text(right).config.oncall_tests[0].who == {"payments-l1": "chloe", "l2": None}


WRONG = [
    (
        "people: [asha, ben, chloe]",
        "people: [asha, bne, chloe]",
        '24:24: error[unknown-person]: person "bne" is not defined',
        'did you mean "ben"?',
    ),
    ("people: [asha, ben, chloe]", "people: []", "24:17: error[value]: this must have at least 1 item", ""),
    (
        "turn: 1 week",
        "turn: 7d",
        '26:15: error[turn]: "7d" is a duration, and turns are counted on the wall clock',
        "write  7 days",
    ),
    (
        "turn: 1 week",
        "turn: 1 wek",
        '26:15: error[turn]: "wek" is not what turns are counted in',
        'did you mean "week"?',
    ),
    ("turn: 1 week", "turn: 0 weeks", "26:15: error[turn]: a turn is from 1 to 1000 of these", "write  1 week,"),
    ("turn: 1 week", "turn: 1", "26:15: error[turn]: this is not how long a turn is", "write  1 week,"),
    (
        "start: 2026-01-05 09:00",
        "start: 2026-01-05",
        "25:16: error[instant]: this is not an instant",
        "write  2026-03-29 03:30",
    ),
    (
        "start: 2026-01-05 09:00",
        "start: 2026-01-05T09:00Z",
        "25:16: error[instant]: a start is on the clock of the schedule: it has no offset",
        "write  2026-01-05 09:00",
    ),
    (
        "above: weeks",
        "above: week",
        '32:16: error[unknown-layer]: layer "week" is not defined',
        'did you mean "weeks"?',
    ),
    ("above: weeks", "above: lunch", '32:16: error[layer-order]: "lunch" would be above itself', "take one above out"),
    ("- name: lunch", "- name: weeks", '27:15: error[duplicate-layer]: there is already a layer "weeks"', ""),
    (
        "weekdays: ['monday:friday']",
        "weekdays: ['monday:firday']",
        '31:27: error[window]: "firday" is not a weekday',
        'did you mean "friday"?',
    ),
    (
        "who: ben, from",
        "who: bn, from",
        '34:15: error[unknown-person]: person "bn" is not defined',
        'did you mean "ben"?',
    ),
    (
        "to: 2026-03-31T09:00+02:00",
        "to: 2026-03-30 18:00",
        "34:48: error[window]: to must be after from",
        "this override would never hold",
    ),
    (
        "to: 2026-03-31T09:00+02:00",
        "to: 2026-03-30T14:30+02:00",
        "34:9: error[window]: to must be after from: the clocks are put",
        "this override would never hold",
    ),
    (
        "tz: Asia/Kolkata",
        "tz: Kolkata",
        "21:9: error[zone]: there is no such time zone",
        'did you mean "Asia/Kolkata"?',
    ),
    (
        "tz: Europe/London",
        "tz: London",
        "9:37: error[zone]: there is no such time zone",
        'did you mean "Europe/London"?',
    ),
    (
        "{payments-l1: chloe",
        "{payments-11: chloe",
        '37:50: error[unknown-schedule]: schedule "payments-11" is not defined',
        'did you mean "payments-l1"?',
    ),
    (
        "{payments-l1: chloe",
        "{payments-l1: cloe",
        '37:63: error[unknown-person]: person "cloe" is not defined',
        'did you mean "chloe"?',
    ),
    (
        "12:30 Europe/Berlin",
        "12:30 Berlin",
        "37:10: error[zone]: there is no such time zone",
        'did you mean "Europe/Berlin"?',
    ),
    (
        "12:30 Europe/Berlin",
        "12:30+02:00 Europe/Berlin",
        "37:10: error[instant]: this has an offset and a zone",
        "leave one of them out",
    ),
    (
        "layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]",
        "layers: []",
        "35:7: error[no-layers]: nobody takes turns on this schedule",
        "add layers, or a calendar with  use: layers",
    ),
    (
        "layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]",
        "calendar: {path: shifts.ics}",
        "35:7: error[no-layers]: nobody takes turns on this schedule",
        "add layers, or a calendar with  use: layers",
    ),
    (
        "layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]",
        "calendar: {use: layers}",
        "35:18: error[calendar]: a calendar has one place: url or path",
        "write  url_file: FILE  with its secret address in the file, or  path: FILE.ics",
    ),
    (
        "layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]",
        "calendar: {use: layer, path: shifts.ics}",
        "35:24: error[value]",
        'did you mean "layers"?',
    ),
    (
        "layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]",
        "calendar: {use: layers, url: ftp://example.com/hunter2}",
        "35:37: error[url]: this is not the address of a calendar",
        "write the address in iCal format",
    ),
]


@pytest.mark.parametrize(("before", "after", "headline", "hint"), WRONG)
def test_what_is_wrong_is_reported_where_it_stands(load_text, right, before, after, headline, hint):
    assert before in right
    found = told(load_text, right.replace(before, after, 1))
    assert f"config.yaml:{headline}" in found
    assert hint in found
    assert found.count("config.yaml:") == 1


@pytest.mark.parametrize(
    ("word", "headline", "hint"),
    [
        (
            "schedule:payments-11",
            'error[unknown-schedule]: schedule "payments-11" is not defined',
            'did you mean "payments-l1"?',
        ),
        ("payments-l1", 'error[unknown-person]: person "payments-l1" is not defined', "write  schedule:payments-l1"),
        ("person:bne", 'error[unknown-person]: person "bne" is not defined', 'did you mean "ben"?'),
        ("shedule:l2", 'error[name]: a step cannot page a "shedule"', 'did you mean "schedule"?'),
        (
            "team:payments",
            'error[no-members]: team "payments" has no members: this pages nobody',
            "add  members: [...]  to the team payments",
        ),
        ("queue:payments", 'error[name]: a step cannot page a "queue"', "known: person, schedule, team"),
        ("'schedule:'", "error[name]: this is not a name", "letters, digits"),
    ],
)
def test_a_step_that_pages_what_there_is_not_is_reported(load_text, right, word, headline, hint):
    found = told(load_text, right.replace("page: [asha], wait: 5m", f"page: [asha, {word}], wait: 5m"))
    assert f"config.yaml:12:35: {headline}" in found
    assert hint in found


def test_a_step_pages_people_and_schedules(load_text, right):
    loaded = load_text(right.replace("page: [asha], wait: 5m", "page: [asha, person:ben, schedule:l2], wait: 5m"))
    policy = build_policy(loaded)
    assert policy.escalations["default"].steps == (Step(("asha", "person:ben", "schedule:l2"), 300),)
    assert set(policy.schedules) == {"payments-l1", "l2"}


def test_every_problem_is_reported_at_once_and_a_circle_of_layers_too(load_text, right):
    config = right.replace("turn: 1 week", "turn: 1 week\n        above: lunch").replace(
        "who: ben, from", "who: bn, from"
    )
    found = told(load_text, config.replace("start: 2026-01-05 12:00", "start: noon"))
    assert re.findall(r"error\[([a-z-]+)\]", found) == ["layer-order", "instant", "layer-order", "unknown-person"]


def test_overrides_that_overlap_are_a_warning_and_the_last_one_holds(load_text, right):
    more = "      - {who: chloe, from: 2026-03-31 12:00, to: 2026-04-02 09:00}\n"
    again = "      - {who: asha, from: 2026-04-02 09:00, to: 2026-04-03 09:00}\n"
    loaded = load_text(right.replace("  l2: ", f"{more}{again}  l2: "))
    assert [(one.line, one.code, one.text) for one in loaded.lint] == [
        (35, "overlap", "two overrides of payments-l1 at once: chloe takes it from ben")
    ]
    schedule = build_schedules(loaded.config)["payments-l1"]
    assert who(schedule, datetime(2026, 3, 31, 6, 45, tzinfo=UTC)) == "chloe"


def test_the_schedule_that_the_example_shows_in_comments_is_right(load_text, tmp_path):
    text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    start, end = text.index("# schedules:"), text.index("# How a page goes on")
    shown = re.sub(r"(?m)^# ?", "", text[start:end])
    secret = tmp_path / "secrets" / "first-line.ics-url"
    secret.parent.mkdir()
    secret.touch(mode=0o600)
    secret.write_text("webcal://calendar.example/private-1/basic.ics\n", encoding="utf-8")
    loaded = load_text(text[:start].replace("    # tz:", "    tz:") + shown + text[end:])
    assert loaded.lint == ()
    calendar = loaded.config.schedules["first-line"].calendar
    assert calendar.url.get_secret_value() == "https://calendar.example/private-1/basic.ics"
    assert (calendar.use, calendar.every_seconds) == ("overrides", 600)
    schedule = build_schedules(loaded.config)["first-line"]
    (test,) = loaded.config.oncall_tests
    assert who(schedule, test.at.within(loaded.config.timezone)) == test.who["first-line"]


def test_what_the_page_about_schedules_shows_is_right(load_text, good):
    page = (ROOT / "docs" / "oncall-schedules.md").read_text(encoding="utf-8")
    shown, words = (one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "oncall" in one)
    loaded = load_text(good.replace("policies:\n", f"{PEOPLE}policies:\n") + shown + words)
    assert loaded.lint == ()
    (test,) = loaded.config.oncall_tests
    schedule = build_schedules(loaded.config)["first-line"]
    assert who(schedule, test.at.within(UTC)) == test.who["first-line"] == "asha"
    assert [layer.name for layer in schedule.layers] == ["lunch", "weeks"]
    assert build_policy(loaded).roster == RosterWords(shift_words=True, gap_words=True, warn=("chloe",))


def test_who_is_told_of_gaps_must_be_somebody(load_text, right):
    assert build_policy(load_text(right)).roster == RosterWords(shift_words=True, gap_words=True)
    said = told(load_text, right + "oncall: {warn: [chloee]}\n")
    assert 'person "chloee" is not defined' in said
    assert 'did you mean "chloe"?' in said


def test_a_schedule_may_have_a_calendar_and_no_layers(load_text, right):
    text = right.replace(
        "layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]",
        "calendar: {path: shifts.ics, use: layers, every: 1h}",
    )
    loaded = load_text(text)
    schedule = build_schedules(loaded.config)["l2"]
    assert schedule.layers == ()
    assert schedule.calendar == Imported(CalendarUse.LAYERS)
    assert loaded.config.schedules["l2"].calendar.path == loaded.folder / "shifts.ics"


def test_the_address_of_a_calendar_is_shown_nowhere(load_text, right):
    layers = "layers: [{name: weeks, people: [chloe], start: 2026-01-05 09:00, turn: 1 month}]"
    for text in (
        right.replace(layers, "calendar: {url: 'https://calendar.example/hunter2.ics', us: layers}"),
        right.replace(
            f"{{{layers}}}", "\n    calendar:\n      url: https://calendar.example/hunter2.ics\n      us: layers"
        ),
        right.replace(f"{{{layers}}}", "\n    calendar:\n      url: hunter2\n      use: layers"),
    ):
        with pytest.raises(ConfigProblems) as caught:
            load_text(text)
        assert "hunter2" not in render_all(caught.value.problems)
    assert "hunter2" not in repr(load_text(text.replace("url: hunter2", "url: https://a.example/hunter2")).config)


def test_what_the_page_about_calendars_shows_is_right(load_text, good, tmp_path):
    page = (ROOT / "docs" / "oncall-calendars.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    secret = tmp_path / "secrets" / "first-line.ics-url"
    secret.parent.mkdir()
    secret.touch(mode=0o600)
    secret.write_text("https://calendar.example/basic.ics", encoding="utf-8")
    loaded = load_text(good.replace("policies:\n", f"{PEOPLE}policies:\n") + shown[1])
    assert loaded.lint == ()
    assert loaded.config.schedules["first-line"].calendar.use is CalendarUse.OVERRIDES
