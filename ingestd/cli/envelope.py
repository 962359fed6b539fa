"""``ingestd envelope``: what came in, byte for byte, and what became of it."""

from __future__ import annotations

from typing import Any, Final

import click

from ingestd.cli.api import segment
from ingestd.cli.program import Noun, Program, limit_option, output_option
from ingestd.cli.terminal import safe
from ingestd.core.safe_text import plain_block

STATES: Final = ("quarantined", "new", "done", "all")
BODY_SHOWN_CHARS_MAX: Final = 1_000_000


@click.group(
    cls=Noun,
    examples=[
        ("ingestd envelope list --quarantined", "what could not be read"),
        ("ingestd envelope body env_01hx... > body.json", "the bytes as they came"),
    ],
)
def command() -> None:
    """See what came in, and read it again.

    An envelope is a raw message as it was received. Each ends in exactly one disposition.
    """


@command.command(
    "list",
    examples=[
        ("ingestd envelope list --source alertmanager --limit 5", "the newest of one source"),
        ("ingestd envelope list --quarantined", "what could not be read"),
        ("ingestd envelope retry $(ingestd envelope list --quarantined -o id)", "read all of that again"),
    ],
)
@click.option("--state", type=click.Choice(STATES), default="all", show_default=True, help="Only those in this state.")
@click.option("--quarantined", "is_quarantined", is_flag=True, help="Short for --state quarantined.")
@click.option("--source", metavar="NAME", help="Only those of this source.")
@limit_option()
@output_option("id")
@click.pass_obj
def list_(program: Program, state: str, is_quarantined: bool, source: str | None, limit: int) -> None:
    """List envelopes, newest first."""
    wanted = "quarantined" if is_quarantined else state
    answer = program.api.get("/api/v1/envelopes", holds="envelopes", state=wanted, source=source, limit=limit)
    envelopes: list[dict[str, Any]] = answer["envelopes"]
    if program.is_json:
        program.terminal.json(answer)
    elif program.output == "id":
        for envelope in envelopes:
            program.terminal.data(safe(envelope.get("id")).plain)
    elif envelopes:
        _print_list(program, envelopes)
    else:
        program.terminal.note("nothing is quarantined" if wanted == "quarantined" else "there are none")


def _print_list(program: Program, envelopes: list[dict[str, Any]]) -> None:
    from ingestd.cli.layout import word  # noqa: PLC0415 (loads rich, which only tables need)

    moments = program.moments()
    rows = []
    for envelope in envelopes:
        said = ": ".join(str(envelope[key]) for key in ("reason", "detail") if envelope.get(key))
        rows.append(
            [
                safe(envelope.get("id"), "bold"),
                safe(envelope.get("source")),
                safe(moments.age(envelope.get("received_at"))),
                word(envelope.get("disposition") or envelope.get("state")),
                safe(said or _alerts(envelope)),
            ]
        )
    program.terminal.table(["ID", "SOURCE", "RECEIVED", "BECAME", "WHY"], rows)


def _alerts(envelope: dict[str, Any]) -> str:
    count = envelope.get("alert_count")
    return "" if count is None else f"{count} alert{'' if count == 1 else 's'}"


@command.command("show", examples=[("ingestd envelope show env_01hx...", "what it was and what became of each alert")])
@click.argument("envelope", metavar="ID")
@output_option()
@click.pass_obj
def show(program: Program, envelope: str) -> None:
    """Show an envelope and what became of each of its alerts."""
    answer = program.api.get(f"/api/v1/envelopes/{segment(envelope)}", holds="envelope")
    if program.is_json:
        program.terminal.json(answer)
        return
    from ingestd.cli.envelope_page import envelope_page  # noqa: PLC0415 (loads rich, which only pages need)

    program.terminal.show(*envelope_page(answer, program.moments()))


@command.command(
    "body",
    examples=[
        ("ingestd envelope body env_01hx... | jq .", "as a program reads it"),
        ("ingestd envelope body env_01hx... > body.json", "to a file, byte for byte"),
    ],
)
@click.argument("envelope", metavar="ID")
@click.pass_obj
def body(program: Program, envelope: str) -> None:
    """Print an envelope's body: byte for byte into a pipe or file, made harmless on a terminal."""
    content = program.api.content(f"/api/v1/envelopes/{segment(envelope)}/body")
    if program.terminal.is_screen:
        program.terminal.data(plain_block(content.decode("utf-8", "replace"), BODY_SHOWN_CHARS_MAX))
    else:
        program.terminal.raw(content)


@command.command("retry", examples=[("ingestd envelope retry env_01hx...", "after a fix of the source or of ingestd")])
@click.argument("envelopes", metavar="ID...", nargs=-1, required=True)
@output_option()
@click.pass_obj
def retry(program: Program, envelopes: tuple[str, ...]) -> None:
    """Read quarantined envelopes once more."""

    def act(envelope: str) -> None:
        answer = program.api.post(f"/api/v1/envelopes/{segment(envelope)}/retry")
        if program.is_json:
            program.terminal.json(answer)
        else:
            text = answer.get("text") or f"{envelope} is read again; see: ingestd explain {envelope}"
            program.terminal.data(safe(text).plain)

    program.each(envelopes, act)


@command.command(
    "release", examples=[("ingestd envelope release env_01hx...", "a mail that you have read and take for true")]
)
@click.argument("envelopes", metavar="ID...", nargs=-1, required=True)
@output_option()
@click.pass_obj
def release(program: Program, envelopes: tuple[str, ...]) -> None:
    """Let mail through that was put aside, as if it were proved who wrote it.

    Look at it first: ingestd envelope show ID. It then does whatever it says: it opens and resolves, and an answer of whoever was paged
    counts. To let through all mail of a sender, see docs/howto/email-in.md.
    """

    def act(envelope: str) -> None:
        answer = program.api.post(f"/api/v1/envelopes/{segment(envelope)}/release")
        if program.is_json:
            program.terminal.json(answer)
        else:
            text = answer.get("text") or f"{envelope} is let through; see: ingestd explain {envelope}"
            program.terminal.data(safe(text).plain)

    program.each(envelopes, act)
