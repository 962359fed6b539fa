"""The whole policy: what the daemon should now believe and do.

Pure: equal arguments give an equal Decision. Called for alerts, answers and passed deadlines alike, so that a restart and
normal running take the same path. The same value feeds the database, ``explain`` and the simulator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ingestd.core import answers, drill, escalation, lifecycle, observe, paging, rooms
from ingestd.core.answers import Answer, AnswerAction, decide_answer
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import DeadlineKind, Decision, PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import IncidentId, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.sighting import Cause, Sighting

__all__ = ["Answer", "AnswerAction", "Sighting", "decide_alerts", "decide_answer", "decide_deadline", "decide_drill"]


_AT_ONCE: Final = timedelta(seconds=1)
LATE: Final = timedelta(minutes=1)
"""What is decided later than this after it was due says so: ingestd was down, or had more to do than it could."""


def decide_alerts(
    sightings: Iterable[Sighting],
    snapshot: Snapshot,
    policy: Policy,
    now: datetime,
    received_at: Sequence[datetime] = (),
) -> Decision:
    """What follows from alerts, in the order in which they arrived. Gives exactly one finding per alert, in that order.

    ``received_at``: when each of them was accepted, where that may be long ago.
    """
    draft = Draft(snapshot, now)
    touched: dict[IncidentId, int] = {}
    arrived = tuple(sightings)
    order = _inhibitors_first(arrived)
    for position in order:
        sighting = arrived[position]
        if received_at:
            draft.meant_at = _if_late(received_at[position], now)
            sighting = _good_from_now(sighting, received_at[position], now)
        is_due = sighting.cause is Cause.WATCH_DUE
        news = (observe.look_again if is_due else observe.take)(draft, sighting, policy)
        if news is not None:
            touched[news] = max(touched.get(news, 0), sighting.truncated_count)
    for incident_id, truncated_count in touched.items():
        incident = draft.incident(incident_id)
        assert incident is not None, "an incident that was touched is in the draft"
        if truncated_count:
            text = f"the sender left out {truncated_count} further alerts of this group: their state is not known"
            draft.note(incident, "truncated", text, reason="truncated_by_sender", for_ticket=True)
            incident = lifecycle.comment_ticket(draft, incident, policy)
        lifecycle.clear_if_over(draft, incident, policy)
    decision = draft.finish()
    findings = sorted(zip(order, decision.findings, strict=True), key=lambda pair: pair[0])
    return replace(decision, findings=tuple(finding for _, finding in findings))


def _inhibitors_first(sightings: Sequence[Sighting]) -> list[int]:
    """The order in which they are decided: as they arrived, but what others may inhibit comes after those others.

    A sender lists the alerts of one message in any order. What an alert says twice stays in its order.
    """
    times = Counter(one.alert.key for one in sightings)

    def is_late(position: int) -> bool:
        one = sightings[position]
        return one.label is not None and bool(one.label.inhibit_by) and times[one.alert.key] == 1

    return sorted(range(len(sightings)), key=is_late)


def _good_from_now(sighting: Sighting, received_at: datetime, now: datetime) -> Sighting:
    """What waited to be decided is good for as long as it was when it came, so that it cannot be over before anybody has looked at it."""
    expires_at = sighting.alert.expires_at
    if expires_at is None or now - received_at < _AT_ONCE:
        return sighting
    alert = replace(sighting.alert, expires_at=expires_at + (now - received_at))
    return replace(sighting, alert=alert, received=sighting.as_received)


def _if_late(due_at: datetime | None, now: datetime) -> datetime | None:
    return due_at if due_at is not None and now - due_at > LATE else None


def decide_deadline(
    kind: DeadlineKind,
    incident: Incident,
    policy: Policy,
    now: datetime,
    *,
    due_at: datetime | None = None,
    pages_wait: bool = False,
) -> Decision:
    """What follows when the incident's deadline of this kind has passed. The deadline itself is used up.

    ``due_at`` is when it passed, if that may be long ago. ``pages_wait``: nobody of the present step has been sent their page yet, it is kept
    back or has not had its turn.
    """
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    draft.meant_at = _if_late(due_at, now)
    draft.clear_deadlines(incident.id, kind)
    if kind is DeadlineKind.ESCALATE and pages_wait:
        escalation.wait_for_page(draft, incident)
    elif kind is DeadlineKind.ESCALATE:
        is_vain = incident.escalation is not None and incident.escalation.is_step_unreachable
        reason = PageReason.NOBODY_REACHABLE if is_vain else PageReason.NOBODY_ANSWERED
        was_exhausted = incident.escalation is not None and incident.escalation.is_exhausted
        before = incident
        incident = rooms.post_escalated(draft, before, escalation.advance(draft, incident, policy, reason), policy)
        if incident.escalation is not None and incident.escalation.is_exhausted and not was_exhausted:
            lifecycle.comment_ticket(draft, incident, policy)
    elif kind is DeadlineKind.RESOLVE and incident.clearing_since is not None:
        lifecycle.resolve(draft, incident, policy)
    elif kind is DeadlineKind.CLOSE and incident.state is IncidentState.RESOLVED:
        lifecycle.close(draft, incident)
    elif kind is DeadlineKind.PAGE:
        paging.page_in_office_hours(draft, incident, policy)
    elif kind is DeadlineKind.ACK_EXPIRE:
        answers.expire_acknowledgement(draft, incident, policy)
    elif kind is DeadlineKind.ACKNOWLEDGE and incident.conduct.is_test:
        drill.end_unanswered(draft, incident, policy)
    elif kind is DeadlineKind.ACKNOWLEDGE:
        lifecycle.comment_ticket(draft, paging.note_unacknowledged(draft, incident), policy)
    return draft.finish()


def decide_drill(order: drill.DrillOrder, snapshot: Snapshot, policy: Policy, now: datetime) -> Decision:
    """What follows from the order to try a policy. Nothing, if there is no such policy."""
    draft = Draft(snapshot, now)
    if order.policy in policy.escalations:
        drill.begin(draft, order, policy)
    return draft.finish()
