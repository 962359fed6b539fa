"""What an iCalendar text means, compared with plain arithmetic on the wall clock and with what the library says of single instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import recurring_ical_events
from icalendar import Calendar

from ingestd.calendars.entries import CalendarRefused
from ingestd.calendars.reading import read
from ingestd.core.windows import instant_of
from tests.calendars.ics import calendar, event

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago", "Asia/Kolkata"]
"""Both hemispheres, and one whose clocks never change."""


def shown(body: bytes, begin=BEGIN, end=END, zone=BERLIN) -> list[tuple[str, str, str]]:
    return [
        (one.title, f"{one.starts_at:%m-%d %H:%M}", f"{one.ends_at:%m-%d %H:%M}")
        for one in read(body, begin, end, zone).entries
    ]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(("rule", "days"), [("FREQ=DAILY;INTERVAL=3", 3), ("FREQ=WEEKLY", 7)])
@pytest.mark.parametrize(("from_hour", "hours"), [(9, 24), (2, 3), (20, 12)])
def test_what_recurs_begins_by_the_clock_of_its_zone_all_year(name, rule, days, from_hour, hours):
    zone = ZoneInfo(name)
    first = datetime(2025, 12, 29, from_hour, 30)  # noqa: DTZ001 (on the wall)
    lines = [f"DTSTART;TZID={name}:{first:%Y%m%dT%H%M%S}", f"DURATION:PT{hours}H", f"RRULE:{rule}"]
    body = calendar(event("asha", *lines))
    found = [one.starts_at for one in read(body, BEGIN, END, BERLIN).entries]
    expected = [instant_of(first + timedelta(days=days * n), zone) for n in range(400)]
    # RFC 5545 3.3.5: a time that the clocks leave out is read by the offset before, which is not our "next minute that there is".
    assert [at for at in found if at.astimezone(zone).hour == from_hour] == [
        at
        for at in expected
        if at.astimezone(zone).hour == from_hour and at < END and at + timedelta(hours=hours) > BEGIN
    ]
    assert len(found) in range(int(365 / days), int(365 / days) + 3)


@pytest.mark.parametrize("name", ZONES)
def test_the_library_says_the_same_of_every_hour(name):
    lines = [
        f"DTSTART;TZID={name}:20260105T180000",
        f"DTEND;TZID={name}:20260106T090000",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,SU",
        f"EXDATE;TZID={name}:20260107T180000,20260405T180000",
    ]
    moved = [
        f"RECURRENCE-ID;TZID={name}:20260325T180000",
        f"DTSTART;TZID={name}:20260326T120000",
        f"DTEND;TZID={name}:20260327T120000",
    ]
    body = calendar(event("asha", *lines), event("ben", *moved))
    entries = read(body, BEGIN, END, BERLIN).entries
    query = recurring_ical_events.of(Calendar.from_ical(body))
    for number in range(0, 24 * 365, 5):
        at = BEGIN + timedelta(hours=number, minutes=30)
        ours = sorted(one.title for one in entries if one.starts_at <= at < one.ends_at)
        theirs = sorted(
            str(one["SUMMARY"]) for one in query.between(at, at + timedelta(seconds=1)) if one["DTEND"].dt > at
        )
        assert ours == theirs, at


def test_a_shift_that_lies_wholly_in_the_hour_left_out_is_passed_over_as_a_turn_is():
    lines = [
        "DTSTART;TZID=Europe/Berlin:20260327T023000",
        "DTEND;TZID=Europe/Berlin:20260327T033000",
        "RRULE:FREQ=DAILY;COUNT=4",
    ]
    assert [start for _, start, _ in shown(calendar(event("asha", *lines)))] == [
        "03-27 01:30",
        "03-28 01:30",
        "03-30 00:30",
    ]


def test_exceptions_leave_out_move_and_rename():
    series = [
        "DTSTART;TZID=Europe/Berlin:20260105T090000",
        "DTEND;TZID=Europe/Berlin:20260106T090000",
        "RRULE:FREQ=WEEKLY;COUNT=4",
        "EXDATE;TZID=Europe/Berlin:20260112T090000",
    ]
    moved = [
        "RECURRENCE-ID;TZID=Europe/Berlin:20260119T090000",
        "DTSTART;TZID=Europe/Berlin:20260120T100000",
        "DTEND;TZID=Europe/Berlin:20260120T120000",
    ]
    assert shown(calendar(event("asha", *series), event("ben", *moved))) == [
        ("asha", "01-05 08:00", "01-06 08:00"),
        ("ben", "01-20 09:00", "01-20 11:00"),
        ("asha", "01-26 08:00", "01-27 08:00"),
    ]


def test_one_of_a_series_that_was_cancelled_does_not_count():
    series = ["DTSTART:20260105T090000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=3"]
    gone = ["RECURRENCE-ID:20260106T090000Z", "DTSTART:20260106T090000Z", "DURATION:PT1H", "STATUS:CANCELLED"]
    found = shown(calendar(event("asha", *series), event("asha", *gone)))
    assert [start for _, start, _ in found] == ["01-05 09:00", "01-07 09:00"]


def test_days_and_times_without_a_zone_are_on_the_clock_of_the_schedule():
    body = calendar(
        event("asha", "DTSTART;VALUE=DATE:20260329", uid="day"),
        event("ben", "DTSTART;VALUE=DATE:20261025", "DTEND;VALUE=DATE:20261027", uid="days"),
        event("chloe", "DTSTART:20260401T090000", "DTEND:20260401T170000", uid="floating"),
    )
    assert shown(body) == [
        ("asha", "03-28 23:00", "03-29 22:00"),  # 23 hours: the clocks are put forward
        ("chloe", "04-01 07:00", "04-01 15:00"),
        ("ben", "10-24 22:00", "10-26 23:00"),
    ]
    assert shown(body, zone=ZoneInfo("Australia/Sydney"))[0] == ("asha", "03-28 13:00", "03-29 13:00")


def test_a_day_at_the_edge_of_what_is_asked_is_found_in_every_zone():
    body = calendar(event("asha", "DTSTART;VALUE=DATE:20260101"))
    for name in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        midnight = datetime(2026, 1, 1, tzinfo=ZoneInfo(name)).astimezone(UTC)
        assert len(shown(body, midnight, midnight + timedelta(minutes=1), ZoneInfo(name))) == 1
        assert shown(body, midnight - timedelta(minutes=1), midnight, ZoneInfo(name)) == []


def test_a_zone_that_the_calendar_brings_along_is_used():
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:Home\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
        "TZOFFSETFROM:+0330\r\nTZOFFSETTO:+0330\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    lines = ["DTSTART;TZID=Home:20260401T090000", "DTEND;TZID=Home:20260401T170000"]
    assert shown(calendar(zone, event("asha", *lines))) == [("asha", "04-01 05:30", "04-01 13:30")]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["DTSTART:20260105T090000Z"], "it has no end"),
        (["DTEND:20260105T090000Z"], "it has no start"),
        (["DTSTART:20260105T090000Z", "DTEND:20260105T080000Z"], "it ends when it begins, or before"),
        (["DTSTART:20260105T090000Z", "DURATION:PT0S"], "it ends when it begins, or before"),
        (["DTSTART;TZID=Mars/Base:20260105T090000", "DURATION:PT1H"], 'its time zone "Mars/Base" is not known'),
        (["DTSTART:20260105T090000Z", "DURATION:PT1S", "RRULE:FREQ=SECONDLY"], "it recurs SECONDLY: no shift does"),
        (["DTSTART:20260105T090000Z", "DURATION:PT1S", "RRULE:FREQ=minutely"], "it recurs MINUTELY: no shift does"),
        (["DTSTART:20260105T090000Z", "DURATION:PT1S", "RRULE:FREQ=DAILY;BYMINUTE=1,2"], "several times an hour"),
        (["DTSTART:20260105T090000Z", "DURATION:PT1H", "RRULE:FREQ=NEVER"], "its RRULE cannot be read"),
        (["DTSTART:20260105T090000Z", "DURATION:PT1H", "no colon"], "a line of it cannot be read"),
        (["DTSTART:20260105T090000Z", "DTEND;VALUE=DATE:20260106"], "its start and its end are not both days"),
        (["DTSTART:yesterday", "DURATION:PT1H"], "its DTSTART cannot be read"),
    ],
)
def test_an_event_that_cannot_be_used_is_told_and_left_out(lines, text):
    good = event("ben", "DTSTART:20260201T090000Z", "DURATION:PT1H", uid="good")
    reading = read(calendar(event("asha", *lines, uid="bad"), good), BEGIN, END, BERLIN)
    assert [one.title for one in reading.entries] == ["ben"]
    (fault,) = reading.faults
    assert fault.uid == "bad"
    assert text in fault.text


def test_an_event_without_a_title_names_nobody():
    (fault,) = read(calendar(event("", "DTSTART;VALUE=DATE:20260105")), BEGIN, END, BERLIN).faults
    assert (fault.uid, fault.on, fault.text) == ("e1", "2026-01-05", "it has no title: nobody knows whom it names")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "it is no iCalendar"),
        (b"<html>sign in</html>", "it is no iCalendar"),
        (b"\xff\xfeB", "it is not UTF-8 text"),
        (calendar(event("asha", "DTSTART;VALUE=DATE:20260105"))[:-10], "it is cut off"),
        (calendar() + b"END:VEVENT\r\nBEGIN:X\r\nEND:VCALENDAR\r\n", "it cannot be read"),
        (b"x" * (2 * 1024 * 1024 + 1), "it is larger than 2 MiB"),
        (calendar(*[event("asha", "DTSTART;VALUE=DATE:20260105")] * 5001), "it has more than 5000 events"),
        (
            calendar(event("asha", "DTSTART:20260105T000000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY")),
            "and 5000 are the most",
        ),
    ],
)
def test_what_is_no_calendar_of_shifts_is_refused(body, text):
    with pytest.raises(CalendarRefused, match=text):
        read(body, BEGIN, END, BERLIN)


def test_an_empty_calendar_is_one():
    assert read(calendar(), BEGIN, END, BERLIN).entries == ()
