"""Writes a decision: all of it in the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, update

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import LATER_LANE, Adoption, Decision, PersonalWord
from ingestd.core.names import EffectKind
from ingestd.core.turn import WORD_RANK, share_of
from ingestd.store import contacts, dialect, watches
from ingestd.store import incidents as incident_store
from ingestd.store.rows import row_of
from ingestd.store.schema import alerts, deadlines, heartbeats, incidents, members, outbox, timeline


def write(connection: Connection, decision: Decision, now: datetime) -> None:
    """Facts, effects, deadlines and timeline of the decision. An effect whose key exists is left alone."""
    dialect.upsert(connection, alerts, ["key"], [row_of(alert) for alert in decision.alerts])
    dialect.upsert(connection, members, ["incident_id", "key"], [row_of(member) for member in decision.members])
    dialect.upsert(connection, incidents, ["id"], [row_of(incident) for incident in decision.incidents])
    _drop(connection, decision, now)
    new = [
        row_of(
            Delivery(
                key=effect.key,
                incident_id=effect.incident_id,
                connector=effect.connector,
                kind=effect.kind,
                lane=effect.lane,
                state=DeliveryState.WAITING,
                due_at=effect.due_at,
                created_at=now,
                person=effect.person,
                channel=effect.channel,
                level=effect.level,
                reason=effect.reason,
                cause=effect.cause,
                share=effect.share,
                rank=effect.rank,
                address=effect.address or None,
                meant_at=effect.meant_at,
            )
        )
        for effect in decision.effects
    ]
    new += [row_of(_delivery_of(word, now)) for word in decision.words]
    dialect.insert_new(connection, outbox, "key", new)
    for incident_id, kind in decision.cleared_deadlines:
        connection.execute(delete(deadlines).where(deadlines.c.incident_id == incident_id, deadlines.c.kind == kind))
    dialect.upsert(connection, deadlines, ["incident_id", "kind"], [row_of(due) for due in decision.deadlines])
    watches.save(connection, decision.watches, decision.ended_watches)
    watches.release(connection, decision.releases)
    contacts.write(connection, decision.contacts, now)
    for adoption in decision.adoptions:
        _adopt(connection, adoption, now)
    if decision.timeline:
        connection.execute(insert(timeline), [row_of(entry) for entry in decision.timeline])
    beats = [{"source": source, "seen_at": now} for source in decision.heard]
    dialect.upsert(connection, heartbeats, ["source"], beats)
    if decision.next_number is not None:
        incident_store.set_next_number(connection, decision.next_number)


def _adopt(connection: Connection, adoption: Adoption, now: datetime) -> None:
    ticket = adoption.ticket
    kept = incident_store.Ticket(
        adoption.incident_id, ticket.connector, ticket.id, ticket.label, ticket.url, now, noted_up_to=0
    )
    incident_store.save_ticket(connection, kept)


def _delivery_of(word: PersonalWord, now: datetime) -> Delivery:
    return Delivery(
        key=word.key,
        incident_id=word.incident_id,
        connector=word.connector,
        kind=EffectKind.WORD,
        lane=f"word/{word.connector}/{word.person}",
        state=DeliveryState.WAITING,
        due_at=word.due_at,
        created_at=now,
        person=word.person,
        channel=word.channel,
        reason=word.text,
        share=share_of(WORD_RANK, "word"),
        rank=WORD_RANK,
        address=word.address or None,
    )


def _drop(connection: Connection, decision: Decision, now: datetime) -> None:
    """Only what waits is dropped: what is on its way out cannot be called back, and is judged again when it is claimed."""
    for drop in decision.drops:
        chosen = [
            outbox.c.incident_id == drop.incident_id,
            outbox.c.kind.in_(drop.kinds),
            outbox.c.state.in_([DeliveryState.WAITING, DeliveryState.UNCERTAIN]),
        ]
        if drop.later_of is not None:
            chosen += [
                outbox.c.person == drop.later_of,
                outbox.c.lane.endswith(LATER_LANE, autoescape=True),
                outbox.c.due_at > now,
            ]
        connection.execute(
            update(outbox).where(*chosen).values(state=DeliveryState.DROPPED, detail=drop.reason.value, settled_at=now)
        )
