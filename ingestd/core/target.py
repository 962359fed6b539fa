"""Whom a word of a step means: ``schedule:NAME`` is whoever is on call when it is paged, ``person:NAME`` or a bare name a person."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Final

from ingestd.core.names import PersonName
from ingestd.core.rota import Schedule, who

SCHEDULE_PREFIX: Final = "schedule:"
PERSON_PREFIX: Final = "person:"


def schedule_of(word: str) -> str | None:
    """The schedule that a word names; None if it names a person."""
    return word.removeprefix(SCHEDULE_PREFIX) if word.startswith(SCHEDULE_PREFIX) else None


def person_of(word: str, schedules: Mapping[str, Schedule], at: datetime) -> PersonName | None:
    """Whom a word means at an instant (aware); None if nobody is on call then, or there is no such schedule any more.

    A person who is named need not be known.
    """
    name = schedule_of(word)
    if name is None:
        return _named(word)
    schedule = schedules.get(name)
    return who(schedule, at) if schedule is not None else None


def is_known(word: str, people: Container[PersonName], schedules: Container[str]) -> bool:
    """Whether there is such a person, or such a schedule."""
    name = schedule_of(word)
    return _named(word) in people if name is None else name in schedules


def _named(word: str) -> PersonName:
    return PersonName(word.removeprefix(PERSON_PREFIX))
