"""The way of alerts through the rules, and everything that would follow if nobody answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestd.core import correlate
from ingestd.core.alert import Alert
from ingestd.core.classify import classify, trace
from ingestd.core.effects import DeadlineKind, Finding
from ingestd.core.enrich import enrich
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Classification, TraceStep
from ingestd.core.watch import HoldReason
from ingestd.trial.expectations import Standing
from ingestd.trial.rehearsal import Performed, Rehearsal

HORIZON = timedelta(days=14)
"""How far a route looks: two weekends and what lies between."""

_RELEASED_BY_TIME = frozenset({HoldReason.HOLD, HoldReason.MAINTENANCE, HoldReason.SILENCED})
_UNLESS = "unless: "
_ANY = "match_any: "
_EXPIRES = "expires: "


@dataclass(frozen=True, slots=True)
class Route:
    """One alert's way. ``label`` is what the rules say of it, whether or not the daemon would have asked them."""

    alert: Alert
    trace: tuple[TraceStep, ...]
    label: Classification
    dedup_key: str
    """Under which incidents are about the same thing."""
    finding: Finding
    began_at: datetime
    """When the alert arrived."""
    incident: Incident | None
    """As it would be when everybody has been paged who would be; None for an alert that brings about nothing."""
    tickets: tuple[Performed, ...] = ()
    pages: tuple[Performed, ...] = ()
    """All pages of its incident if nobody ever answered, and all alerts went on."""


@dataclass(frozen=True, slots=True)
class Routes:
    """The ways of all alerts of one envelope, in a world where nothing else had happened."""

    routes: tuple[Route, ...]
    rehearsal: Rehearsal
    standing: Standing
    """Right after the envelope: what expectations are compared with."""


def follow(alerts: Sequence[Alert], policy: Policy, now: datetime, *, truncated_count: int = 0) -> Routes:
    """Let the alerts arrive together, now, and nobody answer until every step of every policy has run."""
    rehearsal = Rehearsal(policy, now)
    decision = rehearsal.receive(alerts, truncated_count)
    last = next((f.incident_id for f in reversed(decision.findings) if f.incident_id), None)
    at_once = Rehearsal(policy, now)
    at_once.receive(alerts, truncated_count)
    at_once.pass_until(now)
    let_nobody_answer(rehearsal)
    routes = tuple(
        _route(alert, finding, rehearsal, now) for alert, finding in zip(alerts, decision.findings, strict=True)
    )
    return Routes(routes, rehearsal, Standing(at_once, now, last))


def let_nobody_answer(rehearsal: Rehearsal) -> None:
    """Let time pass as long as somebody is still to be paged, and as long as something is held back that will be released."""
    until = rehearsal.now + HORIZON
    while (due_at := rehearsal.next_due_at()) is not None and due_at <= until and _goes_on(rehearsal, until):
        rehearsal.pass_until(due_at)


def _goes_on(rehearsal: Rehearsal, until: datetime) -> bool:
    return any(_is_escalating(incident, rehearsal) for incident in rehearsal.incidents.values()) or any(
        watch.held in _RELEASED_BY_TIME and watch.due_at <= until for watch in rehearsal.watches.values()
    )


def in_words(failed_on: str) -> str:
    """The part of a rule that did not hold, in words: ``needs env = prod``, ``unless cluster = canary``."""
    if failed_on.startswith(_UNLESS):
        return f"unless {failed_on.removeprefix(_UNLESS)}"
    if failed_on.startswith(_EXPIRES):
        return f"expired: {failed_on.removeprefix(_EXPIRES)}"
    if failed_on.startswith(_ANY):
        return "needs one of its match_any"
    return f"needs {failed_on}"


def _is_escalating(incident: Incident, rehearsal: Rehearsal) -> bool:
    kinds = (DeadlineKind.ESCALATE, DeadlineKind.PAGE)
    return any(rehearsal.deadline_of(incident.id, kind) is not None for kind in kinds)


def _route(alert: Alert, finding: Finding, rehearsal: Rehearsal, now: datetime) -> Route:
    ruleset = rehearsal.policy.ruleset
    alert = enrich(alert, ruleset.enrich, ruleset.services)
    label = classify(alert, ruleset, now)

    incident_id = finding.incident_id or rehearsal.incident_of(alert.key)

    def mine(kind: EffectKind) -> Iterable[Performed]:
        return (one for one in rehearsal.done(kind) if one.delivery.incident_id == incident_id)

    return Route(
        alert=alert,
        trace=trace(alert, ruleset, now),
        label=label,
        dedup_key=correlate.dedup_key_of(alert.key, label),
        finding=finding,
        began_at=now,
        incident=rehearsal.incidents.get(incident_id) if incident_id else None,
        tickets=tuple(mine(EffectKind.TICKET_OPEN)),
        pages=tuple(mine(EffectKind.PAGE)),
    )
