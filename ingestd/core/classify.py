"""What the rules say of an alert: the first rule that matches decides. Pure, and it never raises.

A template that fails costs the author their wording and nothing else: the plain default text takes its place, and
``Classification.template_problem`` says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestd.core.alert import Alert
from ingestd.core.condition import Condition
from ingestd.core.enrich import SERVICE_LABEL, with_labels
from ingestd.core.matchers import Field
from ingestd.core.names import Level, Severity
from ingestd.core.response import PageWhen, Response
from ingestd.core.ruleset import (
    Classification,
    LouderWithMany,
    Renderer,
    Rule,
    Ruleset,
    TeamRoute,
    TicketPlan,
    TraceStep,
)

TITLE_LENGTH_MAX = 255
SUMMARY_LENGTH_MAX = 16_384
KEY_LENGTH_MAX = 512
"""Characters of a dedup or correlation key; what is longer is cut and ends in a hash of the whole."""

TEMPLATE_FIELDS: dict[str, tuple[str, ...]] = {
    "labels": (),
    "annotations": (),
    "summary": (),
    "alert": ("source", "status", "rule", "summary", "value", "sender", "subject"),
    "rule": (),
    "severity": (),
    "impact": (),
    "urgency": (),
    "category": (),
    "team": (),
    "runbook": (),
}
"""What a template may use, and the parts of it where they are fixed."""

_CORRELATE_RULE = Field("alert.rule", is_label=False)
_CORRELATE_LABELS = tuple(Field(name) for name in ("cluster", "env", "environment", "namespace", "service", "job"))
"""Where a rule does not say otherwise, one incident collects the alerts of one alerting rule in one of these places."""

_LEVELS = tuple(Level)
_LEVEL_WORDS = frozenset(level.value for level in Level)
_NEEDS_QUOTES = frozenset(',="\\|\r\n')


def classify(alert: Alert, ruleset: Ruleset, now: datetime) -> Classification:
    """The classification of an enriched alert by the first rule that matches it; by ``unmatched`` if no other does.

    Rules that cannot match are not tried, so this does not say why they did not: ``trace`` does.
    """
    for position in ruleset.index.candidates(alert):
        rule = ruleset.rules[position]
        if not why_not(rule, alert, now):
            return _apply(rule, alert, ruleset)
    raise AssertionError("the last rule of a ruleset matches every alert")


def trace(alert: Alert, ruleset: Ruleset, now: datetime) -> tuple[TraceStep, ...]:
    """Every rule up to the one that decides, which is the last, each with the first of its conditions that did not hold.

    For people who ask why: it tries one rule after the other, without the index.
    """
    steps: list[TraceStep] = []
    for rule in ruleset.rules:
        steps.append(TraceStep(rule.name, rule.file, rule.line, why_not(rule, alert, now)))
        if steps[-1].has_matched:
            break
    return tuple(steps)


def why_not(rule: Rule, alert: Alert, now: datetime) -> str:
    """What stands against the rule deciding about the alert, in words; empty if nothing does."""
    if rule.expires_at is not None and now >= rule.expires_at:
        return f"expires: {rule.expires_at:%Y-%m-%d %H:%M} UTC is over"
    return first_failure(rule.condition, alert)


def first_failure(condition: Condition, alert: Alert) -> str:
    """The first part of a rule's condition that does not hold for the alert, in words; empty if all of it holds."""
    for matcher in condition.match:
        if not matcher.matches(alert):
            return matcher.text
    if condition.match_any and not any(
        all(matcher.matches(alert) for matcher in selector) for selector in condition.match_any
    ):
        return "match_any: none of its selectors holds"
    for matcher in condition.unless:
        if matcher.matches(alert):
            return f"unless: {matcher.text}"
    return ""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the rule says of this alert, with what the service catalogue fills in."""

    impact: Level
    urgency: Level
    severity: Severity
    team: str
    ticket: TicketPlan | None
    policy: str | None
    runbook: str


def template_fields(alert: Alert, rule: Rule, outcome: _Outcome | None = None) -> dict[str, Any]:
    """What a title or summary template can use (the names in ``TEMPLATE_FIELDS``); without an outcome as the rule alone says."""
    if outcome is None:
        outcome = _Outcome(rule.impact, rule.urgency, rule.severity, rule.team, rule.ticket, rule.policy, rule.runbook)
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "summary": alert.summary,
        "alert": {
            "source": alert.source,
            "status": alert.status.value,
            "rule": alert.rule_name,
            "summary": alert.summary,
            "value": alert.value,
            "sender": alert.sender,
            "subject": alert.subject,
        },
        "rule": rule.name,
        "severity": outcome.severity.value,
        "impact": outcome.impact.value,
        "urgency": outcome.urgency.value,
        "category": rule.category,
        "team": outcome.team,
        "runbook": outcome.runbook,
    }


def _apply(rule: Rule, alert: Alert, ruleset: Ruleset) -> Classification:
    for extraction in rule.extract:
        alert = with_labels(alert, extraction.read(alert))
    outcome = _outcome(rule, alert, ruleset)
    fields = template_fields(alert, rule, outcome) if rule.render_title or rule.render_summary else {}
    title, title_problem = _render("title", rule.render_title, fields, rule, _default_title(alert))
    summary, summary_problem = _render("summary", rule.render_summary, fields, rule, _default_summary(alert))
    response = _response(rule, outcome.severity, ruleset)
    return Classification(
        rule=rule.name,
        impact=outcome.impact,
        urgency=outcome.urgency,
        severity=outcome.severity,
        category=rule.category,
        team=outcome.team,
        dedup_by=tuple(field.name for field in rule.dedup_by),
        dedup_key=_dedup_key(rule, alert),
        reopen_within_seconds=rule.reopen_within_seconds,
        correlate_key=_correlate_key(rule, alert, outcome.team),
        correlate_within_seconds=rule.correlate_within_seconds,
        title=_one_line(title)[:TITLE_LENGTH_MAX],
        summary=summary.strip()[:SUMMARY_LENGTH_MAX],
        ticket=outcome.ticket,
        policy=None if response.page is PageWhen.NEVER else outcome.policy,
        runbook=outcome.runbook,
        template_problem="; ".join(problem for problem in (title_problem, summary_problem) if problem),
        mode=rule.mode,
        hold_seconds=rule.hold_seconds,
        flap=rule.flap,
        threshold=rule.threshold,
        inhibit_by=rule.inhibit_by,
        resolve_on=rule.resolve_on,
        auto_resolve_seconds=rule.auto_resolve_seconds,
        page_when=response.page,
        ack_within_seconds=response.ack_within_seconds,
        collects=rule.collects,
        collects_key=_collects_key(rule, alert),
        collected_by=tuple(_collected_by(rule, alert, ruleset)),
        rules_version=ruleset.version,
        service=alert.labels.get(SERVICE_LABEL, ""),
        skill=rule.skill,
        many_reports=_many_reports(rule, outcome, ruleset),
    )


def _response(rule: Rule, severity: Severity, ruleset: Ruleset) -> Response:
    return ruleset.responses.get(severity, Response()) if rule.is_bound_by_response else Response()


def _many_reports(rule: Rule, outcome: _Outcome, ruleset: Ruleset) -> LouderWithMany | None:
    many = rule.many_reports
    if many is None:
        return None
    impact, urgency = _higher(many.impact, outcome.impact), _higher(many.urgency, outcome.urgency)
    severity = ruleset.matrix[impact, urgency]
    response = _response(rule, severity, ruleset)
    return LouderWithMany(
        count=many.count,
        within_seconds=many.within_seconds,
        impact=impact,
        urgency=urgency,
        severity=severity,
        policy=None if response.page is PageWhen.NEVER else outcome.policy,
        page_when=response.page,
        ack_within_seconds=response.ack_within_seconds,
    )


def _higher(one: Level | None, other: Level) -> Level:
    return min((one or other, other), key=_LEVELS.index)


def _outcome(rule: Rule, alert: Alert, ruleset: Ruleset) -> _Outcome:
    service = ruleset.services.get(alert.labels.get(SERVICE_LABEL, ""))
    runbook = rule.runbook or _own_runbook(alert)
    said, urgency = _said(rule.impact_from, alert), _said(rule.urgency_from, alert) or rule.urgency
    if service is None or not rule.left_to_service:
        impact = said or rule.impact
        severity = ruleset.matrix[impact, urgency]
        return _Outcome(impact, urgency, severity, rule.team, rule.ticket, rule.policy, runbook)
    left = rule.left_to_service
    impact = said or (service.impact if service.impact is not None and "impact" in left else rule.impact)
    team, ticket, policy = rule.team, rule.ticket, rule.policy
    if service.team is not None and "team" in left:
        team = service.team
        route = ruleset.routes.get(team, TeamRoute())
        ticket = route.ticket if "ticket" in left else ticket
        policy = route.policy if "policy" in left else policy
    severity = ruleset.matrix[impact, urgency]
    return _Outcome(impact, urgency, severity, team, ticket, policy, runbook or service.runbook)


def _said(field: Field | None, alert: Alert) -> Level | None:
    """The level that the alert itself names; None if it names none."""
    word = field.read(alert).strip().lower() if field else ""
    return Level(word) if word in _LEVEL_WORDS else None


def _collects_key(rule: Rule, alert: Alert) -> str:
    """The name under which others find an incident of this rule: the rule, and what they must have in common with it."""
    return _bounded(f"{rule.name}|{_pairs(rule.collects.equal, alert)}") if rule.collects else ""


def _collected_by(rule: Rule, alert: Alert, ruleset: Ruleset) -> Iterable[str]:
    for other in ruleset.collectors:
        if other is rule or other.collects is None:
            continue
        if all(matcher.matches(alert) for matcher in other.collects.match):
            yield _collects_key(other, alert)


def _render(
    what: str, renderer: Renderer | None, fields: Mapping[str, Any], rule: Rule, default: str
) -> tuple[str, str]:
    """The rendered text and an empty problem, or the default text and what went wrong."""
    if renderer is None:
        return default, ""
    try:
        text = renderer(fields)
    except Exception as exc:  # noqa: BLE001 (whatever a template does, the page must go out)
        return default, f"{what} template of rule {rule.name}: {_one_line(str(exc))[:300] or type(exc).__name__}"
    if not text.strip():
        return default, f"{what} template of rule {rule.name}: the result is empty"
    return text, ""


def _default_title(alert: Alert) -> str:
    name, summary = alert.rule_name, alert.summary
    return summary if not name or name in summary else f"{name}: {summary}"


def _default_summary(alert: Alert) -> str:
    return alert.annotations.get("description") or alert.annotations.get("message") or alert.body or alert.summary


def _own_runbook(alert: Alert) -> str:
    """The runbook that the alert brings along. Only links that the source reader has checked are taken."""
    return alert.links.get("runbook", "")


def _dedup_key(rule: Rule, alert: Alert) -> str:
    """``name=value,...``; the alert's own key if none of the fields is there, so that strangers never count as one."""
    if not any(field.read(alert) for field in rule.dedup_by):
        return str(alert.key)
    return _bounded(_pairs(rule.dedup_by, alert))


def _correlate_key(rule: Rule, alert: Alert, team: str) -> str:
    by: Sequence[Field] | None = rule.correlate_by
    if by is not None and not by:
        return ""
    if by is None or not any(field.read(alert) for field in by):
        by = [field for field in (_CORRELATE_RULE, *_CORRELATE_LABELS) if field.read(alert)]
    return _bounded(f"{team}|{_pairs(by, alert)}") if by else ""


def _pairs(fields: Iterable[Field], alert: Alert) -> str:
    return ",".join(f"{_quoted(field.name)}={_quoted(field.read(alert))}" for field in fields)


def _quoted(text: str) -> str:
    """The text as it is, or in quotes where it could be taken for the syntax of a key: equal keys have equal parts."""
    if _NEEDS_QUOTES.isdisjoint(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _bounded(key: str) -> str:
    if len(key) <= KEY_LENGTH_MAX:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{key[: KEY_LENGTH_MAX - len(digest) - 1]}#{digest}"


def _one_line(text: str) -> str:
    return " ".join(text.split())
