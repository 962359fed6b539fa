"""The only module that knows SQLite from PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Executable, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.pool import NullPool

from ingestd.errors import IngestdError, StoreBusy

_BUSY_MS = 5_000
_CHECKPOINT_PAGES = 2_000
_PG_RETRYABLE_CLASSES = ("40", "08", "25P03", "55P03", "57P0")
_PG_VALUE_CLASSES = ("0A", "22", "23", "54")
_PG_DISK_FULL = "53100"
_VALUE_ERRORS = (DataError, IntegrityError, InterfaceError, NotSupportedError, ProgrammingError)
_PG_SETTINGS = {
    "lock_timeout": "5s",
    # A daemon that is paused in the middle of a transaction must not stop the others for as long as it sleeps.
    "idle_in_transaction_session_timeout": "30s",
    # What is answered must be on disk, whatever the server's default is.
    "synchronous_commit": "on",
    # The tables are mostly settled rows: a plan made for any parameter could not use the indexes of those that are not.
    "plan_cache_mode": "force_custom_plan",
}
_PG_CONNECT: dict[str, Any] = {
    # A server that has vanished is noticed within half a minute, not when TCP gives up after a quarter of an hour.
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}
_DECIDE_LOCK = 0x1A6E57D


def engine_for(url: str, *, read_only: bool = False, synchronous: str = "FULL") -> Engine:
    """An engine whose connections are set up for durability.

    SQLite: WAL, ``synchronous=FULL`` (a commit returns after the WAL is synced to disk), writes begin IMMEDIATE. Releases
    before 3.51.3 can corrupt a database when two connections write or checkpoint at once (sqlite.org, "WAL-reset bug"), so the
    caller opens exactly one engine that is not ``read_only``; read-only ones never checkpoint.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, read_only=read_only, synchronous=synchronous)
    return _postgresql_engine(parsed, read_only=read_only)


def _postgresql_engine(url: URL, *, read_only: bool) -> Engine:
    """What the URL says of a connection option wins over our own."""
    wanted = _PG_SETTINGS | ({"default_transaction_read_only": "on"} if read_only else {})
    own = url.query.get("options", "")
    options = " ".join([*(f"-c {name}={value}" for name, value in wanted.items()), str(own)])
    arguments = {name: value for name, value in _PG_CONNECT.items() if name not in url.query}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        connect_args={**arguments, "options": options},
        hide_parameters=True,
    )
    if read_only:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine.execution_options(isolation_level="READ COMMITTED")


def _sqlite_engine(url: URL, *, read_only: bool, synchronous: str) -> Engine:
    path = url.database or ":memory:"
    file = _SameFile(path)

    def connect() -> sqlite3.Connection:
        file.require()
        target = f"file:{quote(path)}?mode={'ro' if read_only else 'rwc'}"
        return sqlite3.connect(target, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)

    # An error would otherwise show what it was asked to store, and errors are logged.
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        if read_only:
            connection.execute("PRAGMA query_only = ON")
            return
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode not in {"wal", "memory"}:
            raise IngestdError(
                f"{path} cannot have a write-ahead log (SQLite stays in mode {mode})",
                hint="put the database on a local disk, not on a network file system",
            )
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        file.require()
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


class _SameFile:
    """Sees whether the file of a database is still the one that was opened first.

    SQLite goes on with a file that was removed or replaced under it: it would be answered for what nobody can find after a restart.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None

    def require(self) -> None:
        """Raises ``StoreBusy`` if there is another file of this name now, or none."""
        if self._path == ":memory:":
            return
        try:
            found = os.stat(self._path)  # noqa: PTH116 (for every transaction; a Path costs more than the call)
        except OSError:
            found = None
        identity = (found.st_dev, found.st_ino) if found else None
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            raise StoreBusy(
                f"{self._path} was removed or replaced while it was in use",
                hint="stop ingestd before the file is touched; what it had stored is lost if there is no copy",
            )


def is_sqlite(url: str) -> bool:
    """Whether the URL names a SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def sqlite_path(url: str) -> str:
    """The file of a SQLite URL."""
    return make_url(url).database or ":memory:"


