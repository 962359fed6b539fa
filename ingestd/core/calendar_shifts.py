"""What an imported calendar says of who is on call: stretches of time with one person each, laid out so that they never overlap."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from heapq import heappop, heappush
from itertools import pairwise
from typing import Final

from ingestd.core.names import PersonName

_LEVEL: Final = re.compile(r"\s*\[[^\[\]]{0,20}\]\s*")


class CalendarUse(StrEnum):
    """What a calendar is to its schedule: it overrides the layers, or it is the lowest layer, and may be the only one."""

    OVERRIDES = "overrides"
    LAYERS = "layers"


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """One person is on call from ``starts_at`` up to ``ends_at``; both in UTC, the end after the start."""

    starts_at: datetime
    ends_at: datetime
    person: PersonName


@dataclass(frozen=True, slots=True)
class Imported:
    """The calendar of a schedule. Outside its stretches it leaves the time open."""

    use: CalendarUse
    stretches: tuple[Stretch, ...] = ()
    """Sorted, and none overlaps another: see ``laid_out``."""

    def at(self, at: datetime) -> PersonName | None:
        """Whom it names at an instant; None if nobody."""
        at = at.astimezone(UTC)
        number = bisect_right(self.stretches, at, key=_start) - 1
        if number < 0 or self.stretches[number].ends_at <= at:
            return None
        return self.stretches[number].person

    def may_change_at(self, at: datetime, end: datetime) -> datetime:
        """The next instant at which it names somebody else, or nobody; ``end`` if that comes first."""
        at = at.astimezone(UTC)
        number = bisect_right(self.stretches, at, key=_start)
        if number and self.stretches[number - 1].ends_at > at:
            return min(self.stretches[number - 1].ends_at, end)
        return min(self.stretches[number].starts_at, end) if number < len(self.stretches) else end


def _start(stretch: Stretch) -> datetime:
    return stretch.starts_at


def laid_out(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The same without overlaps: of several at once the one that began last holds, then the one that ends first, then by name.

    So an evening that somebody takes over may simply be entered within the week of somebody else.
    """
    ordered = sorted(stretches, key=_start)
    edges = sorted({edge for one in ordered for edge in (one.starts_at, one.ends_at)})
    found: list[Stretch] = []
    open_now: list[tuple[float, datetime, PersonName]] = []
    number = 0
    for at, until in pairwise(edges):
        while number < len(ordered) and ordered[number].starts_at <= at:
            one = ordered[number]
            heappush(open_now, (-one.starts_at.timestamp(), one.ends_at, one.person))
            number += 1
        while open_now and open_now[0][1] <= at:
            heappop(open_now)
        if not open_now:
            continue
        person = open_now[0][2]
        if found and found[-1].person == person and found[-1].ends_at == at:
            found[-1] = Stretch(found[-1].starts_at, until, person)
        else:
            found.append(Stretch(at, until, person))
    return tuple(found)


def directory_of(people: Mapping[PersonName, Iterable[str]]) -> dict[str, PersonName]:
    """By which words a calendar may name whom: by name and by each address, in any case."""
    found = {address.casefold(): name for name, addresses in people.items() for address in addresses}
    return {**found, **{name.casefold(): name for name in people}}


def person_of(summary: str, directory: Mapping[str, PersonName]) -> PersonName | None:
    """Who is meant by the title of an event: a name or an address, behind ``[L1]`` or the like if that stands before it."""
    word = _LEVEL.sub("", summary, count=1) if summary.lstrip().startswith("[") else summary
    return directory.get(word.strip().casefold())
