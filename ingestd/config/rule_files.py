"""Reads a folder of rule files into a ruleset, with every problem at its place in the file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ingestd.config.problems import Problem, did_you_mean
from ingestd.config.rule_model import DefaultsModel, RuleFileModel, RuleModel
from ingestd.config.templates import TemplateProblemError, compile_template
from ingestd.config.validation import locate, validate
from ingestd.config.yaml_tree import Document, Node, Scalar, Sequence, Span, read_document
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.core.names import Level, Severity
from ingestd.core.rule_compiler import Fault, Known, RuleDraft, compile_rules
from ingestd.core.ruleset import DEFAULT_MATRIX, Renderer, Ruleset, TicketPlan
from ingestd.core.shadowing import shadowed

FILES_COUNT_MAX = 1000
TEST_SUFFIX = "_test.yaml"
"""Files of this name beside the rules hold tests, not rules."""


@dataclass(slots=True)
class _Reading:
    """What has been read so far."""

    drafts: list[RuleDraft] = field(default_factory=list)
    homes: list[tuple[Document, int]] = field(default_factory=list)
    """For each draft: its file, and its number there."""
    matrix: Mapping[tuple[Level, Level], Severity] | None = None
    matrix_home: str = ""
    problems: list[Problem] = field(default_factory=list)
    renderers: dict[str, Renderer] = field(default_factory=dict)


def load_rules(path: Path, known: Known, *, shown_as: str = "") -> tuple[Ruleset, tuple[Problem, ...]]:
    """The rules of a folder's ``*.yaml`` in the order of their names, or of one file, and everything that is wrong.

    The ruleset holds only the rules without errors: use it only if ``has_errors`` of the problems is false. ``shown_as`` is
    how the path is written in problems. Never raises.
    """
    shown = shown_as or str(path)
    reading = _Reading()
    digest = hashlib.sha256()
    for file in _rule_files(path, shown, reading):
        name = shown_path(file, path, shown)
        document, raw = read_document(file, name)
        digest.update(f"{file.name}\0{len(raw)}\0".encode("utf-8", "surrogateescape") + raw)
        _read_file(document, reading)
        reading.problems += document.problems
        document.problems.clear()
    ruleset, faults = compile_rules(reading.drafts, reading.matrix or DEFAULT_MATRIX, known, digest.hexdigest())
    for fault in faults:
        reading.problems.append(_place(fault, *reading.homes[fault.index]))
    _lint_shadows(ruleset, reading)
    return ruleset, tuple(reading.problems)


def _lint_shadows(ruleset: Ruleset, reading: _Reading) -> None:
    """Warn of every rule that can never decide: somebody believes that it does."""
    homes = {draft.name: home for draft, home in zip(reading.drafts, reading.homes, strict=True)}
    for shadow in shadowed(ruleset):
        rule = ruleset.rules[shadow.position]
        document, number = homes[rule.name]
        others = [ruleset.rules[position] for position in shadow.by]
        hint = "its matchers exclude each other"
        if others:
            first = [
                f'"{o.name}" {f"on line {o.line}" if o.file == rule.file else f"in {o.file}:{o.line}"}' for o in others
            ]
            hint = f"{' and '.join(first)} always {'matches' if len(first) == 1 else 'match'} first"
        span = locate(document.root, ("rules", number, "rule"))
        document.lint(span, "unreachable", f'rule "{rule.name}" can never match', hint=hint)
        reading.problems += document.problems
        document.problems.clear()


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
    if root is None:
        return
    if isinstance(root, Scalar) and root.value is None:
        document.lint(None, "no-rules", "this file is empty")
        return
    _lint_comments(document, root)
    head = validate(document, root, RuleFileModel) or RuleFileModel()
    if head.severity is not None:
        _read_matrix(document, root, head.severity, reading)
    rules = root.get("rules") if isinstance(root, YamlMapping) else None
    # Each rule by itself: one that is wrong must not hide what is wrong with the others.
    for number, node in enumerate(rules.items if isinstance(rules, Sequence) else ()):
        rule = validate(document, node, RuleModel)
        if rule is not None:
            reading.drafts.append(_draft(document, root, number, rule, head.defaults, reading))
            reading.homes.append((document, number))


def _read_matrix(document: Document, root: Node, rows: dict[Level, dict[Level, Severity]], reading: _Reading) -> None:
    span = locate(root, ("severity",), at_key=True)
    if reading.matrix is not None:
        text = "there is another severity matrix"
        document.report(span, "duplicate-key", text, hint=f"in {reading.matrix_home}; keep one")
        return
    reading.matrix_home = f"{document.file}:{span.line if span else 0}"
    cells = {(impact, urgency): severity for impact, row in rows.items() for urgency, severity in row.items()}
    for impact in Level:
        for urgency in Level:
            if (impact, urgency) not in cells:
                at = locate(root, ("severity", impact.value), at_key=True)
                text = f"the severity for impact {impact} and urgency {urgency} is missing"
                document.report(at, "missing-key", text)
    reading.matrix = {**DEFAULT_MATRIX, **cells}


def _draft(
    document: Document, root: Node, number: int, rule: RuleModel, defaults: DefaultsModel, reading: _Reading
) -> RuleDraft:
    """The rule with the file's defaults: key by key; ``dedup`` and ``correlate`` also key by key, ``ticket`` as a whole."""
    span = locate(root, ("rules", number, "rule"))
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
        about=rule.about,
        file=document.file,
        line=span.line if span else 0,
    )


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


