"""The way of alerts through the rules, and everything that would follow if nobody answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ingestd.core.alert import Alert
from ingestd.core.classify import classify, trace
from ingestd.core.effects import DeadlineKind, Finding
from ingestd.core.enrich import enrich
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind
from ingestd.core.policy import Policy
from ingestd.core.ruleset import Classification, TraceStep
from ingestd.trial.expectations import Standing
from ingestd.trial.rehearsal import Performed, Rehearsal

_UNLESS = "unless: "
_ANY = "match_any: "
_EXPIRES = "expires: "


@dataclass(frozen=True, slots=True)
class Route:
    """One alert's way. ``label`` is what the rules say of it, whether or not the daemon would have asked them."""

    alert: Alert
    trace: tuple[TraceStep, ...]
    label: Classification
    finding: Finding
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
    """Let time pass as long as somebody is still to be paged."""
    while any(_is_escalating(incident, rehearsal) for incident in rehearsal.incidents.values()):
        due_at = rehearsal.next_due_at()
        assert due_at is not None, "a deadline that is set comes due"
        rehearsal.pass_until(due_at)


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
    return rehearsal.deadline_of(incident.id, DeadlineKind.ESCALATE) is not None


def _route(alert: Alert, finding: Finding, rehearsal: Rehearsal, now: datetime) -> Route:
    ruleset = rehearsal.policy.ruleset
    alert = enrich(alert, ruleset.enrich, ruleset.services)
    label = classify(alert, ruleset, now)

    def mine(kind: EffectKind) -> Iterable[Performed]:
        return (one for one in rehearsal.done(kind) if one.delivery.incident_id == finding.incident_id)

    return Route(
        alert=alert,
        trace=trace(alert, ruleset, now),
        label=label,
        finding=finding,
        incident=rehearsal.incidents.get(finding.incident_id) if finding.incident_id else None,
        tickets=tuple(mine(EffectKind.TICKET_OPEN)),
        pages=tuple(mine(EffectKind.PAGE)),
    )
