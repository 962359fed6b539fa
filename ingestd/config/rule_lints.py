"""What loads and is not what its author believes: rules that never decide, never page, are over, or stand in each other's way.

A lint must be worth its noise: each of these has an effect, or lacks one, that nobody writes on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from ingestd.config.problems import Problem, ProblemLevel
from ingestd.config.rule_places import node_at
from ingestd.config.validation import Place, locate
from ingestd.config.yaml_tree import Document
from ingestd.core.conduct import Mode
from ingestd.core.matchers import Field, Matcher, MatchOp
from ingestd.core.names import Level, Severity
from ingestd.core.response import PageWhen
from ingestd.core.ruleset import Rule, Ruleset
from ingestd.core.shadowing import always_meets, shadowed
from ingestd.core.windows import OneOff, TimeWindow

EXPIRES_SOON: Final = timedelta(days=14)
"""So long before a rule expires somebody is told."""

Home = tuple[Document, int]
"""The file in which an entry stands, and its number there."""


@dataclass(frozen=True, slots=True)
class Homes:
    """Where rules and maintenance windows stand, by their names; and the file that says what severities set in motion, if one does."""

    rules: Mapping[str, Home] = field(default_factory=dict)
    windows: Mapping[str, Home] = field(default_factory=dict)
    response: Document | None = None


def lint_rules(ruleset: Ruleset, homes: Homes, now: datetime | None = None) -> Iterator[Problem]:
    """A warning for everything in a ruleset that has another effect than it seems. What depends on the time is told only with ``now``."""
    written = [(rule, *homes.rules[rule.name]) for rule in ruleset.rules if rule.name in homes.rules]
    yield from _unreachable(ruleset, homes)
    for rule, document, number in written:
        yield from _in_its_own_way(rule, document, number)
        yield from _never_paged(rule, document, number, ruleset)
        if now is not None:
            yield from _expiry(rule, document, number, now)
    yield from _collecting_each_other(ruleset, homes)
    yield from _no_office_hours(ruleset, homes)
    if now is not None:
        yield from _windows_over(ruleset, homes, now)


def _warning(document: Document, place: Place, code: str, text: str, hint: str) -> Problem:
    span = locate(document.root, place)
    return document.problem(span, code, text, hint=hint, level=ProblemLevel.WARNING)


def _unreachable(ruleset: Ruleset, homes: Homes) -> Iterator[Problem]:
    """Every rule that can never decide: somebody believes that it does."""
    for shadow in shadowed(ruleset):
        rule = ruleset.rules[shadow.position]
        document, number = homes.rules[rule.name]
        others = [ruleset.rules[position] for position in shadow.by]
        hint = "its matchers exclude each other"
        if others:
            first = [
                f'"{o.name}" {f"on line {o.line}" if o.file == rule.file else f"in {o.file}:{o.line}"}' for o in others
            ]
            hint = f"{' and '.join(first)} always {'matches' if len(first) == 1 else 'match'} first"
        text = f'rule "{rule.name}" can never match'
        yield _warning(document, ("rules", number, "rule"), "unreachable", text, hint)


def _in_its_own_way(rule: Rule, document: Document, number: int) -> Iterator[Problem]:
    place: Place = ("rules", number)
    start = place if node_at(document.root, (*place, "inhibit_by")) is not None else ("defaults",)
    for at, inhibition in enumerate(rule.inhibit_by):
        if not inhibition.equal and always_meets(rule.condition, inhibition.match):
            text = f'alerts of rule "{rule.name}" keep each other back'
            hint = (
                "each of them is one that inhibits: narrow its match, or say with  equal  what the two have in common"
            )
            yield _warning(document, (*start, "inhibit_by", at, "match"), "self-inhibiting", text, hint)
    for at, extraction in enumerate(rule.extract):
        for name in extraction.names:
            there = Matcher(Field(name), MatchOp.NOT_EQUAL, "", f'{name} != ""')
            if always_meets(rule.condition, (there,)):
                text = f'extract never gives the label "{name}": every alert of rule "{rule.name}" has it already'
                hint = "labels are never replaced: give the group another name"
                yield _warning(document, (*place, "extract", at, "regex"), "no-effect", text, hint)
    if rule.mode is Mode.MONITOR:
        for key in ("hold", "threshold"):
            if node_at(document.root, (*place, key)) is not None:
                text = f'{key} has no effect: rule "{rule.name}" only monitors'
                hint = f"every alert is recorded at once; {key} counts from when the rule is active"
                yield _warning(document, (*place, key), "no-effect", text, hint)


def _never_paged(rule: Rule, document: Document, number: int, ruleset: Ruleset) -> Iterator[Problem]:
    """A policy that the rule itself names, and that its severity keeps from paging. Defaults and teams speak for many severities."""
    place = ("rules", number, "page")
    if rule.policy is None or node_at(document.root, place) is None:
        return
    if any(ruleset.responses[severity].page is not PageWhen.NEVER for severity in _severities(rule, ruleset)):
        return
    text = f'rule "{rule.name}" never pages: its severity is {rule.severity}'
    hint = f"response says  {rule.severity}: {{page: never}}: raise impact or urgency, or take page out"
    yield _warning(document, place, "never-paged", text, hint)


def _severities(rule: Rule, ruleset: Ruleset) -> set[Severity]:
    """Those that its alerts can have: where it says no impact, the service catalogue may; a label may say any level."""
    impacts = set(Level) if rule.impact_from else {rule.impact}
    urgencies = set(Level) if rule.urgency_from else {rule.urgency}
    if "impact" in rule.left_to_service:
        impacts |= {service.impact for service in ruleset.services.values() if service.impact is not None}
    return {ruleset.matrix[impact, urgency] for impact in impacts for urgency in urgencies}


def _expiry(rule: Rule, document: Document, number: int, now: datetime) -> Iterator[Problem]:
    if rule.expires_at is None or rule.expires_at > now + EXPIRES_SOON:
        return
    place = ("rules", number, "expires")
    if rule.expires_at <= now:
        text = f'rule "{rule.name}" has expired: it matches nothing any more'
        yield _warning(document, place, "expired", text, "take it out, or give it a later day")
        return
    days = -(-(rule.expires_at - now) // timedelta(days=1))
    text = f'rule "{rule.name}" expires within {days} day{"" if days == 1 else "s"}'
    hint = "later rules decide from then on: give it a later day if it is still needed"
    yield _warning(document, place, "expires-soon", text, hint)


def _collecting_each_other(ruleset: Ruleset, homes: Homes) -> Iterator[Problem]:
    """Two rules of which each explains the other: whichever comes first keeps the other from paging."""
    for at, rule in enumerate(ruleset.collectors):
        for other in ruleset.collectors[:at]:
            if rule.collects is None or other.collects is None or rule.name not in homes.rules:
                continue
            if always_meets(rule.condition, other.collects.match) and always_meets(
                other.condition, rule.collects.match
            ):
                document, number = homes.rules[rule.name]
                text = f'rules "{rule.name}" and "{other.name}" collect each other'
                hint = "whichever opens first takes the other in: let one of them collect, or narrow match"
                place = ("rules", number, "correlate", "collects", "match")
                yield _warning(document, place, "collects-each-other", text, hint)


def _no_office_hours(ruleset: Ruleset, homes: Homes) -> Iterator[Problem]:
    if homes.response is None or ruleset.office_hours:
        return
    for severity, response in ruleset.responses.items():
        if response.page is PageWhen.OFFICE_HOURS:
            text = f"severity {severity} pages at any hour: no file says when office hours are"
            hint = "add  office_hours: {when: {weekdays: ['monday:friday'], times: [\"09:00-17:00\"]}}"
            yield _warning(homes.response, ("response", severity.value, "page"), "office-hours", text, hint)


def _windows_over(ruleset: Ruleset, homes: Homes, now: datetime) -> Iterator[Problem]:
    for window in ruleset.maintenance:
        if window.name in homes.windows and all(_is_over(time, now) for time in window.times):
            document, number = homes.windows[window.name]
            text = f'maintenance "{window.name}" is over: it never opens again'
            hint = "take it out, or give it another time"
            yield _warning(document, ("maintenance", number, "name"), "window-over", text, hint)


def _is_over(time: TimeWindow | OneOff, now: datetime) -> bool:
    if isinstance(time, OneOff):
        return time.ends_at <= now
    return bool(time.years) and time.opens_at(now) is None
