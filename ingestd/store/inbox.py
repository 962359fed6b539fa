"""Envelopes: raw bodies as received, and what became of them.

Every delivery is kept, also byte-identical ones: an Alertmanager repeats an unchanged group byte for byte, and the same bytes may
mean "still firing" or "fired again". What is a repeat is judged per alert, not per body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, null, select, update

from ingestd.core.names import EnvelopeId
from ingestd.store import dialect
from ingestd.store.columns import microseconds_of
from ingestd.store.rows import columns_of, select_of, value_of
from ingestd.store.schema import inbox

_ARRIVED = ("id", "source", "kind", "received_at", "remote", "body", "state", "next_alert")
BATCH_BYTES_MAX = 8 * 1024**2
"""Bodies that are read into memory for one batch of decisions; a larger one comes alone."""
NEW, DONE, QUARANTINED = "new", "done", "quarantined"
RELEASED = "released"
"""Stands as the reason of an envelope that waits once more because somebody let it through."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A raw message as received. ``kind`` is how its source is read; ``remote`` is who sent it, as an address."""

    id: EnvelopeId
    source: str
    kind: str
    received_at: datetime
    remote: str
    body: bytes
    state: str = NEW
    next_alert: int = 0
    """The alerts before this one have been decided."""


@dataclass(frozen=True, slots=True)
class EnvelopeReport:
    """What became of an envelope."""

    id: EnvelopeId
    source: str
    kind: str
    received_at: datetime
    remote: str
    state: str
    alert_count: int | None
    disposition: str | None
    reason: str | None
    detail: str | None
    findings: list[Mapping[str, Any]] | None
    processed_at: datetime | None


def add(connection: Connection, envelopes: Sequence[Envelope]) -> None:
    """Store envelopes that have just arrived. One that is there already is left alone: the reply to a commit may have been lost."""
    rows = [
        (e.id, e.source, e.kind, microseconds_of(e.received_at), e.remote, e.body, e.state, e.next_alert)
        for e in envelopes
    ]
    dialect.insert_plain(connection, inbox, "id", _ARRIVED, rows)


def oldest_waiting(connection: Connection, limit: int) -> list[Envelope]:
    """The envelopes that wait longest for a decision: at most ``limit``, and of large ones no more than fit the memory."""
    sizes = (
        select(inbox.c.seq, func.length(inbox.c.body).label("size"))
        .where(inbox.c.state == NEW)
        .order_by(inbox.c.seq)
        .limit(limit)
    )
    chosen: list[int] = []
    room = BATCH_BYTES_MAX
    for row in connection.execute(sizes).all():
        room -= row.size
        if chosen and room < 0:
            break
        chosen.append(row.seq)
    query = select_of(inbox, Envelope).where(inbox.c.seq.in_(chosen)).order_by(inbox.c.seq)
    return [value_of(Envelope, row) for row in connection.execute(query)] if chosen else []


def has_waiting(connection: Connection) -> bool:
    """Whether any envelope waits for a decision."""
    return connection.execute(select(inbox.c.seq).where(inbox.c.state == NEW).limit(1)).first() is not None


def waiting_count(connection: Connection) -> int:
    """How many envelopes wait for a decision."""
    return connection.execute(select(func.count()).where(inbox.c.state == NEW)).scalar_one()


def mark_progress(
    connection: Connection, envelope_id: EnvelopeId, *, next_alert: int, findings: list[dict[str, Any]]
) -> None:
    """A slice of a large envelope has been decided; the rest follows in another transaction."""
    values = {"next_alert": next_alert, "findings": [*findings_of(connection, envelope_id), *findings]}
    connection.execute(update(inbox).where(inbox.c.id == envelope_id).values(values))


def findings_of(connection: Connection, envelope_id: EnvelopeId) -> list[dict[str, Any]]:
    """What has been decided so far about an envelope's alerts."""
    return connection.execute(select(inbox.c.findings).where(inbox.c.id == envelope_id)).scalar() or []


