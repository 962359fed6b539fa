"""Turns rules as written into rules that can be applied. Pure: files are read, and places are known, elsewhere.

Everything that is wrong is reported at once, each with the place inside the rule that it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from ingestd.core.condition import Condition
from ingestd.core.enrich import EnrichStep, Extraction
from ingestd.core.matchers import (
    Field,
    MatcherError,
    capture_names,
    compile_capture,
    parse_field,
    parse_matcher,
    parse_selector,
)
from ingestd.core.names import Level, Severity
from ingestd.core.rule_draft import (
    EnrichDraft,
    ExtractDraft,
    Fault,
    Known,
    MaintenanceDraft,
    PairDraft,
    RuleDraft,
    Stages,
)
from ingestd.core.ruleset import (
    CORRELATE_SECONDS_DEFAULT,
    DEFAULT_TEAM,
    UNMATCHED,
    Collects,
    Inhibition,
    Maintenance,
    Rule,
    Ruleset,
)

T = TypeVar("T")


def compile_rules(drafts: Sequence[RuleDraft], stages: Stages, known: Known) -> tuple[Ruleset, tuple[Fault, ...]]:
    """The ruleset of everything that is right, its rules ending in ``unmatched``, and everything that is wrong with the rest."""
    rules: list[Rule] = []
    faults: list[Fault] = []
    first: dict[str, RuleDraft] = {}
    for index, draft in enumerate(drafts):
        compiler = _RuleCompiler(index, draft, known)
        rule = compiler.compile(stages.matrix)
        _check_name(compiler.faults, draft, first)
        faults += compiler.faults.found
        if not compiler.faults.found:
            rules.append(rule)
    enrich = [_enrich_step(_Faults("enrich", n, one.name), one) for n, one in enumerate(stages.enrich)]
    maintenance = [_maintenance(_Faults("maintenance", n, one.name), one) for n, one in enumerate(stages.maintenance)]
    for _, wrong in (*enrich, *maintenance):
        faults += wrong.found
    ruleset = Ruleset(
        rules=(*rules, _unmatched(stages.matrix, known)),
        matrix=stages.matrix,
        version=stages.version,
        responses=stages.responses,
        office_hours=stages.office_hours,
        enrich=tuple(step for step, wrong in enrich if not wrong.found),
        services=stages.services,
        maintenance=tuple(window for window, wrong in maintenance if not wrong.found),
        routes={team: known.route_of(team) for team in known.teams},
    )
    return ruleset, tuple(faults)


def _check_name(faults: _Faults, draft: RuleDraft, first: dict[str, RuleDraft]) -> None:
    if not draft.name:
        return
    if draft.name in first:
        other = first[draft.name]
        text = f'there is another rule "{draft.name}"'
        faults.add(("rule",), "duplicate-rule", text, f"in {other.file}:{other.line}")
    elif draft.name == UNMATCHED:
        faults.add(("rule",), "duplicate-rule", f'"{UNMATCHED}" is the built-in last rule', "use another name")
    first.setdefault(draft.name, draft)


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
        about="Built in: what no rule matches is still ticketed and paged at once, so that nothing is lost.",
        is_bound_by_response=False,
        left_to_service=frozenset({"team", "impact", "policy", "ticket", "runbook"}),
    )


_NAMELESS: Final = {"rules": "this rule", "enrich": "this step", "maintenance": "this window"}


class _Faults:
    """Gathers what is wrong with one entry of a section, and parses texts so that every fault has its place."""

    def __init__(self, section: str, index: int, name: str) -> None:
        self._section = section
        self._index = index
        kind = {"rules": "rule", "enrich": "enrich step"}.get(section, section)
        self._what = f'{kind} "{name}"' if name else _NAMELESS[section]
        self.found: list[Fault] = []

    def add(self, place: tuple[str | int, ...], code: str, text: str, hint: str = "") -> None:
        """Note a fault that concerns a whole value."""
        self.found.append(Fault(self._index, place, code, text, hint, section=self._section))

    def unknown(self, place: tuple[str | int, ...], what: str, word: str, known: Iterable[str], hint: str = "") -> None:
        """Note a name that stands for nothing; without ``hint`` the nearest of those that are known is the hint."""
        text = f'{what} "{word}" is not defined'
        names = tuple(sorted(known))
        fault = Fault(self._index, place, f"unknown-{what}", text, hint, word=word, known=names, section=self._section)
        self.found.append(fault)

    def each(self, texts: Iterable[str], place: tuple[str | int, ...], parse: Callable[[str], T]) -> tuple[T, ...]:
        """Parse texts that stand in the list at ``place``."""
        parsed = (self.one(text, (*place, number), parse) for number, text in enumerate(texts))
        return tuple(found for found in parsed if found is not None)

    def one(self, text: str, place: tuple[str | int, ...], parse: Callable[[str], T]) -> T | None:
        """Parse the text at ``place``; None after a fault."""
        try:
            return parse(text)
        except MatcherError as exc:
            words = f"{self._what}: {exc}"
            fault = Fault(
                self._index,
                place,
                "matcher",
                words,
                exc.hint,
                exc.offset,
                exc.length,
                exc.word,
                exc.known,
                section=self._section,
            )
            self.found.append(fault)
            return None

    def extractions(self, drafts: Sequence[ExtractDraft]) -> tuple[Extraction, ...]:
        """The extractions under the key ``extract``, which holds one mapping or a list of them."""
        found = []
        for number, draft in enumerate(drafts):
            place: tuple[str | int, ...] = ("extract",) if len(drafts) == 1 else ("extract", number)
            source = self.one(draft.source, (*place, "from"), parse_field)
            pattern = self.one(draft.regex, (*place, "regex"), compile_capture)
            if source is not None and pattern is not None:
                found.append(Extraction(source, pattern, capture_names(pattern)))
        return tuple(found)

    def fields(self, names: Iterable[str], place: tuple[str | int, ...]) -> tuple[Field, ...]:
        """The fields whose names stand in the list at ``place``."""
        return self.each(names, place, parse_field)

    def condition(
        self,
        match: tuple[str, ...] | None,
        match_any: tuple[str, ...] | None,
        unless: tuple[str, ...],
        name_place: str,
    ) -> Condition:
        """The condition of three lists of matchers, of which one of the first two must have been written."""
        if match is None and match_any is None:
            text = f"{self._what} has neither match nor match_any"
            self.add((name_place,), "missing-key", text, "to match every alert on purpose, write  match: []")
        return Condition(
            match=self.each(match or (), ("match",), parse_matcher),
            match_any=self.each(match_any or (), ("match_any",), parse_selector),
            unless=self.each(unless, ("unless",), parse_matcher),
        )


def _enrich_step(faults: _Faults, draft: EnrichDraft) -> tuple[EnrichStep, _Faults]:
    match = faults.each(draft.match, ("match",), parse_matcher)
    return EnrichStep(draft.name, match, draft.rename, faults.extractions(draft.extract), draft.add), faults


def _maintenance(faults: _Faults, draft: MaintenanceDraft) -> tuple[Maintenance, _Faults]:
    condition = faults.condition(draft.match, draft.match_any, draft.unless, "name")
    return Maintenance(draft.name, condition, draft.times, draft.during, draft.file, draft.line), faults


class _RuleCompiler:
    """Compiles one rule and gathers its faults."""

    def __init__(self, index: int, draft: RuleDraft, known: Known) -> None:
        self._draft = draft
        self._known = known
        self.faults = _Faults("rules", index, draft.name)

    def compile(self, matrix: Mapping[tuple[Level, Level], Severity]) -> Rule:
        """The rule; of use only if there are no faults afterwards."""
        draft = self._draft
        team = draft.team or DEFAULT_TEAM
        self._check_names(team)
        impact, urgency = draft.impact or Level.MEDIUM, draft.urgency or Level.MEDIUM
        route = self._known.route_of(team)
        within = draft.correlate_within_seconds
        correlate_by = draft.correlate_by
        return Rule(
            name=draft.name,
            condition=self.faults.condition(draft.match, draft.match_any, draft.unless, "rule"),
            impact=impact,
            urgency=urgency,
            severity=matrix[impact, urgency],
            team=team,
            category=draft.category,
            dedup_by=self.faults.fields(draft.dedup_by, ("dedup", "by")),
            reopen_within_seconds=draft.dedup_within_seconds,
            correlate_by=None if correlate_by is None else self.faults.fields(correlate_by, ("correlate", "by")),
            correlate_within_seconds=CORRELATE_SECONDS_DEFAULT if within is None else within,
            render_title=draft.render_title,
            render_summary=draft.render_summary,
            ticket=draft.ticket if draft.has_ticket else route.ticket,
            policy=draft.page if draft.has_page else route.policy,
            runbook=draft.runbook,
            about=draft.about,
            owner=draft.owner,
            skill=draft.skill,
            file=draft.file,
            line=draft.line,
            mode=draft.mode,
            extract=self.faults.extractions(draft.extract),
            hold_seconds=draft.hold_seconds,
            flap=draft.flap,
            threshold=draft.threshold,
            inhibit_by=tuple(self._inhibition(number, one) for number, one in enumerate(draft.inhibit_by)),
            collects=self._collects(),
            resolve_on=draft.resolve_on,
            auto_resolve_seconds=draft.auto_resolve_seconds,
            expires_at=draft.expires_at,
            impact_from=self._field(draft.impact_from, "impact_from"),
            urgency_from=self._field(draft.urgency_from, "urgency_from"),
            many_reports=draft.many_reports,
            left_to_service=self._left_to_service(),
        )

    def _field(self, name: str, key: str) -> Field | None:
        return self.faults.one(name, (key,), parse_field) if name else None

    def _left_to_service(self) -> frozenset[str]:
        draft = self._draft
        written = {
            "team": draft.team is not None,
            "impact": draft.impact is not None,
            "policy": draft.has_page,
            "ticket": draft.has_ticket,
            "runbook": bool(draft.runbook),
        }
        return frozenset(key for key, is_written in written.items() if not is_written)

    def _check_names(self, team: str) -> None:
        draft, known, faults = self._draft, self._known, self.faults
        if team not in known.teams:
            faults.unknown(("team",), "team", team, known.teams)
        if draft.page is not None and draft.page not in known.policies:
            hint = f"{draft.page} is a person; page names a policy" if draft.page in known.people else ""
            faults.unknown(("page",), "policy", draft.page, known.policies | {"none"}, hint)
        if draft.skill and known.skills is not None and draft.skill not in known.skills:
            hint = "" if known.skills else "add it under skills: of whoever knows it"
            faults.unknown(("skill",), "skill", draft.skill, known.skills, hint)
        if draft.ticket is not None and draft.ticket.connector not in known.connectors:
            faults.unknown(("ticket", "to"), "connector", draft.ticket.connector, known.connectors)

    def _inhibition(self, number: int, draft: PairDraft) -> Inhibition:
        place = ("inhibit_by",) if len(self._draft.inhibit_by) == 1 else ("inhibit_by", number)
        match = self.faults.each(draft.match, (*place, "match"), parse_matcher)
        return Inhibition(match, self.faults.fields(draft.equal, (*place, "equal")))

    def _collects(self) -> Collects | None:
        draft = self._draft.collects
        if draft is None:
            return None
        place = ("correlate", "collects")
        match = self.faults.each(draft.match, (*place, "match"), parse_matcher)
        equal = self.faults.fields(draft.equal, (*place, "equal"))
        return Collects(match, equal, self._draft.collects_within_seconds)
