"""``ingestd completion``: lets a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ingestd.cli.program import Program, Verb


@click.command(
    "completion",
    cls=Verb,
    examples=[
        ("ingestd completion bash > /etc/bash_completion.d/ingestd", "for every user of bash"),
        ("ingestd completion zsh > ~/.zfunc/_ingestd", "with ~/.zfunc in fpath before compinit"),
        ("ingestd completion fish > ~/.config/fish/completions/ingestd.fish", "for fish"),
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Completion of commands for a shell."""
    made = get_completion_class(shell)
    assert made is not None, "click knows these three shells"
    source = made(ctx.find_root().command, {}, "ingestd", "_INGESTD_COMPLETE").source()
    ctx.ensure_object(Program).terminal.data(source)
