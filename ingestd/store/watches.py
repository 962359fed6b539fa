"""Alerts that are looked at again, and the silences, as values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update

from ingestd.core.incident import AlertState
from ingestd.core.names import AlertKey
from ingestd.core.silence import Silence
from ingestd.core.watch import HoldReason, Release, Watch
from ingestd.store import dialect
from ingestd.store.rows import chunks, row_of, select_of, value_of
from ingestd.store.schema import alerts, settings, silences, watches

_RULES_VERSION = "rules_version"
"""The setting that holds the version of the rules that decided last."""


def due(connection: Connection, now: datetime, limit: int) -> list[Watch]:
    """Watches that are due, the longest first."""
    return [value_of(Watch, row) for row in connection.execute(_DUE, {"now": now, "most": limit})]


def next_due_at(connection: Connection) -> datetime | None:
    """When the next watch is due."""
    return connection.execute(_NEXT_DUE_AT).scalar()


# Made once: they are asked each time a deadline may have passed.
_DUE = (
    select_of(watches, Watch)
    .where(watches.c.due_at <= bindparam("now"))
    .order_by(watches.c.due_at)
    .limit(bindparam("most"))
)
_NEXT_DUE_AT = select(watches.c.due_at).order_by(watches.c.due_at).limit(1)


def of_alerts(connection: Connection, keys: Iterable[AlertKey]) -> dict[AlertKey, Watch]:
    """The watches on these alerts."""
    return _found(connection, "key", keys)


def of_things(connection: Connection, dedup_keys: Iterable[str]) -> dict[AlertKey, Watch]:
    """The watches on everything that counts as one of these things."""
    return _found(connection, "dedup_key", dedup_keys)


def _found(connection: Connection, column: str, keys: Iterable[str]) -> dict[AlertKey, Watch]:
    found: dict[AlertKey, Watch] = {}
    for some in chunks(sorted(keys)):
        query = select_of(watches, Watch).where(watches.c[column].in_(some))
        for row in connection.execute(query):
            found[row.key] = value_of(Watch, row)
    return found


def listed(connection: Connection, limit: int) -> list[Watch]:
    """Alerts that are held back, the latest first."""
    query = (
        select_of(watches, Watch)
        .where(watches.c.held.is_not(None))
        .order_by(watches.c.since.desc(), watches.c.key)
        .limit(limit)
    )
    return [value_of(Watch, row) for row in connection.execute(query)]


def held_counts(connection: Connection) -> dict[HoldReason, int]:
    """How many alerts are held back, by what."""
    query = (
        select(watches.c.held, func.count().label("how_many"))
        .join(alerts, alerts.c.key == watches.c.key)
        .where(watches.c.held.is_not(None), alerts.c.state.in_([AlertState.HELD, AlertState.FIRING]))
        .group_by(watches.c.held)
    )
    return {row.held: row.how_many for row in connection.execute(query)}


def save(connection: Connection, changed: Iterable[Watch], ended: Iterable[AlertKey]) -> None:
    """Keep these watches, end those."""
    dialect.upsert(connection, watches, ["key"], [row_of(watch) for watch in changed])
    for some in chunks(sorted(ended)):
        connection.execute(delete(watches).where(watches.c.key.in_(some)))


def release(connection: Connection, released: Iterable[Release]) -> None:
    """What is held back by these is due at their instants, unless it is sooner."""
    for one in released:
        connection.execute(
            update(watches).where(watches.c.by == one.by, watches.c.due_at > one.due_at).values(due_at=one.due_at)
        )


def follow_rules(connection: Connection, version: str, now: datetime) -> int:
    """If these are other rules than those that decided last, everything that is held back is due now; gives how much that is."""
    before = connection.execute(select(settings.c.value).where(settings.c.name == _RULES_VERSION)).scalar()
    if before == version:
        return 0
    dialect.upsert(connection, settings, ["name"], [{"name": _RULES_VERSION, "value": version}])
    return connection.execute(update(watches).where(watches.c.held.is_not(None)).values(due_at=now)).rowcount


def silences_in_force(connection: Connection, now: datetime) -> tuple[Silence, ...]:
    """Every silence that is not over, the oldest first."""
    query = select_of(silences, Silence).where(silences.c.ends_at > now).order_by(silences.c.number)
    return tuple(value_of(Silence, row) for row in connection.execute(query))
