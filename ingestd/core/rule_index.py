"""Which rules an alert could match, found without trying them all. Pure.

The index is a sieve, not a judge: ``candidates`` never leaves out a rule that matches, and whoever asks still checks each
candidate's whole condition. So only what a rule *needs* is used, and what cannot be looked up is simply always checked:

- A rule matches in one of several *ways*: its ``match`` together with one selector of ``match_any``. ``unless`` only takes away.
- A way needs a value where it says ``name = value`` or ``name =~ "regex"``, unless the empty string will do (``name = ""``,
  ``name =~ ".*"``): a label that is missing counts as empty. ``!=`` and ``!~`` need nothing.
- Of what a way needs, the rarest among all ways is looked up first, equality before regexes. Where many ways share it, the
  next is looked up among those, and so on: a tree. ``a|b|c`` counts as three values.
- All regexes on one field are tried at once by an ``re2.Set``: one pass over the value, however many they are. Those that may
  begin anywhere (``.*disk.*``) gain less: RE2 works out its states for each new value, with 10,000 of them in some
  milliseconds (a tenth of trying each), and remembers them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import re2

from ingestd.core.alert import Alert
from ingestd.core.condition import Condition
from ingestd.core.matchers import ALERT_FIELDS, ANNOTATION_PREFIX, Field, Matcher, MatchOp

CHECKED_COUNT_MAX = 4
"""So few ways are checked one by one: it costs less than to look up what they need."""

SET_COUNT_MIN = 8
"""So many ways have to need a regex on one field before a set is built for it."""

DEPTH_MAX = 12
"""How many needs of one way are looked up, one inside the other."""

ALTERNATIVES_COUNT_MAX = 64
"""A regex that only lists values counts as that many values at most; a longer list stays a regex."""

SET_BYTES_MAX = 64 * 1024 * 1024
SET_BYTES_MIN = 512 * 1024
SET_BYTES_PER_PATTERN = 16 * 1024
"""The memory that RE2 may use for one set, program and cached states together. It grows only as values ask for it."""

_ALWAYS = r"(?s).*"
"""In every set, since RE2 says "nothing matches" also when it ran out of memory: what does not even find this has failed."""

_LISTED = re.compile(r"(?:[A-Za-z0-9_ /:@,~-]|\\\.)+(?:\|(?:[A-Za-z0-9_ /:@,~-]|\\\.)+)*")

Place = tuple[int, str]
"""A field of an alert: 0 for labels, 1 for annotations, 2 for ``alert.*``; and the name there."""

Fields = tuple[Mapping[str, str], Mapping[str, str], Mapping[str, str]]
"""What an alert has, by the number of a ``Place``."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which the rule at ``position`` can match, and what it needs for that."""

    position: int
    values: tuple[tuple[Place, frozenset[str]], ...] = ()
    patterns: tuple[tuple[Place, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Node:
    """Ways that share what was looked up so far. ``checked`` are the positions of those that nothing more is looked up for."""

    checked: tuple[int, ...]
    lookups: tuple[_Lookup, ...] = ()

    def collect(self, fields: Fields, found: set[int]) -> None:
        """Add the positions of the rules that could match what has these fields."""
        found.update(self.checked)
        for lookup in self.lookups:
            lookup.collect(fields, found)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What can be looked up in one kind of field, by name."""

    space: int
    by_value: dict[str, dict[str, _Node]] = field(default_factory=dict)
    by_pattern: dict[str, tuple[_PatternSet, ...]] = field(default_factory=dict)

    def collect(self, fields: Fields, found: set[int]) -> None:
        """Add the positions of the rules that could match what has these fields."""
        present = fields[self.space]
        # An intersection walks over its smaller side: neither many labels nor many indexed names cost more.
        for name in self.by_value.keys() & present.keys():
            node = self.by_value[name].get(present[name])
            if node is not None:
                node.collect(fields, found)
        for name in self.by_pattern.keys() & present.keys() if self.by_pattern else ():
            for pattern_set in self.by_pattern[name]:
                for node in pattern_set.matching(present[name]):
                    node.collect(fields, found)


@dataclass(frozen=True, slots=True)
class _PatternSet:
    """Regexes on one field that are tried together, each with the ways that need it."""

    compiled: Any
    """An ``re2.Set`` with ``_ALWAYS`` as number 0; None if RE2 has no room for it, which counts as a match."""
    nodes: tuple[_Node, ...]
    """By the pattern's number in the set, from 1."""

    def matching(self, value: str) -> Iterable[_Node]:
        """The nodes of the patterns that match the whole value; all of them if RE2 cannot tell."""
        if self.compiled is None:
            return self.nodes
        try:
            numbers = self.compiled.Match(value)
        except UnicodeEncodeError:  # a lone surrogate, which matchers read in the same way
            numbers = self.compiled.Match(value.encode("utf-8", "replace"))
        if not numbers:
            return self.nodes
        return [self.nodes[number - 1] for number in numbers if number]


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """Looks up the conditions that an alert could meet; build it with ``index_conditions``."""

    _root: _Node
    _alert_fields: tuple[str, ...]
    """Those ``alert.*`` that some condition needs."""

    def candidates(self, alert: Alert) -> list[int]:
        """The positions of the conditions that the alert may meet, ascending. Every one that it meets is among them."""
        own = {name: ALERT_FIELDS[name](alert) for name in self._alert_fields}
        found: set[int] = set()
        self._root.collect((alert.labels, alert.annotations, own), found)
        return sorted(found)


def index_conditions(conditions: Sequence[Condition]) -> RuleIndex:
    """The index of these conditions. Takes about 0.03 ms for each; never fails: what RE2 has no room for is always checked."""
    ways = [way for position, condition in enumerate(conditions) for way in _ways(position, condition)]
    needed = {place for way in ways for place, _ in (*way.values, *way.patterns)}
    return RuleIndex(_node(ways, DEPTH_MAX), tuple(sorted(name for space, name in needed if space == 2)))


def _ways(position: int, condition: Condition) -> Iterator[_Way]:
    for selector in condition.match_any or ((),):
        values: list[tuple[Place, frozenset[str]]] = []
        patterns: list[tuple[Place, str]] = []
        for matcher in (*condition.match, *selector):
            if matcher.op not in {MatchOp.EQUAL, MatchOp.REGEX} or _is_met_by_nothing(matcher):
                continue
            listed = listed_values(matcher)
            if listed:
                values.append((_place(matcher.field), listed))
            else:
                patterns.append((_place(matcher.field), matcher.value))
        yield _Way(position, tuple(values), tuple(patterns))


def _is_met_by_nothing(matcher: Matcher) -> bool:
    """Whether an alert without the field satisfies the matcher."""
    if matcher.op is MatchOp.EQUAL:
        return not matcher.value
    return matcher.pattern.fullmatch("") is not None


def listed_values(matcher: Matcher) -> frozenset[str]:
    """All the values that satisfy the matcher, if they can be listed; else nothing."""
    if matcher.op is MatchOp.EQUAL:
        return frozenset((matcher.value,))
    listed = matcher.value.removeprefix("^").removesuffix("$")
    if listed.startswith("(") and listed.endswith(")"):
        listed = listed[1:-1].removeprefix("?:")
    if not _LISTED.fullmatch(listed):
        return frozenset()
    values = frozenset(listed.replace("\\.", ".").split("|"))
    return values if len(values) <= ALTERNATIVES_COUNT_MAX else frozenset()


def _place(field: Field) -> Place:
    if field.is_label:
        return 0, field.name
    if field.name in ALERT_FIELDS:
        return 2, field.name
    return 1, field.name.removeprefix(ANNOTATION_PREFIX)


def _node(ways: Sequence[_Way], depth: int) -> _Node:
    """The tree below ways that have one thing in common already."""
    if len(ways) <= CHECKED_COUNT_MAX or depth == 0:
        return _Node(_positions(ways))
    value_counts = Counter((place, value) for way in ways for place, values in way.values for value in values)
    pattern_counts = Counter(need for way in ways for need in way.patterns)
    checked: list[_Way] = []
    by_value: defaultdict[tuple[Place, str], list[_Way]] = defaultdict(list)
    by_pattern: defaultdict[Place, defaultdict[str, list[_Way]]] = defaultdict(lambda: defaultdict(list))
    for way in ways:
        if way.values:
            place, values = rarest = min(way.values, key=lambda need: sum(value_counts[need[0], v] for v in need[1]))
            rest = replace(way, values=tuple(need for need in way.values if need is not rarest))
            for value in values:
                by_value[place, value].append(rest)
        elif way.patterns:
            place, pattern = need = min(way.patterns, key=pattern_counts.__getitem__)
            by_pattern[place][pattern].append(replace(way, patterns=tuple(n for n in way.patterns if n is not need)))
        else:
            checked.append(way)
    lookups = tuple(_Lookup(space) for space in range(3))
    for ((space, name), value), those in by_value.items():
        lookups[space].by_value.setdefault(name, {})[value] = _node(those, depth - 1)
    for (space, name), patterns in by_pattern.items():
        if sum(map(len, patterns.values())) < SET_COUNT_MIN:
            checked += [way for those in patterns.values() for way in those]
        else:
            nodes = [(pattern, _node(those, depth - 1)) for pattern, those in patterns.items()]
            lookups[space].by_pattern[name] = tuple(_pattern_sets(nodes))
    return _Node(_positions(checked), tuple(lookup for lookup in lookups if lookup.by_value or lookup.by_pattern))


def _positions(ways: Iterable[_Way]) -> tuple[int, ...]:
    return tuple(sorted({way.position for way in ways}))


def _pattern_sets(patterns: Sequence[tuple[str, _Node]]) -> Iterator[_PatternSet]:
    """One set of all the patterns; if RE2 has no room for them together, several of fewer."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = min(SET_BYTES_MAX, SET_BYTES_MIN + SET_BYTES_PER_PATTERN * len(patterns))
    compiled = re2.Set.FullMatchSet(options)
    nodes = tuple(node for _, node in patterns)
    try:
        for pattern in (_ALWAYS, *(pattern for pattern, _ in patterns)):
            compiled.Add(pattern)
        compiled.Compile()
    except re2.error:
        if len(patterns) == 1:
            yield _PatternSet(None, nodes)
            return
        half = len(patterns) // 2
        yield from _pattern_sets(patterns[:half])
        yield from _pattern_sets(patterns[half:])
    else:
        yield _PatternSet(compiled, nodes)
