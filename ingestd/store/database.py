"""The one door to the database: ``run`` for what writes, ``read`` for what only looks.

A transaction is a synchronous, repeatable function of a ``Connection``. All writes go through one thread and one connection.
Whatever is waiting when the thread is free is committed **together** (group commit): one sync to disk answers for all of it.
If one function of such a group fails, the group is rolled back and each is run on its own, so that nobody pays for a neighbour.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ingestd.errors import StoreBusy
from ingestd.store import dialect

T = TypeVar("T")

GROUP_COUNT_MAX = 64
"""How many transactions are committed together at most."""
_ATTEMPT_COUNT = 5


class Database(Protocol):
    """What the rest of the daemon sees of the database."""

    async def run(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """Run ``fn(connection, *args)`` in a transaction; returns after the commit is durable.

        ``fn`` may be run more than once, also when its commit had happened and only the reply to it was lost. Raises ``StoreBusy``
        if the database cannot be reached or does not commit, or whatever ``fn`` raises. Cancelling the caller does not stop a
        transaction that has begun.
        """
        ...

    async def read(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """Run ``fn(connection, *args)`` on a read-only connection, beside the writer."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


@dataclass(frozen=True, slots=True)
class _Result:
    value: Any = None
    error: BaseException | None = None


class _Unreachable(StoreBusy):
    """No connection could be made."""


class _Lane:
    """A thread with a connection of its own and a queue of transactions."""

    def __init__(self, engine: Engine, name: str, *, group_count_max: int) -> None:
        self._engine = engine
        self._group_count_max = group_count_max
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, job: _Job) -> None:
        """Queue a job; raises ``StoreBusy`` once the lane was stopped, since nobody would ever run it."""
        if self._is_stopped:
            raise StoreBusy("the database is closed")
        self._jobs.put(job)

    def stop(self) -> None:
        """Finish what is queued, then close the connection."""
        if not self._is_stopped:
            self._is_stopped = True
            self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_stopping = False
        while not is_stopping:
            group: list[_Job] = []
            job = self._jobs.get()
            while job is not None:
                group.append(job)
                if len(group) >= self._group_count_max:
                    break
                try:
                    job = self._jobs.get_nowait()
                except queue.Empty:
                    break
            is_stopping = job is None
            if group:
                _answer(list(zip(group, self._run_group(group), strict=True)))
        self._disconnect()

    def _run_group(self, group: list[_Job]) -> list[_Result]:
        try:
            return self._commit_together(group)
        except BaseException as error:  # noqa: BLE001 (nothing that a job raises may end the thread that all others wait for)
            self._disconnect_if_lost(error)
            is_everybodys = isinstance(error, _Unreachable)
            if is_everybodys or (len(group) == 1 and not dialect.is_retryable(error)):
                return [_Result(error=error)] * len(group)
        results: list[_Result] = []
        for job in group:
            # Who cannot be reached for one is not asked again for each of the others: that could take minutes.
            is_down = results and isinstance(results[-1].error, _Unreachable)
            results.append(results[-1] if is_down else self._run_alone(job))
        return results

    def _commit_together(self, group: list[_Job]) -> list[_Result]:
        connection = self._connect()
        with connection.begin():
            return [_Result(value=job.fn(connection, *job.args)) for job in group]

    def _run_alone(self, job: _Job) -> _Result:
        last = ""
        for _ in range(_ATTEMPT_COUNT):
            try:
                return self._commit_together([job])[0]
            except BaseException as error:  # noqa: BLE001 (handed to the caller)
                self._disconnect_if_lost(error)
                if not (isinstance(error, DBAPIError) and dialect.is_retryable(error)):
                    return _Result(error=error)
                last = dialect.reason_of(error)
        return _Result(error=StoreBusy(f"the database did not commit in {_ATTEMPT_COUNT} attempts: {last}"))

    def _connect(self) -> Connection:
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
            except DBAPIError as error:
                raise _Unreachable(f"the database cannot be opened: {dialect.reason_of(error)}") from error
        return self._connection

    def _disconnect_if_lost(self, error: BaseException) -> None:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(DBAPIError):
                self._connection.close()
            self._connection = None


def _answer(results: list[tuple[_Job, _Result]]) -> None:
    """Wake the callers: one wake-up of the loop for the whole group."""

    def deliver(loop: asyncio.AbstractEventLoop) -> None:
        for job, result in results:
            if job.loop is not loop or job.future.done():
                continue
            if result.error is not None:
                job.future.set_exception(result.error)
            else:
                job.future.set_result(result.value)

    for loop in {id(job.loop): job.loop for job, _ in results}.values():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(deliver, loop)


class ThreadedDatabase:
    """Production: one writer thread, one reader thread."""

    def __init__(self, url: str, *, synchronous: str = "FULL") -> None:
        self._writer = _Lane(
            dialect.engine_for(url, synchronous=synchronous), "ingestd-writer", group_count_max=GROUP_COUNT_MAX
        )
        self._reader = _Lane(dialect.engine_for(url, read_only=True), "ingestd-reader", group_count_max=1)

    async def run(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """See ``Database.run``."""
        return await self._submit(self._writer, fn, args)

    async def read(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """See ``Database.read``."""
        return await self._submit(self._reader, fn, args)

    async def _submit(self, lane: _Lane, fn: Callable[..., T], args: tuple[Any, ...]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        lane.put(_Job(fn, args, future, loop))
        # Who is cancelled here leaves the future cancelled behind; the job is run all the same and its result forgotten.
        return await future

    def close(self) -> None:
        """Finish what is queued and close both connections. Blocks; call it when nothing waits any more."""
        self._reader.stop()
        self._writer.stop()
