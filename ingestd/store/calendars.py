"""Copies of calendars that say who is on call: the last good one of each schedule stays in force, whatever becomes of its place."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, select

from ingestd.core.calendar_shifts import Stretch, directory_of, laid_out, person_of
from ingestd.core.names import PersonName
from ingestd.core.policy import Person
from ingestd.core.rota import Schedule
from ingestd.store import dialect
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import calendars

Listed = tuple[str, str, float, float]
"""An event as it is kept: uid, title, and when it starts and ends in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class CalendarCopy:
    """What is kept of the calendar of a schedule. ``problem`` is empty when the last try was good."""

    schedule: str
    url_hash: str
    """Stands for the place that the body came from."""
    tried_at: datetime
    fetched_at: datetime | None = None
    """When its place last said that this is the calendar."""
    expanded_at: datetime | None = None
    """When its recurrences were last worked out: they are for a year ahead."""
    failing_since: datetime | None = None
    problem: str = ""
    etag: str = ""
    body: bytes | None = None
    entries: str = "[]"
    """Its events, see ``listed``."""
    faults: str = "[]"
    """Events that could not be used: lists of uid, date and text."""

    @property
    def listed(self) -> list[Listed]:
        """The events that are in force."""
        return [
            (str(uid), str(title), float(begins), float(ends)) for uid, title, begins, ends in json.loads(self.entries)
        ]

    @property
    def left_out(self) -> list[tuple[str, str, str]]:
        """What could not be used: uid, date, why."""
        return [(str(uid), str(on), str(text)) for uid, on, text in json.loads(self.faults)]


def load(connection: Connection, schedule: str) -> CalendarCopy | None:
    """What is kept for a schedule."""
    row = connection.execute(select_of(calendars, CalendarCopy).where(calendars.c.schedule == schedule)).first()
    return value_of(CalendarCopy, row) if row else None


def every(connection: Connection) -> list[CalendarCopy]:
    """What is kept for every schedule, by name; bodies left out."""
    columns = [column for column in calendars.c if column.name != "body"]
    return [CalendarCopy(**row._mapping) for row in connection.execute(select(*columns).order_by(calendars.c.schedule))]  # noqa: SLF001 (SQLAlchemy's public name for it)


def keep(connection: Connection, copy: CalendarCopy) -> bool:
    """Keep a copy in the place of the one before; whether it says something else of who is on call, so that the roster changes."""
    before = connection.execute(select(calendars.c.entries).where(calendars.c.schedule == copy.schedule)).scalar()
    dialect.upsert(connection, calendars, ["schedule"], [row_of(copy)])
    return (before or "[]") != copy.entries


def forget_others(connection: Connection, schedules: Collection[str]) -> bool:
    """Forget the copies of schedules that have no calendar any more; whether there were any."""
    return connection.execute(delete(calendars).where(calendars.c.schedule.not_in(schedules))).rowcount > 0


def directory(people: Mapping[PersonName, Person]) -> dict[str, PersonName]:
    """By which words a calendar may name whom."""
    return directory_of({name: person.known_as for name, person in people.items() if not person.is_address})


def unknown(listed: Iterable[Listed], people: Mapping[PersonName, Person]) -> list[Listed]:
    """The events that name nobody of these."""
    known = directory(people)
    return [one for one in listed if person_of(one[1], known) is None]


def fill_in(
    connection: Connection, schedules: Mapping[str, Schedule], people: Mapping[PersonName, Person]
) -> dict[str, Schedule]:
    """The schedules, those with a calendar with what its copy says. Events that name nobody who is known leave their time open."""
    found = dict(schedules)
    wanted = {name: one.calendar for name, one in schedules.items() if one.calendar is not None}
    if not wanted:
        return found
    known = directory(people)
    query = select(calendars.c.schedule, calendars.c.entries).where(calendars.c.schedule.in_(wanted))
    for name, entries in connection.execute(query):
        stretches = laid_out(
            Stretch(datetime.fromtimestamp(begins, UTC), datetime.fromtimestamp(ends, UTC), person)
            for _, title, begins, ends in json.loads(entries)
            if (person := person_of(title, known)) is not None
        )
        found[name] = replace(found[name], calendar=replace(wanted[name], stretches=stretches))
    return found
