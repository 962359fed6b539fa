"""The policy as it holds at this moment: the configuration, and what the database knows besides.

People stand in for each other at run time, and a phone number may turn out to be dead. Each transaction that decides or words something
asks here, so that a page goes to whoever took over.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine, select

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Person, Policy
from ingestd.core.rota import Override, Schedule
from ingestd.core.rota_gaps import ContactFacts
from ingestd.store import calendars, dialect
from ingestd.store.schema import contacts, overrides, settings

_REVISION: Final = "roster_revision"
_ASK_REVISION: Final = select(settings.c.value).where(settings.c.name == _REVISION)
"""Made once: it is asked in every transaction that decides."""
_RAISED_IN: Final = "ingestd.roster_raised_in"
_KEPT_COUNT: Final = 4
"""So many merged policies are kept for each database: the one in force, and those that somebody still works with after a reload."""
_LOOK_BACK: Final = timedelta(days=8)
"""Overrides that ended before that are left out: nobody who decides asks for so long ago."""


@dataclass(frozen=True, slots=True)
class _Merged:
    revision: str
    policy: Policy
    effective: Policy


_merged: weakref.WeakKeyDictionary[Engine, list[_Merged]] = weakref.WeakKeyDictionary()


def effective(connection: Connection, policy: Policy, now: datetime) -> Policy:
    """The policy with overrides of run time in its schedules, and dead contacts taken out of its people.

    The same value if there is nothing of that. An override of the configuration wins over one of the database; one for a person or a
    schedule that is not there any more is left out. Costs one small query until something changes.
    """
    revision = connection.execute(_ASK_REVISION).scalar()
    if revision is None:
        return policy
    known = _merged.setdefault(connection.engine, [])
    for one in known:
        if one.revision == revision and (one.policy is policy or one.effective is policy):
            return one.effective
    made = merge(connection, policy, now - _LOOK_BACK)
    # What this transaction has changed itself may yet be rolled back, and its number given to another change.
    if connection.info.get(_RAISED_IN) is not connection.get_transaction():
        _merged[connection.engine] = [_Merged(revision, policy, made), *known][:_KEPT_COUNT]
    return made


def raise_revision(connection: Connection) -> None:
    """Overrides, contacts or calendars have changed in the caller's transaction: whoever asks from now on sees it."""
    dialect.serialise_decisions(connection)
    before = connection.execute(_ASK_REVISION).scalar()
    row = {"name": _REVISION, "value": str(int(before or 0) + 1)}
    dialect.upsert(connection, settings, ["name"], [row])
    connection.info[_RAISED_IN] = connection.get_transaction()


def merge(connection: Connection, policy: Policy, since: datetime) -> Policy:
    """The same as ``effective``, read anew, with every override that ended after ``since``."""
    made = _overrides(connection, since)
    dead = _dead(connection)
    schedules = {name: _merge_schedule(one, made.get(name, []), policy) for name, one in policy.schedules.items()}
    schedules = calendars.fill_in(connection, schedules, policy.people)
    people = {name: _without(person, dead.get(name, frozenset())) for name, person in policy.people.items()}
    if schedules == policy.schedules and people == policy.people:
        return policy
    return replace(policy, schedules=schedules, people=people)


def _merge_schedule(schedule: Schedule, made: list[Override], policy: Policy) -> Schedule:
    """Of overrides that overlap the last one holds: those of the configuration come last."""
    usable = [one for one in made if one.who in policy.people and one not in schedule.overrides]
    return replace(schedule, overrides=(*usable, *schedule.overrides)) if usable else schedule


def _overrides(connection: Connection, since: datetime) -> Mapping[str, list[Override]]:
    """By schedule, in the order in which they were made."""
    found: dict[str, list[Override]] = defaultdict(list)
    query = (
        select(
            overrides.c.schedule,
            overrides.c.person,
            overrides.c.starts_at,
            overrides.c.ends_at,
            overrides.c.why,
            overrides.c.author,
        )
        .where(overrides.c.ends_at > since, overrides.c.ends_at > overrides.c.starts_at)
        .order_by(overrides.c.number)
    )
    for row in connection.execute(query):
        found[row.schedule].append(Override(PersonName(row.person), row.starts_at, row.ends_at, row.why, row.author))
    return found


def _dead(connection: Connection) -> Mapping[PersonName, frozenset[tuple[Channel, str]]]:
    query = select(contacts.c.person, contacts.c.channel, contacts.c.address).where(contacts.c.dead_since.is_not(None))
    found: dict[PersonName, set[tuple[Channel, str]]] = defaultdict(set)
    for row in connection.execute(query):
        found[PersonName(row.person)].add((row.channel, row.address))
    return {name: frozenset(dead) for name, dead in found.items()}


def _without(person: Person, dead: frozenset[tuple[Channel, str]]) -> Person:
    channels = tuple(one for one in person.channels if one not in dead)
    # The last contact of somebody is tried although it seems dead: else it would be nobody for certain.
    return person if not channels or channels == person.channels else replace(person, channels=channels)


def contact_facts(connection: Connection, policy: Policy) -> ContactFacts:
    """What is known of the contacts that people have in the configuration, which is ``policy`` as it is there."""
    dead: dict[PersonName, list[Channel]] = defaultdict(list)
    reached: set[PersonName] = set()
    query = select(
        contacts.c.person, contacts.c.channel, contacts.c.address, contacts.c.dead_since, contacts.c.reached_at
    ).order_by(contacts.c.person, contacts.c.channel)
    for row in connection.execute(query):
        name = PersonName(row.person)
        person = policy.people.get(name)
        if person is None or (row.channel, row.address) not in person.channels:
            continue
        if row.dead_since is not None:
            dead[name].append(row.channel)
        elif row.reached_at is not None:
            reached.add(name)
    return ContactFacts({name: tuple(found) for name, found in dead.items()}, frozenset(reached))
