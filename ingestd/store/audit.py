"""Reads the facts that ``core.invariants`` judges."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Select, Table, or_, select

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import Deadline, DeadlineKind
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.invariants import Facts
from ingestd.core.names import EffectKind, IncidentId
from ingestd.core.watch import Watch
from ingestd.store.rows import columns_of, value_of
from ingestd.store.schema import alerts, deadlines, incidents, members, outbox, tickets, watches


def facts(connection: Connection, *, limit: int = 1000) -> Facts:
    """The facts of the newest incidents, and everything that is kept back. Members of open ones; deliveries that are not settled, and tickets however they ended."""
    query = select(*columns_of(incidents, Incident)).order_by(incidents.c.number.desc()).limit(limit)
    found = tuple(value_of(Incident, row) for row in connection.execute(query))
    ids = [incident.id for incident in found]
    parts: dict[IncidentId, list[Member]] = defaultdict(list)
    for row in connection.execute(_of(members, Member, [incident.id for incident in found if incident.state.is_open])):
        parts[row.incident_id].append(value_of(Member, row))
    sent: dict[IncidentId, list[Delivery]] = defaultdict(list)
    for row in connection.execute(_of(outbox, Delivery, ids).where(_BEARS_ON_A_PROMISE)):
        sent[row.incident_id].append(value_of(Delivery, row))
    due: dict[IncidentId, set[DeadlineKind]] = defaultdict(set)
    for row in connection.execute(_of(deadlines, Deadline, ids)):
        due[row.incident_id].add(row.kind)
    ticketed = connection.execute(select(tickets.c.incident_id).where(tickets.c.incident_id.in_(ids))).scalars()
    kept = {row.key: value_of(Watch, row) for row in connection.execute(select(*columns_of(watches, Watch)))}
    states = select(alerts.c.key, alerts.c.state).where(
        or_(alerts.c.state == AlertState.HELD, alerts.c.key.in_(select(watches.c.key)))
    )
    return Facts(
        incidents=found,
        alerts={row.key: row.state for row in connection.execute(states)},
        watches=kept,
        members={key: tuple(values) for key, values in parts.items()},
        deadlines={key: frozenset(values) for key, values in due.items()},
        deliveries={key: tuple(values) for key, values in sent.items()},
        ticketed=frozenset(IncidentId(incident_id) for incident_id in ticketed),
    )


_BEARS_ON_A_PROMISE = or_(
    outbox.c.state.in_([DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.UNCERTAIN]),
    outbox.c.kind == EffectKind.TICKET_OPEN,
)


def _of(table: Table, kind: type[Any], ids: list[IncidentId]) -> Select[Any]:
    return select(*columns_of(table, kind)).where(table.c.incident_id.in_(ids))
