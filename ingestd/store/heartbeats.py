"""When the watchdog of each source was heard last."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from ingestd.store import dialect
from ingestd.store.schema import heartbeats


def heard_at(connection: Connection) -> dict[str, datetime]:
    """The last sign of life by source; of one that never gave any, since when it is waited for."""
    return {row.source: row.seen_at for row in connection.execute(select(heartbeats))}


def wait_for(connection: Connection, source: str, now: datetime) -> None:
    """From now on a sign of life is expected; one that was heard before is not forgotten."""
    dialect.insert_new(connection, heartbeats, "source", [{"source": source, "seen_at": now}])


def forget(connection: Connection, source: str) -> None:
    """No sign of life is expected any more."""
    connection.execute(delete(heartbeats).where(heartbeats.c.source == source))
