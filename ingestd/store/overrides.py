"""Overrides of on-call schedules, as people make and end them at run time. What holds is read by ``roster``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, func, select

from ingestd.core.names import PersonName
from ingestd.core.policy import Policy
from ingestd.core.rota import Shift
from ingestd.core.taking_over import OverrideFault, WantedOverride, WantedSwap, shifts_to_swap
from ingestd.store import dialect, roster
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import overrides, settings

CURRENT_COUNT_MAX = 500
"""So many overrides may be in force or still to come: each is compared whenever somebody asks who is on call."""

KEPT = timedelta(days=90)
"""How long an override that has ended is kept."""

_NEXT_NUMBER = "next_override_number"


class OverrideState(StrEnum):
    """Where an override stands at an instant."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class MadeOverride:
    """Somebody else is on call [starts_at, ends_at); made by ``author``. ``ended_by`` is empty unless somebody ended it early."""

    id: str
    number: int
    schedule: str
    person: PersonName
    starts_at: datetime
    ends_at: datetime
    why: str
    author: str
    created_at: datetime
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """What ending an override brought about. ``is_first``: it was not over before."""

    override: MadeOverride
    is_first: bool


@dataclass(frozen=True, slots=True)
class Swapped:
    """Two overrides, and the shifts that they exchange: ``first`` is of ``one``, ``second`` of the other person."""

    overrides: tuple[MadeOverride, MadeOverride]
    first: Shift
    second: Shift


def state_of(override: MadeOverride, now: datetime) -> OverrideState:
    """Where it stands now."""
    if override.ends_at <= now:
        return OverrideState.ENDED
    return OverrideState.PENDING if now < override.starts_at else OverrideState.ACTIVE


def add(connection: Connection, wanted: WantedOverride, now: datetime) -> MadeOverride | None:
    """Make an override that has no faults; None if there are too many that are not over.

    Its number is larger than that of every override before it. Run again after a commit whose outcome was lost, it gives the override
    that it made then.
    """
    dialect.serialise_decisions(connection)
    before = _made_at(connection, wanted.schedule, wanted.author, now)
    begins_at = wanted.begins_at(now)
    for one in before:
        if (one.person, one.starts_at, one.ends_at, one.why) == (wanted.person, begins_at, wanted.ends_at, wanted.why):
            return one
    if current_count(connection, now) >= CURRENT_COUNT_MAX:
        return None
    return _insert(connection, wanted, now)


def swap(
    connection: Connection, wanted: WantedSwap, policy: Policy, now: datetime
) -> Swapped | list[OverrideFault] | None:
    """Exchange two people's shifts by two overrides in one transaction; None if there are too many that are not over.

    The schedule is taken as it holds now, with all overrides. Gives what is wrong if somebody has no shift that could be swapped. Run
    again after a commit whose outcome was lost, it gives what it made then.
    """
    dialect.serialise_decisions(connection)
    before = [one for one in _made_at(connection, wanted.schedule, wanted.author, now) if one.why.startswith("swap ")]
    if len(before) == 2:
        first, second = sorted(before, key=lambda one: one.number)
        return Swapped((first, second), _shift(first, wanted.one), _shift(second, wanted.other))
    if current_count(connection, now) > CURRENT_COUNT_MAX - 2:
        return None
    schedule = roster.effective(connection, policy, now).schedules[wanted.schedule]
    since = max(now, wanted.starts_at)
    pair = shifts_to_swap(schedule, policy.schedules[wanted.schedule].overrides, wanted, since)
    if isinstance(pair, list):
        return pair
    first_shift, second_shift = pair
    given = _taking(connection, wanted, first_shift, wanted.one, wanted.other, now)
    taken = _taking(connection, wanted, second_shift, wanted.other, wanted.one, now)
    return Swapped((given, taken), first_shift, second_shift)


