"""Reads a folder of rule files into a ruleset, with every problem at its place in the file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from ingestd.config.mending import validate_rest, written_name
from ingestd.config.problems import Problem
from ingestd.config.rule_lints import Homes, lint_rules
from ingestd.config.rule_model import ManyReportsModel, RuleFileModel, RuleModel
from ingestd.config.rule_places import lint_comments, place_of
from ingestd.config.rule_stages import StageReading
from ingestd.config.templates import TemplateProblemError, compile_template
from ingestd.config.validation import locate
from ingestd.config.yaml_tree import Document, Node, Scalar, Sequence, Span, read_document
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.core.conduct import Flap, ManyReports, ResolveOn, Threshold
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import COLLECTS_SECONDS_DEFAULT, ExtractDraft, Known, PairDraft, RuleDraft
from ingestd.core.ruleset import Renderer, Ruleset, TicketPlan
from ingestd.core.windows import instant_of

FILES_COUNT_MAX = 1000
TEST_SUFFIX = "_test.yaml"
"""Files of this name beside the rules hold tests, not rules."""


_ENTRIES = frozenset({"enrich", "rules", "maintenance", "tests"})
"""Sections whose entries are validated one by one."""


@dataclass(slots=True)
class _Reading:
    """What has been read so far. ``zone`` is that of what names none."""

    zone: tzinfo
    drafts: list[RuleDraft] = field(default_factory=list)
    homes: list[tuple[Document, int]] = field(default_factory=list)
    """For each draft: its file, and its number there."""
    stages: StageReading = field(default_factory=StageReading)
    problems: list[Problem] = field(default_factory=list)
    renderers: dict[str, Renderer] = field(default_factory=dict)
    partial: set[int] = field(default_factory=set)
    """The drafts that lack what was wrong in them: looked through for more, and no rules."""


def load_rules(
    path: Path, known: Known, *, shown_as: str = "", zone: tzinfo = UTC, now: datetime | None = None
) -> tuple[Ruleset, tuple[Problem, ...]]:
    """The rules of a folder's ``*.yaml`` in the order of their names, or of one file, and everything that is wrong.

    The ruleset holds only what is without errors: use it only if ``has_errors`` of the problems is false. ``shown_as`` is
    how the path is written in problems, ``zone`` that of times for which no zone is written. With ``now``, what is over is a warning
    too. Never raises.
    """
    shown = shown_as or str(path)
    reading = _Reading(zone)
    digest = hashlib.sha256()
    for file in _rule_files(path, shown, reading):
        name = shown_path(file, path, shown)
        document, raw = read_document(file, name)
        digest.update(f"{file.name}\0{len(raw)}\0".encode("utf-8", "surrogateescape") + raw)
        _read_file(document, reading)
        reading.problems += document.problems
        document.problems.clear()
    reading.stages.check_teams(known, reading.problems)
    ruleset, faults = compile_rules(reading.drafts, reading.stages.finish(digest.hexdigest()), known)
    homes = {"rules": reading.homes, **reading.stages.homes}
    for fault in faults:
        reading.problems.append(place_of(fault, *homes[fault.section][fault.index]))
    wrong = {reading.drafts[index].name for index in reading.partial}
    if wrong:  # and would hide others, or seem to
        ruleset = replace(ruleset, rules=tuple(rule for rule in ruleset.rules if rule.name not in wrong))
    reading.problems += lint_rules(ruleset, _homes_by_name(reading), now)
    return ruleset, tuple(reading.problems)


def _homes_by_name(reading: _Reading) -> Homes:
    windows = zip(reading.stages.maintenance, reading.stages.homes["maintenance"], strict=True)
    return Homes(
        rules={draft.name: home for draft, home in zip(reading.drafts, reading.homes, strict=True)},
        windows={window.name: home for window, home in windows if window.name},
        response=reading.stages.response_home,
    )


def rule_paths(path: Path) -> list[Path]:
    """The rule files of a folder in the order in which they are read, or the one file. Raises ``OSError``."""
    return [path] if path.is_file() else [one for one in _listed(path) if not one.name.endswith(TEST_SUFFIX)]


def test_paths(path: Path) -> list[Path]:
    """The files that hold tests beside these rules. Raises ``OSError``."""
    if path.is_file():
        beside = path.with_name(f"{path.stem}{TEST_SUFFIX}")
        return [beside] if beside.is_file() else []
    return [one for one in _listed(path) if one.name.endswith(TEST_SUFFIX)]


def shown_path(path: Path, rules: Path, rules_shown_as: str) -> str:
    """How a file of the rules is written in problems, if the rules themselves are written so."""
    if path == rules:
        return rules_shown_as
    return str(Path(rules_shown_as) / path.name) if rules.is_dir() else str(Path(rules_shown_as).with_name(path.name))


def _listed(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.suffix == ".yaml" and not one.name.startswith("."))


def _rule_files(path: Path, shown: str, reading: _Reading) -> list[Path]:
    document = Document(shown, [])
    if path.is_file():
        return [path]
    try:
        names = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as exc:
        document.report(None, "missing-file", f"cannot read the rules: {exc.strerror or exc}", hint=f"looked at {path}")
        reading.problems += document.problems
        return []
    files = rule_paths(path)
    for name in names:
        if name.suffix == ".yml":
            document.lint(None, "ignored-file", f"{name.name} is not read", hint="rename it to .yaml")
    if not files:
        document.lint(None, "no-rules", "no rule files here: every alert goes to the team default as unmatched")
    if len(files) > FILES_COUNT_MAX:
        document.report(None, "too-large", f"{len(files)} rule files (at most {FILES_COUNT_MAX})")
    reading.problems += document.problems
    return files[:FILES_COUNT_MAX]


def _read_file(document: Document, reading: _Reading) -> None:
    root = document.root
    if root is None and document.problems:
        return
    if root is None or (isinstance(root, Scalar) and root.value is None):
        document.lint(None, "no-rules", "this file is empty")
        return
    lint_comments(document, root)
    head = validate_rest(document, root, RuleFileModel, left_out=_ENTRIES)[0] or RuleFileModel()
    reading.stages.read(document, root, head, reading.zone)
    rules = root.get("rules") if isinstance(root, YamlMapping) else None
    # Each rule by itself: one that is wrong must not hide what is wrong with the others.
    for number, node in enumerate(rules.items if isinstance(rules, Sequence) else ()):
        written, stand_in = written_name(node, "rule"), f"rule-{number + 1}"
        rule, is_whole = validate_rest(document, node, RuleModel, {"rule": stand_in, "match": []})
        if rule is not None:
            if not is_whole:
                reading.partial.add(len(reading.drafts))
            draft = _draft(document, root, number, rule, head, reading)
            # A name that nobody wrote means nothing to anybody.
            reading.drafts.append(replace(draft, name="") if draft.name == stand_in != written else draft)
            reading.homes.append((document, number))


def _draft(
    document: Document, root: Node, number: int, rule: RuleModel, head: RuleFileModel, reading: _Reading
) -> RuleDraft:
    """The rule with the file's defaults: key by key; ``dedup`` and ``correlate`` also key by key, ``ticket`` as a whole."""
    span = locate(root, ("rules", number, "rule"))
    defaults = head.defaults
    has_ticket = "ticket" in rule.model_fields_set or "ticket" in defaults.model_fields_set
    has_page = "page" in rule.model_fields_set or "page" in defaults.model_fields_set
    ticket = rule.ticket if "ticket" in rule.model_fields_set else defaults.ticket
    dedup_by = rule.dedup.by if rule.dedup.by is not None else defaults.dedup.by

    def renderer(key: str, own: str | None, default: str | None) -> Renderer | None:
        place = ("rules", number, key) if own is not None else ("defaults", key)
        return _renderer(document, root, place, own if own is not None else default, reading)

    return RuleDraft(
        name=rule.rule,
        match=rule.match,
        match_any=rule.match_any,
        unless=rule.unless,
        impact=rule.impact or defaults.impact,
        urgency=rule.urgency or defaults.urgency,
        category=(rule.category if rule.category is not None else defaults.category) or "",
        team=rule.team or defaults.team,
        dedup_by=dedup_by or (),
        dedup_within_seconds=_first(rule.dedup.within_seconds, defaults.dedup.within_seconds),
        correlate_by=rule.correlate.by if rule.correlate.by is not None else defaults.correlate.by,
        correlate_within_seconds=_first(rule.correlate.within_seconds, defaults.correlate.within_seconds),
        render_title=renderer("title", rule.title, defaults.title),
        render_summary=renderer("summary", rule.summary, defaults.summary),
        ticket=TicketPlan(ticket.to, ticket.options) if ticket else None,
        has_ticket=has_ticket,
        page=rule.page if "page" in rule.model_fields_set else defaults.page,
        has_page=has_page,
        runbook=(rule.runbook if rule.runbook is not None else defaults.runbook) or "",
        skill=(rule.skill if rule.skill is not None else defaults.skill) or "",
        about=rule.about,
        file=document.file,
        line=span.line if span else 0,
        **_handling(rule, head, reading.zone),
    )


