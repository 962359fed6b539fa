"""Deliveries of connectors that the configuration does not have any more: nobody would ever come for them.

A page goes by the person's next channel instead. What belongs to a ticket waits: the connector may come back under its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import Decision, DropReason, TimelineEntry
from ingestd.core.names import EffectKind
from ingestd.core.policy import Policy
from ingestd.core.settle import give_up_page
from ingestd.store import apply, dialect, incidents, outbox, roster

_COUNT_MAX = 10_000


@dataclass(slots=True)
class Orphans:
    """What was found: how many deliveries wait for each connector, and those that were dropped."""

    waiting: Counter[str] = field(default_factory=Counter)
    dropped: list[Delivery] = field(default_factory=list)


def provide_for(connection: Connection, connectors: Collection[str], policy: Policy, now: datetime) -> Orphans:
    """See to the deliveries of all other connectors than these."""
    dialect.serialise_decisions(connection)
    policy = roster.effective(connection, policy, now)
    found = Orphans()
    for delivery in reversed(outbox.listed(connection, states=outbox.UNSETTLED, limit=_COUNT_MAX)):
        if delivery.connector in connectors:
            continue
        if delivery.kind.is_ticket:
            found.waiting[delivery.connector] += 1
            continue
        _give_up(connection, delivery, policy, now)
        found.dropped.append(delivery)
    return found


def _give_up(connection: Connection, delivery: Delivery, policy: Policy, now: datetime) -> None:
    reason = DropReason.CONNECTOR_GONE
    outbox.save(
        connection,
        replace(delivery, state=DeliveryState.DROPPED, detail=reason.value, settled_at=now, lease_until=None),
    )
    text = f"{delivery.kind} to {delivery.person} not sent: there is no connector “{delivery.connector}” any more"
    note = TimelineEntry(delivery.incident_id, now, "dropped", reason.value, text)
    apply.write(connection, Decision(timeline=(note,)), now)
    incident = incidents.load(connection, delivery.incident_id)
    if incident is not None and delivery.kind is EffectKind.PAGE:
        apply.write(connection, give_up_page(delivery, incident, policy, now), now)
