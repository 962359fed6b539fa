"""Where schedules would let a page down: nobody on call, two levels of a policy that are one person, a person who cannot be reached."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from ingestd.core.names import PersonName
from ingestd.core.policy import EscalationPolicy, Policy
from ingestd.core.rota import Schedule, Shift, shifts
from ingestd.core.target import people_of, schedule_of, team_of


class GapKind(StrEnum):
    """What is wrong."""

    NOBODY = "nobody-on-call"
    TWO_LEVELS = "two-levels"
    NO_CONTACT = "no-contact"


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch [starts_at, ends_at) in which something is wrong with a schedule or a policy; both in UTC."""

    kind: GapKind
    starts_at: datetime
    ends_at: datetime
    name: str
    """The schedule, or for two levels the policy."""
    person: PersonName | None = None
    levels: tuple[int, ...] = ()
    """The levels that are one person, from 1."""


def gaps_of_schedule(
    schedule: Schedule, begin: datetime, end: datetime, reachable: Collection[PersonName]
) -> Iterator[Gap]:
    """Stretches of a schedule with nobody, or with somebody who is not among those who can be reached; in order of time."""
    for shift in shifts(schedule, begin, end):
        if shift.person is None:
            yield Gap(GapKind.NOBODY, shift.starts_at, shift.ends_at, schedule.name)
        elif shift.person not in reachable:
            yield Gap(GapKind.NO_CONTACT, shift.starts_at, shift.ends_at, schedule.name, shift.person)


def gaps_of_policy(policy: EscalationPolicy, whole: Policy, begin: datetime, end: datetime) -> list[Gap]:
    """Stretches in which a person is on two levels, sorted by time. The same word on two levels is meant, and no gap; so is a team."""
    edges = {begin, end}
    for word in {word for step in policy.steps for word in step.people}:
        edges.update(shift.starts_at for shift in _shifts_of(word, whole.schedules, begin, end))
    ordered = sorted(edges)
    found: list[Gap] = []
    for since, until in pairwise(ordered):
        for person, levels in _on_two_levels(policy, whole, since):
            _add(found, Gap(GapKind.TWO_LEVELS, since, until, policy.name, person, levels))
    return found


def _shifts_of(word: str, schedules: Mapping[str, Schedule], begin: datetime, end: datetime) -> Iterable[Shift]:
    schedule = schedules.get(schedule_of(word) or "")
    return shifts(schedule, begin, end) if schedule is not None else ()


def _on_two_levels(
    policy: EscalationPolicy, whole: Policy, at: datetime
) -> Iterator[tuple[PersonName, tuple[int, ...]]]:
    """Who is meant by different words of different levels, and on which levels they are new there."""
    seen: dict[str, None] = {}
    levels: dict[PersonName, list[int]] = {}
    for level, step in enumerate(policy.steps, 1):
        fresh = [word for word in step.people if word not in seen and team_of(word) is None]
        for person in dict.fromkeys(name for word in fresh for name in people_of(word, whole, None, at)):
            levels.setdefault(person, []).append(step.level or level)
        seen.update(dict.fromkeys(fresh))
    return ((person, tuple(numbers)) for person, numbers in levels.items() if len(numbers) > 1)


def _add(found: list[Gap], gap: Gap) -> None:
    """Add a gap, or let the same one that ends where it begins go on."""
    for number, one in enumerate(found):
        if one.ends_at == gap.starts_at and (one.person, one.levels) == (gap.person, gap.levels):
            found[number] = Gap(one.kind, one.starts_at, gap.ends_at, one.name, one.person, one.levels)
            return
    found.append(gap)
