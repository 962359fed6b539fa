"""What follows from a service's later word on a page that it had accepted, and from its silence. Pure.

A page that was handed over is not yet one that arrived. Where it did not, or where nobody says that it did, the person's next channel
is used at once: the wait of the step is for people, not for carriers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import escalation
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import ContactNews, PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.settle import Settlement

DELIVERED, FAILED = "delivered", "failed"
FINAL = frozenset({DELIVERED, FAILED})
"""What a service says when it will say nothing more."""


def handed_over(
    delivery: Delivery, receipt_id: str, sent_to: str, policy: Policy, now: datetime, *, is_final: bool
) -> Delivery:
    """A page has left: where it went, and by when its service ought to say that it arrived, unless it has said all that it will."""
    after = replace(delivery, receipt_id=receipt_id)
    if delivery.kind is not EffectKind.PAGE or delivery.state is not DeliveryState.DONE:
        return after
    seconds = 0 if is_final else policy.timing.receipt_seconds
    return replace(after, address=sent_to, receipt_due_at=now + timedelta(seconds=seconds) if seconds else None)


def settle_receipt(
    delivery: Delivery,
    status: str,
    detail: str,
    incident: Incident,
    policy: Policy,
    now: datetime,
    *,
    rank: int = 0,
    is_contact_dead: bool = False,
) -> Settlement:
    """A later word on a page: ``delivered``, ``failed`` or anything that leaves it open.

    News come in any order and more than once: what does not rank above what is known changes nothing.
    """
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    if delivery.receipt_rank is not None and rank <= delivery.receipt_rank:
        return Settlement(delivery, draft.finish())
    after = replace(delivery, receipt_rank=rank)
    if status not in FINAL:
        return Settlement(after, draft.finish())
    after = replace(after, detail=detail or status, receipt_status=status, receipt_due_at=None)
    if delivery.person and delivery.channel and (status == DELIVERED or is_contact_dead):
        person = policy.people.get(delivery.person)
        address = delivery.address or (person.address_of(delivery.channel) if person else None)
        if address:
            why = (detail or status) if is_contact_dead and status == FAILED else ""
            sent_at = delivery.settled_at or delivery.created_at
            draft.learn(ContactNews(delivery.person, delivery.channel, address, why, sent_at))
    if delivery.kind is EffectKind.ANSWER and status == FAILED:
        to = delivery.address or "whoever reported it"
        draft.note(incident, "report", f"what was told to {to} did not arrive: {detail}", reason="undelivered")
    if delivery.kind is not EffectKind.PAGE or not delivery.person or not delivery.channel:
        return Settlement(after, draft.finish())
    where = f"{delivery.person} by {delivery.channel}"
    if status == DELIVERED:
        draft.note(incident, "page", f"delivered to {where}", reason="delivered")
    else:
        draft.note(incident, "page", f"not delivered to {where}: {detail}", reason="undelivered")
        incident = escalation.not_told(draft, incident, delivery.person, delivery.channel)
        if not delivery.is_failed_over:
            escalation.fail_over(draft, incident, delivery.person, delivery.channel, policy, level=delivery.level)
            after = replace(after, is_failed_over=True)
    return Settlement(after, draft.finish())


def settle_silence(delivery: Delivery, incident: Incident, policy: Policy, now: datetime) -> Settlement:
    """The service has not said in time that a page arrived: the person's next channel is used now, once.

    Without another channel the step goes on waiting: the page may well have arrived.
    """
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    after = replace(delivery, receipt_due_at=None)
    is_wanted = incident.state is IncidentState.TRIGGERED and not incident.quiet
    if not is_wanted:
        # Nothing is left to do for this incident; the message may have told of others, which are looked at after it.
        return Settlement(replace(after, is_failed_over=True), draft.finish())
    if delivery.is_failed_over or delivery.person is None or delivery.channel is None:
        return Settlement(after, draft.finish())
    where = f"{delivery.person} by {delivery.channel}"
    text = f"nobody says that the page to {where} has arrived"
    draft.note(incident, "page", text, reason=PageReason.NO_RECEIPT)
    if escalation.other_channel(incident, delivery.person, delivery.channel, policy) is not None:
        person, channel, cause = delivery.person, delivery.channel, PageReason.NO_RECEIPT
        escalation.fail_over(draft, incident, person, channel, policy, level=delivery.level, cause=cause)
        after = replace(after, is_failed_over=True)
    return Settlement(after, draft.finish())
