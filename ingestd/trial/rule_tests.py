"""Reads the tests that stand in rule files and beside them, with every problem at its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from ingestd.config.load import Loaded
from ingestd.config.mending import validate_rest
from ingestd.config.problems import Problem, did_you_mean, in_order
from ingestd.config.rule_files import rule_paths, shown_path, test_paths
from ingestd.config.rule_test_model import ExpectModel, RuleTestFileModel, RuleTestModel, SilenceModel, StepModel
from ingestd.config.validation import Place, locate, validate
from ingestd.config.yaml_tree import Document, Node, Sequence, read_document
from ingestd.config.yaml_tree import Mapping as YamlMapping
from ingestd.core.alert import ParsedEnvelope, Unreadable
from ingestd.core.matchers import MatcherError, parse_matcher
from ingestd.core.names import AlertStatus
from ingestd.core.windows import instant_of
from ingestd.trial.written_alert import Doors, WrittenAlertError, doors_of, written_alert

BEGIN: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
"""When a test happens that does not say: a Monday morning."""

_STAND_INS: Final = {"name": "unnamed", "expect": {"severity": "high"}}
"""For what is wrong in a test, so that the rest of it can be looked at."""

PAYLOAD_BYTES_MAX: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fire:
    """An alert fires, or with ``is_over`` resolves, under the names that the author wrote."""

    fields: Mapping[str, str]
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Arrive:
    """A captured body arrives, as the production reader read it."""

    envelope: ParsedEnvelope


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A person acknowledges the incident that was touched last."""

    by: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """A person resolves the incident that was touched last."""

    by: str


@dataclass(frozen=True, slots=True)
class Hush:
    """Somebody makes a silence, for so long."""

    matchers: tuple[str, ...]
    seconds: int


Action = Fire | Arrive | Acknowledge | Resolve | Hush


