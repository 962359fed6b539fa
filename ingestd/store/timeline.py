"""The history of incidents, as lines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from ingestd.core.names import IncidentId
from ingestd.store.rows import select_of, value_of
from ingestd.store.schema import timeline


@dataclass(frozen=True, slots=True)
class Line:
    """One fact. ``seq`` grows with time over all incidents."""

    seq: int
    incident_id: IncidentId
    at: datetime
    kind: str
    reason: str
    text: str
    actor: str
    for_ticket: bool


def last(connection: Connection, incident_id: IncidentId, limit: int) -> list[Line]:
    """The newest lines of an incident, oldest first."""
    asked = {"incident_id": incident_id, "most": limit}
    return [value_of(Line, row) for row in connection.execute(_LAST, asked)][::-1]


# Made once: every page and every ticket shows them.
_LAST = (
    select_of(timeline, Line)
    .where(timeline.c.incident_id == bindparam("incident_id"))
    .order_by(timeline.c.seq.desc())
    .limit(bindparam("most"))
)


def for_ticket(connection: Connection, incident_id: IncidentId, after: int, up_to: int, limit: int) -> list[Line]:
    """What the ticket's readers have not been told: lines after ``after`` up to and with ``up_to``, the newest ``limit``."""
    query = (
        select_of(timeline, Line)
        .where(
            timeline.c.incident_id == incident_id,
            timeline.c.for_ticket,
            timeline.c.seq > after,
            timeline.c.seq <= up_to,
        )
        .order_by(timeline.c.seq.desc())
        .limit(limit)
    )
    return [value_of(Line, row) for row in connection.execute(query)][::-1]


def newest_seq(connection: Connection, incident_id: IncidentId) -> int:
    """The number of the incident's newest line; 0 if it has none."""
    query = select(func.max(timeline.c.seq)).where(timeline.c.incident_id == incident_id)
    return connection.execute(query).scalar() or 0
