"""The whole policy: what the daemon should now believe and do.

Pure: equal arguments give an equal Decision. Called for alerts, answers and passed deadlines alike, so that a restart and
normal running take the same path. The same value feeds the database, ``explain`` and the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ingestd.core import correlate, dedup, escalation, lifecycle
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import (
    DeadlineKind,
    Decision,
    Finding,
    JoinReason,
    PageReason,
    Verdict,
    VerdictReason,
)
from ingestd.core.incident import AlertState, Incident, KnownAlert, Member
from ingestd.core.names import IncidentId, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Classification


@dataclass(frozen=True, slots=True)
class Sighting:
    """An alert that arrived, with what the rules say of it; ``label`` is None when it need not be asked (a repeat, a resolve)."""

    alert: Alert
    label: Classification | None = None
    truncated_count: int = 0
    """How many alerts the sender left out of the message that this one came in."""


class AnswerAction(StrEnum):
    """What a person can tell the daemon about an incident."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's word. ``via`` is how it came: ``link``, ``api``, ``cli``; ``text`` is the note, if it is one."""

    incident_id: IncidentId
    action: AnswerAction
    by: str
    via: str
    text: str = ""


def needs_classification(
    alert: Alert, known: KnownAlert | None, incident: Incident | None, now: datetime, policy: Policy
) -> bool:
    """Whether the rules must be asked before the snapshot can be complete: only for an alert that is news and fires."""
    return _judge(alert, known, incident, now, policy).verdict is Verdict.NEW


def decide_alerts(sightings: Iterable[Sighting], snapshot: Snapshot, policy: Policy, now: datetime) -> Decision:
    """What follows from alerts, in the order in which they arrived. Gives exactly one finding per alert, in that order."""
    draft = Draft(snapshot, now)
    touched: dict[IncidentId, int] = {}
    for sighting in sightings:
        news = _decide_one(draft, sighting, policy)
        if news is not None:
            touched[news] = max(touched.get(news, 0), sighting.truncated_count)
    for incident_id, truncated_count in touched.items():
        incident = draft.incident(incident_id)
        assert incident is not None, "an incident that was touched is in the draft"
        if truncated_count:
            text = f"the sender left out {truncated_count} further alerts of this group: their state is not known"
            draft.note(incident, "truncated", text, reason="truncated_by_sender", for_ticket=True)
            incident = lifecycle.comment_ticket(draft, incident, policy)
        if incident.state.is_open and incident.firing_count == 0 and incident.clearing_since is None:
            lifecycle.clear(draft, incident, policy)
    return draft.finish()


def _judge(
    alert: Alert, known: KnownAlert | None, incident: Incident | None, now: datetime, policy: Policy
) -> dedup.Judgement:
    return dedup.judge(
        alert,
        known,
        incident,
        now,
        late_fire_seconds=policy.timing.late_fire_seconds,
        keep_vanished=alert.source in policy.keep_vanished,
    )


def _decide_one(draft: Draft, sighting: Sighting, policy: Policy) -> IncidentId | None:
    """Apply one alert; gives the incident for which it was news."""
    alert = sighting.alert
    known = draft.alert(alert.key)
    own = draft.incident(known.incident_id) if known else None
    judged = _judge(alert, known, own, draft.now, policy)
    if judged.verdict is Verdict.NEW:
        return _take_in(draft, alert, sighting.label or classify(alert, policy.ruleset), known, own, judged, policy)
    draft.find(Finding(alert.key, judged.verdict, judged.reason, own.id if own else None))
    if known is None:
        _remember_the_end(draft, alert)
        return None
    if judged.verdict is Verdict.STALE:
        return None
    if judged.verdict is Verdict.REPEAT:
        _repeat(draft, alert, known, own, judged)
        return None
    if own is None or not own.state.is_open:
        _end_alert(draft, alert, known, AlertState.CLEARED)
        if own is not None:
            draft.put_incident(replace(own, firing_count=max(0, own.firing_count - 1)))
        return None
    return _leave(draft, alert, known, own, judged, policy)


