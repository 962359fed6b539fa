"""Version 4: mail that comes in: which message belongs to which incident, who reported it, and what rules may look at later."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.schema import CreateColumn

metadata = MetaData()

_mails = Table(
    "mails",
    metadata,
    Column("source", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("envelope_id", Text, nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("message_id", Text, nullable=False, index=True),
    Column("received_at", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("source", "digest"),
)

_mailboxes = Table(
    "mailboxes",
    metadata,
    Column("account", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("uid_validity", BigInteger, nullable=False),
    Column("last_uid", BigInteger, nullable=False),
    Column("all_from_uid", BigInteger, nullable=False),
    Column("since_at", BigInteger),
    Column("looked_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("account", "place"),
)

_added = MetaData()
_new_columns = (
    Table("incidents", _added, Column("reporters", Text)),
    Table("members", _added, Column("sender", Text), Column("subject", Text), Column("body", Text)),
    Table("alerts", _added, Column("expires_at", BigInteger)),
)

_then = MetaData()
_alerts_then = Table("alerts", _then, Column("key", Text), Column("expires_at", BigInteger))
_outbox_then = Table("outbox", _then, Column("kind", Text), Column("address", Text), Column("settled_at", BigInteger))
_watches_then = Table("watches", _then, Column("key", Text), Column("auto_resolve_seconds", Integer))


def upgrade(connection: Connection) -> None:
    """Add the table and the columns, empty where a row is older."""
    metadata.create_all(connection)
    for table in _new_columns:
        for column in table.columns:
            written = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {written}")
    expires = _alerts_then.c.expires_at.is_not(None)
    clears = _watches_then.c.auto_resolve_seconds.is_not(None)
    is_answer = _outbox_then.c.kind == literal_column("'answer'")
    for index in (
        Index(
            "outbox_answers",
            _outbox_then.c.address,
            _outbox_then.c.settled_at,
            sqlite_where=is_answer,
            postgresql_where=is_answer,
        ),
        Index("alerts_expiring", _alerts_then.c.key, sqlite_where=expires, postgresql_where=expires),
        Index("watches_clearing", _watches_then.c.key, sqlite_where=clears, postgresql_where=clears),
    ):
        index.create(connection)
