"""YAML as people mean it: a tree of values that all know where they stand.

Built on the events of PyYAML's C parser. The differences to ``yaml.safe_load`` are the point: only YAML 1.2's JSON forms are numbers,
booleans and null, so ``no``, ``22:00``, ``010`` and ``+919812345678`` stay text; keys are always text; a key given twice,
an alias, an anchor, a tag or a second document is a problem with a place, never a guess. Every bound has one here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from ingestd.config.masking import mask_lines
from ingestd.config.problems import Problem, ProblemLevel

FILE_BYTES_MAX = 8 * 1024 * 1024
DEPTH_MAX = 40

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_REAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: dict[str, bool | None] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What libyaml counts as the end of a line; ``str.splitlines`` counts more."""


class WrittenInt(int):
    """A whole number that remembers how it was written, for where text is wanted."""

    text: str

    def __new__(cls, text: str) -> Self:
        """The number that ``text`` spells."""
        number = super().__new__(cls, text)
        number.text = text
        return number


class WrittenFloat(float):
    """A number that remembers how it was written: ``1.10`` is not ``1.1`` where text is wanted."""

    text: str

    def __new__(cls, text: str) -> Self:
        """The number that ``text`` spells."""
        number = super().__new__(cls, text)
        number.text = text
        return number


@dataclass(frozen=True, slots=True)
class Span:
    """A place: ``line`` and ``column`` from 1, ``length`` in characters of that line."""

    line: int
    column: int
    length: int


@dataclass(slots=True)
class Scalar:
    """A single value: text, number, boolean or None. ``is_plain`` means that it was written without quotes."""

    span: Span
    value: Any
    is_plain: bool


@dataclass(slots=True)
class Sequence:
    """A list."""

    span: Span
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """A key with its value. Only the first of two equal keys is kept; the second is a problem."""

    key_span: Span
    node: Node


@dataclass(slots=True)
class Mapping:
    """Keys, always text, in the order in which they were written."""

    span: Span
    entries: dict[str, Entry] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        entry = self.entries.get(key)
        return entry.node if entry else None


Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class Document:
    """One file as read. ``root`` is None if it is empty or not YAML; ``problems`` say why."""

    file: str
    lines: list[str]
    """The lines of the file with secrets masked: what may be shown."""
    root: Node | None = None
    problems: list[Problem] = field(default_factory=list)

    def problem(  # the one place where problems get their source line
        self, span: Span | None, code: str, text: str, *, hint: str = "", level: ProblemLevel = ProblemLevel.ERROR
    ) -> Problem:
        """A problem at a place of this file; with None, of the file as a whole."""
        if span is None:
            return Problem(self.file, 0, 0, 0, level, code, text, hint)
        line = self.lines[span.line - 1] if 0 < span.line <= len(self.lines) else ""
        return Problem(self.file, span.line, span.column, span.length, level, code, text, hint, line)

    def report(self, span: Span | None, code: str, text: str, *, hint: str = "") -> None:
        """Add an error."""
        self.problems.append(self.problem(span, code, text, hint=hint))

    def lint(self, span: Span | None, code: str, text: str, *, hint: str = "") -> None:
        """Add a warning."""
        self.problems.append(self.problem(span, code, text, hint=hint, level=ProblemLevel.WARNING))


def to_python(node: Node | None) -> Any:  # noqa: ANN401 (what a YAML file holds)
    """The plain value of a tree: dict, list, text, number, boolean or None."""
    match node:
        case None:
            return None
        case Scalar():
            return node.value
        case Sequence():
            return [to_python(item) for item in node.items]
        case Mapping():
            return {key: to_python(entry.node) for key, entry in node.entries.items()}