def mark_done(
    connection: Connection,
    envelope_id: EnvelopeId,
    *,
    disposition: str,
    alert_count: int,
    findings: list[dict[str, Any]],
    now: datetime,
    unread: tuple[str, str] | None = None,
    why: tuple[str, str] | None = None,
) -> None:
    """All alerts that could be read have been decided: this is the envelope's one disposition.

    ``unread`` is the reason and detail if some could not: then it is kept and listed with the quarantined ones. ``why`` are those of an
    envelope that was not to bring an alert.
    """
    reason, detail = unread or why or (None, None)
    connection.execute(
        update(inbox)
        .where(inbox.c.id == envelope_id)
        .values(
            state=QUARANTINED if unread else DONE,
            disposition=disposition,
            alert_count=alert_count,
            next_alert=alert_count,
            findings=findings,
            processed_at=now,
            reason=reason,
            detail=detail,
        )
    )


def quarantine(connection: Connection, envelope_id: EnvelopeId, *, reason: str, detail: str, now: datetime) -> None:
    """The envelope cannot be read as alerts: it is kept, listed, and not tried again until somebody asks for it."""
    connection.execute(
        update(inbox)
        .where(inbox.c.id == envelope_id)
        .values(state=QUARANTINED, disposition="quarantined", reason=reason, detail=detail, processed_at=now)
    )


def retry(connection: Connection, envelope_id: EnvelopeId) -> bool:
    """Let a quarantined envelope be read once more. False if there is no such one."""
    changed = connection.execute(
        update(inbox)
        .where(inbox.c.id == envelope_id, inbox.c.state == QUARANTINED)
        .values(state=NEW, disposition=None, reason=None, detail=None, next_alert=0, findings=None, processed_at=None)
    )
    return changed.rowcount == 1


def release(connection: Connection, envelope_id: EnvelopeId) -> bool:
    """Let a quarantined envelope be read once more, as one that somebody has read and takes for true. False if there is no such one."""
    is_there = retry(connection, envelope_id)
    if is_there:
        connection.execute(update(inbox).where(inbox.c.id == envelope_id).values(reason=RELEASED))
    return is_there


def is_released(connection: Connection, envelope_id: EnvelopeId) -> bool:
    """Whether somebody let a waiting envelope through by hand."""
    row = connection.execute(select(inbox.c.reason).where(inbox.c.id == envelope_id, inbox.c.state == NEW)).first()
    return row is not None and row.reason == RELEASED


def report(connection: Connection, envelope_id: EnvelopeId) -> EnvelopeReport | None:
    """What became of one envelope."""
    row = connection.execute(select_of(inbox, EnvelopeReport).where(inbox.c.id == envelope_id)).first()
    return value_of(EnvelopeReport, row) if row else None


def body(connection: Connection, envelope_id: EnvelopeId) -> bytes | None:
    """The raw body of one envelope."""
    return connection.execute(select(inbox.c.body).where(inbox.c.id == envelope_id)).scalar()


def reports(connection: Connection, *, state: str | None, source: str | None, limit: int) -> list[EnvelopeReport]:
    """The newest envelopes first, without bodies and findings: those of 5,000 alerts are a megabyte for each envelope."""
    columns = [
        null().label(column.name) if column is inbox.c.findings else column
        for column in columns_of(inbox, EnvelopeReport)
    ]
    query = select(*columns).order_by(inbox.c.seq.desc()).limit(limit)
    if state is not None:
        query = query.where(inbox.c.state == state)
    if source is not None:
        query = query.where(inbox.c.source == source)
    return [value_of(EnvelopeReport, row) for row in connection.execute(query)]


def prune(connection: Connection, before: datetime, limit: int) -> int:
    """Forget decided envelopes that are older than ``before``; at most ``limit``. Quarantined ones stay."""
    old = (
        select(inbox.c.seq)
        .where(inbox.c.state == DONE, inbox.c.received_at < before)
        .order_by(inbox.c.received_at)
        .limit(limit)
    )
    return connection.execute(inbox.delete().where(inbox.c.seq.in_(old.scalar_subquery()))).rowcount
