"""``when:`` as people write it: what it means, and what whoever writes it wrong is told."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingestd.config.problems import render_all
from ingestd.config.validation import validate
from ingestd.config.window_model import WhenModel, window_of
from ingestd.config.yaml_tree import parse_document
from ingestd.core.windows import OneOff, TimeWindow

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")


def read(text: str) -> TimeWindow | OneOff:
    document = parse_document(text, "rules.yaml")
    model = validate(document, document.root, WhenModel)
    assert model is not None, render_all(document.problems)
    return window_of(model, KOLKATA)


def told(text: str) -> list[tuple[int, str, str, str]]:
    """Column, code, text and hint of every problem."""
    document = parse_document(text, "rules.yaml")
    assert validate(document, document.root, WhenModel) is None
    return [(problem.column, problem.code, problem.text, problem.hint) for problem in document.problems]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        (
            "{weekdays: ['monday:friday', sunday], times: ['02:00-04:00'], tz: Europe/Berlin}",
            TimeWindow(BERLIN, weekdays=((0, 4), (6, 6)), times=((120, 240),)),
        ),
        ("weekdays: [mon:fri, Sun, SATURDAY]", TimeWindow(KOLKATA, weekdays=((0, 4), (6, 6), (5, 5)))),
        ("weekdays: ['sunday:thursday', 'saturday : monday']", TimeWindow(KOLKATA, weekdays=((6, 3), (5, 0)))),
        (
            "days_of_month: ['-3:-1', '1', 15, 5:10, '10:-5', 29:-1]",
            TimeWindow(KOLKATA, days_of_month=((-3, -1), (1, 1), (15, 15), (5, 10), (10, -5), (29, -1))),
        ),
        (
            "months: [january:march, '12', 6, may, nov:feb, 7:9]",
            TimeWindow(KOLKATA, months=((1, 3), (12, 12), (6, 6), (5, 5), (11, 2), (7, 9))),
        ),
        ("years: ['2026:2028', 2030, '2031']", TimeWindow(KOLKATA, years=((2026, 2028), (2030, 2030), (2031, 2031)))),
        (
            "times: [{start_time: '09:00', end_time: '17:30'}, 18:00-24:00]",
            TimeWindow(KOLKATA, times=((540, 1050), (1080, 1440))),
        ),
        ("times: [22:00-06:00, '9:15 - 10:00']", TimeWindow(KOLKATA, times=((1320, 360), (555, 600)))),
        (
            "times: [{start_time: 22:00, end_time: 00:00}, 00:00-24:00]",
            TimeWindow(KOLKATA, times=((1320, 1440), (0, 1440))),
        ),
        (
            "{from: 2026-03-29 01:30, to: 2026-03-29 06:00, tz: Europe/Berlin}",
            OneOff(utc("2026-03-29 00:30"), utc("2026-03-29 04:00")),
        ),
        ("{from: 2026-03-29 01:30, to: 2026-03-29 06:00}", OneOff(utc("2026-03-28 20:00"), utc("2026-03-29 00:30"))),
        (
            "{from: 2026-03-29T01:30:00Z, to: '2026-03-29 06:00+02:00'}",
            OneOff(utc("2026-03-29 01:30"), utc("2026-03-29 04:00")),
        ),
        (
            "{from: 2026-03-29T00:30:00Z, to: 2026-03-29 06:00, tz: Europe/Berlin}",
            OneOff(utc("2026-03-29 00:30"), utc("2026-03-29 04:00")),
        ),
        # A time that is left out is the next that there is; of one that comes twice it is the first.
        (
            "{from: 2026-03-29 02:30, to: 2026-03-29 04:00, tz: Europe/Berlin}",
            OneOff(utc("2026-03-29 01:00"), utc("2026-03-29 02:00")),
        ),
        (
            "{from: 2026-10-25 02:30, to: 2026-10-25 03:00, tz: Europe/Berlin}",
            OneOff(utc("2026-10-25 00:30"), utc("2026-10-25 02:00")),
        ),
    ],
)
def test_when_means_what_it_says(text, window):
    found = read(text)
    assert found == window
    if isinstance(found, OneOff):
        assert found.starts_at.tzinfo is UTC
        assert found.ends_at.tzinfo is UTC


TIMES = 'write  "02:00-04:00"'
DAY = "write  1 to 31, or -1 for the last day"


@pytest.mark.parametrize(
    ("text", "fault", "hint"),
    [
        ("weekdays: [wendsday]", '"wendsday" is not a weekday', 'did you mean "wednesday"?'),
        ("weekdays: [monday:fryday]", '"fryday" is not a weekday', 'did you mean "friday"?'),
        (
            "weekdays: [1]",
            '"1" is not a weekday',
            "known: friday, monday, saturday, sunday, thursday, tuesday, wednesday",
        ),
        ("weekdays: [monday-friday]", "a range is written with a colon", "write  'monday:friday'"),
        ("weekdays: [{monday: friday}]", "a range is one text, not a mapping", "write  'monday:friday'"),
        ("weekdays: ['monday:']", "this range has only one end", "write  'monday:friday'"),
        ("weekdays: [[monday, friday]]", "this is not a range", "write  'monday:friday'"),
        ("months: [januray]", '"januray" is not a month', 'did you mean "january"?'),
        ("months: ['1-3']", "a range is written with a colon", "write  '1:3'"),
        ("days_of_month: [0]", "no month has a day 0", DAY),
        ("days_of_month: ['1:32']", "no month has a day 32", DAY),
        ("days_of_month: ['-32']", "no month has a day -32", DAY),
        ("days_of_month: [last]", '"last" is not a day of a month', DAY),
        (
            "days_of_month: ['-3:1']",
            "a range of days ends in the month in which it begins",
            "write two:  ['-3:-1', '1']",
        ),
        ("days_of_month: ['-1:-3']", "-3 is before -1 in every month", "write  '-3:-1'"),
        ("days_of_month: ['20:-15']", "-15 is before 20 in every month", "write  '-15:20'"),
        ("days_of_month: [-3--1]", "a range is written with a colon", "write  '-3:-1'"),
        ("years: [2028:2026]", "2026 is before 2028", "write  '2026:2028'"),
        ("years: [26]", "26 is not a year from 1971 to 9000", "write  2026 or '2026:2028'"),
        ("years: [soon]", '"soon" is not a year', "write  2026 or '2026:2028'"),
        (
            "times: [06:00-06:00]",
            "a part of the day cannot end when it starts",
            'for the whole day write  "00:00-24:00", or leave times out',
        ),
        (
            "times: [00:00-00:00]",
            "a part of the day cannot end when it starts",
            'for the whole day write  "00:00-24:00", or leave times out',
        ),
        ("times: [24:00-06:00]", "no day begins at 24:00", 'write  "00:00-06:00"'),
        ("times: [09:00-24:01]", "there is no 24:01", "write  00:00 to 24:00"),
        ("times: [09:00-12:60]", "there is no 12:60", "write  00:00 to 24:00"),
        ("times: [9-17]", '"9" is not a time of the day', "write  09:00"),
        ("times: [9am-5pm]", '"9am" is not a time of the day', TIMES),
        ("times: ['02:00']", "this is not a part of the day", TIMES),
        ("times: [02:00–04:00]", "this is not a part of the day", f"{TIMES}, with the hyphen of the keyboard"),
        (
            "times: [{start_time: 02:00}]",
            "a part of the day has a start_time and an end_time",
            f"{TIMES},  or  {{start_time: '02:00', end_time: '04:00'}}",
        ),
        ("times: [{start: 02:00, end_time: 03:00}]", 'unknown key "start"', 'did you mean "start_time"?'),
    ],
)
def test_a_wrong_part_is_named_where_it_stands(text, fault, hint):
    assert told(text) == [(text.index("[") + 2, "window", fault, hint)]


@pytest.mark.parametrize(
    ("text", "where", "code", "fault", "hint"),
    [
        ("weekdays: monday", "monday", "type", "this must be a list, not text", "put it in [ ]"),
        ("weekdays: []", "[]", "value", "this must have at least 1 item", ""),
        (
            "{weekdays: [monday], tz: Europe/Belrin}",
            "Europe",
            "zone",
            "there is no such time zone",
            'did you mean "Europe/Berlin"?',
        ),
        (
            "{weekdays: [monday], tz: berlin}",
            "berlin",
            "zone",
            "there is no such time zone",
            'did you mean "Europe/Berlin"?',
        ),
        (
            "{weekdays: [monday], tz: New York}",
            "New",
            "zone",
            "there is no such time zone",
            'did you mean "America/New_York"?',
        ),
        (
            "{weekdays: [monday], tz: CEST}",
            "CEST",
            "zone",
            "there is no such time zone",
            "write  Europe/Berlin  or  UTC",
        ),
        ("{weekday: [monday]}", "weekday", "unknown-key", 'unknown key "weekday"', 'did you mean "weekdays"?'),
        (
            "{tz: UTC}",
            "{",
            "window",
            "this does not say when",
            'write  {weekdays: [sunday], times: ["02:00-04:00"]}  or  {from: 2026-03-29 02:00, to: 2026-03-29 04:00}',
        ),
        ("{from: 2026-03-29 02:00}", "{", "window", "from without to", "add  to: 2026-03-29 02:00"),
        ("{to: 2026-03-29 02:00}", "{", "window", "to without from", "add  from: 2026-03-29 02:00"),
        (
            "{from: 2026-03-29, to: 2026-03-30 04:00}",
            "2026-03-29",
            "instant",
            "this is not an instant",
            "write  2026-03-29 03:30  or  2026-03-29T03:30:00Z",
        ),
        (
            "{from: 2026-03-29 02:00, to: 2026-03-29 04:00, years: [2026]}",
            "{",
            "window",
            "from and to are for once, and years recurs",
            "write two windows, or leave one of them out",
        ),
        (
            "{from: 2026-03-29 04:00, to: 2026-03-29 02:00}",
            "2026-03-29 02:00",
            "window",
            "to must be after from",
            "this window would never be open",
        ),
        (
            "{from: 2026-03-29 04:00, to: 2026-03-29 04:00}",
            "2026-03-29 04:00}",
            "window",
            "to must be after from",
            "this window would never be open",
        ),
        (
            "{tz: Europe/Berlin, from: 2026-03-29T04:00Z, to: 2026-03-29 05:59}",
            "2026-03-29 05:59",
            "window",
            "to must be after from",
            "this window would never be open",
        ),
        (
            "{tz: Europe/Berlin, from: 2026-03-29 02:10, to: 2026-03-29 02:50}",
            "2026-03-29 02:50",
            "window",
            "the clocks are put forward from before from to after to",
            "this window would never be open",
        ),
        (
            "{from: 2026-03-29T04:00Z, to: 2026-03-29 05:59}",
            "2026-03-29 05:59",
            "window",
            "one of from and to has an offset, the other has none",
            "add it to both, or add tz",
        ),
        (
            "{from: 2026-03-29T04:00Z, to: 2026-03-29T05:59Z, tz: UTC}",
            "{",
            "window",
            "from and to say already where they are",
            "leave out tz, or their offsets",
        ),
    ],
)
def test_what_does_not_go_together_is_told(text, where, code, fault, hint):
    assert told(text) == [(text.index(where) + 1, code, fault, hint)]


@pytest.mark.parametrize("key", ["weekdays", "days_of_month", "months", "years", "times", "tz", "from", "to"])
def test_a_key_without_a_value_is_not_taken_for_always(key):
    (problem,) = told(f"{{ {key}: , {'times: [00:00-01:00]' if key != 'times' else 'years: [2026]'}}}")
    assert problem[1] == "empty"


def test_all_that_is_wrong_is_told_at_once():
    found = told("{weekdays: [munday, friday, x], times: [9-17], tz: nowhere, from: soon}")
    assert [code for _, code, *_ in found] == ["window"] * 3 + ["zone", "instant"]


def test_an_error_reads_well():
    document = parse_document("when:\n  weekdays: [monday-friday]\n", "rules/payments.yaml")
    validate(document, document.root.entries["when"].node, WhenModel)
    assert render_all(document.problems) == (
        "rules/payments.yaml:2:14: error[window]: a range is written with a colon\n"
        "  |\n"
        "2 |   weekdays: [monday-friday]\n"
        "  |              ^^^^^^^^^^^^^ write  'monday:friday'"
    )


def test_the_schema_completes_weekdays_and_months():
    schema = WhenModel.model_json_schema(by_alias=True)
    text = json.dumps(schema)
    assert "wednesday" in text
    assert "february" in text
    assert set(schema["properties"]) == {"weekdays", "days_of_month", "months", "years", "times", "tz", "from", "to"}
    assert all(part["description"] for part in schema["properties"].values())


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.text(max_size=12)
    | st.from_regex(r"-?[0-9]{1,3}[:-]-?[0-9]{1,3}(-[0-9]{2}:[0-9]{2})?", fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.just("start_time"), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["weekdays", "days_of_month", "months", "years", "times", "tz", "from", "to"]),
        st.lists(_ANYTHING, max_size=2) | _ANYTHING,
    )
)
def test_whatever_is_written_is_a_window_or_a_fault(value):
    try:
        window = window_of(WhenModel.model_validate(value), BERLIN)
    except ValidationError:
        return
    assert window.contains(utc("2026-11-22 03:07")) in {True, False}
