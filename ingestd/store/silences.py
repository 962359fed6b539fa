"""Silences, as people make and end them. Those that are in force are read by ``watches.silences_in_force``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, delete, func, select

from ingestd.core.silence import Silence
from ingestd.core.silencing import WantedSilence
from ingestd.core.watch import HoldReason, Release, Watch
from ingestd.store import dialect, watches
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import settings, silences
from ingestd.store.schema import watches as watch_table

CURRENT_COUNT_MAX = 500
"""So many silences may be in force or still to come: each is compared with every alert that is news."""

KEPT = timedelta(days=90)
"""How long a silence that has ended is kept."""

_NEXT_NUMBER = "next_silence_number"


class SilenceState(StrEnum):
    """Where a silence stands at an instant."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


def state_of(silence: Silence, now: datetime) -> SilenceState:
    """Where it stands now."""
    if silence.ends_at <= now:
        return SilenceState.EXPIRED
    return SilenceState.PENDING if now < silence.starts_at else SilenceState.ACTIVE


@dataclass(frozen=True, slots=True)
class Expired:
    """What ending a silence brought about. ``is_first``: it was not over before; ``released_count`` alerts are looked at now."""

    silence: Silence
    is_first: bool
    released_count: int


def add(connection: Connection, wanted: WantedSilence, now: datetime) -> Silence | None:
    """Make a silence that has no faults; None if there are too many that are not over.

    Its number is larger than that of every silence before it, also of those that are forgotten. Run again after a commit whose
    outcome was lost, it gives the silence that it made then.
    """
    dialect.serialise_decisions(connection)
    number = _next_number(connection)
    made = Silence(
        id=f"SIL-{number}",
        number=number,
        matchers=wanted.matchers,
        comment=wanted.comment,
        author=wanted.author,
        created_at=now,
        starts_at=wanted.begins_at(now),
        ends_at=wanted.ends_at,
    )
    query = select_of(silences, Silence).where(silences.c.created_at == now, silences.c.ends_at == made.ends_at)
    for row in connection.execute(query):
        before = value_of(Silence, row)
        if replace(before, id=made.id, number=number) == made:
            return before
    if current_count(connection, now) >= CURRENT_COUNT_MAX:
        return None
    connection.execute(silences.insert().values(**row_of(made)))
    dialect.upsert(connection, settings, ["name"], [{"name": _NEXT_NUMBER, "value": str(number + 1)}])
    return made


def _next_number(connection: Connection) -> int:
    value = connection.execute(select(settings.c.value).where(settings.c.name == _NEXT_NUMBER)).scalar()
    newest = connection.execute(select(func.max(silences.c.number))).scalar() or 0
    return max(int(value) if value else 1, newest + 1)


def expire(connection: Connection, silence_id: str, now: datetime) -> Expired | None:
    """End a silence now; what it keeps back is due at once. None if there is none of this id. The row stays."""
    dialect.serialise_decisions(connection)
    silence = load(connection, silence_id)
    if silence is None:
        return None
    if silence.ends_at <= now:
        return Expired(silence, is_first=False, released_count=0)
    ended = replace(silence, starts_at=min(silence.starts_at, now), ends_at=now)
    dialect.upsert(connection, silences, ["id"], [row_of(ended)])
    count = held_count(connection, silence_id)
    watches.release(connection, [Release(silence_id, now)])
    return Expired(ended, is_first=True, released_count=count)


def load(connection: Connection, silence_id: str) -> Silence | None:
    """One silence."""
    row = connection.execute(select_of(silences, Silence).where(silences.c.id == silence_id)).first()
    return value_of(Silence, row) if row else None


def listed(connection: Connection, states: set[SilenceState], now: datetime, limit: int) -> list[Silence]:
    """Silences in these states, the newest first."""
    has = {
        SilenceState.EXPIRED: silences.c.ends_at <= now,
        SilenceState.PENDING: (silences.c.ends_at > now) & (silences.c.starts_at > now),
        SilenceState.ACTIVE: (silences.c.ends_at > now) & (silences.c.starts_at <= now),
    }
    asked: ColumnElement[bool] | None = None
    for state in sorted(states):
        asked = has[state] if asked is None else asked | has[state]
    if asked is None:
        return []
    query = select_of(silences, Silence).where(asked).order_by(silences.c.number.desc()).limit(limit)
    return [value_of(Silence, row) for row in connection.execute(query)]


def current_count(connection: Connection, now: datetime) -> int:
    """How many are in force or still to come."""
    query = select(func.count()).select_from(silences).where(silences.c.ends_at > now)
    return int(connection.execute(query).scalar_one())


def _is_held_by(silence_id: str) -> ColumnElement[bool]:
    return (watch_table.c.by == silence_id) & (watch_table.c.held == HoldReason.SILENCED)


def held_count(connection: Connection, silence_id: str) -> int:
    """How many alerts it keeps back."""
    query = select(func.count()).select_from(watch_table).where(_is_held_by(silence_id))
    return int(connection.execute(query).scalar_one())


def held(connection: Connection, silence_id: str, limit: int) -> list[Watch]:
    """The alerts that it keeps back, the longest first."""
    query = (
        select_of(watch_table, Watch)
        .where(_is_held_by(silence_id))
        .order_by(watch_table.c.since, watch_table.c.key)
        .limit(limit)
    )
    return [value_of(Watch, row) for row in connection.execute(query)]


def prune(connection: Connection, now: datetime, limit: int) -> int:
    """Forget silences that ended long ago, at most ``limit``; gives how many."""
    old = select(silences.c.id).where(silences.c.ends_at < now - KEPT).order_by(silences.c.ends_at).limit(limit)
    return connection.execute(delete(silences).where(silences.c.id.in_(old.scalar_subquery()))).rowcount
