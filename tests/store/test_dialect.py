"""What SQLite and PostgreSQL do differently, brought to one behaviour; and what makes a commit durable."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, Text, func, inspect, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from ingestd.errors import IngestdError, StoreBusy
from ingestd.store import dialect, migrate
from ingestd.store.schema import metadata, settings
from tests.store.postgres_server import PostgresServer

things = Table(
    "things", MetaData(), Column("a", Text, primary_key=True), Column("b", Integer, primary_key=True), Column("c", Text)
)


def _rows(connection: Connection) -> list[tuple[str, int, str]]:
    return [tuple(row) for row in connection.execute(select(things).order_by(things.c.a, things.c.b))]


@pytest.fixture
def connection(connection: Connection) -> Connection:
    things.create(connection)
    return connection


def test_an_upsert_inserts_what_is_new_and_replaces_what_is_known(connection: Connection) -> None:
    dialect.upsert(connection, things, ["a", "b"], [{"a": "x", "b": 1, "c": "old"}, {"a": "x", "b": 2, "c": "old"}])
    dialect.upsert(connection, things, ["a", "b"], [{"a": "x", "b": 2, "c": "new"}, {"a": "y", "b": 1, "c": "new"}])
    assert _rows(connection) == [("x", 1, "old"), ("x", 2, "new"), ("y", 1, "new")]


def test_an_upsert_of_nothing_does_nothing(connection: Connection) -> None:
    dialect.upsert(connection, things, ["a", "b"], [])
    assert dialect.insert_new(connection, things, "a", []) == 0
    assert _rows(connection) == []


def test_an_insert_of_new_rows_leaves_known_ones_alone_and_counts_the_new(connection: Connection) -> None:
    def add(*names: str) -> int:
        return dialect.insert_new(connection, settings, "name", [{"name": name, "value": "by add"} for name in names])

    assert add("a") == 1
    assert add("a") == 0
    assert add("a", "b", "c") == 2
    dialect.insert_plain(connection, settings, "name", ("name", "value"), [("c", "plain"), ("d", "plain")])
    found = connection.execute(select(settings.c.name, settings.c.value).where(func.length(settings.c.name) == 1))
    assert dict(tuple(row) for row in found) == {"a": "by add", "b": "by add", "c": "by add", "d": "plain"}


def test_no_table_refers_to_another(engine: Engine) -> None:
    """Facts are pruned piece by piece, each in its own time: a foreign key would order that, and cost each insert a look-up."""
    seen = inspect(engine)
    assert set(seen.get_table_names()) == set(metadata.tables)
    assert {name: seen.get_foreign_keys(name) for name in metadata.tables} == {name: [] for name in metadata.tables}


def test_the_database_has_neither_a_clock_nor_a_policy(engine: Engine) -> None:
    seen = inspect(engine)
    defaults = {
        (table, column["name"]): column["default"]
        for table in metadata.tables
        for column in seen.get_columns(table)
        if column["default"] is not None
    }
    # PostgreSQL draws its growing numbers by default.
    assert all(name == "seq" and default.startswith("nextval(") for (_, name), default in defaults.items()), defaults


# ---------------------------------------------------------------------------------------------- durability


def _pragma(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_sqlite_writes_ahead_and_syncs_every_commit(sqlite_url: str) -> None:
    with dialect.engine_for(sqlite_url).begin() as connection:
        assert _pragma(connection, "journal_mode") == "wal"
        assert _pragma(connection, "synchronous") == 2  # FULL
        assert _pragma(connection, "mmap_size") in {0, None}
        assert _pragma(connection, "wal_autocheckpoint") == 2000


def test_sqlite_takes_the_write_lock_at_the_beginning_so_that_no_transaction_fails_halfway(sqlite_url: str) -> None:
    with dialect.engine_for(sqlite_url).begin():
        other = sqlite3.connect(dialect.sqlite_path(sqlite_url), timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    odd = tmp_path / "50% of a #1 é.db"
    with dialect.engine_for(f"sqlite:///{odd}").begin() as connection:
        migrate.migrate(connection)
    assert odd.exists()
    with dialect.engine_for(f"sqlite:///{odd}", read_only=True).begin() as connection:
        assert migrate.version(connection) == migrate.SCHEMA_VERSION


def test_a_place_without_write_ahead_log_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Odd(sqlite3.Connection):
        """As on a network file system: the mode is asked for, and not given."""

        def execute(self, sql: str, *rest: object) -> sqlite3.Cursor:
            return super().execute("SELECT 'delete'" if "journal_mode" in sql else sql, *rest)

    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **options: real(*args, factory=Odd, **options))
    with pytest.raises(IngestdError, match="write-ahead log") as caught:
        dialect.engine_for(f"sqlite:///{tmp_path / 'a.db'}").connect()
    assert "local disk" in caught.value.hint


def test_postgresql_syncs_every_commit_whatever_the_server_thinks(postgres_url: str) -> None:
    with dialect.engine_for(postgres_url).begin() as connection:
        connection.execute(text("ALTER ROLE ingestd SET synchronous_commit = off"))
    try:
        with dialect.engine_for(postgres_url).begin() as connection:
            assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
            assert connection.execute(text("SHOW transaction_isolation")).scalar() == "read committed"
            assert connection.execute(text("SHOW lock_timeout")).scalar() == "5s"
            assert connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar() == "30s"
    finally:
        with dialect.engine_for(postgres_url).begin() as connection:
            connection.execute(text("ALTER ROLE ingestd RESET synchronous_commit"))


def test_what_the_url_says_of_the_connection_wins(postgres_url: str) -> None:
    with dialect.engine_for(f"{postgres_url}&options=-c%20lock_timeout%3D7s&connect_timeout=9").begin() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "7s"
        raw = connection.connection.driver_connection
        assert raw is not None
        assert raw.info.get_parameters()["connect_timeout"] == "9"
        assert raw.info.get_parameters()["tcp_user_timeout"] == "25000"


# ---------------------------------------------------------------------------------------------- reading only


def test_a_reader_cannot_write(url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        dialect.upsert(connection, settings, ["name"], [{"name": "k", "value": "kept"}])
    reader = dialect.engine_for(url, read_only=True)
    for attempt in ("UPDATE settings SET value = 'x'", "DELETE FROM settings", "CREATE TABLE t (a INTEGER)"):
        with pytest.raises(DBAPIError, match=r"read-?only"), reader.begin() as connection:
            connection.exec_driver_sql(attempt)
    with reader.begin() as connection:
        assert connection.execute(select(settings.c.value).where(settings.c.name == "k")).scalar() == "kept"


def test_a_reader_of_sqlite_cannot_write_even_if_it_says_that_it_may(sqlite_url: str) -> None:
    with dialect.engine_for(sqlite_url).begin() as connection:
        migrate.migrate(connection)
    with dialect.engine_for(sqlite_url, read_only=True).connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        with pytest.raises(OperationalError, match="readonly"):
            connection.exec_driver_sql("DELETE FROM settings")


def test_a_reader_never_makes_the_file(tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="unable to open"):
        dialect.engine_for(f"sqlite:///{tmp_path / 'none.db'}", read_only=True).connect()
    assert not (tmp_path / "none.db").exists()


def test_a_reader_sees_one_instant(url: str, engine: Engine) -> None:
    with dialect.engine_for(url, read_only=True).begin() as reader:
        before = reader.execute(select(func.count()).select_from(settings)).scalar()
        with engine.begin() as connection:
            dialect.upsert(connection, settings, ["name"], [{"name": "later", "value": ""}])
        assert reader.execute(select(func.count()).select_from(settings)).scalar() == before


# ---------------------------------------------------------------------------------------------- what an error means


def test_a_busy_sqlite_may_be_asked_again(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "_BUSY_MS", 1)
    with dialect.engine_for(sqlite_url).begin():
        other = dialect.engine_for(sqlite_url).connect()
        with pytest.raises(OperationalError) as caught:
            other.begin()
        other.close()
    assert dialect.is_retryable(caught.value)
    assert dialect.is_trouble(caught.value)
    assert dialect.reason_of(caught.value) == "database is locked"


def test_what_was_refused_is_neither_tried_again_nor_taken_for_a_broken_database(connection: Connection) -> None:
    twice = [{"a": "x", "b": 1}, {"a": "x", "b": 1}]
    nothing = [{"a": "x", "b": 1, "c": object()}]
    for rows in (twice, nothing):
        with pytest.raises(DBAPIError) as caught, connection.begin_nested():
            connection.execute(things.insert(), rows)
        assert not dialect.is_retryable(caught.value)
        assert not dialect.is_trouble(caught.value)


def test_a_database_that_is_not_as_it_was_made_is_in_trouble(connection: Connection) -> None:
    with pytest.raises(DBAPIError) as caught, connection.begin_nested():
        connection.exec_driver_sql("SELECT a FROM no_such_table")
    assert not dialect.is_retryable(caught.value)
    assert dialect.is_trouble(caught.value)


def test_an_error_that_does_not_come_from_the_database_is_none_of_its() -> None:
    assert dialect.is_trouble(StoreBusy())
    assert not dialect.is_trouble(ValueError("locked"))
    assert not dialect.is_retryable(ValueError("locked"))


@pytest.mark.parametrize(
    ("attempt", "parameter"),
    [
        ("INSERT INTO things (a, b) VALUES ('x', %s)", 2**40),
        ("INSERT INTO things (a, b) VALUES (%s, 1)", "".join(chr(0x4E00 + n % 7919 * n % 20_000) for n in range(9000))),
    ],
    ids=["a number that is too large", "a key that is too long for an index"],
)
def test_a_value_that_postgresql_refuses_is_no_trouble_of_the_database(
    postgres_url: str, attempt: str, parameter: object
) -> None:
    with dialect.engine_for(postgres_url).connect() as connection:
        things.create(connection)
        with pytest.raises(DBAPIError) as caught:
            connection.exec_driver_sql(attempt, (parameter,))
    assert not dialect.is_trouble(caught.value)
    assert not dialect.is_retryable(caught.value)


def test_a_lock_that_is_not_given_and_a_deadlock_may_be_asked_again(postgres_url: str) -> None:
    engine = dialect.engine_for(postgres_url)
    with engine.begin() as first, engine.begin() as second:
        dialect.serialise_decisions(first)
        second.execute(text("SET lock_timeout = '1ms'"))
        with pytest.raises(OperationalError) as caught:
            dialect.serialise_decisions(second)
    assert dialect.is_retryable(caught.value)
    assert dialect.is_trouble(caught.value)


def test_a_connection_that_the_server_ended_may_be_made_anew(postgres: PostgresServer, postgres_url: str) -> None:
    engine = dialect.engine_for(postgres_url)
    with engine.connect() as connection, engine.connect() as killer:
        process = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        killer.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("SELECT 1"))
    assert dialect.is_retryable(caught.value)
    assert dialect.is_trouble(caught.value)


def test_the_database_says_what_it_is_and_whether_it_is_sound(url: str, connection: Connection) -> None:
    name = "SQLite 3." if dialect.is_sqlite(url) else "PostgreSQL "
    assert dialect.version(connection).startswith(name)
    assert dialect.quick_check(connection) == "ok"


def test_a_damaged_file_is_told(sqlite_url: str) -> None:
    path = Path(dialect.sqlite_path(sqlite_url))
    with dialect.engine_for(sqlite_url).begin() as connection:
        migrate.migrate(connection)
    whole = path.read_bytes()
    path.write_bytes(whole[: 4096 * 2] + b"\xff" * 4096 + whole[4096 * 3 :])
    with dialect.engine_for(sqlite_url, read_only=True).begin() as connection:
        assert dialect.quick_check(connection) != "ok"
