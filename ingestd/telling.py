"""An incident as people read it: the one place in which its view is put together, from the store and from a rehearsal alike.

So what ``rules route`` shows cannot differ from what is sent, and a new field is written once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.names import Channel
from ingestd.core.policy import Person, Policy
from ingestd.ports import AlertView, Contact, IncidentView, TimelineLine

ALERTS_SHOWN_MAX: Final = 50
LINES_SHOWN_MAX: Final = 10


def incident_view(
    incident: Incident,
    members: Iterable[Member],
    lines: Iterable[TimelineLine],
    *,
    external_url: str,
    ticket_url: str,
    bridge: str,
) -> IncidentView:
    """The incident as it is now. ``members`` are those to be shown, in their order; ``external_url`` has no slash at its end."""
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
        alerts=tuple(_alert(member) for member in members),
        firing_count=incident.firing_count,
        alert_count=incident.alert_count,
        runbook=incident.runbook,
        url=f"{external_url}/incidents/{incident.id}" if external_url else "",
        ticket_url=ticket_url,
        acknowledged_by=incident.acknowledged_by,
        acknowledged_at=incident.acknowledged_at,
        resolved_at=incident.resolved_at,
        timeline=tuple(lines),
        assignee=incident.assignee or "",
        bridge=bridge,
        is_test=incident.conduct.is_test,
    )


def contact_of(person: Person, channel: Channel, address: str) -> Contact:
    """The person as one channel reaches them, with their clock."""
    return Contact(person.name, person.display_name, channel, address, person.zone, person.has_own_zone)


def bridge_of(incident: Incident, policy: Policy) -> str:
    """The meeting in which the incident is worked on; empty if its team has none."""
    team = policy.teams.get(incident.team)
    return team.bridge_for(incident.severity) if team else ""


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
