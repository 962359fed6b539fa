"""Signatures of messages that were stored, so that none is accepted twice; not by another daemon and not after a restart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete

from ingestd.store import dialect
from ingestd.store.schema import signatures


@dataclass(frozen=True, slots=True)
class Signature:
    """A proof that is good once. ``name`` tells it from all others; after ``expires_at`` its message is refused as too old anyway."""

    name: str
    expires_at: datetime


def add(connection: Connection, signature: Signature, now: datetime) -> bool:
    """Remember a signature; False if it was known. Forgets those that have expired."""
    connection.execute(delete(signatures).where(signatures.c.expires_at < now))
    row = {"name": signature.name, "expires_at": signature.expires_at}
    return dialect.insert_new(connection, signatures, "name", [row]) == 1
