"""Rules that can never decide, because earlier rules match whatever they match. Pure.

Sound, not complete: what is reported can truly never decide; not every rule that never decides is found, since no one can tell in
general whether one regular expression contains another. A rule matches in several *ways* (``match`` with one selector of
``match_any``); it is shadowed if each of its ways is covered by an earlier rule, all of whose matchers follow from the way's own. A rule
that expires shadows nothing that is there for longer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import re2

from ingestd.core.condition import Condition
from ingestd.core.matchers import Field, Matcher, MatchOp
from ingestd.core.rule_index import SET_BYTES_MAX, listed_values
from ingestd.core.ruleset import Rule, Ruleset

_NEGATION: Final = {
    MatchOp.EQUAL: MatchOp.NOT_EQUAL,
    MatchOp.NOT_EQUAL: MatchOp.EQUAL,
    MatchOp.REGEX: MatchOp.NOT_REGEX,
    MatchOp.NOT_REGEX: MatchOp.REGEX,
}
_Said = tuple[Field, MatchOp, str]
"""A matcher without the way in which it was written."""

_Key = tuple[Field, str] | _Said
"""What a way may wait at: a value of a field, or a regex on it."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """The rule at ``position`` can never decide: those at ``by`` match first; if it is empty, its matchers exclude each other."""

    position: int
    by: tuple[int, ...]


def shadowed(ruleset: Ruleset) -> list[Shadow]:
    """Every rule that is found to be shadowed, in order. The built-in last one never is."""
    finder = _Finder(ruleset.rules)
    return [shadow for position in range(ruleset.count) if (shadow := finder.shadow_of(position)) is not None]


def always_meets(condition: Condition, matchers: Sequence[Matcher]) -> bool:
    """Whether every alert that meets the condition satisfies all of the matchers. Sound, not complete, as all of this module."""
    wanted = Condition(tuple(matchers))
    ways = (_Way((*condition.match, *selector), condition.unless) for selector in condition.match_any or ((),))
    return all(way.is_impossible or _covers(wanted, way) for way in ways)


class _Way:
    """One way in which a condition is met, and what is known of an alert that meets it so."""

    def __init__(self, matchers: Iterable[Matcher], unless: Sequence[Matcher]) -> None:
        self.said: set[_Said] = set()
        self.by_field: defaultdict[Field, list[Matcher]] = defaultdict(list)
        self.values: dict[Field, frozenset[str]] = {}
        """The only values that these fields can have."""
        self._unless: defaultdict[Field, list[Matcher]] = defaultdict(list)
        for matcher in matchers:
            self.said.add((matcher.field, matcher.op, matcher.value))
            self.by_field[matcher.field].append(matcher)
            listed = listed_values(matcher) if matcher.op in {MatchOp.EQUAL, MatchOp.REGEX} else frozenset()
            if listed:
                self.values[matcher.field] = self.values.get(matcher.field, listed) & listed
        for matcher in unless:
            self._unless[matcher.field].append(matcher)
        for field, values in self.values.items():
            self.values[field] = frozenset(value for value in values if self._can_be(field, value))

    @property
    def is_impossible(self) -> bool:
        """Whether no alert can meet it."""
        return not all(self.values.values())

    def implies(self, matcher: Matcher) -> bool:
        """Whether every alert that meets this way satisfies the matcher."""
        if (matcher.field, matcher.op, matcher.value) in self.said:
            return True
        values = self.values.get(matcher.field)
        if values is not None:
            return all(map(matcher.accepts, values))
        return matcher.op is MatchOp.NOT_EQUAL and not self._can_be(matcher.field, matcher.value)

    def refutes(self, matcher: Matcher) -> bool:
        """Whether no alert that meets this way satisfies the matcher."""
        if (matcher.field, _NEGATION[matcher.op], matcher.value) in self.said:
            return True
        if any((m.op, m.value) == (matcher.op, matcher.value) for m in self._unless.get(matcher.field, ())):
            return True
        values = self.values.get(matcher.field)
        if values is not None:
            return not any(map(matcher.accepts, values))
        listed = listed_values(matcher) if matcher.op in {MatchOp.EQUAL, MatchOp.REGEX} else frozenset()
        return bool(listed) and not any(self._can_be(matcher.field, value) for value in listed)

    def _can_be(self, field: Field, value: str) -> bool:
        """Whether the field can have this value, as far as each matcher by itself says."""
        return all(m.accepts(value) for m in self.by_field.get(field, ())) and not any(
            m.accepts(value) for m in self._unless.get(field, ())
        )


class _Finder:
    """Finds the rules that may cover a way, without trying all of them.

    Each way of each rule waits at one of the things that it needs, the rarest: at a value, or at a regex. Whatever it covers has that
    value, has a value that the regex accepts, or says the same regex. Ways that need nothing are always tried.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._conditions = conditions = [rule.condition for rule in rules]
        self._expiries = [rule.expires_at for rule in rules]
        self._by_value: defaultdict[tuple[Field, str], list[int]] = defaultdict(list)
        self._by_regex: defaultdict[_Said, list[int]] = defaultdict(list)
        self._always: list[int] = []
        needs = [
            (position, _needs(condition, selector))
            for position, condition in enumerate(conditions)
            for selector in condition.match_any or ((),)
        ]
        counts = Counter(key for _, listed in needs for need in listed for key in need)
        for position, listed in needs:
            if not listed:
                self._always.append(position)
                continue
            for key in min(listed, key=lambda need: sum(counts[key] for key in need)):
                if len(key) == 2:
                    self._by_value[key].append(position)
                else:
                    self._by_regex[key].append(position)
        self._regexes: defaultdict[Field, list[_Said]] = defaultdict(list)
        for said in self._by_regex:
            self._regexes[said[0]].append(said)
        self._sets = {field: _pattern_set(regexes) for field, regexes in self._regexes.items()}

    def shadow_of(self, position: int) -> Shadow | None:
        """Who shadows the rule, if it is shadowed."""
        condition = self._conditions[position]
        by: set[int] = set()
        for selector in condition.match_any or ((),):
            way = _Way((*condition.match, *selector), condition.unless)
            if way.is_impossible:
                continue
            earlier = (p for p in self._candidates(way, position) if self._outlives(p, position))
            covering = next((p for p in earlier if _covers(self._conditions[p], way)), None)
            if covering is None:
                return None
            by.add(covering)
        return Shadow(position, tuple(sorted(by)))

    def _outlives(self, earlier: int, later: int) -> bool:
        """Whether a rule is there for as long as another: one that expires is put before others on purpose, for a time."""
        ends_at, other_ends_at = self._expiries[earlier], self._expiries[later]
        return ends_at is None or (other_ends_at is not None and other_ends_at <= ends_at)

    def _candidates(self, way: _Way, before: int) -> Iterator[int]:
        found = set(self._always)
        for field, values in way.values.items():
            value = min(values)
            found.update(self._by_value.get((field, value), ()))
            for said in self._accepting(field, value):
                found.update(self._by_regex[said])
        for said in way.said:
            found.update(self._by_regex.get(said, ()))
        return (position for position in sorted(found) if position < before)

    def _accepting(self, field: Field, value: str) -> Iterable[_Said]:
        """The regexes on the field that accept the value; all of them if they have no set. One that runs out of memory says none."""
        compiled = self._sets.get(field)
        if compiled is None:
            return self._regexes.get(field, ())
        try:
            return [self._regexes[field][number] for number in compiled.Match(value) or ()]
        except UnicodeEncodeError:  # a lone surrogate
            return self._regexes[field]


def _needs(condition: Condition, selector: Iterable[Matcher]) -> list[list[_Key]]:
    """What one way of a condition needs: each either a choice of values or one regex."""
    found: list[list[_Key]] = []
    for matcher in (*condition.match, *selector):
        if matcher.op in {MatchOp.EQUAL, MatchOp.REGEX}:
            listed = listed_values(matcher)
            regex = (matcher.field, matcher.op, matcher.value)
            found.append([(matcher.field, value) for value in sorted(listed)] if listed else [regex])
    return found


def _pattern_set(regexes: Iterable[_Said]) -> Any:  # noqa: ANN401 (google-re2 has no types)
    """All the regexes in one; None if RE2 has no room for them."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = SET_BYTES_MAX
    compiled = re2.Set.FullMatchSet(options)
    try:
        for _, _, pattern in regexes:
            compiled.Add(pattern)
        compiled.Compile()
    except re2.error:
        return None
    return compiled


def _covers(condition: Condition, way: _Way) -> bool:
    """Whether the condition is met by every alert that meets the way."""
    return (
        all(map(way.implies, condition.match))
        and (not condition.match_any or any(all(map(way.implies, selector)) for selector in condition.match_any))
        and all(map(way.refutes, condition.unless))
    )
