"""An alert as it is decided about: enriched, judged against what is known, and classified if it is news. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingestd.core import dedup
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.effects import Verdict
from ingestd.core.enrich import enrich
from ingestd.core.incident import AlertState, Incident, KnownAlert
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Classification


class Cause(StrEnum):
    """Why an alert is looked at: a message came, or a watch was due."""

    ARRIVED = "arrived"
    WATCH_DUE = "watch_due"


@dataclass(frozen=True, slots=True)
class Sighting:
    """An alert, enriched, with what the rules say of it; ``label`` is None when they need not be asked (a repeat, a resolve)."""

    alert: Alert
    label: Classification | None = None
    truncated_count: int = 0
    """How many alerts the sender left out of the message that this one came in."""
    cause: Cause = Cause.ARRIVED


def sight(
    alert: Alert,
    known: KnownAlert | None,
    incident: Incident | None,
    policy: Policy,
    now: datetime,
    *,
    truncated_count: int = 0,
    cause: Cause = Cause.ARRIVED,
) -> Sighting:
    """The alert as it will be decided about. Repeats, by far the most, do not ask the rules.

    ``known`` is the alert as it was last seen, ``incident`` the one that it was last part of.
    """
    ruleset = policy.ruleset
    alert = enrich(alert, ruleset.enrich, ruleset.services)
    if cause is Cause.WATCH_DUE:
        is_asked = known is not None and (known.state is AlertState.HELD or is_kept_quiet(incident))
    else:
        is_asked = judge(alert, known, incident, policy, now).verdict is Verdict.NEW
    label = classify(alert, ruleset, now) if is_asked else None
    return Sighting(alert, label, truncated_count, cause)


def is_kept_quiet(incident: Incident | None) -> bool:
    """Whether the incident is open and does less than its rule says."""
    return incident is not None and incident.state.is_open and incident.quiet is not None


def judge(
    alert: Alert, known: KnownAlert | None, incident: Incident | None, policy: Policy, now: datetime
) -> dedup.Judgement:
    """What the alert is, by the numbers of the policy."""
    return dedup.judge(
        alert,
        known,
        incident,
        now,
        late_fire_seconds=policy.timing.late_fire_seconds,
        keep_vanished=alert.source in policy.keep_vanished,
    )
