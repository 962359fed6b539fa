"""Is a queued delivery still worth performing? Asked when it is claimed, with the incident as it is then.

Recovery decides again instead of replaying: what was queued an hour ago may be wrong by now.
"""

from __future__ import annotations

from ingestd.core.delivery import Delivery
from ingestd.core.effects import DropReason
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, IncidentState


def moot(
    delivery: Delivery, incident: Incident, *, has_ticket: bool, has_news: bool, is_superseded: bool
) -> DropReason | None:
    """Why the delivery is not to be performed any more, or None.

    ``has_ticket``: there is a ticket to speak to; ``has_news``: the ticket has not been told everything; ``is_superseded``: a newer
    delivery of the same kind waits behind it.
    """
    if delivery.kind in {EffectKind.WORD, EffectKind.ANSWER}:
        return None
    if delivery.kind is EffectKind.PAGE:
        return page_is_moot(incident, is_superseded=is_superseded)
    if delivery.kind is EffectKind.NOTICE:
        return DropReason.REFIRED if incident.state.is_open else None
    if delivery.kind is EffectKind.POST:
        return DropReason.SUPERSEDED if is_superseded else None
    return _ticket_is_moot(delivery, incident, has_ticket=has_ticket, has_news=has_news, is_superseded=is_superseded)


def _ticket_is_moot(
    delivery: Delivery, incident: Incident, *, has_ticket: bool, has_news: bool, is_superseded: bool
) -> DropReason | None:
    if delivery.kind is EffectKind.TICKET_OPEN:
        return DropReason.SUPERSEDED if has_ticket else None
    if not has_ticket:
        return DropReason.NO_TICKET
    if delivery.kind is EffectKind.TICKET_COMMENT and not has_news:
        return DropReason.NOTHING_TO_TELL
    if delivery.kind is EffectKind.TICKET_RESOLVE and incident.state.is_open:
        return DropReason.REFIRED
    if delivery.kind is EffectKind.TICKET_REOPEN and not incident.state.is_open:
        return DropReason.RESOLVED
    if delivery.kind is EffectKind.TICKET_PRIORITY and is_superseded:
        return DropReason.SUPERSEDED
    return None


def page_is_moot(incident: Incident, *, is_superseded: bool) -> DropReason | None:
    """Why nobody is to be paged for the incident any more, or None."""
    by_state = {
        IncidentState.ACKNOWLEDGED: DropReason.ACKNOWLEDGED,
        IncidentState.RESOLVED: DropReason.RESOLVED,
        IncidentState.CLOSED: DropReason.CLOSED,
    }
    reason = by_state.get(incident.state)
    if reason is None and incident.quiet:
        reason = DropReason.EXPLAINED
    return DropReason.SUPERSEDED if reason is None and is_superseded else reason
