"""The door to the database: who waits together is committed together, and nobody pays for a neighbour."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from ingestd.errors import StoreBusy
from ingestd.store.database import GROUP_COUNT_MAX, ThreadedDatabase
from tests.store.asking import add, ask, fail, numbers, writer_busy


def _commits(database: ThreadedDatabase) -> list[None]:
    """Grows by one with each commit of the writer."""
    seen: list[None] = []
    event.listen(database._writer._engine, "commit", lambda _connection: seen.append(None))
    return seen


# ---------------------------------------------------------------------------------------------- the ordinary


async def test_a_transaction_returns_its_value_and_is_read_afterwards(database: ThreadedDatabase) -> None:
    assert await database.run(add, 7) == 7
    assert await database.read(numbers) == [7]


async def test_a_transaction_that_raises_leaves_nothing(database: ThreadedDatabase) -> None:
    with pytest.raises(ZeroDivisionError):
        await database.run(fail, 1)
    assert await database.read(numbers) == []


async def test_transactions_run_in_the_order_in_which_they_were_asked_for(database: ThreadedDatabase) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(database.run(add, number))
    assert await database.read(numbers) == list(range(200))


async def test_what_is_run_is_never_run_beside_another(database: ThreadedDatabase) -> None:
    inside: list[int] = []
    most: list[int] = []

    def look(_connection: Connection, number: int) -> None:
        inside.append(number)
        most.append(len(inside))
        inside.remove(number)

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(database.run(look, number))
    assert set(most) == {1}


# ---------------------------------------------------------------------------------------------- group commit


async def test_what_waits_together_is_committed_together_and_everybody_gets_their_own_answer(
    database: ThreadedDatabase,
) -> None:
    async with writer_busy(database):
        commits = _commits(database)
        tasks = [await ask(database.run(add, number)) for number in range(GROUP_COUNT_MAX + 10)]
    assert [await task for task in tasks] == list(range(GROUP_COUNT_MAX + 10))
    assert len(commits) == 3  # the one that was under way, a full group, and the rest


async def test_one_that_fails_in_a_group_harms_no_neighbour(database: ThreadedDatabase) -> None:
    async with writer_busy(database):
        before = await ask(database.run(add, 1))
        failing = await ask(database.run(fail, 2))
        refused = await ask(database.run(lambda connection: connection.execute(text("SELECT no_such_column"))))
        afterwards = await ask(database.run(add, 4))
    assert (await before, await afterwards) == (1, 4)
    with pytest.raises(ZeroDivisionError, match="2"):
        await failing
    with pytest.raises(DBAPIError, match="no_such_column"):
        await refused
    assert await database.read(numbers) == [1, 4]


async def test_one_that_breaks_a_rule_of_the_table_in_a_group_fails_alone(database: ThreadedDatabase) -> None:
    twice = text("INSERT INTO settings (name, value) VALUES ('n', 'v')")
    async with writer_busy(database):
        first = await ask(database.run(lambda connection: connection.execute(twice) and None))
        second = await ask(database.run(lambda connection: connection.execute(twice) and None))
        third = await ask(database.run(add, 3))
    await first
    with pytest.raises(IntegrityError):
        await second
    assert await third == 3


class _Stop(BaseException):
    """As a test runner, an interpreter that ends, or a cancelled task raises."""


async def test_nothing_that_a_transaction_raises_ends_the_writer(database: ThreadedDatabase) -> None:
    def stop(_connection: Connection) -> None:
        raise _Stop

    async with writer_busy(database):
        stopping = await ask(database.run(stop))
        neighbour = await ask(database.run(add, 1))
    with pytest.raises(_Stop):
        await stopping
    assert await neighbour == 1
    with pytest.raises(_Stop):
        await database.run(stop)
    assert await database.run(add, 2) == 2


# ---------------------------------------------------------------------------------------------- cancellation


async def test_who_is_cancelled_while_waiting_undoes_nothing_and_disturbs_nobody(database: ThreadedDatabase) -> None:
    async with writer_busy(database):
        cancelled = await ask(database.run(add, 1))
        failing = await ask(database.run(fail, 9))
        neighbour = await ask(database.run(add, 2))
        cancelled.cancel()
        failing.cancel()
        for task in (cancelled, failing):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert await neighbour == 2
    assert await database.read(numbers) == [1, 2]


def test_a_loop_that_ended_before_its_answer_disturbs_nobody(database: ThreadedDatabase) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        begun.set()
        may_end.wait()

    async def leave() -> None:
        task = await ask(database.run(hold))
        await asyncio.to_thread(begun.wait)
        task.cancel()

    asyncio.run(leave())
    may_end.set()
    assert asyncio.run(database.run(add, 1)) == 1


# ---------------------------------------------------------------------------------------------- reading beside it


async def test_a_reader_does_not_wait_for_the_writer_and_sees_what_is_committed(database: ThreadedDatabase) -> None:
    await database.run(add, 1)
    async with writer_busy(database):
        await ask(database.run(add, 2))
        assert await database.read(numbers) == [1]


async def test_a_writer_does_not_wait_for_a_reader(database: ThreadedDatabase) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def read_slowly(connection: Connection) -> list[int]:
        before = numbers(connection)
        begun.set()
        may_end.wait()
        assert numbers(connection) == before
        return before

    reading = await ask(database.read(read_slowly))
    await asyncio.to_thread(begun.wait)
    assert await database.run(add, 1) == 1
    may_end.set()
    assert await reading == []
    assert await database.read(numbers) == [1]


async def test_what_reads_cannot_write(database: ThreadedDatabase) -> None:
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await database.read(add, 1)
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await database.read(lambda connection: connection.execute(text("DROP TABLE inbox")) and None)
    assert await database.read(numbers) == []


# ---------------------------------------------------------------------------------------------- the end


async def test_what_is_queued_is_finished_before_the_close(url: str, engine: Engine) -> None:
    database = ThreadedDatabase(url)
    tasks = [await ask(database.run(add, number)) for number in range(5)]
    await asyncio.to_thread(database.close)
    assert [await task for task in tasks] == list(range(5))
    with engine.begin() as connection:
        assert numbers(connection) == list(range(5))


async def test_after_the_close_nobody_waits_for_ever(url: str, engine: Engine) -> None:
    database = ThreadedDatabase(url)
    database.close()
    with pytest.raises(StoreBusy, match="closed"):
        await database.run(add, 1)
    with pytest.raises(StoreBusy, match="closed"):
        await database.read(numbers)
    database.close()
