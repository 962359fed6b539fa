"""``ingestd test``: what can be tried out before it is needed."""

from __future__ import annotations

import click

from ingestd.cli import page, test_oncall, test_rules
from ingestd.cli.program import Noun


@click.group(
    cls=Noun,
    examples=[
        ("ingestd test rules config.yaml", "do the rules what their tests say?"),
        ("ingestd test oncall config.yaml", "is on call who must be?"),
        ("ingestd test page asha", "does a page reach asha?"),
    ],
)
def command() -> None:
    """Try things out before they are needed."""


command.add_command(test_rules.rules)
command.add_command(test_oncall.oncall)
command.add_command(page.test, "page")
