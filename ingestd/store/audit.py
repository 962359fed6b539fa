"""Reads the facts that ``core.invariants`` judges."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, bindparam, or_, select

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import Deadline, DeadlineKind
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.invariants import Facts
from ingestd.core.names import EffectKind, IncidentId, IncidentState
from ingestd.core.watch import Watch
from ingestd.store.rows import select_of, value_of
from ingestd.store.schema import alerts, deadlines, incidents, members, outbox, tickets, watches

BEARS_ON_A_PROMISE = or_(
    outbox.c.state.in_([DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.UNCERTAIN]),
    outbox.c.kind == EffectKind.TICKET_OPEN,
)
"""That a promise depends on a delivery: it is not settled, or it opens a ticket."""

# Made once, since they are asked at every commit of the simulator.
_NEWEST = select(incidents.c.id).order_by(incidents.c.number.desc()).limit(bindparam("most"))
_INCIDENTS = select_of(incidents, Incident).order_by(incidents.c.number.desc()).limit(bindparam("most"))
_OPEN = select(incidents.c.id).where(incidents.c.state.in_([IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED]))
_MEMBERS = select_of(members, Member).where(members.c.incident_id.in_(_NEWEST), members.c.incident_id.in_(_OPEN))
_DELIVERIES = select_of(outbox, Delivery).where(outbox.c.incident_id.in_(_NEWEST), BEARS_ON_A_PROMISE)
_DEADLINES = select_of(deadlines, Deadline).where(deadlines.c.incident_id.in_(_NEWEST))
_TICKETED = select(tickets.c.incident_id).where(tickets.c.incident_id.in_(_NEWEST))
_WATCHES = select_of(watches, Watch)
_KEPT_BACK = select(alerts.c.key, alerts.c.state).where(
    or_(alerts.c.state == AlertState.HELD, alerts.c.key.in_(select(watches.c.key)))
)


def facts(connection: Connection, *, limit: int = 1000) -> Facts:
    """The facts of the newest incidents, and everything that is kept back. Members of open ones; deliveries that are not settled, and tickets however they ended."""
    newest = {"most": limit}
    parts: dict[IncidentId, list[Member]] = defaultdict(list)
    for row in connection.execute(_MEMBERS, newest):
        parts[row.incident_id].append(value_of(Member, row))
    sent: dict[IncidentId, list[Delivery]] = defaultdict(list)
    for row in connection.execute(_DELIVERIES, newest):
        sent[row.incident_id].append(value_of(Delivery, row))
    due: dict[IncidentId, set[DeadlineKind]] = defaultdict(set)
    for row in connection.execute(_DEADLINES, newest):
        due[row.incident_id].add(row.kind)
    ticketed = connection.execute(_TICKETED, newest).scalars()
    return Facts(
        incidents=tuple(value_of(Incident, row) for row in connection.execute(_INCIDENTS, newest)),
        alerts={row.key: row.state for row in connection.execute(_KEPT_BACK)},
        watches={row.key: value_of(Watch, row) for row in connection.execute(_WATCHES)},
        members={key: tuple(values) for key, values in parts.items()},
        deadlines={key: frozenset(values) for key, values in due.items()},
        deliveries={key: tuple(values) for key, values in sent.items()},
        ticketed=frozenset(IncidentId(incident_id) for incident_id in ticketed),
    )
