"""Pages and posts in words: put together at the claim, from the incident as it is then."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection

from ingestd import telling
from ingestd.core.delivery import Delivery
from ingestd.core.effects import DeadlineKind
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKind, PersonName
from ingestd.ports import Contact, IncidentView, PageText
from ingestd.store import incidents as incident_store
from ingestd.store import links
from ingestd.workers.current import Standing

LINK_LIFE: Final = timedelta(hours=72)
DELAY_TOLD_MINUTES: Final = 3
"""A page that is later than this says so."""


def post(connection: Connection, delivery: Delivery, incident: Incident, told: IncidentView, now: datetime) -> PageText:
    """What a team's room is told of the incident."""
    room = delivery.address or ""
    return PageText(
        purpose="post",
        incident=told,
        contact=Contact(PersonName(room), room, Channel.CHAT, room),
        level=delivery.level,
        reason=delivery.reason,
        earlier=_earlier(incident),
        next_step_at=_next_step_at(connection, incident),
        sent_at=now,
    )


def _earlier(incident: Incident) -> tuple[str, ...]:
    """Who was told so far, in words."""
    paged = incident.escalation.paged if incident.escalation else ()
    return tuple(f"{name} by {channel}" for name, channel in paged)


def _next_step_at(connection: Connection, incident: Incident) -> datetime | None:
    """When the next level is paged if nobody answers; None if there is none. The present one may be paged again before."""
    escalation = incident.escalation
    if escalation is None or not escalation.has_next_level:
        return None
    again = timedelta(seconds=escalation.repeats_left * escalation.step.wait_seconds)
    due = incident_store.deadlines_of(connection, incident.id)
    return next((deadline.due_at + again for deadline in due if deadline.kind is DeadlineKind.ESCALATE), None)


def page(
    connection: Connection,
    delivery: Delivery,
    incident: Incident,
    told: IncidentView,
    standing: Standing,
    now: datetime,
    token: str,
) -> PageText | None:
    """What a person is told of the incident, with their own link; None if they cannot be reached by this channel any more."""
    assert delivery.person is not None, "a page has a receiver"
    assert delivery.channel is not None, "a page has a channel"
    person = standing.policy.people.get(delivery.person)
    address = person.address_of(delivery.channel) if person else None
    if person is None or address is None:
        return None
    contact = telling.contact_of(person, delivery.channel, address)
    if delivery.kind is EffectKind.NOTICE:
        return PageText("resolved", told, contact, reason=delivery.reason, sent_at=now)
    link = ""
    if standing.external_url:
        links.add(
            connection,
            links.PageLink(links.hash_of(token), incident.id, person.name, delivery.key, now + LINK_LIFE),
        )
        link = f"{standing.external_url}/p/{token}"
    late_minutes = int((now - (delivery.meant_at or delivery.created_at)).total_seconds() // 60)
    return PageText(
        purpose="page",
        incident=told,
        contact=contact,
        level=delivery.level,
        link=link,
        reason=delivery.reason,
        earlier=_earlier(incident),
        next_step_at=_next_step_at(connection, incident),
        delayed_minutes=late_minutes if late_minutes >= DELAY_TOLD_MINUTES else 0,
        sent_at=now,
    )
