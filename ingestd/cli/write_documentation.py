"""``ingestd write-documentation``, hidden: prints docs/cli.md from the command tree, or docs/rules/reference.md from the models.

Tests compare each page with what is printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from ingestd.cli.program import Noun, Program, Verb

_HEAD = """\
# The command line

This page is made from the command tree by `ingestd write-documentation > docs/cli.md`; a test holds the two together.

## What scripts may rely on

- **Exit codes**: 0 fine; 1 a check or test failed, or there is no such thing; 2 usage; 3 lint warnings with `--lint-fatal`;
  4 daemon not reachable; 5 not allowed. `serve` ends with 78 if the configuration cannot be used.
- **Streams**: data goes to standard output, everything else to standard error. In a pipe nothing is cut and nothing is coloured.
- **JSON** (`-o json`) is what the API gives: its keys are field names, times are RFC 3339 in UTC. Tables are for people and may change.
- **Text from outside** (titles, labels, bodies) never reaches a terminal raw: control characters are gone, line breaks are spaces.

## Which daemon, and as whom

First found wins: the flag, the environment, `~/.config/ingestd/cli.yaml` (or under `$XDG_CONFIG_HOME`), `/etc/ingestd/cli.yaml`.

| What | Flag | Environment | In `cli.yaml` | Otherwise |
|---|---|---|---|---|
| the daemon | `--url` | `INGESTD_URL` | `url` | `http://127.0.0.1:8095` |
| the API token | `--token-file` | `INGESTD_TOKEN`, `INGESTD_TOKEN_FILE` | `token_file` | none is sent |
| a CA of your own (PEM) | | | `ca_file` | the CAs of the system |

Proxies of the environment are not used for a daemon on the same machine.
"""


@click.command("write-documentation", cls=Verb, hidden=True)
@click.argument("page", type=click.Choice(["cli", "rules"]), default="cli")
@click.pass_context
def command(ctx: click.Context, page: str) -> None:
    """Print a page of the documentation as Markdown: the command line, or every key of a rule file."""
    text = documentation(ctx.find_root().command) if page == "cli" else rule_documentation()
    ctx.ensure_object(Program).terminal.data(text.rstrip("\n"))


def rule_documentation() -> str:
    """The page with every key of a rule file; the same for the same models."""
    from ingestd.config.rule_reference import reference  # noqa: PLC0415 (loads the models)

    return reference()


def documentation(root: click.Command) -> str:
    """The page for a command tree; the same for the same tree, whatever the terminal."""
    return _HEAD + "\n" + "\n".join(_sections(root, click.Context(root, info_name="ingestd")))


def _sections(command: click.Command, ctx: click.Context) -> Iterator[str]:
    depth = ctx.command_path.count(" ")
    yield f"{'#' * min(2 + depth, 4)} `{ctx.command_path}`\n"
    if isinstance(command, Noun | Verb) and command.examples:
        yield "```sh"
        for line, words in command.examples:
            yield f"# {words}\n{line}"
        yield "```\n"
    if command.help:
        yield f"{cleandoc(command.help)}\n"
    if not isinstance(command, click.Group):
        yield f"Usage: `{' '.join([ctx.command_path, *command.collect_usage_pieces(ctx)])}`\n"
    options = [one for one in command.get_params(ctx) if isinstance(one, click.Option) and "--help" not in one.opts]
    records = [record for option in options if (record := option.get_help_record(ctx)) is not None]
    if records:
        yield "| Option | |\n|---|---|"
        yield from (f"| `{_cell(names)}` | {_cell(text)} |" for names, text in records)
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            if child is not None and not child.hidden:
                yield from _sections(child, click.Context(child, info_name=name, parent=ctx))


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return re.sub(r" {2,}", " ", text).replace("|", "\\|")
