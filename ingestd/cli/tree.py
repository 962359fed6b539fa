"""The command tree. Its first level is known by name, so that help and completion need to load nothing."""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import Final

import click

from ingestd import __version__
from ingestd.cli.program import Noun, Program, global_options

NOUNS: Final[dict[str, str]] = {
    "serve": "Run the daemon.",
    "check": "Check configuration and rules without a daemon.",
    "reload": "Let the daemon take over what is on disk.",
    "doctor": "One page on how this installation is.",
    "incident": "See incidents and answer them.",
    "alert": "See alerts that are kept back.",
    "silence": "Hear nothing of some alerts for a while.",
    "explain": "Why something happened, or did not, and what happens next.",
    "ticket": "See the tickets of incidents.",
    "outbox": "See and steer what is sent out.",
    "envelope": "See what came in, and read it again.",
    "page": "Page people.",
    "drill": "Page a policy as in earnest, marked TEST, and see who answers.",
    "reply": "Hand in a mail that answers a page.",
    "oncall": "See who is on call, and take over.",
    "contact": "See by which addresses people are reached, and use one again that was thought dead.",
    "test": "Try things out before they are needed.",
    "source": "Try out what a source sends.",
    "rules": "Ask the rules what they would do, without a daemon.",
    "completion": "Completion of commands for a shell.",
}
"""Each name is a module of this package with a ``command``, whose help begins with the sentence here."""

HIDDEN: Final = ("write_documentation", "write_schema")

EXAMPLES = (
    ("ingestd incident list", "what is open now"),
    ("ingestd incident ack INC-1042", "take it; paging stops"),
    ("ingestd check all config.yaml", "is everything right before a reload?"),
    ("ingestd serve --config.file=config.yaml", "run the daemon"),
)


class Tree(Noun):
    """The root: its commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click asks with it)
        """The names, as help lists them."""
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (click asks with it)
        """The command of a name, or None."""
        module = cmd_name.replace("-", "_")
        if cmd_name not in NOUNS and module not in HIDDEN:
            return None
        command = import_module(f"ingestd.cli.{module}").command
        assert isinstance(command, click.Command), f"ingestd.cli.{module} has a command"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a guess at what was meant."""
        word = args[0]
        if not ctx.resilient_parsing and not word.startswith("-") and self.get_command(ctx, word) is None:
            near = difflib.get_close_matches(word, NOUNS, n=1)
            ctx.fail(f"there is no command {word!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (click asks with it)
        """List the names with their sentences, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))


@click.group(cls=Tree, examples=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="ingestd %(version)s")
@click.pass_context
def ingestd(ctx: click.Context) -> None:
    """From alerts to one ticket and one page.

    Data goes to standard output, everything else to standard error. Exit codes: 0 fine; 1 a check or test failed, or there is no
    such thing; 2 usage; 3 lint warnings with --lint-fatal; 4 daemon not reachable; 5 not allowed; serve: 78 bad configuration.
    The options below may also follow the command.
    """
    ctx.ensure_object(Program)


ingestd.params.extend(global_options(hidden=False))
