"""The table of mail: which message belongs to which incident."""

from __future__ import annotations

from sqlalchemy import Column, PrimaryKeyConstraint, Table, Text

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
    Column("received_at", UtcInstant, nullable=False, index=True),
    PrimaryKeyConstraint("source", "digest"),
)
