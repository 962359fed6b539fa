"""Feeds of shifts for people's own calendars: only hashes of their secret addresses are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import feeds

FEEDS_MAX: Final = 2_000
_ID_CHARS: Final = 12


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose shifts whoever knows the token may read: ``person:asha`` or ``schedule:first-line``."""

    token_hash: str
    subject: str
    author: str
    created_at: datetime

    @property
    def id(self) -> str:
        """What the feed is called where it is listed and revoked; tells nothing of its address."""
        return self.token_hash[:_ID_CHARS]


def hash_of(token: str) -> str:
    """What is kept of a token. It has 72 random bits, so a plain hash cannot be turned back."""
    return hashlib.sha256(b"ingestd calendar feed\0" + token.encode("utf-8", "replace")).hexdigest()


def add(connection: Connection, feed: Feed) -> bool:
    """Remember a feed; False if there are as many as there may be. A second time for the same one changes nothing."""
    if find_by_hash(connection, feed.token_hash) is not None:
        return True
    if (connection.execute(select(func.count()).select_from(feeds)).scalar() or 0) >= FEEDS_MAX:
        return False
    connection.execute(insert(feeds), [row_of(feed)])
    return True


def find(connection: Connection, token: str) -> Feed | None:
    """The feed of a token."""
    return find_by_hash(connection, hash_of(token))


def find_by_hash(connection: Connection, token_hash: str) -> Feed | None:
    """The same by what is kept of the token."""
    row = connection.execute(select_of(feeds, Feed).where(feeds.c.token_hash == token_hash)).first()
    return value_of(Feed, row) if row else None


def listed(connection: Connection) -> list[Feed]:
    """All of them, the newest first."""
    query = select_of(feeds, Feed).order_by(feeds.c.created_at.desc(), feeds.c.token_hash)
    return [value_of(Feed, row) for row in connection.execute(query)]


def revoke(connection: Connection, feed_id: str) -> Feed | None:
    """Forget a feed by its id, so that its address leads nowhere from now on; None if there is none of that id."""
    found = [one for one in listed(connection) if one.id == feed_id]
    for one in found:
        connection.execute(delete(feeds).where(feeds.c.token_hash == one.token_hash))
    return found[0] if found else None
