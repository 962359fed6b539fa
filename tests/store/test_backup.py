"""A copy that can be put in the place of the database."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection

from ingestd.errors import IngestdError
from ingestd.store import dialect, inbox, migrate
from ingestd.store.backup import backup
from ingestd.store.database import ThreadedDatabase
from tests.store.asking import add, numbers
from tests.store.builders import envelope


async def test_a_backup_under_load_is_the_database_of_one_instant(sqlite_url: str, tmp_path: Path) -> None:
    database = ThreadedDatabase(sqlite_url)
    await database.run(migrate.migrate)

    def add_pair(connection: Connection, number: int) -> None:
        inbox.add(connection, [envelope(number * 2, body=bytes(50_000)), envelope(number * 2 + 1)])

    for number in range(50):
        await database.run(add_pair, number)
    async with asyncio.TaskGroup() as group:
        for number in range(50, 100):
            group.create_task(database.run(add_pair, number))
        group.create_task(database.read(backup, tmp_path / "copy.db"))
    await asyncio.to_thread(database.close)
    copy = ThreadedDatabase(f"sqlite:///{tmp_path / 'copy.db'}")
    found = await copy.read(numbers)
    assert len(found) >= 100
    assert found == list(range(len(found)))
    assert len(found) % 2 == 0
    assert await copy.run(migrate.migrate) == []
    assert await copy.run(add, 999) == 999
    await asyncio.to_thread(copy.close)


def test_a_backup_is_one_file_that_only_its_owner_may_read(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    _back_up(sqlite_url, tmp_path / "kept" / "copy.db")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["copy.db"]
    assert (tmp_path / "kept" / "copy.db").stat().st_mode & 0o777 == 0o600


def _back_up(url: str, path: Path) -> None:
    with dialect.engine_for(url).begin() as connection:
        migrate.migrate(connection)
    with dialect.engine_for(url, read_only=True).begin() as connection:
        backup(connection, path)


def test_a_backup_never_replaces_another(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("the last good one")
    with pytest.raises(FileExistsError, match="never replaces"):
        _back_up(sqlite_url, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "the last good one"


def test_what_a_killed_backup_left_behind_does_not_stop_the_next(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "copy.db.unfinished").write_bytes(b"half of it")
    _back_up(sqlite_url, tmp_path / "copy.db")
    with dialect.engine_for(f"sqlite:///{tmp_path / 'copy.db'}", read_only=True).begin() as connection:
        assert migrate.version(connection) == migrate.SCHEMA_VERSION
    assert not (tmp_path / "copy.db.unfinished").exists()


def test_a_backup_of_a_damaged_database_is_an_error_and_leaves_no_file(sqlite_url: str, tmp_path: Path) -> None:
    with dialect.engine_for(sqlite_url).begin() as connection:
        migrate.migrate(connection)
    path = Path(dialect.sqlite_path(sqlite_url))
    whole = path.read_bytes()
    path.write_bytes(whole[: 4096 * 2] + b"\xff" * 4096 + whole[4096 * 3 :])
    with (
        pytest.raises(IngestdError, match="not sound"),
        dialect.engine_for(sqlite_url, read_only=True).begin() as connection,
    ):
        backup(connection, tmp_path / "copy.db")
    assert list(tmp_path.glob("copy.db*")) == []


def test_a_place_that_cannot_be_written_is_an_error(sqlite_url: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        _back_up(sqlite_url, tmp_path / "none" / "copy.db")


def test_postgresql_has_its_own_tools(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(IngestdError) as caught:
        _back_up(postgres_url, tmp_path / "copy.db")
    assert "pg_dump" in caught.value.hint