def _remember_the_end(draft: Draft, alert: Alert) -> None:
    """The end of something that was never seen: its fire may still be on the way (two Alertmanagers race), and is over then."""
    draft.put_alert(
        KnownAlert(
            key=alert.key,
            state=AlertState.CLEARED,
            incident_id=IncidentId(""),
            first_seen_at=draft.now,
            last_seen_at=draft.now,
            starts_at=alert.starts_at,
            ended_at=alert.ends_at or draft.now,
            cleared_seen_at=draft.now,
        )
    )


def _take_in(
    draft: Draft,
    alert: Alert,
    label: Classification,
    known: KnownAlert | None,
    own: Incident | None,
    judged: dedup.Judgement,
    policy: Policy,
) -> IncidentId:
    dedup_key = correlate.dedup_key_of(alert.key, label)
    place = correlate.place(alert.key, label, own, draft.candidates(dedup_key, label.correlate_key), draft.now)
    incident = place.incident
    if incident is None:
        incident = lifecycle.open_incident(draft, label, dedup_key, policy)
    elif incident.is_reopenable:
        incident = lifecycle.reopen(draft, incident, label, policy)
    elif incident.clearing_since is not None:
        incident = lifecycle.unclear(draft, incident)
    is_new_alert = draft.member(incident.id, alert.key) is None
    incident = _join(draft, alert, incident, place.reason)
    if place.incident is not None:
        incident = lifecycle.worsen(draft, incident, label, policy, is_new_alert=is_new_alert)
        if place.reason not in {JoinReason.REFIRED_WITHIN_GRACE, JoinReason.REOPENED}:
            incident = lifecycle.comment_ticket(draft, incident, policy)
    draft.put_alert(
        KnownAlert(
            key=alert.key,
            state=AlertState.FIRING,
            incident_id=incident.id,
            first_seen_at=known.first_seen_at if known else draft.now,
            last_seen_at=draft.now,
            starts_at=alert.starts_at,
            ended_at=None,
            cleared_seen_at=None,
        )
    )
    draft.find(Finding(alert.key, judged.verdict, judged.reason, incident.id, place.reason, label.rule))
    return incident.id


def _join(draft: Draft, alert: Alert, incident: Incident, reason: JoinReason) -> Incident:
    before = draft.member(incident.id, alert.key)
    was_firing = before is not None and before.state is not AlertState.CLEARED
    member = member_of(alert, incident.id, draft.now)
    draft.put_member(replace(member, joined_at=before.joined_at) if before else member)
    incident = draft.put_incident(
        replace(
            incident,
            firing_count=incident.firing_count + (0 if was_firing else 1),
            alert_count=incident.alert_count + (0 if before else 1),
            last_alert_at=draft.now,
        )
    )
    told = reason is not JoinReason.OPENED
    draft.note(incident, "alert-fired", f"alert fired: {_name(alert)}", reason=reason, for_ticket=told)
    return incident


def member_of(alert: Alert, incident_id: IncidentId, now: datetime) -> Member:
    """The alert as the incident's readers see it."""
    return Member(
        incident_id=incident_id,
        key=alert.key,
        state=AlertState.FIRING,
        source=alert.source,
        name=alert.rule_name or alert.labels.get("alertname", ""),
        summary=alert.summary,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        links=dict(alert.links),
        value=alert.value,
        joined_at=now,
    )


def _name(alert: Alert) -> str:
    where = ", ".join(alert.labels[name] for name in ("service", "instance", "host", "pod") if alert.labels.get(name))
    return f"{alert.summary} ({where})" if where and where not in alert.summary else alert.summary


def _repeat(draft: Draft, alert: Alert, known: KnownAlert, own: Incident | None, judged: dedup.Judgement) -> None:
    """Still there: remember when it was seen and its newest words; tell nobody."""
    draft.put_alert(
        replace(known, state=AlertState.FIRING, last_seen_at=draft.now, starts_at=alert.starts_at or known.starts_at)
    )
    member = draft.member(known.incident_id, alert.key)
    if own is None or member is None:
        return
    fresh = replace(member_of(alert, own.id, draft.now), joined_at=member.joined_at)
    if fresh != member:
        draft.put_member(fresh)
    if judged.reason is VerdictReason.BACK_IN_SIGHT:
        draft.note(own, "alert-fired", f"back in sight and still firing: {_name(alert)}", reason=judged.reason)


