"""The stored envelopes as a history to be read, beside a daemon that goes on working.

Read-only connections, each for one short transaction: nothing is written, no lock is held while somebody thinks about what was read,
and the daemon's own lock file is not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, inspect, select
from sqlalchemy.exc import DBAPIError

from ingestd.core.silence import Silence
from ingestd.errors import StoreBusy
from ingestd.store import dialect, watches
from ingestd.store.inbox import BATCH_BYTES_MAX, DONE
from ingestd.store.rows import select_of, value_of
from ingestd.store.schema import inbox, silences

CHUNK_COUNT_MAX = 500


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """An envelope as it was received, under the number that orders all of them."""

    seq: int
    source: str
    kind: str
    received_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of the history from some instant on: the numbers of its first envelope and of its last."""

    first_seq: int
    last_seq: int


class History:
    """The envelopes of one database. Every method raises ``StoreBusy`` if it cannot be read."""

    def __init__(self, url: str) -> None:
        self._engine = dialect.engine_for(url, read_only=True)

    def since(self, at: datetime) -> Stretch | None:
        """What was received since an instant and is stored by now; None if there is nothing."""
        with self._reading() as connection:
            least, most = connection.execute(select(func.min(inbox.c.seq), func.max(inbox.c.seq))).one()
            if most is None:
                return None
            first = _first_since(connection, least, most, at)
        return Stretch(first, most) if first <= most else None

    def oldest_decided_at(self) -> datetime | None:
        """When the oldest envelope was received that is kept for some time only; None if there is none."""
        query = select(inbox.c.received_at).where(inbox.c.state == DONE).order_by(inbox.c.received_at).limit(1)
        with self._reading() as connection:
            return connection.execute(query).scalar()

    def silences(self, at: datetime) -> tuple[Silence, ...]:
        """Every silence that was in force at some time since an instant, from when it was made."""
        with self._reading() as connection:
            if not inspect(connection).has_table(silences.name):
                return ()  # a daemon of an earlier release made this database
            found = watches.silences_in_force(connection, at)
        return tuple(replace(one, starts_at=max(one.starts_at, one.created_at)) for one in found)

    def envelopes(self, stretch: Stretch) -> Iterator[StoredEnvelope]:
        """The envelopes of a stretch in the order in which they were stored; few are in memory at a time."""
        after = stretch.first_seq - 1
        while True:
            with self._reading() as connection:
                chunk = _chunk(connection, after, stretch.last_seq)
            if not chunk:
                return
            yield from chunk
            after = chunk[-1].seq

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection, connection.begin():
                yield connection
        except DBAPIError as error:
            raise StoreBusy(
                f"the database cannot be read: {dialect.reason_of(error)}",
                hint="run this as the user of the daemon, or as root",
            ) from error


def _first_since(connection: Connection, least: int, most: int, at: datetime) -> int:
    """The number of the first envelope since an instant, or one beyond ``most``. By halving: there is no index of instants alone."""
    low, high = least, most + 1
    while low < high:
        middle = (low + high) // 2
        query = select(inbox.c.seq, inbox.c.received_at).where(inbox.c.seq >= middle).order_by(inbox.c.seq).limit(1)
        row = connection.execute(query).one()
        if row.received_at >= at:
            high = middle
        else:
            low = row.seq + 1
    return low


def _chunk(connection: Connection, after: int, last: int) -> list[StoredEnvelope]:
    """The next envelopes: so many, and of large ones no more than fit the memory."""
    sizes = (
        select(inbox.c.seq, func.length(inbox.c.body).label("size"))
        .where(inbox.c.seq > after, inbox.c.seq <= last)
        .order_by(inbox.c.seq)
        .limit(CHUNK_COUNT_MAX)
    )
    upto = after
    room = BATCH_BYTES_MAX
    for row in connection.execute(sizes).all():
        room -= row.size
        if upto > after and room < 0:
            break
        upto = row.seq
    query = select_of(inbox, StoredEnvelope).where(inbox.c.seq > after, inbox.c.seq <= upto).order_by(inbox.c.seq)
    return [value_of(StoredEnvelope, row) for row in connection.execute(query)]
