"""An alert as it is decided about: enriched, judged against what is known, and classified if it is news. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingestd.core import dedup
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.effects import Verdict, VerdictReason
from ingestd.core.enrich import enrich
from ingestd.core.incident import AlertState, Incident, KnownAlert, Member
from ingestd.core.names import AlertStatus
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Classification


class Cause(StrEnum):
    """Why an alert is looked at: a message came, or a watch was due."""

    ARRIVED = "arrived"
    WATCH_DUE = "watch_due"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An alert, enriched, with what the rules say of it; ``label`` is None when they need not be asked (a mere repeat, a resolve)."""

    alert: Alert
    label: Classification | None = None
    truncated_count: int = 0
    """How many alerts the sender left out of the message that this one came in."""
    cause: Cause = Cause.ARRIVED
    received: Alert | None = None
    """The alert as it was received, if enriching changed it: what is looked at again later is enriched by the rules of then."""

    @property
    def as_received(self) -> Alert:
        """The alert as its sender said it."""
        return self.received or self.alert


def sight(
    alert: Alert,
    known: KnownAlert | None,
    incident: Incident | None,
    policy: Policy,
    now: datetime,
    *,
    truncated_count: int = 0,
    cause: Cause = Cause.ARRIVED,
    comes_again: bool = False,
    member: Member | None = None,
) -> Sighting:
    """The alert as it will be decided about. Repeats, by far the most, do not ask the rules, unless they say something else than before.

    ``known`` is the alert as it was last seen, ``incident`` the one that it was last part of, ``member`` what that one shows of it.
    ``comes_again``: the same alert comes more than once in what is decided together, so that it may be news by then although it is none yet.
    """
    ruleset = policy.ruleset
    received, alert = alert, enrich(alert, ruleset.enrich, ruleset.services)
    if cause is Cause.WATCH_DUE:
        is_open = incident is not None and incident.state.is_open
        is_asked = known is not None and (known.state is AlertState.HELD or is_open)
    else:
        may_be_news = comes_again and alert.status is AlertStatus.FIRING
        verdict = judge(alert, known, incident, policy, now).verdict
        is_otherwise = verdict is Verdict.REPEAT and member is not None and says_otherwise(alert, received, member)
        is_asked = may_be_news or verdict is Verdict.NEW or is_otherwise
    label = classify(alert, ruleset, now) if is_asked else None
    return Sighting(alert, label, truncated_count, cause, received if received is not alert else None)


def says_otherwise(alert: Alert, received: Alert, member: Member) -> bool:
    """Whether a label that the sender gave is not what it was. What enriching adds is not looked at: a reload may have changed that."""
    return any(alert.labels.get(name) != member.labels.get(name) for name in received.labels)


def judge(
    alert: Alert, known: KnownAlert | None, incident: Incident | None, policy: Policy, now: datetime
) -> dedup.Judgement:
    """What the alert is, by the policy. A sign of life is nothing else, unless an incident of an earlier policy waits for its end."""
    watchdog = policy.watchdogs.get(alert.source)
    if watchdog is not None and watchdog.is_sign_of_life(alert):
        if alert.status is AlertStatus.FIRING:
            return dedup.Judgement(Verdict.HEARTBEAT, VerdictReason.HEARD)
        if known is None or known.state is AlertState.CLEARED:
            return dedup.Judgement(Verdict.HEARTBEAT, VerdictReason.WATCHDOG_ENDED)
    return dedup.judge(
        alert,
        known,
        incident,
        now,
        late_fire_seconds=policy.timing.late_fire_seconds,
        keep_vanished=alert.source in policy.keep_vanished,
    )