def _end_alert(draft: Draft, alert: Alert, known: KnownAlert, state: AlertState) -> None:
    ended_at = alert.ends_at or draft.now
    cleared_seen_at = draft.now if state is AlertState.CLEARED else None
    draft.put_alert(
        replace(known, state=state, last_seen_at=draft.now, ended_at=ended_at, cleared_seen_at=cleared_seen_at)
    )
    member = draft.member(known.incident_id, known.key)
    if member is not None:
        cleared_at = draft.now if state is AlertState.CLEARED else None
        draft.put_member(replace(member, state=state, cleared_at=cleared_at))


def _leave(
    draft: Draft, alert: Alert, known: KnownAlert, own: Incident, judged: dedup.Judgement, policy: Policy
) -> IncidentId | None:
    if judged.verdict is Verdict.VANISHED:
        if known.state is AlertState.VANISHED:
            return None
        _end_alert(draft, alert, known, AlertState.VANISHED)
        text = f"lost sight of {_name(alert)} ({alert.state_reason}): that is no recovery, the incident stays open"
        draft.note(own, "alert-vanished", text, reason=alert.state_reason, for_ticket=True)
        lifecycle.comment_ticket(draft, own, policy)
        return own.id
    _end_alert(draft, alert, known, AlertState.CLEARED)
    incident = draft.put_incident(replace(own, firing_count=max(0, own.firing_count - 1)))
    draft.note(incident, "alert-cleared", f"alert cleared: {_name(alert)}", reason=judged.reason, for_ticket=True)
    if incident.firing_count > 0:
        lifecycle.comment_ticket(draft, incident, policy)
    return incident.id


def decide_deadline(kind: DeadlineKind, incident: Incident, policy: Policy, now: datetime) -> Decision:
    """What follows when the incident's deadline of this kind has passed. The deadline itself is used up."""
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    draft.clear_deadlines(incident.id, kind)
    if kind is DeadlineKind.ESCALATE:
        is_vain = incident.escalation is not None and incident.escalation.is_step_unreachable
        reason = PageReason.NOBODY_REACHABLE if is_vain else PageReason.NOBODY_ANSWERED
        was_exhausted = incident.escalation is not None and incident.escalation.is_exhausted
        incident = escalation.advance(draft, incident, policy, reason)
        if incident.escalation is not None and incident.escalation.is_exhausted and not was_exhausted:
            lifecycle.comment_ticket(draft, incident, policy)
    elif kind is DeadlineKind.RESOLVE and incident.clearing_since is not None:
        lifecycle.resolve(draft, incident, policy)
    elif kind is DeadlineKind.CLOSE and incident.state is IncidentState.RESOLVED:
        lifecycle.close(draft, incident)
    return draft.finish()


def decide_answer(answer: Answer, incident: Incident, policy: Policy, now: datetime) -> Decision:
    """What follows from a person's word."""
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    if answer.action is AnswerAction.ACKNOWLEDGE:
        was_triggered = incident.state is IncidentState.TRIGGERED
        incident = lifecycle.acknowledge(draft, incident, by=answer.by, via=answer.via)
        if was_triggered:
            lifecycle.comment_ticket(draft, incident, policy)
    elif answer.action is AnswerAction.RESOLVE:
        if not incident.state.is_open:
            text = f"{answer.by} resolved by {answer.via} while {incident.state}: nothing changed"
            draft.note(incident, "answer", text, reason="answered_late", actor=answer.by)
        else:
            lifecycle.resolve(draft, incident, policy, by=answer.by)
    else:
        draft.note(
            incident, "note", f"note by {answer.by}: {answer.text}", reason=answer.via, actor=answer.by, for_ticket=True
        )
        lifecycle.comment_ticket(draft, incident, policy)
    return draft.finish()
