"""Whom a word of a step means.

``schedule:NAME`` is whoever is on call when it is paged, ``team:NAME`` everybody in the team, ``assignee`` whoever is in charge of the
incident, and ``person:NAME`` or a bare name a person.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ingestd.core.names import PersonName
from ingestd.core.policy import Policy
from ingestd.core.rota import who

SCHEDULE_PREFIX: Final = "schedule:"
PERSON_PREFIX: Final = "person:"
TEAM_PREFIX: Final = "team:"
ASSIGNEE: Final = "assignee"


def schedule_of(word: str) -> str | None:
    """The schedule that a word names; None if it names none."""
    return word.removeprefix(SCHEDULE_PREFIX) if word.startswith(SCHEDULE_PREFIX) else None


def team_of(word: str) -> str | None:
    """The team that a word names; None if it names none."""
    return word.removeprefix(TEAM_PREFIX) if word.startswith(TEAM_PREFIX) else None


def person_named(word: str) -> PersonName | None:
    """The person whom a word names outright; None if it stands for somebody, or for several."""
    if word == ASSIGNEE or schedule_of(word) is not None or team_of(word) is not None:
        return None
    return PersonName(word.removeprefix(PERSON_PREFIX))


def people_of(word: str, policy: Policy, assignee: PersonName | None, at: datetime) -> tuple[PersonName, ...]:
    """Whom a word means at an instant (aware); nobody if nobody is on call then, or what it names is not there any more.

    A person who is named need not be known.
    """
    named = person_named(word)
    if named is not None:
        return (named,)
    if word == ASSIGNEE:
        return () if assignee is None else (assignee,)
    team = team_of(word)
    if team is not None:
        return policy.teams[team].members if team in policy.teams else ()
    schedule = policy.schedules.get(schedule_of(word) or "")
    found = who(schedule, at) if schedule is not None else None
    return () if found is None else (found,)


def is_known(word: str, policy: Policy) -> bool:
    """Whether there is such a person, schedule or team."""
    named, team = person_named(word), team_of(word)
    if named is not None:
        return named in policy.people
    if team is not None:
        return team in policy.teams
    return word == ASSIGNEE or schedule_of(word) in policy.schedules


def in_words(word: str) -> str:
    """The word as people read it: ``asha``, ``whoever is on call on “first-line”``, ``team “payments”``."""
    schedule, team = schedule_of(word), team_of(word)
    if schedule is not None:
        return f"whoever is on call on “{schedule}”"
    if team is not None:
        return f"team “{team}”"
    return "whoever is in charge" if word == ASSIGNEE else word.removeprefix(PERSON_PREFIX)
