"""``ingestd outbox``: what is to be sent to the outside, what was, and what is stuck."""

from __future__ import annotations

from typing import Any, Final

import click

from ingestd.cli import words
from ingestd.cli.program import Noun, Program, limit_option, output_option
from ingestd.cli.terminal import safe

STATES: Final = ("open", "waiting", "leased", "uncertain", "parked", "done", "dropped", "all")


@click.group(
    cls=Noun,
    examples=[
        ("ingestd outbox list", "what is not settled yet, and why"),
        ("ingestd outbox retry INC-1042/jira/ticket-open/1", "try it now, for instance after a token was mended"),
    ],
)
def command() -> None:
    """See and steer what is sent out.

    A delivery is one thing that the outside must do: open a ticket, comment, page somebody. Its KEY is
    INCIDENT/CONNECTOR/KIND/N, as `list` shows it.
    """


@command.command(
    "list",
    examples=[
        ("ingestd outbox list", "what is not settled yet, and why"),
        ("ingestd outbox list --state parked", "what was given up and waits for a person"),
        ("ingestd outbox retry $(ingestd outbox list --state parked -o id)", "try all of that again"),
    ],
)
@click.option(
    "--state",
    type=click.Choice(STATES),
    default="open",
    show_default=True,
    help="open: all that is not done or dropped.",
)
@limit_option()
@output_option("id")
@click.pass_obj
def list_(program: Program, state: str, limit: int) -> None:
    """List deliveries, newest first."""
    answer = program.api.get(
        "/api/v1/outbox", holds="deliveries", state=None if state == "open" else state, limit=limit
    )
    deliveries: list[dict[str, Any]] = answer["deliveries"]
    if program.is_json:
        program.terminal.json(answer)
    elif program.output == "id":
        for delivery in deliveries:
            program.terminal.data(safe(delivery.get("key")).plain)
    elif deliveries:
        _print_list(program, deliveries)
    else:
        program.terminal.note("nothing waits to be sent" if state == "open" else "there are none")


def _print_list(program: Program, deliveries: list[dict[str, Any]]) -> None:
    from ingestd.cli.layout import word  # noqa: PLC0415 (loads rich, which only tables need)

    moments = program.moments()
    rows = []
    for delivery in deliveries:
        state = str(delivery.get("state"))
        is_open = state in {"waiting", "leased", "uncertain"}
        detail = delivery.get("detail")
        whom = f"to {delivery['person']}: " if delivery.get("person") else ""
        said = words.worded(words.DROP_REASONS, detail) if state == "dropped" else str(detail or "")
        rows.append(
            [
                safe(delivery.get("key"), "bold"),
                word(state),
                safe(delivery.get("attempt_count", 0)),
                safe(moments.age(delivery.get("due_at") if is_open else delivery.get("settled_at"))),
                safe(whom + said),
            ]
        )
    program.terminal.table(["KEY", "STATE", "TRIED", "WHEN", "LAST WORD"], rows)


@command.command(
    "retry", examples=[("ingestd outbox retry INC-1042/jira/ticket-open/1", "do not wait for the next try")]
)
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@output_option()
@click.pass_obj
def retry(program: Program, keys: tuple[str, ...]) -> None:
    """Try deliveries at once, also those that were given up.

    One that is uncertain is looked up before it is sent again.
    """

    def act(key: str) -> None:
        answer = program.api.post("/api/v1/outbox/retry", {"key": key})
        _tell(program, answer, f"{key} is due now")

    program.each(keys, act)


@command.command(
    "drop",
    examples=[
        ("ingestd outbox drop INC-1042/jira/ticket-comment/3 --reason 'told by phone' --yes", "never send that comment")
    ],
)
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it stays with the delivery.")
@click.option("-y", "--yes", "is_yes", is_flag=True, help="Do not ask.")
@output_option()
@click.pass_obj
def drop(program: Program, keys: tuple[str, ...], reason: str, is_yes: bool) -> None:
    """Never send deliveries. What is on its way out cannot be dropped."""
    program.confirm(f"Never send {', '.join(keys)}?", is_yes=is_yes)

    def act(key: str) -> None:
        answer = program.api.post("/api/v1/outbox/drop", {"key": key, "reason": reason})
        _tell(program, answer, f"{key} will not be sent")

    program.each(keys, act)


def _tell(program: Program, answer: dict[str, Any], text: str) -> None:
    if program.is_json:
        program.terminal.json(answer)
    else:
        program.terminal.data(safe(answer.get("text") or text).plain)
