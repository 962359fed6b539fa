"""``ingestd explain``: why something is as it is."""

from __future__ import annotations

import re

import click

from ingestd.cli.api import segment
from ingestd.cli.failures import BadUsage
from ingestd.cli.program import Program, Verb, output_option

_ENVELOPE = re.compile(r"env_[0-9a-z]{1,40}", re.IGNORECASE)
_INCIDENT = re.compile(r"(?:INC-)?([0-9]{1,18})", re.IGNORECASE)


@click.command(
    "explain",
    cls=Verb,
    examples=[
        ("ingestd explain INC-1042", "its whole history, what happens next, what was sent"),
        ("ingestd explain env_01hx...", "what became of one message that came in"),
    ],
)
@click.argument("name", metavar="ID")
@output_option()
@click.pass_obj
def command(program: Program, name: str) -> None:
    """Why something happened, and what happens next.

    ID is an incident or an envelope.
    """
    word = name.strip()
    if _ENVELOPE.fullmatch(word):
        answer = program.api.get(f"/api/v1/envelopes/{segment(word.lower())}", holds="envelope")
    elif found := _INCIDENT.fullmatch(word):
        answer = program.api.get(f"/api/v1/incidents/INC-{int(found[1])}", holds="incident")
    else:
        raise BadUsage(f"{word!r} is neither an incident nor an envelope", hint="write INC-1042 or env_...")
    if program.is_json:
        program.terminal.json(answer)
        return
    # Both load rich, which --help and JSON do not need.
    from ingestd.cli.envelope_page import envelope_page  # noqa: PLC0415 (see above)
    from ingestd.cli.incident_page import explain_page  # noqa: PLC0415 (see above)

    page = explain_page if "incident" in answer else envelope_page
    program.terminal.show(*page(answer, program.moments()))
