"""Acknowledge links: only hashes of their tokens are kept, bound to person, incident and delivery."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert

from ingestd.core.names import EffectKey, IncidentId, PersonName
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import page_links


@dataclass(frozen=True, slots=True)
class PageLink:
    """What one token may do: let this person see and acknowledge this one incident until it expires."""

    token_hash: str
    incident_id: IncidentId
    person: PersonName
    delivery_key: EffectKey
    expires_at: datetime


def hash_of(token: str) -> str:
    """What is kept of a token. It has 72 random bits, so a plain hash cannot be turned back."""
    return hashlib.sha256(b"ingestd page link\0" + token.encode("utf-8", "replace")).hexdigest()


def add(connection: Connection, link: PageLink) -> None:
    """Remember a link."""
    connection.execute(insert(page_links), [row_of(link)])


def find(connection: Connection, token: str, now: datetime) -> PageLink | None:
    """The link of a token, unless it is unknown or expired."""
    return find_hash(connection, hash_of(token), now)


def find_hash(connection: Connection, token_hash: str, now: datetime) -> PageLink | None:
    """The link whose token has this hash, unless it is unknown or expired."""
    query = select_of(page_links, PageLink).where(page_links.c.token_hash == token_hash, page_links.c.expires_at > now)
    row = connection.execute(query).first()
    return value_of(PageLink, row) if row else None


def prune(connection: Connection, now: datetime) -> int:
    """Forget expired links."""
    return connection.execute(delete(page_links).where(page_links.c.expires_at <= now)).rowcount
