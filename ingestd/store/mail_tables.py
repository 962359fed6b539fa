"""The tables of mail: which message belongs to which incident, and how far each mailbox has been read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, Table, Text

from ingestd.store.columns import UtcInstant
from ingestd.store.oncall_tables import metadata

mails = Table(
    "mails",
    metadata,
    Column("source", Text, nullable=False),
    # Of the Message-ID, or of what stands for it where a mail has none: the same for every copy.
    Column("digest", Text, nullable=False),
    Column("envelope_id", Text, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    # As it was written, cut; empty if there was none. What refers to it belongs to the same incident.
    Column("message_id", Text, nullable=False, index=True),
    Column("received_at", UtcInstant, nullable=False, index=True),
    PrimaryKeyConstraint("source", "digest"),
)

mailboxes = Table(
    "mailboxes",
    metadata,
    Column("account", Text, nullable=False),
    # The user, host and folder: another place under the same name begins anew.
    Column("place", Text, nullable=False),
    # Of the server's numbering. An unsigned number of 32 bits, as UIDs are.
    Column("uid_validity", BigInteger, nullable=False),
    Column("last_uid", BigInteger, nullable=False),
    Column("all_from_uid", BigInteger, nullable=False),
    Column("since_at", UtcInstant),
    Column("looked_at", UtcInstant, nullable=False),
    PrimaryKeyConstraint("account", "place"),
)
