"""Version 3: on-call work: overrides, contacts that are dead, calendars, replies, storms, drills; and what deliveries need for it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
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
from sqlalchemy.schema import CreateColumn

metadata = MetaData()

_overrides = Table(
    "overrides",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("schedule", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
    Column("why", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("ended_by", Text, nullable=False),
)

_contacts = Table(
    "contacts",
    metadata,
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("dead_since", BigInteger),
    Column("reason", Text, nullable=False),
    Column("reached_at", BigInteger),
    Column("is_told", Boolean, nullable=False),
    PrimaryKeyConstraint("person", "channel", "address"),
)

_calendars = Table(
    "calendars",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("url_hash", Text, nullable=False),
    Column("tried_at", BigInteger, nullable=False),
    Column("fetched_at", BigInteger),
    Column("expanded_at", BigInteger),
    Column("failing_since", BigInteger),
    Column("problem", Text, nullable=False),
    Column("etag", Text, nullable=False),
    Column("body", LargeBinary),
    Column("entries", Text, nullable=False),
    Column("faults", Text, nullable=False),
)

_feeds = Table(
    "feeds",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

_reply_codes = Table(
    "reply_codes",
    metadata,
    Column("address", Text, nullable=False),
    Column("code", Integer, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("delivery_key", Text, nullable=False),
    Column("given_at", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("address", "code"),
)

_reply_streaks = Table(
    "reply_streaks",
    metadata,
    Column("address", Text, primary_key=True),
    Column("help_count", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False, index=True),
    Column("answer_count", Integer, nullable=False),
    Column("since", BigInteger),
)

_heartbeats = Table(
    "heartbeats",
    metadata,
    Column("source", Text, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
)

_batches = Table(
    "batches",
    metadata,
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("burst_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("person", "channel"),
)

_drills = Table(
    "drills",
    metadata,
    Column("id", Text, primary_key=True),
    Column("policy", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("is_scheduled", Boolean, nullable=False),
    Column("ended_at", BigInteger, index=True),
    Column("result", Text, nullable=False),
)

_added = MetaData()
_new_columns = (
    Table("incidents", _added, Column("assignee", Text)),
    Table(
        "outbox",
        _added,
        Column("cause", Text),
        Column("share", Text),
        Column("rank", Integer),
        Column("receipt_due_at", BigInteger),
        Column("receipt_rank", Integer),
        Column("held_since", BigInteger),
        Column("folded_into", Text),
        Column("address", Text),
        Column("meant_at", BigInteger),
    ),
)
_then = MetaData()
_alerts_then = Table("alerts", _then, Column("key", Text), Column("state", Text))
_incidents_then = Table(
    "incidents", _then, Column("team", Text), Column("number", BigInteger), Column("assignee", Text)
)
_outbox_then = Table(
    "outbox",
    _then,
    Column("person", Text),
    Column("channel", Text),
    Column("settled_at", BigInteger),
    Column("receipt_due_at", BigInteger),
    Column("connector", Text),
    Column("share", Text),
    Column("due_at", BigInteger),
    Column("state", Text),
    Column("folded_into", Text),
)


def upgrade(connection: Connection) -> None:
    """Add the tables, the columns (empty where a row is older) and their indexes."""
    metadata.create_all(connection)
    for table in _new_columns:
        for column in table.columns:
            written = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {written}")
    # Deliveries are claimed by their share; those that wait already come first.
    connection.execute(_outbox_then.update().values(share="0"))
    in_charge = _incidents_then.c.assignee.is_not(None)
    awaits = _outbox_then.c.receipt_due_at.is_not(None)
    to_person = _outbox_then.c.person.is_not(None)
    is_folded = _outbox_then.c.folded_into.is_not(None)
    words: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in ("waiting", "leased", "uncertain")]
    is_unsettled = _outbox_then.c.state.in_(words)
    held = _alerts_then.c.state == "held"
    for index in (
        Index("alerts_held", _alerts_then.c.key, sqlite_where=held, postgresql_where=held),
        Index(
            "incidents_assignee",
            _incidents_then.c.team,
            _incidents_then.c.number,
            sqlite_where=in_charge,
            postgresql_where=in_charge,
        ),
        Index(
            "outbox_share",
            _outbox_then.c.connector,
            _outbox_then.c.share,
            _outbox_then.c.due_at,
            sqlite_where=is_unsettled,
            postgresql_where=is_unsettled,
        ),
        Index("outbox_folded", _outbox_then.c.folded_into, sqlite_where=is_folded, postgresql_where=is_folded),
        Index("outbox_receipt_due", _outbox_then.c.receipt_due_at, sqlite_where=awaits, postgresql_where=awaits),
        Index(
            "outbox_person",
            _outbox_then.c.person,
            _outbox_then.c.channel,
            _outbox_then.c.settled_at,
            sqlite_where=to_person,
            postgresql_where=to_person,
        ),
    ):
        index.create(connection)
