"""Shifts as a calendar: read back, by ourselves and by the library, it is the same shifts; all year, in five zones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from ingestd.calendars.reading import read
from ingestd.calendars.writing import FeedShift, write
from ingestd.core.calendar_shifts import CalendarUse, Imported, Stretch, laid_out
from ingestd.core.names import PersonName
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit, shifts

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago", "Asia/Kolkata"]
PEOPLE = [PersonName(name) for name in ("asha", "ben", "chloe")]
STAMP = datetime(2026, 1, 1, tzinfo=UTC)


def some_schedule(zone: ZoneInfo, seed: int) -> Schedule:
    chance = random.Random(seed)
    start = datetime(2025, 12, 29, chance.randrange(24), 30)  # noqa: DTZ001 (on the wall)
    layers = [Layer("days", tuple(PEOPLE), start, Turn(chance.randrange(1, 4), TurnUnit.DAY))]
    if seed % 2:
        layers.insert(0, Layer("nights", (PEOPLE[2], PEOPLE[0]), start, Turn(12, TurnUnit.HOUR)))
    overrides = []
    for _ in range(10):
        begins = BEGIN + timedelta(minutes=chance.randrange(365 * 24 * 60))
        overrides.append(Override(chance.choice(PEOPLE), begins, begins + timedelta(minutes=chance.randrange(1, 4000))))
    return Schedule("line", zone, tuple(layers), tuple(overrides))


def feed_of(schedule: Schedule) -> bytes:
    listed = [
        FeedShift("line", one.person, one.person, "", one.starts_at, one.ends_at)
        for one in shifts(schedule, BEGIN, END)
        if one.person is not None
    ]
    return write("line", str(schedule.zone), listed, STAMP)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("seed", range(3))
def test_a_feed_read_back_gives_the_same_shifts_all_year(name, seed):
    zone = ZoneInfo(name)
    schedule = some_schedule(zone, seed)
    reading = read(feed_of(schedule), BEGIN, END, ZoneInfo("UTC"))
    assert reading.faults == ()
    stretches = [Stretch(one.starts_at, one.ends_at, PersonName(one.title)) for one in reading.entries]
    back = Schedule("line", zone, (), (), Imported(CalendarUse.LAYERS, laid_out(stretches)))
    assert shifts(back, BEGIN, END) == shifts(schedule, BEGIN, END)
    assert len(reading.entries) > 100


def test_the_library_finds_an_alarm_before_each_shift_and_the_zone():
    body = feed_of(some_schedule(ZoneInfo("Europe/Berlin"), 1))
    parsed = Calendar.from_ical(body)
    assert parsed["X-WR-TIMEZONE"] == "Europe/Berlin"
    events = parsed.walk("VEVENT")
    assert len({str(one["UID"]) for one in events}) == len(events) > 100
    for one in events:
        (alarm,) = one.walk("VALARM")
        assert alarm["TRIGGER"].dt == timedelta(minutes=-15)
        assert alarm["ACTION"] == "DISPLAY"
        assert not one.errors


def test_a_shift_keeps_its_uid_when_its_end_moves_and_has_another_for_another_person():
    one = FeedShift("line", "asha", "", "", BEGIN, END)
    assert one.uid == FeedShift("line", "asha", "other", "words", BEGIN, END - timedelta(days=1)).uid
    assert (
        len(
            {one.uid, FeedShift("line", "ben", "", "", BEGIN, END).uid, FeedShift("l2", "asha", "", "", BEGIN, END).uid}
        )
        == 3
    )


@given(st.text(max_size=300))
def test_any_text_comes_back_as_one_line_and_makes_no_line_of_its_own(text):
    body = write(text, "UTC", [FeedShift("line", "asha", text, text, BEGIN, END)], STAMP)
    assert max(map(len, body.split(b"\r\n"))) <= 75
    assert b"\n" not in body.replace(b"\r\n", b"")
    (event,) = Calendar.from_ical(body).walk("VEVENT")
    shown = str(event["SUMMARY"])
    assert shown == str(event["DESCRIPTION"])
    assert set(event) == {"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "DESCRIPTION", "TRANSP"}
    assert "\n" not in shown
