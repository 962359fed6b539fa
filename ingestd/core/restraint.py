"""What keeps an alert back although the rules want something of it: modes, silences, maintenance, inhibition, thresholds, holds.

Asked for every alert that is news, and again when what kept it back may be over. An end is never kept back: this is only about fires.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ingestd.core.alert import Alert
from ingestd.core.classify import first_failure
from ingestd.core.conduct import Mode, Threshold
from ingestd.core.draft import Draft
from ingestd.core.incident import Incident, Member
from ingestd.core.names import AlertStatus, IncidentId
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Classification, DuringWindow, Inhibition, Maintenance
from ingestd.core.watch import HoldReason, Restraint, Watch

RECHECK_SECONDS = 3600
"""What waits for the end of something else is looked at so often anyway: a reload may have taken that away."""

_STRICTEST_FIRST = (DuringWindow.DROP, DuringWindow.RECORD, DuringWindow.TICKET_ONLY)


@dataclass(frozen=True, slots=True)
class Weighed:
    """What is left of a classification. ``is_held``: nothing comes of the alert for now; else ``label`` says what does."""

    label: Classification
    restraint: Restraint | None = None
    is_held: bool = False
    window: str = ""
    """The maintenance window that is open for it, whatever else keeps it back."""


@dataclass(frozen=True, slots=True)
class Case:
    """An alert to be weighed. ``own`` is the incident that it was last part of; it has been firing ``since``; ``is_fire``: it has just fired."""

    alert: Alert
    label: Classification
    dedup_key: str
    own: Incident | None
    since: datetime
    is_fire: bool
    received: Alert
    """The alert as it was received, to be looked at again."""
    is_left_over: bool = False
    """Whether it has been part of an incident that is closed and never stopped firing: it is not too early for it."""


def weigh(draft: Draft, case: Case, policy: Policy) -> Weighed:
    """What is left of what the rules want, and what took the rest. The first thing that keeps it back whole is named."""
    alert, label, now = case.alert, case.label, draft.now
    if label.mode is Mode.MONITOR:
        return Weighed(_quiet(label), Restraint(HoldReason.MONITOR, label.rule), is_held=True)
    silence = max(
        (one for one in draft.silences if one.covers(alert, now)), key=lambda one: (one.ends_at, one.id), default=None
    )
    if silence is not None:
        return Weighed(_quiet(label), Restraint(HoldReason.SILENCED, silence.id, silence.ends_at), is_held=True)
    weighed = _in_maintenance(label, alert, now, policy)
    if weighed.is_held:
        return weighed
    inhibited = _inhibited(draft, alert, label.inhibit_by, policy)
    if inhibited is not None:
        return Weighed(_quiet(label), inhibited, is_held=True, window=weighed.window)
    held = _not_yet(draft, case)
    if held is not None:
        return Weighed(weighed.label, held, is_held=True, window=weighed.window)
    parent = _parent(draft, weighed.label, case.own)
    if parent is not None:
        again_at = now + timedelta(seconds=RECHECK_SECONDS)
        why = Restraint(HoldReason.PARENT, parent.id, again_at)
        return Weighed(_quiet(weighed.label), why, window=weighed.window)
    return weighed


def open_windows(alert: Alert, now: datetime, policy: Policy) -> list[tuple[Maintenance, datetime]]:
    """The maintenance windows that are open now for this alert, the strictest first, each with its end."""
    found = []
    for window in policy.ruleset.maintenance:
        ends_at = None if first_failure(window.condition, alert) else window.open_until(now)
        if ends_at is not None:
            found.append((window, ends_at))
    return sorted(found, key=lambda pair: (_STRICTEST_FIRST.index(pair[0].during), -pair[1].timestamp()))


def alert_of(member: Member) -> Alert:
    """The alert that an incident's member was made of, as far as a rule can tell."""
    return Alert(
        source=member.source,
        key=member.key,
        status=AlertStatus.FIRING,
        labels=member.labels,
        annotations=member.annotations,
        links=member.links,
        rule_name=member.name,
        value=member.value,
        sender=member.sender or "",
        subject=member.subject or "",
        body=member.body or "",
    )


