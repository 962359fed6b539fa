"""Times at which something holds, recurring on the wall clock of a zone or one-off: maintenance, office hours.

An instant is in a recurring window if what the clocks of the zone show then is in it. So an hour that comes twice is in it twice, an hour
that is left out is in nothing, and 02:00-04:00 in the night of spring is one hour long. A part of the day that goes over midnight
belongs to the date on which it starts, by the calendar: also when the zone has left that date out (Samoa, 30 December 2011).

Between two changes of the offset the wall clock is plain arithmetic. Whoever asks when a window opens or ends goes from change to change
and, in between, from one date that differs to the next; never minute by minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

Ranges = tuple[tuple[int, int], ...]

DAY_MINUTES = 1440
OPEN_HORIZON = timedelta(days=400)
"""How far ``TimeWindow.open_until`` looks."""
OPENS_HORIZON = timedelta(days=3653)
"""How far ``TimeWindow.opens_at`` looks: ten years."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Recurring times on the wall clock of a zone; every part that is empty does not restrict.

    Every method takes an aware instant, from the year 2 to 9980. A part with a start and an end that are the same minute holds nothing.
    """

    zone: tzinfo
    weekdays: Ranges = ()
    """Inclusive, Monday is 0; (5, 0) is from Saturday to Monday."""
    days_of_month: Ranges = ()
    """Inclusive, negative counts from the end of the month: (-3, -1). What lies beyond a month is cut off, as in Alertmanager."""
    months: Ranges = ()
    """Inclusive, 1 to 12; (11, 2) is from November to February."""
    years: Ranges = ()
    """Inclusive."""
    times: Ranges = ()
    """Minutes of the day [start, end), 0 to 1440. A start after the end goes over midnight and belongs to the date on which it starts."""

    def contains(self, at: datetime) -> bool:
        """Whether the window is open at this instant."""
        return self._holds(_wall(self.zone, _plain_utc(at)))

    def open_until(self, at: datetime) -> datetime | None:
        """The first instant (UTC) after ``at`` at which the window is not open any more; None if it is not open at ``at``.

        For one that stays open for 400 days and longer: ``at`` and 400 days.
        """
        begin = _plain_utc(at)
        if not self._holds(_wall(self.zone, begin)):
            return None
        end = begin + OPEN_HORIZON
        return (self._first(begin, end, is_open=False) or end).replace(tzinfo=UTC)

    def opens_at(self, at: datetime) -> datetime | None:
        """``at`` itself if the window is open then; else the next instant (UTC) at which it is; None if not within ten years."""
        begin = _plain_utc(at)
        if self._holds(_wall(self.zone, begin)):
            return at
        found = self._first(begin, begin + OPENS_HORIZON, is_open=True)
        return None if found is None else found.replace(tzinfo=UTC)

    def _holds(self, wall: datetime) -> bool:
        minute = wall.hour * 60 + wall.minute
        return any(start <= minute < end for start, end in self._parts(wall.date(), is_open=True))

    def _first(self, begin: datetime, end: datetime, *, is_open: bool) -> datetime | None:
        """The first instant in [begin, end) at which the window is open, or is not; all in UTC without a zone."""
        for since, until, offset in _stretches(self.zone, begin, end):
            found = self._first_wall(since + offset, until + offset, is_open=is_open)
            if found is not None:
                return found - offset
        return None

    def _first_wall(self, begin: datetime, end: datetime, *, is_open: bool) -> datetime | None:
        """The same for readings of the wall clock while it runs evenly."""
        day, last = begin.date(), end.date()
        while day <= last:
            parts = self._parts(day, is_open=is_open)
            for start, stop in parts:
                midnight = datetime.combine(day, time.min)
                if midnight + timedelta(minutes=stop) > begin:
                    found = max(begin, midnight + timedelta(minutes=start))
                    return found if found < end else None
            day = day + _DAY if parts else self._next_unlike(day, last)
        return None

    def _next_unlike(self, day: date, last: date) -> date:
        """The next date that may have other open parts than ``day``; at most one after ``last``.

        A date is like the one before as long as the two dates before it and itself are all in the window, or all not.
        """
        is_in = self._matches(day)
        return self._first_day(day + _DAY, last, is_in=not is_in) if is_in == self._matches(day - _DAY) else day + _DAY

    def _parts(self, day: date, *, is_open: bool) -> Ranges:
        return _parts_of_day(self.times, self._matches(day - _DAY), self._matches(day), is_open)

    def _matches(self, day: date) -> bool:
        """Whether what starts on this date belongs to the window."""
        return bool(self._month(day.year, day.month)[0] >> day.day & 1)

    def _first_day(self, day: date, last: date, *, is_in: bool) -> date:
        """The first date from ``day`` on that matches, or does not; one after ``last`` if there is none up to it."""
        while day <= last:
            matching, whole = self._month(day.year, day.month)
            left = (matching if is_in else whole & ~matching) >> day.day
            if left:
                return day + timedelta(days=(left & -left).bit_length() - 1)
            day += timedelta(days=whole.bit_length() - day.day)
        return day

    def _month(self, year: int, month: int) -> tuple[int, int]:
        return _days_of_month(self.weekdays, self.days_of_month, self.months, self.years, year, month)


@dataclass(frozen=True, slots=True)
class OneOff:
    """Once, [starts_at, ends_at); both aware. Both ends are known, so no horizon cuts them off."""

    starts_at: datetime
    ends_at: datetime

    def contains(self, at: datetime) -> bool:
        """Whether the window is open at this instant."""
        # Two readings of one zone compare as wall clocks, blind to the hour that comes twice.
        return self.starts_at.astimezone(UTC) <= at.astimezone(UTC) < self.ends_at.astimezone(UTC)

    def open_until(self, at: datetime) -> datetime | None:
        """The end (UTC); None if the window is not open at ``at``."""
        return self.ends_at.astimezone(UTC) if self.contains(at) else None

    def opens_at(self, at: datetime) -> datetime | None:
        """``at`` itself if the window is open then; the start (UTC) before it; None after it."""
        if self.contains(at):
            return at
        starts_at = self.starts_at.astimezone(UTC)
        return starts_at if at.astimezone(UTC) < starts_at < self.ends_at.astimezone(UTC) else None


def instant_of(wall: datetime, zone: tzinfo) -> datetime:
    """The first instant (UTC) at which the clocks of a zone show ``wall``, which has no zone itself.

    A time that they leave out is the instant at which they are put forward: the next one that there is.
    """
    plain = wall.replace(tzinfo=None, fold=0)
    first = plain.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    if _wall(zone, first) != plain:
        # Left out: read by the offset after the change it is an instant before the change, and the other way round.
        before = plain.replace(tzinfo=zone, fold=1).astimezone(UTC).replace(tzinfo=None)
        around = (change for year in (before.year, first.year) for change in _changes(zone, year))
        first = next(change for change in around if change > before)
    return first.replace(tzinfo=UTC)


def _plain_utc(at: datetime) -> datetime:
    assert at.tzinfo is not None, "an instant without a zone would be read in the zone of the machine"
    return at.astimezone(UTC).replace(tzinfo=None)


def _wall(zone: tzinfo, at: datetime) -> datetime:
    """What the clocks show at an instant (UTC without a zone)."""
    return zone.fromutc(at.replace(tzinfo=zone)).replace(tzinfo=None)


def _offset(zone: tzinfo, at: datetime) -> timedelta:
    """By how much the clocks are ahead of UTC at an instant (UTC without a zone)."""
    return _wall(zone, at) - at


def _stretches(zone: tzinfo, begin: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """[begin, end) cut where the offset changes, each piece with its offset."""
    since = begin
    for year in range(begin.year, end.year + 1):
        # Cut at the end of the year too: the changes of the next one are not looked for before somebody gets there.
        for change in (*_changes(zone, year), _begin_of(year + 1)):
            if since < change < end:
                yield since, change, _offset(zone, since)
                since = change
    yield since, end, _offset(zone, since)


@lru_cache(maxsize=2048)
def _changes(zone: tzinfo, year: int) -> tuple[datetime, ...]:
    """The instants of a year, in UTC, at which the offset of a zone changes."""
    # Two changes that undo each other between two looks would be missed. Since 1970 none have been nearer than 167 hours.
    looks = [_begin_of(year) + timedelta(days=days) for days in range(-1, 370, 3)]
    offsets = [_offset(zone, look) for look in looks]
    found = [
        _change_between(zone, looks[n - 1], looks[n]) for n in range(1, len(looks)) if offsets[n - 1] != offsets[n]
    ]
    return tuple(change for change in found if change.year == year)


def _change_between(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """The change after ``low`` and not after ``high``, to the second: the database of zones knows nothing finer."""
    before = _offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _begin_of(year: int) -> datetime:
    return datetime(year, 1, 1)  # noqa: DTZ001 (in UTC, without a zone, as all arithmetic here)


@lru_cache(maxsize=4096)
def _parts_of_day(times: Ranges, is_day_before: bool, is_day: bool, is_open: bool) -> Ranges:
    """The minutes of a day at which a window is open, or is not, in order; by whether the day and the one before it match."""
    found: list[tuple[int, int]] = []
    for start, end in times or ((0, DAY_MINUTES),):
        if is_day:
            found.append((start, end if start <= end else DAY_MINUTES))
        if is_day_before and start > end:
            found.append((0, end))
    merged: list[tuple[int, int]] = []
    for start, end in sorted(part for part in found if part[0] < part[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    if is_open:
        return tuple(merged)
    edges = [0, *(minute for part in merged for minute in part), DAY_MINUTES]
    return tuple((edges[n], edges[n + 1]) for n in range(0, len(edges), 2) if edges[n] < edges[n + 1])


@lru_cache(maxsize=8192)
def _days_of_month(
    weekdays: Ranges, days_of_month: Ranges, months: Ranges, years: Ranges, year: int, month: int
) -> tuple[int, int]:
    """Which days of a month match, and which there are: bit 1 is the first."""
    first = date(year, month, 1)
    length = ((first + timedelta(days=31)).replace(day=1) - first).days
    whole = (1 << length + 1) - 2
    if (years and not any(start <= year <= end for start, end in years)) or (months and not _is_in(months, month)):
        return 0, whole
    matching = 0
    for day in range(1, length + 1):
        is_weekday = not weekdays or _is_in(weekdays, (first.weekday() + day - 1) % 7)
        if is_weekday and (not days_of_month or _is_day_in(days_of_month, day, length)):
            matching |= 1 << day
    return matching, whole


def _is_in(ranges: Ranges, value: int) -> bool:
    """Whether one of the ranges holds the value; those whose start is after their end go round."""
    return any(start <= value <= end if start <= end else value >= start or value <= end for start, end in ranges)


def _is_day_in(ranges: Ranges, day: int, length: int) -> bool:
    """The same for days of a month of this length, of which the negative ones count from its end."""
    counted = (
        (start if start > 0 else length + 1 + start, end if end > 0 else length + 1 + end) for start, end in ranges
    )
    return any(start <= day <= end for start, end in counted)
