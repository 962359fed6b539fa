"""A copy of the database as it is at one instant, made while the daemon works."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from ingestd.errors import IngestdError
from ingestd.store import dialect


def backup(connection: Connection, path: Path) -> None:
    """Copy the SQLite database into the new file ``path``, check the copy and sync it; only its owner may read it.

    Takes a reading connection, which is busy meanwhile; the writer is not held up. The file has its name only when it is whole. Raises
    ``IngestdError`` for PostgreSQL, which has its own tools, and if the copy is not sound; ``FileExistsError`` if ``path`` exists.
    """
    source = dialect.sqlite_driver(connection)
    if source is None:
        raise IngestdError("only a SQLite database is copied by ingestd", hint="for PostgreSQL use pg_dump")
    if path.exists():
        raise FileExistsError(f"{path} exists; a backup never replaces another")
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        _copy(source, unfinished)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _sync(path.parent)


def _copy(source: sqlite3.Connection, path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None)) as target:
        source.backup(target)
        # One file is easier to carry away than a file and its log, and whoever opens it may do so without writing beside it.
        target.execute("PRAGMA journal_mode = DELETE")
        found = target.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise IngestdError(f"the copy is not sound: {found}", hint="the database itself may be damaged: ingestd doctor")
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
