"""What the rules say of an alert: the first rule that matches decides. Pure, and it never raises.

A template that fails costs the author their wording and nothing else: the plain default text takes its place, and
``Classification.template_problem`` says why.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from ingestd.core.alert import Alert
from ingestd.core.condition import Condition
from ingestd.core.matchers import Field
from ingestd.core.ruleset import Classification, Renderer, Rule, Ruleset, TraceStep

TITLE_LENGTH_MAX = 255
SUMMARY_LENGTH_MAX = 16_384
KEY_LENGTH_MAX = 512
"""Characters of a dedup or correlation key; what is longer is cut and ends in a hash of the whole."""

TEMPLATE_FIELDS: dict[str, tuple[str, ...]] = {
    "labels": (),
    "annotations": (),
    "summary": (),
    "alert": ("source", "status", "rule", "summary", "value"),
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

_NEEDS_QUOTES = frozenset(',="\\|\r\n')


def classify(alert: Alert, ruleset: Ruleset) -> Classification:
    """The classification of an alert by the first rule that matches it; by ``unmatched`` if no other does.

    Rules that cannot match are not tried, so this does not say why they did not: ``trace`` does.
    """
    for position in ruleset.index.candidates(alert):
        rule = ruleset.rules[position]
        if not first_failure(rule.condition, alert):
            return _apply(rule, alert)
    raise AssertionError("the last rule of a ruleset matches every alert")


def trace(alert: Alert, ruleset: Ruleset) -> tuple[TraceStep, ...]:
    """Every rule up to the one that decides, which is the last, each with the first of its conditions that did not hold.

    For people who ask why: it tries one rule after the other, without the index.
    """
    steps: list[TraceStep] = []
    for rule in ruleset.rules:
        steps.append(TraceStep(rule.name, rule.file, rule.line, first_failure(rule.condition, alert)))
        if steps[-1].has_matched:
            break
    return tuple(steps)


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


def template_fields(alert: Alert, rule: Rule) -> dict[str, Any]:
    """What a title or summary template can use (the names in ``TEMPLATE_FIELDS``)."""
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
        },
        "rule": rule.name,
        "severity": rule.severity.value,
        "impact": rule.impact.value,
        "urgency": rule.urgency.value,
        "category": rule.category,
        "team": rule.team,
        "runbook": rule.runbook,
    }


def _apply(rule: Rule, alert: Alert) -> Classification:
    title, title_problem = _render("title", rule.render_title, alert, rule, _default_title(alert))
    summary, summary_problem = _render("summary", rule.render_summary, alert, rule, _default_summary(alert))
    return Classification(
        rule=rule.name,
        impact=rule.impact,
        urgency=rule.urgency,
        severity=rule.severity,
        category=rule.category,
        team=rule.team,
        dedup_by=tuple(field.name for field in rule.dedup_by),
        dedup_key=_dedup_key(rule, alert),
        reopen_within_seconds=rule.reopen_within_seconds,
        correlate_key=_correlate_key(rule, alert),
        correlate_within_seconds=rule.correlate_within_seconds,
        title=_one_line(title)[:TITLE_LENGTH_MAX],
        summary=summary.strip()[:SUMMARY_LENGTH_MAX],
        ticket=rule.ticket,
        policy=rule.policy,
        runbook=rule.runbook or _own_runbook(alert),
        template_problem="; ".join(problem for problem in (title_problem, summary_problem) if problem),
    )


def _render(what: str, renderer: Renderer | None, alert: Alert, rule: Rule, default: str) -> tuple[str, str]:
    """The rendered text and an empty problem, or the default text and what went wrong."""
    if renderer is None:
        return default, ""
    try:
        text = renderer(template_fields(alert, rule))
    except Exception as exc:  # noqa: BLE001 (whatever a template does, the page must go out)
        return default, f"{what} template of rule {rule.name}: {_one_line(str(exc))[:300] or type(exc).__name__}"
    if not text.strip():
        return default, f"{what} template of rule {rule.name}: the result is empty"
    return text, ""


def _default_title(alert: Alert) -> str:
    name, summary = alert.rule_name, alert.summary
    return summary if not name or name in summary else f"{name}: {summary}"


def _default_summary(alert: Alert) -> str:
    return alert.annotations.get("description") or alert.annotations.get("message") or alert.summary


def _own_runbook(alert: Alert) -> str:
    """The runbook that the alert brings along. Only links that the source reader has checked are taken."""
    return alert.links.get("runbook", "")


def _dedup_key(rule: Rule, alert: Alert) -> str:
    """``name=value,...``; the alert's own key if none of the fields is there, so that strangers never count as one."""
    if not any(field.read(alert) for field in rule.dedup_by):
        return str(alert.key)
    return _bounded(_pairs(rule.dedup_by, alert))


def _correlate_key(rule: Rule, alert: Alert) -> str:
    by: Sequence[Field] | None = rule.correlate_by
    if by is not None and not by:
        return ""
    if by is None or not any(field.read(alert) for field in by):
        by = [field for field in (_CORRELATE_RULE, *_CORRELATE_LABELS) if field.read(alert)]
    return _bounded(f"{rule.team}|{_pairs(by, alert)}") if by else ""


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
