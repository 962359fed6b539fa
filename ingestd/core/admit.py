"""An alert that is news: kept back, or taken into an incident. Each function changes the draft and says what was touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import attaching, collecting, correlate, lifecycle, reporters, restraint
from ingestd.core.alert import Alert
from ingestd.core.dedup import Judgement
from ingestd.core.draft import Draft
from ingestd.core.effects import Finding, JoinReason, Verdict, VerdictReason
from ingestd.core.incident import AlertState, Incident, KnownAlert, Member
from ingestd.core.names import IncidentId
from ingestd.core.policy import Policy
from ingestd.core.restraint import Case, Weighed
from ingestd.core.ruleset import Classification
from ingestd.core.sighting import Sighting
from ingestd.core.watch import HoldReason, Restraint, Watch

FIRED_COUNT_MAX = 100
"""How many of the last fires are remembered, for thresholds and flapping."""

BODY_KEPT_CHARS = 4000
"""So much of a mail's text stays with the incident, for rules that look at it later."""

MONITORED_RECHECK_SECONDS = 86_400
"""What is only monitored is looked at so often: its rule may have expired, and its sender may never repeat it."""

_HELD_BECAUSE = {
    HoldReason.MAINTENANCE: VerdictReason.IN_MAINTENANCE,
    HoldReason.SILENCED: VerdictReason.SILENCED,
    HoldReason.INHIBITED: VerdictReason.INHIBITED,
    HoldReason.HOLD: VerdictReason.ON_HOLD,
    HoldReason.THRESHOLD: VerdictReason.BELOW_THRESHOLD,
    HoldReason.MONITOR: VerdictReason.MONITORED,
}
_IS_FIRE = frozenset({VerdictReason.FIRST_SEEN, VerdictReason.FIRED_AGAIN})


def admit(
    draft: Draft,
    sighting: Sighting,
    label: Classification,
    known: KnownAlert | None,
    own: Incident | None,
    judged: Judgement,
    policy: Policy,
) -> IncidentId | None:
    """Take the news in, as far as nothing keeps it back; gives the incident that it went to."""
    alert = sighting.alert
    watch = draft.watch(alert.key)
    is_held = known is not None and known.state is AlertState.HELD
    case = Case(
        alert=alert,
        label=label,
        dedup_key=correlate.dedup_key_of(alert.key, label),
        own=own,
        since=watch.since if watch is not None and is_held else draft.now,
        is_fire=judged.reason in _IS_FIRE,
        received=sighting.as_received,
        is_left_over=judged.reason is VerdictReason.STILL_FIRING_AFTER_CLOSE,
    )
    weighed = restraint.weigh(draft, case, policy)
    if weighed.is_held:
        _hold_back(draft, case, known, weighed)
        return None
    return _take_in(draft, case, known, judged, weighed, policy)


def _hold_back(draft: Draft, case: Case, known: KnownAlert | None, weighed: Weighed) -> None:
    """Remember that it fires, and when to look again; nothing else comes of it."""
    assert weighed.restraint is not None, "what is held back is held back by something"
    alert, label, why = case.alert, case.label, weighed.restraint
    was_member = known is not None and known.state is not AlertState.HELD and case.own is not None
    if was_member and case.own is not None and case.own.state.is_open:
        lifecycle.note_held(draft, case.own, why)
    draft.put_alert(_known_as(AlertState.HELD, draft.now, alert, known, known.incident_id if known else IncidentId("")))
    until = why.until or draft.now + timedelta(seconds=MONITORED_RECHECK_SECONDS)
    draft.put_watch(_watch(draft, case, why, min(until, _clears_at(alert, label, draft.now) or until)))
    draft.find(
        Finding(
            alert.key,
            Verdict.HELD,
            _HELD_BECAUSE[why.reason],
            None,
            rule=label.rule,
            restraint=why,
            rules_version=label.rules_version,
            window=weighed.window,
            label=weighed.label,
        )
    )


def _watch(draft: Draft, case: Case, why: Restraint | None, due_at: datetime) -> Watch:
    before = draft.watch(case.alert.key)
    fired_at = (*(before.fired_at if before else ()), *([draft.now] if case.is_fire else []))
    return Watch(
        key=case.alert.key,
        due_at=due_at,
        alert=case.received,
        rule=case.label.rule,
        dedup_key=case.dedup_key,
        held=why.reason if why else None,
        by=why.by if why else "",
        since=case.since,
        fired_at=fired_at[-FIRED_COUNT_MAX:],
        auto_resolve_seconds=case.label.auto_resolve_seconds,
    )


def _clears_at(alert: Alert, label: Classification, now: datetime) -> datetime | None:
    """When it counts as cleared unless it is said again: by its rule, or by its sender."""
    by_rule = None if label.auto_resolve_seconds is None else now + timedelta(seconds=label.auto_resolve_seconds)
    return min((at for at in (by_rule, alert.expires_at) if at is not None), default=None)


def _known_as(
    state: AlertState, now: datetime, alert: Alert, known: KnownAlert | None, incident_id: IncidentId
) -> KnownAlert:
    return KnownAlert(
        key=alert.key,
        state=state,
        incident_id=incident_id,
        first_seen_at=known.first_seen_at if known else now,
        last_seen_at=now,
        starts_at=alert.starts_at,
        ended_at=None,
        cleared_seen_at=None,
        expires_at=alert.expires_at,
    )


