"""All that is known of one incident, read at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ingestd.core.effects import Deadline, DeadlineKind
from ingestd.core.incident import Incident, Member
from ingestd.core.names import IncidentId
from ingestd.store import incidents, links, outbox, timeline
from ingestd.store.incidents import Ticket
from ingestd.store.links import PageLink
from ingestd.store.outbox import Delivery

ALERTS_MAX = 500
LINES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Case:
    """An incident with its alerts (firing ones first), history, deliveries, deadlines and tickets."""

    incident: Incident
    members: tuple[Member, ...]
    lines: tuple[timeline.Line, ...]
    """Oldest first; the newest ``LINES_MAX``."""
    deliveries: tuple[Delivery, ...]
    deadlines: tuple[Deadline, ...]
    tickets: tuple[Ticket, ...]

    def due_at(self, kind: DeadlineKind) -> datetime | None:
        """When this is due; None if it is not."""
        return next((deadline.due_at for deadline in self.deadlines if deadline.kind is kind), None)


def load(connection: Connection, incident_id: IncidentId) -> Case | None:
    """The case of an incident; None if there is no such incident."""
    incident = incidents.load(connection, incident_id)
    if incident is None:
        return None
    ticket = ticket_of(connection, incident)
    return Case(
        incident=incident,
        members=tuple(incidents.members_of(connection, incident_id, ALERTS_MAX)),
        lines=tuple(timeline.last(connection, incident_id, LINES_MAX)),
        deliveries=tuple(outbox.of_incident(connection, incident_id)),
        deadlines=tuple(incidents.deadlines_of(connection, incident_id)),
        tickets=(ticket,) if ticket else (),
    )


def load_by_token(connection: Connection, token: str, now: datetime) -> tuple[PageLink, Case] | None:
    """The case that a page's link shows, and whose link it is; None if the token is unknown or expired."""
    link = links.find(connection, token, now)
    case = load(connection, link.incident_id) if link else None
    return (link, case) if link and case else None


def ticket_of(connection: Connection, incident: Incident) -> Ticket | None:
    """The incident's ticket; None if it has none (yet)."""
    if not incident.ticket_connector:
        return None
    return incidents.ticket_of(connection, incident.id, incident.ticket_connector)
