"""``ingestd ticket``: which ticket belongs to which incident."""

from __future__ import annotations

import click

from ingestd.cli.program import Noun, Program, limit_option, output_option
from ingestd.cli.terminal import safe


@click.group(cls=Noun, examples=[("ingestd ticket list", "which incident has which ticket")])
def command() -> None:
    """See the tickets of incidents."""


@command.command("list", examples=[("ingestd ticket list --limit 10", "the ten newest")])
@limit_option()
@output_option()
@click.pass_obj
def list_(program: Program, limit: int) -> None:
    """List tickets with their incidents, newest first."""
    answer = program.api.get("/api/v1/tickets", holds="tickets", limit=limit)
    tickets = answer["tickets"]
    if program.is_json:
        program.terminal.json(answer)
        return
    if not tickets:
        program.terminal.note("there are no tickets yet; what waits to be sent: ingestd outbox list")
        return
    moments = program.moments()
    rows = [
        [
            safe(ticket.get("incident_id") or ticket.get("incident"), "bold"),
            safe(ticket.get("connector")),
            safe(ticket.get("label")),
            safe(moments.age(ticket.get("opened_at"))),
            safe(ticket.get("url")),
        ]
        for ticket in tickets
    ]
    program.terminal.table(["INCIDENT", "CONNECTOR", "TICKET", "OPENED", "URL"], rows)
