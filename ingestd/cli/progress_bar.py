"""A bar on standard error for work that takes longer than a second, where somebody looks at it."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from ingestd.cli.program import Program

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE: Final = timedelta(seconds=1)
_PAUSE: Final = timedelta(milliseconds=200)


class ProgressBar:
    """Shown from the first second on until the work is done, then wiped away. Never in a pipe, and not if it was asked to be quiet."""

    def __init__(self, program: Program, words: str) -> None:
        self._clock = program.clock
        self._words = words
        self._is_plain = program.terminal.is_plain
        self._is_wanted = sys.stderr.isatty() and not program.is_quiet
        self._next_at: datetime = program.clock.now() + PATIENCE
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def reach(self, done: int, total: int) -> None:
        """So much of it is done."""
        if not self._is_wanted or (now := self._clock.now()) < self._next_at:
            return
        self._next_at = now + _PAUSE
        if self._progress is None:
            self._progress = self._begin()
            self._progress.add_task(self._words)
        self._progress.update(self._progress.task_ids[0], completed=done, total=total)
        self._progress.refresh()

    def _begin(self) -> Progress:
        from rich.console import Console  # noqa: PLC0415 (only when something is shown)
        from rich.progress import Progress  # noqa: PLC0415 (see above)

        console = Console(stderr=True, no_color=self._is_plain)
        progress = Progress(console=console, transient=True, auto_refresh=False)
        progress.start()
        return progress
