"""How a command ends when it did not do what it was asked: one sentence, one hint, and an exit code that scripts can rely on."""

from __future__ import annotations

from typing import IO, Any, ClassVar, Final

import click

from ingestd.core.safe_text import one_line

FAILED: Final = 1
LINT: Final = 3
BAD_CONFIG: Final = 78
"""EX_CONFIG of sysexits.h; the systemd unit does not restart after it."""

_TEXT_CHARS_MAX = 600


class Failure(click.ClickException):
    """A check or test failed, or there is no such thing. ``hint`` says what to do and may be empty."""

    exit_code: ClassVar[int] = FAILED

    def __init__(self, text: str, *, hint: str = "") -> None:
        super().__init__(one_line(text, _TEXT_CHARS_MAX))
        self.hint = one_line(hint, _TEXT_CHARS_MAX)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence, and the hint on a line of its own, to standard error."""
        click.echo(f"error: {self.message}", file=file, err=file is None)
        if self.hint:
            click.echo(f"hint: {self.hint}", file=file, err=file is None)


class BadUsage(Failure):
    """The command cannot be carried out as it was typed or set up."""

    exit_code: ClassVar[int] = 2


class NotReachable(Failure):
    """No daemon answers, or what answers is none."""

    exit_code: ClassVar[int] = 4


class NotAllowed(Failure):
    """The daemon does not let this caller do that."""

    exit_code: ClassVar[int] = 5