def _handling(rule: RuleModel, head: RuleFileModel, zone: tzinfo) -> dict[str, Any]:
    """The keys that say when something comes of an alert, and when it is over."""
    defaults = head.defaults
    flap = rule.flap or defaults.flap
    threshold = rule.threshold or defaults.threshold
    inhibit_by = rule.inhibit_by if rule.inhibit_by is not None else defaults.inhibit_by or ()
    collects = rule.correlate.collects
    expires_at = rule.expires
    if expires_at is not None and expires_at.tzinfo is None:
        expires_at = instant_of(expires_at, zone)
    return {
        "owner": rule.owner or head.owner,
        "impact_from": rule.impact_from or defaults.impact_from or "",
        "urgency_from": rule.urgency_from or defaults.urgency_from or "",
        "many_reports": _many_reports(rule.many_reports or defaults.many_reports),
        "mode": rule.mode,
        "extract": tuple(ExtractDraft(one.source, one.regex) for one in rule.extract),
        "hold_seconds": _first(rule.hold_seconds, defaults.hold_seconds) or 0,
        "flap": Flap(flap.count, flap.within_seconds) if flap else None,
        "threshold": Threshold(threshold.count, threshold.within_seconds) if threshold else None,
        "inhibit_by": tuple(PairDraft(one.match, one.equal) for one in inhibit_by),
        "collects": PairDraft(collects.match, collects.equal) if collects else None,
        "collects_within_seconds": collects.within_seconds if collects else COLLECTS_SECONDS_DEFAULT,
        "resolve_on": rule.resolve_on or defaults.resolve_on or ResolveOn.ALL,
        "auto_resolve_seconds": _first(rule.auto_resolve_seconds, defaults.auto_resolve_seconds),
        "expires_at": expires_at,
    }


def _many_reports(model: ManyReportsModel | None) -> ManyReports | None:
    return ManyReports(model.count, model.within_seconds, model.impact, model.urgency) if model else None


def _first(own: int | None, default: int | None) -> int | None:
    return own if own is not None else default


def _renderer(
    document: Document, root: Node, place: tuple[str | int, ...], source: str | None, reading: _Reading
) -> Renderer | None:
    if source is None:
        return None
    if source not in reading.renderers:
        try:
            reading.renderers[source] = compile_template(source)
        except TemplateProblemError as exc:
            span = _narrow(document, locate(root, place), exc.word)
            problem = document.problem(span, "template", str(exc), hint=exc.hint)
            if problem not in document.problems:
                document.problems.append(problem)
            return None
    return reading.renderers[source]


def _narrow(document: Document, span: Span | None, word: str) -> Span | None:
    """The place of a word inside a span, if it is there on the same line."""
    if span is None or not word:
        return span
    line = document.lines[span.line - 1]
    found = line.find(word, span.column - 1, span.column - 1 + span.length)
    return span if found < 0 else Span(span.line, found + 1, len(word))
