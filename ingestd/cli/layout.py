"""The few shapes that pages in the terminal are made of: a heading, rows that wrap in their last column, styles by word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from ingestd.cli.terminal import safe

STYLES: Final = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "cyan",
    "triggered": "bold red",
    "acknowledged": "yellow",
    "resolved": "green",
    "closed": "dim",
    "firing": "red",
    "vanished": "yellow",
    "cleared": "green",
    "uncertain": "bold yellow",
    "parked": "bold red",
    "waiting": "yellow",
    "done": "green",
    "dropped": "dim",
    "quarantined": "bold yellow",
    "ok": "green",
    "warn": "bold yellow",
    "red": "bold red",
}
"""A colour never says what no word says."""


def word(value: object) -> Text:
    """A word of our vocabulary in its own style."""
    return safe(value, STYLES.get(str(value), ""))


def heading(text: str) -> Text:
    """The title of a section, below an empty line."""
    return Text(f"\n{text}", style="bold")


def rows(cells: Iterable[Sequence[Text]]) -> Table:
    """Rows of the same length, indented; every column keeps its words together except the last, which continues below itself."""
    listed = [list(row) for row in cells]
    grid = Table.grid(padding=(0, 2, 0, 0))
    count = len(listed[0]) if listed else 1
    grid.add_column(width=0)
    for _ in range(count - 1):
        grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for row in listed:
        grid.add_row(Text(), *row)
    return grid


def labelled(pairs: Iterable[tuple[str, Text]]) -> Table:
    """Labels and values; pairs without a value are left out."""
    return rows((Text(label, style="dim"), value) for label, value in pairs if value.plain)


def joined(parts: Iterable[Text], separator: str = "  ") -> Text:
    """The parts that are not empty, in one line."""
    return Text(separator).join(part for part in parts if part.plain)
