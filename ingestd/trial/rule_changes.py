"""Two sets of rule files, compared as they are written: what differs before any alert is looked at."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ingestd.config.rule_files import rule_paths
from ingestd.config.yaml_tree import read_document, to_python

_PARTWISE: Final = ("dedup", "correlate")
"""What a rule says of these is completed from the file's defaults key by key; all else replaces the default as a whole."""
_OF_THE_FILE: Final = frozenset({"version", "owner", "defaults", "rules", "tests"})
"""Keys of a rule file that set nothing in motion by themselves."""


@dataclass(frozen=True, slots=True)
class WrittenRules:
    """What rule files say: each rule with its file's defaults, in the order in which they are tried, and the other sections."""

    rules: Mapping[str, Mapping[str, Any]]
    sections: Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key of a rule, or a section, with what it says before and after; None where it says nothing."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class RuleChanges:
    """What differs between two sets of rules. ``moved`` gives the place before and after, from 1."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[KeyChange, ...]] = field(default_factory=dict)
    moved: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    sections: tuple[KeyChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.moved or self.sections)


def written_rules(path: Path) -> WrittenRules:
    """The rules of a folder or file that has been loaded without errors. Raises ``OSError``."""
    rules: dict[str, Mapping[str, Any]] = {}
    sections: dict[str, list[Any]] = {}
    for file in rule_paths(path):
        document, _ = read_document(file)
        head = to_python(document.root) or {}
        for rule in head.get("rules") or ():
            rules[str(rule["rule"])] = _completed(rule, head.get("defaults") or {})
        for key, value in head.items():
            if key not in _OF_THE_FILE:
                sections.setdefault(key, []).append(value)
    return WrittenRules(rules, sections)


def rule_changes(before: WrittenRules, after: WrittenRules) -> RuleChanges:
    """What differs. A rule that has another name is another rule."""
    kept = [name for name in before.rules if name in after.rules]
    changed = {name: _keys(before.rules[name], after.rules[name]) for name in kept}
    return RuleChanges(
        added=tuple(name for name in after.rules if name not in before.rules),
        removed=tuple(name for name in before.rules if name not in after.rules),
        changed={name: keys for name, keys in changed.items() if keys},
        moved=_moved(list(before.rules), list(after.rules)),
        sections=_keys(before.sections, after.sections),
    )


def _completed(rule: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    whole = {**defaults, **rule}
    for key in _PARTWISE:
        own, general = rule.get(key), defaults.get(key)
        if isinstance(own, Mapping) and isinstance(general, Mapping):
            whole[key] = {**general, **own}
    return {key: value for key, value in whole.items() if key != "rule"}


def _keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    names = dict.fromkeys([*before, *after])
    pairs = (KeyChange(name, before.get(name), after.get(name)) for name in names)
    return tuple(one for one in pairs if one.before != one.after)


def _moved(before: Sequence[str], after: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The fewest rules that must move to make the one order of the other, among those that both have."""
    places = {name: number for number, name in enumerate(before, start=1)}
    kept = [name for name in after if name in places]
    still = _longest_rise([places[name] for name in kept])
    goals = {name: number for number, name in enumerate(after, start=1)}
    return {name: (places[name], goals[name]) for name in kept if places[name] not in still}


def _longest_rise(numbers: Iterable[int]) -> set[int]:
    """The members of a longest rising subsequence of distinct numbers."""
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        place = bisect_left(ends, number)
        before[number] = ends[place - 1] if place else None
        ends[place : place + 1] = [number]
    rise: set[int] = set()
    last = ends[-1] if ends else None
    while last is not None:
        rise.add(last)
        last = before[last]
    return rise
