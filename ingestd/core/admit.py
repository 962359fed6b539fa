"""An alert that is news: kept back, or taken into an incident. Each function changes the draft and says what was touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import collecting, correlate, lifecycle, restraint
from ingestd.core.alert import Alert
from ingestd.core.dedup import Judgement
from ingestd.core.draft import Draft
from ingestd.core.effects import Finding, JoinReason, Verdict, VerdictReason
from ingestd.core.incident import AlertState, Incident, KnownAlert, Member
from ingestd.core.names import IncidentId
from ingestd.core.policy import Policy
from ingestd.core.restraint import Case, Weighed
from ingestd.core.ruleset import Classification
from ingestd.core.watch import HoldReason, Restraint, Watch

FIRED_COUNT_MAX = 100
"""How many of the last fires are remembered, for thresholds and flapping."""

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
    alert: Alert,
    label: Classification,
    known: KnownAlert | None,
    own: Incident | None,
    judged: Judgement,
    policy: Policy,
) -> IncidentId | None:
    """Take the news in, as far as nothing keeps it back; gives the incident that it went to."""
    watch = draft.watch(alert.key)
    is_held = known is not None and known.state is AlertState.HELD
    case = Case(
        alert=alert,
        label=label,
        dedup_key=correlate.dedup_key_of(alert.key, label),
        own=own,
        since=watch.since if watch is not None and is_held else draft.now,
        is_fire=judged.reason in _IS_FIRE,
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
    before = draft.watch(alert.key)
    fired_at = (*(before.fired_at if before else ()), *([draft.now] if case.is_fire else []))[-FIRED_COUNT_MAX:]
    auto_resolve_at = _auto_resolve_at(label, draft.now)
    due_at = min((at for at in (why.until, auto_resolve_at) if at is not None), default=None)
    if due_at is None:
        draft.end_watch(alert.key)
    else:
        draft.put_watch(
            Watch(
                key=alert.key,
                due_at=due_at,
                alert=alert,
                rule=label.rule,
                dedup_key=case.dedup_key,
                held=why.reason,
                by=why.by,
                since=case.since,
                fired_at=fired_at,
                auto_resolve_seconds=label.auto_resolve_seconds,
            )
        )
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


def _auto_resolve_at(label: Classification, now: datetime) -> datetime | None:
    return None if label.auto_resolve_seconds is None else now + timedelta(seconds=label.auto_resolve_seconds)


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
    )


def _take_in(
    draft: Draft, case: Case, known: KnownAlert | None, judged: Judgement, weighed: Weighed, policy: Policy
) -> IncidentId:
    alert, label, own = case.alert, weighed.label, case.own
    place = correlate.place(alert.key, label, own, draft.candidates(case.dedup_key, label.correlate_key), draft.now)
    incident = place.incident
    if incident is None:
        incident = lifecycle.open_incident(draft, label, case.dedup_key, policy, weighed.restraint)
    elif incident.is_reopenable:
        incident = lifecycle.reopen(draft, incident, label, policy, weighed.restraint)
    elif incident.clearing_since is not None:
        incident = lifecycle.unclear(draft, incident)
    is_new_alert = draft.member(incident.id, alert.key) is None
    incident = _join(draft, alert, incident, place.reason, label)
    if place.incident is not None:
        if weighed.restraint is None and incident.quiet is not None:
            incident = lifecycle.unquiet(draft, incident, label, policy)
        incident = lifecycle.worsen(draft, incident, label, policy, is_new_alert=is_new_alert)
        if place.reason not in {JoinReason.REFIRED_WITHIN_GRACE, JoinReason.REOPENED}:
            incident = lifecycle.comment_ticket(draft, incident, policy)
    draft.put_alert(_known_as(AlertState.FIRING, draft.now, alert, known, incident.id))
    watch_over(draft, case, weighed.restraint)
    if place.reason is JoinReason.OPENED:
        collecting.tell_parent(draft, incident, policy)
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


def watch_over(draft: Draft, case: Case, why: Restraint | None) -> None:
    """Look at an alert again that has been taken in: when what takes its page away is over, or when it counts as cleared."""
    label = case.label
    dues = (why.until if why else None, _auto_resolve_at(label, draft.now))
    due_at = min((at for at in dues if at is not None), default=None)
    if due_at is None:
        if draft.watch(case.alert.key) is not None:
            draft.end_watch(case.alert.key)
        return
    draft.put_watch(
        Watch(
            key=case.alert.key,
            due_at=due_at,
            alert=case.alert,
            rule=label.rule,
            dedup_key=case.dedup_key,
            held=why.reason if why else None,
            by=why.by if why else "",
            since=case.since,
            auto_resolve_seconds=label.auto_resolve_seconds,
        )
    )


def _join(draft: Draft, alert: Alert, incident: Incident, reason: JoinReason, label: Classification) -> Incident:
    before = draft.member(incident.id, alert.key)
    was_firing = before is not None and before.state is not AlertState.CLEARED
    member = member_of(alert, incident.id, draft.now)
    draft.put_member(replace(member, joined_at=before.joined_at) if before else member)
    fired_at = incident.fired_at
    if incident.conduct.flap is not None and not was_firing:
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
    )


def name_of(alert: Alert) -> str:
    """The alert in one line, with where it is."""
    where = ", ".join(alert.labels[name] for name in ("service", "instance", "host", "pod") if alert.labels.get(name))
    return f"{alert.summary} ({where})" if where and where not in alert.summary else alert.summary
