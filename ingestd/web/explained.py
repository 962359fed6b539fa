"""Explanations as the API gives them: plain mappings, put together from what is stored and from the rules in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from ingestd.core import expiry, near_miss
from ingestd.core.alert import Alert
from ingestd.core.effects import Verdict
from ingestd.core.incident import KnownAlert
from ingestd.core.mail.mail_words import BY_STRANGERS
from ingestd.core.names import AlertKey, IncidentId
from ingestd.core.near_miss import Tried
from ingestd.core.response import PageWhen
from ingestd.core.ruleset import UNMATCHED, Ruleset
from ingestd.core.safe_text import one_line
from ingestd.core.unpaged import Unpaged, UnpagedReason
from ingestd.core.watch import Watch
from ingestd.store import explanations
from ingestd.store.explanations import AlertFacts, Arrival
from ingestd.store.inbox import EnvelopeReport
from ingestd.web import case as cases
from ingestd.web import plain, unpaged_reasons
from ingestd.web.case import Case

WATCHES_COUNT_MAX: Final = 50
RULES_COUNT_MAX: Final = 500
"""Rules of a trace that are given at most, those next to the one that decided."""
NEAR_COUNT_MAX: Final = 20
ARRIVALS_COUNT_MAX: Final = 5000
CASES_COUNT_MAX: Final = 500
"""Incidents that are looked at for what came in."""
FINDINGS_COUNT_MAX: Final = 200
"""Alerts of an envelope that are looked up for whether somebody was paged."""
GROUPS_COUNT_MAX: Final = 50
CONDITION_CHARS_MAX: Final = 300

_NO_NEWS: Final = frozenset(
    {
        UnpagedReason.REPEAT,
        UnpagedReason.RESOLVE,
        UnpagedReason.STALE,
        UnpagedReason.VANISHED,
        UnpagedReason.NO_ALERT,
        UnpagedReason.PUT_ASIDE,
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """When and of what rules it is asked. ``stopped`` are connectors whose service rejects us; ``has_all``: rules far off as well."""

    now: datetime
    ruleset: Ruleset
    external_url: str
    stopped: frozenset[str]
    has_all: bool = False
    ways_of: explanations.WaysOf = explanations.no_ways


def incident(connection: Connection, incident_id: IncidentId, asked: Asked) -> dict[str, Any] | None:
    """All of an incident; None if there is no such one."""
    case = cases.load(connection, incident_id)
    if case is None:
        return None
    watches = explanations.watches_of_incident(connection, incident_id, WATCHES_COUNT_MAX)
    known = explanations.known_alerts(connection, (watch.key for watch in watches))
    decided = case.incident.conduct.rules_version
    return {
        "kind": "incident",
        "incident": plain.incident_whole(case, asked.external_url),
        "alerts": [plain.alert(member) for member in case.members],
        "timeline": [plain.line(entry) for entry in case.lines],
        "deliveries": [
            {**plain.delivery(row), "is_stopped": row.connector in asked.stopped} for row in case.deliveries
        ],
        "deadlines": [{"kind": due.kind, "due_at": due.due_at} for due in case.deadlines],
        "tickets": [plain.ticket(row) for row in case.tickets],
        "rules": _rules(asked.ruleset, case.incident.rule, decided),
        "watches": [_watch(watch, known.get(watch.key), asked.ruleset) for watch in watches],
        "unpaged": [unpaged(why) for why in unpaged_reasons.of_incident(case, asked.stopped)],
    }


def envelope(connection: Connection, report: EnvelopeReport, asked: Asked) -> dict[str, Any]:
    """What became of an envelope, and for each of its alerts why nobody was paged."""
    whole = plain.envelope_whole(report)
    without = _without_alert(report.state, report.reason, report.findings)
    if without is not None:
        return {"kind": "envelope", "envelope": whole, "unpaged": [{**unpaged(without), "count": 0}]}
    findings = report.findings or []
    found, paged_count, _ = _look_up(connection, [_arrival(report)], asked)
    decided = next((str(f["rules_version"]) for f in findings if f.get("rules_version")), "")
    groups = unpaged_reasons.grouped(found)
    return {
        "kind": "envelope",
        "envelope": whole,
        "rules": {
            "decided": decided,
            "in_force": _short(asked.ruleset.version),
            "is_in_force": _is_in_force(asked.ruleset, decided),
            "places": {name: rule_place(asked.ruleset, name) for name in _rule_names(findings)},
        },
        "paged_count": paged_count,
        "unpaged": [_group(group) for group in groups[:GROUPS_COUNT_MAX]],
    }


def alert(connection: Connection, facts: AlertFacts, asked: Asked) -> dict[str, Any]:
    """Where an alert stands, what keeps it back, and its way through the rules in force."""
    known, watch, member = facts.known, facts.watch, facts.member
    case = cases.load(connection, known.incident_id) if known.incident_id else None
    found = facts.decided
    decided = str(found.finding.get("rules_version") or "") if found else ""
    rule = str(found.finding.get("rule") or "") if found else ""
    if case and member and member.joined_at == case.incident.opened_at and _was_held(found):
        # Kept back by one decision, released by a later one, which no message has on record: the incident does.
        rule, decided = case.incident.rule, case.incident.conduct.rules_version
    why = [_with_name(connection, one) for one in unpaged_reasons.of_alert(facts, case, asked.stopped)]
    return {
        "kind": "alert",
        "alert": {
            "key": known.key,
            "state": known.state,
            "first_seen_at": known.first_seen_at,
            "last_seen_at": known.last_seen_at,
            "starts_at": known.starts_at,
            "cleared_at": known.ended_at,
            "joined_at": member.joined_at if member else None,
            "name": _name(facts.alert),
            "summary": facts.alert.summary if facts.alert else "",
            "source": known.key.partition("/")[0],
            "labels": facts.alert.labels if facts.alert else {},
        },
        "incident": plain.incident_line(case.incident, case.tickets[0] if case.tickets else None) if case else None,
        "decided": None
        if found is None
        else {"envelope": found.envelope_id, "received_at": found.received_at, **found.finding},
        "watch": _watch(watch, known, asked.ruleset) if watch else None,
        "rules": _rules(asked.ruleset, rule, decided),
        "trace": _trace(facts.alert, asked) if facts.alert else None,
        "unpaged": [unpaged(one) for one in why],
    }


def arrivals(connection: Connection, since: datetime, asked: Asked) -> dict[str, Any]:
    """What came in since then and paged nobody, grouped by reason. What could not have paged is counted, not listed first."""
    came = explanations.arrivals_since(connection, since, ARRIVALS_COUNT_MAX)
    found, paged_count, skipped_count = _look_up(connection, came, asked)
    for one in came:
        without = _without_alert(one.state, one.reason, one.findings)
        if without is not None:
            found.append((without, one.id, None))
    groups = unpaged_reasons.grouped(found)
    ordered = sorted(groups, key=lambda group: group.why.reason in _NO_NEWS)
    return {
        "kind": "arrivals",
        "since": since,
        "until": asked.now,
        "envelope_count": len(came),
        "is_cut": len(came) == ARRIVALS_COUNT_MAX,
        "paged_count": paged_count,
        "skipped_count": skipped_count,
        "groups": [_group(group) for group in ordered[:GROUPS_COUNT_MAX]],
        "group_count": len(groups),
    }


def _without_alert(state: str, reason: str | None, findings: Sequence[Any] | None) -> Unpaged | None:
    """Why nobody was paged for a message of which no alert was decided; None if some was."""
    if findings is None and state == "new":
        return Unpaged(UnpagedReason.NOT_DECIDED)
    if findings is None:
        is_disbelieved = reason in BY_STRANGERS
        return Unpaged(UnpagedReason.PUT_ASIDE, str(reason)) if is_disbelieved else Unpaged(UnpagedReason.UNREADABLE)
    return Unpaged(UnpagedReason.NO_ALERT, reason) if reason and not findings and state == "done" else None


def _look_up(
    connection: Connection, came: Sequence[Arrival], asked: Asked
) -> tuple[list[tuple[Unpaged, str, Any]], int, int]:
    """For each alert that came why nobody was paged, with its incident; for how many somebody was; and how many were not looked at."""
    pairs = [(one, finding) for one in came for finding in one.findings or ()]
    known = explanations.known_alerts(connection, (AlertKey(str(f["alert"])) for _, f in pairs if _may_have_paged(f)))
    loaded: dict[IncidentId, Case | None] = {}
    found: list[tuple[Unpaged, str, Any]] = []
    paged_count = skipped_count = 0
    for one, finding in pairs:
        key, case = str(finding["alert"]), None
        stands = known.get(AlertKey(key))
        incident_id = finding.get("incident") or (stands.incident_id if stands else None)
        if incident_id and _may_have_paged(finding):
            if incident_id not in loaded and len(loaded) >= CASES_COUNT_MAX:
                skipped_count += 1
                continue
            if incident_id not in loaded:
                loaded[incident_id] = cases.load(connection, incident_id)
            case = loaded[incident_id]
        why = unpaged_reasons.of_finding(finding, case, one.received_at, asked.stopped)
        paged_count += not why and case is not None
        found.extend((reason, key, case.incident if case else None) for reason in why[:1])
    return found, paged_count, skipped_count


def _may_have_paged(finding: Mapping[str, Any]) -> bool:
    return finding.get("verdict") in {"new", "held"}


def _arrival(report: EnvelopeReport) -> Arrival:
    findings = (report.findings or [])[:FINDINGS_COUNT_MAX]
    return Arrival(report.id, report.source, report.received_at, report.state, report.reason, findings)


def _with_name(connection: Connection, why: Unpaged) -> Unpaged:
    """The same; an alert that inhibits is named as people know it, besides its key."""
    if why.reason is not UnpagedReason.INHIBITED:
        return why
    facts = explanations.alert_facts(connection, AlertKey(why.by))
    return replace(why, detail=facts.alert.summary if facts and facts.alert else "")


def unpaged(why: Unpaged) -> dict[str, Any]:
    """A reason with its words."""
    return {"reason": why.reason, "by": why.by, "text": why.text, "advice": why.advice, "until": why.until}


def _group(group: unpaged_reasons.Group) -> dict[str, Any]:
    return {**unpaged(group.why), "count": group.count, "alerts": group.alerts, "incidents": group.incidents}


def _short(version: str) -> str:
    return version[: plain.RULES_VERSION_CHARS]


def _was_held(found: explanations.StoredFinding | None) -> bool:
    return found is not None and found.finding.get("verdict") == Verdict.HELD


def _is_in_force(ruleset: Ruleset, decided: str) -> bool | None:
    """Whether the rules that decided are still those in force; None if it is not on record which did."""
    return _short(decided) == _short(ruleset.version) if decided else None


def _rules(ruleset: Ruleset, rule: str, decided: str) -> dict[str, Any]:
    return {
        "decided": _short(decided),
        "in_force": _short(ruleset.version),
        "is_in_force": _is_in_force(ruleset, decided),
        "rule": rule,
        "place": rule_place(ruleset, rule),
    }


def rule_place(ruleset: Ruleset, name: str) -> dict[str, Any] | None:
    """Where a rule stands in the rules in force; None if none of them has this name."""
    found = next((rule for rule in ruleset.rules if rule.name == name), None)
    if found is None:
        return None
    return {"file": found.file, "line": found.line, "owner": found.owner, "is_built_in": name == UNMATCHED}


def _rule_names(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(finding["rule"]) for finding in findings if finding.get("rule")))[:GROUPS_COUNT_MAX]


def _watch(watch: Watch, known: KnownAlert | None, ruleset: Ruleset) -> dict[str, Any]:
    """What an alert waits for. ``clears_at``: not seen until then it counts as cleared."""
    clears_at = expiry.clears_at(known, watch, None) if known else None
    if clears_at is not None and watch.held is None:
        clears_at = max(clears_at, watch.due_at)  # after a break it is given longer
    rule = next((one for one in ruleset.rules if one.name == watch.rule), None)
    threshold = rule.threshold if rule else None
    return {
        "alert": watch.key,
        "name": _name(watch.alert),
        "rule": watch.rule,
        "held": watch.held,
        "by": watch.by,
        "since": watch.since,
        "due_at": watch.due_at,
        "fired_count": len(watch.fired_at),
        "threshold": {"count": threshold.count, "within_seconds": threshold.within_seconds} if threshold else None,
        "clears_at": clears_at,
    }


def _name(found: Alert | None) -> str:
    return (found.rule_name or found.labels.get("alertname", "") or found.summary) if found else ""


def _trace(stored: Alert, asked: Asked) -> dict[str, Any]:
    followed = near_miss.follow(stored, asked.ruleset, asked.now)
    near = [one for one in followed.before if one.is_near]
    shown = list(followed.before)[-RULES_COUNT_MAX:] if asked.has_all else near[-NEAR_COUNT_MAX:]
    label = followed.label
    return {
        "before_count": len(followed.before),
        "near_count": len(near),
        "before": [_tried(one) for one in shown],
        "decided": _tried(followed.decided),
        "later": [_tried(one) for one in followed.later[:GROUPS_COUNT_MAX]],
        "severity": label.severity,
        "team": label.team,
        "mode": label.mode,
        "page": None if label.page_when is PageWhen.NEVER else label.policy,
        "page_when": label.page_when,
        "ticket": label.ticket.connector if label.ticket else None,
        "labels": followed.alert.labels,
    }


def _tried(one: Tried) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "file": one.file,
        "line": one.line,
        "has_matched": one.has_matched,
        "is_near": one.is_near,
        "failed": [
            {"needs": one_line(part.needs, CONDITION_CHARS_MAX), "actual": one_line(part.actual, CONDITION_CHARS_MAX)}
            for part in one.failed[:1]
        ],
        "failed_count": len(one.failed),
    }
