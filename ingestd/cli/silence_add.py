"""``ingestd silence add`` and ``import``: a silence is made, and what it reaches is told at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from ingestd.cli.failures import BadUsage, Failure
from ingestd.cli.incident import user_of_this_machine
from ingestd.cli.program import Program, Verb, output_option
from ingestd.cli.silence_words import BadSilence, as_matchers
from ingestd.cli.terminal import safe
from ingestd.core.matchers import MatchOp
from ingestd.core.silencing import SilenceFault, WantedSilence, faults_of, write_matcher

INCIDENTS_TOLD_MAX = 10
_IN_ORDER = ("matchers", "comment", "starts_at", "ends_at", "author")


@click.command(
    "add",
    cls=Verb,
    examples=[
        ("ingestd silence add DiskFull host=db1 -d 2h -c 'new disks'", "a bare first word is the alertname"),
        (
            "ingestd silence add 'host=~\"db[12]\"' --end '2026-03-29 06:00' -c 'CHG-311'",
            "until an instant, here",
        ),
        ("ingestd silence add env=test --start '2026-03-28 22:00' -d 8h -c 'load test'", "from a later instant"),
    ],
)
@click.argument("matchers", metavar="MATCHER...", nargs=-1)
@click.option("-c", "--comment", metavar="TEXT", default="", help="Why. Required.")
@click.option(
    "-d", "--duration", metavar="SPAN", help="How long, at most 90 days: 30m, 2h, 1d. This or --end is required."
)
@click.option("--end", "end_text", metavar="TIME", help="Until when: 2026-03-29 06:00, here, or with an offset.")
@click.option("--start", "start_text", metavar="TIME", help="From when. [default: now]")
@click.option(
    "-a",
    "--author",
    metavar="NAME",
    help="Who wants it. [default: the token's owner; without a token, the user of this machine]",
)
@output_option()
@click.pass_obj
def add(
    program: Program,
    matchers: tuple[str, ...],
    comment: str,
    duration: str | None,
    end_text: str | None,
    start_text: str | None,
    author: str | None,
) -> None:
    """Make a silence for alerts that satisfy every MATCHER, and print its id.

    A MATCHER is Alertmanager's: name=value, name!=value, name=~"regex" or name!~"regex" (RE2, the whole value), in quotes for the shell. A
    silence needs a comment and an end. What it matches of all that fires now is told on standard error.
    """
    texts, faults = as_matchers(matchers)
    now = program.clock.now()
    starts_at = _instant(start_text, "starts_at", faults)
    ends_at = _end(duration, end_text, max(now, starts_at or now), faults)
    stand_in = ends_at or max(now, starts_at or now) + timedelta(hours=1)
    unread = {fault.field for fault in faults}
    wanted = WantedSilence(tuple(texts), comment, author or "somebody", starts_at, stand_in)
    faults += [fault for fault in faults_of(wanted, now) if fault.written or fault.field not in unread]
    if faults:
        raise BadSilence(sorted(faults, key=lambda fault: _IN_ORDER.index(fault.field)))
    body: dict[str, object] = {"matchers": texts, "comment": comment}
    body |= {"duration": duration} if duration else {"ends_at": stand_in.isoformat()}
    if starts_at is not None:
        body["starts_at"] = starts_at.isoformat()
    name = author or ("" if program.api.has_token else user_of_this_machine())
    if name:
        body["author"] = name
    _tell(program, program.api.post("/api/v1/silences", body))


def _instant(text: str | None, field: str, faults: list[SilenceFault]) -> datetime | None:
    if text is None:
        return None
    from ingestd.config.quantities import parse_at  # noqa: PLC0415 (loads pydantic)

    try:
        return parse_at(text).astimezone()
    except ValueError:
        faults.append(SilenceFault(field, f"{text!r} is not an instant", "write 2026-03-29 03:30"))
    return None


def _end(duration: str | None, end_text: str | None, begin: datetime, faults: list[SilenceFault]) -> datetime | None:
    if (duration is None) == (end_text is None):
        text = "a silence needs an end" if duration is None else "give a duration or an end, not both"
        faults.append(SilenceFault("ends_at", text, "write -d 2h, or --end '2026-03-29 06:00'"))
        return None
    if duration is None:
        return _instant(end_text, "ends_at", faults)
    from ingestd.config.quantities import parse_duration  # noqa: PLC0415 (loads pydantic)

    try:
        return begin + timedelta(seconds=parse_duration(duration))
    except (ValueError, OverflowError):
        faults.append(SilenceFault("ends_at", f"{duration!r} is not a duration", "write 30m, 2h, 1d or 1h30m"))
    return None


def _tell(program: Program, answer: Mapping[str, Any]) -> None:
    if program.is_json:
        program.terminal.json(answer)
        return
    silence, reach = answer.get("silence") or {}, answer.get("reach") or {}
    program.terminal.data(safe(silence.get("id")).plain)
    note, moments = program.terminal.note, program.moments()
    begins = f"from {moments.both(silence.get('starts_at'))}" if silence.get("state") == "pending" else "from now"
    note(f"{silence.get('id')} holds {begins} until {moments.both(silence.get('ends_at'))}")
    for line in reach_lines(reach):
        note(line)


def reach_lines(reach: Mapping[str, Any]) -> list[str]:
    """What a silence matches of all that fires now, and what that means for the incidents that are open."""
    count, held = int(reach.get("alert_count", 0)), int(reach.get("held_count", 0))
    least = "at least " if reach.get("is_partial") else ""
    verb = "alert that fires now matches it" if count == 1 else "alerts that fire now match it"
    lines = [f"{least}{count} {verb}" + (f"; {held} of them kept back already" if held else "")]
    lines += [
        f'no alert has a label "{label.get("name")}"; {label.get("hint") or "is it spelt so?"}'
        for label in reach.get("unknown_labels") or ()
    ]
    incidents = reach.get("incidents") or []
    lines += [
        f"  {one.get('id')} {one.get('state')}, {one.get('alert_count')} of its alerts: {one.get('title')}"
        for one in incidents[:INCIDENTS_TOLD_MAX]
    ]
    if len(incidents) > INCIDENTS_TOLD_MAX:
        lines.append(f"  and {len(incidents) - INCIDENTS_TOLD_MAX} more incidents")
    paging = [str(one.get("id")) for one in incidents if one.get("state") == "triggered"]
    if paging:
        go = "goes" if len(paging) == 1 else "go"
        lines.append(
            f"a silence keeps back what is news only: {', '.join(paging[:INCIDENTS_TOLD_MAX])} {go} on paging until acknowledged"
        )
        lines.append(f"to stop that: ingestd incident ack {' '.join(paging[:INCIDENTS_TOLD_MAX])}")
    return lines


@click.command(
    "import",
    cls=Verb,
    examples=[
        ("amtool silence query -o json | ingestd silence import", "take over what is silent in Alertmanager"),
        ("ingestd silence import silences.json", "from a file"),
    ],
)
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.pass_obj
def import_(program: Program, file: Path) -> None:
    """Make the silences that `amtool silence query -o json` printed, and print their ids.

    Those that are over are left out. Each is made anew, also if it was imported before. With a token its owner is the author, and the
    comment names who made it.
    """
    found = _read(file)
    todo = [(number, one) for number, one in enumerate(found, 1) if _state(one) != "expired"]
    program.terminal.note(f"{len(todo)} of {len(found)} silences are not over")
    failed_count = 0
    for number, one in todo:
        try:
            answer = program.api.post("/api/v1/silences", _body(one, is_named=not program.api.has_token))
        except (Failure, KeyError, TypeError) as exc:
            if isinstance(exc, Failure) and exc.exit_code in {4, 5}:
                raise
            failed_count += 1
            text = exc.message if isinstance(exc, Failure) else "this is no silence of amtool"
            Failure(f"silence {number} ({_name(one)}): {text}", hint=getattr(exc, "hint", "")).show()
        else:
            program.terminal.data(safe((answer.get("silence") or {}).get("id")).plain)
    if failed_count:
        click.get_current_context().exit(1)


def _read(file: Path) -> list[Any]:
    try:
        with click.open_file(str(file), encoding="utf-8") as stream:
            value = json.load(stream)
    except OSError as exc:
        raise Failure(f"cannot read {file}: {exc.strerror or exc}") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise BadUsage("this is not what amtool prints", hint="make it by: amtool silence query -o json")
    return value


def _state(one: Any) -> str:  # noqa: ANN401 (whatever the file holds)
    status = one.get("status") if isinstance(one, dict) else None
    return str(status.get("state", "")) if isinstance(status, dict) else ""


def _name(one: Any) -> str:  # noqa: ANN401 (whatever the file holds)
    return str(one.get("id", "")) if isinstance(one, dict) else "not an object"


def _body(one: Mapping[str, Any], *, is_named: bool) -> dict[str, object]:
    """The silence as the API takes it. Raises ``KeyError`` or ``TypeError`` for what is none."""
    matchers = [write_matcher(str(part["name"]), _operator(part), str(part["value"])) for part in one["matchers"]]
    author, comment = str(one.get("createdBy") or ""), str(one.get("comment") or "imported from Alertmanager")
    body: dict[str, object] = {"matchers": matchers, "starts_at": one["startsAt"], "ends_at": one["endsAt"]}
    if is_named:
        return {**body, "comment": comment, "author": author or user_of_this_machine()}
    return {**body, "comment": f"{comment} (by {author})" if author else comment}


def _operator(part: Mapping[str, Any]) -> MatchOp:
    is_equal = part.get("isEqual", True)
    if part.get("isRegex"):
        return MatchOp.REGEX if is_equal else MatchOp.NOT_REGEX
    return MatchOp.EQUAL if is_equal else MatchOp.NOT_EQUAL
