"""``ingestd test``: what can be tried out before it is needed."""

from __future__ import annotations

import click

from ingestd.cli import page
from ingestd.cli.program import Noun


@click.group(cls=Noun, examples=[("ingestd test page asha", "does a page reach asha?")])
def command() -> None:
    """Try things out before they are needed."""


command.add_command(page.test, "page")
