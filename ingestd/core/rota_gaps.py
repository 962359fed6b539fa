"""Where schedules would let a page down: nobody on call, two levels of a policy that are one person, a person who cannot be reached.

And where they might: a person who is away, whom nothing has ever reached, or one of whose contacts is dead.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Policy
from ingestd.core.rota import Schedule, Shift, shifts
from ingestd.core.target import people_of, schedule_of, team_of


class GapKind(StrEnum):
    """What is wrong."""

    NOBODY = "nobody-on-call"
    TWO_LEVELS = "two-levels"
    NO_CONTACT = "no-contact"
    AWAY = "away"
    DEAD_CONTACT = "dead-contact"
    """One of several: the others are used."""
    NEVER_REACHED = "never-reached"


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
    detail: str = ""
    """Of a dead contact: which channels."""


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What is known of people's contacts from having used them."""

    dead: Mapping[PersonName, tuple[Channel, ...]]
    reached: frozenset[PersonName]
    """Whom something has reached on a contact that they still have."""


def all_gaps(
    policy: Policy,
    chosen: Iterable[Schedule],
    begin: datetime,
    end: datetime,
    *,
    with_policies: bool,
    facts: ContactFacts | None = None,
) -> list[Gap]:
    """Everything that is wrong with these schedules from ``begin`` to ``end`` (aware), and with all policies; in order of time."""
    reachable = {name for name, person in policy.people.items() if person.channels}
    found: list[Gap] = []
    for one in chosen:
        found += gaps_of_schedule(one, begin, end, reachable)
        found += doubts_of_schedule(one, begin, end, policy.people, facts)
    if with_policies:
        found += [gap for one in policy.escalations.values() for gap in gaps_of_policy(one, policy, begin, end)]
    return sorted(found, key=lambda gap: (gap.starts_at, gap.name, gap.kind))


def gaps_of_schedule(
    schedule: Schedule, begin: datetime, end: datetime, reachable: Collection[PersonName]
) -> Iterator[Gap]:
    """Stretches of a schedule with nobody, or with somebody who is not among those who can be reached; in order of time."""
    for shift in shifts(schedule, begin, end):
        if shift.person is None:
            yield Gap(GapKind.NOBODY, shift.starts_at, shift.ends_at, schedule.name)
        elif shift.person not in reachable:
            yield Gap(GapKind.NO_CONTACT, shift.starts_at, shift.ends_at, schedule.name, shift.person)


def doubts_of_schedule(
    schedule: Schedule, begin: datetime, end: datetime, people: Mapping[PersonName, Person], facts: ContactFacts | None
) -> Iterator[Gap]:
    """Shifts of people who are away then; with ``facts`` also of those with a dead contact besides others.

    And the first shift of everybody whom nothing is known to have reached.
    """
    unproven = set(people) - facts.reached if facts is not None else set()
    for shift in shifts(schedule, begin, end):
        person = people.get(shift.person) if shift.person is not None else None
        if person is None:
            continue
        for away in person.away:
            since, until = max(shift.starts_at, away.starts_at), min(shift.ends_at, away.ends_at)
            if since < until:
                yield Gap(GapKind.AWAY, since.astimezone(UTC), until.astimezone(UTC), schedule.name, person.name)
        if facts is None or not person.channels:
            continue
        dead = facts.dead.get(person.name, ())
        if {channel for channel, _ in person.channels} <= set(dead):
            yield Gap(GapKind.NO_CONTACT, shift.starts_at, shift.ends_at, schedule.name, person.name)
            continue
        if dead:
            words = " and ".join(dead)
            yield Gap(GapKind.DEAD_CONTACT, shift.starts_at, shift.ends_at, schedule.name, person.name, detail=words)
        if person.name in unproven:
            unproven.discard(person.name)
            yield Gap(GapKind.NEVER_REACHED, shift.starts_at, shift.ends_at, schedule.name, person.name)


def words_of(gap: Gap) -> str:
    """What is wrong, as people read it."""
    if gap.kind is GapKind.TWO_LEVELS:
        return f"{gap.person} is {' and '.join(f'L{level}' for level in gap.levels)} of this policy"
    return {
        GapKind.NOBODY: "nobody is on call",
        GapKind.NO_CONTACT: f"{gap.person} is on call and has no usable contact",
        GapKind.AWAY: f"{gap.person} is on call and away",
        GapKind.DEAD_CONTACT: f"{gap.person} is on call and cannot be reached by {gap.detail} any more",
        GapKind.NEVER_REACHED: f"{gap.person} is on call and nothing is known to have reached them yet",
    }[gap.kind]


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
