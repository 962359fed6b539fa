"""The gate to the inbox: what arrives together is committed together, and nobody is answered before the commit.

While one commit is under way the next batch gathers, so that one sync to disk answers for everybody who came meanwhile. What waits is
bounded in number and bytes. A disk that hangs is noticed: who waits is sent away with ``StoreBusy``, and so is everybody who comes
until it has answered, so that nothing piles up behind it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock, IdSource
from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceKind
from ingestd.errors import IngestdError, StoreBusy
from ingestd.intake.settings import GateLimits
from ingestd.store import dialect, inbox, signatures
from ingestd.store.database import Database
from ingestd.store.inbox import Envelope
from ingestd.store.signatures import Signature
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_QUIET_TURNS = 3
"""A request takes about as many turns of the loop from the socket to the gate."""


class QueueFull(StoreBusy):
    """As much waits to be stored as may wait; nothing was taken."""


class StoreFull(StoreBusy):
    """There is no room left on the disk; nothing was taken."""


class Replayed(IngestdError):
    """A message with this signature has been stored before."""


Settle: TypeAlias = Callable[[EnvelopeId, IngestdError | None], None]
"""Told once what became of an envelope: no error means that it is on disk."""


class _Arrival:
    """An envelope that waits for its commit."""

    __slots__ = ("begun", "envelope", "is_settled", "settle", "signature")

    def __init__(self, envelope: Envelope, signature: Signature | None, begun: float, settle: Settle) -> None:
        self.envelope = envelope
        self.signature = signature
        self.begun = begun
        self.settle = settle
        self.is_settled = False


class Gate:
    """Takes envelopes and says when they are on disk. ``on_stored`` is called after each commit, ``on_missed`` where something is not kept."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdSource,
        metrics: Metrics,
        on_stored: Callable[[], None],
        limits: GateLimits = GateLimits(),  # noqa: B008 (a frozen value)
        on_missed: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._seconds = metrics.intake_seconds
        self._on_stored = on_stored
        self._on_missed = on_missed
        self._limits = limits
        self._waiting: deque[_Arrival] = deque()
        self._count = 0
        self._bytes = 0
        self._committing: asyncio.Task[None] | None = None
        self._is_stalled = False

    async def receive(
        self, source: str, kind: SourceKind, body: bytes, remote: str, *, signature: Signature | None = None
    ) -> EnvelopeId:
        """Store a body; gives the envelope's id after the commit is durable.

        Raises as ``put`` does, and besides what that would tell. Cancelling the caller does not take back what it brought.
        """
        stored: asyncio.Future[EnvelopeId] = asyncio.get_running_loop().create_future()

        def settle(envelope_id: EnvelopeId, error: IngestdError | None) -> None:
            if stored.done():
                return
            if error is None:
                stored.set_result(envelope_id)
            else:
                stored.set_exception(error)

        self.put(source, kind, body, remote, settle, signature=signature)
        return await stored

    def put(
        self,
        source: str,
        kind: SourceKind,
        body: bytes,
        remote: str,
        settle: Settle,
        *,
        signature: Signature | None = None,
    ) -> None:
        """Hand in a body; ``settle`` is told of the commit, of ``StoreBusy``, or of ``Replayed`` if ``signature`` was stored before.

        Raises ``StoreBusy`` (``QueueFull``) if it is not even taken: then ``settle`` is not called.
        """
        if self._is_stalled:
            self._on_missed()
            raise StoreBusy("the database has not answered for too long")
        size = len(body)
        if self._count >= self._limits.waiting_count_max or self._bytes + size > self._limits.waiting_bytes_max:
            self._on_missed()
            raise QueueFull(f"{self._count} envelopes of {self._bytes} bytes wait to be stored")
        loop = asyncio.get_running_loop()
        envelope = Envelope(self._ids.envelope(), source, kind, self._clock.now(), remote, body)
        self._waiting.append(_Arrival(envelope, signature, loop.time(), settle))
        self._count += 1
        self._bytes += size
        if self._committing is None:
            # The commit belongs to no request: whoever goes away must not take the neighbours' commit along. It ends when nothing
            # waits, catches what goes wrong and hands it to those who wait; ``drain`` awaits it.
            self._committing = loop.create_task(self._commit_all(loop), name="intake-commit")

    async def drain(self) -> None:
        """Return when nothing waits to be stored any more. For a shutdown, after the listeners are closed."""
        while self._committing is not None:
            await asyncio.shield(self._committing)

    async def _commit_all(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            while self._waiting:
                await self._gather()
                batch = self._take()
                patience = loop.call_later(self._limits.commit_seconds_max, self._give_up, batch)
                try:
                    await self._commit(batch, loop)
                finally:
                    patience.cancel()
                    self._release(batch)
                    self._is_stalled = False
        finally:
            self._committing = None

    async def _gather(self) -> None:
        """Let those in who are already at the door: what the loop has read is committed together, once a few turns bring nobody."""
        quiet_count = 0
        while quiet_count < _QUIET_TURNS and len(self._waiting) < self._limits.batch_count_max:
            before = len(self._waiting)
            await asyncio.sleep(0)
            quiet_count = quiet_count + 1 if len(self._waiting) == before else 0

    def _take(self) -> list[_Arrival]:
        """What is committed next, oldest first: never nothing."""
        batch = [self._waiting.popleft()]
        size = len(batch[0].envelope.body)
        while self._waiting and len(batch) < self._limits.batch_count_max:
            size += len(self._waiting[0].envelope.body)
            if size > self._limits.batch_bytes_max:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _commit(self, batch: list[_Arrival], loop: asyncio.AbstractEventLoop) -> None:
        try:
            replayed = await self._database.run(_store, batch)
        except Exception as error:  # noqa: BLE001 (whatever the database says, it is told to those who wait)
            self._on_missed()
            why = str(getattr(error, "orig", error))  # SQLAlchemy's own text would show the bodies
            log.error(log_events.ENVELOPE_NOT_STORED, count=len(batch), error=why)  # noqa: TRY400 (a traceback shows them too)
            _refuse(batch, why, StoreFull if dialect.is_full(error) else StoreBusy)
            return
        except BaseException:
            _refuse(batch, "the daemon is stopping")
            raise
        now = loop.time()
        for arrival in batch:
            self._seconds.observe(now - arrival.begun)
            _settle(arrival, Replayed() if arrival.envelope.id in replayed else None)
        self._on_stored()

    def _release(self, batch: list[_Arrival]) -> None:
        self._count -= len(batch)
        self._bytes -= sum([len(arrival.envelope.body) for arrival in batch])

    def _give_up(self, batch: list[_Arrival]) -> None:
        """The commit takes too long. What the database has got stays counted until it answers; the rest is let go."""
        self._is_stalled = True
        self._on_missed()
        log.error(log_events.ENVELOPE_NOT_STORED, count=self._count, error="the database does not answer")
        rest = list(self._waiting)
        self._waiting.clear()
        self._release(rest)
        _refuse([*batch, *rest], "the database has not answered for too long")


def _store(connection: Connection, batch: list[_Arrival]) -> set[EnvelopeId]:
    """Store the batch, but not what was signed and stored before: gives the ids of those."""
    replayed = {
        arrival.envelope.id
        for arrival in batch
        if arrival.signature is not None
        and not signatures.add(connection, arrival.signature, arrival.envelope.received_at)
    }
    fresh = [arrival.envelope for arrival in batch if arrival.envelope.id not in replayed]
    if fresh:
        inbox.add(connection, fresh)
    return replayed


def _refuse(batch: list[_Arrival], why: str, kind: type[StoreBusy] = StoreBusy) -> None:
    for arrival in batch:
        _settle(arrival, kind(why))


def _settle(arrival: _Arrival, error: IngestdError | None) -> None:
    if arrival.is_settled:
        return
    arrival.is_settled = True
    try:
        arrival.settle(arrival.envelope.id, error)
    except Exception:  # one that cannot be answered must not keep the others from their answers
        log.exception(log_events.ENVELOPE_NOT_ANSWERED, envelope=arrival.envelope.id)
