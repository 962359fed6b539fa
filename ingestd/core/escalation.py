"""Who is told next, and when: pages by level, the next channel when one fails, the notice at the end.

Every function takes and gives back the incident, so that calls chain; the draft collects the effects.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ingestd.core.draft import Draft
from ingestd.core.effects import DeadlineKind, DropReason, PageReason
from ingestd.core.incident import Escalation, Incident
from ingestd.core.names import Channel, EffectKind, IncidentState, PersonName
from ingestd.core.policy import EscalationPolicy, Policy
from ingestd.core.response import PageWhen
from ingestd.core.target import is_known, person_of, schedule_of


def start(draft: Draft, incident: Incident, policy_name: str, policy: Policy, reason: PageReason) -> Incident:
    """Begin an escalation from its first step with a copy of the policy.

    Whoever was told before stays listed and hears of the end, except after a resolve: then they have heard of it.
    """
    plan = policy.escalations.get(policy_name) or _copy_of(incident, policy_name)
    if plan is None or not plan.steps:
        draft.note(incident, "escalation", f"nobody is paged: there is no policy “{policy_name}”", reason="no_policy")
        return incident
    paged = incident.escalation.paged if incident.escalation and reason is not PageReason.REOPENED else ()
    escalation = Escalation(plan.name, policy.ruleset.version, plan.steps, plan.loop_count, paged=paged)
    return _page_step(draft, replace(incident, escalation=escalation), policy, reason)


def _copy_of(incident: Incident, policy_name: str) -> EscalationPolicy | None:
    """The policy as the incident remembers it: one that a reload took away must not silence what comes back."""
    kept = incident.escalation
    if kept is None or kept.policy_name != policy_name:
        return None
    return EscalationPolicy(policy_name, kept.steps, kept.loop_count)


def stop(draft: Draft, incident: Incident, reason: DropReason) -> Incident:
    """No further page: what is queued is dropped, what was due is forgotten."""
    draft.drop(incident.id, (EffectKind.PAGE,), reason)
    draft.clear_deadlines(incident.id, DeadlineKind.ESCALATE, DeadlineKind.PAGE, DeadlineKind.ACKNOWLEDGE)
    return incident if incident.awaiting_policy is None else replace(incident, awaiting_policy=None)


def advance(draft: Draft, incident: Incident, policy: Policy, reason: PageReason) -> Incident:
    """The wait of a step is over: page the next step, run the steps again, or say that nobody is left."""
    escalation = incident.escalation
    if escalation is None or incident.state is not IncidentState.TRIGGERED or escalation.is_exhausted:
        return incident
    if incident.quiet:
        return incident
    if incident.clearing_since is not None:
        draft.note(incident, "escalation", "next page held: all alerts have cleared", reason="held_while_clearing")
        return draft.put_incident(replace(incident, escalation=replace(escalation, is_held=True)))
    due_at = policy.ruleset.office_opens_at(draft.now)
    # Where office hours never begin again, nobody waits for them.
    if incident.conduct.page_when is PageWhen.OFFICE_HOURS and due_at > draft.now:
        text = f"the next page waits for office hours: {due_at:%Y-%m-%d %H:%M} UTC"
        draft.note(incident, "escalation", text, reason="office_hours")
        draft.set_deadline(incident.id, DeadlineKind.ESCALATE, due_at)
        return incident
    if escalation.step_index + 1 < len(escalation.steps):
        moved = replace(escalation, step_index=escalation.step_index + 1)
    elif escalation.loops_done + 1 < escalation.loop_count:
        moved = replace(escalation, step_index=0, loops_done=escalation.loops_done + 1)
    elif _has_new_people(escalation, policy):
        text = f"people of policy “{escalation.policy_name}” as it was have left: going on with the policy as it is now"
        draft.note(incident, "escalation", text, reason="policy_changed")
        return start(draft, incident, escalation.policy_name, policy, PageReason.NOBODY_REACHABLE)
    else:
        text = f"nobody answered: every step of policy “{escalation.policy_name}” has run {escalation.loop_count}×"
        draft.note(incident, "escalation", text, reason="exhausted", for_ticket=True)
        return draft.put_incident(replace(incident, escalation=replace(escalation, is_exhausted=True)))
    return _page_step(draft, replace(incident, escalation=moved), policy, reason)


def _has_new_people(escalation: Escalation, policy: Policy) -> bool:
    """Whether somebody or a schedule that the copy of the policy names is not known any more, and the policy in force names others."""
    fresh = policy.escalations.get(escalation.policy_name)
    has_gaps = any(
        not is_known(word, policy.people, policy.schedules) for step in escalation.steps for word in step.people
    )
    return has_gaps and fresh is not None and fresh.steps != escalation.steps


def resume(draft: Draft, incident: Incident) -> Incident:
    """An alert fired again within the grace: a step that was held goes at once."""
    escalation = incident.escalation
    if escalation is None or not escalation.is_held or incident.quiet:
        return incident
    draft.set_deadline(incident.id, DeadlineKind.ESCALATE, draft.now)
    return draft.put_incident(replace(incident, escalation=replace(escalation, is_held=False)))


def _page_step(draft: Draft, incident: Incident, policy: Policy, reason: PageReason) -> Incident:
    escalation = incident.escalation
    assert escalation is not None, "a step is only paged within an escalation"
    step = escalation.step
    meant = _people_of_step(draft, incident, escalation, policy)
    reached: list[PersonName] = []
    for name in meant:
        person = policy.people.get(name)
        channel = next((c for c, _ in person.channels if c in policy.channel_connectors), None) if person else None
        if channel is None:
            draft.note(incident, "page", f"{name} cannot be paged: no usable contact", reason="no_usable_contact")
            continue
        incident = _page(draft, incident, name, channel, policy, escalation.level, _why(incident, reason))
        reached.append(name)
    assert incident.escalation is not None, "pages do not end an escalation"
    unreached = tuple(name for name in meant if name not in reached)
    on_call = meant if meant != step.people else None
    incident = replace(incident, escalation=replace(incident.escalation, unreached=unreached, on_call=on_call))
    # With nobody to reach the next level is due at once: a gap must never swallow a page.
    wait = step.wait_seconds if reached else 0
    due_at = draft.now + timedelta(seconds=wait)
    if reached:
        names = ", ".join(reached)
        text = f"paging {names} (L{escalation.level}, policy “{escalation.policy_name}”)"
        draft.note(incident, "page", text, reason=reason)
    draft.set_deadline(incident.id, DeadlineKind.ESCALATE, due_at)
    return draft.put_incident(incident)


def _people_of_step(draft: Draft, incident: Incident, escalation: Escalation, policy: Policy) -> tuple[PersonName, ...]:
    """Whom the present step means at this moment, each once. Where nobody is on call the timeline says so."""
    found: dict[PersonName, None] = {}
    for word in escalation.step.people:
        name = person_of(word, policy.schedules, draft.now)
        if name is not None:
            found[name] = None
            continue
        schedule = schedule_of(word)
        is_there = schedule in policy.schedules
        text = f"nobody is on call on “{schedule}”" if is_there else f"there is no schedule “{schedule}” any more"
        draft.note(incident, "page", f"L{escalation.level}: {text}", reason="nobody_on_call")
    return tuple(found)


def _why(incident: Incident, reason: PageReason) -> str:
    if reason is PageReason.NOBODY_ANSWERED and incident.escalation:
        told = ", ".join(dict.fromkeys(person for person, _ in incident.escalation.paged)) or "nobody"
        # Of this run of the steps, not since it was opened: it may have come back after weeks.
        minutes = max(1, round(incident.escalation.waited_seconds / 60))
        return f"{told} did not answer in {minutes} min"
    return {
        PageReason.REOPENED: "it fired again after it was resolved",
        PageReason.SEVERITY_ROSE: f"severity rose to {incident.severity}",
        PageReason.OFFICE_HOURS: "it waited for office hours",
        PageReason.RELEASED: "what kept it quiet is over, and it still fires",
        PageReason.NEW_ALERT: "another alert fired and nobody has answered yet",
        PageReason.NOBODY_REACHABLE: "nobody on the level before could be reached",
    }.get(reason, "")


def _page(
    draft: Draft, incident: Incident, name: PersonName, channel: Channel, policy: Policy, level: int, reason: str
) -> Incident:
    connector = policy.channel_connectors[channel]
    return draft.add_effect(
        incident, connector, EffectKind.PAGE, person=name, channel=channel, level=level, reason=reason
    )


def fail_over(
    draft: Draft, incident: Incident, name: PersonName, failed: Channel, policy: Policy, *, level: int
) -> Incident:
    """A channel does not reach the person: page by the next one at once; by their first one if a reload took the channel away.

    With no channel left for anybody of the present step, the next level is due now. ``level`` is that of the page that failed.
    """
    escalation = incident.escalation
    if escalation is None or incident.state is not IncidentState.TRIGGERED or incident.quiet:
        return incident
    person = policy.people.get(name)
    usable = [c for c, _ in person.channels if c in policy.channel_connectors] if person else []
    following = usable[usable.index(failed) + 1 :] if failed in usable else usable
    if following:
        draft.note(incident, "page", f"{failed} does not reach {name}: trying {following[0]}", reason="channel_failed")
        return _page(draft, incident, name, following[0], policy, level, f"{failed} did not get through")
    draft.note(
        incident, "page", f"{name} cannot be reached on any channel", reason="person_unreachable", for_ticket=True
    )
    if name not in escalation.people or name in escalation.unreached:
        return draft.put_incident(incident)
    escalation = replace(escalation, unreached=(*escalation.unreached, name))
    if escalation.is_step_unreachable and not escalation.is_exhausted:
        draft.set_deadline(incident.id, DeadlineKind.ESCALATE, draft.now)
    return draft.put_incident(replace(incident, escalation=escalation))


def told(draft: Draft, incident: Incident, name: PersonName, channel: Channel) -> Incident:
    """The person was told over this channel; they will hear of the end."""
    escalation = incident.escalation
    if escalation is None or (name, channel) in escalation.paged:
        return incident
    return draft.put_incident(
        replace(incident, escalation=replace(escalation, paged=(*escalation.paged, (name, channel))))
    )


def not_told(draft: Draft, incident: Incident, name: PersonName, channel: Channel) -> Incident:
    """It turned out that the person was not told over this channel: the end is told over one that works."""
    escalation = incident.escalation
    if escalation is None or (name, channel) not in escalation.paged:
        return incident
    paged = tuple(told for told in escalation.paged if told != (name, channel))
    return draft.put_incident(replace(incident, escalation=replace(escalation, paged=paged)))


def tell_the_end(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """Tell everybody who was paged, once each, on the channel that first reached them."""
    if incident.escalation is None:
        return incident
    first: dict[PersonName, Channel] = {}
    for name, channel in incident.escalation.paged:
        first.setdefault(name, channel)
    for name, channel in first.items():
        connector = policy.channel_connectors.get(channel)
        if connector is not None:
            incident = draft.add_effect(incident, connector, EffectKind.NOTICE, person=name, channel=channel)
    return incident
