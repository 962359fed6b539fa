"""An override that somebody asks for at run time, and a swap of two people's shifts: what is wrong with it is told before it is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestd.core.names import PersonName
from ingestd.core.policy import Policy
from ingestd.core.rota import Override, Schedule, Shift, shifts

WHY_CHARS_MAX = 500
AUTHOR_CHARS_MAX = 80
LENGTH_MAX = timedelta(days=90)
"""Who takes over for longer belongs into the configuration, where it is reviewed."""
AHEAD_MAX = timedelta(days=366)
_SWAP_HORIZONS = (timedelta(days=35), AHEAD_MAX)
"""A shift is looked for within the first; if there is none, within the second, which costs more."""


@dataclass(frozen=True, slots=True)
class WantedOverride:
    """What is asked for. Instants are aware; ``starts_at`` None is now, and what has begun before now begins now."""

    schedule: str
    person: PersonName
    starts_at: datetime | None
    ends_at: datetime
    why: str
    author: str

    def begins_at(self, now: datetime) -> datetime:
        """When it begins: it changes nothing of what was."""
        return now if self.starts_at is None else max(now, self.starts_at)


@dataclass(frozen=True, slots=True)
class OverrideFault:
    """One thing that is wrong; ``field`` as the API names it. ``word`` is a name that does not exist, ``known`` those that do."""

    field: str
    text: str
    hint: str = ""
    word: str = ""
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedSwap:
    """From ``starts_at`` (aware) on, the shift of one person that is on or comes next goes to the other, and theirs to the first."""

    schedule: str
    one: PersonName
    other: PersonName
    starts_at: datetime
    why: str
    author: str


def faults_of(wanted: WantedOverride, policy: Policy, now: datetime) -> list[OverrideFault]:
    """Everything that is wrong with it; nothing if it can be made."""
    named = [*_of_schedule(wanted.schedule, policy), *_of_person("person", wanted.person, policy)]
    return [*named, *_of_words(wanted.why, wanted.author), *_of_times(wanted, now)]


def faults_of_swap(wanted: WantedSwap, policy: Policy, now: datetime) -> list[OverrideFault]:
    """Everything that is wrong with a swap, as far as it can be told without looking for the shifts."""
    faults = [*_of_schedule(wanted.schedule, policy), *_of_person("one", wanted.one, policy)]
    faults += [*_of_person("other", wanted.other, policy), *_of_words(wanted.why, wanted.author)]
    if wanted.one == wanted.other:
        faults.append(OverrideFault("other", f"{wanted.one} cannot swap with themselves", "name two people"))
    if wanted.starts_at - now > AHEAD_MAX:
        faults.append(OverrideFault("starts_at", f"that is in more than {AHEAD_MAX.days} days"))
    return faults


def shifts_to_swap(
    schedule: Schedule, fixed: Sequence[Override], wanted: WantedSwap, since: datetime
) -> tuple[Shift, Shift] | list[OverrideFault]:
    """The shifts that two people exchange from ``since`` on, that of ``one`` first; or why they cannot.

    ``schedule`` is as it holds now. ``fixed`` are overrides that win over what a swap would make.
    """
    found: list[Shift] = []
    faults: list[OverrideFault] = []
    for field, person in (("one", wanted.one), ("other", wanted.other)):
        shift = shift_of(schedule, person, since)
        if shift is None:
            text = f"{person} has no shift on “{schedule.name}” within {AHEAD_MAX.days} days"
            faults.append(OverrideFault(field, text, f"see: ingestd oncall show {schedule.name}"))
        elif shift.ends_at - shift.starts_at >= LENGTH_MAX:
            text = f"{person} is on call on “{schedule.name}” for {LENGTH_MAX.days} days or longer: there is no shift to swap"
            faults.append(OverrideFault(field, text, "take over a part of it: ingestd oncall override"))
        else:
            found.append(shift)
            faults += [
                OverrideFault(
                    field, f"the configuration has an override within the shift of {person}, and it wins", _IN_FILE
                )
                for one in fixed
                if one.starts_at < shift.ends_at and one.ends_at > shift.starts_at
            ][:1]
    return faults or (found[0], found[1])


_IN_FILE = "change it there"


def shift_of(schedule: Schedule, person: PersonName, since: datetime) -> Shift | None:
    """The shift of a person that is on at an instant, from then on, or the next one; None if none begins within a year."""
    for horizon in _SWAP_HORIZONS:
        # A shift that the horizon cuts is found whole: it is looked for again from its own start.
        for found in shifts(schedule, since, since + horizon):
            if found.person == person:
                return next(iter(shifts(schedule, found.starts_at, found.starts_at + LENGTH_MAX)))
    return None


def _of_schedule(name: str, policy: Policy) -> Iterator[OverrideFault]:
    if name in policy.schedules:
        return
    if policy.schedules:
        yield OverrideFault("schedule", f"there is no schedule “{name}”", word=name, known=tuple(policy.schedules))
    else:
        yield OverrideFault("schedule", "there are no schedules", "write them into the configuration, under schedules")


def _of_person(field: str, name: PersonName, policy: Policy) -> Iterator[OverrideFault]:
    known = tuple(one.name for one in policy.people.values() if not one.is_address)
    if name not in known:
        yield OverrideFault(field, f"there is nobody called “{name}”", word=name, known=known)


def _of_words(why: str, author: str) -> Iterator[OverrideFault]:
    if not author.strip():
        yield OverrideFault("author", "an override needs an author", "say who wants it")
    elif len(author) > AUTHOR_CHARS_MAX:
        yield OverrideFault("author", f"the author has {len(author)} characters (at most {AUTHOR_CHARS_MAX})")
    if len(why) > WHY_CHARS_MAX:
        yield OverrideFault("why", f"the reason has {len(why)} characters (at most {WHY_CHARS_MAX})")


def _of_times(wanted: WantedOverride, now: datetime) -> Iterator[OverrideFault]:
    begins_at = wanted.begins_at(now)
    if begins_at - now > AHEAD_MAX:
        yield OverrideFault("starts_at", f"it would begin in more than {AHEAD_MAX.days} days")
    if wanted.ends_at <= now:
        yield OverrideFault("ends_at", "it would have ended already", "give an end that is still to come")
    elif wanted.ends_at <= begins_at:
        yield OverrideFault("ends_at", "it would end before it begins")
    elif wanted.ends_at - begins_at > LENGTH_MAX:
        hint = "write it into the configuration, under overrides of the schedule"
        yield OverrideFault("ends_at", f"an override made at run time lasts at most {LENGTH_MAX.days} days", hint)
