"""Is this alert news? Judged from the alert, what is known under its key, and the time; nothing else.

Identity is the key alone. ``startsAt`` only helps to recognise messages that arrive out of order: an Alertmanager swallows
flaps inside a group interval, so a resolve may name a start that was never announced, and repeats are byte-identical.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestd.core.alert import Alert
from ingestd.core.effects import Verdict, VerdictReason
from ingestd.core.incident import AlertState, Incident, KnownAlert
from ingestd.core.names import AlertStatus, IncidentState

NOT_A_RECOVERY = frozenset({"MissingSeries", "Paused", "RuleDeleted", "Updated"})
"""Grafana's reasons for a ``resolved`` that says nothing of the condition (``grafana_state_reason``)."""

_SENSOR_ALERTS = frozenset({"DatasourceNoData", "DatasourceError"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict and its named reason."""

    verdict: Verdict
    reason: VerdictReason


def judge(
    alert: Alert,
    known: KnownAlert | None,
    incident: Incident | None,
    now: datetime,
    *,
    late_fire_seconds: int,
    keep_vanished: bool,
) -> Judgement:
    """What the alert is, compared with ``known`` (None: never seen) and the incident that it was last part of."""
    if alert.status is AlertStatus.FIRING:
        return _judge_firing(alert, known, incident, now, late_fire_seconds)
    return _judge_resolved(alert, known, keep_vanished=keep_vanished)


def _judge_firing(
    alert: Alert, known: KnownAlert | None, incident: Incident | None, now: datetime, late_fire_seconds: int
) -> Judgement:
    if known is None:
        return Judgement(Verdict.NEW, VerdictReason.FIRST_SEEN)
    if known.state is AlertState.CLEARED:
        if _fired_before_the_resolve(alert, known, now, late_fire_seconds):
            return Judgement(Verdict.STALE, VerdictReason.FIRE_OLDER_THAN_RESOLVE)
        return Judgement(Verdict.NEW, VerdictReason.FIRED_AGAIN)
    if known.state is AlertState.HELD:
        return Judgement(Verdict.NEW, VerdictReason.STILL_HELD)
    if incident is None or incident.state is IncidentState.CLOSED:
        return Judgement(Verdict.NEW, VerdictReason.STILL_FIRING_AFTER_CLOSE)
    if incident.state is IncidentState.RESOLVED:
        return Judgement(Verdict.REPEAT, VerdictReason.RESOLVED_BY_HAND)
    if known.state is AlertState.VANISHED:
        return Judgement(Verdict.REPEAT, VerdictReason.BACK_IN_SIGHT)
    return Judgement(Verdict.REPEAT, VerdictReason.STILL_FIRING)


def _fired_before_the_resolve(alert: Alert, known: KnownAlert, now: datetime, late_fire_seconds: int) -> bool:
    """A message that was overtaken by its own resolve. Only believed for a while: a sender whose start never moves must still page."""
    if alert.starts_at is None or known.ended_at is None or known.cleared_seen_at is None:
        return False
    return alert.starts_at < known.ended_at and now - known.cleared_seen_at < timedelta(seconds=late_fire_seconds)


def _ended_before_the_fire(alert: Alert, known: KnownAlert) -> bool:
    """The end of an earlier episode, said again or late. A resolve that names the start that is known is of this episode, whatever
    its sender's clock says: the start and the end may come from different machines.
    """
    if alert.ends_at is None or known.starts_at is None or alert.ends_at >= known.starts_at:
        return False
    return alert.starts_at is None or alert.starts_at < known.starts_at


def _judge_resolved(alert: Alert, known: KnownAlert | None, *, keep_vanished: bool) -> Judgement:
    if known is None:
        return Judgement(Verdict.STALE, VerdictReason.RESOLVE_OF_UNKNOWN)
    if known.state is AlertState.CLEARED:
        return Judgement(Verdict.STALE, VerdictReason.RESOLVE_REPEATED)
    if _ended_before_the_fire(alert, known):
        return Judgement(Verdict.STALE, VerdictReason.RESOLVE_OLDER_THAN_FIRE)
    about_the_sensor = alert.labels.get("alertname") in _SENSOR_ALERTS
    if keep_vanished and alert.state_reason in NOT_A_RECOVERY and not about_the_sensor:
        return Judgement(Verdict.VANISHED, VerdictReason.NOT_A_RECOVERY)
    if known.state is AlertState.HELD:
        return Judgement(Verdict.RESOLVE, VerdictReason.CLEARED_WHILE_HELD)
    if alert.starts_at is not None and known.starts_at is not None and alert.starts_at != known.starts_at:
        return Judgement(Verdict.RESOLVE, VerdictReason.RESOLVED_UNSEEN_EPISODE)
    return Judgement(Verdict.RESOLVE, VerdictReason.RESOLVED_BY_SENDER)
