"""An incident as people read it, put together at the moment when it is told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from ingestd import telling
from ingestd.core.effects import NO_INCIDENT
from ingestd.core.incident import Incident
from ingestd.core.names import IncidentState, Level, Severity
from ingestd.ports import IncidentView, TimelineLine
from ingestd.store import incidents as incident_store
from ingestd.store import timeline


def build(
    connection: Connection,
    incident: Incident,
    external_url: str,
    bridge: str = "",
    lines_max: int = telling.LINES_SHOWN_MAX,
) -> IncidentView:
    """The incident as it is now. ``bridge`` links to the meeting in which it is worked on."""
    ticket = incident_store.ticket_of(connection, incident.id, incident.ticket_connector)
    return telling.incident_view(
        incident,
        incident_store.members_of(connection, incident.id, telling.ALERTS_SHOWN_MAX),
        [line_of(line) for line in timeline.last(connection, incident.id, lines_max)],
        external_url=external_url,
        ticket_url=ticket.url if ticket else "",
        bridge=bridge,
    )


def of_nothing(now: datetime) -> IncidentView:
    """Stands where there is no incident: of a word that is about none."""
    return IncidentView(
        id=NO_INCIDENT,
        title="",
        summary="",
        state=IncidentState.CLOSED,
        severity=Severity.LOW,
        impact=Level.LOW,
        urgency=Level.LOW,
        category="",
        team="",
        rule="",
        opened_at=now,
        alerts=(),
        firing_count=0,
        alert_count=0,
    )


def line_of(line: timeline.Line) -> TimelineLine:
    """A timeline line as connectors read it."""
    return TimelineLine(line.seq, line.at, line.text)
