"""Alertmanager's matchers: ``label = value``, ``!=``, ``=~`` and ``!~``, parsed with positions and compiled once.

The grammar is Alertmanager's (its classic ``ParseMatcher``, and quoted UTF-8 label names as since 0.27), so that a matcher
can be pasted from a route, an inhibition or a silence. Regular expressions are RE2 and match the whole value. A label
that an alert does not have counts as the empty string.

Besides labels, a matcher can look at ``alert.source``, ``alert.status``, ``alert.rule``, ``alert.summary``, for mail at ``alert.sender``,
``alert.subject`` and ``alert.body``, and at ``annotations.NAME``. A quoted name is always a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import re2

from ingestd.core.alert import Alert
from ingestd.core.regex_hints import hint_of

PATTERN_LENGTH_MAX = 4096
"""Characters of one regular expression; RE2 is linear in it, but a person cannot review more."""

ALERT_FIELDS: dict[str, Callable[[Alert], str]] = {
    "alert.source": lambda alert: alert.source,
    "alert.status": lambda alert: alert.status.value,
    "alert.rule": lambda alert: alert.rule_name,
    "alert.summary": lambda alert: alert.summary,
    "alert.sender": lambda alert: alert.sender,
    "alert.subject": lambda alert: alert.subject,
    "alert.body": lambda alert: alert.body,
}
"""What can be matched and grouped by besides labels and ``annotations.NAME``."""

ANNOTATION_PREFIX = "annotations."

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.never_capture = True

_CAPTURING = re2.Options()
_CAPTURING.log_errors = False

_NAME_END = frozenset(" \t\r\n!=~,{}\"'`")


class MatchOp(StrEnum):
    """How a matcher compares."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


class MatcherError(ValueError):
    """A matcher cannot be used. ``offset`` and ``length`` point into the text that was parsed; ``hint`` may be empty.

    ``word`` is a name that does not exist, or empty; ``known`` holds the names that do.
    """

    def __init__(
        self, text: str, *, offset: int = 0, length: int = 1, hint: str = "", word: str = "", known: Iterable[str] = ()
    ) -> None:
        super().__init__(text)
        self.offset = offset
        self.length = max(1, length)
        self.hint = hint
        self.word = word
        self.known = tuple(known)


@dataclass(frozen=True, slots=True)
class Field:
    """Where a matcher or a grouping looks. ``name`` is as written; ``is_label`` is false for ``alert.*`` and annotations."""

    name: str
    is_label: bool = True

    def read(self, alert: Alert) -> str:
        """The value of this field in an alert; empty if the alert does not have it."""
        if self.is_label:
            return alert.labels.get(self.name, "")
        reader = ALERT_FIELDS.get(self.name)
        if reader is not None:
            return reader(alert)
        return alert.annotations.get(self.name.removeprefix(ANNOTATION_PREFIX), "")


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one field. ``text`` is what the author wrote, without surrounding space."""

    field: Field
    op: MatchOp
    value: str
    text: str
    pattern: Any = None
    """The compiled RE2 expression of ``=~`` and ``!~``."""

    def matches(self, alert: Alert) -> bool:
        """Whether the alert satisfies this condition."""
        return self.accepts(self.field.read(alert))

    def accepts(self, value: str) -> bool:
        """Whether an alert whose field has this value satisfies this condition."""
        match self.op:
            case MatchOp.EQUAL:
                return value == self.value
            case MatchOp.NOT_EQUAL:
                return value != self.value
            case MatchOp.REGEX:
                return self._is_full_match(value)
            case MatchOp.NOT_REGEX:
                return not self._is_full_match(value)

    def _is_full_match(self, value: str) -> bool:
        try:
            return self.pattern.fullmatch(value) is not None
        except UnicodeEncodeError:  # a lone surrogate: RE2 works on UTF-8
            return self.pattern.fullmatch(value.encode("utf-8", "replace").decode("utf-8")) is not None


def parse_field(text: str, *, offset: int = 0) -> Field:
    """The field that an unquoted name stands for. Raises ``MatcherError`` for an ``alert.`` field that does not exist."""
    if text.startswith("alert."):
        if text not in ALERT_FIELDS:
            problem = f'there is no field "{text}"'
            raise MatcherError(problem, offset=offset, length=len(text), word=text, known=ALERT_FIELDS)
        return Field(text, is_label=False)
    if text.startswith(ANNOTATION_PREFIX) and len(text) > len(ANNOTATION_PREFIX):
        return Field(text, is_label=False)
    if text.startswith("labels.") and len(text) > len("labels."):
        plain = text.removeprefix("labels.")
        hint = f'a bare name is a label: write "{plain}"'
        raise MatcherError(f'there is no field "{text}"', offset=offset, length=len(text), hint=hint)
    return Field(text)


def parse_matcher(text: str, *, offset: int = 0) -> Matcher:
    """Parse and compile one matcher. Raises ``MatcherError`` with offsets that count from the start of ``text``.

    ``offset`` is added to every reported position: where ``text`` begins in what the author wrote.
    """
    start = len(text) - len(text.lstrip())
    field, at = _parse_name(text, start, offset)
    while at < len(text) and text[at].isspace():
        at += 1
    op = next((op for op in ("=~", "!~", "!=", "=") if text.startswith(op, at)), None)
    if op is None:
        hint = "write  'name = value', 'name != value', 'name =~ \"regex\"' or 'name !~ \"regex\"'"
        raise MatcherError("a matcher needs an operator: = != =~ or !~", offset=offset + at, hint=hint)
    at += len(op)
    if text.startswith("=", at) and op == "=":
        raise MatcherError("there is no operator ==", offset=offset + at - 1, length=2, hint="write one =")
    while at < len(text) and text[at].isspace():
        at += 1
    end = len(text.rstrip())
    value = _parse_value(text, at, max(at, end), offset)
    matcher_text = text.strip()
    if op in {"=~", "!~"}:
        quote = 1 if text.startswith('"', at) else 0
        pattern = compile_pattern(value, offset=offset + at + quote)
        return Matcher(field, MatchOp(op), value, matcher_text, pattern)
    return Matcher(field, MatchOp(op), value, matcher_text)


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Parse ``{a = b, c =~ "d|e"}``: matchers that must all hold. The braces may be left out; a trailing comma is fine.

    Raises ``MatcherError`` with offsets into ``text``.
    """
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    if text.startswith("{", start):
        if end <= start + 1 or text[end - 1] != "}":
            raise MatcherError("this selector has no closing }", offset=start, length=end - start)
        start, end = start + 1, end - 1
    matchers = tuple(parse_matcher(text[a:b], offset=a) for a, b in _split(text, start, end))
    if not matchers:
        raise MatcherError("an empty selector would match every alert", length=len(text), hint="leave it out")
    return matchers


