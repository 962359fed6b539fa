"""``ingestd oncall override``, ``swap``, ``overrides`` and ``end``: who takes over for whom, from now or later."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from ingestd.cli import oncall_source as source
from ingestd.cli.api import segment
from ingestd.cli.failures import BadUsage
from ingestd.cli.incident import user_of_this_machine
from ingestd.cli.program import Program, Verb, limit_option, output_option
from ingestd.cli.terminal import safe

F = TypeVar("F", bound=Callable[..., Any])

_ID: Final = re.compile(r"(?:OVR-)?([0-9]{1,18})", re.IGNORECASE)

_FROM = click.option("--from", "from_text", metavar="TIME", help="From when: 2026-03-29 18:00, here. [now]")
_WHY = click.option("--why", metavar="TEXT", default="", help="The reason, for whoever wonders later.")
_AUTHOR = click.option(
    "--author",
    metavar="NAME",
    help="Who wants it. [default: the token's owner; without a token, the user of this machine]",
)


@click.command(
    "override",
    cls=Verb,
    examples=[
        ("ingestd oncall override first-line ben --for 4h", "ben takes over, from now"),
        (
            "ingestd oncall override first-line ben --from '2026-03-30 18:00' --to '2026-03-31 09:00' --why 'asha flies'",
            "for a night to come",
        ),
    ],
)
@click.argument("schedule")
@click.argument("person")
@_FROM
@click.option("--for", "for_text", metavar="DURATION", help="For how long: 30m, 4h, 2d. This or --to is required.")
@click.option("--to", "to_text", metavar="TIME", help="Until when.")
@_WHY
@_AUTHOR
@output_option()
@click.pass_obj
def override(
    program: Program,
    schedule: str,
    person: str,
    from_text: str | None,
    for_text: str | None,
    to_text: str | None,
    why: str,
    author: str | None,
) -> None:
    """PERSON is on call on SCHEDULE, whatever its layers say. An override of the configuration wins."""
    if (for_text is None) == (to_text is None):
        text = "it needs an end" if for_text is None else "give --for or --to, not both"
        raise BadUsage(text, hint="write --for 4h, or --to '2026-03-31 09:00'")
    body: dict[str, object] = {"schedule": schedule, "person": person, "why": why}
    now = program.clock.now()
    if from_text is not None:
        body["starts_at"] = source.instant("--from", from_text, now).isoformat()
    if for_text is not None:
        source.duration(for_text, "4h")
        body["duration"] = for_text
    else:
        body["ends_at"] = source.instant("--to", to_text, now).isoformat()
    _post(program, "/api/v1/oncall/overrides", body, author)


@click.command(
    "swap",
    cls=Verb,
    examples=[
        ("ingestd oncall swap first-line asha ben --why holiday", "the shifts that are on or come next"),
        ("ingestd oncall swap first-line asha ben --from 2026-12-20", "the first ones after a day"),
    ],
)
@click.argument("schedule")
@click.argument("one", metavar="PERSON")
@click.argument("other", metavar="OTHER")
@_FROM
@_WHY
@_AUTHOR
@output_option()
@click.pass_obj
def swap(
    program: Program, schedule: str, one: str, other: str, from_text: str | None, why: str, author: str | None
) -> None:
    """Two people exchange shifts: of each the one that is on, or else the next one. Says exactly what was swapped.

    It is two overrides, which can be seen and ended like any others.
    """
    body: dict[str, object] = {"schedule": schedule, "one": one, "other": other, "why": why}
    if from_text is not None:
        body["starts_at"] = source.instant("--from", from_text, program.clock.now()).isoformat()
    _post(program, "/api/v1/oncall/swaps", body, author)


def _post(program: Program, path: str, body: dict[str, object], author: str | None) -> None:
    name = author or ("" if program.api.has_token else user_of_this_machine())
    if name:
        body["author"] = name
    answer = program.api.post(path, body)
    if program.is_json:
        program.terminal.json(answer)
    else:
        for line in str(answer.get("text") or "done").split("; "):
            program.terminal.data(safe(line).plain)


@click.command(
    "overrides",
    cls=Verb,
    examples=[
        ("ingestd oncall overrides", "those that hold now, and those to come"),
        ("ingestd oncall overrides first-line --all", "and those that are over"),
    ],
)
@click.argument("schedule", required=False)
@click.option("--all", "has_all", is_flag=True, help="Those that are over too, of the last 90 days.")
@limit_option()
@output_option("id")
@click.pass_obj
def overrides(program: Program, schedule: str | None, has_all: bool, limit: int) -> None:
    """List the overrides that were made at run time, newest first. Those of the configuration stand in show."""
    state = "all" if has_all else None
    answer = program.api.get("/api/v1/oncall/overrides", holds="overrides", schedule=schedule, state=state, limit=limit)
    found: list[dict[str, Any]] = answer["overrides"]
    if program.is_json:
        program.terminal.json(answer)
    elif program.output == "id" or program.is_quiet:
        for one in found:
            program.terminal.data(safe(one.get("id")).plain)
    elif found:
        program.terminal.table(
            ["ID", "STATE", "SCHEDULE", "ON CALL", "FROM", "TO", "BY", "WHY"], [_row(one) for one in found]
        )
    else:
        program.terminal.note("there are none")
    if len(found) == limit:
        program.terminal.note(f"there may be more than these {limit}: --limit")


def _row(one: dict[str, Any]) -> list[Any]:
    ended_by = one.get("ended_by")
    return [
        safe(one.get("id"), "bold"),
        safe(one.get("state")),
        safe(one.get("schedule")),
        safe(one.get("person")),
        safe(source.clock(one.get("starts_at"), one.get("zone"))),
        safe(source.clock(one.get("ends_at"), one.get("zone"))),
        safe(one.get("author")),
        safe("; ".join(part for part in (one.get("why"), f"ended by {ended_by}" if ended_by else "") if part)),
    ]


def _ids(_ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    found = [_ID.fullmatch(text.strip()) for text in value]
    for text, match in zip(value, found, strict=True):
        if match is None:
            raise click.BadParameter(f"{text!r} is no override; write OVR-12 or 12")
    return tuple(f"OVR-{int(match[1])}" for match in found if match is not None)


@click.command(
    "end",
    cls=Verb,
    examples=[("ingestd oncall end OVR-3", "what the schedule says otherwise holds again, from now")],
)
@click.argument("ids", metavar="ID...", nargs=-1, required=True, callback=_ids)
@output_option()
@click.pass_obj
def end(program: Program, ids: tuple[str, ...]) -> None:
    """End overrides now, or before they begin."""

    def act(override_id: str) -> None:
        answer = program.api.delete(f"/api/v1/oncall/overrides/{segment(override_id)}")
        if program.is_json:
            program.terminal.json(answer)
        else:
            program.terminal.data(safe(answer.get("text") or f"{override_id} has ended").plain)

    program.each(ids, act)
