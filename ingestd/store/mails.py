"""Mails that belong to incidents: which ones came in, which incident a later mail of the same thread is about, and what becomes of it.

A thread is known by the Message-IDs that a mail refers to (of its own first mail, or of our answer), or by ``[INC-12]`` in the subject of
somebody who reported that incident. What anybody writes proves nothing: that a mail was authenticated is asked before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from ingestd.core import reporters
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import Decision
from ingestd.core.incident import Incident
from ingestd.core.mail import report
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.report import ReportPlan
from ingestd.core.names import EnvelopeId, IncidentId
from ingestd.core.policy import Policy
from ingestd.core.report_notes import decide_note
from ingestd.core.reporter import AttachmentRef
from ingestd.core.safe_text import one_line, plain_block
from ingestd.store import apply, dialect
from ingestd.store import incidents as incident_store
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import HAS_RECEIPT, IS_ANSWER, alerts, mails, outbox

MESSAGE_ID_CHARS = 400
REFERENCES_MAX = 50
"""So many Message-IDs of one mail are looked up, the newest first."""
NOTE_CHARS = 4000


@dataclass(frozen=True, slots=True)
class KnownMail:
    """A mail that was taken in. ``incident_id`` is empty while nothing has come of it."""

    source: str
    digest: str
    envelope_id: EnvelopeId
    incident_id: IncidentId
    sender: str
    message_id: str
    received_at: datetime


def remember(connection: Connection, mail: KnownMail) -> bool:
    """Keep which mail this was; False if the same message of this source was known: that stays as it was."""
    short = mail.message_id[:MESSAGE_ID_CHARS]
    row = {**row_of(mail), "message_id": short}
    if known(connection, mail.source, mail.digest) is not None:
        return False
    dialect.upsert(connection, mails, ["source", "digest"], [row])
    return True


def known(connection: Connection, source: str, digest: str) -> KnownMail | None:
    """The mail of a source with this digest; None if it never came."""
    query = select_of(mails, KnownMail).where(mails.c.source == source, mails.c.digest == digest)
    row = connection.execute(query).first()
    return value_of(KnownMail, row) if row else None


def thread_of(connection: Connection, letter: Letter, source: str) -> Incident | None:
    """The incident that a mail is about because it continues a thread; None if it begins one. It may be over by now."""
    referred = [one[:MESSAGE_ID_CHARS] for one in letter.references[:REFERENCES_MAX]]
    found = _by_mail(connection, referred, source) or _by_answer(connection, referred)
    if found is not None:
        return incident_store.load(connection, found)
    named = report.numbers_in(letter.subject)
    for incident_id in named:
        incident = incident_store.load(connection, incident_id)
        if incident is not None and reporters.of(incident, letter.sender) is not None:
            return incident
    return None


def is_note(incident: Incident, letter: Letter, plan: ReportPlan) -> bool:
    """Whether a later mail only adds something. One to an incident that is over is a new report, unless all it says is thanks."""
    return incident.state.is_open or report.is_thanks(letter.own_text, plan)


def note_of(
    connection: Connection,
    letter: Letter,
    incident: Incident,
    policy: Policy,
    now: datetime,
    files: tuple[AttachmentRef, ...] = (),
) -> Decision:
    """Put what a later mail says on the incident's timeline, for its ticket too. Nobody is answered. What was decided and written."""
    text = plain_block(letter.own_text or letter.text, NOTE_CHARS).strip() or f"({letter.subject or 'an empty mail'})"
    shown = f"{letter.sender_name} <{letter.sender}>" if letter.sender_name else letter.sender
    decision = decide_note(incident, one_line(shown, 200) or "somebody", text, policy, now, files)
    apply.write(connection, decision, now)
    return decision


def prune(connection: Connection, before: datetime, most: int) -> int:
    """Forget the oldest mails that came before an instant, at most so many."""
    oldest = select(mails.c.source, mails.c.digest).where(mails.c.received_at < before)
    rows = connection.execute(oldest.order_by(mails.c.received_at).limit(most)).all()
    for row in rows:
        connection.execute(delete(mails).where(mails.c.source == row.source, mails.c.digest == row.digest))
    return len(rows)


def _by_mail(connection: Connection, referred: Sequence[str], source: str) -> IncidentId | None:
    """By a mail that it refers to: its incident, or the one that the report has come to since then."""
    if not referred:
        return None
    # By the Message-IDs alone: asked for the source too, SQLite walks through all mail of that source.
    query = select_of(mails, KnownMail).where(mails.c.message_id.in_(referred))
    found = {row.message_id: value_of(KnownMail, row) for row in connection.execute(query) if row.source == source}
    for message_id in referred:
        mail = found.get(message_id)
        if mail is None:
            continue
        key = report.key_of(source, mail.digest)
        joined = connection.execute(select(alerts.c.incident_id).where(alerts.c.key == key)).scalar()
        if joined or mail.incident_id:
            return IncidentId(joined or mail.incident_id)
    return None


def _by_answer(connection: Connection, referred: Sequence[str]) -> IncidentId | None:
    """By an answer of ours that it refers to."""
    if not referred:
        return None
    query = select(outbox.c.incident_id).where(outbox.c.receipt_id.in_(referred), HAS_RECEIPT, IS_ANSWER)
    found = connection.execute(query.order_by(outbox.c.seq.desc()).limit(1)).scalar()
    return IncidentId(found) if found else None


def last_answer(connection: Connection, delivery: Delivery) -> str:
    """What the address of this delivery was told last of its incident; empty if nothing yet."""
    query = (
        select(outbox.c.reason)
        .where(
            outbox.c.incident_id == delivery.incident_id,
            IS_ANSWER,
            outbox.c.address == delivery.address,
            outbox.c.state == DeliveryState.DONE,
        )
        .order_by(outbox.c.seq.desc())
    )
    return connection.execute(query.limit(1)).scalar() or ""


def answers_since(connection: Connection, address: str, since: datetime) -> int:
    """How many answers have gone to an address since then."""
    query = select(func.count()).where(
        IS_ANSWER, outbox.c.address == address, outbox.c.state == DeliveryState.DONE, outbox.c.settled_at > since
    )
    return connection.execute(query).scalar() or 0
