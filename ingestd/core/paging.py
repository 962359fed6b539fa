"""When paging begins: at once, or when people are at work. And what happens when nobody has answered in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import escalation
from ingestd.core.draft import Draft
from ingestd.core.effects import DeadlineKind, PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import IncidentState
from ingestd.core.policy import Policy
from ingestd.core.response import PageWhen
from ingestd.core.ruleset import Classification


def begin(draft: Draft, incident: Incident, label: Classification, policy: Policy, reason: PageReason) -> Incident:
    """Page by the policy that the classification names: now, or when office hours begin if its severity says so."""
    assert label.policy is not None, "somebody is to be paged"
    ruleset = policy.ruleset
    page_when = label.page_when
    if incident.conduct.page_when is PageWhen.NOW:
        page_when = PageWhen.NOW  # a milder alert that joins does not make it less urgent
    # The steps to come go by it as well: who is paged at once is not left to wait for the morning by the next one.
    incident = replace(incident, conduct=replace(incident.conduct, page_when=page_when))
    if page_when is PageWhen.OFFICE_HOURS and not ruleset.in_office_hours(draft.now):
        due_at = ruleset.office_opens_at(draft.now)
        if incident.awaiting_policy is None:
            text = f"nobody is paged before office hours: {due_at:%Y-%m-%d %H:%M} UTC"
            draft.note(incident, "escalation", text, reason="office_hours")
        draft.set_deadline(incident.id, DeadlineKind.PAGE, due_at)
        return draft.put_incident(replace(incident, awaiting_policy=label.policy))
    if label.ack_within_seconds is not None:
        due_at = draft.now + timedelta(seconds=label.ack_within_seconds)
        draft.set_deadline(incident.id, DeadlineKind.ACKNOWLEDGE, due_at)
    return _start(draft, incident, label.policy, policy, reason)


def _start(draft: Draft, incident: Incident, policy_name: str, policy: Policy, reason: PageReason) -> Incident:
    if incident.awaiting_policy is not None:
        draft.clear_deadlines(incident.id, DeadlineKind.PAGE)
        incident = replace(incident, awaiting_policy=None)
    return escalation.start(draft, incident, policy_name, policy, reason)


def resume(draft: Draft, incident: Incident, policy: Policy, reason: PageReason) -> Incident:
    """Nobody has it in hand any more: whoever was to be paged is paged from the first step, or when office hours begin."""
    awaited = incident.awaiting_policy
    if incident.quiet:
        return draft.put_incident(replace(incident, awaiting_policy=None))
    if awaited is not None:
        due_at = policy.ruleset.office_opens_at(draft.now)
        draft.note(
            incident,
            "escalation",
            f"the page waits for office hours: {due_at:%Y-%m-%d %H:%M} UTC",
            reason="office_hours",
        )
        draft.set_deadline(incident.id, DeadlineKind.PAGE, due_at)
        return incident
    if incident.escalation is None:
        return incident
    return escalation.start(draft, incident, incident.escalation.policy_name, policy, reason)


def has_waited(before: Incident, incident: Incident, policy: Policy, now: datetime) -> bool:
    """Whether what waited for the morning while it was milder must not wait any more: for office hours, or for somebody's quiet hours."""
    is_urgent_now = incident.conduct.page_when is PageWhen.NOW
    waited = before.conduct.page_when is PageWhen.OFFICE_HOURS and not policy.ruleset.in_office_hours(now)
    if is_urgent_now and (waited or before.awaiting_policy is not None):
        return True
    return escalation.waits_in_quiet_hours(before, policy, now) and not escalation.waits_in_quiet_hours(
        incident, policy, now
    )


def page_in_office_hours(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """Office hours begin: whoever was not to be woken is paged now, if it is not over and nobody has taken it."""
    if incident.awaiting_policy is None or incident.state is not IncidentState.TRIGGERED or incident.quiet:
        return draft.put_incident(replace(incident, awaiting_policy=None))
    if incident.clearing_since is not None:
        draft.set_deadline(incident.id, DeadlineKind.PAGE, draft.now + timedelta(seconds=_LOOK_AGAIN_SECONDS))
        return incident
    response = policy.ruleset.responses.get(incident.severity)
    if response is not None and response.ack_within_seconds is not None:
        due_at = draft.now + timedelta(seconds=response.ack_within_seconds)
        draft.set_deadline(incident.id, DeadlineKind.ACKNOWLEDGE, due_at)
    return _start(draft, incident, incident.awaiting_policy, policy, PageReason.OFFICE_HOURS)


_LOOK_AGAIN_SECONDS = 60
"""While all alerts have cleared nobody is paged; either it is resolved, or it fires again."""


def note_unacknowledged(draft: Draft, incident: Incident) -> Incident:
    """Somebody ought to have acknowledged by now: the incident says so."""
    if incident.state is not IncidentState.TRIGGERED or incident.quiet:
        return incident
    text = f"nobody has acknowledged in the time that severity {incident.severity} allows"
    draft.note(incident, "escalation", text, reason="ack_overdue", for_ticket=True)
    return incident
