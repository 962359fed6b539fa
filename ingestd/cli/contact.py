"""``ingestd contact``: by which addresses people are reached, which are dead and why; and use one again."""

from __future__ import annotations

from typing import Any

import click

from ingestd.cli.api import segment
from ingestd.cli.program import Noun, Program, output_option
from ingestd.cli.terminal import safe


@click.group(
    cls=Noun,
    examples=[
        ("ingestd contact list", "who is reached how, and what does not work"),
        ("ingestd contact list --dead", "what does not work alone"),
        ("ingestd contact revive asha sms", "use her number again"),
    ],
)
def command() -> None:
    """See by which addresses people are reached, and use one again that was thought dead.

    An address dies when its owner answers STOP, or when a service says for certain that nothing will ever arrive there. It is left out
    of pages then, unless it is the last one of its owner; the owner is told by another channel, and an alert of ingestd's own tells the
    admin.
    """


@command.command(
    "list",
    examples=[
        ("ingestd contact list", "everybody"),
        ("ingestd contact list asha", "one person"),
        ("ingestd contact list --dead -o json", "what does not work, for a program"),
    ],
)
@click.argument("person", required=False)
@click.option("--dead", "is_dead", is_flag=True, help="Only addresses that are dead.")
@output_option()
@click.pass_obj
def list_(program: Program, person: str | None, is_dead: bool) -> None:
    """List the addresses of people in the order in which they are tried. With --dead the exit code is 1 if there is one."""
    answer = program.api.get("/api/v1/contacts", holds="contacts", person=person)
    found: list[dict[str, Any]] = [one for one in answer["contacts"] if not is_dead or one.get("state") != "works"]
    if program.is_json:
        program.terminal.json({**answer, "contacts": found})
    elif found:
        _print_list(program, found)
    else:
        program.terminal.note("no address is dead" if is_dead else "nobody has an address that a connector serves")
    if is_dead and found:
        click.get_current_context().exit(1)


def _print_list(program: Program, found: list[dict[str, Any]]) -> None:
    moments = program.moments()
    rows = []
    for one in found:
        state = str(one.get("state"))
        if state != "works":
            state = f"dead {moments.age(one.get('dead_since'))}" + (", tried all the same" if state == "last" else "")
        reached = moments.age(one.get("reached_at")) if one.get("reached_at") else "not known"
        rows.append(
            [
                safe(one.get("person"), "bold"),
                safe(one.get("channel")),
                safe(one.get("address_masked")),
                safe(", ".join(map(str, one.get("connectors") or ()))),
                safe(state),
                safe(reached),
                safe(one.get("reason")),
            ]
        )
    program.terminal.table(["PERSON", "CHANNEL", "ADDRESS", "CONNECTORS", "STATE", "REACHED", "WHY"], rows)


@command.command("revive", examples=[("ingestd contact revive asha sms", "her phone takes texts again")])
@click.argument("person")
@click.argument("channel")
@output_option()
@click.pass_obj
def revive(program: Program, person: str, channel: str) -> None:
    """Use an address again that was thought dead, and end the alert about it.

    Whoever answered STOP must also send START to the number that pages come from: else the service goes on refusing, and the address
    dies again with the next page.
    """
    answer = program.api.post(f"/api/v1/contacts/{segment(person)}/{segment(channel)}/revive", {})
    if program.is_json:
        program.terminal.json(answer)
    else:
        program.terminal.data(safe(answer.get("text") or f"{person} is paged by {channel} again").plain)
