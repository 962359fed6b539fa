"""``ingestd alert``: alerts that fire while nothing comes of them."""

from __future__ import annotations

from typing import Any

import click

from ingestd.cli.failures import BadUsage
from ingestd.cli.program import Noun, Program, limit_option, output_option
from ingestd.cli.terminal import safe


@click.group(cls=Noun, examples=[("ingestd alert list --held", "what fires and is kept back, and by what")])
def command() -> None:
    """See alerts that are kept back.

    What is part of an incident is shown there: ingestd incident show.
    """


@command.command(
    "list",
    examples=[
        ("ingestd alert list --held", "what fires and is kept back, and by what"),
        ("ingestd alert list --held -o json", "for a program"),
    ],
)
@click.option("--held", "is_held", is_flag=True, help="Those that are kept back now. Required.")
@limit_option()
@output_option()
@click.pass_obj
def list_(program: Program, is_held: bool, limit: int) -> None:
    """List alerts that fire and are kept back, the latest first: since when, by what, until when, and which rule.

    UNTIL is when it is looked at again; it may be kept back once more then. An alert with an incident is part of that and pages
    nobody. Alerts of rules that only monitor are not listed: nothing ever comes of them.
    """
    if not is_held:
        raise BadUsage("which alerts?", hint="add --held; what is part of an incident: ingestd incident show INC-1042")
    answer = program.api.get("/api/v1/alerts", holds="alerts", held="true", limit=limit)
    alerts: list[dict[str, Any]] = answer["alerts"]
    if program.is_json:
        program.terminal.json(answer)
    elif alerts:
        _print_list(program, alerts)
    else:
        program.terminal.note("nothing is kept back")
    if len(alerts) == limit:
        program.terminal.note(f"there may be more than these {limit}: --limit")


def _print_list(program: Program, alerts: list[dict[str, Any]]) -> None:
    moments = program.moments()
    rows = [
        [
            safe(moments.age(alert.get("since"))),
            safe(moments.age(alert.get("until"))),
            safe(alert.get("text")),
            safe(alert.get("rule")),
            safe(alert.get("incident_id") or "-"),
            safe(f"{alert.get('summary')} ({alert.get('key')})"),
        ]
        for alert in alerts
    ]
    program.terminal.table(["SINCE", "UNTIL", "KEPT BACK BY", "RULE", "INCIDENT", "ALERT"], rows)
