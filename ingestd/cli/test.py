"""``ingestd test``: what can be tried out before it is needed."""

from __future__ import annotations

import click

from ingestd.cli import page, test_oncall, test_rules
from ingestd.cli.program import Noun


@click.group(
    cls=Noun,
    invoke_without_command=True,
    examples=[
        ("ingestd test", "the tests of the rules and of who is on call"),
        ("ingestd test rules config.yaml", "do the rules what their tests say?"),
        ("ingestd test oncall config.yaml", "is on call who must be?"),
        ("ingestd test page asha", "does a page reach asha?"),
    ],
)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Try things out before they are needed.

    Without a command: the tests of the rules, then those of who is on call. Exit code 1 if one of either fails.
    """
    if ctx.invoked_subcommand is None:
        codes = [_code_of(ctx, one) for one in (test_rules.rules, test_oncall.oncall)]
        ctx.exit(max(codes))


def _code_of(ctx: click.Context, verb: click.Command) -> int:
    """Run a command as it is typed without arguments; its exit code."""
    try:
        with verb.make_context(str(verb.name), [], parent=ctx) as own:
            verb.invoke(own)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return 0


command.add_command(test_rules.rules)
command.add_command(test_oncall.oncall)
command.add_command(page.test, "page")
