"""One message for everything that waits for a person on a channel, and none while a limit or a batch keeps it back.

Decided when a page or the notice of an end is claimed. What is told together is claimed together, led by the one that matters most; the
message carries the leader's key. The leader is settled first: of what it told, a crash after that only leaves to be written down.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ingestd import telling
from ingestd.core import reaching
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import Deadline, DeadlineKind, Decision, PageReason, TimelineEntry, together
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, IncidentState, Severity
from ingestd.core.policy import Policy
from ingestd.core.settle import Outcome, OutcomeKind, settle
from ingestd.core.throttle import ALONE_SECONDS_MAX, FIRST_RANK, HELD_SECONDS_MAX, follow, leaves_at
from ingestd.core.turn import STANDS_IN
from ingestd.ports import IncidentView, PageText
from ingestd.store import apply, dialect, outbox, roster, storms
from ingestd.store.storms import Companion
from ingestd.workers.current import Standing

FOLDED_MAX = 2000
"""So many deliveries are told by one message; what is more waits for the next one."""
FAILED_OVER_MAX = 200
"""Of those that failed so many are looked up for one message: whether another vendor has told them meanwhile."""
SHOWN_MAX = 50
SETTLED_TOGETHER = 200
"""Of one transaction, so that an acknowledgement of an envelope never waits long behind it."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is told together with a delivery."""

    others: tuple[Delivery, ...] = ()
    incident_count: int = 0
    """How many incidents there are besides the leader's."""
    severities: tuple[Severity, ...] = ()
    """Of every incident in the message, the leader's too."""
    worst: tuple[IncidentId, ...] = ()
    """The incidents that are shown, besides the leader's, the worst first."""
    since: datetime | None = None
    """When the oldest of them was queued."""


def gather(
    connection: Connection, leader: Delivery, incident: Incident, policy: Policy, now: datetime
) -> Bundle | datetime:
    """What goes with this delivery, which has just been claimed; or until when it has to wait, together with all that would go with it."""
    if leader.person is None or leader.channel is None or leader.channel not in policy.limits:
        return Bundle()
    if leader.unknown_since is not None:
        again = [one for one in storms.folded(connection, leader.key) if not one.state.is_settled]
        return _bundle_again(connection, leader, incident, again)
    if leader.attempt_count > 1:
        # Its message is written anew. What a process meant to tell by the last one, and died over, is looked up by itself.
        storms.part(connection, leader.key)
    until = _may_leave_at(connection, leader, policy, now)
    if leader.kind is EffectKind.PAGE and not leader.is_failed_over and _other_channel(leader, policy) is None:
        until = min(until, (leader.held_since or now) + timedelta(seconds=ALONE_SECONDS_MAX[incident.severity]))
    if until > now:
        # Each of what is kept back for long is looked at by itself: another channel may do.
        if not is_long(leader, until, now):
            storms.hold(connection, leader, until, now)
        return until
    found = storms.companions(connection, leader, now, FOLDED_MAX)
    looked_up = {one.delivery.key for one in [one for one in found if one.delivery.is_failed_over][:FAILED_OVER_MAX]}
    worth = [one for one in found if _is_worth_telling(one)]
    return _bundle(
        leader,
        incident,
        [
            one
            for one in worth
            if not one.delivery.is_failed_over
            or (one.delivery.key in looked_up and not outbox.is_told_otherwise(connection, one.delivery))
        ],
    )


def _may_leave_at(connection: Connection, leader: Delivery, policy: Policy, now: datetime) -> datetime:
    assert leader.person is not None, "asked before"
    assert leader.channel is not None, "asked before"
    limits = policy.limits[leader.channel]
    is_first = leader.kind is EffectKind.PAGE and leader.rank == FIRST_RANK
    is_stand_in = leader.kind is EffectKind.PAGE and leader.cause in STANDS_IN
    since = now - timedelta(seconds=limits.memory_seconds)
    sent = storms.sent_at(connection, leader, since)
    begun = now - timedelta(seconds=limits.batching.within_seconds)
    recent = storms.recent_count(connection, leader.person, leader.channel, begun, now, limits.batching.above + 1)
    before = storms.batch_of(connection, leader.person, leader.channel)
    after = follow(before, leader.person, leader.channel, recent, limits.batching, now)
    storms.save_batch(connection, before, after)
    return leaves_at(sent, limits, after, now, is_first=is_first, is_stand_in=is_stand_in)


