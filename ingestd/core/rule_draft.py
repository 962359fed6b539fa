"""Rules and what stands beside them as written: what the compiler is given, and what it finds wrong. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ingestd.core.conduct import Flap, ManyReports, Mode, ResolveOn, Threshold
from ingestd.core.enrich import Service
from ingestd.core.names import Level, Severity
from ingestd.core.response import DEFAULT_RESPONSES, Response
from ingestd.core.ruleset import DEFAULT_TEAM, DuringWindow, Renderer, TeamRoute, TicketPlan
from ingestd.core.windows import OneOff, TimeWindow

COLLECTS_SECONDS_DEFAULT = 30 * 60
"""How old an incident may be to be taken in by one that explains it, where the rule does not say."""


@dataclass(frozen=True, slots=True)
class Known:
    """The names that rules may use."""

    teams: Mapping[str, TeamRoute] = field(default_factory=dict)
    policies: frozenset[str] = frozenset()
    connectors: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    skills: frozenset[str] | None = None
    """What people know; None: it is not known, and nothing is said of it."""

    def route_of(self, team: str) -> TeamRoute:
        """The team's route, with what the default team has where it says nothing."""
        default = self.teams.get(DEFAULT_TEAM, TeamRoute())
        own = self.teams.get(team, default)
        return TeamRoute(
            own.policy if own.has_policy else own.policy or default.policy,
            own.ticket if own.has_ticket else own.ticket or default.ticket,
        )


@dataclass(frozen=True, slots=True)
class ExtractDraft:
    """``{from: FIELD, regex: EXPRESSION}`` as written."""

    source: str
    regex: str


@dataclass(frozen=True, slots=True)
class PairDraft:
    """``{match: [...], equal: [...]}`` as written."""

    match: tuple[str, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EnrichDraft:
    """A step of the enrich stage as written. The name is empty if none was."""

    name: str
    match: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    extract: tuple[ExtractDraft, ...] = ()
    add: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class MaintenanceDraft:
    """A maintenance window as written; its times have been read. The name is empty if none was."""

    name: str
    match: tuple[str, ...] | None
    match_any: tuple[str, ...] | None
    unless: tuple[str, ...]
    times: tuple[TimeWindow | OneOff, ...]
    during: DuringWindow
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Stages:
    """What stands beside the rules, of all files: the stages before and after them, as written, and what is finished already."""

    matrix: Mapping[tuple[Level, Level], Severity]
    version: str
    responses: Mapping[Severity, Response] = field(default_factory=lambda: dict(DEFAULT_RESPONSES))
    office_hours: tuple[TimeWindow | OneOff, ...] = ()
    enrich: tuple[EnrichDraft, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    maintenance: tuple[MaintenanceDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as written, with its file's defaults filled in. None means that neither says anything.

    ``has_ticket`` and ``has_page`` tell a ``none`` that was written from a key that was left out. The name is empty if none was written:
    such a rule is of no use, but more may be wrong with it.
    """

    name: str
    match: tuple[str, ...] | None = None
    match_any: tuple[str, ...] | None = None
    unless: tuple[str, ...] = ()
    impact: Level | None = None
    urgency: Level | None = None
    impact_from: str = ""
    urgency_from: str = ""
    many_reports: ManyReports | None = None
    category: str = ""
    team: str | None = None
    dedup_by: tuple[str, ...] = ()
    dedup_within_seconds: int | None = None
    correlate_by: tuple[str, ...] | None = None
    correlate_within_seconds: int | None = None
    render_title: Renderer | None = None
    render_summary: Renderer | None = None
    ticket: TicketPlan | None = None
    has_ticket: bool = False
    page: str | None = None
    has_page: bool = False
    runbook: str = ""
    about: str = ""
    owner: str = ""
    skill: str = ""
    mode: Mode = Mode.ACTIVE
    extract: tuple[ExtractDraft, ...] = ()
    hold_seconds: int = 0
    flap: Flap | None = None
    threshold: Threshold | None = None
    inhibit_by: tuple[PairDraft, ...] = ()
    collects: PairDraft | None = None
    collects_within_seconds: int = COLLECTS_SECONDS_DEFAULT
    resolve_on: ResolveOn = ResolveOn.ALL
    auto_resolve_seconds: int | None = None
    expires_at: datetime | None = None
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in the draft at ``index`` of its ``section``. ``place`` leads to it inside: ``("match", 0)``.

    ``offset`` and ``length`` narrow it down inside a text; ``word`` is a name that does not exist, ``known`` those that do.
    """

    index: int
    place: tuple[str | int, ...]
    code: str
    text: str
    hint: str = ""
    offset: int | None = None
    length: int = 0
    word: str = ""
    known: tuple[str, ...] = ()
    section: str = "rules"
    """``rules``, ``enrich`` or ``maintenance``."""
