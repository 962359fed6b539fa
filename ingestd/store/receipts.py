"""What a service says later of a page that it had accepted, or fails to say, decided and written in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select

from ingestd.core.delivery import Delivery
from ingestd.core.effects import Decision, together
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKey
from ingestd.core.policy import Policy
from ingestd.core.receipt import settle_receipt, settle_silence
from ingestd.core.settle import Settlement
from ingestd.ports import ReceiptNews
from ingestd.store import apply, dialect, outbox, roster, storms
from ingestd.store import incidents as incident_store
from ingestd.store.rows import select_of, value_of
from ingestd.store.schema import outbox as rows


def take(connection: Connection, connector: str, news: ReceiptNews, policy: Policy, now: datetime) -> Decision | None:
    """Apply a receipt; None if no delivery is known by its id. A repeat, or news that are older than what is known, change nothing."""
    dialect.serialise_decisions(connection)
    delivery = outbox.by_receipt(connection, connector, news.receipt_id)
    return None if delivery is None else take_for(connection, delivery, news, policy, now)


def due(connection: Connection, now: datetime, limit: int) -> list[Delivery]:
    """Pages of which the service ought to have said by now that they arrived, the longest overdue first."""
    query = select_of(rows, Delivery).where(rows.c.receipt_due_at.is_not(None), rows.c.receipt_due_at <= now)
    found = connection.execute(query.order_by(rows.c.receipt_due_at, rows.c.seq).limit(limit))
    return [value_of(Delivery, row) for row in found]


def next_due_at(connection: Connection) -> datetime | None:
    """When a service ought to have said something at the latest; None if nothing is awaited."""
    query = select(rows.c.receipt_due_at).where(rows.c.receipt_due_at.is_not(None))
    found: datetime | None = connection.execute(query.order_by(rows.c.receipt_due_at).limit(1)).scalar()
    return found


def give_up(
    connection: Connection, key: EffectKey, news: ReceiptNews | None, policy: Policy, now: datetime
) -> Decision:
    """The time for a receipt is over. ``news`` is what the service said when it was asked, if it could be.

    What became known meanwhile holds: a receipt that came first leaves nothing to do.
    """
    dialect.serialise_decisions(connection)
    decision = Decision()
    delivery = outbox.load(connection, key)
    if delivery is not None and delivery.receipt_due_at is not None and news is not None:
        decision = take_for(connection, delivery, news, policy, now) or decision
        delivery = outbox.load(connection, key)
    if delivery is None or delivery.receipt_due_at is None:
        return decision
    incident = incident_store.load(connection, delivery.incident_id)
    assert incident is not None, "an incident does not vanish while it is told"
    effective = roster.effective(connection, policy, now)

    def settle(one: Delivery, about: Incident) -> Settlement:
        return settle_silence(one, about, effective, now)

    return _write_for_all(connection, delivery, incident, settle, now)


def take_for(
    connection: Connection, delivery: Delivery, news: ReceiptNews, policy: Policy, now: datetime
) -> Decision | None:
    """Apply news of a delivery that is known already; None if its incident is forgotten."""
    incident = incident_store.load(connection, delivery.incident_id)
    if incident is None:
        return None
    effective = roster.effective(connection, policy, now)

    def settle(one: Delivery, about: Incident) -> Settlement:
        is_dead, rank = news.is_contact_dead, news.rank
        return settle_receipt(one, news.status, news.detail, about, effective, now, rank=rank, is_contact_dead=is_dead)

    return _write_for_all(connection, delivery, incident, settle, now)


def _write_for_all(
    connection: Connection,
    delivery: Delivery,
    incident: Incident,
    settle: Callable[[Delivery, Incident], Settlement],
    now: datetime,
) -> Decision:
    """What follows for the page, and where it has not arrived, for everything that the same message told."""
    decisions = []
    for one in (delivery, *storms.folded(connection, delivery.key)):
        about = incident if one is delivery else incident_store.load(connection, one.incident_id)
        assert about is not None, "an incident does not vanish while it is told"
        settlement = settle(one, about)
        if settlement.delivery == one:
            break
        outbox.save(connection, settlement.delivery)
        apply.write(connection, settlement.decision, now)
        decisions.append(settlement.decision)
        if not settlement.delivery.is_failed_over:
            break
    return together(decisions)
