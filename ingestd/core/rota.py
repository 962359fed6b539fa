"""Who is on call at an instant: layers of people who take turns, hand over on the wall clock of a zone, and are overridden for a time.

The n-th hand-off is when the clocks of the zone show the start and n turns, so Monday 09:00 stays Monday 09:00 in summer and in winter. A
hand-off that the clocks leave out is when they are put forward; of one that comes twice the first counts. Turns of hours are hours on the
wall too: the one in which the clocks are put back is an hour longer, and one that falls into the hour left out is passed over.

Everything is computed from the start, never step by step, so it makes no difference how long ago that was.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from ingestd.core.calendar_shifts import CalendarUse, Imported
from ingestd.core.names import PersonName
from ingestd.core.windows import OneOff, TimeWindow, instant_of


class TurnUnit(StrEnum):
    """What turns are counted in."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LENGTHS: Final = {
    TurnUnit.HOUR: timedelta(hours=1),
    TurnUnit.DAY: timedelta(days=1),
    TurnUnit.WEEK: timedelta(weeks=1),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """How long one person's turn is, on the wall clock; ``count`` is at least 1."""

    count: int
    unit: TurnUnit

    def after(self, start: datetime, number: int) -> datetime:
        """What the wall clock shows after so many turns. Where a month has no such day, its last day is taken; the next has it again."""
        if self.unit is TurnUnit.MONTH:
            months = start.month - 1 + number * self.count
            year, month = start.year + months // 12, months % 12 + 1
            return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))
        return start + number * self.count * _LENGTHS[self.unit]

    def passed(self, start: datetime, wall: datetime) -> int:
        """How many turns have passed between two readings of the wall clock: of months by their numbers, so at most one too many."""
        if self.unit is TurnUnit.MONTH:
            return ((wall.year - start.year) * 12 + wall.month - start.month) // self.count
        return (wall - start) // (self.count * _LENGTHS[self.unit])


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns in order, for ever. Before its start and outside ``only`` a layer leaves the time open."""

    name: str
    people: tuple[PersonName, ...]
    """At least one; the same person may stand several times."""
    start: datetime
    """When the first person's first turn begins, on the wall clock; without a zone."""
    turn: Turn
    only: TimeWindow | OneOff | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody else is on call [starts_at, ends_at), whatever the layers say; both aware, the end after the start."""

    who: PersonName
    starts_at: datetime
    ends_at: datetime
    why: str = ""
    by: str = ""

    def contains(self, at: datetime) -> bool:
        """Whether it holds at this instant."""
        # Two readings of one zone compare as wall clocks, blind to the hour that comes twice.
        return self.starts_at.astimezone(UTC) <= at.astimezone(UTC) < self.ends_at.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Who is on call when. A layer fills what all those before it leave open; of overrides that overlap the last one holds."""

    name: str
    zone: tzinfo
    layers: tuple[Layer, ...]
    """The first one is on top."""
    overrides: tuple[Override, ...] = ()
    calendar: Imported | None = None
    """Comes after the overrides and before the layers, or after the layers: see its use."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A stretch [starts_at, ends_at) during which one person is on call, or nobody. Both in UTC."""

    starts_at: datetime
    ends_at: datetime
    person: PersonName | None


def on_clock(at: datetime, zone: tzinfo) -> str:
    """``Mon 2026-01-12 09:00 CET``: an instant as the clocks of a zone show it."""
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def override_at(schedule: Schedule, at: datetime) -> Override | None:
    """The override that holds at an instant (aware)."""
    return next((one for one in reversed(schedule.overrides) if one.contains(at)), None)


def is_from_calendar(schedule: Schedule, at: datetime) -> bool:
    """Whether who is on call at an instant (aware) is so because the imported calendar says it."""
    calendar = schedule.calendar
    if calendar is None or calendar.at(at) is None or override_at(schedule, at) is not None:
        return False
    return calendar.use is CalendarUse.OVERRIDES or who(replace(schedule, calendar=None), at) is None