def _taking(
    connection: Connection, wanted: WantedSwap, shift: Shift, giver: PersonName, taker: PersonName, now: datetime
) -> MadeOverride:
    why = f"swap with {giver}" + (f": {wanted.why}" if wanted.why else "")
    asked = WantedOverride(wanted.schedule, taker, shift.starts_at, shift.ends_at, why, wanted.author)
    return _insert(connection, asked, now)


def _shift(override: MadeOverride, person: PersonName) -> Shift:
    return Shift(override.starts_at, override.ends_at, person)


def _made_at(connection: Connection, schedule: str, author: str, now: datetime) -> list[MadeOverride]:
    query = select_of(overrides, MadeOverride).where(
        overrides.c.created_at == now, overrides.c.schedule == schedule, overrides.c.author == author
    )
    return [value_of(MadeOverride, row) for row in connection.execute(query)]


def _insert(connection: Connection, wanted: WantedOverride, now: datetime) -> MadeOverride:
    value = connection.execute(select(settings.c.value).where(settings.c.name == _NEXT_NUMBER)).scalar()
    newest = connection.execute(select(func.max(overrides.c.number))).scalar() or 0
    number = max(int(value) if value else 1, newest + 1)
    made = MadeOverride(
        id=f"OVR-{number}",
        number=number,
        schedule=wanted.schedule,
        person=wanted.person,
        starts_at=wanted.begins_at(now),
        ends_at=wanted.ends_at,
        why=wanted.why,
        author=wanted.author,
        created_at=now,
    )
    connection.execute(overrides.insert().values(**row_of(made)))
    dialect.upsert(connection, settings, ["name"], [{"name": _NEXT_NUMBER, "value": str(number + 1)}])
    roster.raise_revision(connection)
    return made


def end(connection: Connection, override_id: str, by: str, now: datetime) -> Ended | None:
    """End an override now; what the schedule says otherwise holds again. None if there is none of this id. The row stays."""
    dialect.serialise_decisions(connection)
    override = load(connection, override_id)
    if override is None:
        return None
    if override.ends_at <= now:
        return Ended(override, is_first=False)
    ended = replace(override, starts_at=min(override.starts_at, now), ends_at=now, ended_by=by)
    dialect.upsert(connection, overrides, ["id"], [row_of(ended)])
    roster.raise_revision(connection)
    return Ended(ended, is_first=True)


def load(connection: Connection, override_id: str) -> MadeOverride | None:
    """One override."""
    row = connection.execute(select_of(overrides, MadeOverride).where(overrides.c.id == override_id)).first()
    return value_of(MadeOverride, row) if row else None


def listed(
    connection: Connection, states: set[OverrideState], schedule: str | None, now: datetime, limit: int
) -> list[MadeOverride]:
    """Overrides in these states, of one schedule or of all, the newest first."""
    has = {
        OverrideState.ENDED: overrides.c.ends_at <= now,
        OverrideState.PENDING: (overrides.c.ends_at > now) & (overrides.c.starts_at > now),
        OverrideState.ACTIVE: (overrides.c.ends_at > now) & (overrides.c.starts_at <= now),
    }
    asked: ColumnElement[bool] | None = None
    for state in sorted(states):
        asked = has[state] if asked is None else asked | has[state]
    if asked is None:
        return []
    query = select_of(overrides, MadeOverride).where(asked)
    if schedule is not None:
        query = query.where(overrides.c.schedule == schedule)
    query = query.order_by(overrides.c.number.desc()).limit(limit)
    return [value_of(MadeOverride, row) for row in connection.execute(query)]


def current_count(connection: Connection, now: datetime) -> int:
    """How many are in force or still to come."""
    query = select(func.count()).select_from(overrides).where(overrides.c.ends_at > now)
    return int(connection.execute(query).scalar_one())


def prune(connection: Connection, now: datetime, limit: int) -> int:
    """Forget overrides that ended long ago, at most ``limit``; gives how many."""
    old = select(overrides.c.id).where(overrides.c.ends_at < now - KEPT).order_by(overrides.c.ends_at).limit(limit)
    return connection.execute(delete(overrides).where(overrides.c.id.in_(old.scalar_subquery()))).rowcount
