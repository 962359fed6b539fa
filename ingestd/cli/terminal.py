"""The two streams. Data goes to standard output, everything else to standard error.

On a terminal tables fit its width and may have colour. In a pipe nothing is cut and there is no escape code, so that grep and
less see everything. Text from outside is made one harmless line by ``safe`` before it gets here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import click

from ingestd.core.safe_text import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

PIPE_WIDTH: Final = 4000
"""Columns where nobody looks at a screen: wide enough that nothing is cut."""

CELL_CHARS_MAX: Final = 1000
LAST_COLUMN_MIN: Final = 12

_UNSEEN = re.compile(
    "[\x7f-\x9f\u061c\u180e\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\uffff\U000e0000-\U000e007f]"
)


def safe(value: object, style: str = "") -> Text:
    """A value from outside as one line that cannot speak to the terminal, in a style of rich; nothing for None."""
    from rich.text import Text  # noqa: PLC0415 (only when something is shown)

    return Text("" if value is None else one_line(str(value), CELL_CHARS_MAX), style=style)


def json_text(value: object) -> str:
    """Indented JSON in which every character that acts on a terminal is an escape; other letters stay readable."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return _UNSEEN.sub(lambda match: json.dumps(match[0])[1:-1], text)


class Terminal:
    """Writes what a command has to say. ``is_quiet`` leaves out what is not data; ``is_plain`` leaves out colour."""

    def __init__(self, *, is_quiet: bool = False, is_plain: bool = False) -> None:
        self.is_quiet = is_quiet
        self.is_plain = is_plain or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"

    @property
    def is_screen(self) -> bool:
        """Whether a person looks at the output."""
        return sys.stdout.isatty()

    @property
    def width(self) -> int:
        """How many columns a line of output may have."""
        if self.is_screen or os.environ.get("COLUMNS"):
            return max(40, shutil.get_terminal_size((80, 24)).columns)
        return PIPE_WIDTH

    def data(self, text: str) -> None:
        """Print text that holds nothing from outside, as it is."""
        click.echo(text)

    def raw(self, content: bytes) -> None:
        """Write bytes as they are. Never to a screen."""
        click.echo(content, nl=False)

    def note(self, text: str) -> None:
        """Say something that is not data, unless it was asked to be quiet."""
        if not self.is_quiet:
            click.echo(one_line(text, CELL_CHARS_MAX), err=True)

    def json(self, value: object) -> None:
        """Print a value as JSON."""
        click.echo(json_text(value))

    def show(self, *parts: RenderableType) -> None:
        """Print parts that rich can lay out, without trailing spaces."""
        from rich.console import Console  # noqa: PLC0415 (only when something is shown)

        has_colour = self.is_screen and not self.is_plain
        console = Console(
            width=self.width,
            color_system="auto" if has_colour else None,
            force_terminal=has_colour,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )
        with console.capture() as capture:
            for part in parts:
                console.print(part)
        lines = capture.get().splitlines()
        click.echo("\n".join(line.rstrip() for line in lines), color=has_colour)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[Text]]) -> None:
        """Print rows under headers. On a screen the last column is cut where the line ends; elsewhere nothing is cut."""
        from rich.table import Table  # noqa: PLC0415 (only when something is shown)

        cells = [list(row) for row in rows]
        taken = sum(
            max([len(header), *(row[number].cell_len for row in cells)]) + 2
            for number, header in enumerate(headers[:-1])
        )
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for header in headers[:-1]:
            table.add_column(header, no_wrap=True, overflow="fold")
        table.add_column(
            headers[-1], no_wrap=True, overflow="ellipsis", max_width=max(LAST_COLUMN_MIN, self.width - taken)
        )
        for row in cells:
            table.add_row(*row)
        self.show(table)