def compile_pattern(pattern: str, *, offset: int = 0) -> Any:  # noqa: ANN401 (google-re2 has no types)
    """Compile an RE2 expression that only says yes or no. Raises ``MatcherError`` that spans it and quotes the part that RE2 refuses."""
    return _compile(pattern, _OPTIONS, offset)


def compile_capture(pattern: str) -> Any:  # noqa: ANN401 (google-re2 has no types)
    """Compile an RE2 expression whose named groups are wanted. Raises ``MatcherError`` if it cannot be, or names no group."""
    compiled = _compile(pattern, _CAPTURING, 0)
    if not compiled.groupindex:
        hint = "name what is wanted: (?P<host>[a-z0-9]+)"
        raise MatcherError("this expression has no named group", length=len(pattern), hint=hint)
    return compiled


def capture_names(compiled: Any) -> tuple[str, ...]:  # noqa: ANN401 (google-re2 has no types)
    """The names of the groups of what ``compile_capture`` gave, in order."""
    return tuple(sorted(compiled.groupindex, key=compiled.groupindex.__getitem__))


def _compile(pattern: str, options: Any, offset: int) -> Any:  # noqa: ANN401 (google-re2 has no types)
    if len(pattern) > PATTERN_LENGTH_MAX:
        text = f"a regular expression of {len(pattern)} characters (at most {PATTERN_LENGTH_MAX})"
        raise MatcherError(text, offset=offset, length=len(pattern))
    try:
        return re2.compile(pattern, options=options)
    except UnicodeEncodeError:
        raise MatcherError("a regular expression must be valid Unicode", offset=offset, length=len(pattern)) from None
    except re2.error as exc:
        raw = exc.args[0] if exc.args else b"not understood"
        reason = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        text = f"bad regular expression: {reason}"
        raise MatcherError(text, offset=offset, length=len(pattern), hint=hint_of(reason)) from None


def _parse_name(text: str, start: int, offset: int) -> tuple[Field, int]:
    if text.startswith('"', start):
        end = _closing_quote(text, start)
        if end < 0:
            raise MatcherError("this name has no closing quote", offset=offset + start, length=len(text) - start)
        name = _unescape(text[start + 1 : end])
        if not name:
            raise MatcherError("a label name cannot be empty", offset=offset + start, length=2)
        return Field(name), end + 1
    end = start
    while end < len(text) and text[end] not in _NAME_END:
        end += 1
    if end == start:
        hint = "selectors in { } are for match_any" if text.startswith("{", start) else ""
        raise MatcherError("a matcher starts with a label name", offset=offset + start, hint=hint)
    return parse_field(text[start:end], offset=offset + start), end


def _parse_value(text: str, start: int, end: int, offset: int) -> str:
    is_quoted = text.startswith('"', start) and start < end
    begin = start + 1 if is_quoted else start
    at = begin
    while at < end:
        if text[at] == "\\" and at + 1 < end:
            at += 2
            continue
        if text[at] == '"':
            if is_quoted and at == end - 1:
                return _unescape(text[begin:at])
            hint = 'put the whole value in double quotes, and write \\" for one inside'
            raise MatcherError("an unescaped double quote in the value", offset=offset + at, hint=hint)
        at += 1
    if is_quoted:
        raise MatcherError("this value has no closing quote", offset=offset + start, length=end - start)
    return _unescape(text[begin:end])


def _unescape(raw: str) -> str:
    r"""Resolve ``\"``, ``\\`` and ``\n``; every other backslash stands for itself (Alertmanager's classic rule)."""
    if "\\" not in raw:
        return raw
    out: list[str] = []
    at = 0
    while at < len(raw):
        following = raw[at + 1 : at + 2]
        if raw[at] == "\\" and following in {'"', "\\", "n"}:
            out.append("\n" if following == "n" else following)
            at += 2
        else:
            out.append(raw[at])
            at += 1
    return "".join(out)


def _closing_quote(text: str, start: int) -> int:
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == '"':
            return at
        at += 1
    return -1


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The spans between commas that stand outside double quotes; an empty last span is dropped."""
    begin = at = start
    while at < end:
        if text[at] == '"':
            closing = _closing_quote(text, at)
            at = end if closing < 0 else closing + 1
            continue
        if text[at] == ",":
            yield begin, at
            begin = at + 1
        at += 1
    if text[begin:end].strip():
        yield begin, end