def upsert(connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows; where a row with the same ``keys`` exists, replace its other columns."""
    if rows:
        statement = _upsert_of(connection.dialect.name, table, tuple(keys), tuple(rows[0]))
        connection.execute(statement, list(rows))


@cache
def _upsert_of(dialect_name: str, table: Table, keys: tuple[str, ...], names: tuple[str, ...]) -> Executable:
    """Made once for each table: putting it together costs more than writing a row."""
    module = sqlite if dialect_name == "sqlite" else postgresql
    statement = module.insert(table)
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    made: Executable = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)
    return made


def insert_plain(
    connection: Connection, table: Table, key: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """As ``insert_new``, for values that the driver understands as they are: no column type is asked.

    Takes 60 % of the processor time of ``insert_new``, measured with 32 envelopes: they are the one thing written for every request.
    """
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    columns, marks = ", ".join(names), ", ".join([mark] * len(names))
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO NOTHING",  # noqa: S608 (our own names)
        list(rows),
    )


def insert_new(connection: Connection, table: Table, key: str, rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows; leave rows alone whose ``key`` exists. Gives the number of those that were new."""
    if not rows:
        return 0
    statement = _insert_new_of(connection.dialect.name, table, key)
    # Without being asked to keep it, SQLAlchemy forgets on PostgreSQL how many rows a single insert made.
    return connection.execute(statement, list(rows), execution_options={"preserve_rowcount": True}).rowcount


@cache
def _insert_new_of(dialect_name: str, table: Table, key: str) -> Executable:
    module = sqlite if dialect_name == "sqlite" else postgresql
    made: Executable = module.insert(table).on_conflict_do_nothing(index_elements=[key])
    return made


def serialise_decisions(connection: Connection) -> None:
    """Until this transaction ends, no other daemon decides. SQLite's single writer needs nothing."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _DECIDE_LOCK})


def is_retryable(error: BaseException) -> bool:
    """Whether the same transaction may succeed if it is run again.

    So it is after a lost connection. If it was lost in the middle of a commit, nobody knows whether that happened: the functions of the
    store can be run again even then.
    """
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return str(state).startswith(_PG_RETRYABLE_CLASSES)
    words = str(error.orig).lower()
    return isinstance(error, OperationalError) and ("locked" in words or "busy" in words)


def is_trouble(error: BaseException) -> bool:
    """Whether the database itself failed (busy, full, lost, not as it was made), so that nothing can be said of what it was asked.

    Not so if it refuses what it was given: a value that does not fit a column fails again however healthy the database is.
    """
    if isinstance(error, StoreBusy):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return not str(state).startswith(_PG_VALUE_CLASSES)
    return not isinstance(error, _VALUE_ERRORS)


def is_full(error: BaseException) -> bool:
    """Whether the database has no room left on its disk."""
    if not isinstance(error, DBAPIError):
        return False
    return getattr(error.orig, "sqlstate", None) == _PG_DISK_FULL or "database or disk is full" in str(error.orig)


def reason_of(error: DBAPIError) -> str:
    """What the database says in one line. SQLAlchemy's own text would show statements and what is stored."""
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__


def sqlite_driver(connection: Connection) -> sqlite3.Connection | None:
    """SQLite's own connection, for what SQL cannot say; None for PostgreSQL."""
    driver = connection.connection.driver_connection
    return driver if isinstance(driver, sqlite3.Connection) else None


def quick_check(connection: Connection) -> str:
    """``ok``, or what is wrong with the file."""
    if connection.dialect.name == "sqlite":
        return str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return "ok" if connection.execute(text("SELECT 1")).scalar() == 1 else "no answer"


def version(connection: Connection) -> str:
    """The database's own name and version."""
    if connection.dialect.name == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar()}"
