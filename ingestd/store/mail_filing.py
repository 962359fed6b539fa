"""What is kept of mail besides threads: which incident a mail came to belong to, how much somebody wrote lately, what was put aside."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from ingestd.core.mail.mail_words import BY_STRANGERS
from ingestd.core.names import EnvelopeId, IncidentId
from ingestd.core.sources import SourceKind
from ingestd.store.inbox import QUARANTINED
from ingestd.store.rows import chunks
from ingestd.store.schema import inbox, mails

PUT_ASIDE_MAX = 2000
PUT_ASIDE_BYTES_MAX = 256 * 1024**2


def belongs(connection: Connection, source: str, envelope_id: EnvelopeId, incident_id: IncidentId) -> None:
    """The mail of this envelope is about this incident."""
    ours = (mails.c.source == source, mails.c.envelope_id == envelope_id)
    connection.execute(update(mails).where(*ours).values(incident_id=incident_id))


def prune_put_aside(connection: Connection, before: datetime, most: int) -> int:
    """Forget mail that was put aside as not believed: what is older than ``before``, and the oldest of more than is kept; at most ``most``.

    Strangers send it, so what is kept of it is bounded: by ``PUT_ASIDE_MAX`` mails and ``PUT_ASIDE_BYTES_MAX``.
    """
    query = (
        select(inbox.c.seq, inbox.c.received_at, func.length(inbox.c.body).label("size"))
        .where(inbox.c.state == QUARANTINED, inbox.c.kind == SourceKind.EMAIL, inbox.c.reason.in_(sorted(BY_STRANGERS)))
        .order_by(inbox.c.seq.desc())
        .limit(PUT_ASIDE_MAX + most)
    )
    room = PUT_ASIDE_BYTES_MAX
    doomed: list[int] = []
    for position, row in enumerate(connection.execute(query)):
        room -= row.size
        if position >= PUT_ASIDE_MAX or room < 0 or row.received_at < before:
            doomed.append(row.seq)
    for some in chunks(doomed[-most:]):
        connection.execute(inbox.delete().where(inbox.c.seq.in_(some)))
    return len(doomed[-most:])


def count_from(connection: Connection, sender: str, since: datetime, besides: EnvelopeId) -> int:
    """How many mails came from an address since an instant, to any source, besides that of one envelope."""
    query = select(func.count()).where(
        mails.c.received_at >= since, mails.c.sender == sender, mails.c.envelope_id != besides
    )
    return connection.execute(query).scalar_one()