def inhibits(member: Member, inhibition: Inhibition, alert: Alert) -> bool:
    """Whether this other alert is one that the inhibition means."""
    # Asked for every pair of an alert and another one: most differ in a label that must be equal, which is cheap to see.
    if any(one.is_label and member.labels.get(one.name, "") != one.read(alert) for one in inhibition.equal):
        return False
    other = alert_of(member)
    return (
        member.key != alert.key
        and all(matcher.matches(other) for matcher in inhibition.match)
        and all(field.read(other) == field.read(alert) for field in inhibition.equal)
    )


def _quiet(label: Classification) -> Classification:
    return replace(label, policy=None, ticket=None)


def _in_maintenance(label: Classification, alert: Alert, now: datetime, policy: Policy) -> Weighed:
    windows = open_windows(alert, now, policy)
    if not windows:
        return Weighed(label)
    window, ends_at = windows[0]
    restraint = Restraint(HoldReason.MAINTENANCE, window.name, ends_at)
    if window.during is DuringWindow.TICKET_ONLY:
        return Weighed(replace(label, policy=None), restraint, window=window.name)
    return Weighed(_quiet(label), restraint, is_held=window.during is DuringWindow.DROP, window=window.name)


def _inhibited(draft: Draft, alert: Alert, inhibitions: Sequence[Inhibition], policy: Policy) -> Restraint | None:
    for inhibition in inhibitions:
        found = next((one for one in draft.firing_members() if inhibits(one, inhibition, alert)), None)
        if found is not None:
            again_at = draft.now + timedelta(seconds=RECHECK_SECONDS)
            return Restraint(HoldReason.INHIBITED, found.key, again_at)
    watch = draft.watch(alert.key)
    if not inhibitions or watch is None or watch.held is not HoldReason.INHIBITED:
        return None
    # What inhibited it has just cleared, and a message said it again before it could be seen whether it clears as well.
    until = min(watch.due_at, draft.now + timedelta(seconds=policy.timing.resolve_grace_seconds))
    return Restraint(HoldReason.INHIBITED, watch.by, until) if until > draft.now else None


def _not_yet(draft: Draft, case: Case) -> Restraint | None:
    """Whether it is too early: too few, or not long enough. What belongs to an open incident is not asked."""
    label = case.label
    if case.is_left_over or (case.own is not None and case.own.state.is_open):
        return None
    watch = draft.watch(case.alert.key)
    # The fires that reached the threshold may be out of its time when the hold ends.
    has_reached_it = watch is not None and watch.held is HoldReason.HOLD and not case.is_fire
    if label.threshold is not None and not has_reached_it and not draft.has_open(case.dedup_key):
        count = fired_count(draft.watches_of(case.dedup_key), label.threshold, draft.now) + case.is_fire
        if count < label.threshold.count:
            again_at = draft.now + timedelta(seconds=label.threshold.within_seconds)
            return Restraint(HoldReason.THRESHOLD, label.rule, again_at)
    until = case.since + timedelta(seconds=label.hold_seconds)
    return Restraint(HoldReason.HOLD, label.rule, until) if draft.now < until else None


def fired_count(watches: Iterable[Watch], threshold: Threshold, now: datetime) -> int:
    """How often the same thing fired lately, as far as it is on record."""
    return sum(watch.fired_since(now, threshold.within_seconds) for watch in watches)


def _parent(draft: Draft, label: Classification, own: Incident | None) -> Incident | None:
    found = [one for one in draft.collecting(label.collected_by) if own is None or not _is_below(draft, one, own)]
    return min(found, key=lambda one: one.number, default=None)


def _is_below(draft: Draft, incident: Incident, other: Incident) -> bool:
    """Whether the one is the other, or explained by it at any remove: two that explain each other would both be silent for ever."""
    above: Incident | None = incident
    seen: set[IncidentId] = set()
    while above is not None and above.id not in seen:
        if above.id == other.id:
            return True
        seen.add(above.id)
        above = draft.incident(above.parent_id) if above.parent_id else None
    return False
