"""What the rules are once compiled, and what they say of an alert. Values only; ``classify`` applies them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from ingestd.core.condition import Condition
from ingestd.core.conduct import Flap, ManyReports, Mode, ResolveOn, Threshold
from ingestd.core.enrich import EnrichStep, Extraction, Service
from ingestd.core.matchers import Field, Matcher
from ingestd.core.names import Level, Severity
from ingestd.core.response import DEFAULT_RESPONSES, PageWhen, Response
from ingestd.core.rule_index import RuleIndex, index_conditions
from ingestd.core.windows import OneOff, TimeWindow

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
class TeamRoute:
    """What the configuration says of a team: who is paged and where tickets go unless a rule says otherwise."""

    policy: str | None = None
    ticket: TicketPlan | None = None
    has_policy: bool = False
    """Whether the team says anything of a policy: ``policy: none`` is not the same as leaving it out."""
    has_ticket: bool = False
    """The same of its tickets."""


class DuringWindow(StrEnum):
    """What a maintenance window leaves of an alert: only the ticket, only the record of the incident, or nothing at all."""

    TICKET_ONLY = "ticket-only"
    RECORD = "record"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A maintenance window: at these times the alerts that satisfy ``condition`` bring about less."""

    name: str
    condition: Condition
    times: tuple[TimeWindow | OneOff, ...]
    during: DuringWindow = DuringWindow.DROP
    file: str = ""
    line: int = 0

    def open_until(self, at: datetime) -> datetime | None:
        """When the window ends that is open at this instant; None if none is."""
        return max((end for one in self.times if (end := one.open_until(at)) is not None), default=None)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """An alert is inhibited while another one fires that satisfies ``match`` and agrees with it in all of ``equal``."""

    match: tuple[Matcher, ...]
    equal: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Collects:
    """What an incident of this rule explains: alerts that satisfy ``match`` and agree with it in all of ``equal``.

    They become incidents below it, which page nobody while it is open. Those that opened up to ``within_seconds`` before it, and that
    nobody has acknowledged, are taken in as well.
    """

    match: tuple[Matcher, ...]
    equal: tuple[Field, ...]
    within_seconds: int


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
class LouderWithMany:
    """What the rules say of a report once ``count`` people have reported the same within ``within_seconds``."""

    count: int
    within_seconds: int
    impact: Level
    urgency: Level
    severity: Severity
    policy: str | None
    page_when: PageWhen
    ack_within_seconds: int | None


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
    mode: Mode = Mode.ACTIVE
    hold_seconds: int = 0
    flap: Flap | None = None
    threshold: Threshold | None = None
    inhibit_by: tuple[Inhibition, ...] = ()
    resolve_on: ResolveOn = ResolveOn.ALL
    auto_resolve_seconds: int | None = None
    page_when: PageWhen = PageWhen.NOW
    ack_within_seconds: int | None = None
    collects: Collects | None = None
    collects_key: str = ""
    """The name under which an incident of this alert collects what it explains; empty if it explains nothing."""
    collected_by: tuple[str, ...] = ()
    """The names of incidents that would explain this alert, if they are open."""
    rules_version: str = ""
    service: str = ""
    """The service that the alert is about, by its label; empty if it has none."""
    skill: str = ""
    """What whoever is put in charge must know; empty if that does not matter."""
    many_reports: LouderWithMany | None = None
    """What it is when many people report the same; None if their number says nothing."""


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
    owner: str = ""
    skill: str = ""
    file: str = ""
    line: int = 0
    mode: Mode = Mode.ACTIVE
    extract: tuple[Extraction, ...] = ()
    hold_seconds: int = 0
    flap: Flap | None = None
    threshold: Threshold | None = None
    inhibit_by: tuple[Inhibition, ...] = ()
    collects: Collects | None = None
    resolve_on: ResolveOn = ResolveOn.ALL
    auto_resolve_seconds: int | None = None
    expires_at: datetime | None = None
    is_bound_by_response: bool = True
    """Whether the severity's ``response`` decides when it pages; the built-in last rule always pages at once."""
    impact_from: Field | None = None
    """What says the impact of the single alert: ``high``, ``medium`` or ``low``; where it says none of them, the rule does."""
    urgency_from: Field | None = None
    many_reports: ManyReports | None = None
    left_to_service: frozenset[str] = frozenset()
    """Of ``team impact policy ticket runbook``: what nobody wrote, so that the service catalogue may say it."""


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules in the order in which they are tried. The last one is ``unmatched`` and matches everything.

    ``version`` is the SHA-256 (hex) of the names and contents of the rule files: equal versions decide equally.
    """

    rules: tuple[Rule, ...]
    matrix: Mapping[tuple[Level, Level], Severity]
    version: str
    responses: Mapping[Severity, Response] = field(default_factory=lambda: dict(DEFAULT_RESPONSES))
    office_hours: tuple[TimeWindow | OneOff, ...] = ()
    enrich: tuple[EnrichStep, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    maintenance: tuple[Maintenance, ...] = ()
    routes: Mapping[str, TeamRoute] = field(default_factory=dict)
    """Of every team, with what the default team has where it says nothing: for teams that the service catalogue names."""
    collectors: tuple[Rule, ...] = field(init=False, repr=False, compare=False)
    """The rules whose incidents collect others."""
    has_inhibitions: bool = field(init=False, repr=False, compare=False)
    """Whether any alert may be inhibited by another."""
    index: RuleIndex = field(init=False, repr=False, compare=False)
    """Of the rules' conditions, built with the ruleset."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", index_conditions([rule.condition for rule in self.rules]))
        object.__setattr__(self, "collectors", tuple(rule for rule in self.rules if rule.collects is not None))

        object.__setattr__(self, "has_inhibitions", any(rule.inhibit_by for rule in self.rules))

    def in_office_hours(self, at: datetime) -> bool:
        """Whether people are at work then; always, if no rule file has ``office_hours``."""
        return not self.office_hours or any(window.contains(at) for window in self.office_hours)

    def office_opens_at(self, at: datetime) -> datetime:
        """``at`` in office hours, else when they begin next; ``at`` if they never do: fail towards people."""
        opens = [found for window in self.office_hours if (found := window.opens_at(at)) is not None]
        return min(opens, default=at)

    @property
    def count(self) -> int:
        """How many rules an admin wrote; the built-in one is not counted."""
        return len(self.rules) - 1
