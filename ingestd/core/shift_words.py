"""What people are told of their shifts: that one begins, until when and who is next; that it is over, and who has it now.

Who was on call at the last look is remembered, and told is what differs. So nothing is told twice or missed, whatever changes who is on
call (a turn, an override, a calendar, a reload), and however long ingestd was down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from ingestd.core.effects import PersonalWord
from ingestd.core.names import EffectKey, PersonName
from ingestd.core.policy import Person, Policy
from ingestd.core.rota import Schedule, Shift, on_clock, present, shifts

LATE: Final = timedelta(hours=1)
"""A shift that began so long ago is told of as one that is under way."""
FORGOTTEN: Final = timedelta(days=1)
"""The end of a shift is not told any more when it is so long ago."""
LOOK_AHEAD: Final = timedelta(days=60)
_LOOK_BACK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Handover:
    """On a schedule somebody else is on call than at the last look."""

    schedule: str
    before: PersonName | None
    ended_at: datetime
    """When the time of ``before`` was over."""
    shift: Shift
    """The one that is on."""
    following: PersonName | None
    has_end: bool
    """Whether the shift ends, as far as anybody looks ahead."""


def handovers(
    policy: Policy, known: Mapping[str, PersonName | None], looked_at: datetime, now: datetime
) -> list[Handover]:
    """What has changed since the last look; a schedule that is not ``known`` was empty then."""
    found = []
    for name, schedule in policy.schedules.items():
        shift, following, has_end = present(schedule, now, LOOK_AHEAD)
        before = known.get(name)
        if shift.person == before:
            continue
        past = shifts(schedule, min(max(looked_at, now - _LOOK_BACK), now), now + timedelta(microseconds=1))
        ended_at = now
        if past[0].person == before:
            ended_at = past[0].ends_at
            shift = replace(shift, starts_at=past[-1].starts_at)
        # Else it is the configuration that has changed: whoever was told that they are on call was so until now.
        found.append(Handover(name, before, ended_at, shift, following, has_end))
    return found


def next_handover_at(policy: Policy, now: datetime) -> datetime | None:
    """When somebody else is on call on any schedule, as far as it can be foreseen; None if nothing changes for a long time."""
    found = [present(one, now, LOOK_AHEAD) for one in policy.schedules.values()]
    return min((shift.ends_at for shift, _, has_end in found if has_end), default=None)


def words_of(change: Handover, policy: Policy, now: datetime) -> list[PersonalWord]:
    """What is said of it to the one who comes and to the one who goes, by their normal profile and outside of their quiet hours."""
    schedule = policy.schedules[change.schedule]
    words = []
    gone = policy.people.get(change.before) if change.before is not None else None
    if gone is not None and now - change.ended_at <= FORGOTTEN:
        text = f"Your shift on {schedule.name} is over; {change.shift.person or 'nobody'} has it now"
        words.append(word_to(gone, policy, _key(change, gone, "end"), text, now))
    come = policy.people.get(change.shift.person) if change.shift.person is not None else None
    if come is not None:
        said = word_to(come, policy, _key(change, come, "start"), _start(change, schedule, now), now)
        # Whoever is quiet for all of their shift has nothing to be told of it.
        words.append(said if said is None or not change.has_end or said.due_at < change.shift.ends_at else None)
    return [word for word in words if word is not None]


def _key(change: Handover, person: Person, what: str) -> EffectKey:
    at = f"{change.shift.starts_at:%Y%m%dT%H%M%S.%fZ}"
    return EffectKey(f"word/shift/{change.schedule}/{at}/{person.name}/{what}")


def _start(change: Handover, schedule: Schedule, now: datetime) -> str:
    since = ""
    if now - change.shift.starts_at > LATE:
        since = f" since {on_clock(change.shift.starts_at, schedule.zone)},"
    if not change.has_end:
        return f"You are on call on {schedule.name}{since.rstrip(',')}"
    until = on_clock(change.shift.ends_at, schedule.zone)
    return f"You are on call on {schedule.name}{since} until {until}; after you: {change.following or 'nobody'}"


def word_to(person: Person, policy: Policy, key: EffectKey, text: str, now: datetime) -> PersonalWord | None:
    """A word by the first channel that reaches somebody for what is not urgent, when their quiet hours are over; None if nothing does."""
    stages = person.stages_for(is_urgent=False)
    for channel in stages[0].channels if stages else ():
        connectors = policy.connectors_of(channel, person.address_of(channel) or "")
        if connectors:
            quiet_until = person.quiet.open_until(now) if person.quiet is not None else None
            return PersonalWord(key, connectors[0], person.name, channel, text, quiet_until or now)
    return None
