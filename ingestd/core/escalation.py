"""Who is told next, and when: pages by level, the next channel when one fails, the notice at the end.

Every function takes and gives back the incident, so that calls chain; the draft collects the effects.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import last_resort, reaching
from ingestd.core.draft import Draft
from ingestd.core.effects import DeadlineKind, DropReason, PageReason
from ingestd.core.incident import Escalation, Incident
from ingestd.core.names import Channel, EffectKind, IncidentState, PersonName
from ingestd.core.policy import EscalationPolicy, Policy, Profile, Step
from ingestd.core.response import PageWhen
from ingestd.core.target import in_words, is_known, people_of, schedule_of


def start(
    draft: Draft, incident: Incident, policy_name: str, policy: Policy, reason: PageReason, words: str = ""
) -> Incident:
    """Begin an escalation from its first step with a copy of the policy. ``words`` say why, to whoever is paged first.

    Whoever was told before stays listed and hears of the end, except after a resolve: then they have heard of it.
    """
    plan = policy.escalations.get(policy_name) or _copy_of(incident, policy_name)
    if plan is None or not plan.steps:
        draft.note(incident, "escalation", f"nobody is paged: there is no policy “{policy_name}”", reason="no_policy")
        return incident
    opens_at = _opens_at(plan, draft.now)
    if opens_at is not None:
        text = f"no step of policy “{plan.name}” is for this time: it begins {opens_at:%Y-%m-%d %H:%M} UTC"
        draft.note(incident, "escalation", text, reason="steps_closed")
        draft.set_deadline(incident.id, DeadlineKind.PAGE, opens_at)
        return draft.put_incident(replace(incident, awaiting_policy=policy_name))
    paged = incident.escalation.paged if incident.escalation and reason is not PageReason.REOPENED else ()
    # Before the first step: the first one that is open now is looked for as it is after any other.
    escalation = Escalation(
        plan.name,
        policy.ruleset.version,
        plan.steps,
        plan.loop_count,
        step_index=-1,
        paged=paged,
        policy_version=plan.version,
        last_resort=plan.last_resort,
        ack_expires_seconds=plan.ack_expires_seconds,
    )
    return _go_on(draft, replace(incident, escalation=escalation), policy, reason, words)


def _opens_at(plan: EscalationPolicy, now: datetime) -> datetime | None:
    """When the first step opens, if none is open now and nobody would hear of it meanwhile: neither a last resort nor who takes turns."""
    words = [word for step in plan.steps for word in step.people]
    if plan.last_resort or any(schedule_of(word) is not None for word in words):
        return None
    if any(step.only is None or step.only.contains(now) for step in plan.steps):
        return None
    return min((at for step in plan.steps if step.only is not None and (at := step.only.opens_at(now))), default=None)


def _copy_of(incident: Incident, policy_name: str) -> EscalationPolicy | None:
    """The policy as the incident remembers it: one that a reload took away must not silence what comes back."""
    kept = incident.escalation
    if kept is None or kept.policy_name != policy_name:
        return None
    return EscalationPolicy(policy_name, kept.steps, kept.loop_count, kept.last_resort, kept.ack_expires_seconds)


def stop(draft: Draft, incident: Incident, reason: DropReason) -> Incident:
    """No further page: what is queued is dropped, what was due is forgotten."""
    draft.drop(incident.id, (EffectKind.PAGE,), reason)
    draft.clear_deadlines(
        incident.id, DeadlineKind.ESCALATE, DeadlineKind.PAGE, DeadlineKind.ACKNOWLEDGE, DeadlineKind.ACK_EXPIRE
    )
    return incident if incident.awaiting_policy is None else replace(incident, awaiting_policy=None)


def advance(draft: Draft, incident: Incident, policy: Policy, reason: PageReason) -> Incident:
    """The wait of a step is over: page it again, page the next one, run the steps again, or tell the last resort."""
    escalation = incident.escalation
    if escalation is None or incident.state is not IncidentState.TRIGGERED or escalation.is_exhausted:
        return incident
    # Whoever took it before office hours has not answered: with them the policy begins anew.
    if incident.quiet or incident.awaiting_policy is not None:
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
    if escalation.repeats_done + 1 < escalation.step.repeat_count and reason is not PageReason.NOBODY_REACHABLE:
        moved = replace(escalation, repeats_done=escalation.repeats_done + 1)
        reason = PageReason.REPEATED if reason is PageReason.NOBODY_ANSWERED else reason
        return _page_step(draft, replace(incident, escalation=moved), policy, reason)
    return _go_on(draft, incident, policy, reason)


def _go_on(draft: Draft, incident: Incident, policy: Policy, reason: PageReason, words: str = "") -> Incident:
    """Page the next step that is open now; without one, go on with the policy as it is by now, or say that nobody is left."""
    escalation = incident.escalation
    assert escalation is not None, "only within an escalation"
    moved: Escalation | None = escalation.following
    while moved is not None:
        only = moved.step.only
        if only is None or only.contains(draft.now):
            return _page_step(draft, replace(incident, escalation=moved), policy, reason, words)
        text = f"L{moved.level} is passed over: it is not for this time"
        draft.note(incident, "escalation", text, reason="step_closed")
        escalation, moved = moved, moved.following
    if _has_new_people(escalation, policy):
        text = f"people of policy “{escalation.policy_name}” as it was have left: going on with the policy as it is now"
        draft.note(incident, "escalation", text, reason="policy_changed")
        return start(draft, incident, escalation.policy_name, policy, PageReason.NOBODY_REACHABLE)
    return last_resort.exhaust(draft, replace(incident, escalation=escalation), policy)


def _has_new_people(escalation: Escalation, policy: Policy) -> bool:
    """Whether somebody or a schedule that the copy of the policy names is not known any more, and the policy in force names others."""
    fresh = policy.escalations.get(escalation.policy_name)
    has_gaps = any(not is_known(word, policy) for step in escalation.steps for word in step.people)
    return has_gaps and fresh is not None and fresh.steps != escalation.steps


def resume(draft: Draft, incident: Incident) -> Incident:
    """An alert fired again within the grace: a step that was held goes at once."""
    escalation = incident.escalation
    if escalation is None or not escalation.is_held or incident.quiet:
        return incident
    draft.set_deadline(incident.id, DeadlineKind.ESCALATE, draft.now)
    return draft.put_incident(replace(incident, escalation=replace(escalation, is_held=False)))


def wait_for_page(draft: Draft, incident: Incident) -> Incident:
    """The page of the present step has not left yet: the wait for its answer begins anew. What is held back is no missing answer."""
    escalation = incident.escalation
    if escalation is None or incident.state is not IncidentState.TRIGGERED or escalation.is_exhausted:
        return incident
    draft.note(incident, "escalation", "the page has not left yet: the next level waits", reason="page_waits")
    due_at = draft.now + timedelta(seconds=escalation.step.wait_seconds)
    draft.set_deadline(incident.id, DeadlineKind.ESCALATE, due_at)
    return incident


def jump(
    draft: Draft, incident: Incident, policy: Policy, level: int, reason: PageReason, words: str
) -> Incident | None:
    """Page the first step of at least this level now; None if there is none. ``words`` say why, to whoever is paged."""
    escalation = incident.escalation
    if escalation is None:
        return None
    for index, step in enumerate(escalation.steps):
        if (step.level or index + 1) >= level:
            moved = replace(escalation, step_index=index, repeats_done=0, is_exhausted=False, is_held=False)
            return _page_step(draft, replace(incident, escalation=moved), policy, reason, words)
    return None


def finish(draft: Draft, incident: Incident, policy: Policy, words: str) -> Incident:
    """There is no further level: the last resort is told now. ``words`` say why."""
    escalation = incident.escalation
    assert escalation is not None, "only within an escalation"
    draft.note(incident, "escalation", f"there is no further level ({words})", reason="no_level")
    return last_resort.exhaust(draft, incident, policy)


def hand_to(draft: Draft, incident: Incident, policy: Policy, word: PersonName, words: str) -> Incident:
    """Page whom a word means now, as a step of its own; if they do not answer, the escalation goes on from where it was."""
    before = incident.escalation
    wait = before.step.wait_seconds if before else _HAND_OVER_WAIT_SECONDS
    level = before.level if before else 1
    step = Step((word,), wait, level=level, profile=Profile.URGENT)
    if before is None:
        escalation = Escalation("", policy.ruleset.version, (step,), 1)
    else:
        at = before.step_index + 1
        # The steps behind it keep their levels, also where those are their numbers.
        numbered = tuple(replace(one, level=one.level or number) for number, one in enumerate(before.steps, start=1))
        steps = (*numbered[:at], step, *numbered[at:])
        escalation = replace(before, steps=steps, step_index=at, repeats_done=0, is_exhausted=False, is_held=False)
    return _page_step(draft, replace(incident, escalation=escalation), policy, PageReason.HANDED_OVER, words)


_HAND_OVER_WAIT_SECONDS = 300


def _page_step(draft: Draft, incident: Incident, policy: Policy, reason: PageReason, words: str = "") -> Incident:
    escalation = incident.escalation
    assert escalation is not None, "a step is only paged within an escalation"
    step = escalation.step
    meant = _people_of_step(draft, incident, escalation, policy)
    reached: list[PersonName] = []
    begins: list[datetime] = []
    said = words or _why(incident, reason)
    for name in dict.fromkeys(name for name, _ in escalation.tried if name in meant):
        draft.drop_later(incident.id, name, DropReason.SUPERSEDED)
    tried = tuple(one for one in escalation.tried if one[0] not in meant)
    incident = replace(incident, escalation=replace(escalation, tried=tried))
    for name in meant:
        incident, begins_at = reaching.page_person(
            draft,
            incident,
            name,
            policy,
            step.profile,
            level=escalation.level,
            reason=said,
            cause=reason,
            again_after_seconds=step.wait_seconds if escalation.repeats_left else None,
        )
        if begins_at is not None:
            reached.append(name)
            begins.append(begins_at)
    assert incident.escalation is not None, "pages do not end an escalation"
    escalation = replace(
        incident.escalation,
        unreached=tuple(name for name in meant if name not in reached),
        on_call=meant if meant != step.people else None,
        has_tried=escalation.has_tried or bool(reached),
    )
    incident = replace(incident, escalation=escalation)
    # With nobody to reach the next level is due at once: a gap must never swallow a page.
    due_at = min(begins) + timedelta(seconds=step.wait_seconds) if begins else draft.now
    if reached:
        names = ", ".join(reached)
        text = f"paging {names} (L{escalation.level}, policy “{escalation.policy_name}”)"
        draft.note(incident, "page", text, reason=reason)
    draft.set_deadline(incident.id, DeadlineKind.ESCALATE, due_at)
    return draft.put_incident(incident)


def waits_in_quiet_hours(incident: Incident, policy: Policy, at: datetime) -> bool:
    """Whether a page of the present step may be kept back by somebody's quiet hours, since it is not urgent."""
    running = incident.escalation
    if running is None or running.is_exhausted or reaching.is_urgent(incident, running.step.profile):
        return False
    people = (policy.people.get(name) for name in running.people)
    return any(one is not None and one.quiet is not None and one.quiet.open_until(at) is not None for one in people)


