"""Version 4: mail that comes in: which message belongs to which incident, who reported it, and what rules may look at later."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, MetaData, PrimaryKeyConstraint, Table, Text
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
    Column("received_at", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("source", "digest"),
)

_added = MetaData()
_new_columns = (
    Table("incidents", _added, Column("reporters", Text)),
    Table("members", _added, Column("sender", Text), Column("subject", Text), Column("body", Text)),
)


def upgrade(connection: Connection) -> None:
    """Add the table and the columns, empty where a row is older."""
    metadata.create_all(connection)
    for table in _new_columns:
        for column in table.columns:
            written = CreateColumn(column).compile(dialect=connection.dialect)
            connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {written}")
