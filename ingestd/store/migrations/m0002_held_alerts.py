"""Version 2: alerts that are held back or watched, silences, and what an incident remembers of the rules that made it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    literal_column,
)
from sqlalchemy.schema import CreateColumn

metadata = MetaData()

_watches = Table(
    "watches",
    metadata,
    Column("key", Text, primary_key=True),
    Column("due_at", BigInteger, nullable=False, index=True),
    Column("alert", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("dedup_key", Text, nullable=False, index=True),
    Column("held", Text),
    Column("by", Text, nullable=False, index=True),
    Column("since", BigInteger, nullable=False),
    Column("fired_at", Text),
    Column("auto_resolve_seconds", Integer),
)

_silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("matchers", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
)

_added = MetaData()
_incidents = Table(
    "incidents",
    _added,
    Column("conduct", Text),
    Column("fired_at", Text),
    Column("parent_id", Text),
    Column("collects_key", Text),
    Column("quiet", Text),
    Column("awaiting_policy", Text),
)
_state = Column("state", Text)
_incidents_then = Table("incidents", MetaData(), _state, Column("collects_key", Text), Column("parent_id", Text))
_members_then = Table("members", MetaData(), Column("state", Text), Column("name", Text))


def upgrade(connection: Connection) -> None:
    """Add the tables, the columns (empty where an incident is older) and their indexes."""
    metadata.create_all(connection)
    for column in _incidents.columns:
        words = CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE incidents ADD COLUMN {words}")
    is_live = _incidents_then.c.state != literal_column("'closed'")
    is_firing = _members_then.c.state == literal_column("'firing'")
    for index in (
        Index("incidents_collects", _incidents_then.c.collects_key, sqlite_where=is_live, postgresql_where=is_live),
        Index("incidents_parent", _incidents_then.c.parent_id, sqlite_where=is_live, postgresql_where=is_live),
        Index("members_firing", _members_then.c.name, sqlite_where=is_firing, postgresql_where=is_firing),
    ):
        index.create(connection)
