"""How far each mailbox has been read. Written after what was read is committed, so that a crash repeats a message and never skips one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ingestd.store import dialect
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import mailboxes


@dataclass(frozen=True, slots=True)
class Position:
    """How far one folder of an account has been read. UIDs mean something only together with ``uid_validity``."""

    account: str
    place: str
    """Which folder of whom on which host. Another place under the same name of an account begins anew."""
    uid_validity: int
    last_uid: int
    """Everything up to this one is dealt with."""
    all_from_uid: int
    """From this one on every message is taken, whether somebody has seen it or not; below it, what ``since_at`` says."""
    since_at: datetime | None
    """None: below ``all_from_uid`` what was unseen at the first look. Else the server has numbered anew, and what came since is looked at
    again."""
    looked_at: datetime
    """When all that was there had been taken. Written now and then, and never too late by more than an hour."""


def position(connection: Connection, account: str, place: str) -> Position | None:
    """How far it was read; None if it never was."""
    wanted = (mailboxes.c.account == account) & (mailboxes.c.place == place)
    row = connection.execute(select_of(mailboxes, Position).where(wanted)).first()
    return value_of(Position, row) if row else None


def keep(connection: Connection, reached: Position) -> None:
    """From now on it has been read so far."""
    dialect.upsert(connection, mailboxes, ["account", "place"], [row_of(reached)])
