"""What the rules are once compiled, and what they say of an alert. Values only; ``classify`` applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ingestd.core.condition import Condition
from ingestd.core.matchers import Field
from ingestd.core.names import Level, Severity
from ingestd.core.rule_index import RuleIndex, index_conditions

UNMATCHED = "unmatched"
"""The name of the built-in last rule: what no other rule matches still gets a ticket and a page."""

DEFAULT_TEAM = "default"
"""The team that answers for whatever no rule gives to another."""

CORRELATE_SECONDS_DEFAULT = 30 * 60

DEFAULT_MATRIX: Mapping[tuple[Level, Level], Severity] = {
    (Level.HIGH, Level.HIGH): Severity.CRITICAL,
    (Level.HIGH, Level.MEDIUM): Severity.HIGH,
    (Level.HIGH, Level.LOW): Severity.MEDIUM,
    (Level.MEDIUM, Level.HIGH): Severity.HIGH,
    (Level.MEDIUM, Level.MEDIUM): Severity.MEDIUM,
    (Level.MEDIUM, Level.LOW): Severity.LOW,
    (Level.LOW, Level.HIGH): Severity.MEDIUM,
    (Level.LOW, Level.MEDIUM): Severity.LOW,
    (Level.LOW, Level.LOW): Severity.LOW,
}
"""Severity by (impact, urgency), used where no rule file has a ``severity:`` matrix."""

Renderer = Callable[[Mapping[str, Any]], str]
"""Renders a title or summary from the fields of ``classify.template_fields``. May raise anything."""


@dataclass(frozen=True, slots=True)
class TicketPlan:
    """Which connector opens the ticket. ``options`` is the rest of the rule's ``ticket:`` (project, group, type, ...)."""

    connector: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One rule that was looked at. ``failed_on`` is the first condition that did not hold, in words; empty if it matched."""

    rule: str
    file: str
    line: int
    failed_on: str = ""

    @property
    def has_matched(self) -> bool:
        """Whether this is the rule that decided."""
        return not self.failed_on


@dataclass(frozen=True, slots=True)
class Classification:
    """What the rules say of one alert.

    ``dedup_key`` names what the alert is about: the alert's own key if ``dedup_by`` is empty, else ``name=value,...``.
    ``correlate_key`` names the incident that it belongs to within ``correlate_within_seconds``: ``team|name=value,...``; empty
    means that it is correlated with nothing. ``reopen_within_seconds`` is None where the rule leaves it to the
    configuration. ``policy`` is None if nobody is to be paged, ``ticket`` None if no ticket is wanted.
    ``template_problem`` says why ``title`` or ``summary`` is plain default text; empty if the templates worked.
    """

    rule: str
    impact: Level
    urgency: Level
    severity: Severity
    category: str
    team: str
    dedup_by: tuple[str, ...]
    dedup_key: str
    reopen_within_seconds: int | None
    correlate_key: str
    correlate_within_seconds: int
    title: str
    summary: str
    ticket: TicketPlan | None
    policy: str | None
    runbook: str = ""
    template_problem: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with every default filled in. ``file`` and ``line`` say where it stands; empty and 0 for the built-in one.

    ``correlate_by`` is None for the default grouping (see ``classify``), empty for no correlation at all.
    """

    name: str
    condition: Condition
    impact: Level
    urgency: Level
    severity: Severity
    team: str
    category: str = ""
    dedup_by: tuple[Field, ...] = ()
    reopen_within_seconds: int | None = None
    correlate_by: tuple[Field, ...] | None = None
    correlate_within_seconds: int = CORRELATE_SECONDS_DEFAULT
    render_title: Renderer | None = None
    render_summary: Renderer | None = None
    ticket: TicketPlan | None = None
    policy: str | None = None
    runbook: str = ""
    about: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules in the order in which they are tried. The last one is ``unmatched`` and matches everything.

    ``version`` is the SHA-256 (hex) of the names and contents of the rule files: equal versions decide equally.
    """

    rules: tuple[Rule, ...]
    matrix: Mapping[tuple[Level, Level], Severity]
    version: str
    index: RuleIndex = field(init=False, repr=False, compare=False)
    """Of the rules' conditions, built with the ruleset."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", index_conditions([rule.condition for rule in self.rules]))

    @property
    def count(self) -> int:
        """How many rules an admin wrote; the built-in one is not counted."""
        return len(self.rules) - 1
