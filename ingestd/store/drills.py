"""Drills: what was tried, when, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from ingestd.core.drill import KIND, SOURCE, DrillOrder
from ingestd.core.names import EnvelopeId, IncidentId
from ingestd.store import dialect, inbox
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import drills


@dataclass(frozen=True, slots=True)
class Drill:
    """One drill. ``incident_id`` is empty until it has been decided; ``result`` until it has ended: ``answered``, ``unanswered``, ``failed``."""

    id: str
    policy: str
    author: str
    started_at: datetime
    incident_id: IncidentId
    is_scheduled: bool
    ended_at: datetime | None = None
    result: str = ""


def begin(
    connection: Connection, order: DrillOrder, envelope: EnvelopeId, now: datetime, *, is_scheduled: bool = False
) -> bool:
    """Store the order as an envelope, which is decided like any other. False, and nothing is stored, if this drill has begun before."""
    drill = Drill(order.id, order.policy, order.author, now, IncidentId(""), is_scheduled)
    if not dialect.insert_new(connection, drills, "id", [row_of(drill)]):
        return False
    inbox.add(connection, [inbox.Envelope(envelope, SOURCE, KIND, now, "", order.body)])
    return True


def begin_scheduled(connection: Connection, order: DrillOrder, envelope: EnvelopeId, now: datetime) -> bool:
    """The same for a drill that runs by itself."""
    return begin(connection, order, envelope, now, is_scheduled=True)


def load(connection: Connection, drill_id: str) -> Drill | None:
    """One drill."""
    row = connection.execute(select_of(drills, Drill).where(drills.c.id == drill_id)).first()
    return value_of(Drill, row) if row else None


def running(connection: Connection) -> list[Drill]:
    """Those that have not ended, the oldest first."""
    query = select_of(drills, Drill).where(drills.c.ended_at.is_(None)).order_by(drills.c.started_at)
    return [value_of(Drill, row) for row in connection.execute(query)]


def has_begun(connection: Connection, drill_id: str) -> bool:
    """Whether this drill was begun, in this life or before."""
    return connection.execute(select(drills.c.id).where(drills.c.id == drill_id)).first() is not None


def opened(connection: Connection, drill_id: str, incident_id: IncidentId) -> None:
    """The drill has its incident."""
    connection.execute(update(drills).where(drills.c.id == drill_id).values(incident_id=incident_id))


def end(connection: Connection, drill_id: str, result: str, now: datetime) -> bool:
    """The drill is over. False if it was already."""
    open_one = update(drills).where(drills.c.id == drill_id, drills.c.ended_at.is_(None))
    return connection.execute(open_one.values(ended_at=now, result=result)).rowcount == 1
