"""Brings the database to the schema of this release, or refuses with the version to use.

Two numbers are kept in the database: ``schema_version``, what it has, and ``compat_version``, the oldest code that may use it. A release
that only adds what older code ignores raises the first alone, so that going back one release stays possible.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect, select

from ingestd.errors import SchemaTooNew
from ingestd.store import dialect
from ingestd.store.migrations import STEPS
from ingestd.store.schema import settings

SCHEMA_VERSION = len(STEPS)
COMPAT_VERSION = 4
"""The oldest schema version whose code may still use what this release writes."""


def migrate(connection: Connection) -> list[int]:
    """Run the steps that are missing, in this transaction; gives the versions reached. Raises ``SchemaTooNew``.

    Several daemons may start at once on one PostgreSQL: the first migrates, the others wait and find it done.
    """
    dialect.serialise_decisions(connection)
    has = version(connection)
    if has is None:
        reached = list(range(1, SCHEMA_VERSION + 1))
    else:
        needs_code = int(_setting(connection, "compat_version") or has)
        if needs_code > SCHEMA_VERSION:
            written_by = _setting(connection, "written_by") or "a newer release"
            raise SchemaTooNew(
                f"the database has schema version {has}, this release knows {SCHEMA_VERSION}",
                hint=f"use {written_by} or newer, or restore the backup made before the upgrade",
            )
        reached = list(range(has + 1, SCHEMA_VERSION + 1))
    for step in reached:
        STEPS[step - 1](connection)
    if reached:
        from ingestd import __version__  # noqa: PLC0415 (the only place in the store that needs the release's name)

        values = {
            "schema_version": str(SCHEMA_VERSION),
            "compat_version": str(COMPAT_VERSION),
            "written_by": f"ingestd {__version__}",
        }
        rows = [{"name": name, "value": value} for name, value in values.items()]
        dialect.upsert(connection, settings, ["name"], rows)
    return reached


def version(connection: Connection) -> int | None:
    """The schema version that the database has; None if it is empty."""
    if not inspect(connection).has_table("settings"):
        return None
    value = _setting(connection, "schema_version")
    return int(value) if value else None


def _setting(connection: Connection, name: str) -> str | None:
    return connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar()