def _other_channel(leader: Delivery, policy: Policy) -> Channel | None:
    person = policy.people.get(leader.person) if leader.person else None
    return reaching.following_channel(person, leader.channel, policy) if person and leader.channel else None


def _is_worth_telling(one: Companion) -> bool:
    """What is not stays where it is: it is claimed on its own, and dropped or put off with its reason."""
    if one.delivery.kind is EffectKind.NOTICE:
        return not one.state.is_open
    return one.state is IncidentState.TRIGGERED and not one.is_quiet and not one.is_clearing


def _bundle(leader: Delivery, incident: Incident, found: Sequence[Companion]) -> Bundle:
    newest = {one.delivery.lane: one for one in sorted(found, key=lambda one: one.delivery.created_at)}
    kept = [one for one in found if newest[one.delivery.lane] is one]
    severities = {incident.id: incident.severity} | {one.delivery.incident_id: one.severity for one in kept}
    worst = sorted((id_ for id_ in severities if id_ != incident.id), key=lambda id_: severities[id_].rank)
    return Bundle(
        tuple(one.delivery for one in kept),
        len(worst),
        tuple(severities.values()),
        tuple(worst[:SHOWN_MAX]),
        min((one.delivery.created_at for one in kept), default=leader.created_at),
    )


def _bundle_again(connection: Connection, leader: Delivery, incident: Incident, again: Sequence[Delivery]) -> Bundle:
    """The same as at the attempt whose outcome is not known, so that it is recognised."""
    known = storms.incidents_of(connection, (one.incident_id for one in again))
    found = [
        Companion(one, known[one.incident_id].state, known[one.incident_id].severity, is_quiet=False, is_clearing=False)
        for one in again
        if one.incident_id in known
    ]
    return _bundle(leader, incident, found)


def word(
    connection: Connection, page: PageText, bundle: Bundle, leader: Delivery, standing: Standing, now: datetime
) -> PageText:
    """The text for all that is in the bundle: of a page, a summary led by its incident; of an end, with the others that are over."""
    if not bundle.incident_count:
        return page
    known = storms.incidents_of(connection, bundle.worst)
    also = tuple(_brief(known[id_], standing) for id_ in bundle.worst if id_ in known)
    since = min(leader.created_at, bundle.since or now)
    minutes = max(1, math.ceil((now - since).total_seconds() / 60))
    page = replace(page, also=also, also_count=bundle.incident_count, window_minutes=minutes)
    if page.purpose != "page":
        return page
    return replace(page, purpose="summary", reason=_counted(bundle.severities))


def _counted(severities: Iterable[Severity]) -> str:
    """``3 critical, 9 high``: how bad they are, the worst first."""
    counts = Counter(severities)
    return ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])


def _brief(incident: Incident, standing: Standing) -> IncidentView:
    bridge = telling.bridge_of(incident, standing.policy)
    return telling.incident_view(incident, (), (), external_url=standing.external_url, ticket_url="", bridge=bridge)


def is_long(delivery: Delivery, until: datetime, now: datetime) -> bool:
    """Whether a page would be kept back longer than anybody ought to wait for it."""
    longest = timedelta(seconds=HELD_SECONDS_MAX)
    return delivery.kind is EffectKind.PAGE and until - (delivery.held_since or now) > longest


def over_limit(
    connection: Connection, leader: Delivery, incident: Incident, until: datetime, policy: Policy, now: datetime
) -> tuple[Delivery, Decision]:
    """A limit keeps the page back for long: it goes by the person's next channel as well, once, if there is one."""
    held = replace(leader, held_since=leader.held_since or now)
    person = policy.people.get(leader.person) if leader.person else None
    if not is_long(leader, until, now) or person is None or leader.channel is None:
        return held, Decision()
    following = _other_channel(leader, policy)
    if following is None or leader.is_failed_over:
        return held, Decision()
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    text = f"{leader.channel} to {person.name} is over its limit until {until:%H:%M} UTC: trying {following}"
    draft.note(incident, "page", text, reason=PageReason.OVER_LIMIT)
    words = f"{leader.channel} is over its limit"
    reaching.page_by(draft, incident, person, following, policy, leader.level, words, PageReason.OVER_LIMIT)
    decision = draft.finish()
    apply.write(connection, decision, now)
    return replace(held, is_failed_over=True), decision


