"""An incident as people read it, put together at the moment when it is told."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from ingestd.core.effects import NO_INCIDENT
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.names import IncidentState, Level, Severity
from ingestd.ports import AlertView, IncidentView, TimelineLine
from ingestd.store import incidents as incident_store
from ingestd.store import timeline

ALERTS_SHOWN_MAX = 50
LINES_SHOWN_MAX = 10


def build(
    connection: Connection, incident: Incident, external_url: str, bridge: str = "", lines_max: int = LINES_SHOWN_MAX
) -> IncidentView:
    """The incident as it is now. ``bridge`` links to the meeting in which it is worked on."""
    ticket = incident_store.ticket_of(connection, incident.id, incident.ticket_connector)
    shown = incident_store.members_of(connection, incident.id, ALERTS_SHOWN_MAX)
    return IncidentView(
        id=incident.id,
        title=incident.title,
        summary=incident.summary,
        state=incident.state,
        severity=incident.severity,
        impact=incident.impact,
        urgency=incident.urgency,
        category=incident.category,
        team=incident.team,
        rule=incident.rule,
        opened_at=incident.opened_at,
        alerts=tuple(_alert(member) for member in shown),
        firing_count=incident.firing_count,
        alert_count=incident.alert_count,
        runbook=incident.runbook,
        url=f"{external_url}/incidents/{incident.id}" if external_url else "",
        ticket_url=ticket.url if ticket else "",
        acknowledged_by=incident.acknowledged_by,
        acknowledged_at=incident.acknowledged_at,
        resolved_at=incident.resolved_at,
        timeline=tuple(line_of(line) for line in timeline.last(connection, incident.id, lines_max)),
        assignee=incident.assignee or "",
        bridge=bridge,
        is_test=incident.conduct.is_test,
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


def _alert(member: Member) -> AlertView:
    return AlertView(
        name=member.name,
        summary=member.summary,
        is_firing=member.state is not AlertState.CLEARED,
        labels=member.labels,
        annotations=member.annotations,
        links=member.links,
        source=member.source,
        first_seen_at=member.joined_at,
        cleared_at=member.cleared_at,
        value=member.value,
    )
