"""Whom a word of a step means: ``schedule:NAME`` is whoever is on call when it is paged, ``person:NAME`` or a bare name a person."""

from __future__ import annotations

from collections.abc import Mapping
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
        return PersonName(word.removeprefix(PERSON_PREFIX))
    schedule = schedules.get(name)
    return who(schedule, at) if schedule is not None else None
