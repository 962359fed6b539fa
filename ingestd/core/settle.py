"""What follows when a delivery attempt ends: done, later, unknown, refused. Pure; the dispatcher acts on the answer.

An unknown outcome of something that must not happen twice (a ticket, a comment) is looked up by its marker until the
service's index must have caught up; only then is it sent again. A page is looked up once and then sent again: twice is better
than never.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ingestd.core import backoff, escalation, reaching, relevance
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import ContactNews, Decision, PersonalWord
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentState, PersonName
from ingestd.core.policy import Policy

PAGE_FAILURES_BEFORE_FAIL_OVER = 2
"""A page that could not be handed over this often goes out by the person's next channel as well."""

PAGE_WAIT_SECONDS_MAX = 10.0
"""A page that is told to wait longer than this (a rate limit, a service that is given a rest) does not wait to fail again."""

NOT_TWICE = frozenset({EffectKind.TICKET_OPEN, EffectKind.TICKET_COMMENT, EffectKind.TICKET_ATTACH})
"""Effects that are not idempotent: after an unknown outcome they are looked for before they are sent again."""


class OutcomeKind(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    NOT_FOUND = "not_found"
    TRY_LATER = "try_later"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    GONE = "gone"
    CREDENTIALS_REJECTED = "credentials_rejected"


class Blame(StrEnum):
    """Whose fault it is that a page did not get through. Only another vendor helps against the first, only another channel against the rest."""

    SERVICE = "service"
    """The service, or our account there."""
    CONTACT = "contact"
    """The receiver's address: another vendor would do no better."""
    DEAD_CONTACT = "dead_contact"
    """As ``contact``, for certain and for good."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one attempt. ``detail`` is stored and shown, so it holds no secret."""

    kind: OutcomeKind
    detail: str = ""
    after_seconds: float | None = None
    blame: Blame = Blame.SERVICE
    is_resting: bool = False
    """The service was not asked: it is given a rest after failures."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """The delivery as it now is, and what else follows."""

    delivery: Delivery
    decision: Decision


def settle(
    delivery: Delivery,
    outcome: Outcome,
    incident: Incident,
    policy: Policy,
    now: datetime,
    *,
    chance: float,
    lookup_window_seconds: float,
    sent_to: str = "",
) -> Settlement:
    """What the end of an attempt means. ``chance`` (0 to 1) spreads retries; the window is the connector's index lag.

    ``sent_to`` is the address of a page or notice at the time of the attempt: a reload may have changed it since.
    """
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    after = _next_state(delivery, outcome, now, chance, lookup_window_seconds)
    if (
        delivery.kind is EffectKind.PAGE
        and not after.state.is_settled
        and incident.state is not IncidentState.TRIGGERED
    ):
        return _drop_late_page(draft, after, outcome, incident, policy, now)
    if delivery.kind in {EffectKind.PAGE, EffectKind.NOTICE} and outcome.blame is Blame.DEAD_CONTACT:
        _learn_dead(draft, delivery, sent_to, outcome.detail, policy)
    if delivery.kind is EffectKind.PAGE:
        after = _follow_page(draft, after, outcome, incident, policy)
    elif delivery.kind is EffectKind.NOTICE:
        after = _follow_notice(draft, after, outcome, incident, policy)
    elif delivery.kind.is_ticket:
        _follow_ticket(draft, after, outcome, incident)
    return Settlement(after, draft.finish())


def _drop_late_page(
    draft: Draft, after: Delivery, outcome: Outcome, incident: Incident, policy: Policy, now: datetime
) -> Settlement:
    """Somebody answered while the page was on its way, and it did not get through: it is not tried again.

    If it may have arrived all the same, its receiver counts as told and will hear of the end.
    """
    if outcome.kind is OutcomeKind.UNKNOWN and after.person is not None and after.channel is not None:
        _was_told(draft, incident, after.person, after.channel, policy)
    reason = relevance.page_is_moot(incident, is_superseded=False)
    detail = reason.value if reason else outcome.detail
    return Settlement(replace(after, state=DeliveryState.DROPPED, detail=detail, settled_at=now), draft.finish())


def _next_state(
    delivery: Delivery, outcome: Outcome, now: datetime, chance: float, lookup_window_seconds: float
) -> Delivery:
    free = replace(delivery, lease_until=None, leased_at=None, detail=outcome.detail)
    if outcome.kind is OutcomeKind.DONE:
        return replace(free, state=DeliveryState.DONE, settled_at=now)
    if outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.GONE}:
        return replace(free, state=DeliveryState.PARKED, settled_at=now)
    if outcome.kind is OutcomeKind.UNKNOWN:
        free = replace(free, unknown_since=now, looked_count=0, failed_count=delivery.failed_count + 1)
        if delivery.kind in NOT_TWICE or delivery.kind in {EffectKind.PAGE, EffectKind.WORD}:
            wait = backoff.lookup_delay_seconds(0)
            return replace(free, state=DeliveryState.UNCERTAIN, due_at=now + timedelta(seconds=wait))
        return _later(free, now, chance, outcome)
    if outcome.kind is OutcomeKind.NOT_FOUND:
        return _look_again_or_send(free, now, lookup_window_seconds)
    was_looking = delivery.unknown_since is not None
    free = replace(free, failed_count=delivery.failed_count + 1)
    return replace(
        _later(free, now, chance, outcome), state=DeliveryState.UNCERTAIN if was_looking else DeliveryState.WAITING
    )


def _later(delivery: Delivery, now: datetime, chance: float, outcome: Outcome) -> Delivery:
    wait = backoff.retry_delay_seconds(delivery.kind, delivery.failed_count, chance, outcome.after_seconds)
    return replace(delivery, state=DeliveryState.WAITING, due_at=now + timedelta(seconds=wait))


def _look_again_or_send(delivery: Delivery, now: datetime, window_seconds: float) -> Delivery:
    assert delivery.unknown_since is not None, "only an unknown outcome is looked up"
    is_told = delivery.kind in {EffectKind.PAGE, EffectKind.WORD}
    if is_told or now - delivery.unknown_since >= timedelta(seconds=window_seconds):
        return replace(delivery, state=DeliveryState.WAITING, unknown_since=None, looked_count=0, due_at=now)
    looked = delivery.looked_count + 1
    last_look_at = delivery.unknown_since + timedelta(seconds=window_seconds)
    due_at = min(now + timedelta(seconds=backoff.lookup_delay_seconds(looked)), last_look_at)
    return replace(delivery, state=DeliveryState.UNCERTAIN, looked_count=looked, due_at=due_at)


def _follow_page(draft: Draft, after: Delivery, outcome: Outcome, incident: Incident, policy: Policy) -> Delivery:
    assert after.person is not None, "a page has a receiver"
    assert after.channel is not None, "a page has a channel"
    where = f"{after.person} by {after.channel}"
    if outcome.kind is OutcomeKind.DONE:
        draft.note(incident, "page", f"paged {where}", reason="handed_over")
        _was_told(draft, incident, after.person, after.channel, policy)
        return after
    vendor = _next_vendor(after, outcome, policy)
    if after.is_failed_over or not _has_failed(after, outcome, has_other_vendor=vendor is not None):
        return after
    draft.note(incident, "page", f"could not page {where}: {outcome.detail}", reason=outcome.kind)
    if vendor is not None:
        escalation.next_vendor(draft, incident, after.person, after.channel, vendor, policy, level=after.level)
    else:
        escalation.fail_over(draft, incident, after.person, after.channel, policy, level=after.level)
    return replace(after, is_failed_over=True)


def _follow_notice(draft: Draft, after: Delivery, outcome: Outcome, incident: Incident, policy: Policy) -> Delivery:
    """Whoever was paged hears of the end by a vendor that works."""
    vendor = _next_vendor(after, outcome, policy)
    if after.is_failed_over or vendor is None or not _has_failed(after, outcome, has_other_vendor=True):
        return after
    draft.add_effect(incident, vendor, EffectKind.NOTICE, person=after.person, channel=after.channel)
    return replace(after, is_failed_over=True)


def _has_failed(after: Delivery, outcome: Outcome, *, has_other_vendor: bool) -> bool:
    """Whether something else is tried now. Another vendor costs little, so nobody waits for one that is given a rest."""
    if outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.GONE, OutcomeKind.CREDENTIALS_REJECTED}:
        return True
    must_wait = (outcome.after_seconds or 0.0) > PAGE_WAIT_SECONDS_MAX or (outcome.is_resting and has_other_vendor)
    has_failed = outcome.kind in {OutcomeKind.TRY_LATER, OutcomeKind.UNKNOWN}
    return must_wait or (has_failed and after.failed_count >= PAGE_FAILURES_BEFORE_FAIL_OVER)


def _next_vendor(delivery: Delivery, outcome: Outcome, policy: Policy) -> str | None:
    person = policy.people.get(delivery.person) if delivery.person else None
    if person is None or delivery.channel is None or outcome.blame is not Blame.SERVICE:
        return None
    return reaching.following_vendor(person, delivery.channel, delivery.connector, policy)


def _learn_dead(draft: Draft, delivery: Delivery, sent_to: str, why: str, policy: Policy) -> None:
    person = policy.people.get(delivery.person) if delivery.person else None
    address = sent_to or (person.address_of(delivery.channel) if person and delivery.channel else "")
    if delivery.person and delivery.channel and address:
        draft.learn(ContactNews(delivery.person, delivery.channel, address, why or "refused"))


def _was_told(draft: Draft, incident: Incident, name: PersonName, channel: Channel, policy: Policy) -> None:
    """The person has this page, or may have it. If it is over by now and they were not told before, they are told that too."""
    told_before = {person for person, _ in incident.escalation.paged} if incident.escalation else set()
    incident = escalation.told(draft, incident, name, channel)
    person = policy.people.get(name)
    connectors = policy.connectors_of(channel, person.address_of(channel) or "") if person else ()
    if incident.state.is_open or name in told_before or not connectors:
        return
    draft.add_effect(incident, connectors[0], EffectKind.NOTICE, person=name, channel=channel)


def _follow_ticket(draft: Draft, after: Delivery, outcome: Outcome, incident: Incident) -> None:
    if outcome.kind is OutcomeKind.DONE:
        if after.kind is EffectKind.TICKET_OPEN:
            draft.note(incident, "ticket", f"ticket {outcome.detail}", reason="opened")
        return
    if outcome.kind is OutcomeKind.UNKNOWN and after.state is DeliveryState.UNCERTAIN:
        text = f"{after.connector}: not certain whether “{after.kind}” happened ({outcome.detail}); looking it up"
        draft.note(incident, "ticket", text, reason="uncertain")
    elif outcome.kind is OutcomeKind.GONE and incident.state.is_open and after.kind is not EffectKind.TICKET_OPEN:
        draft.note(incident, "ticket", f"{after.connector}: the ticket is gone; opening another", reason="gone")
        draft.add_effect(incident, after.connector, EffectKind.TICKET_OPEN)
    elif outcome.kind is OutcomeKind.GONE and after.kind is not EffectKind.TICKET_OPEN:
        # It is over, so no other ticket is opened; should it fire again, one is, as for an incident that never had any.
        draft.note(incident, "ticket", f"{after.connector}: the ticket is gone", reason="gone")
        draft.put_incident(replace(incident, ticket_connector=""))
    elif outcome.kind in {OutcomeKind.REFUSED, OutcomeKind.GONE}:
        text = f"{after.connector} refused “{after.kind}”: {outcome.detail}"
        draft.note(incident, "ticket", text, reason="refused")
    elif outcome.kind is OutcomeKind.CREDENTIALS_REJECTED and after.failed_count == 1:
        text = f"{after.connector} rejects our credentials; “{after.kind}” waits until an admin mends them"
        draft.note(incident, "ticket", text, reason="credentials_rejected")


def settle_word(delivery: Delivery, outcome: Outcome, policy: Policy, now: datetime, *, chance: float) -> Settlement:
    """What the end of an attempt to say a word means: where a vendor or channel fails for good or twice, the next one is tried."""
    draft = Draft(Snapshot(), now)
    after = _next_state(delivery, outcome, now, chance, 0.0)
    if outcome.blame is Blame.DEAD_CONTACT and not delivery.address:
        _learn_dead(draft, delivery, "", outcome.detail, policy)
    person = policy.people.get(delivery.person) if delivery.person else None
    vendor = _next_vendor(after, outcome, policy)
    is_over = _has_failed(after, outcome, has_other_vendor=vendor is not None)
    if not is_over or after.is_failed_over or person is None or delivery.address or delivery.channel is None:
        return Settlement(after, draft.finish())
    channel = delivery.channel if vendor else reaching.following_channel(person, delivery.channel, policy)
    if channel is not None:
        connector = vendor or policy.connectors_of(channel, person.address_of(channel) or "")[0]
        key = EffectKey(f"{delivery.key}/{connector}" if vendor else f"{delivery.key}/{channel}")
        draft.tell(PersonalWord(key, connector, person.name, channel, delivery.reason, now, delivery.incident_id))
    return Settlement(replace(after, is_failed_over=True), draft.finish())


def give_up_page(delivery: Delivery, incident: Incident, policy: Policy, now: datetime) -> Decision:
    """What follows when a page cannot even be addressed: a reload took the person or their address away."""
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    is_page = delivery.kind is EffectKind.PAGE and not delivery.is_failed_over
    if is_page and delivery.person is not None and delivery.channel is not None:
        escalation.fail_over(draft, incident, delivery.person, delivery.channel, policy, level=delivery.level)
    return draft.finish()
