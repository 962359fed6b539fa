"""What is kept of mail besides threads: which incident a mail came to belong to, and how much somebody wrote lately."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from ingestd.core.names import EnvelopeId, IncidentId
from ingestd.store.schema import mails


def belongs(connection: Connection, source: str, envelope_id: EnvelopeId, incident_id: IncidentId) -> None:
    """The mail of this envelope is about this incident."""
    ours = (mails.c.source == source, mails.c.envelope_id == envelope_id)
    connection.execute(update(mails).where(*ours).values(incident_id=incident_id))


def count_from(connection: Connection, sender: str, since: datetime, besides: EnvelopeId) -> int:
    """How many mails came from an address since an instant, to any source, besides that of one envelope."""
    query = select(func.count()).where(
        mails.c.received_at >= since, mails.c.sender == sender, mails.c.envelope_id != besides
    )
    return connection.execute(query).scalar_one()