def read_document(path: Path, shown_as: str = "") -> tuple[Document, bytes]:
    """Read and parse a file, and its raw content. What goes wrong is a problem of the document; this never raises."""
    document = Document(shown_as or str(path), [])
    try:
        with path.open("rb") as stream:
            raw = stream.read(FILE_BYTES_MAX + 1)
    except OSError as exc:
        document.report(None, "missing-file", f"cannot read this file: {exc.strerror or exc}")
        return document, b""
    if len(raw) > FILE_BYTES_MAX:
        document.report(None, "too-large", f"this file is larger than {FILE_BYTES_MAX} bytes")
        return document, b""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        document.report(None, "encoding", f"line {line} is not UTF-8 (byte {exc.start})", hint="save the file as UTF-8")
        return document, raw
    return parse_document(text, document.file), raw


def parse_document(text: str, file: str) -> Document:
    """Parse YAML text. What goes wrong is a problem of the document; this never raises."""
    document = Document(file, mask_lines(_LINE_END.split(text)))
    try:
        document.root = _Builder(document).build(text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        if "unexpected end of stream" in (exc.problem or ""):
            mark = exc.context_mark or mark  # the end of the file is not where the quote is
        span = Span(mark.line + 1, mark.column + 1, 1) if mark else None
        document.report(span, "yaml", _yaml_text(exc), hint=_yaml_hint(exc))
    except yaml.YAMLError as exc:
        document.report(*_unreadable_character(text, exc))
    except UnicodeEncodeError:
        document.report(None, "encoding", "this text is not valid Unicode")
    except _TooDeepError as exc:
        document.report(exc.span, "too-deep", f"nested more than {DEPTH_MAX} levels deep")
    return document


class _TooDeepError(Exception):
    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


class _Builder:
    """Turns parser events into a tree, without recursion on input that is not yet known to be shallow."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._events: Iterator[Any] = iter(())

    def build(self, text: str) -> Node | None:
        self._events = yaml.parse(text, Loader=yaml.CLoader)
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    span = self._span(event, "---")
                    self._document.report(span, "documents", "a second document in one file", hint="use two files")
                    return root
                first = next(self._events)
                root = self._node(first, 1)
        return root

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 (PyYAML's events have no types)
        if isinstance(event, yaml.AliasEvent):
            hint = "write the value out; aliases are not used here"
            self._document.report(self._span(event), "alias", f"alias *{event.anchor}", hint=hint)
            return Scalar(self._span(event), None, is_plain=False)
        self._refuse_extras(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth > DEPTH_MAX:
            raise _TooDeepError(self._span(event, "["))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _refuse_extras(self, event: Any) -> None:  # noqa: ANN401 (PyYAML events have no types)
        if event.anchor is not None:
            hint = "write the value out where it is needed; anchors are not used here"
            self._document.report(self._span(event, "&"), "anchor", f"anchor &{event.anchor}", hint=hint)
        if event.tag is not None and event.tag != "!":
            self._document.report(self._span(event, "!"), "tag", f"tag {event.tag}", hint="leave the tag out")

    def _scalar(self, event: Any) -> Scalar:  # noqa: ANN401 (PyYAML events have no types)
        is_plain = not event.style and event.implicit[0]
        value = _resolve(event.value) if is_plain else event.value
        return Scalar(self._span(event), value, is_plain)

    def _sequence(self, start: Any, depth: int) -> Sequence:  # noqa: ANN401 (PyYAML events have no types)
        sequence = Sequence(self._span(start))
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            sequence.items.append(self._node(event, depth + 1))
        sequence.span = self._whole(start, event, sequence.items[0].span if sequence.items else None)
        return sequence

    def _mapping(self, start: Any, depth: int) -> Mapping:  # noqa: ANN401 (PyYAML events have no types)
        mapping = Mapping(self._span(start))
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_node = self._node(event, depth + 1)
            key = self._key(event, key_node)
            value = self._node(next(self._events), depth + 1)
            if key is None:
                continue
            if key in mapping.entries:
                first = mapping.entries[key].key_span.line
                hint = f"first given on line {first}"
                self._document.report(key_node.span, "duplicate-key", f'key "{_short(key)}" is given twice', hint=hint)
                continue
            mapping.entries[key] = Entry(key_node.span, value)
        firsts = iter(mapping.entries.values())
        first_entry = next(firsts, None)
        mapping.span = self._whole(start, event, first_entry.node.span if first_entry else None)
        return mapping

    def _key(self, event: Any, node: Node) -> str | None:  # noqa: ANN401 (PyYAML events have no types)
        if isinstance(node, Scalar) and isinstance(event, yaml.ScalarEvent):
            return str(event.value)  # the text as written: `on` and `1` are keys like any other
        is_template = isinstance(node, Mapping) and self._document.lines[node.span.line - 1].count("{{") > 0
        hint = 'a template is put in quotes:  "{{ ... }}"' if is_template else ""
        self._document.report(node.span, "key", "a key must be plain text, not a list or mapping", hint=hint)
        return None

    def _span(self, event: Any, sign: str = "") -> Span:  # noqa: ANN401 (PyYAML events have no types)
        """Where an event stands; at most to the end of its first line."""
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else self._rest(start.line, start.column)
        return Span(start.line + 1, start.column + 1, max(length, len(sign), 1))

    def _whole(self, start: Any, end: Any, first: Span | None) -> Span:  # noqa: ANN401 (PyYAML events have no types)
        """A collection: to its end on one line, else to the end of its first item."""
        line, column = start.start_mark.line, start.start_mark.column
        if end.end_mark.line == line:
            return Span(line + 1, column + 1, max(1, end.end_mark.column - column))
        if first is not None and first.line == line + 1:
            return Span(line + 1, column + 1, max(1, first.column + first.length - 1 - column))
        return Span(line + 1, column + 1, self._rest(line, column))

    def _rest(self, line: int, column: int) -> int:
        text = self._document.lines[line] if line < len(self._document.lines) else ""
        return max(1, len(text[column:].rstrip()))


def is_text(text: str) -> bool:
    """Whether this is text when it stands in a file without quotes, as far as its type goes; not whether it may stand there."""
    return isinstance(_resolve(text), str)


def _resolve(text: str) -> Any:  # noqa: ANN401 (a scalar of any type)
    if text in _NULLS:
        return None
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return WrittenInt(text)
    if _REAL.fullmatch(text):
        return WrittenFloat(text)
    return text


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _yaml_text(exc: yaml.MarkedYAMLError) -> str:
    what = exc.problem or "not valid YAML"
    if "unexpected end of stream" in what and "quoted" in (exc.context or ""):
        return "this quote is not closed"
    if exc.context and exc.context_mark and exc.problem_mark and exc.context_mark.line != exc.problem_mark.line:
        return f"{what}, {exc.context} that starts on line {exc.context_mark.line + 1}"
    return f"{what}, {exc.context}" if exc.context else what


def _yaml_hint(exc: yaml.MarkedYAMLError) -> str:
    what = exc.problem or ""
    if "mapping values are not allowed" in what:
        return 'a value that contains ": " must be in quotes; else check the indentation'
    if "cannot start any token" in what:
        return "a tab, @ or ` cannot start a value: indent with spaces, put such text in quotes"
    if "unexpected end of stream" in what:
        return "close it; a quote inside single quotes is written twice"
    if "did not find expected ',' or" in what:
        return "a [ or { above is not closed"
    if "did not find expected" in what:
        return "check the indentation, and the quotes and brackets above"
    return ""


def _unreadable_character(text: str, exc: yaml.YAMLError) -> tuple[Span | None, str, str]:
    """Where a character stands that YAML does not allow; libyaml gives only an offset, of which it is not sure."""
    for number, line in enumerate(_LINE_END.split(text), start=1):
        for column, char in enumerate(line, start=1):
            if (char < " " and char != "\t") or char == "\x7f" or "\x80" <= char <= "\x9f" or char in "\ufffe\uffff":
                return Span(number, column, 1), "encoding", f"the character U+{ord(char):04X} is not allowed in YAML"
    return None, "yaml", str(exc).splitlines()[0] or "not valid YAML"
