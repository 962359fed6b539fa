"""Version 1: the first tables."""

from __future__ import annotations

from sqlalchemy import Connection

from ingestd.store.schema import metadata


def upgrade(connection: Connection) -> None:
    """Create every table and index."""
    metadata.create_all(connection)