def who(schedule: Schedule, at: datetime) -> PersonName | None:
    """Who is on call at an instant; None if nobody is. ``at`` is aware, from the year 2 to 9980."""
    at = at.astimezone(UTC)
    override = override_at(schedule, at)
    if override is not None:
        return override.who
    calendar = schedule.calendar
    named = calendar.at(at) if calendar is not None else None
    if named is not None and calendar is not None and calendar.use is CalendarUse.OVERRIDES:
        return named
    for layer in schedule.layers:
        turn = _turn_at(layer, schedule.zone, at)
        if turn >= 0 and (layer.only is None or layer.only.contains(at)):
            return layer.people[turn % len(layer.people)]
    return named


def shifts(schedule: Schedule, begin: datetime, end: datetime) -> list[Shift]:
    """Who is on call from ``begin`` to ``end``, without a hole: stretches with nobody are in it too. Exact to the second.

    Each is as long as can be: who hands over to themselves goes on. Empty if the end is not after the begin. Both are aware.
    """
    found: list[Shift] = []
    for piece in _pieces(schedule, begin.astimezone(UTC), end.astimezone(UTC)):
        if found and found[-1].person == piece.person:
            found[-1] = Shift(found[-1].starts_at, piece.ends_at, piece.person)
        else:
            found.append(piece)
    return found


def present(schedule: Schedule, at: datetime, horizon: timedelta) -> tuple[Shift, PersonName | None, bool]:
    """The shift that is on at an instant (aware), from then on; who is next; and whether there is an end within the horizon."""
    at = at.astimezone(UTC)
    found: Shift | None = None
    for piece in _pieces(schedule, at, at + horizon):
        if found is not None and piece.person != found.person:
            return found, piece.person, True
        found = Shift(at, piece.ends_at, piece.person)
    assert found is not None, "a horizon is longer than nothing"
    return found, None, False


def _pieces(schedule: Schedule, begin: datetime, end: datetime) -> Iterator[Shift]:
    """The same, cut wherever somebody else might have come in."""
    meant = tuple(one for one in schedule.overrides if one.starts_at < end and one.ends_at > begin)
    schedule = replace(schedule, overrides=meant)
    at = begin
    while at < end:
        until = min(_may_change_at(schedule, at, end), end)
        yield Shift(at, until, who(schedule, at))
        at = until


def _may_change_at(schedule: Schedule, at: datetime, end: datetime) -> datetime:
    """The next instant at which somebody else may be on call; ``end`` if that comes first."""
    soonest = end
    for override in schedule.overrides:
        for edge in (override.starts_at.astimezone(UTC), override.ends_at.astimezone(UTC)):
            if at < edge < soonest:
                soonest = edge
    if any(override.contains(at) for override in schedule.overrides):
        return soonest
    if schedule.calendar is not None:
        soonest = schedule.calendar.may_change_at(at, soonest)
        if schedule.calendar.use is CalendarUse.OVERRIDES and schedule.calendar.at(at) is not None:
            return soonest
    for layer in schedule.layers:
        turn = _turn_at(layer, schedule.zone, at)
        following = _handoff(layer, schedule.zone, turn + 1)
        is_open = layer.only is None or layer.only.contains(at)
        if turn < 0:
            soonest = min(soonest, following)
        elif not is_open and layer.only is not None:
            soonest = min(soonest, layer.only.opens_at(at) or soonest)
        else:
            closes_at = layer.only.open_until(at) if layer.only is not None else None
            return min(soonest, following, closes_at or soonest)
    return soonest


def _turn_at(layer: Layer, zone: tzinfo, at: datetime) -> int:
    """The number of the turn that is on at an instant, from 0; -1 before the first.

    Hand-offs follow each other as their readings do, though two may be at one instant; then the later turn is on.
    """
    wall = at.astimezone(zone).replace(tzinfo=None)
    number = max(-1, layer.turn.passed(layer.start, wall))
    # While the clocks go through an hour again they show less than has passed.
    while _handoff(layer, zone, number + 1) <= at:
        number += 1
    while number >= 0 and _handoff(layer, zone, number) > at:
        number -= 1
    return number


def _handoff(layer: Layer, zone: tzinfo, number: int) -> datetime:
    """The instant at which a turn begins."""
    return instant_of(layer.turn.after(layer.start, number), zone)