def _take_in(
    draft: Draft, case: Case, known: KnownAlert | None, judged: Judgement, weighed: Weighed, policy: Policy
) -> IncidentId:
    alert, label, own = case.alert, weighed.label, case.own
    place = correlate.place(alert.key, label, own, draft.candidates(case.dedup_key, label.correlate_key), draft.now)
    incident = place.incident
    if incident is None:
        incident = lifecycle.open_incident(draft, label, case.dedup_key, policy, weighed.restraint, alert.ticket)
    elif incident.is_reopenable:
        incident = lifecycle.reopen(draft, incident, label, policy, weighed.restraint)
    elif incident.clearing_since is not None:
        incident = lifecycle.unclear(draft, incident)
    is_new_alert = draft.member(incident.id, alert.key) is None
    incident = _join(draft, alert, incident, place.reason, label)
    is_opening = place.reason is JoinReason.OPENED
    incident = _reported(draft, incident, alert, label, policy, is_opening=is_opening)
    if place.incident is not None:
        label = reporters.weighed(draft, incident, label, alert)
        if weighed.restraint is None and incident.quiet is not None:
            incident = lifecycle.unquiet(draft, incident, label, policy)
        if weighed.restraint is None:
            incident = lifecycle.worsen(draft, incident, label, policy, is_new_alert=is_new_alert)
        else:
            # Its severity counts when it is released: raised now, it could not page then.
            incident = lifecycle.want_ticket(draft, incident, label)
        if place.reason not in {JoinReason.REFIRED_WITHIN_GRACE, JoinReason.REOPENED}:
            incident = lifecycle.comment_ticket(draft, incident, policy)
    incident = attaching.attach(draft, incident, alert, is_opening=is_opening)
    draft.put_alert(_known_as(AlertState.FIRING, draft.now, alert, known, incident.id))
    watch_over(draft, case, weighed.restraint)
    if place.reason in {JoinReason.OPENED, JoinReason.REOPENED}:
        collecting.tell_parent(draft, incident, policy)
        _release_siblings(draft, case)
    if place.reason in {JoinReason.OPENED, JoinReason.REOPENED} or is_new_alert:
        collecting.collect(draft, incident, alert, label, policy)
    draft.find(
        Finding(
            alert.key,
            judged.verdict,
            judged.reason,
            incident.id,
            place.reason,
            label.rule,
            restraint=weighed.restraint,
            rules_version=label.rules_version,
            window=weighed.window,
            label=label,
        )
    )
    return incident.id


def _reported(
    draft: Draft, incident: Incident, alert: Alert, label: Classification, policy: Policy, *, is_opening: bool
) -> Incident:
    """Whoever reported it is answered. A ticket that reported it is the incident's own, unless it has one; then that one's readers hear of this."""
    incident = reporters.joined(draft, incident, alert, is_opening=is_opening)
    ticket = alert.ticket
    if ticket is None:
        return incident
    if not incident.ticket_connector:
        incident = lifecycle.adopt(draft, incident, label, ticket)
    elif not draft.has_adopted(incident.id, ticket):
        draft.note(
            incident,
            "ticket",
            f"ticket {ticket.label} reports it too: {ticket.url}",
            reason="reported",
            for_ticket=True,
        )
    return lifecycle.comment_ticket(draft, incident, policy)


def _release_siblings(draft: Draft, case: Case) -> None:
    """There are enough of them: those that waited for this one belong to the incident as well."""
    for watch in draft.watches_of(case.dedup_key):
        if watch.held is HoldReason.THRESHOLD and watch.key != case.alert.key:
            draft.put_watch(replace(watch, due_at=draft.now))


def watch_over(draft: Draft, case: Case, why: Restraint | None) -> None:
    """Look at an alert again that has been taken in: when what takes its page away is over, or when it counts as cleared.

    For a rule with a threshold the watch also remembers its fires, as long as they count.
    """
    label, now = case.label, draft.now
    dues = [_clears_at(case.alert, label, now)]
    if why is not None:
        dues.append(why.until or now + timedelta(seconds=MONITORED_RECHECK_SECONDS))
    elif label.threshold is not None:
        dues.append(now + timedelta(seconds=label.threshold.within_seconds))
    due_at = min((at for at in dues if at is not None), default=None)
    if due_at is not None:
        draft.put_watch(_watch(draft, case, why, due_at))
    elif draft.watch(case.alert.key) is not None:
        draft.end_watch(case.alert.key)


def _join(draft: Draft, alert: Alert, incident: Incident, reason: JoinReason, label: Classification) -> Incident:
    before = draft.member(incident.id, alert.key)
    was_firing = before is not None and before.state is not AlertState.CLEARED
    member = member_of(alert, incident.id, draft.now)
    draft.put_member(replace(member, joined_at=before.joined_at) if before else member)
    fired_at = incident.fired_at
    has_returned = not was_firing and (before is not None or incident.firing_count == 0)
    if incident.conduct.flap is not None and has_returned:
        # Ten alerts that join one after the other are a storm, not one that comes and goes.
        fired_at = (*fired_at, draft.now)[-FIRED_COUNT_MAX:]
    incident = draft.put_incident(
        replace(
            incident,
            firing_count=incident.firing_count + (0 if was_firing else 1),
            alert_count=incident.alert_count + (0 if before else 1),
            last_alert_at=draft.now,
            fired_at=fired_at,
        )
    )
    told = reason is not JoinReason.OPENED
    text = f"alert fired: {name_of(alert)}"
    if told and label.rule != incident.rule:
        text += f" (rule “{label.rule}”)"
    draft.note(incident, "alert-fired", text, reason=reason, for_ticket=told)
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
        sender=alert.sender or None,
        subject=alert.subject or None,
        body=alert.body[:BODY_KEPT_CHARS] or None,
    )


def name_of(alert: Alert) -> str:
    """The alert in one line, with where it is."""
    where = ", ".join(alert.labels[name] for name in ("service", "instance", "host", "pod") if alert.labels.get(name))
    return f"{alert.summary} ({where})" if where and where not in alert.summary else alert.summary
