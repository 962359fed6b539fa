"""Who is told when every step of a policy has run and nobody has answered, or nobody at all could be reached."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import reaching
from ingestd.core.draft import Draft
from ingestd.core.effects import DeadlineKind, PageReason
from ingestd.core.incident import Escalation, Incident
from ingestd.core.names import PersonName
from ingestd.core.policy import Policy, Profile
from ingestd.core.target import people_of, schedule_of


def exhaust(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """Every step has run: the last resort is told. If nobody at all could be reached, so is everybody who takes turns."""
    escalation = incident.escalation
    assert escalation is not None, "only within an escalation"
    has_tried = bool(escalation.paged)
    if has_tried:
        text = f"nobody answered: every step of policy “{escalation.policy_name}” has run {escalation.loop_count}×"
    else:
        text = f"nobody could be paged by policy “{escalation.policy_name}”"
    draft.note(incident, "escalation", text, reason="exhausted", for_ticket=True)
    escalation = replace(escalation, is_exhausted=True, on_call=None, unreached=())
    incident = replace(incident, escalation=escalation)
    told: list[PersonName] = []
    wanted = dict.fromkeys(
        name for word in escalation.last_resort for name in people_of(word, policy, incident.assignee, draft.now)
    )
    for name in wanted:
        incident, at = _page_last(draft, incident, name, policy)
        told += [name] if at is not None else []
    if not told and not has_tried:
        for name in _everybody(escalation, policy):
            incident, at = _page_last(draft, incident, name, policy)
            told += [name] if at is not None else []
    if told:
        draft.note(incident, "page", f"last resort: paging {', '.join(told)}", reason=PageReason.LAST_RESORT)
    if incident.conduct.is_test:
        # A drill ends by itself: at once, or when the last resort has had its time to answer.
        wait = escalation.step.wait_seconds if told else 0
        draft.set_deadline(incident.id, DeadlineKind.ACKNOWLEDGE, draft.now + timedelta(seconds=wait))
    return draft.put_incident(incident)


def _page_last(draft: Draft, incident: Incident, name: PersonName, policy: Policy) -> tuple[Incident, datetime | None]:
    escalation = incident.escalation
    assert escalation is not None, "only within an escalation"
    why = "nobody on any level has answered" if escalation.paged else "nobody on any level could be reached"
    return reaching.page_person(
        draft,
        incident,
        name,
        policy,
        Profile.URGENT,
        level=escalation.level,
        reason=why,
        cause=PageReason.LAST_RESORT,
    )


def _everybody(escalation: Escalation, policy: Policy) -> tuple[PersonName, ...]:
    """Whoever takes turns on a schedule of the steps: a gap must never swallow a page."""
    schedules = [
        policy.schedules[name]
        for step in escalation.steps
        for word in step.people
        if (name := schedule_of(word)) is not None and name in policy.schedules
    ]
    return tuple(dict.fromkeys(p for one in schedules for layer in one.layers for p in layer.people))
