"""The report of a replay for people: in the terminal, and as Markdown for a merge request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ingestd.cli.layout import STYLES, heading
from ingestd.cli.replay_report import Report, by_person, by_rule, utc, worst
from ingestd.cli.terminal import CELL_CHARS_MAX, Terminal, safe
from ingestd.core.names import PersonName
from ingestd.core.safe_text import one_line
from ingestd.trial.comparison import ASPECTS, Change, ChangeKind, Comparison
from ingestd.trial.replay_summary import Case, Count, Funnel, RuleSum
from ingestd.trial.rule_changes import KeyChange, RuleChanges

_VALUE_CHARS_MAX: Final = 120
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~])")
_CHANGES: Final = (
    ("Incidents that would be added", (ChangeKind.ADDED,)),
    ("Incidents that would be gone", (ChangeKind.GONE,)),
    ("Incidents that would be split, merged or regrouped", (ChangeKind.SPLIT, ChangeKind.MERGED, ChangeKind.REGROUPED)),
    ("Incidents that would change", (ChangeKind.CHANGED,)),
)


class Said(str):
    """Text from outside, or from a rule file: in Markdown it stands in a code span, so that it can neither format nor call anybody."""

    __slots__ = ()


Cell = Sequence[str]
"""Words, some of them ``Said``; shown without anything between them."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows under a title and headers; ``rest_count`` further ones are not shown."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[Sequence[Cell], ...]
    rest_count: int = 0


def show(terminal: Terminal, report: Report, limit: int) -> None:
    """Print the report on a terminal."""
    for number, block in enumerate(_blocks(report, limit)):
        if isinstance(block, str):
            terminal.data(one_line(block, CELL_CHARS_MAX))
            continue
        if number:
            terminal.show(heading(block.title))
        cells = ([safe("".join(cell), STYLES.get("".join(cell), "")) for cell in row] for row in block.rows)
        terminal.table(block.headers, cells)
        if block.rest_count:
            terminal.data(f"... and {block.rest_count:,} more")


def as_markdown(report: Report, limit: int) -> str:
    """The report for GitHub and GitLab."""
    parts: list[str] = []
    for number, block in enumerate(_blocks(report, limit)):
        if isinstance(block, str):
            text = _escaped(one_line(block, CELL_CHARS_MAX))
            parts.append(f"### {text}" if number == 0 else text)
            continue
        lines = [f"| {' | '.join(block.headers)} |", f"|{' --- |' * len(block.headers)}"]
        lines += [f"| {' | '.join(_markdown(cell) for cell in row)} |" for row in block.rows]
        parts.append(f"#### {block.title}\n\n" + "\n".join(lines))
        if block.rest_count:
            parts.append(f"… and {block.rest_count:,} more")
    return "\n\n".join(parts)


def _markdown(cell: Cell) -> str:
    return "".join(_code(part) if isinstance(part, Said) else _escaped(part) for part in cell)