def _people_of_step(draft: Draft, incident: Incident, escalation: Escalation, policy: Policy) -> tuple[PersonName, ...]:
    """Whom the present step means at this moment, each once. Where nobody is on call the timeline says so."""
    found: dict[PersonName, None] = {}
    for word in escalation.step.people:
        people = people_of(word, policy, incident.assignee, draft.now)
        found.update(dict.fromkeys(people))
        if people:
            continue
        schedule = schedule_of(word)
        if schedule is not None and schedule in policy.schedules:
            text = f"nobody is on call on “{schedule}”"
        elif schedule is not None:
            text = f"there is no schedule “{schedule}” any more"
        else:
            text = f"{in_words(word)} is nobody"
        draft.note(incident, "page", f"L{escalation.level}: {text}", reason="nobody_on_call")
    return tuple(found)


def _why(incident: Incident, reason: PageReason) -> str:
    if reason in {PageReason.NOBODY_ANSWERED, PageReason.REPEATED} and incident.escalation:
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
        PageReason.ACK_EXPIRED: "somebody acknowledged, and nothing was heard since",
        PageReason.ACK_WITHDRAWN: "the acknowledgement was taken back",
    }.get(reason, "")


def fail_over(
    draft: Draft,
    incident: Incident,
    name: PersonName,
    failed: Channel,
    policy: Policy,
    *,
    level: int,
    cause: PageReason = PageReason.CHANNEL_FAILED,
) -> Incident:
    """A channel does not reach the person: page by the next one at once; by their first one if a reload took the channel away.

    With no channel left for anybody of the present step, the next level is due now. ``level`` is that of the page that failed.
    """
    escalation = incident.escalation
    if escalation is None or incident.state is not IncidentState.TRIGGERED or incident.quiet:
        return incident
    person = policy.people.get(name)
    tried = [channel for one, channel in escalation.tried if one == name]
    following = other_channel(incident, name, failed, policy)
    if person is not None and following is not None:
        draft.note(incident, "page", f"{failed} does not reach {name}: trying {following}", reason="channel_failed")
        words = f"{failed} did not get through"
        return reaching.page_by(draft, incident, person, following, policy, level, words, cause)
    if any(channel != failed and (name, channel) in escalation.paged for channel in tried):
        draft.note(incident, "page", f"{failed} does not reach {name}; another channel did", reason="channel_failed")
        return draft.put_incident(incident)
    draft.note(
        incident, "page", f"{name} cannot be reached on any channel", reason="person_unreachable", for_ticket=True
    )
    if name not in escalation.people or name in escalation.unreached:
        return draft.put_incident(incident)
    escalation = replace(escalation, unreached=(*escalation.unreached, name))
    if escalation.is_step_unreachable and not escalation.is_exhausted:
        draft.set_deadline(incident.id, DeadlineKind.ESCALATE, draft.now)
    return draft.put_incident(replace(incident, escalation=escalation))


