"""``ingestd reload``: the daemon takes over what is on disk, or says why it does not."""

from __future__ import annotations

from typing import Final

import click

from ingestd.cli.failures import Failure
from ingestd.cli.program import Program, Verb, output_option
from ingestd.core.safe_text import plain_block

REFUSED: Final = 422
RELOAD_SECONDS: Final = 150.0
"""The daemon reads the files up to three times and gives their tests 30 s each time; another reload may be under way."""
_PROBLEM_CHARS_MAX: Final = 8000


@click.command(
    "reload",
    cls=Verb,
    examples=[
        ("ingestd reload", "take over the configuration and the rules, or see what is wrong with them"),
        ("ingestd check all config.yaml && ingestd reload", "look first"),
    ],
)
@output_option()
@click.pass_obj
def command(program: Program) -> None:
    """Let the daemon take over what is on disk.

    It reads and checks the configuration and the rules, runs the tests of the rules, and takes over all of it or nothing. Needs a token
    of the role admin. Exit code 1 if it was refused: every problem is shown, and what was in force before stays in force.
    """
    answer = program.api.ask("/-/reload", refused=REFUSED, seconds=RELOAD_SECONDS)
    problems = answer.get("problems")
    if program.is_json:
        program.terminal.json(answer)
    elif isinstance(problems, list) and problems:
        program.terminal.data("\n\n".join(plain_block(str(one), _PROBLEM_CHARS_MAX) for one in problems))
    if problems or "error" in answer:
        raise Failure(str(answer.get("error")), hint="mend that, and reload again")
    program.terminal.note(str(answer.get("text")))
