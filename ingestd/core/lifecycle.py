"""The life of an incident: opened, joined, clearing, resolved, opened again, closed; and what people answer.

One function per transition. Each takes the draft and the incident and gives back the incident as it then is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ingestd.core import escalation
from ingestd.core.draft import Draft
from ingestd.core.effects import DeadlineKind, DropReason, PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, IncidentId, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Classification

_DOUBLINGS_MAX = 20


def open_incident(draft: Draft, label: Classification, dedup_key: str, policy: Policy) -> Incident:
    """A new incident with its ticket and its first page. It has no alert yet: the caller joins one."""
    number = draft.take_number()
    reopen_within = label.reopen_within_seconds
    incident = Incident(
        id=IncidentId(f"INC-{number}"),
        number=number,
        state=IncidentState.TRIGGERED,
        severity=label.severity,
        impact=label.impact,
        urgency=label.urgency,
        category=label.category,
        team=label.team,
        rule=label.rule,
        title=label.title,
        summary=label.summary,
        runbook=label.runbook,
        dedup_key=dedup_key,
        correlate_key=label.correlate_key,
        correlate_within_seconds=label.correlate_within_seconds,
        reopen_within_seconds=policy.timing.reopen_within_seconds if reopen_within is None else reopen_within,
        opened_at=draft.now,
        last_alert_at=draft.now,
    )
    draft.put_incident(incident)
    text = f"opened with severity {label.severity} (impact {label.impact} × urgency {label.urgency}) by rule “{label.rule}”"
    draft.note(incident, "opened", text, reason=label.rule)
    if label.template_problem:
        draft.note(incident, "template", f"plain text is used: {label.template_problem}", reason="template_failed")
    incident = _want_ticket(draft, incident, label)
    if label.policy is not None:
        return escalation.start(draft, incident, label.policy, policy, PageReason.OPENED)
    draft.note(incident, "escalation", f"nobody is paged: rule “{label.rule}” names no policy", reason="no_page")
    return incident


def _want_ticket(draft: Draft, incident: Incident, label: Classification) -> Incident:
    if label.ticket is None or incident.ticket_connector:
        return incident
    plan = label.ticket
    incident = replace(incident, ticket_connector=plan.connector, ticket_options=dict(plan.options))
    return draft.add_effect(incident, plan.connector, EffectKind.TICKET_OPEN)


def worsen(draft: Draft, incident: Incident, label: Classification, policy: Policy, *, is_new_alert: bool) -> Incident:
    """A joining alert may raise the severity, and bring a ticket or a policy that the incident did not have. Never lowers.

    ``is_new_alert``: the incident has not had this alert before.
    """
    incident = _want_ticket(draft, incident, label)
    has_risen = label.severity.is_worse_than(incident.severity)
    if has_risen:
        text = f"severity raised from {incident.severity} to {label.severity} by rule “{label.rule}”"
        incident = replace(incident, severity=label.severity, impact=label.impact, urgency=label.urgency)
        incident = draft.put_incident(incident)
        draft.note(incident, "severity", text, reason="worse_alert", for_ticket=True)
        if incident.ticket_connector:
            incident = draft.add_effect(incident, incident.ticket_connector, EffectKind.TICKET_PRIORITY)
    if label.policy is None:
        return incident
    if incident.state is IncidentState.ACKNOWLEDGED and has_risen:
        incident = draft.put_incident(
            replace(incident, state=IncidentState.TRIGGERED, acknowledged_at=None, acknowledged_by="")
        )
        draft.note(incident, "triggered", "worse than when it was acknowledged: paging again", reason="severity_rose")
        return escalation.start(draft, incident, label.policy, policy, PageReason.SEVERITY_ROSE)
    if incident.state is not IncidentState.TRIGGERED:
        return incident
    running = incident.escalation
    if has_risen and (running is None or running.is_exhausted or running.policy_name != label.policy):
        return escalation.start(draft, incident, label.policy, policy, PageReason.SEVERITY_ROSE)
    if running is None or (running.is_exhausted and is_new_alert):
        # Nobody was to be paged so far, or nobody answered: silence would swallow whatever joins from now on.
        return escalation.start(draft, incident, label.policy, policy, PageReason.NEW_ALERT)
    return incident


def grace_seconds(incident: Incident, policy: Policy) -> int:
    """How long all alerts must have cleared before the incident counts as resolved.

    Doubled with each time that it came back, up to the reopen window: what flaps all night pages a few times, not every time.
    """
    plain = policy.timing.resolve_grace_seconds
    doubled: int = plain * 2 ** min(incident.reopen_count, _DOUBLINGS_MAX)
    return max(plain, min(doubled, incident.reopen_within_seconds))


def clear(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """The last alert has cleared: wait for the grace before it counts."""
    grace = grace_seconds(incident, policy)
    incident = draft.put_incident(replace(incident, clearing_since=draft.now))
    draft.note(
        incident, "clearing", f"all alerts have cleared; resolved if that holds for {grace} s", reason="all_cleared"
    )
    draft.set_deadline(incident.id, DeadlineKind.RESOLVE, draft.now + timedelta(seconds=grace))
    return incident


def unclear(draft: Draft, incident: Incident) -> Incident:
    """An alert fired again within the grace: as if it had never cleared."""
    draft.clear_deadlines(incident.id, DeadlineKind.RESOLVE)
    incident = draft.put_incident(replace(incident, clearing_since=None))
    draft.note(incident, "triggered", "fired again within the grace: not resolved", reason="refired_within_grace")
    return escalation.resume(draft, incident)


def resolve(draft: Draft, incident: Incident, policy: Policy, *, by: str = "") -> Incident:
    """It is over: stop paging, tell those who were paged, bring the ticket to a done state, wait for a re-fire."""
    if not incident.state.is_open:
        return incident
    incident = escalation.stop(draft, incident, DropReason.RESOLVED)
    draft.clear_deadlines(incident.id, DeadlineKind.RESOLVE)
    incident = draft.put_incident(
        replace(incident, state=IncidentState.RESOLVED, resolved_at=draft.now, resolved_by=by, clearing_since=None)
    )
    text = f"resolved by {by}" if by else "resolved: all alerts have cleared"
    draft.note(incident, "resolved", text, reason="by_hand" if by else "all_cleared", actor=by, for_ticket=True)
    incident = escalation.tell_the_end(draft, incident, policy)
    if incident.ticket_connector:
        incident = draft.add_effect(incident, incident.ticket_connector, EffectKind.TICKET_RESOLVE)
    due_at = draft.now + timedelta(seconds=incident.reopen_within_seconds)
    draft.set_deadline(incident.id, DeadlineKind.CLOSE, due_at)
    return incident


def reopen(draft: Draft, incident: Incident, label: Classification, policy: Policy) -> Incident:
    """It came back within the reopen window: the same incident and ticket, and a new escalation."""
    draft.clear_deadlines(incident.id, DeadlineKind.CLOSE)
    draft.drop(incident.id, (EffectKind.NOTICE,), DropReason.REFIRED)
    incident = draft.put_incident(
        replace(
            incident,
            state=IncidentState.TRIGGERED,
            resolved_at=None,
            resolved_by="",
            acknowledged_at=None,
            acknowledged_by="",
            last_alert_at=draft.now,
            reopen_count=incident.reopen_count + 1,
        )
    )
    draft.note(incident, "reopened", "fired again within the reopen window", reason="reopened", for_ticket=True)
    if incident.ticket_connector:
        incident = draft.add_effect(incident, incident.ticket_connector, EffectKind.TICKET_REOPEN)
    name = label.policy or (incident.escalation.policy_name if incident.escalation else None)
    if name is None:
        return incident
    return escalation.start(draft, incident, name, policy, PageReason.REOPENED)


def close(draft: Draft, incident: Incident) -> Incident:
    """The reopen window is over: whatever fires now is a new incident."""
    draft.clear_deadlines(incident.id, *DeadlineKind)
    incident = draft.put_incident(replace(incident, state=IncidentState.CLOSED, closed_at=draft.now))
    draft.note(incident, "closed", "closed: it did not come back", reason="reopen_window_over")
    return incident


def acknowledge(draft: Draft, incident: Incident, *, by: str, via: str) -> Incident:
    """Somebody took it: paging stops with what is queued. The second one changes nothing and is told who was first."""
    if incident.state is not IncidentState.TRIGGERED:
        first = f"; {incident.acknowledged_by} was first" if incident.acknowledged_by else ""
        text = f"{by} acknowledged by {via} while {incident.state}: nothing changed{first}"
        draft.note(incident, "answer", text, reason="answered_late", actor=by)
        return incident
    incident = escalation.stop(draft, incident, DropReason.ACKNOWLEDGED)
    incident = draft.put_incident(
        replace(incident, state=IncidentState.ACKNOWLEDGED, acknowledged_at=draft.now, acknowledged_by=by)
    )
    draft.note(incident, "acknowledged", f"acknowledged by {by} ({via})", reason=via, actor=by, for_ticket=True)
    return incident


def comment_ticket(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """News for the ticket's readers: one comment is queued; while it waits, further news rides with it."""
    if not incident.ticket_connector or incident.is_comment_waiting:
        return incident
    incident = draft.put_incident(replace(incident, is_comment_waiting=True))
    delay = policy.timing.comment_delay_seconds
    return draft.add_effect(incident, incident.ticket_connector, EffectKind.TICKET_COMMENT, delay_seconds=delay)
