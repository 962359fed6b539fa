"""Two sides of a replay, compared: incidents are the same where they hold the same episodes of alerts, whatever they are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from ingestd.core.names import PersonName
from ingestd.trial.replay import Episode
from ingestd.trial.replay_summary import Case, Count, RuleSum, Summary

K = TypeVar("K")
V = TypeVar("V")

ASPECTS: Final = {
    "severity": "severity",
    "pages": "pages",
    "policy": "policy",
    "team": "team",
    "ticket": "ticket",
    "rule": "rule",
    "title": "title",
    "opened": "opened_at",
    "alerts": "episodes",
}
"""What can differ between an incident before and after, the weightiest first, and the field of ``Case`` that holds it."""


class ChangeKind(StrEnum):
    """What becomes of incidents. ``regrouped``: neither split nor merged, several became several others."""

    ADDED = "added"
    GONE = "gone"
    CHANGED = "changed"
    SPLIT = "split"
    MERGED = "merged"
    REGROUPED = "regrouped"


@dataclass(frozen=True, slots=True)
class Change:
    """Incidents of the one side that have their alerts in those of the other. ``aspects`` are those of an incident that is one and the
    same on both sides.
    """

    kind: ChangeKind
    before: tuple[Case, ...]
    after: tuple[Case, ...]
    aspects: tuple[str, ...] = ()

    @property
    def pages(self) -> tuple[Count, Count]:
        """Before and after."""
        return _pages(self.before), _pages(self.after)

    @property
    def weight(self) -> tuple[object, ...]:
        """Sorts the worst first: by severity, pages at night, pages, then by time."""
        cases = (*self.before, *self.after)
        night = max(count.night for count in self.pages)
        most = max(count.all for count in self.pages)
        return (min(case.severity.rank for case in cases), -night, -most, min(case.opened_at for case in cases))


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the rules of ``after`` would have done differently. Changes are sorted with the worst first."""

    before: Summary
    after: Summary
    changes: tuple[Change, ...]
    same_count: int
    """Incidents that are the same in every aspect."""

    @property
    def would_change(self) -> bool:
        """Whether anything at all differs."""
        return bool(self.changes) or self.before.funnel != self.after.funnel or bool(self.rules)

    @property
    def rules(self) -> Mapping[str, tuple[RuleSum, RuleSum]]:
        """The sums of each rule for which they differ, before and after; the largest difference in pages first."""
        both = _both(self.before.rules, self.after.rules, RuleSum())
        return dict(sorted(both.items(), key=lambda one: _rule_weight(*one[1])))

    @property
    def people(self) -> Mapping[PersonName, tuple[Count, Count]]:
        """The pages to each person for whom they differ, before and after; the largest difference first."""
        both = _both(self.before.people, self.after.people, Count())
        return dict(sorted(both.items(), key=lambda one: _count_weight(*one[1])))

    def of(self, *kinds: ChangeKind) -> list[Change]:
        """The changes of these kinds, the worst first."""
        return [change for change in self.changes if change.kind in kinds]


def compare(before: Summary, after: Summary) -> Comparison:
    """Everything that differs."""
    changes: list[Change] = []
    same_count = 0
    for old, new in _groups(before.cases, after.cases):
        change = _change(old, new)
        if change is None:
            same_count += len(new)
        else:
            changes.append(change)
    changes.sort(key=lambda change: change.weight)
    return Comparison(before, after, tuple(changes), same_count)


def _groups(before: Sequence[Case], after: Sequence[Case]) -> Iterable[tuple[tuple[Case, ...], tuple[Case, ...]]]:
    """Incidents that share alerts, directly or by way of others; each incident in one group."""
    cases = [*before, *after]
    holders: dict[Episode, list[int]] = {}
    for number, case in enumerate(cases):
        for episode in case.episodes:
            holders.setdefault(episode, []).append(number)
    grouped: set[int] = set()
    for start in range(len(cases)):
        if start in grouped:
            continue
        grouped.add(start)
        group, ahead = {start}, [start]
        while ahead:
            for episode in cases[ahead.pop()].episodes:
                for other in holders.pop(episode, ()):
                    if other not in grouped:
                        grouped.add(other)
                        group.add(other)
                        ahead.append(other)
        ordered = sorted(group)
        yield (
            tuple(cases[number] for number in ordered if number < len(before)),
            tuple(cases[number] for number in ordered if number >= len(before)),
        )


def _change(old: tuple[Case, ...], new: tuple[Case, ...]) -> Change | None:
    if not old:
        return Change(ChangeKind.ADDED, old, new)
    if not new:
        return Change(ChangeKind.GONE, old, new)
    if len(old) == len(new):
        pairs = list(zip(old, new, strict=True))
        if len(old) > 1 and any(one.episodes != other.episodes for one, other in pairs):
            return Change(ChangeKind.REGROUPED, old, new)
        aspects = tuple(aspect for aspect, name in ASPECTS.items() if any(_differs(name, *pair) for pair in pairs))
        return Change(ChangeKind.CHANGED, old, new, aspects) if aspects else None
    if len(old) == 1:
        return Change(ChangeKind.SPLIT, old, new)
    if len(new) == 1:
        return Change(ChangeKind.MERGED, old, new)
    return Change(ChangeKind.REGROUPED, old, new)


def _differs(name: str, old: Case, new: Case) -> bool:
    return bool(getattr(old, name) != getattr(new, name))


def _pages(cases: Iterable[Case]) -> Count:
    return sum((case.page_count for case in cases), Count())


def _both(before: Mapping[K, V], after: Mapping[K, V], nothing: V) -> dict[K, tuple[V, V]]:
    names = dict.fromkeys([*before, *after])
    both = {name: (before.get(name, nothing), after.get(name, nothing)) for name in names}
    return {name: pair for name, pair in both.items() if pair[0] != pair[1]}


def _count_weight(old: Count, new: Count) -> tuple[int, int]:
    return -abs(new.night - old.night), -abs(new.all - old.all)


def _rule_weight(old: RuleSum, new: RuleSum) -> tuple[int, ...]:
    alerts = -abs(new.alert_count - old.alert_count)
    return (*_count_weight(old.pages, new.pages), -abs(new.incident_count - old.incident_count), alerts)
