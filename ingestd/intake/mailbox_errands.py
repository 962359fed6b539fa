"""What the thread of a mailbox has done for it on the event loop: mail is stored, and how far it has come is kept, by those who own the database.

The thread waits for each of them. At the daemon's end those that are under way are given up: what was committed meanwhile is known by its
signature when it is fetched again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from ingestd.ambient import Clock
from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceKind
from ingestd.errors import StoreBusy
from ingestd.intake.gate import Gate, Replayed
from ingestd.intake.mailbox_wire import Stopped
from ingestd.ports import HttpClient, HttpReply, HttpRequest
from ingestd.store import mailboxes
from ingestd.store.database import Database
from ingestd.store.mailboxes import Position
from ingestd.store.signatures import Signature

T = TypeVar("T")

KNOWN_FOR: Final = timedelta(days=90)
"""So long a message that was taken is known again, wherever it turns up."""
ERRAND_SECONDS_MAX: Final = 60.0


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message on its way to the inbox. ``name`` tells it from all others, and is the same whenever it is fetched."""

    source: str
    body: bytes
    name: str


class Errands(Protocol):
    """What a reader of mail needs done. Everything raises ``Stopped`` at the end, and ``StoreBusy`` while the database cannot be written."""

    def store(self, parcels: Sequence[Parcel]) -> list[bool]:
        """Commit them all; for each whether it is new. If one cannot be stored, others may have been."""
        ...

    def position(self, account: str, place: str) -> Position | None:
        """How far a folder has been read."""
        ...

    def keep(self, reached: Position) -> None:
        """It has been read so far."""
        ...

    def send(self, request: HttpRequest) -> HttpReply:
        """An HTTP request, as ``HttpClient`` does it, and with its errors."""
        ...


class LoopErrands:
    """Done on an event loop, for threads beside it. Made on that loop."""

    def __init__(self, gate: Gate, database: Database, clock: Clock, http: HttpClient) -> None:
        self._gate = gate
        self._database = database
        self._clock = clock
        self._http = http
        self._loop = asyncio.get_running_loop()
        self._under_way: set[concurrent.futures.Future[Any]] = set()
        self._is_over = False

    def store(self, parcels: Sequence[Parcel]) -> list[bool]:
        """As ``Errands`` says."""
        return self._await(self._store(parcels))

    def position(self, account: str, place: str) -> Position | None:
        """As ``Errands`` says."""
        return self._await(self._database.read(mailboxes.position, account, place))

    def keep(self, reached: Position) -> None:
        """As ``Errands`` says."""
        self._await(self._database.run(mailboxes.keep, reached))

    def send(self, request: HttpRequest) -> HttpReply:
        """As ``Errands`` says."""
        return self._await(self._http.send(request))

    def give_up(self) -> None:
        """Let go of whoever waits. On the loop, at its end."""
        self._is_over = True
        for errand in tuple(self._under_way):
            errand.cancel()

    async def _store(self, parcels: Sequence[Parcel]) -> list[bool]:
        expires_at = self._clock.now() + KNOWN_FOR
        told = await asyncio.gather(*(self._store_one(one, expires_at) for one in parcels), return_exceptions=True)
        for outcome in told:
            if isinstance(outcome, BaseException) and not isinstance(outcome, Replayed):
                raise outcome
        return [not isinstance(outcome, BaseException) for outcome in told]

    async def _store_one(self, parcel: Parcel, expires_at: datetime) -> EnvelopeId:
        signature = Signature(parcel.name, expires_at)
        return await self._gate.receive(parcel.source, SourceKind.EMAIL, parcel.body, "", signature=signature)

    def _await(self, errand: Coroutine[Any, Any, T]) -> T:
        if self._is_over:
            errand.close()
            raise Stopped
        try:
            future = asyncio.run_coroutine_threadsafe(errand, self._loop)
        except RuntimeError:  # the loop is closed
            errand.close()
            raise Stopped from None
        self._under_way.add(future)
        try:
            return future.result(ERRAND_SECONDS_MAX)
        except concurrent.futures.CancelledError:
            raise Stopped from None
        except TimeoutError:
            future.cancel()
            raise StoreBusy("the daemon has not done it in time") from None
        finally:
            self._under_way.discard(future)
