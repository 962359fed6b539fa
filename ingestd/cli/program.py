"""What every command works with, and the shape of a command: help that begins with examples, options that hold everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import click

from ingestd.ambient import Clock, SystemClock
from ingestd.cli.api import Api
from ingestd.cli.client_settings import resolve
from ingestd.cli.failures import BadUsage, Failure
from ingestd.cli.moments import Moments
from ingestd.cli.terminal import Terminal

F = TypeVar("F", bound=Callable[..., Any])
Example = tuple[str, str]
"""A command line, and what it is for."""


class Program:
    """One run of the command line: what was asked for, and the daemon and the terminal that follow from it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.url: str | None = None
        self.token_file: Path | None = None
        self.output = "table"
        self.is_quiet = False
        self.is_plain = False

    @cached_property
    def terminal(self) -> Terminal:
        """Where output goes."""
        return Terminal(is_quiet=self.is_quiet, is_plain=self.is_plain)

    @cached_property
    def api(self) -> Api:
        """The daemon."""
        return Api(resolve(self.url, self.token_file, self.terminal.note))

    @property
    def is_json(self) -> bool:
        """Whether data is to be printed as JSON."""
        return self.output == "json"

    def moments(self) -> Moments:
        """Words for instants, seen from now."""
        return Moments(self.clock.now())

    def confirm(self, question: str, *, is_yes: bool) -> None:
        """Go on only with a yes: given by ``--yes``, or on a terminal by hand. Raises ``BadUsage`` where nobody can be asked."""
        if is_yes:
            return
        if not sys.stdin.isatty():
            raise BadUsage("this needs a yes, and nobody can be asked here", hint="add --yes")
        click.confirm(question, abort=True, err=True)

    def each(self, names: Sequence[str], act: Callable[[str], None]) -> None:
        """Do something for each name. A failure is told and does not stop the others; the exit code is that of the worst."""
        codes = [0]
        for name in names:
            try:
                act(name)
            except Failure as failure:
                if len(names) == 1 or failure.exit_code == 4:
                    raise
                failure.show()
                codes.append(failure.exit_code)
        if max(codes):
            click.get_current_context().exit(max(codes))


def global_options(*, hidden: bool) -> list[click.Option]:
    """The options of ``ingestd`` itself; each command accepts them as well, without listing them again."""

    def keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
        if value not in {None, False}:
            setattr(ctx.ensure_object(Program), str(param.name), value)

    path = click.Path(path_type=Path, dir_okay=False)

    def option(*names: str, **settings: Any) -> click.Option:  # noqa: ANN401 (whatever click takes)
        return click.Option(names, expose_value=False, callback=keep, hidden=hidden, **settings)

    return [
        option("--url", metavar="URL", help="The daemon. [INGESTD_URL; default: http://127.0.0.1:8095]"),
        option("--token-file", type=path, help="File with the API token. [INGESTD_TOKEN, INGESTD_TOKEN_FILE]"),
        option("-q", "--quiet", "is_quiet", is_flag=True, help="Print data and errors only."),
        option("--no-color", "is_plain", is_flag=True, help="No colour, also on a terminal. [NO_COLOR]"),
    ]


class Verb(click.Command):
    """A command that does something."""

    def __init__(self, *args: Any, examples: Iterable[Example] = (), **settings: Any) -> None:  # noqa: ANN401 (whatever click takes)
        super().__init__(*args, **settings)
        self.examples = tuple(examples)
        self.params.extend(global_options(hidden=True))

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then what click writes."""
        write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)


class Noun(click.Group):
    """A group of commands about one thing."""

    command_class = Verb

    def __init__(self, *args: Any, examples: Iterable[Example] = (), **settings: Any) -> None:  # noqa: ANN401 (whatever click takes)
        super().__init__(*args, **settings)
        self.examples = tuple(examples)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then what click writes."""
        write_examples(self.examples, formatter)
        super().format_help(ctx, formatter)


def write_examples(examples: Sequence[Example], formatter: click.HelpFormatter) -> None:
    """Each example as it is typed, below what it is for."""
    if not examples:
        return
    with formatter.section("Examples"):
        for line, words in examples:
            formatter.write(f"{'':>{formatter.current_indent}}# {words}\n")
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
    formatter.write("\n")


def output_option(*more: str) -> Callable[[F], F]:
    """``-o table|json``, and further forms that this command has."""

    def keep(ctx: click.Context, _param: click.Parameter, value: str) -> None:
        ctx.ensure_object(Program).output = value

    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json", *more]),
        default="table",
        show_default=True,
        expose_value=False,
        callback=keep,
        help="A table for people, or JSON as the API gives it." + (" id: one a line." if "id" in more else ""),
    )


def limit_option(default: int = 50) -> Callable[[F], F]:
    """``--limit``: how many rows at most."""
    return click.option(
        "--limit", type=click.IntRange(1, 500), default=default, show_default=True, help="At most so many."
    )
