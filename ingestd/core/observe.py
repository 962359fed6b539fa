"""What one alert changes: news is admitted, a repeat is remembered, an end ends something. And what a watch that is due changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from ingestd.core import correlate, expiry, lifecycle, restraint, worsening
from ingestd.core.admit import admit, member_of, name_of, watch_over
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.dedup import Judgement
from ingestd.core.draft import Draft
from ingestd.core.effects import Finding, Verdict, VerdictReason
from ingestd.core.enrich import enrich
from ingestd.core.incident import AlertState, Incident, KnownAlert
from ingestd.core.names import IncidentId
from ingestd.core.policy import Policy
from ingestd.core.restraint import Case
from ingestd.core.sighting import Sighting, judge, says_otherwise
from ingestd.core.watch import Watch


def take(draft: Draft, sighting: Sighting, policy: Policy) -> IncidentId | None:
    """Apply an alert that arrived; gives the incident for which it was news."""
    alert = sighting.alert
    known = draft.alert(alert.key)
    own = draft.incident(known.incident_id) if known else None
    judged = judge(alert, known, own, policy, draft.now)
    if judged.verdict is Verdict.HEARTBEAT:
        draft.find(Finding(alert.key, judged.verdict, judged.reason, None))
        if judged.reason is VerdictReason.HEARD:
            draft.hear(alert.source)
        return None
    if judged.verdict is Verdict.NEW:
        label = sighting.label or classify(alert, policy.ruleset, draft.now)
        return admit(draft, sighting, label, known, own, judged, policy)
    if judged.verdict is Verdict.REPEAT and known is not None:
        return _repeat(draft, sighting, known, own, judged, policy)
    is_held = known is not None and known.state is AlertState.HELD
    touched = None if is_held or own is None else own.id
    draft.find(Finding(alert.key, judged.verdict, judged.reason, touched))
    if known is None:
        _remember_the_end(draft, alert)
        return None
    if judged.verdict is Verdict.STALE:
        return None
    return _end(draft, alert, known, own, judged, policy)


def look_again(draft: Draft, sighting: Sighting, policy: Policy) -> IncidentId | None:
    """A watch is due: what kept the alert back may be over, or it was not seen for so long that it counts as cleared."""
    alert = sighting.alert
    known, watch = draft.alert(alert.key), draft.watch(alert.key)
    own = draft.incident(known.incident_id) if known else None
    unchanged = Finding(alert.key, Verdict.REPEAT, VerdictReason.STILL_HELD, own.id if own else None)
    if known is None or watch is None or known.state is AlertState.CLEARED:
        draft.end_watch(alert.key)
        draft.find(unchanged)
        return None
    clears_at = expiry.clears_at(known, watch, draft.attendance)
    if clears_at is not None and clears_at <= draft.now:
        judged = Judgement(Verdict.RESOLVE, VerdictReason.AUTO_RESOLVED)
        draft.find(Finding(alert.key, judged.verdict, judged.reason, unchanged.incident_id))
        return _end(draft, alert, known, own, judged, policy)
    # What it was good for when its watch was made may be long past: it has been said again since.
    sighting = replace(sighting, alert=replace(alert, expires_at=clears_at), received=sighting.as_received)
    if known.state is AlertState.HELD:
        label = sighting.label or classify(alert, policy.ruleset, draft.now)
        judged = Judgement(Verdict.NEW, VerdictReason.STILL_HELD)
        # Its message is not said again: it was last seen when it came.
        touched = admit(draft, sighting, label, known, own, judged, policy)
        after = draft.alert(alert.key)
        assert after is not None, "what was admitted is known"
        draft.put_alert(replace(after, last_seen_at=known.last_seen_at, expires_at=known.expires_at))
        _keep_end(draft, watch, known)
        return touched
    if watch.held is not None and own is not None and own.state.is_open:
        return _weigh_again(draft, sighting, known, own, watch, policy)
    draft.find(unchanged)
    _watch_for_the_end(draft, watch, known)
    return None


def _weigh_again(
    draft: Draft, sighting: Sighting, known: KnownAlert, own: Incident, watch: Watch, policy: Policy
) -> IncidentId | None:
    """Ask again for an alert of an incident that brought about less than its rule says: is what took the rest away still there."""
    alert = sighting.alert
    label = sighting.label or classify(alert, policy.ruleset, draft.now)
    dedup_key = correlate.dedup_key_of(alert.key, label)
    case = Case(alert, label, dedup_key, own, watch.since, is_fire=False, received=sighting.as_received)
    weighed = restraint.weigh(draft, case, policy)
    draft.find(
        Finding(
            alert.key,
            Verdict.REPEAT,
            VerdictReason.STILL_HELD,
            own.id,
            rule=label.rule,
            restraint=weighed.restraint,
            rules_version=label.rules_version,
            window=weighed.window,
            label=weighed.label,
        )
    )
    watch_over(draft, case, weighed.restraint)
    _keep_end(draft, watch, known)
    why = weighed.restraint
    if why is not None:
        if own.quiet is not None and (why.reason, why.by) != (watch.held, watch.by):
            lifecycle.stay_quiet(draft, own, why)
        return None
    incident = own if own.quiet is None else lifecycle.unquiet(draft, own, label, policy)
    lifecycle.worsen(draft, incident, label, policy, is_new_alert=True)
    return own.id


def _keep_end(draft: Draft, before: Watch, known: KnownAlert) -> None:
    """Looking at an alert is not seeing it: its end is counted from when it was last seen."""
    watch = draft.watch(known.key)
    if watch is None or watch.auto_resolve_seconds is None or before.auto_resolve_seconds is None:
        return
    clears_at = expiry.clears_at(known, watch, draft.attendance)
    draft.put_watch(replace(watch, due_at=max(draft.now, min(watch.due_at, clears_at or watch.due_at))))


def _watch_for_the_end(draft: Draft, watch: Watch, known: KnownAlert) -> None:
    clears_at = expiry.clears_at(known, watch, draft.attendance)
    if clears_at is None:
        draft.end_watch(watch.key)
    else:
        draft.put_watch(replace(watch, held=None, by="", due_at=clears_at))


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


def _repeat(
    draft: Draft, sighting: Sighting, known: KnownAlert, own: Incident | None, judged: Judgement, policy: Policy
) -> IncidentId | None:
    """Still there: remember when it was seen and its newest words; tell nobody, unless it has become worse.

    Its watch stays as it is: when that is due, it sees that the alert was said again.
    """
    alert = sighting.alert
    draft.put_alert(
        replace(
            known,
            state=AlertState.FIRING,
            last_seen_at=draft.now,
            starts_at=alert.starts_at or known.starts_at,
            expires_at=alert.expires_at,
        )
    )
    if expiry.is_sooner(alert, known) and own is not None:
        _watch_sooner(draft, sighting, own)
    member = draft.member(known.incident_id, alert.key)
    if own is not None and member is not None:
        fresh = replace(member_of(alert, own.id, draft.now), joined_at=member.joined_at)
        if fresh != member:
            draft.put_member(fresh)
        if judged.reason is VerdictReason.BACK_IN_SIGHT:
            draft.note(own, "alert-fired", f"back in sight and still firing: {name_of(alert)}", reason=judged.reason)
        if sighting.label is not None and says_otherwise(alert, sighting.as_received, member):
            if sighting.label.severity.is_worse_than(own.severity):
                return worsening.take_worse(draft, sighting, sighting.label, known, own, policy)
            _renew_watch(draft, sighting)
    draft.find(Finding(alert.key, judged.verdict, judged.reason, own.id if own else None))
    return None


def _renew_watch(draft: Draft, sighting: Sighting) -> None:
    """What is looked at again later is the alert as it is by now, not when it was worse."""
    watch = draft.watch(sighting.alert.key)
    if watch is not None:
        draft.put_watch(replace(watch, alert=sighting.as_received))


def _watch_sooner(draft: Draft, sighting: Sighting, own: Incident) -> None:
    """It clears by silence, and did not before, or much later."""
    watch, expires_at = draft.watch(sighting.alert.key), sighting.alert.expires_at
    assert expires_at is not None, "what expires sooner expires"
    if watch is not None:
        draft.put_watch(replace(watch, due_at=min(watch.due_at, expires_at)))
        return
    draft.put_watch(
        Watch(
            key=sighting.alert.key,
            due_at=expires_at,
            alert=sighting.as_received,
            rule=own.rule,
            dedup_key=own.dedup_key,
            held=None,
            by="",
            since=draft.now,
        )
    )


def _end(
    draft: Draft, alert: Alert, known: KnownAlert, own: Incident | None, judged: Judgement, policy: Policy
) -> IncidentId | None:
    """It is over. What was kept back brought nothing about, so nobody is told; else its incident has one alert less that fires."""
    if judged.verdict is Verdict.VANISHED and known.state is AlertState.HELD:
        # Nobody can say that it is over: what keeps it back decides when it is told.
        draft.put_alert(replace(known, last_seen_at=draft.now))
        return None
    if judged.verdict is Verdict.RESOLVE:
        _end_watch(draft, known, policy)
    if policy.ruleset.has_inhibitions and judged.verdict is Verdict.RESOLVE:
        # What it inhibited mostly clears with it: look after the time in which that would be seen.
        draft.release(known.key, policy.timing.resolve_grace_seconds)
    if known.state is AlertState.HELD:
        draft.put_alert(
            replace(
                known,
                state=AlertState.CLEARED,
                last_seen_at=draft.now,
                ended_at=alert.ends_at or draft.now,
                cleared_seen_at=_cleared_seen_at(draft, judged),
                expires_at=None,
            )
        )
        return None
    if own is None or not own.state.is_open:
        _end_alert(draft, alert, known, judged, AlertState.CLEARED)
        if own is not None:
            draft.put_incident(replace(own, firing_count=max(0, own.firing_count - 1)))
        return None
    return _leave(draft, alert, known, own, judged, policy)


def _end_watch(draft: Draft, known: KnownAlert, policy: Policy) -> None:
    """What fired lately stays on record as long as a threshold counts it; anything else needs no watch any more."""
    watch = draft.watch(known.key)
    if watch is None:
        return
    counts_until = _counts_until(watch, policy, draft.now)
    if counts_until > draft.now:
        kept = replace(watch, held=None, by="", auto_resolve_seconds=None, due_at=counts_until)
        draft.put_watch(kept)
    else:
        draft.end_watch(known.key)


def _counts_until(watch: Watch, policy: Policy, now: datetime) -> datetime:
    if not watch.fired_at:
        return now
    ruleset = policy.ruleset
    threshold = classify(enrich(watch.alert, ruleset.enrich, ruleset.services), ruleset, now).threshold
    return now if threshold is None else watch.fired_at[-1] + timedelta(seconds=threshold.within_seconds)


def _cleared_seen_at(draft: Draft, judged: Judgement) -> datetime | None:
    """When its resolve came; None if none did: a message that says it again is no late one then."""
    return None if judged.reason is VerdictReason.AUTO_RESOLVED else draft.now


def _end_alert(draft: Draft, alert: Alert, known: KnownAlert, judged: Judgement, state: AlertState) -> None:
    ended_at = alert.ends_at or draft.now
    is_cleared = state is AlertState.CLEARED
    draft.put_alert(
        replace(
            known,
            state=state,
            last_seen_at=draft.now,
            ended_at=ended_at,
            cleared_seen_at=_cleared_seen_at(draft, judged) if is_cleared else None,
            expires_at=None if is_cleared else known.expires_at,
        )
    )
    member = draft.member(known.incident_id, known.key)
    if member is not None:
        cleared_at = draft.now if is_cleared else None
        draft.put_member(replace(member, state=state, cleared_at=cleared_at))


def _leave(
    draft: Draft, alert: Alert, known: KnownAlert, own: Incident, judged: Judgement, policy: Policy
) -> IncidentId | None:
    if judged.verdict is Verdict.VANISHED:
        if known.state is AlertState.VANISHED:
            return None
        _end_alert(draft, alert, known, judged, AlertState.VANISHED)
        text = f"lost sight of {name_of(alert)} ({alert.state_reason}): that is no recovery, the incident stays open"
        draft.note(own, "alert-vanished", text, reason=alert.state_reason, for_ticket=True)
        lifecycle.comment_ticket(draft, own, policy)
        return own.id
    _end_alert(draft, alert, known, judged, AlertState.CLEARED)
    incident = draft.put_incident(replace(own, firing_count=max(0, own.firing_count - 1)))
    text = f"alert cleared: {name_of(alert)}"
    if judged.reason is VerdictReason.AUTO_RESOLVED:
        text = f"alert not seen since {known.last_seen_at:%Y-%m-%d %H:%M} UTC, taken for cleared: {name_of(alert)}"
    draft.note(incident, "alert-cleared", text, reason=judged.reason, for_ticket=True)
    incident = lifecycle.clear_if_any(draft, incident, policy)
    if incident.firing_count > 0:
        lifecycle.comment_ticket(draft, incident, policy)
    return incident.id
