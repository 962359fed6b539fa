"""Days on which a calendar outside says who is on call: the right person is paged, whatever becomes of the calendar's server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingestd.calendars.entries import Reading
from ingestd.calendars.reading import read
from ingestd.core.calendar_shifts import CalendarUse, Imported
from ingestd.core.names import PersonName
from ingestd.core.policy import Step
from ingestd.core.rota import Layer, Schedule, Turn, TurnUnit
from ingestd.errors import TryLater
from ingestd.ports import HttpReply, HttpRequest
from ingestd.store import calendars
from ingestd.testing.world import START, World, policy
from ingestd.workers.calendars import CalendarWatch
from ingestd.workers.current import CalendarPlan
from ingestd.workers.worker import Worker
from tests.calendars.ics import calendar, event

UTC_ZONE = ZoneInfo("UTC")
URL = "https://calendar.example/private-4711/basic.ics"
WEEKS = Layer("weeks", (PersonName("ada"),), START.replace(tzinfo=None, day=1), Turn(1, TurnUnit.WEEK))


@dataclass
class CalendarServer:
    """A server that gives its calendar and a tag, or does not answer."""

    body: bytes = b""
    is_up: bool = True
    asked: list[HttpRequest] = field(default_factory=list)
    replies: list[int] = field(default_factory=list)

    async def send(self, request: HttpRequest) -> HttpReply:
        self.asked.append(request)
        if not self.is_up:
            raise TryLater("calendar.example cannot be reached")
        tag = f'"{hash(self.body)}"'
        is_same = request.headers.get("If-None-Match") == tag
        self.replies.append(304 if is_same else 200)
        return HttpReply(304, {"etag": tag}) if is_same else HttpReply(200, {"etag": tag}, self.body)


async def expand(body, begin, end, zone) -> Reading:
    return read(body, begin, end, zone)


def shift(who: str, begins: str, ends: str, *more: str, uid: str = "e1") -> str:
    return event(who, f"DTSTART:202603{begins}00Z", f"DTEND:202603{ends}00Z", *more, uid=uid)


@pytest.fixture
def server() -> CalendarServer:
    return CalendarServer()


@pytest.fixture
def open_office(new_day, server):
    """``open_office(use)``: a world whose only step pages the schedule, with the worker that looks at its calendar."""

    running: list[asyncio.Task[None]] = []

    def begin(use: CalendarUse = CalendarUse.OVERRIDES, path: Path | None = None, *, has_layers: bool = True) -> World:
        line = Schedule("line", UTC_ZONE, (WEEKS,) if has_layers else (), (), Imported(use))
        steps = [Step((PersonName("schedule:line"),), 300), Step((PersonName("cy"),), 300)]
        plain = policy(steps=steps)
        people = {name: replace(one, known_as=(f"{name}@example.com",)) for name, one in plain.people.items()}
        day = new_day(policy=replace(plain, people=people, schedules={"line": line}))
        employ(day, path)
        return day

    def employ(day: World, path: Path | None = None) -> None:
        plan = CalendarPlan("line", UTC_ZONE, 600, "" if path else URL, path)
        day.current.standing = replace(day.current.standing, calendars=(plan,))

        async def live(ambient) -> None:
            async def read_file(place: Path) -> bytes:
                return place.read_bytes()  # noqa: ASYNC240 (virtual time has no threads)

            watch = CalendarWatch(
                day.database,
                day.current,
                ambient.clock,
                day.metrics,
                day.engine.wake,
                http=server,
                expand=expand,
                read_file=read_file,
            )
            worker = Worker("calendars", watch.run_once, watch.idle_seconds, day.metrics, idle_seconds_max=3600)
            running.append(asyncio.get_running_loop().create_task(worker.run(), name="calendars"))

        day.life.run(live)
        day.advance(seconds=5)

    begin.employ = employ
    return begin


def first_pages(day: World) -> list[str]:
    return [person for person, _, _ in day.pages()]


def failing(day: World) -> list[str]:
    return [one.title for one in day.incidents() if "calendar" in one.title]


def test_whom_the_calendar_names_is_paged_and_the_layers_where_it_is_silent(open_office, server, nothing_else_arrives):
    server.body = calendar(shift("[L1] bo", "02T0200", "02T0600"))
    day = open_office()
    day.fires()
    assert first_pages(day) == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    day.advance(hours=4)
    day.fires("SiteDown", cluster="b")
    assert first_pages(day) == ["bo", "ada"]
    day.acknowledge("INC-1002", by="ada")
    nothing_else_arrives(day)


def test_a_calendar_in_the_place_of_layers_is_all_that_there_is(open_office, server, nothing_else_arrives):
    server.body = calendar(shift("bo@example.com", "02T0200", "02T0600"))
    day = open_office(CalendarUse.LAYERS, has_layers=False)
    day.fires()
    assert first_pages(day) == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    day.advance(hours=4)
    day.fires("SiteDown", cluster="b")
    assert first_pages(day) == ["bo", "cy"]  # nobody is on call: the next level, at once
    day.acknowledge("INC-1002", by="cy")
    nothing_else_arrives(day)


def test_a_calendar_as_the_lowest_layer_only_fills_what_is_open(open_office, server, nothing_else_arrives):
    server.body = calendar(shift("bo", "02T0000", "09T0000"))
    day = open_office(CalendarUse.LAYERS)
    day.fires()
    assert first_pages(day) == ["ada"]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_change_of_the_calendar_is_in_force_within_minutes(open_office, server, nothing_else_arrives):
    server.body = calendar(shift("bo", "02T0000", "09T0000"))
    day = open_office()
    server.body = calendar(shift("cy", "02T0000", "09T0000"))
    day.advance(minutes=11)
    day.fires()
    assert first_pages(day) == ["cy"]
    day.acknowledge("INC-1001", by="cy")
    day.advance(hours=2)
    assert server.replies[:2] == [200, 200]
    assert set(server.replies[2:]) == {304}
    nothing_else_arrives(day)


def test_an_unreachable_calendar_keeps_its_last_good_copy_and_is_told_after_hours_once(
    open_office, server, nothing_else_arrives
):
    server.body = calendar(shift("bo", "02T0000", "09T0000"))
    day = open_office()
    server.is_up = False
    day.advance(hours=2)
    day.fires()
    assert first_pages(day) == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    assert failing(day) == []
    day.advance(hours=2)
    assert len(failing(day)) == 1
    assert "has not been read since 2026-03-02 02:1" in failing(day)[0]
    day.acknowledge("INC-1002")
    day.advance(hours=9)
    assert len(failing(day)) == 1
    kept = day.database.read_now(calendars.load, "line")
    assert kept.problem == "its server cannot be asked: calendar.example cannot be reached"
    server.is_up = True
    day.advance(minutes=30)
    assert day.database.read_now(calendars.load, "line").problem == ""
    assert day.incident(1002).resolved_at is not None
    nothing_else_arrives(day)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>sign in to see this calendar</html>",
        calendar(shift("bo", "02T0000", "09T0000"))[:-30],
        calendar(shift("eve", "02T0000", "09T0000"), shift("mallory", "02T0000", "03T0000", uid="e2")),
        b"",
    ],
    ids=["a page", "cut off", "another company's", "nothing"],
)
def test_what_is_no_calendar_of_ours_changes_nothing(open_office, server, nothing_else_arrives, body):
    server.body = calendar(shift("bo", "02T0000", "09T0000"))
    day = open_office()
    server.body = body
    day.advance(hours=1)
    assert day.database.read_now(calendars.load, "line").problem
    day.fires()
    assert first_pages(day) == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    server.body = calendar(shift("bo", "02T0000", "09T0000"))
    nothing_else_arrives(day)


def test_a_stranger_in_a_calendar_is_told_and_leaves_their_time_to_the_layers(
    open_office, server, nothing_else_arrives
):
    server.body = calendar(
        shift("bo", "02T0000", "03T0000"), shift("eve", "03T0000", "09T0000", uid="4711@example.com")
    )
    day = open_office()
    (title,) = failing(day)
    assert 'names "eve" on 2026-03-03 (UID 4711@example.com), and nobody is called that' in title
    assert first_pages(day) == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    day.advance(hours=23)
    day.fires()
    assert first_pages(day) == ["bo", "ada"]
    day.acknowledge("INC-1002")
    server.body = calendar(shift("bo", "02T0000", "09T0000"))
    day.advance(minutes=15)
    assert day.incident(1001).resolved_at is not None
    nothing_else_arrives(day)


def test_the_copy_outlives_the_process_and_what_recurs_goes_on_without_its_server(
    open_office, server, nothing_else_arrives
):
    server.body = calendar(shift("bo", "02T0000", "03T0000", "RRULE:FREQ=DAILY"))
    day = open_office()
    server.is_up = False
    day.kill()
    day.start()
    open_office.employ(day)
    day.fires()
    assert first_pages(day) == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    day.clears()
    before = day.database.read_now(calendars.load, "line").listed[-1]
    day.advance(days=3)
    after = day.database.read_now(calendars.load, "line").listed[-1]
    assert after[2] - before[2] >= 2 * 86_400  # worked out anew, from the copy that was kept
    day.acknowledge("INC-1002", by="ada")
    nothing_else_arrives(day)


def test_a_calendar_in_a_file_is_read_too_and_its_loss_changes_nothing(open_office, tmp_path, nothing_else_arrives):
    place = tmp_path / "shifts.ics"
    place.write_bytes(calendar(shift("bo", "02T0000", "09T0000")))
    day = open_office(path=place)
    place.unlink()
    day.advance(hours=1)
    day.fires()
    assert first_pages(day) == ["bo"]
    day.acknowledge("INC-1001", by="bo")
    assert day.database.read_now(calendars.load, "line").problem == "its file cannot be read: No such file or directory"
    place.write_bytes(calendar(shift("bo", "02T0000", "09T0000")))
    nothing_else_arrives(day)


def test_a_schedule_without_its_calendar_forgets_it_at_the_reload(open_office, server, nothing_else_arrives):
    server.body = calendar(shift("bo", "02T0000", "09T0000"))
    day = open_office()
    plain = replace(day.policy.schedules["line"], calendar=None)
    day.reload(replace(day.policy, schedules={"line": plain}))
    day.current.standing = replace(day.current.standing, calendars=())
    day.advance(minutes=11)
    assert day.database.read_now(calendars.load, "line") is None
    day.fires()
    assert first_pages(day) == ["ada"]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)
