"""What a service says later of a page that it had accepted, decided and written in one transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from ingestd.core.effects import Decision
from ingestd.core.policy import Policy
from ingestd.core.settle import settle_receipt
from ingestd.store import apply, dialect, outbox, roster
from ingestd.store import incidents as incident_store


def take(
    connection: Connection, connector: str, receipt_id: str, status: str, detail: str, policy: Policy, now: datetime
) -> Decision | None:
    """Apply a receipt (``delivered``, ``failed`` or ``pending``); None if no delivery is known by this id. A repeat changes nothing."""
    dialect.serialise_decisions(connection)
    delivery = outbox.by_receipt(connection, connector, receipt_id)
    incident = incident_store.load(connection, delivery.incident_id) if delivery else None
    if delivery is None or incident is None:
        return None
    if status == "pending" or delivery.receipt_status in {"delivered", "failed"}:
        return Decision()
    effective = roster.effective(connection, policy, now)
    settlement = settle_receipt(delivery, status, detail, incident, effective, now)
    outbox.save(connection, settlement.delivery)
    apply.write(connection, settlement.decision, now)
    return settlement.decision
