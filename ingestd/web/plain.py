"""The shapes of the API: stored values as mappings whose keys are the names of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ingestd.core.effects import DeadlineKind
from ingestd.core.incident import Escalation, Incident, Member
from ingestd.core.names import EffectKind
from ingestd.core.policy import Step
from ingestd.core.target import in_words
from ingestd.store import timeline
from ingestd.store.inbox import EnvelopeReport
from ingestd.store.incidents import Ticket
from ingestd.store.outbox import Delivery, DeliveryState
from ingestd.web.case import Case

RULES_VERSION_CHARS = 12
"""So much of the ruleset's hash is shown."""


def incident_line(incident: Incident, ticket: Ticket | None) -> dict[str, Any]:
    """An incident as one line of a list."""
    return {
        "id": incident.id,
        "state": incident.state,
        "severity": incident.severity,
        "title": incident.title,
        "team": incident.team,
        "rule": incident.rule,
        "opened_at": incident.opened_at,
        "firing_count": incident.firing_count,
        "alert_count": incident.alert_count,
        "acknowledged_by": incident.acknowledged_by,
        "acknowledged_at": incident.acknowledged_at,
        "resolved_at": incident.resolved_at,
        "quiet": incident.quiet,
        "is_test": incident.conduct.is_test,
        "parent_id": incident.parent_id,
        "dedup_key": incident.dedup_key,
        "correlate_key": incident.correlate_key,
        "correlate_within_seconds": incident.correlate_within_seconds,
        "last_alert_at": incident.last_alert_at,
        "ticket": {"label": ticket.label, "url": ticket.url} if ticket else None,
    }


def incident_whole(case: Case, external_url: str) -> dict[str, Any]:
    """The incident with all that is known of it."""
    incident = case.incident
    return {
        **incident_line(incident, case.tickets[0] if case.tickets else None),
        "summary": incident.summary,
        "impact": incident.impact,
        "urgency": incident.urgency,
        "category": incident.category,
        "runbook": incident.runbook,
        "assignee": incident.assignee,
        "rules_version": incident.conduct.rules_version[:RULES_VERSION_CHARS],
        "resolve_on": incident.conduct.resolve_on,
        "page_when": incident.conduct.page_when,
        "awaiting_policy": incident.awaiting_policy,
        "collects_key": incident.collects_key,
        "clearing_since": incident.clearing_since,
        "resolved_by": incident.resolved_by,
        "closed_at": incident.closed_at,
        "reopen_count": incident.reopen_count,
        "ticket_connector": incident.ticket_connector,
        "url": f"{external_url}/incidents/{incident.id}" if external_url else "",
        "escalation": _escalation(incident.escalation, case.due_at(DeadlineKind.ESCALATE))
        if incident.escalation
        else None,
    }


def _escalation(escalation: Escalation, due_at: datetime | None) -> dict[str, Any]:
    return {
        "next": _next(escalation, due_at) if due_at is not None else None,
        "policy_name": escalation.policy_name,
        "level": escalation.level,
        "steps": [_step(step, number) for number, step in enumerate(escalation.steps, start=1)],
        "loop_count": escalation.loop_count,
        "loops_done": escalation.loops_done,
        "is_held": escalation.is_held,
        "is_exhausted": escalation.is_exhausted,
        "paged": [{"person": person, "channel": channel} for person, channel in escalation.paged],
    }


def _next(escalation: Escalation, due_at: datetime) -> dict[str, Any] | None:
    """Whom the next step means, if nobody answers until it is due; None if nobody is left."""
    step = escalation.step_after(due_at)
    people = step.people if step is not None else escalation.last_resort
    if not people:
        return None
    level = (step.level or escalation.steps.index(step) + 1) if step is not None else None
    return {
        "words": [in_words(word) for word in people],
        "level": level,
        "is_repeat": step is escalation.step,
        "is_last_resort": step is None,
    }


def _step(step: Step, number: int) -> dict[str, Any]:
    return {
        "level": step.level or number,
        "people": step.people,
        "words": [in_words(word) for word in step.people],
        "wait_seconds": step.wait_seconds,
        "repeat_count": step.repeat_count,
    }


def alert(member: Member) -> dict[str, Any]:
    """An alert's part in an incident."""
    return {
        "key": member.key,
        "state": member.state,
        "source": member.source,
        "name": member.name,
        "summary": member.summary,
        "labels": member.labels,
        "annotations": member.annotations,
        "links": member.links,
        "value": member.value,
        "joined_at": member.joined_at,
        "cleared_at": member.cleared_at,
    }


def line(entry: timeline.Line) -> dict[str, Any]:
    """A line of the timeline."""
    return {
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind,
        "reason": entry.reason,
        "text": entry.text,
        "actor": entry.actor,
    }


def shown_state(delivery: Delivery) -> DeliveryState:
    """The state that people are told: while an unknown outcome is being looked up, it is still uncertain."""
    if delivery.state is DeliveryState.LEASED and delivery.unknown_since is not None:
        return DeliveryState.UNCERTAIN
    return delivery.state


def delivery(row: Delivery) -> dict[str, Any]:
    """A delivery, whole or waiting."""
    return {
        "key": row.key,
        "incident_id": row.incident_id,
        "connector": row.connector,
        "kind": row.kind,
        "state": shown_state(row),
        "person": row.person,
        "reporter": row.address if row.kind is EffectKind.ANSWER else None,
        "channel": row.channel,
        "level": row.level,
        "attempt_count": row.attempt_count,
        "failed_count": row.failed_count,
        "due_at": row.due_at,
        "detail": row.detail,
        "unknown_since": row.unknown_since,
        "receipt_status": row.receipt_status,
        "created_at": row.created_at,
        "settled_at": row.settled_at,
    }


def ticket(row: Ticket) -> dict[str, Any]:
    """A ticket of an incident."""
    return {
        "incident_id": row.incident_id,
        "connector": row.connector,
        "ref_id": row.ref_id,
        "label": row.label,
        "url": row.url,
        "opened_at": row.opened_at,
    }


def envelope_line(report: EnvelopeReport) -> dict[str, Any]:
    """An envelope as one line of a list."""
    return {
        "id": report.id,
        "source": report.source,
        "kind": report.kind,
        "received_at": report.received_at,
        "remote": report.remote,
        "state": report.state,
        "alert_count": report.alert_count,
        "disposition": report.disposition,
        "reason": report.reason,
        "detail": report.detail,
        "processed_at": report.processed_at,
    }


def envelope_whole(report: EnvelopeReport) -> dict[str, Any]:
    """An envelope with what was decided about each of its alerts."""
    findings: list[Mapping[str, Any]] = report.findings or []
    return {**envelope_line(report), "findings": findings}
