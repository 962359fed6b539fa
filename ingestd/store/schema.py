"""The tables. Columns bear the names of the fields of the values that they hold, so that rows and values map one to one.

No defaults on the server, no triggers, no ``now()``: the database has neither a clock nor a policy.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
)

from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import DeadlineKind, PageReason
from ingestd.core.incident import AlertState
from ingestd.core.names import Channel, EffectKind, IncidentState, Level, Severity
from ingestd.core.watch import HoldReason
from ingestd.store.columns import AlertJson, ConductJson, Instants, Json, Reporters, Texts, UtcInstant, Word
from ingestd.store.escalation_column import EscalationJson
from ingestd.store.mail_tables import mailboxes, mails
from ingestd.store.oncall_tables import (
    batches,
    calendars,
    contacts,
    drills,
    feeds,
    heartbeats,
    metadata,
    overrides,
    reply_codes,
    reply_streaks,
)

__all__ = [
    "HAS_RECEIPT",
    "IS_ANSWER",
    "alerts",
    "batches",
    "calendars",
    "contacts",
    "deadlines",
    "drills",
    "feeds",
    "heartbeats",
    "inbox",
    "incidents",
    "is_open",
    "is_unsettled",
    "mailboxes",
    "mails",
    "members",
    "metadata",
    "outbox",
    "overrides",
    "page_links",
    "reply_codes",
    "reply_streaks",
    "settings",
    "signatures",
    "silences",
    "tickets",
    "timeline",
    "watches",
]


# SQLite gives a growing number only to a column of exactly INTEGER PRIMARY KEY.
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
    Column("received_at", UtcInstant, nullable=False),
    Column("remote", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("next_alert", Integer, nullable=False),
    Column("alert_count", Integer),
    Column("disposition", Text),
    Column("reason", Text),
    Column("detail", Text),
    Column("findings", Json),
    Column("processed_at", UtcInstant),
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
    Column("state", Word(AlertState), nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("first_seen_at", UtcInstant, nullable=False),
    Column("last_seen_at", UtcInstant, nullable=False),
    Column("starts_at", UtcInstant),
    Column("ended_at", UtcInstant),
    Column("cleared_seen_at", UtcInstant),
    # Since version 4; empty for alerts that only news end.
    Column("expires_at", UtcInstant),
)
_EXPIRES = alerts.c.expires_at.is_not(None)
Index("alerts_expiring", alerts.c.key, sqlite_where=_EXPIRES, postgresql_where=_EXPIRES)
_HELD = alerts.c.state == AlertState.HELD
Index("alerts_held", alerts.c.key, sqlite_where=_HELD, postgresql_where=_HELD)

members = Table(
    "members",
    metadata,
    Column("incident_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Word(AlertState), nullable=False),
    Column("source", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("labels", Json, nullable=False),
    Column("annotations", Json, nullable=False),
    Column("links", Json, nullable=False),
    Column("value", Text, nullable=False),
    Column("joined_at", UtcInstant, nullable=False),
    Column("cleared_at", UtcInstant),
    # Since version 4; empty for what did not come by mail.
    Column("sender", Text),
    Column("subject", Text),
    Column("body", Text),
    PrimaryKeyConstraint("incident_id", "key"),
)
_FIRING = members.c.state == AlertState.FIRING
Index("members_firing", members.c.name, sqlite_where=_FIRING, postgresql_where=_FIRING)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("state", Word(IncidentState), nullable=False),
    Column("severity", Word(Severity), nullable=False),
    Column("impact", Word(Level), nullable=False),
    Column("urgency", Word(Level), nullable=False),
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
    Column("opened_at", UtcInstant, nullable=False),
    Column("last_alert_at", UtcInstant, nullable=False),
    Column("firing_count", Integer, nullable=False),
    Column("alert_count", Integer, nullable=False),
    Column("clearing_since", UtcInstant),
    Column("acknowledged_at", UtcInstant),
    Column("acknowledged_by", Text, nullable=False),
    Column("resolved_at", UtcInstant),
    Column("resolved_by", Text, nullable=False),
    Column("closed_at", UtcInstant),
    Column("reopen_count", Integer, nullable=False),
    Column("ticket_connector", Text, nullable=False),
    Column("ticket_options", Json, nullable=False),
    Column("is_comment_waiting", Boolean, nullable=False),
    Column("escalation", EscalationJson),
    Column("effect_counts", Json, nullable=False),
    # Since version 2; empty for incidents that are older.
    Column("conduct", ConductJson),
    Column("fired_at", Instants),
    Column("parent_id", Text),
    Column("collects_key", Text),
    Column("quiet", Text),
    Column("awaiting_policy", Text),
    # Since version 3.
    Column("assignee", Text),
    # Since version 4.
    Column("reporters", Reporters),
)
_LIVE = incidents.c.state != IncidentState.CLOSED
Index("incidents_dedup", incidents.c.dedup_key, sqlite_where=_LIVE, postgresql_where=_LIVE)
Index("incidents_correlate", incidents.c.correlate_key, sqlite_where=_LIVE, postgresql_where=_LIVE)
Index("incidents_collects", incidents.c.collects_key, sqlite_where=_LIVE, postgresql_where=_LIVE)
Index("incidents_parent", incidents.c.parent_id, sqlite_where=_LIVE, postgresql_where=_LIVE)
_IN_CHARGE = incidents.c.assignee.is_not(None)
Index("incidents_assignee", incidents.c.team, incidents.c.number, sqlite_where=_IN_CHARGE, postgresql_where=_IN_CHARGE)
Index("incidents_live", incidents.c.number, sqlite_where=_LIVE, postgresql_where=_LIVE)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("incident_id", Text, nullable=False, index=True),
    Column("connector", Text, nullable=False),
    Column("kind", Word(EffectKind), nullable=False),
    Column("lane", Text, nullable=False),
    Column("state", Word(DeliveryState), nullable=False),
    Column("due_at", UtcInstant, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Column("person", Text),
    Column("channel", Word(Channel)),
    Column("level", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("leased_at", UtcInstant),
    Column("lease_until", UtcInstant),
    Column("attempt_count", Integer, nullable=False),
    Column("failed_count", Integer, nullable=False),
    Column("looked_count", Integer, nullable=False),
    Column("unknown_since", UtcInstant),
    Column("is_failed_over", Boolean, nullable=False),
    Column("noted_up_to", BigInteger),
    Column("detail", Text, nullable=False),
    Column("receipt_id", Text, nullable=False),
    Column("receipt_status", Text, nullable=False),
    Column("settled_at", UtcInstant),
    # Since version 3; empty for deliveries that are older.
    Column("cause", Word(PageReason)),
    Column("share", Text),
    Column("rank", Integer),
    Column("receipt_due_at", UtcInstant),
    Column("receipt_rank", Integer),
    Column("held_since", UtcInstant),
    Column("folded_into", Text),
    Column("address", Text),
    Column("meant_at", UtcInstant),
)


def is_unsettled(rows: FromClause) -> ColumnElement[bool]:
    """That a delivery waits, is under way or is uncertain, worded as in the indexes of the outbox.

    A query finds those indexes only if it says the very same, with words and not with parameters: SQLite compares
    expressions, and a plan that PostgreSQL prepares for any parameter could not use them. Settled rows are by far the most.
    """
    return rows.c.state.in_([literal_column(f"'{state}'") for state in _UNSETTLED])


def is_open(rows: FromClause) -> ColumnElement[bool]:
    """That a delivery is unsettled or parked: somebody may still have to do something. Worded as ``is_unsettled`` is, and why."""
    return rows.c.state.in_([literal_column(f"'{state}'") for state in (*_UNSETTLED, DeliveryState.PARKED)])


_UNSETTLED = (DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.UNCERTAIN)
_IS_UNSETTLED = is_unsettled(outbox)
_IS_LEASED = outbox.c.state == DeliveryState.LEASED
_IS_OPEN = is_open(outbox)
HAS_RECEIPT = outbox.c.receipt_id != literal_column("''")
"""That a delivery has a receipt, worded as in the index."""
Index("outbox_due", outbox.c.connector, outbox.c.due_at, sqlite_where=_IS_UNSETTLED, postgresql_where=_IS_UNSETTLED)
Index(
    "outbox_share",
    outbox.c.connector,
    outbox.c.share,
    outbox.c.due_at,
    sqlite_where=_IS_UNSETTLED,
    postgresql_where=_IS_UNSETTLED,
)
Index("outbox_lane", outbox.c.lane, outbox.c.seq, sqlite_where=_IS_UNSETTLED, postgresql_where=_IS_UNSETTLED)
Index("outbox_leased", outbox.c.connector, outbox.c.lease_until, sqlite_where=_IS_LEASED, postgresql_where=_IS_LEASED)
Index("outbox_open", outbox.c.seq, outbox.c.connector, outbox.c.state, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
Index("outbox_receipt", outbox.c.receipt_id, sqlite_where=HAS_RECEIPT, postgresql_where=HAS_RECEIPT)

_AWAITS_RECEIPT = outbox.c.receipt_due_at.is_not(None)
Index("outbox_receipt_due", outbox.c.receipt_due_at, sqlite_where=_AWAITS_RECEIPT, postgresql_where=_AWAITS_RECEIPT)
_IS_TO_PERSON = outbox.c.person.is_not(None)
Index(
    "outbox_person",
    outbox.c.person,
    outbox.c.channel,
    outbox.c.settled_at,
    sqlite_where=_IS_TO_PERSON,
    postgresql_where=_IS_TO_PERSON,
)

IS_ANSWER = outbox.c.kind == literal_column("'answer'")
"""That a delivery answers somebody who reported something, worded as in the index."""
Index("outbox_answers", outbox.c.address, outbox.c.settled_at, sqlite_where=IS_ANSWER, postgresql_where=IS_ANSWER)

_IS_FOLDED = outbox.c.folded_into.is_not(None)
Index("outbox_folded", outbox.c.folded_into, sqlite_where=_IS_FOLDED, postgresql_where=_IS_FOLDED)

deadlines = Table(
    "deadlines",
    metadata,
    Column("incident_id", Text, nullable=False),
    Column("kind", Word(DeadlineKind), nullable=False),
    Column("due_at", UtcInstant, nullable=False, index=True),
    PrimaryKeyConstraint("incident_id", "kind"),
)

timeline = Table(
    "timeline",
    metadata,
    Column("seq", _Serial, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("at", UtcInstant, nullable=False),
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
    Column("opened_at", UtcInstant, nullable=False, index=True),
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
    Column("expires_at", UtcInstant, nullable=False, index=True),
)

signatures = Table(
    "signatures",
    metadata,
    Column("name", Text, primary_key=True),
    Column("expires_at", UtcInstant, nullable=False, index=True),
)

watches = Table(
    "watches",
    metadata,
    Column("key", Text, primary_key=True),
    Column("due_at", UtcInstant, nullable=False, index=True),
    Column("alert", AlertJson, nullable=False),
    Column("rule", Text, nullable=False),
    Column("dedup_key", Text, nullable=False, index=True),
    Column("held", Word(HoldReason)),
    Column("by", Text, nullable=False, index=True),
    Column("since", UtcInstant, nullable=False),
    Column("fired_at", Instants),
    Column("auto_resolve_seconds", Integer),
)
_CLEARS = watches.c.auto_resolve_seconds.is_not(None)
Index("watches_clearing", watches.c.key, sqlite_where=_CLEARS, postgresql_where=_CLEARS)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("matchers", Texts, nullable=False),
    Column("comment", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcInstant, nullable=False),
    Column("starts_at", UtcInstant, nullable=False),
    Column("ends_at", UtcInstant, nullable=False, index=True),
)
