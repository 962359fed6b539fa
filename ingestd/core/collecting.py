"""A major incident collects what it explains: incidents below it page nobody while it is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ingestd.core import escalation, lifecycle
from ingestd.core.alert import Alert
from ingestd.core.draft import Draft
from ingestd.core.effects import DropReason
from ingestd.core.incident import AlertState, Incident
from ingestd.core.names import IncidentState
from ingestd.core.policy import Policy
from ingestd.core.restraint import RECHECK_SECONDS, alert_of
from ingestd.core.ruleset import Classification, Collects
from ingestd.core.watch import HoldReason, Restraint, Watch


def collect(draft: Draft, parent: Incident, alert: Alert, label: Classification, policy: Policy) -> Incident:
    """A major incident is there by this alert: take in what opened shortly before it, is explained by it, and is in nobody's hands.

    An incident that was there before, and that explained nothing yet, explains from now on what this alert does.
    """
    if label.collects is None:
        return parent
    if parent.collects_key is None:
        parent = draft.put_incident(replace(parent, collects_key=label.collects_key))
    if parent.collects_key != label.collects_key:
        return parent
    for child in draft.open_incidents():
        if child.id != parent.id and _is_explained(draft, child, alert, label.collects):
            parent = _adopt(draft, parent, child, policy)
    return parent


def tell_parent(draft: Draft, child: Incident, policy: Policy) -> None:
    """A new incident opened below this one: its readers hear of it."""
    parent = draft.incident(child.parent_id) if child.parent_id else None
    if parent is not None:
        _note(draft, parent, child, policy)


def _is_explained(draft: Draft, child: Incident, alert: Alert, collects: Collects) -> bool:
    if child.state is not IncidentState.TRIGGERED or child.quiet or child.collects_key:
        return False
    if child.opened_at < draft.now - timedelta(seconds=collects.within_seconds):
        return False
    firing = [alert_of(one) for one in draft.members_of(child.id) if one.state is not AlertState.CLEARED]
    # Of a child with very many alerts not all were read: what is not known is not explained.
    return len(firing) == child.firing_count > 0 and all(
        all(matcher.matches(one) for matcher in collects.match)
        and all(field.read(one) == field.read(alert) for field in collects.equal)
        for one in firing
    )


def _adopt(draft: Draft, parent: Incident, child: Incident, policy: Policy) -> Incident:
    why = Restraint(HoldReason.PARENT, parent.id)
    child = escalation.stop(draft, child, DropReason.EXPLAINED)
    child = draft.put_incident(replace(child, parent_id=parent.id, quiet=why.text))
    text = f"{parent.id} explains this (“{parent.title}”): nobody is paged for it while that is open"
    draft.note(child, "escalation", text, reason="explained", for_ticket=True)
    lifecycle.comment_ticket(draft, child, policy)
    for member in draft.members_of(child.id):
        if member.state is AlertState.CLEARED:
            continue
        before = draft.watch(member.key)
        again_at = draft.now + timedelta(seconds=RECHECK_SECONDS)
        draft.put_watch(
            Watch(
                key=member.key,
                due_at=min([again_at, *([before.due_at] if before else [])]),
                alert=before.alert if before else alert_of(member),
                rule=child.rule,
                dedup_key=child.dedup_key,
                held=HoldReason.PARENT,
                by=parent.id,
                since=draft.now,
                fired_at=before.fired_at if before else (),
                auto_resolve_seconds=before.auto_resolve_seconds if before else None,
            )
        )
    return _note(draft, parent, child, policy)


def _note(draft: Draft, parent: Incident, child: Incident, policy: Policy) -> Incident:
    draft.note(parent, "explains", f"explains {child.id}: {child.title}", reason="explained", for_ticket=True)
    return lifecycle.comment_ticket(draft, parent, policy)
