"""What a ticket is told, and what becomes of it: which lines of the timeline a note holds, and which ticket there is by now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from ingestd.core.delivery import Delivery
from ingestd.core.effects import Decision
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind
from ingestd.core.settle import Outcome, OutcomeKind
from ingestd.ports import TicketRef
from ingestd.store import apply, outbox, timeline
from ingestd.store import incidents as incident_store

NOTE_LINES_MAX = 40


def word_note(
    connection: Connection, delivery: Delivery, ticket: incident_store.Ticket | None
) -> tuple[Delivery, list[timeline.Line]]:
    """Fix which lines the note holds at the first attempt, so that a repeat says the same."""
    if delivery.noted_up_to is None:
        newest = timeline.newest_seq(connection, delivery.incident_id)
        delivery = replace(delivery, noted_up_to=newest)
        outbox.save(connection, delivery)
    assert delivery.noted_up_to is not None, "it has just been set"
    after = ticket.noted_up_to if ticket else delivery.noted_up_to
    return delivery, timeline.for_ticket(connection, delivery.incident_id, after, delivery.noted_up_to, NOTE_LINES_MAX)


def comment_is_worded(connection: Connection, incident: Incident, now: datetime) -> Incident:
    """A comment has got its words: further news needs another one."""
    if incident.is_comment_waiting:
        incident = replace(incident, is_comment_waiting=False)
        apply.write(connection, Decision(incidents=(incident,)), now)
    return incident


def follow_ticket(
    connection: Connection, delivery: Delivery, outcome: Outcome, ticket: TicketRef | None, now: datetime
) -> None:
    """Remember the ticket that was opened, or how far it was told; forget one that is gone."""
    if outcome.kind is OutcomeKind.GONE:
        incident_store.forget_ticket(connection, delivery.incident_id, delivery.connector)
    if outcome.kind is not OutcomeKind.DONE or not delivery.kind.is_ticket:
        return
    if delivery.kind is EffectKind.TICKET_OPEN and ticket is not None:
        incident_store.save_ticket(
            connection,
            incident_store.Ticket(
                delivery.incident_id,
                delivery.connector,
                ticket.id,
                ticket.label,
                ticket.url,
                now,
                delivery.noted_up_to or 0,
            ),
        )
    elif delivery.kind is not EffectKind.TICKET_PRIORITY and delivery.noted_up_to is not None:
        incident_store.ticket_was_told(connection, delivery.incident_id, delivery.connector, delivery.noted_up_to)