def _code(text: str) -> str:
    """A code span in a cell of a table. A backtick would end it, a bar would end the cell."""
    shown = one_line(text, CELL_CHARS_MAX).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`" if shown else ""


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


# ---------------------------------------------------------------------- what is said


def _blocks(report: Report, limit: int) -> Iterator[str | Grid]:
    yield from _head(report)
    if report.written is not None:
        yield from _grids("What is written differently", ("RULE", "CHANGE"), _written_rows(report.written), limit)
    comparison, summary = report.comparison, report.summary
    if summary is None:
        return
    yield _funnel(summary.funnel, comparison.after.funnel if comparison else None)
    who = "Who would be paged" if comparison else "Who is paged"
    yield from _grids(who, ("PERSON", "PAGES", "AT NIGHT"), _people_rows(by_person(report)), limit)
    headers = ("RULE", "ALERTS", "INCIDENTS", "PAGES", "AT NIGHT")
    yield from _grids("By rule", headers, _rule_rows(by_rule(report)), limit)
    if comparison is not None:
        yield from _change_grids(comparison, report, limit)
        return
    rows = (_case_row(case, report) for case in worst(summary))
    yield from _grids("Incidents", _CASE_HEADERS, rows, limit)


def _head(report: Report) -> Iterator[str]:
    if report.after is None:
        yield f"What {report.before} makes of what was received"
    elif report.summary is None:
        yield f"{report.after} instead of {report.before}: what is written differently"
    else:
        yield f"{report.after} instead of {report.before}: what would have changed"
    if report.first_at is not None and report.last_at is not None:
        yield f"Received from {_when(report, report.first_at)} to {_when(report, report.last_at)}."
    elif report.summary is not None:
        yield f"Nothing that was received since {utc(report.began_at)} is stored."
    if report.after is not None:
        yield _outcome(report)
    yield from report.notes


def _outcome(report: Report) -> str:
    if not report.would_change:
        return "Nothing would change." if report.comparison else "Nothing is written differently."
    comparison = report.comparison
    if comparison is None:
        return "Something is written differently."
    if not comparison.would_change:
        return "Nothing would have changed; the rules are written differently."
    counted = [f"{len(found):,} {kind.value}" for kind in ChangeKind if (found := comparison.of(kind))] or [
        "no incident changed"
    ]
    pages = comparison.before.funnel.pages, comparison.after.funnel.pages
    return (
        f"Incidents: {', '.join(counted)}; {comparison.same_count:,} the same. "
        f"Pages {_arrow(pages[0].all, pages[1].all)}, at night {_arrow(pages[0].night, pages[1].night)}."
    )


def _funnel(before: Funnel, after: Funnel | None) -> Grid:
    rows: list[Sequence[Cell]] = []
    for word, old, new in zip(_STEPS, _steps(before), _steps(after or before), strict=True):
        row = (
            [word, f"{old:,}"]
            if after is None
            else [word, f"{old:,}", f"{new:,}", f"{new - old:+,}" if new != old else ""]
        )
        rows.append([[cell] for cell in row])
    headers = ("", "COUNT") if after is None else ("", "BEFORE", "AFTER", "DIFFERENCE")
    return Grid("From envelopes to pages", headers, tuple(rows))


_STEPS: Final = (
    "envelopes",
    "alerts",
    "after dedup",
    "kept back",
    "incidents",
    "tickets",
    "pages",
    "of these at night",
)


def _steps(funnel: Funnel) -> tuple[int, ...]:
    return (
        funnel.envelope_count,
        funnel.alert_count,
        funnel.news_count,
        funnel.kept_back_count,
        funnel.incident_count,
        funnel.ticket_count,
        funnel.pages.all,
        funnel.pages.night,
    )


def _grids(title: str, headers: tuple[str, ...], rows: Iterable[Sequence[Cell]], limit: int) -> Iterator[Grid]:
    """The table, unless there is nothing in it."""
    listed = tuple(rows)
    if listed:
        yield Grid(title, headers, listed[:limit], max(0, len(listed) - limit))


def _people_rows(people: Mapping[PersonName, tuple[Count, Count | None]]) -> Iterator[Sequence[Cell]]:
    for person, (old, maybe) in people.items():
        new = maybe or old
        yield [person], [_arrow(old.all, new.all)], [_arrow(old.night, new.night)]


def _rule_rows(rules: Mapping[str, tuple[RuleSum, RuleSum | None]]) -> Iterator[Sequence[Cell]]:
    for rule, (old, maybe) in rules.items():
        new = maybe or old
        yield (
            [rule],
            [_arrow(old.alert_count, new.alert_count)],
            [_arrow(old.incident_count, new.incident_count)],
            [_arrow(old.pages.all, new.pages.all)],
            [_arrow(old.pages.night, new.pages.night)],
        )


_CASE_HEADERS: Final = ("OPENED", "SEVERITY", "RULE", "TICKET", "PAGES", "TITLE")


def _case_row(case: Case, report: Report) -> Sequence[Cell]:
    return (
        [_when(report, case.opened_at)],
        [case.severity],
        [case.rule],
        [Said(case.ticket)] if case.ticket else ["none"],
        [_pages(case)],
        [Said(case.title)],
    )


def _change_grids(comparison: Comparison, report: Report, limit: int) -> Iterator[Grid]:
    for title, kinds in _CHANGES:
        changes = comparison.of(*kinds)
        if kinds == (ChangeKind.CHANGED,):
            headers: tuple[str, ...] = ("OPENED", "SEVERITY", "WHAT ELSE", "TITLE")
            rows = [_changed_row(change, report) for change in changes]
        elif len(kinds) > 1:
            headers = ("OPENED", "SEVERITY", "INCIDENTS", "PAGES", "AT NIGHT", "TITLE")
            rows = [_regrouped_row(change, report) for change in changes]
        else:
            headers = _CASE_HEADERS
            rows = [_case_row((*change.before, *change.after)[0], report) for change in changes]
        yield from _grids(title, headers, rows, limit)


def _regrouped_row(change: Change, report: Report) -> Sequence[Cell]:
    old, new = change.pages
    return (
        [_when(report, min(case.opened_at for case in (*change.before, *change.after)))],
        [_arrow(_worst(change.before), _worst(change.after))],
        [_arrow(len(change.before), len(change.after))],
        [_arrow(old.all, new.all)],
        [_arrow(old.night, new.night)],
        [Said(change.before[0].title)],
    )


def _worst(cases: Iterable[Case]) -> str:
    return min((case.severity for case in cases), key=lambda severity: severity.rank).value


def _changed_row(change: Change, report: Report) -> Sequence[Cell]:
    old, new = change.before[0], change.after[0]
    words: list[str] = []
    for aspect in change.aspects:
        if aspect == "severity":
            continue
        words += ["; " if words else "", f"{aspect} ", *_difference(aspect, old, new, report)]
    return (
        [_when(report, old.opened_at)],
        [_arrow(old.severity.value, new.severity.value)],
        words,
        [Said(old.title)],
    )


def _difference(aspect: str, old: Case, new: Case, report: Report) -> list[str]:
    match aspect:
        case "pages":
            return [_arrow(_pages(old), _pages(new))]
        case "alerts":
            return [_arrow(len(old.episodes), len(new.episodes))]
        case "opened":
            return [_arrow(_when(report, old.opened_at), _when(report, new.opened_at))]
        case _:
            before, after = getattr(old, ASPECTS[aspect]), getattr(new, ASPECTS[aspect])
            return [Said(before) if before else "none", " → ", Said(after) if after else "none"]


def _pages(case: Case) -> str:
    told = (
        f"{name} {count.all}{f' ({count.night} at night)' if count.night else ''}" for name, count in case.pages.items()
    )
    return ", ".join(told) or "nobody"


def _arrow(before: object, after: object) -> str:
    shown = [f"{one:,}" if isinstance(one, int) else str(one) for one in (before, after)]
    return shown[0] if before == after else " → ".join(shown)


def _when(report: Report, at: datetime) -> str:
    return at.astimezone(report.night.zone).strftime("%Y-%m-%d %H:%M %Z")


def _written_rows(changes: RuleChanges) -> Iterator[Sequence[Cell]]:
    for rule in changes.added:
        yield [rule], ["added"]
    for rule in changes.removed:
        yield [rule], ["removed"]
    for rule, keys in changes.changed.items():
        for change in keys:
            yield [rule], _key(change)
    for rule, (old, new) in changes.moved.items():
        yield [rule], [f"moved from place {old} to {new}"]
    for change in changes.sections:
        yield ["(all rules)"], _key(change)


def _key(change: KeyChange) -> Cell:
    return [f"{change.key}: ", _value(change.before), " → ", _value(change.after)]


def _value(value: object) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Said(text if len(text) <= _VALUE_CHARS_MAX else f"{text[: _VALUE_CHARS_MAX - 1]}…")
