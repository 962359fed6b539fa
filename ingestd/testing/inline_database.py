"""A database without threads, for virtual time: the same functions, the same SQL, run where they are called.

The caller may mark the instants at which a process can die: ``at_point`` is called with ``before commit`` and ``after commit``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect

from ingestd.store import dialect

T = TypeVar("T")

_shared: dict[str, Dialect] = {}
_compiled: dict[Any, Any] = {}
"""What SQLAlchemy has compiled; it finds it again only for the same dialect, by identity."""


class InlineDatabase:
    """Implements ``ingestd.store.database.Database`` on one SQLite file. ``checks`` run inside each transaction, before its commit."""

    def __init__(
        self,
        url: str,
        *,
        at_point: Callable[[str], None] = lambda _point: None,
        check: Callable[[Connection], None] = lambda _connection: None,
    ) -> None:
        # Synchronous OFF: a process that dies loses nothing that it wrote; only a power cut would, which real processes test.
        engine = dialect.engine_for(url, synchronous="OFF")
        # Hundreds of databases are opened by one test run, in one thread: a statement is compiled for the first and not for each.
        engine.dialect = _shared.setdefault("dialect", engine.dialect)
        self._connection = engine.connect().execution_options(compiled_cache=_compiled)
        self._at_point = at_point
        self._check = check

    async def run(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """Run ``fn(connection, *args)`` in a transaction."""
        return self.run_now(fn, *args)

    def run_now(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """The same without a loop: for tests and tools."""
        before = self._change_count()
        with self._connection.begin():
            value = fn(self._connection, *args)
            has_changed = self._change_count() != before
            if has_changed:
                self._check(self._connection)
                self._at_point("before commit")
        if has_changed:
            self._at_point("after commit")
        return value

    def _change_count(self) -> int:
        raw = self._connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection), "the inline database is SQLite"
        return raw.total_changes

    async def read(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """Run ``fn(connection, *args)``; what it writes is undone."""
        return self.read_now(fn, *args)

    def read_now(self, fn: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 (the arguments of any fn)
        """The same without a loop."""
        with self._connection.begin() as transaction:
            value = fn(self._connection, *args)
            transaction.rollback()
        return value

    def close(self) -> None:
        """Close the connection; the file stays."""
        self._connection.close()
