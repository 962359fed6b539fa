"""Calendars that mean harm: they end, whatever they ask for, and nothing else waits for them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ingestd.calendars.entries import CalendarRefused
from ingestd.calendars.expansion import expand
from ingestd.calendars.reading import read
from tests.calendars.ics import HEAD, calendar, event

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)

NEVER = event("asha", "DTSTART:20260105T000000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30")
LONG_AGO = event("asha", "DTSTART:00010101T000000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY")
NESTED = HEAD + "BEGIN:VEVENT\r\n" * 20_001 + "END:VEVENT\r\n" * 20_001 + "END:VCALENDAR\r\n"


async def test_another_process_says_the_same_as_this_one():
    body = calendar(
        event("asha", "DTSTART;TZID=Europe/Berlin:20260105T090000", "DURATION:P7D", "RRULE:FREQ=WEEKLY;INTERVAL=2"),
        event("Ünï", "DTSTART;VALUE=DATE:20260329", uid="e2"),
        event("ben", "DTSTART:20260105T000000Z", uid="e3"),
    )
    found = await expand(body, BEGIN, END, BERLIN)
    assert found == read(body, BEGIN, END, BERLIN)
    assert len(found.entries) == 27
    assert len(found.faults) == 1


async def test_what_the_calendar_is_refused_for_comes_back():
    with pytest.raises(CalendarRefused, match="it is no iCalendar"):
        await expand(b"<html>", BEGIN, END, BERLIN)


@pytest.mark.parametrize("one", [NEVER, LONG_AGO], ids=["never", "long-ago"])
async def test_what_takes_too_long_is_ended_and_stalls_nobody(one):
    gaps: list[float] = []

    async def watch() -> None:
        seen = [time.perf_counter()]
        while True:
            await asyncio.sleep(0.01)
            seen.append(time.perf_counter())
            gaps[:] = [later - earlier for earlier, later in pairwise(seen)]

    watcher = asyncio.create_task(watch())
    began = time.perf_counter()
    with pytest.raises(CalendarRefused, match="takes longer than 2 s"):
        await expand(calendar(one), BEGIN, END, BERLIN, seconds_max=2)
    watcher.cancel()
    assert time.perf_counter() - began < 10
    assert sorted(gaps)[len(gaps) // 2] < 0.1


async def test_components_within_components_are_counted():
    with pytest.raises(CalendarRefused, match="more than 5000 events"):
        await expand(NESTED.encode(), BEGIN, END, BERLIN)


async def test_long_titles_of_many_occurrences_do_not_cross_the_loop():
    lines = ("DTSTART:20260101T000000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY;INTERVAL=3")
    with pytest.raises(CalendarRefused, match="its UIDs and titles are longer than 1 MiB together"):
        await expand(calendar(event("\U0001f600" * 200, *lines, uid="\U0001f600" * 200)), BEGIN, END, BERLIN)
    found = await expand(calendar(event("\U0001f600" * 20, *lines, uid="u" * 120)), BEGIN, END, BERLIN)
    assert {one.title for one in found.entries} == {"\U0001f600" * 20}


@pytest.mark.slow
async def test_the_largest_calendar_is_read_in_time():
    every = [
        event(f"person-{n}", f"DTSTART:{BEGIN + timedelta(hours=n):%Y%m%dT%H%M%SZ}", "DURATION:PT1H", uid=f"e{n}")
        for n in range(5000)
    ]
    began = time.perf_counter()
    assert len((await expand(calendar(*every), BEGIN, END, BERLIN)).entries) == 5000
    print(f"5,000 events: {time.perf_counter() - began:.1f} s")
