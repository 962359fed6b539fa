"""The life of an incident: opened, joined, clearing, resolved, opened again, closed; and what people answer.

One function per transition. Each takes the draft and the incident and gives back the incident as it then is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import assignment, escalation, paging, reporters, rooms
from ingestd.core.conduct import Conduct, ResolveOn
from ingestd.core.draft import Draft
from ingestd.core.effects import Adoption, DeadlineKind, DropReason, PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, IncidentId, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.reporter import ReportedTicket
from ingestd.core.response import PageWhen
from ingestd.core.ruleset import Classification
from ingestd.core.watch import HoldReason, Restraint

_DOUBLINGS_MAX = 20


def open_incident(
    draft: Draft,
    label: Classification,
    dedup_key: str,
    policy: Policy,
    why: Restraint | None = None,
    reported: ReportedTicket | None = None,
) -> Incident:
    """A new incident with its ticket and its first page, as far as ``why`` leaves them. It has no alert yet: the caller joins one.

    ``reported``: the ticket that reported it, which becomes its own.
    """
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
        conduct=Conduct(label.resolve_on, label.flap, label.page_when, label.rules_version, label.service, label.skill),
        parent_id=_parent_of(why),
        collects_key=label.collects_key or None,
        quiet=why.text if why else None,
    )
    draft.put_incident(incident)
    text = f"opened with severity {label.severity} (impact {label.impact} × urgency {label.urgency}) by rule “{label.rule}”"
    draft.note(incident, "opened", text, reason=label.rule)
    if label.template_problem:
        draft.note(incident, "template", f"plain text is used: {label.template_problem}", reason="template_failed")
    incident = adopt(draft, incident, label, reported) if reported else want_ticket(draft, incident, label)
    incident = assignment.assign(draft, incident, policy) if why is None else incident
    incident = rooms.post(draft, incident, policy, "opened")
    if label.policy is not None:
        return paging.begin(draft, incident, label, policy, PageReason.OPENED)
    draft.note(incident, "escalation", f"nobody is paged: {_why_no_page(label, why)}", reason="no_page")
    return incident


def _why_no_page(label: Classification, why: Restraint | None) -> str:
    if why is not None:
        return why.text
    if label.page_when is PageWhen.NEVER:
        return f"severity {label.severity} pages nobody"
    return f"rule “{label.rule}” names no policy"


def want_ticket(draft: Draft, incident: Incident, label: Classification) -> Incident:
    """The ticket that the classification wants, unless the incident has one."""
    if label.ticket is None or incident.ticket_connector:
        return incident
    plan = label.ticket
    incident = replace(incident, ticket_connector=plan.connector, ticket_options=dict(plan.options))
    return draft.add_effect(incident, plan.connector, EffectKind.TICKET_OPEN)


def adopt(draft: Draft, incident: Incident, label: Classification, ticket: ReportedTicket) -> Incident:
    """The ticket that reported the incident is its own from now on: no other is opened, and this one hears all that follows."""
    plan = label.ticket
    options = dict(plan.options) if plan is not None and plan.connector == ticket.connector else {}
    incident = replace(incident, ticket_connector=ticket.connector, ticket_options=options)
    draft.adopt(Adoption(incident.id, ticket))
    draft.put_incident(incident)
    draft.note(
        incident,
        "ticket",
        f"{incident.id} is worked on in this ticket, {ticket.label}",
        reason="adopted",
        for_ticket=True,
    )
    return incident


def worsen(draft: Draft, incident: Incident, label: Classification, policy: Policy, *, is_new_alert: bool) -> Incident:
    """A joining alert may raise the severity, and bring a ticket or a policy that the incident did not have. Never lowers.

    ``is_new_alert``: the incident has not had this alert before.
    """
    incident = want_ticket(draft, incident, label)
    before = incident
    has_risen = label.severity.is_worse_than(incident.severity)
    if has_risen:
        text = f"severity raised from {incident.severity} to {label.severity} by rule “{label.rule}”"
        conduct = replace(incident.conduct, page_when=label.page_when)
        incident = replace(
            incident, severity=label.severity, impact=label.impact, urgency=label.urgency, conduct=conduct
        )
        incident = draft.put_incident(incident)
        draft.note(incident, "severity", text, reason="worse_alert", for_ticket=True)
        if incident.ticket_connector:
            incident = draft.add_effect(incident, incident.ticket_connector, EffectKind.TICKET_PRIORITY)
        incident = rooms.post(draft, incident, policy, f"severity rose to {label.severity}")
    if label.policy is None:
        return incident
    if incident.state is IncidentState.ACKNOWLEDGED and has_risen:
        incident = draft.put_incident(
            replace(incident, state=IncidentState.TRIGGERED, acknowledged_at=None, acknowledged_by="")
        )
        draft.note(incident, "triggered", "worse than when it was acknowledged: paging again", reason="severity_rose")
        return paging.begin(draft, incident, label, policy, PageReason.SEVERITY_ROSE)
    if incident.state is not IncidentState.TRIGGERED:
        return incident
    running = incident.escalation
    if has_risen and (running is None or running.is_exhausted or running.policy_name != label.policy):
        return paging.begin(draft, incident, label, policy, PageReason.SEVERITY_ROSE)
    if has_risen and paging.has_waited(before, incident, policy, draft.now):
        draft.drop(incident.id, (EffectKind.PAGE,), DropReason.SUPERSEDED)
        return paging.begin(draft, incident, label, policy, PageReason.SEVERITY_ROSE)
    if running is None or (running.is_exhausted and is_new_alert):
        # Nobody was to be paged so far, or nobody answered: silence would swallow whatever joins from now on.
        return paging.begin(draft, incident, label, policy, PageReason.NEW_ALERT)
    return incident


def unquiet(draft: Draft, incident: Incident, label: Classification, policy: Policy) -> Incident:
    """What took the page or the ticket away is over, and it still fires: as if it were new."""
    draft.note(incident, "triggered", f"no longer quiet: it was {incident.quiet}", reason="released", for_ticket=True)
    incident = draft.put_incident(replace(incident, quiet=None, parent_id=None))
    incident = want_ticket(draft, incident, label)
    if incident.assignee is None:
        incident = assignment.assign(draft, incident, policy)
    incident = rooms.post(draft, incident, policy, "no longer kept quiet")
    if incident.state is not IncidentState.TRIGGERED:
        return incident
    if label.policy is None:
        return _page_nobody(draft, incident)
    return paging.begin(draft, incident, label, policy, PageReason.RELEASED)


def _page_nobody(draft: Draft, incident: Incident) -> Incident:
    """It is open again and its rule pages nobody by now: what was left of the steps must not seem to go on, or nothing that joins would page."""
    running = incident.escalation
    if running is None:
        return incident
    draft.note(incident, "escalation", "nobody is paged: by its rule, or its severity", reason="no_page")
    rest = replace(running, is_exhausted=True, is_held=False) if running.paged else None
    return draft.put_incident(replace(incident, escalation=rest))


def stay_quiet(draft: Draft, incident: Incident, why: Restraint) -> Incident:
    """What took the page away is over, and something else takes it away now."""
    draft.note(incident, "escalation", f"still nobody is paged: {why.text}", reason="no_page")
    return draft.put_incident(replace(incident, quiet=why.text, parent_id=_parent_of(why)))


def _parent_of(why: Restraint | None) -> IncidentId | None:
    return IncidentId(why.by) if why is not None and why.reason is HoldReason.PARENT else None


def note_held(draft: Draft, incident: Incident, why: Restraint) -> None:
    """One of its alerts fired again and is kept back: for whoever wonders why it resolves."""
    draft.note(incident, "held", f"an alert fired again and is kept back: {why.text}", reason=why.reason)


def grace_seconds(incident: Incident, policy: Policy, now: datetime) -> int:
    """How long all alerts must have cleared before the incident counts as resolved.

    Doubled with each time that it came back, up to the reopen window: what flaps all night pages a few times, not every time.
    While it is flapping by its rule: the time within which it must not have fired.
    """
    plain = policy.timing.resolve_grace_seconds
    doubled: int = plain * 2 ** min(incident.reopen_count, _DOUBLINGS_MAX)
    grace = max(plain, min(doubled, incident.reopen_within_seconds))
    return (
        max(grace, incident.conduct.flap.within_seconds)
        if is_flapping(incident, now) and incident.conduct.flap
        else grace
    )


def is_flapping(incident: Incident, now: datetime) -> bool:
    """Whether it fired so often lately that its rule calls it flapping."""
    flap = incident.conduct.flap
    if flap is None:
        return False
    begin = now - timedelta(seconds=flap.within_seconds)
    return sum(at > begin for at in incident.fired_at) >= flap.count


def clear_if_over(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """None of its alerts fires any more: it begins to clear, unless only a person says when it is over."""
    if not incident.state.is_open or incident.firing_count > 0 or incident.clearing_since is not None:
        return incident
    if incident.conduct.resolve_on is ResolveOn.NEVER:
        text = "all alerts have cleared; this stays open until somebody resolves it"
        draft.note(incident, "clearing", text, reason="resolved_by_people_only", for_ticket=True)
        return comment_ticket(draft, incident, policy)
    return clear(draft, incident, policy)


def clear_if_any(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """One of its alerts has cleared: where its rule says that this is enough, it begins to clear."""
    if incident.conduct.resolve_on is not ResolveOn.ANY or incident.clearing_since is not None:
        return incident
    return clear(draft, incident, policy)


def clear(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """Its alerts have cleared: wait for the grace before it counts."""
    grace = grace_seconds(incident, policy, draft.now)
    incident = draft.put_incident(replace(incident, clearing_since=draft.now))
    what, reason = "all alerts have cleared", "all_cleared"
    if incident.firing_count > 0:
        what, reason = "an alert has cleared, which is enough for its rule", "any_cleared"
    elif is_flapping(incident, draft.now):
        what, reason = (
            f"all alerts have cleared, but it is flapping ({len(incident.fired_at)} times lately)",
            "flapping",
        )
    draft.note(incident, "clearing", f"{what}; resolved if that holds for {grace} s", reason=reason)
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
    what = "all alerts have cleared" if incident.firing_count == 0 else "one of its alerts has cleared"
    what = "the drill is over" if incident.conduct.is_test else what
    text = f"resolved by {by}" if by else f"resolved: {what}"
    draft.note(incident, "resolved", text, reason="by_hand" if by else "all_cleared", actor=by, for_ticket=True)
    if incident.collects_key:
        # What it explained mostly clears with it: look after the time in which that would be seen.
        draft.release(incident.id, policy.timing.resolve_grace_seconds)
    incident = escalation.tell_the_end(draft, incident, policy)
    incident = rooms.post(draft, incident, policy, text)
    incident = reporters.tell_all(draft, incident)
    if incident.ticket_connector:
        incident = draft.add_effect(incident, incident.ticket_connector, EffectKind.TICKET_RESOLVE)
    due_at = draft.now + timedelta(seconds=incident.reopen_within_seconds)
    draft.set_deadline(incident.id, DeadlineKind.CLOSE, due_at)
    return incident


def reopen(
    draft: Draft, incident: Incident, label: Classification, policy: Policy, why: Restraint | None = None
) -> Incident:
    """It came back within the reopen window: the same incident and ticket, and a new escalation, as far as ``why`` leaves it."""
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
            quiet=why.text if why else None,
            parent_id=_parent_of(why),
        )
    )
    draft.note(incident, "reopened", "fired again within the reopen window", reason="reopened", for_ticket=True)
    incident = reporters.tell_all(draft, incident)
    if incident.ticket_connector:
        incident = draft.add_effect(incident, incident.ticket_connector, EffectKind.TICKET_REOPEN)
    if why is not None:
        draft.note(incident, "escalation", f"nobody is paged: {why.text}", reason="no_page")
        return incident
    incident = rooms.post(draft, incident, policy, "fired again")
    if label.policy is None and label.page_when is not PageWhen.NEVER and incident.escalation is not None:
        label = replace(label, policy=incident.escalation.policy_name)
    if label.policy is None:
        running = incident.escalation
        # Whoever was paged has heard of the end.
        return _page_nobody(draft, replace(incident, escalation=replace(running, paged=()) if running else None))
    return paging.begin(draft, incident, label, policy, PageReason.REOPENED)


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
    # Who is to be paged in the morning stays known: the acknowledgement may be taken back.
    awaited = incident.awaiting_policy
    incident = escalation.stop(draft, incident, DropReason.ACKNOWLEDGED)
    incident = draft.put_incident(
        replace(
            incident,
            state=IncidentState.ACKNOWLEDGED,
            acknowledged_at=draft.now,
            acknowledged_by=by,
            awaiting_policy=awaited,
        )
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
