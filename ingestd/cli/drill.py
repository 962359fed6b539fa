"""``ingestd drill``: page a policy as in earnest, marked TEST, and see who answers."""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import click

from ingestd.cli.api import segment
from ingestd.cli.failures import Failure
from ingestd.cli.program import Program, Verb, output_option
from ingestd.cli.terminal import safe
from ingestd.config.quantities import parse_duration

LOOK_SECONDS: Final = 2.0
_TOLD: Final = frozenset({"page", "escalation", "drill", "acknowledged", "resolved", "dropped"})
"""Kinds of lines of the timeline that say how a drill goes."""


def _seconds(_ctx: click.Context, _param: click.Parameter, value: str) -> int:
    try:
        return parse_duration(value)
    except Exception as error:
        raise click.BadParameter(f"{value!r} is no duration; write 30s, 5m or 1h") from error


@click.command(
    "drill",
    cls=Verb,
    examples=[
        ("ingestd drill default", "page whoever is on call now, marked TEST, and see who answers"),
        ("ingestd drill payments --by asha --wait 30m", "the same in asha's name, followed for half an hour"),
    ],
)
@click.argument("policy")
@click.option("--by", metavar="NAME", help="Who wants to know; stands in the pages. Without it: you.")
@click.option("--ticket", is_flag=True, help="Open a ticket as well, as for an incident of the team default.")
@click.option(
    "--wait",
    "wait_seconds",
    metavar="DURATION",
    default="10m",
    show_default=True,
    callback=_seconds,
    help="Follow it for so long at most.",
)
@output_option()
@click.pass_obj
def command(program: Program, policy: str, by: str | None, ticket: bool, wait_seconds: int) -> None:
    """Page a policy as in earnest, marked TEST, and see who answers.

    Whoever is on call is really paged, level after level, until somebody acknowledges: that ends it. Exit code 1 if nobody does.
    """
    body: dict[str, object] = {"policy": policy, "by": by or getpass.getuser(), "ticket": ticket}
    drill_id = str(program.api.post("/api/v1/drills", body)["id"])
    if not program.is_json:
        program.terminal.note(f"the drill of policy {policy} begins; people are paged now, marked TEST")
    drill, case = _follow(program, drill_id, wait_seconds)
    if program.is_json:
        program.terminal.json({"drill": drill, **case})
    elif case:
        _print_deliveries(program, case)
    _judge(program, drill, case)


def _follow(program: Program, drill_id: str, wait_seconds: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Until it has ended, or for so long. What happens is told as it happens."""
    told = 0
    case: Mapping[str, Any] = {}
    until = time.monotonic() + wait_seconds
    while True:
        drill = program.api.get("/api/v1/drills", holds="drill", id=drill_id)["drill"]
        if drill.get("incident_id"):
            case = program.api.get(f"/api/v1/incidents/{segment(str(drill['incident_id']))}", holds="incident")
            told = _tell(program, case, told)
        if drill.get("ended_at") or time.monotonic() >= until:
            return drill, case
        time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))


def _tell(program: Program, case: Mapping[str, Any], told: int) -> int:
    moments = program.moments()
    for line in case.get("timeline") or []:
        seq = int(line.get("seq") or 0)
        if seq > told:
            told = seq
            if line.get("kind") in _TOLD and not program.is_json:
                program.terminal.note(f"{moments.both(line.get('at'))}  {safe(line.get('text')).plain}")
    return told


def _print_deliveries(program: Program, case: Mapping[str, Any]) -> None:
    rows = []
    for one in case.get("deliveries") or []:
        if one.get("kind") != "page":
            continue
        said = one.get("receipt_status") or ""
        rows.append(
            [
                safe(f"L{one.get('level')}"),
                safe(one.get("person"), "bold"),
                safe(one.get("channel")),
                safe(one.get("connector")),
                safe(one.get("state")),
                safe(said or one.get("detail")),
            ]
        )
    if rows:
        program.terminal.table(["LEVEL", "PERSON", "CHANNEL", "CONNECTOR", "PAGE", "THE SERVICE SAID"], rows)


def _judge(program: Program, drill: Mapping[str, Any], case: Mapping[str, Any]) -> None:
    incident = case.get("incident") or {}
    who = incident.get("acknowledged_by") or incident.get("resolved_by")
    if who:
        after = _seconds_between(
            drill.get("started_at"), incident.get("acknowledged_at") or incident.get("resolved_at")
        )
        program.terminal.note(f"{safe(who).plain} answered{after}: paging by this policy works")
        return
    if not drill.get("ended_at"):
        raise Failure(
            "nobody has answered yet; the drill goes on without you",
            hint=f"ingestd incident show {drill.get('incident_id')}"
            if drill.get("incident_id")
            else "see the daemon's log",
        )
    if drill.get("result") == "failed":
        raise Failure("the drill has failed: nothing was decided", hint="ingestd doctor, and the daemon's log")
    raise Failure(
        "nobody answered: a page in earnest may go unanswered as well",
        hint="ask the people above whether it arrived; one by one:  ingestd page test PERSON",
    )


def _seconds_between(began: object, ended: object) -> str:
    try:
        took = datetime.fromisoformat(str(ended)) - datetime.fromisoformat(str(began))
    except ValueError:
        return ""
    return f" after {took.total_seconds():.0f} s"
