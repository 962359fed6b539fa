"""``ingestd silence``: hear nothing of some alerts for a while; who wanted that, why, and what it keeps back."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from ingestd.cli.api import segment
from ingestd.cli.program import Noun, Program, limit_option, output_option
from ingestd.cli.silence_add import add, import_
from ingestd.cli.silence_words import selector_of
from ingestd.cli.terminal import safe

_ID: Final = re.compile(r"(?:SIL-)?([0-9]{1,18})", re.IGNORECASE)


@click.group(
    cls=Noun,
    examples=[
        ("ingestd silence add DiskFull 'host=~\"db.*\"' -d 2h -c 'new disks'", "hear nothing of these for two hours"),
        ("ingestd silence query", "what is silent now, and what will be"),
        ("ingestd silence expire SIL-12", "hear of it again, from now"),
    ],
)
def command() -> None:
    """Hear nothing of some alerts for a while.

    An alert that becomes news while a silence holds opens no incident, no ticket and pages nobody; if it still fires at the end, it is
    taken as new then. Incidents that are open already go on. What clears is never kept back. An ID is SIL-12, or just 12.
    """


command.add_command(add)


def _ids(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...] | str) -> tuple[str, ...] | str:
    return _id(value) if isinstance(value, str) else tuple(map(_id, value))


def _id(text: str) -> str:
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no silence; write SIL-12 or 12")
    return f"SIL-{int(found[1])}"


@command.command(
    "query",
    examples=[
        ("ingestd silence query", "what is silent now, and what will be"),
        ("ingestd silence query service=ledger", "those made for this service"),
        ("ingestd silence query --expired -o json", "those that are over, for a program"),
        ("ingestd silence expire $(ingestd silence query -q service=ledger)", "end all of these"),
    ],
)
@click.argument("matchers", metavar="[MATCHER]...", nargs=-1)
@click.option("--expired", "is_expired", is_flag=True, help="Those that are over, of the last 90 days.")
@limit_option()
@output_option("id")
@click.pass_obj
def query(program: Program, matchers: tuple[str, ...], is_expired: bool, limit: int) -> None:
    """List silences, newest first; with -q their ids alone.

    MATCHERs look at what the silences themselves match: service=ledger finds those that have service = ledger. A bare first word is
    the alertname.
    """
    answer = program.api.get(
        "/api/v1/silences",
        holds="silences",
        state="expired" if is_expired else None,
        match=selector_of(matchers) if matchers else None,
        limit=limit,
    )
    silences: list[dict[str, Any]] = answer["silences"]
    if program.is_json:
        program.terminal.json(answer)
    elif program.output == "id" or program.is_quiet:
        for silence in silences:
            program.terminal.data(safe(silence.get("id")).plain)
    elif silences:
        _print_list(program, silences)
    else:
        program.terminal.note("none is over" if is_expired else "nothing is silent")
    if len(silences) == limit:
        program.terminal.note(f"there may be more than these {limit}: --limit")


def _print_list(program: Program, silences: list[dict[str, Any]]) -> None:
    moments = program.moments()
    rows = []
    for silence in silences:
        is_pending = silence.get("state") == "pending"
        when = "begins " + moments.age(silence.get("starts_at")) if is_pending else moments.age(silence.get("ends_at"))
        what = ", ".join(map(str, silence.get("matchers") or ()))
        rows.append(
            [
                safe(silence.get("id"), "bold"),
                safe(silence.get("state")),
                safe(when),
                safe(silence.get("author")),
                safe(f"{what}: {silence.get('comment')}"),
            ]
        )
    program.terminal.table(["ID", "STATE", "ENDS", "BY", "WHAT, AND WHY"], rows)


@command.command("show", examples=[("ingestd silence show SIL-12", "who wanted it, why, and what it keeps back now")])
@click.argument("silence", metavar="ID", callback=_ids)
@output_option()
@click.pass_obj
def show(program: Program, silence: str) -> None:
    """Show a silence, the alerts that it keeps back now, and what it matches of all that fires."""
    answer = program.api.get(f"/api/v1/silences/{segment(silence)}", holds="silence")
    if program.is_json:
        program.terminal.json(answer)
        return
    from ingestd.cli.silence_page import silence_page  # noqa: PLC0415 (loads rich, which only pages need)

    program.terminal.show(*silence_page(answer, program.moments()))


@command.command(
    "expire",
    examples=[
        ("ingestd silence expire SIL-12", "hear of it again, from now"),
        ("ingestd silence expire $(ingestd silence query -q)", "end all of them"),
    ],
)
@click.argument("silences", metavar="ID...", nargs=-1, required=True, callback=_ids)
@output_option()
@click.pass_obj
def expire(program: Program, silences: tuple[str, ...]) -> None:
    """End silences now. What they kept back is looked at at once, as if it had just fired."""

    def act(silence: str) -> None:
        answer = program.api.delete(f"/api/v1/silences/{segment(silence)}")
        if program.is_json:
            program.terminal.json(answer)
        else:
            program.terminal.data(safe(answer.get("text") or f"{silence} has ended").plain)

    program.each(silences, act)


command.add_command(import_)
