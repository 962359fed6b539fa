"""Version 1: the first tables, spelled out as they were then. Never edited: databases have been made by it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
)

metadata = MetaData()

_Serial = BigInteger().with_variant(Integer, "sqlite")

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("remote", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("next_alert", Integer, nullable=False),
    Column("alert_count", Integer),
    Column("disposition", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("findings", Text),
    Column("processed_at", BigInteger),
    # Last, since SQLite reads what stands before it without walking through a large body.
    Column("body", LargeBinary, nullable=False),
)
Index("inbox_waiting", inbox.c.seq, sqlite_where=inbox.c.state == "new", postgresql_where=inbox.c.state == "new")
Index(
    "inbox_quarantined",
    inbox.c.seq,
    sqlite_where=inbox.c.state == "quarantined",
    postgresql_where=inbox.c.state == "quarantined",
)
Index("inbox_done", inbox.c.received_at, sqlite_where=inbox.c.state == "done", postgresql_where=inbox.c.state == "done")

alerts = Table(
    "alerts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("starts_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("cleared_seen_at", BigInteger),
)

members = Table(
    "members",
    metadata,
    Column("incident_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("annotations", Text, nullable=False),
    Column("links", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("joined_at", BigInteger, nullable=False),
    Column("cleared_at", BigInteger),
    PrimaryKeyConstraint("incident_id", "key"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("impact", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("runbook", Text, nullable=False),
    Column("dedup_key", Text, nullable=False),
    Column("correlate_key", Text, nullable=False),
    Column("correlate_within_seconds", Integer, nullable=False),
    Column("reopen_within_seconds", Integer, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("last_alert_at", BigInteger, nullable=False),
    Column("firing_count", Integer, nullable=False),
    Column("alert_count", Integer, nullable=False),
    Column("clearing_since", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("acknowledged_by", Text, nullable=False),
    Column("resolved_at", BigInteger),
    Column("resolved_by", Text, nullable=False),
    Column("closed_at", BigInteger),
    Column("reopen_count", Integer, nullable=False),
    Column("ticket_connector", Text, nullable=False),
    Column("ticket_options", Text, nullable=False),
    Column("is_comment_waiting", Boolean, nullable=False),
    Column("escalation", Text),
    Column("effect_counts", Text, nullable=False),
)
_LIVE = incidents.c.state != "closed"
Index("incidents_dedup", incidents.c.dedup_key, sqlite_where=_LIVE, postgresql_where=_LIVE)
Index("incidents_correlate", incidents.c.correlate_key, sqlite_where=_LIVE, postgresql_where=_LIVE)
Index("incidents_live", incidents.c.number, sqlite_where=_LIVE, postgresql_where=_LIVE)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("incident_id", Text, nullable=False, index=True),
    Column("connector", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("person", Text),
    Column("channel", Text),
    Column("level", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("leased_at", BigInteger),
    Column("lease_until", BigInteger),
    Column("attempt_count", Integer, nullable=False),
    Column("failed_count", Integer, nullable=False),
    Column("looked_count", Integer, nullable=False),
    Column("unknown_since", BigInteger),
    Column("is_failed_over", Boolean, nullable=False),
    Column("noted_up_to", BigInteger),
    Column("detail", Text, nullable=False),
    Column("receipt_id", Text, nullable=False),
    Column("receipt_status", Text, nullable=False),
    Column("settled_at", BigInteger),
)


_IS_UNSETTLED = outbox.c.state.in_([literal_column(f"'{state}'") for state in ("waiting", "leased", "uncertain")])
_IS_OPEN = outbox.c.state.in_([literal_column(f"'{state}'") for state in ("waiting", "leased", "uncertain", "parked")])
_IS_LEASED = outbox.c.state == "leased"
_HAS_RECEIPT = outbox.c.receipt_id != literal_column("''")
Index("outbox_due", outbox.c.connector, outbox.c.due_at, sqlite_where=_IS_UNSETTLED, postgresql_where=_IS_UNSETTLED)
Index("outbox_lane", outbox.c.lane, outbox.c.seq, sqlite_where=_IS_UNSETTLED, postgresql_where=_IS_UNSETTLED)
Index("outbox_leased", outbox.c.connector, outbox.c.lease_until, sqlite_where=_IS_LEASED, postgresql_where=_IS_LEASED)
Index("outbox_open", outbox.c.seq, outbox.c.connector, outbox.c.state, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
Index("outbox_receipt", outbox.c.receipt_id, sqlite_where=_HAS_RECEIPT, postgresql_where=_HAS_RECEIPT)

deadlines = Table(
    "deadlines",
    metadata,
    Column("incident_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_at", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("incident_id", "kind"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("for_ticket", Boolean, nullable=False),
    Index("timeline_incident", "incident_id", "seq"),
)

tickets = Table(
    "tickets",
    metadata,
    Column("incident_id", Text, nullable=False),
    Column("connector", Text, nullable=False),
    Column("ref_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("opened_at", BigInteger, nullable=False, index=True),
    Column("noted_up_to", BigInteger, nullable=False),
    PrimaryKeyConstraint("incident_id", "connector"),
)

page_links = Table(
    "page_links",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("incident_id", Text, nullable=False, index=True),
    Column("person", Text, nullable=False),
    Column("delivery_key", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

signatures = Table(
    "signatures",
    metadata,
    Column("name", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False, index=True),
)


def upgrade(connection: Connection) -> None:
    """Create every table and index."""
    metadata.create_all(connection)