def _place(fault: Fault, document: Document, number: int) -> Problem:
    """The problem of a fault: in the rule, or in the file's defaults where the rule got it from."""
    node: Node | None = None
    for start in (("rules", number), ("defaults",)):
        found = _node_at(document.root, (*start, *fault.place))
        if found is not None:
            node = found
            break
    span = node.span if node is not None else locate(document.root, ("rules", number, "rule"))
    if span is not None and isinstance(node, Scalar) and fault.offset is not None:
        span = _inside(document, node, fault.offset, fault.length)
    hint = fault.hint or (did_you_mean(fault.word, fault.known) if fault.word else "")
    return document.problem(span, fault.code, fault.text, hint=hint)


def _node_at(node: Node | None, place: tuple[str | int, ...]) -> Node | None:
    for part in place:
        match node:
            case YamlMapping():
                node = node.get(str(part))
            case Sequence() if isinstance(part, int) and part < len(node.items):
                node = node.items[part]
            case _:
                return None
    return node


def _inside(document: Document, node: Scalar, offset: int, length: int) -> Span:
    """The place of a part of a text, if the file holds the text as it is; else of the whole text."""
    text = str(node.value)
    begin = node.span.column - 1 + (0 if node.is_plain else 1)
    line = document.lines[node.span.line - 1]
    if line[begin : begin + len(text)] != text:
        return node.span
    return Span(node.span.line, begin + offset + 1, max(1, min(length, len(text) - offset)))


def _lint_comments(document: Document, root: Node) -> None:
    """A plain matcher before a ``#``: what follows is a comment, which is not always what the author meant."""
    rules = root.get("rules") if isinstance(root, YamlMapping) else None
    for rule in rules.items if isinstance(rules, Sequence) else ():
        for key in ("match", "match_any", "unless"):
            matchers = rule.get(key) if isinstance(rule, YamlMapping) else None
            for matcher in matchers.items if isinstance(matchers, Sequence) else ():
                if not isinstance(matcher, Scalar) or not matcher.is_plain:
                    continue
                line = document.lines[matcher.span.line - 1]
                end = matcher.span.column - 1 + matcher.span.length
                rest = line[end:]
                if rest.lstrip().startswith("#") and rest[:1] in {" ", "\t"}:
                    span = Span(matcher.span.line, end + 1 + len(rest) - len(rest.lstrip()), len(rest.strip()))
                    hint = "put the matcher in single quotes if this belongs to it; else move it to a line of its own"
                    document.lint(span, "comment", "text after # is ignored", hint=hint)
