"""Full disks, locks, servers that vanish: what a database does to its daemon, and that nothing partial stays."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import OperationalError

from ingestd.errors import StoreBusy
from ingestd.store import dialect, inbox, migrate
from ingestd.store.database import ThreadedDatabase
from tests.store.asking import add, ask, fails_busy, numbers, writer_busy
from tests.store.builders import envelope
from tests.store.postgres_server import PostgresServer

# ---------------------------------------------------------------------------------------------- SQLite


@pytest.fixture
def on_sqlite(sqlite_url: str) -> Iterator[ThreadedDatabase]:
    made = ThreadedDatabase(sqlite_url)
    asyncio.run(made.run(migrate.migrate))
    yield made
    made.close()


def _pragma(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def _log_size(url: str) -> int:
    log = Path(dialect.sqlite_path(url) + "-wal")
    return log.stat().st_size if log.exists() else 0


async def test_the_writer_really_writes_ahead_and_syncs_every_commit(on_sqlite: ThreadedDatabase) -> None:
    assert await on_sqlite.run(_pragma, "journal_mode") == "wal"
    assert await on_sqlite.run(_pragma, "synchronous") == 2
    assert await on_sqlite.read(_pragma, "query_only") == 1


async def test_one_connection_owns_all_writes_and_checkpoints(on_sqlite: ThreadedDatabase, sqlite_url: str) -> None:
    used: set[int] = set()
    threads: set[str] = set()

    def note(connection: Connection) -> None:
        used.add(id(connection.connection.driver_connection))
        threads.add(threading.current_thread().name)

    async with asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(on_sqlite.run(note))
            group.create_task(on_sqlite.run(add, number))
            group.create_task(on_sqlite.read(numbers))
    assert len(used) == 1
    assert threads == {"ingestd-writer"}
    await asyncio.to_thread(on_sqlite._reader.stop)
    assert _log_size(sqlite_url) > 0  # the reader went without a checkpoint
    await asyncio.to_thread(on_sqlite.close)
    assert _log_size(sqlite_url) == 0


async def test_the_log_is_kept_short_while_the_daemon_runs(on_sqlite: ThreadedDatabase, sqlite_url: str) -> None:
    for number in range(60):
        await on_sqlite.run(inbox.add, [envelope(number, body=bytes(1 << 20))])
    assert 0 < _log_size(sqlite_url) < 16 << 20


async def test_a_database_that_is_locked_is_busy_and_then_works_again(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "_BUSY_MS", 1)
    engine = dialect.engine_for(sqlite_url)
    database = ThreadedDatabase(sqlite_url)
    await database.run(migrate.migrate)
    with engine.begin():
        async with asyncio.TaskGroup() as group:
            both = [group.create_task(fails_busy(database.run(add, number))) for number in (1, 2)]
    assert [task.result() for task in both] == [
        "the database did not commit in 5 attempts: database is locked",
    ] * 2
    assert await database.run(add, 3) == 3
    assert await database.read(numbers) == [3]
    await asyncio.to_thread(database.close)


def _at_most_pages(connection: Connection, more: int) -> None:
    pages = _pragma(connection, "page_count")
    assert isinstance(pages, int)
    _pragma(connection, f"max_page_count = {pages + more}")


async def test_a_full_disk_is_an_error_leaves_nothing_partial_and_is_survived(on_sqlite: ThreadedDatabase) -> None:
    def add_several(connection: Connection, first: int) -> None:
        add(connection, first)
        for number in range(1, 9):
            inbox.add(connection, [envelope(first + number, body=bytes(100_000))])

    await on_sqlite.run(add, 1)
    await on_sqlite.run(_at_most_pages, 20)
    async with writer_busy(on_sqlite):
        small = await ask(on_sqlite.run(add, 2))
        large = await ask(on_sqlite.run(add_several, 10))
        again = await ask(on_sqlite.run(add_several, 20))
        last = await ask(on_sqlite.run(add, 3))
    for task in (large, again):
        with pytest.raises(OperationalError, match="full") as caught:
            await task
        assert dialect.is_trouble(caught.value)
    assert (await small, await last) == (2, 3)
    assert await on_sqlite.read(numbers) == [1, 2, 3]
    assert await on_sqlite.read(dialect.quick_check) == "ok"
    await on_sqlite.run(_at_most_pages, 10_000)
    await on_sqlite.run(add_several, 10)
    assert await on_sqlite.read(numbers) == [1, 2, 3, *range(10, 19)]


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_removed_or_replaced_is_not_written_to_any_more(
    on_sqlite: ThreadedDatabase, sqlite_url: str, is_replaced: bool
) -> None:
    """SQLite itself would go on, and everything that is answered from then on would be gone after a restart."""
    file = Path(dialect.sqlite_path(sqlite_url))
    asyncio.run(on_sqlite.run(add, 1))
    assert asyncio.run(on_sqlite.read(numbers)) == [1]
    moved = file.rename(file.with_name("moved.db"))
    if is_replaced:
        file.write_bytes(moved.read_bytes())
    for number in (2, 3):
        why = asyncio.run(fails_busy(on_sqlite.run(add, number)))
        assert why == f"{file} was removed or replaced while it was in use"
    asyncio.run(fails_busy(on_sqlite.read(numbers)))
    assert file.exists() is is_replaced
    moved.replace(file)
    assert asyncio.run(on_sqlite.run(add, 4)) == 4
    assert asyncio.run(on_sqlite.read(numbers)) == [1, 4]


async def test_an_error_does_not_show_what_was_to_be_stored(on_sqlite: ThreadedDatabase) -> None:
    def store(connection: Connection) -> None:
        connection.exec_driver_sql("INSERT INTO nowhere (body) VALUES (?)", ("a body that is nobody's business",))

    with pytest.raises(OperationalError, match="nowhere") as caught:
        await on_sqlite.run(store)
    assert "business" not in str(caught.value)


async def test_a_file_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    database = ThreadedDatabase(f"sqlite:///{tmp_path / 'none' / 'ingestd.db'}")
    with pytest.raises(StoreBusy, match="cannot be opened: unable to open database file"):
        await database.run(migrate.migrate)
    (tmp_path / "none").mkdir()
    assert await database.run(migrate.migrate)
    await asyncio.to_thread(database.close)


# ---------------------------------------------------------------------------------------------- PostgreSQL


@pytest.fixture
def on_postgres(postgres_url: str) -> Iterator[ThreadedDatabase]:
    made = ThreadedDatabase(postgres_url)
    asyncio.run(made.run(migrate.migrate))
    yield made
    made.close()


def _backend(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


def _end(connection: Connection, *backends: int) -> None:
    for backend in backends:
        connection.execute(text("SELECT pg_terminate_backend(:backend, 5000)"), {"backend": backend})


async def test_a_connection_that_the_server_ended_between_two_transactions_is_made_anew(
    on_postgres: ThreadedDatabase, postgres_url: str
) -> None:
    writer, reader = await on_postgres.run(_backend), await on_postgres.read(_backend)
    with dialect.engine_for(postgres_url).begin() as connection:
        _end(connection, writer, reader)
    assert await on_postgres.run(add, 1) == 1
    assert await on_postgres.read(numbers) == [1]
    assert await on_postgres.run(_backend) != writer


async def test_a_connection_that_is_lost_in_a_transaction_costs_nobody_anything(
    on_postgres: ThreadedDatabase, postgres_url: str
) -> None:
    lost: list[int] = []

    def lose_once(connection: Connection) -> int:
        add(connection, 7)
        if not lost:
            lost.append(_backend(connection))
            with dialect.engine_for(postgres_url).begin() as other:
                _end(other, *lost)
        return add(connection, 8)

    async with writer_busy(on_postgres):
        before = await ask(on_postgres.run(add, 1))
        losing = await ask(on_postgres.run(lose_once))
        afterwards = await ask(on_postgres.run(add, 2))
    assert (await before, await losing, await afterwards) == (1, 8, 2)
    assert await on_postgres.read(numbers) == [1, 7, 8, 2]


async def test_when_only_the_reply_to_a_commit_is_lost_an_envelope_is_still_there_once(
    on_postgres: ThreadedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = on_postgres._writer._engine.dialect
    real: Callable[[Any], None] = kind.do_commit
    lost: list[None] = []

    def commit_and_lose_the_reply(connection: Any) -> None:
        real(connection)
        if not lost:
            lost.append(None)
            connection.driver_connection.close()
            real(connection)  # the driver finds its connection closed, as it would

    monkeypatch.setattr(kind, "do_commit", commit_and_lose_the_reply)
    assert await on_postgres.run(add, 1) == 1
    assert len(lost) == 1
    assert await on_postgres.read(numbers) == [1]


async def test_a_server_that_is_down_is_busy_at_once_for_all_who_wait_and_then_works_again(
    postgres: PostgresServer, on_postgres: ThreadedDatabase
) -> None:
    await on_postgres.run(add, 1)
    connects: list[None] = []
    event.listen(on_postgres._writer._engine, "do_connect", lambda *_rest: connects.append(None))
    async with writer_busy(on_postgres):
        waiting = [await ask(fails_busy(on_postgres.run(add, number))) for number in range(2, 40)]
        await asyncio.to_thread(postgres.stop)
    try:
        assert all("cannot be opened" in said for said in await asyncio.gather(*waiting))
        assert len(connects) <= 3
        assert "cannot be opened" in await fails_busy(on_postgres.read(numbers))
    finally:
        await asyncio.to_thread(postgres.start)
    assert await on_postgres.run(add, 50) == 50
    assert await on_postgres.read(numbers) == [1, 50]


async def test_a_lock_that_another_daemon_does_not_give_is_busy(postgres_url: str) -> None:
    engine = dialect.engine_for(postgres_url)
    database = ThreadedDatabase(f"{postgres_url}&options=-c%20lock_timeout%3D5ms")
    await database.run(migrate.migrate)
    with engine.begin() as other:
        dialect.serialise_decisions(other)
        assert "lock timeout" in await fails_busy(database.run(dialect.serialise_decisions))
        assert await database.run(add, 1) == 1
    await database.run(dialect.serialise_decisions)
    await asyncio.to_thread(database.close)


async def test_a_deadlock_between_two_daemons_is_resolved_and_both_succeed(
    on_postgres: ThreadedDatabase, postgres_url: str
) -> None:
    other = ThreadedDatabase(postgres_url)
    for number in (1, 2):
        await other.run(add, number)
    meet, met = threading.Barrier(2), set()

    def mark_both(connection: Connection, first: int, second: int) -> None:
        _mark(connection, first)
        if first not in met:
            met.add(first)
            meet.wait()
        _mark(connection, second)

    async with asyncio.TaskGroup() as group:
        group.create_task(on_postgres.run(mark_both, 1, 2))
        group.create_task(other.run(mark_both, 2, 1))
    assert [one.next_alert for one in await other.read(inbox.oldest_waiting, 9)] == [2, 2]
    await asyncio.to_thread(other.close)


def _mark(connection: Connection, number: int) -> None:
    further = text("UPDATE inbox SET next_alert = next_alert + 1 WHERE id = :id")
    connection.execute(further, {"id": envelope(number).id})
