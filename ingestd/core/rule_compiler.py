"""Turns rules as written into rules that can be applied. Pure: files are read, and places are known, elsewhere.

Everything that is wrong is reported at once, each with the place inside the rule that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ingestd.core.condition import Condition
from ingestd.core.matchers import Field, MatcherError, parse_field, parse_matcher, parse_selector
from ingestd.core.names import Level, Severity
from ingestd.core.ruleset import (
    CORRELATE_SECONDS_DEFAULT,
    DEFAULT_TEAM,
    UNMATCHED,
    Renderer,
    Rule,
    Ruleset,
    TicketPlan,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TeamRoute:
    """What the configuration says of a team: who is paged and where tickets go unless a rule says otherwise."""

    policy: str | None = None
    ticket: TicketPlan | None = None
    has_policy: bool = False
    """Whether the team says anything of a policy: ``policy: none`` is not the same as leaving it out."""
    has_ticket: bool = False
    """The same of its tickets."""


@dataclass(frozen=True, slots=True)
class Known:
    """The names that rules may use."""

    teams: Mapping[str, TeamRoute] = field(default_factory=dict)
    policies: frozenset[str] = frozenset()
    connectors: frozenset[str] = frozenset()

    def route_of(self, team: str) -> TeamRoute:
        """The team's route, with what the default team has where it says nothing."""
        default = self.teams.get(DEFAULT_TEAM, TeamRoute())
        own = self.teams.get(team, default)
        return TeamRoute(
            own.policy if own.has_policy else own.policy or default.policy,
            own.ticket if own.has_ticket else own.ticket or default.ticket,
        )


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as written, with its file's defaults filled in. None means that neither says anything.

    ``has_ticket`` and ``has_page`` tell a ``none`` that was written from a key that was left out.
    """

    name: str
    match: tuple[str, ...] | None = None
    match_any: tuple[str, ...] | None = None
    unless: tuple[str, ...] = ()
    impact: Level | None = None
    urgency: Level | None = None
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
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in the draft at ``index``. ``place`` leads to it inside the rule: ``("match", 0)``.

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


def compile_rules(
    drafts: Sequence[RuleDraft], matrix: Mapping[tuple[Level, Level], Severity], known: Known, version: str
) -> tuple[Ruleset, tuple[Fault, ...]]:
    """The ruleset of the drafts that are right, ending in ``unmatched``, and everything that is wrong with the others."""
    rules: list[Rule] = []
    faults: list[Fault] = []
    first: dict[str, RuleDraft] = {}
    for index, draft in enumerate(drafts):
        compiler = _Compiler(index, draft, known)
        rule = compiler.compile(matrix)
        if draft.name in first:
            other = first[draft.name]
            compiler.fault(
                ("rule",), "duplicate-rule", f'there is another rule "{draft.name}"', f"in {other.file}:{other.line}"
            )
        elif draft.name == UNMATCHED:
            compiler.fault(("rule",), "duplicate-rule", f'"{UNMATCHED}" is the built-in last rule', "use another name")
        first.setdefault(draft.name, draft)
        faults += compiler.faults
        if not compiler.faults:
            rules.append(rule)
    return Ruleset((*rules, _unmatched(matrix, known)), matrix, version), tuple(faults)


def _unmatched(matrix: Mapping[tuple[Level, Level], Severity], known: Known) -> Rule:
    route = known.route_of(DEFAULT_TEAM)
    return Rule(
        name=UNMATCHED,
        condition=Condition(),
        impact=Level.MEDIUM,
        urgency=Level.MEDIUM,
        severity=matrix[Level.MEDIUM, Level.MEDIUM],
        team=DEFAULT_TEAM,
        ticket=route.ticket,
        policy=route.policy,
        about="Built in: what no rule matches is still ticketed and paged, so that nothing is lost.",
    )


class _Compiler:
    """Compiles one draft and gathers its faults."""

    def __init__(self, index: int, draft: RuleDraft, known: Known) -> None:
        self._index = index
        self._draft = draft
        self._known = known
        self.faults: list[Fault] = []

    def compile(self, matrix: Mapping[tuple[Level, Level], Severity]) -> Rule:
        """The rule; of use only if there are no faults afterwards."""
        draft = self._draft
        team = draft.team or DEFAULT_TEAM
        self._check_names(team)
        impact, urgency = draft.impact or Level.MEDIUM, draft.urgency or Level.MEDIUM
        route = self._known.route_of(team)
        within = draft.correlate_within_seconds
        return Rule(
            name=draft.name,
            condition=self._condition(),
            impact=impact,
            urgency=urgency,
            severity=matrix[impact, urgency],
            team=team,
            category=draft.category,
            dedup_by=self._fields(draft.dedup_by, "dedup"),
            reopen_within_seconds=draft.dedup_within_seconds,
            correlate_by=None if draft.correlate_by is None else self._fields(draft.correlate_by, "correlate"),
            correlate_within_seconds=CORRELATE_SECONDS_DEFAULT if within is None else within,
            render_title=draft.render_title,
            render_summary=draft.render_summary,
            ticket=draft.ticket if draft.has_ticket else route.ticket,
            policy=draft.page if draft.has_page else route.policy,
            runbook=draft.runbook,
            about=draft.about,
            file=draft.file,
            line=draft.line,
        )

    def fault(self, place: tuple[str | int, ...], code: str, text: str, hint: str = "") -> None:
        """Note a fault that concerns a whole value."""
        self.faults.append(Fault(self._index, place, code, text, hint))

    def _check_names(self, team: str) -> None:
        draft, known = self._draft, self._known
        if team not in known.teams:
            self._unknown(("team",), "team", team, known.teams)
        if draft.page is not None and draft.page not in known.policies:
            self._unknown(("page",), "policy", draft.page, known.policies)
        if draft.ticket is not None and draft.ticket.connector not in known.connectors:
            self._unknown(("ticket", "to"), "connector", draft.ticket.connector, known.connectors)

    def _unknown(self, place: tuple[str | int, ...], what: str, word: str, known: Iterable[str]) -> None:
        text = f'{what} "{word}" is not defined'
        self.faults.append(Fault(self._index, place, f"unknown-{what}", text, word=word, known=tuple(sorted(known))))

    def _condition(self) -> Condition:
        draft = self._draft
        if draft.match is None and draft.match_any is None:
            text = f'rule "{draft.name}" has neither match nor match_any'
            self.fault(("rule",), "missing-key", text, "to match every alert on purpose, write  match: []")
        return Condition(
            match=self._each(draft.match or (), "match", parse_matcher),
            match_any=self._each(draft.match_any or (), "match_any", parse_selector),
            unless=self._each(draft.unless, "unless", parse_matcher),
        )

    def _each(self, texts: Iterable[str], key: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        parsed: list[T] = []
        for number, text in enumerate(texts):
            try:
                parsed.append(parse(text))
            except MatcherError as exc:
                self._matcher_fault((key, number), exc)
        return tuple(parsed)

    def _fields(self, names: Iterable[str], key: str) -> tuple[Field, ...]:
        return self._each(names, key, parse_field)

    def _matcher_fault(self, place: tuple[str | int, ...], exc: MatcherError) -> None:
        key, number = place
        path = (key, "by", number) if key in {"dedup", "correlate"} else place
        text = f'rule "{self._draft.name}": {exc}'
        self.faults.append(
            Fault(self._index, path, "matcher", text, exc.hint, exc.offset, exc.length, exc.word, exc.known)
        )
