"""As much JQL as a stand-in for Jira needs: ``=``, ``~``, ``AND``, ``OR``, brackets and ``ORDER BY``. The rest is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\["\\])*)"|(\w+)|(!=|=|~|\(|\)|,))')

Matcher = Callable[["Searchable"], bool]


@dataclass(frozen=True, slots=True)
class Searchable:
    """An issue as the index holds it."""

    project: str
    labels: frozenset[str]
    description: str


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query."""

    matches: Matcher
    is_newest_first: bool


class JqlError(Exception):
    """The query cannot be read; the text is what Jira would say."""


def parse(jql: str) -> Query:
    """Read a query. Raises ``JqlError`` for anything that the stand-in does not know and for an unbounded query."""
    return _Parser(_tokens(jql)).query()


def _tokens(jql: str) -> list[tuple[str, bool]]:
    """Words, and whether each was quoted."""
    tokens: list[tuple[str, bool]] = []
    at = 0
    while jql[at:].strip():
        found = _TOKEN.match(jql, at)
        if found is None:
            raise JqlError(f"Error in the JQL Query: unexpected text at character {at}.")
        quoted, word, sign = found.groups()
        tokens.append((re.sub(r"\\(.)", r"\1", quoted), True) if quoted is not None else (word or sign, False))
        at = found.end()
    return tokens


class _Parser:
    def __init__(self, tokens: list[tuple[str, bool]]) -> None:
        self._tokens = tokens
        self._at = 0

    def query(self) -> Query:
        if not self._tokens or self._is_word("order"):
            raise JqlError("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
        matches = self._either()
        is_newest_first = False
        if self._take_word("order"):
            if not (self._take_word("by") and self._take_word("created")):
                raise JqlError("Error in the JQL Query: this stand-in orders by created alone.")
            is_newest_first = self._take_word("desc")
            self._take_word("asc")
        if self._at < len(self._tokens):
            raise JqlError(f"Error in the JQL Query: did not expect {self._tokens[self._at][0]!r}.")
        return Query(matches, is_newest_first)

    def _either(self) -> Matcher:
        options = [self._both()]
        while self._take_word("or"):
            options.append(self._both())
        return lambda issue: any(option(issue) for option in options)

    def _both(self) -> Matcher:
        parts = [self._clause()]
        while self._take_word("and"):
            parts.append(self._clause())
        return lambda issue: all(part(issue) for part in parts)

    def _clause(self) -> Matcher:
        if self._take_word("("):
            inner = self._either()
            if not self._take_word(")"):
                raise JqlError("Error in the JQL Query: a bracket is not closed.")
            return inner
        name, operator, value = (self._next() for _ in range(3))
        match name.lower(), operator:
            case "project", "=":
                return lambda issue: issue.project == value
            case "labels", "=":
                return lambda issue: value in issue.labels
            case "description", "~":
                return _contains(value)
        raise JqlError(f"Error in the JQL Query: this stand-in does not know {name} {operator}.")

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            raise JqlError("Error in the JQL Query: it ends too early.")
        self._at += 1
        return self._tokens[self._at - 1][0]

    def _is_word(self, word: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at] in {(word, False), (word.upper(), False)}

    def _take_word(self, word: str) -> bool:
        if not self._is_word(word):
            return False
        self._at += 1
        return True


def _contains(value: str) -> Matcher:
    """Text search by whole words: all of them, or side by side if the value is itself quoted."""
    words = _words(value)
    if not value.startswith('"'):
        return lambda issue: set(words) <= set(_words(issue.description))
    phrase = f" {' '.join(words)} "
    return lambda issue: phrase in f" {' '.join(_words(issue.description))} "


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