@dataclass(frozen=True, slots=True)
class RuleTestStep:
    """What happens so many seconds after the beginning (None: time only passes), and what must hold then."""

    after_seconds: int
    action: Action | None
    expect: ExpectModel | None
    line: int


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test that can be run. ``rule_files`` are the only ones to be tried, as they are written in problems; None for all."""

    name: str
    file: str
    line: int
    begins_at: datetime
    steps: tuple[RuleTestStep, ...]
    expect: ExpectModel | None
    rule_files: frozenset[str] | None = None
    zone: tzinfo = UTC
    """In which its author reads the clock."""


@dataclass(frozen=True, slots=True)
class RuleTests:
    """All tests without errors, in the order of files and lines, and what is wrong with the others."""

    tests: tuple[RuleTest, ...]
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Names:
    """What may be named in an expectation, by its key."""

    by_key: Mapping[str, tuple[str, frozenset[str]]]
    doors: Doors
    rule_files: Mapping[str, str]
    """The rule files by their names; the value is how each is written in problems."""
    zone: tzinfo
    """Of instants for which none is written."""
    tests: list[RuleTest] = field(default_factory=list)


def read_tests(loaded: Loaded) -> RuleTests:
    """Every test of the rules of a configuration. Never raises; a rule file that cannot be read has been reported by the load."""
    path, shown = loaded.config.rules.path, loaded.rules_shown_as
    try:
        with_rules, with_tests = rule_paths(path), test_paths(path)
    except OSError:
        return RuleTests((), ())
    names = _Names(
        expectable_names(loaded),
        doors_of(loaded.config),
        {one.name: shown_path(one, path, shown) for one in with_rules},
        loaded.config.timezone,
    )
    problems: list[Problem] = []
    for file in sorted((*with_rules, *with_tests)):
        document, _ = read_document(file, shown_path(file, path, shown))
        if file in with_tests:
            _read_test_file(document, file.parent, names)
        else:
            document.problems.clear()  # the load has told them
            _read_list(document, _tests_of(document.root), file.parent, names, None)
        problems += document.problems
    return RuleTests(tuple(names.tests), in_order(problems))


def expectable_names(loaded: Loaded) -> Mapping[str, tuple[str, frozenset[str]]]:
    """What may be named in an expectation, by its key: the word for it, and the names that there are."""
    config = loaded.config
    return {
        "rule": ("rule", frozenset(rule.name for rule in loaded.ruleset.rules)),
        "maintenance": ("window", frozenset(window.name for window in loaded.ruleset.maintenance)),
        "parent": ("rule", frozenset(rule.name for rule in loaded.ruleset.rules)),
        "team": ("team", frozenset(config.teams)),
        "page": ("policy", frozenset(config.policies)),
        "ticket": ("connector", frozenset(config.connectors)),
        "pages": ("person", frozenset(config.people)),
    }


def _tests_of(root: Node | None) -> Node | None:
    return root.get("tests") if isinstance(root, YamlMapping) else None


def _read_test_file(document: Document, folder: Path, names: _Names) -> None:
    if document.root is None:
        return
    head = validate(document, document.root, RuleTestFileModel)
    only: frozenset[str] | None = None
    if head is not None and head.rule_files is not None:
        for number, name in enumerate(head.rule_files):
            if name not in names.rule_files:
                span = locate(document.root, ("rule_files", number))
                text = f'there is no rule file "{name[:60]}"'
                document.report(span, "missing-file", text, hint=did_you_mean(name, names.rule_files))
        only = frozenset(names.rule_files.get(name, name) for name in head.rule_files)
    _read_list(document, _tests_of(document.root), folder, names, only)


def _read_list(document: Document, node: Node | None, folder: Path, names: _Names, only: frozenset[str] | None) -> None:
    # Each test by itself: one that is wrong must not hide what is wrong with the others.
    for item in node.items if isinstance(node, Sequence) else ():
        before = len(document.problems)
        model, is_whole = validate_rest(document, item, RuleTestModel, _STAND_INS)
        if model is None:
            continue
        test = _Reader(document, item, folder, names).read(model, only)
        if is_whole and len(document.problems) == before:
            names.tests.append(test)


class _Reader:
    """Reads one test that has the right keys."""

    def __init__(self, document: Document, node: Node, folder: Path, names: _Names) -> None:
        self._document = document
        self._node = node
        self._folder = folder
        self._names = names

    def read(self, model: RuleTestModel, only: frozenset[str] | None) -> RuleTest:
        """The test; of use only if it added no problem to the document."""
        span = locate(self._node, ("name",))
        line = span.line if span else 0
        begins_at = self._begin(model)
        if model.steps is None:
            action = self._action(model, (), begins_at)
            steps: tuple[RuleTestStep, ...] = (RuleTestStep(0, action, None, line),)
        else:
            steps = tuple(self._steps(model.steps, begins_at))
        self._check(model.expect, ("expect",))
        zone = model.tz or self._names.zone
        return RuleTest(model.name, self._document.file, line, begins_at, steps, model.expect, only, zone)

    def _begin(self, model: RuleTestModel) -> datetime:
        if model.at is None:
            return BEGIN
        if model.at.tzinfo is not None:
            if model.tz is not None:
                self._report(("tz",), "test", "at says already where it is", "leave out tz, or the offset")
            return model.at.astimezone(UTC)
        return instant_of(model.at, model.tz or self._names.zone)

    def _steps(self, models: Iterable[StepModel], begins_at: datetime) -> Iterable[RuleTestStep]:
        seconds = 0
        is_touched = False
        for number, model in enumerate(models):
            place: Place = ("steps", number)
            span = locate(self._node, place)
            if model.at_seconds is not None and model.at_seconds < seconds:
                self._report((*place, "at"), "test", "time only goes forward", "put the steps into their order")
            seconds = max(seconds, model.at_seconds or 0)
            for key, what in (("ack", "acknowledge"), ("resolved_by", "resolve")):
                if getattr(model, key) is not None and not is_touched:
                    self._report((*place, key), "test", f"there is nothing to {what} yet", "let an alert fire first")
            is_touched = is_touched or model.alert is not None or model.payload is not None
            self._check(model.expect, (*place, "expect"))
            action = self._action(model, place, begins_at + timedelta(seconds=seconds))
            yield RuleTestStep(seconds, action, model.expect, span.line if span else 0)

    def _action(self, model: RuleTestModel | StepModel, place: Place, at: datetime) -> Action | None:
        if model.alert is not None:
            return self._fire(model.alert, (*place, "alert"), at, is_over=False)
        if model.payload is not None and model.source is not None:
            return self._arrive(model.payload, model.source, place, at)
        if isinstance(model, StepModel):
            if model.resolve is not None:
                return self._fire(model.resolve, (*place, "resolve"), at, is_over=True)
            if model.ack is not None:
                return Acknowledge(model.ack)
            if model.resolved_by is not None:
                return Resolve(model.resolved_by)
            if model.silence is not None:
                return self._hush(model.silence, (*place, "silence", "match"))
        return None

    def _fire(self, fields: Mapping[str, str], place: Place, at: datetime, *, is_over: bool) -> Fire | None:
        try:
            written_alert(fields, self._names.doors, AlertStatus.FIRING, starts_at=at)
        except WrittenAlertError as exc:
            span = locate(self._node, (*place, exc.name), at_key=True) if exc.name else locate(self._node, place)
            self._document.report(span, "alert", str(exc), hint=exc.hint)
            return None
        return Fire(fields, is_over)

    def _hush(self, model: SilenceModel, place: Place) -> Hush:
        for number, text in enumerate(model.match):
            try:
                parse_matcher(text)
            except MatcherError as exc:
                self._report((*place, number), "matcher", str(exc), exc.hint)
        return Hush(model.match, model.for_seconds)

    def _arrive(self, name: str, source: str, place: Place, at: datetime) -> Arrive | None:
        if not self._names.doors.knows(source):
            known = [*self._names.doors.kinds, "alertmanager", "grafana"]
            self._report(
                (*place, "source"), "unknown-source", f'source "{source}" is not defined', did_you_mean(source, known)
            )
            return None
        path = self._folder / name
        try:
            with path.open("rb") as stream:
                body = stream.read(PAYLOAD_BYTES_MAX)
        except (OSError, ValueError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not a path"
            hint = f"looked at {path}"
            self._report((*place, "payload"), "missing-file", f'cannot read "{name[:60]}": {reason}', hint)
            return None
        parsed = self._names.doors.read(source, body, at)
        if isinstance(parsed, Unreadable):
            text = f'the daemon would not read this body from "{source}" ({parsed.reason})'
            self._report((*place, "payload"), "payload", text, parsed.detail)
            return None
        return Arrive(parsed)

    def _check(self, expect: ExpectModel | None, place: Place) -> None:
        """Report every name in an expectation that stands for nothing: such a test could never pass."""
        for key, (what, known) in self._names.by_key.items():
            value = getattr(expect, key) if expect is not None else None
            listed = enumerate(value) if isinstance(value, tuple) else [(None, value)]
            for number, name in listed:
                if isinstance(name, str) and name not in known:
                    at = (*place, key) if number is None else (*place, key, number)
                    hint = did_you_mean(name, known)
                    if key == "page" and name in self._names.by_key["pages"][1]:
                        hint = f"{name} is a person; page names a policy, pages people"
                    self._report(at, f"unknown-{what}", f'{what} "{name}" is not defined', hint)

    def _report(self, place: Place, code: str, text: str, hint: str = "") -> None:
        self._document.report(locate(self._node, place), code, text, hint=hint)
