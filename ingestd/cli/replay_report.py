"""What a replay has to say, in one value, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from ingestd.cli.moments import duration_text
from ingestd.core.names import PersonName
from ingestd.trial.comparison import Comparison, compare
from ingestd.trial.replay import Replay
from ingestd.trial.replay_summary import Case, Count, Funnel, Night, RuleSum, Summary, summarise
from ingestd.trial.rule_changes import KeyChange, RuleChanges

S = TypeVar("S", Count, RuleSum)

_SLACK = timedelta(days=1)
"""By so much the history may be shorter than was asked for before that is said: on a quiet day nothing is received."""


@dataclass(slots=True)
class Report:
    """One set of rules, or two compared. Without a history ``summary`` is None; with one set of rules ``comparison`` is."""

    before: str
    after: str | None
    began_at: datetime
    answer_after: timedelta | None
    night: Night
    written: RuleChanges | None = None
    summary: Summary | None = None
    comparison: Comparison | None = None
    first_at: datetime | None = None
    last_at: datetime | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def would_change(self) -> bool:
        """Whether anything differs, in what is written or in what came of it."""
        return bool(self.written) or (self.comparison is not None and self.comparison.would_change)

    def tell(self, replay: Replay, oldest_at: datetime | None, kept_for: timedelta) -> None:
        """Take in a replay that is over, and what has to be known to judge it."""
        summaries = [summarise(replay, side, self.night) for side in replay.sides]
        self.summary = summaries[0]
        self.comparison = compare(*summaries) if len(summaries) > 1 else None
        self.first_at, self.last_at = replay.first_at, replay.last_at if replay.first_at else None
        if self.answer_after is None:
            self.notes.append(
                "Nobody answers in a replay, so every escalation runs to its end: these pages are the most that there could have "
                "been. With --ack-after 10m everybody answers."
            )
        else:
            text = f"Everybody acknowledges {duration_text(self.answer_after)} after they were first paged."
            self.notes.append(text)
        self.notes.append(f"Night is from 22:00 to 07:00 on the clock of {self.night.zone}.")
        self.notes.append("What fired before the first envelope counts as new when it is repeated.")
        if replay.unreadable_count:
            self.notes.append(f"Envelopes that cannot be read, and are left out: {replay.unreadable_count:,}.")
        if oldest_at is None or oldest_at > self.began_at + _SLACK:
            oldest = f"the oldest is of {utc(oldest_at)}" if oldest_at else "there is none"
            self.notes.append(f"Decided envelopes are kept for {duration_text(kept_for)}; {oldest}.")


def utc(at: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def as_json(report: Report, limit: int) -> dict[str, Any]:
    """The report for programs: lists are cut to ``limit``, with the count of all beside them."""
    comparison, summary = report.comparison, report.summary
    people, rules = by_person(report), by_rule(report)
    return {
        "before": report.before,
        "after": report.after,
        "since": utc(report.began_at),
        "first_at": utc(report.first_at) if report.first_at else None,
        "last_at": utc(report.last_at) if report.last_at else None,
        "ack_after_seconds": int(report.answer_after.total_seconds()) if report.answer_after is not None else None,
        "would_change": report.would_change if report.after is not None else None,
        "notes": report.notes,
        "written": _written(report.written) if report.written is not None else None,
        "funnel": {
            "before": _funnel(summary.funnel) if summary else None,
            "after": _funnel(comparison.after.funnel) if comparison else None,
        },
        "people": _sums(people, "person", _count, limit),
        "people_count": len(people),
        "rules": _sums(rules, "rule", _rule, limit),
        "rules_count": len(rules),
        "incidents": _incidents(report, limit),
    }


def _incidents(report: Report, limit: int) -> dict[str, Any]:
    if report.comparison is None:
        cases = worst(report.summary)
        return {"count": len(cases), "cases": [_case(case) for case in cases[:limit]]}
    changes = report.comparison.changes
    return {
        "same_count": report.comparison.same_count,
        "change_count": len(changes),
        "changes": [
            {
                "kind": change.kind.value,
                "aspects": list(change.aspects),
                "before": [_case(case) for case in change.before],
                "after": [_case(case) for case in change.after],
            }
            for change in changes[:limit]
        ],
    }


def worst(summary: Summary | None) -> Sequence[Case]:
    """The incidents of one side, the worst first."""
    cases = summary.cases if summary else ()
    return sorted(
        cases,
        key=lambda case: (case.severity.rank, -case.page_count.night, -case.page_count.all, case.opened_at),
    )


def by_person(report: Report) -> Mapping[PersonName, tuple[Count, Count | None]]:
    """The pages to each person: where they differ, or of the only side with nothing beside it. The most important first."""
    if report.comparison is not None:
        return dict(report.comparison.people)
    people = report.summary.people if report.summary else {}
    return {name: (people[name], None) for name in sorted(people, key=lambda name: (-people[name].all, name))}


def by_rule(report: Report) -> Mapping[str, tuple[RuleSum, RuleSum | None]]:
    """The same for rules."""
    if report.comparison is not None:
        return dict(report.comparison.rules)
    rules = report.summary.rules if report.summary else {}
    return {name: (rules[name], None) for name in sorted(rules, key=lambda name: (-rules[name].alert_count, name))}


def _sums(
    sums: Mapping[Any, tuple[S, S | None]], name: str, shape: Callable[[S], dict[str, int]], limit: int
) -> list[dict[str, Any]]:
    return [
        {name: key, "before": shape(before), "after": shape(after) if after is not None else None}
        for key, (before, after) in list(sums.items())[:limit]
    ]


def _count(count: Count) -> dict[str, int]:
    return {"pages": count.all, "pages_at_night": count.night}


def _rule(one: RuleSum) -> dict[str, int]:
    return {"alerts": one.alert_count, "incidents": one.incident_count, **_count(one.pages)}


def _funnel(funnel: Funnel) -> dict[str, int]:
    return {
        "envelopes": funnel.envelope_count,
        "alerts": funnel.alert_count,
        "after_dedup": funnel.news_count,
        "kept_back": funnel.kept_back_count,
        "incidents": funnel.incident_count,
        "tickets": funnel.ticket_count,
        **_count(funnel.pages),
    }


def _case(case: Case) -> dict[str, Any]:
    return {
        "opened_at": utc(case.opened_at),
        "title": case.title,
        "severity": case.severity.value,
        "rule": case.rule,
        "team": case.team,
        "policy": case.policy or None,
        "ticket": case.ticket or None,
        "alerts": len(case.episodes),
        "pages": [{"person": person, **_count(count)} for person, count in case.pages.items()],
    }


def _written(changes: RuleChanges) -> dict[str, Any]:
    return {
        "added": list(changes.added),
        "removed": list(changes.removed),
        "changed": [
            {"rule": rule, "keys": [_key(change) for change in keys]} for rule, keys in changes.changed.items()
        ],
        "moved": [{"rule": rule, "before": old, "after": new} for rule, (old, new) in changes.moved.items()],
        "sections": [_key(change) for change in changes.sections],
    }


def _key(change: KeyChange) -> dict[str, Any]:
    return {"key": change.key, "before": change.before, "after": change.after}
