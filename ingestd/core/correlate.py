"""Where an alert that is news belongs: to an incident that is there, or to a new one. Pure, first reason wins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestd.core.effects import JoinReason
from ingestd.core.incident import Incident
from ingestd.core.names import AlertKey
from ingestd.core.ruleset import Classification


@dataclass(frozen=True, slots=True)
class Place:
    """The incident that takes the alert, and why; ``incident`` is None when a new one must open."""

    incident: Incident | None
    reason: JoinReason


def dedup_key_of(key: AlertKey, label: Classification) -> str:
    """The key under which alerts count as the same thing: what the rule says, else the alert's own identity."""
    return f"{label.team}|{label.dedup_key}" if label.dedup_by else key


def place(
    key: AlertKey, label: Classification, own: Incident | None, candidates: Iterable[Incident], now: datetime
) -> Place:
    """Put a new alert with ``key`` and classification ``label`` into one of the ``candidates`` or nowhere.

    ``own`` is the incident that the alert was last part of. An open incident always wins over one that would have to be
    reopened; among equals the oldest wins, so that the outcome does not depend on the order of the candidates.
    """
    ordered = sorted(candidates, key=lambda incident: incident.number)
    if own is not None and own.state.is_open:
        return Place(own, JoinReason.REFIRED_WITHIN_GRACE if own.clearing_since else JoinReason.SAME_ALERT)
    dedup_key = dedup_key_of(key, label)
    for incident in ordered:
        if incident.state.is_open and incident.dedup_key == dedup_key:
            return Place(incident, JoinReason.SAME_DEDUP_KEY)
    for incident in ordered:
        if incident.state.is_open and _shares_key_in_time(incident, label, now):
            return Place(incident, JoinReason.SAME_CORRELATION_KEY)
    if own is not None and own.is_reopenable:
        return Place(own, JoinReason.REOPENED)
    for incident in ordered:
        if incident.is_reopenable and (incident.dedup_key == dedup_key or _shares_key_in_time(incident, label, now)):
            return Place(incident, JoinReason.REOPENED)
    return Place(None, JoinReason.OPENED)


def _shares_key_in_time(incident: Incident, label: Classification, now: datetime) -> bool:
    """Whether the rules group the two: the time counts from the last alert, for a resolved incident from its end."""
    if not label.correlate_key or incident.correlate_key != label.correlate_key:
        return False
    within = timedelta(seconds=min(incident.correlate_within_seconds, label.correlate_within_seconds))
    return now - max(incident.last_alert_at, incident.resolved_at or incident.last_alert_at) <= within
