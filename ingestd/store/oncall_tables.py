"""The tables of on-call work: who stands in for whom, who can be reached, what was answered, what proves that paging works.

Part of ``schema``, which everybody asks.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text

from ingestd.core.names import Channel
from ingestd.store.columns import UtcInstant, Word

metadata = MetaData()

overrides = Table(
    "overrides",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("schedule", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("starts_at", UtcInstant, nullable=False),
    Column("ends_at", UtcInstant, nullable=False, index=True),
    Column("why", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Column("ended_by", Text, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("person", Text, nullable=False),
    Column("channel", Word(Channel), nullable=False),
    Column("address", Text, nullable=False),
    Column("dead_since", UtcInstant),
    Column("reason", Text, nullable=False),
    Column("reached_at", UtcInstant),
    Column("is_told", Boolean, nullable=False),
    PrimaryKeyConstraint("person", "channel", "address"),
)

calendars = Table(
    "calendars",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("url_hash", Text, nullable=False),
    Column("tried_at", UtcInstant, nullable=False),
    Column("fetched_at", UtcInstant),
    Column("expanded_at", UtcInstant),
    Column("failing_since", UtcInstant),
    Column("problem", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("body", LargeBinary),
    Column("entries", Text, nullable=False),
    Column("faults", Text, nullable=False),
)

feeds = Table(
    "feeds",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
)

reply_codes = Table(
    "reply_codes",
    metadata,
    Column("address", Text, nullable=False),
    Column("code", Integer, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("channel", Word(Channel), nullable=False),
    Column("delivery_key", Text, nullable=False),
    Column("given_at", UtcInstant, nullable=False, index=True),
    PrimaryKeyConstraint("address", "code"),
)

reply_streaks = Table(
    "reply_streaks",
    metadata,
    Column("address", Text, primary_key=True),
    Column("help_count", Integer, nullable=False),
    Column("last_at", UtcInstant, nullable=False, index=True),
    Column("answer_count", Integer, nullable=False),
    Column("since", UtcInstant),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("source", Text, primary_key=True),
    Column("seen_at", UtcInstant, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("person", Text, nullable=False),
    Column("channel", Word(Channel), nullable=False),
    Column("since", UtcInstant, nullable=False),
    Column("burst_at", UtcInstant, nullable=False),
    PrimaryKeyConstraint("person", "channel"),
)

drills = Table(
    "drills",
    metadata,
    Column("id", Text, primary_key=True),
    Column("policy", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("started_at", UtcInstant, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("is_scheduled", Boolean, nullable=False),
    Column("ended_at", UtcInstant, index=True),
    Column("result", Text, nullable=False),
)
