"""What is wrong with a configuration or rule file, and how it is shown: all of it at once, each with place and hint.

A problem reads::

    rules/payments.yaml:21:5: error[unknown-key]: unknown key "urgancy"
       |
    21 |     urgancy: high
       |     ^^^^^^^ did you mean "urgency"?

The first line is what editors, GitHub annotations and grep take. Secrets in the source line are masked.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ingestd.errors import IngestdError

SOURCE_WIDTH_MAX = 160
"""Characters of a source line that are shown; a longer one is cut around the place of the problem."""

KNOWN_LENGTH_MAX = 150
"""Characters of a hint that lists every word that would do; a longer one helps nobody."""

DEFAULT_FOLD = 20
"""How many problems the text of a ``ConfigProblems`` spells out; the exception carries them all."""


class ProblemLevel(StrEnum):
    """An error stops the load, a warning is lint."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``line`` and ``column`` count from 1 (0: the file as a whole), ``length`` in characters.

    ``code`` is a word that documentation and CI can refer to; ``hint`` says what to do and may be empty.
    """

    file: str
    line: int
    column: int
    length: int
    level: ProblemLevel
    code: str
    text: str
    hint: str = ""
    source_line: str = ""

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """Sorts problems as a reader goes through the files."""
        return (self.file, self.line, self.column, self.code, self.text)


class ConfigProblems(IngestdError):
    """The configuration cannot be used. ``problems`` holds everything that is wrong, in reading order, lint included."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = in_order(problems)
        shown = [render(problem) for problem in self.problems[:DEFAULT_FOLD]]
        if len(self.problems) > DEFAULT_FOLD:
            shown.append(f"... and {len(self.problems) - DEFAULT_FOLD} more")
        super().__init__("\n\n".join(shown), hint="`ingestd check` shows every problem")


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, sorted by file and place."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: problem.order))


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether one of them stops the load."""
    return any(problem.level is ProblemLevel.ERROR for problem in problems)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word; with all of them if none is near and they are few; else empty."""
    words = sorted(set(known))
    near = nearest(word, words)
    if near:
        return f'did you mean "{near}"?'
    listed = f"known: {', '.join(words)}"
    return listed if words and len(listed) <= KNOWN_LENGTH_MAX else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is meant, as far as its letters tell; empty if none is near."""
    words = sorted(set(known))
    near = difflib.get_close_matches(word, words, n=1) or difflib.get_close_matches(word.lower(), words, n=1)
    return near[0] if near else ""


def headline(problem: Problem) -> str:
    """``file:line:column: level[code]: text``, without a place where the problem has none."""
    place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
    return f"{place}: {problem.level}[{problem.code}]: {_visible(problem.text)}"


def render(problem: Problem) -> str:
    """The problem as in the head of this module; without a source line the hint follows on a line of its own."""
    if not problem.line:
        return headline(problem) + (f"\n   = {_visible(problem.hint)}" if problem.hint else "")
    source, start, length = _window(problem)
    gutter = " " * len(str(problem.line))
    marks = " " * _columns(source[:start]) + "^" * max(1, _columns(source[start : start + length]))
    pointer = f"{gutter} | {marks} {_visible(problem.hint)}".rstrip()
    return f"{headline(problem)}\n{gutter} |\n{f'{problem.line} | {source}'.rstrip()}\n{pointer}"


def render_all(problems: Iterable[Problem]) -> str:
    """All problems in order, an empty line between two."""
    return "\n\n".join(render(problem) for problem in in_order(problems))


def _window(problem: Problem) -> tuple[str, int, int]:
    """The part of the source line to show, where the problem starts in it, and how far it goes there."""
    source = _visible(problem.source_line).rstrip()
    start = max(problem.column - 1, 0)
    if len(source) > SOURCE_WIDTH_MAX:
        cut = max(0, min(start - SOURCE_WIDTH_MAX // 4, len(source) - SOURCE_WIDTH_MAX))
        source = source[cut : cut + SOURCE_WIDTH_MAX]
        start -= cut
    return source, start, max(1, min(problem.length, max(1, len(source) - start)))


def _visible(text: str) -> str:
    """One line that a terminal can show: every control or format character becomes one space."""
    return "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else char for char in text)


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes: two for wide characters, none for combining ones."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
