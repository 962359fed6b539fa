"""What people would be told in a rehearsal: the same values that the dispatcher hands to a pager."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ingestd import telling
from ingestd.core.incident import AlertState, Incident
from ingestd.ports import IncidentView, PageText, TimelineLine, Wording
from ingestd.trial.rehearsal import Performed, Rehearsal

_TOKEN: Final = "x" * 12
"""As long as the real one, so that a text message is as full as it will be."""


def words_of(
    page: Performed, rehearsal: Rehearsal, connectors: Mapping[str, object], *, external_url: str
) -> str | None:
    """What the person would read; None if the connector is not there or cannot say it."""
    connector = connectors.get(page.delivery.connector)
    text = page_text(page, rehearsal, external_url=external_url)
    if text is None or not isinstance(connector, Wording):
        return None
    return connector.words(text, page.delivery.key)


def page_text(page: Performed, rehearsal: Rehearsal, *, external_url: str) -> PageText | None:
    """What a pager is handed for a page; None if its receiver is not known any more."""
    delivery, incident = page.delivery, page.incident
    person = rehearsal.policy.people.get(delivery.person) if delivery.person else None
    address = person.address_of(delivery.channel) if person and delivery.channel else None
    if person is None or address is None or delivery.channel is None:
        return None
    earlier = incident.escalation.paged if incident.escalation else ()
    return PageText(
        purpose="page",
        incident=_view(incident, rehearsal, external_url, page.line_count),
        contact=telling.contact_of(person, delivery.channel, address),
        level=delivery.level,
        link=f"{external_url}/p/{_TOKEN}" if external_url else "",
        reason=delivery.reason,
        earlier=tuple(f"{name} by {channel}" for name, channel in earlier),
        next_step_at=page.next_step_at,
        sent_at=page.at,
    )


def _view(incident: Incident, rehearsal: Rehearsal, external_url: str, line_count: int) -> IncidentView:
    lines = [line for line in rehearsal.timeline[:line_count] if line.incident_id == incident.id]
    numbered = [TimelineLine(number, line.at, line.text) for number, line in enumerate(lines, start=1)]
    mine = [member for member in rehearsal.members.values() if member.incident_id == incident.id]
    mine.sort(key=lambda member: member.state is AlertState.CLEARED)
    return telling.incident_view(
        incident,
        mine[: telling.ALERTS_SHOWN_MAX],
        numbered[-telling.LINES_SHOWN_MAX :],
        external_url=external_url,
        ticket_url="",  # no ticket is opened in a rehearsal
        bridge=telling.bridge_of(incident, rehearsal.policy),
    )