@dataclass(frozen=True, slots=True)
class Led:
    """What became of a delivery that an earlier life told, or meant to tell, together with another."""

    delivery: Delivery
    decision: Decision | None = None
    """What followed, if it is settled by that: the message of its leader has left."""
    waits: bool = False
    """Its leader is looked up first."""


def follow_leader(connection: Connection, delivery: Delivery, policy: Policy, now: datetime) -> Led:
    """A delivery was claimed that is to be told, or was told, by the message of another one."""
    leader = outbox.load(connection, EffectKey(delivery.folded_into or ""))
    if leader is not None and not leader.state.is_settled:
        return Led(delivery, waits=True)
    if leader is None or leader.state is not DeliveryState.DONE or delivery.unknown_since is None:
        return Led(replace(delivery, folded_into=None))
    outcome = Outcome(OutcomeKind.DONE, leader.detail)
    decision = _settle(connection, [delivery], leader, outcome, policy, now, 0.0, leader.address or "")
    return Led(delivery, decision)


def finish(
    connection: Connection,
    leader: Delivery,
    others: Sequence[Delivery],
    outcome: Outcome,
    standing: Standing,
    now: datetime,
    chance: float,
    sent_to: str,
) -> Decision:
    """Write the end of the attempt for what was told with the leader, as far as these claims still hold."""
    dialect.serialise_decisions(connection)
    policy = roster.effective(connection, standing.policy, now)
    held = storms.still_held(connection, others)
    return _settle(connection, held, leader, outcome, policy, now, chance, sent_to)


def _settle(
    connection: Connection,
    held: Sequence[Delivery],
    leader: Delivery,
    outcome: Outcome,
    policy: Policy,
    now: datetime,
    chance: float,
    sent_to: str,
) -> Decision:
    known = storms.incidents_of(connection, (one.incident_id for one in held))
    after: list[Delivery] = []
    decisions: list[Decision] = []
    for one in held:
        incident = known[one.incident_id]
        settlement = settle(
            one, outcome, incident, policy, now, chance=chance, lookup_window_seconds=0.0, sent_to=sent_to
        )
        known |= {changed.id: changed for changed in settlement.decision.incidents}
        is_again_alone = settlement.delivery.state is DeliveryState.WAITING
        after.append(replace(settlement.delivery, folded_into=None) if is_again_alone else settlement.delivery)
        dues = late_answer(settlement.delivery, known[one.incident_id], now)
        timeline = tuple(_told_with(entry, leader) for entry in settlement.decision.timeline)
        decisions.append(
            replace(settlement.decision, timeline=timeline, deadlines=(*settlement.decision.deadlines, *dues))
        )
    decision = together(decisions)
    storms.save_many(connection, after)
    apply.write(connection, decision, now)
    return decision


def _told_with(entry: TimelineEntry, leader: Delivery) -> TimelineEntry:
    return replace(entry, text=f"{entry.text}, in one message with {leader.incident_id}")


def late_answer(delivery: Delivery, incident: Incident, now: datetime) -> tuple[Deadline, ...]:
    """A page that was kept back has left: the wait for its answer begins now."""
    escalation = incident.escalation
    if delivery.state is not DeliveryState.DONE or delivery.held_since is None or delivery.kind is not EffectKind.PAGE:
        return ()
    if escalation is None or escalation.is_exhausted or incident.state is not IncidentState.TRIGGERED:
        return ()
    if escalation.level != delivery.level or delivery.cause is PageReason.STAGE or incident.clearing_since is not None:
        return ()
    return (Deadline(incident.id, DeadlineKind.ESCALATE, now + timedelta(seconds=escalation.step.wait_seconds)),)
