"""``ingestd incident``: what goes on, and what people answer to it."""

from __future__ import annotations

import getpass
import re
import sys
from typing import Any, Final

import click

from ingestd.cli.api import segment
from ingestd.cli.failures import BadUsage
from ingestd.cli.program import Noun, Program, limit_option, output_option
from ingestd.cli.terminal import safe

STATES: Final = ("open", "triggered", "acknowledged", "resolved", "closed", "all")
WIDE: Final = 100
"""From this width on a list shows team and ticket as well."""

_ID = re.compile(r"(?:INC-)?([0-9]{1,18})", re.IGNORECASE)


@click.group(
    cls=Noun,
    examples=[
        ("ingestd incident list", "what is open now"),
        ("ingestd incident show 1042", "everything about one of them"),
        ("ingestd incident ack 1042", "take it; paging stops"),
    ],
)
def command() -> None:
    """See incidents and answer them.

    An ID is INC-1042, or just 1042.
    """


def incident_id(text: str) -> str:
    """``INC-1042`` from that, ``inc-1042`` or ``1042``. Raises a usage error for anything else."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r} is no incident; write INC-1042 or 1042")
    return f"INC-{int(found[1])}"


def _id_callback(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    return incident_id(value)


def _ids_callback(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(incident_id, value))


@command.command(
    "list",
    examples=[
        ("ingestd incident list", "what is open now, newest first"),
        ("ingestd incident list --state all --limit 10 -o json", "for a program"),
    ],
)
@click.option("--state", type=click.Choice(STATES), default="open", show_default=True, help="Only those in this state.")
@limit_option()
@output_option("id")
@click.pass_obj
def list_(program: Program, state: str, limit: int) -> None:
    """List incidents, newest first."""
    answer = program.api.get("/api/v1/incidents", holds="incidents", state=state, limit=limit)
    incidents: list[dict[str, Any]] = answer["incidents"]
    if program.is_json:
        program.terminal.json(answer)
    elif program.output == "id":
        for incident in incidents:
            program.terminal.data(safe(incident.get("id")).plain)
    elif incidents:
        _print_list(program, incidents)
    else:
        program.terminal.note("nothing is open" if state == "open" else "there are none")
    if len(incidents) == limit:
        program.terminal.note(f"there may be more than these {limit}: --limit")


def _print_list(program: Program, incidents: list[dict[str, Any]]) -> None:
    from ingestd.cli.layout import word  # noqa: PLC0415 (loads rich, which only tables need)

    moments = program.moments()
    is_wide = program.terminal.width >= WIDE
    headers = ["ID", "SEVERITY", "STATE", "OPENED", "FIRING", *(["TEAM", "TICKET"] if is_wide else []), "TITLE"]
    rows = []
    for incident in incidents:
        ticket = incident.get("ticket") or {}
        more = [safe(incident.get("team")), safe(ticket.get("label"))] if is_wide else []
        rows.append(
            [
                safe(incident.get("id"), "bold"),
                word(incident.get("severity")),
                word(incident.get("state")),
                safe(moments.age(incident.get("opened_at"))),
                safe(f"{incident.get('firing_count', 0)}/{incident.get('alert_count', 0)}"),
                *more,
                safe(incident.get("title")),
            ]
        )
    program.terminal.table(headers, rows)


@command.command("show", examples=[("ingestd incident show INC-1042", "what, how bad, who has it, what happens next")])
@click.argument("incident", callback=_id_callback)
@output_option()
@click.pass_obj
def show(program: Program, incident: str) -> None:
    """Show an incident: its state, alerts, who was told, and the end of its timeline.

    The whole history with reasons: ingestd explain INC-1042.
    """
    answer = program.api.get(f"/api/v1/incidents/{segment(incident)}", holds="incident")
    if program.is_json:
        program.terminal.json(answer)
        return
    from ingestd.cli.incident_page import incident_page  # noqa: PLC0415 (loads rich, which only pages need)

    program.terminal.show(*incident_page(answer, program.moments()))


_by = click.option(
    "--by", metavar="NAME", help="Who you are. [default: the token's owner; without a token, the user of this machine]"
)


@command.command(
    "ack",
    examples=[
        ("ingestd incident ack INC-1042", "take it; paging stops"),
        ("ingestd incident ack 1042 1043 --by asha", "two at once, for somebody who is on the phone"),
    ],
)
@click.argument("incidents", metavar="INCIDENT...", callback=_ids_callback, nargs=-1, required=True)
@_by
@output_option()
@click.pass_obj
def ack(program: Program, incidents: tuple[str, ...], by: str | None) -> None:
    """Acknowledge incidents: you take them, and paging stops.

    If somebody was first, nothing changes and you are told who.
    """
    program.each(incidents, lambda incident: _answer(program, incident, "ack", by))


@command.command("resolve", examples=[("ingestd incident resolve INC-1042 --yes", "it is over; ask nothing")])
@click.argument("incidents", metavar="INCIDENT...", callback=_ids_callback, nargs=-1, required=True)
@_by
@click.option("-y", "--yes", "is_yes", is_flag=True, help="Do not ask.")
@output_option()
@click.pass_obj
def resolve(program: Program, incidents: tuple[str, ...], by: str | None, is_yes: bool) -> None:
    """Resolve incidents by hand, although their alerts may still fire.

    They are resolved by themselves when all their alerts have cleared.
    """
    program.confirm(f"Resolve {', '.join(incidents)}, whether or not alerts still fire?", is_yes=is_yes)
    program.each(incidents, lambda incident: _answer(program, incident, "resolve", by))


@command.command(
    "unack", examples=[("ingestd incident unack INC-1042", "it was not meant, or somebody else pressed: page again")]
)
@click.argument("incidents", metavar="INCIDENT...", callback=_ids_callback, nargs=-1, required=True)
@_by
@output_option()
@click.pass_obj
def unack(program: Program, incidents: tuple[str, ...], by: str | None) -> None:
    """Take an acknowledgement back: paging begins anew."""
    program.each(incidents, lambda incident: _answer(program, incident, "unack", by))


_why = click.option("--why", metavar="TEXT", default="", help="What whoever is paged should know first.")


@command.command(
    "escalate", examples=[("ingestd incident escalate INC-1042 --why 'needs a DBA'", "page the next level now")]
)
@click.argument("incident", callback=_id_callback)
@_why
@_by
@output_option()
@click.pass_obj
def escalate(program: Program, incident: str, why: str, by: str | None) -> None:
    """Page the next level now. Whoever had acknowledged is not in the way any more."""
    _answer(program, incident, "escalate", by, text=why)


@command.command(
    "handover",
    examples=[
        ("ingestd incident handover INC-1042 L3 --why 'kernel bug'", "the third level takes it from here"),
        ("ingestd incident handover INC-1042 schedule:databases", "whoever is on call there"),
    ],
)
@click.argument("incident", callback=_id_callback)
@click.argument("to")
@_why
@_by
@output_option()
@click.pass_obj
def handover(program: Program, incident: str, to: str, why: str, by: str | None) -> None:
    """Let others take it from here: they are paged with the whole timeline.

    TO is a level (L2, L3), schedule:NAME, team:NAME or a person. If they do not answer, the escalation goes on.
    """
    _answer(program, incident, "handover", by, to=to, text=why)


@command.command("assign", examples=[("ingestd incident assign INC-1042 asha", "asha is in charge, and is told")])
@click.argument("incident", callback=_id_callback)
@click.argument("person")
@_why
@_by
@output_option()
@click.pass_obj
def assign(program: Program, incident: str, person: str, why: str, by: str | None) -> None:
    """Say who is in charge of an incident. Nobody is paged for it; PERSON is told."""
    _answer(program, incident, "assign", by, to=person, text=why)


@command.command(
    "note",
    examples=[
        ("ingestd incident note INC-1042 rolled back to 4.17", "for the timeline and the ticket"),
        ("kubectl get pods | ingestd incident note INC-1042 -", "what a command printed"),
    ],
)
@click.argument("incident", callback=_id_callback)
@click.argument("text", nargs=-1, required=True)
@_by
@output_option()
@click.pass_obj
def note(program: Program, incident: str, text: tuple[str, ...], by: str | None) -> None:
    """Add a note to an incident's timeline and ticket. TEXT - reads standard input."""
    said = sys.stdin.read() if text == ("-",) else " ".join(text)
    if not said.strip():
        raise BadUsage("the note is empty")
    _answer(program, incident, "note", by, text=said.strip())


def _answer(program: Program, incident: str, verb: str, by: str | None, **more: str) -> None:
    body: dict[str, object] = {"via": "cli", **more}
    name = by or ("" if program.api.has_token else user_of_this_machine())
    if name:
        body["by"] = name
    answer = program.api.post(f"/api/v1/incidents/{segment(incident)}/{verb}", body)
    if program.is_json:
        program.terminal.json(answer)
    else:
        program.terminal.data(safe(answer.get("text") or f"{incident} is {answer.get('state')}").plain)


def user_of_this_machine() -> str:
    """Who has typed the command, as far as this machine knows; may be empty."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in some containers
        return ""