def other_channel(incident: Incident, name: PersonName, failed: Channel, policy: Policy) -> Channel | None:
    """By which channel somebody is paged when one fails them; None if every other was tried, or there is none."""
    escalation = incident.escalation
    if escalation is None:
        return None
    urgent = reaching.is_urgent(incident, escalation.step.profile)
    tried = [channel for one, channel in escalation.tried if one == name]
    return reaching.following_channel(policy.people.get(name), failed, policy, is_urgent=urgent, tried=tried)


def next_vendor(
    draft: Draft, incident: Incident, name: PersonName, channel: Channel, vendor: str, policy: Policy, *, level: int
) -> Incident:
    """A service fails, and the channel has another: the person is paged by that one at once."""
    person = policy.people.get(name)
    if incident.escalation is None or incident.state is not IncidentState.TRIGGERED or incident.quiet or person is None:
        return incident
    draft.note(incident, "page", f"trying {name} by {channel} through {vendor}", reason=PageReason.VENDOR_FAILED)
    words, cause = "another service failed", PageReason.VENDOR_FAILED
    return reaching.page_by(draft, incident, person, channel, policy, level, words, cause, connector=vendor)


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
    """Tell everybody who was paged, once each, on the channel that first reached them, or on another if that one is dead by now."""
    if incident.escalation is None:
        return incident
    told: dict[PersonName, list[Channel]] = {}
    for name, channel in incident.escalation.paged:
        told.setdefault(name, []).append(channel)
    for name, channels in told.items():
        person = policy.people.get(name)
        known = [*channels, *(channel for channel, _ in person.channels)] if person else []
        usable = next((one for one in known if person and reaching.has_connector(person, one, policy)), None)
        if person is not None and usable is not None:
            connector = policy.connectors_of(usable, person.address_of(usable) or "")[0]
            incident = draft.add_effect(incident, connector, EffectKind.NOTICE, person=name, channel=usable)
    return incident
