"""``ingestd rules route``: one alert through the rules, and everything that would come of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestd.cli.check import default_file, print_problems
from ingestd.cli.failures import FAILED, BadUsage, Failure
from ingestd.cli.program import Program, Verb, output_option

if TYPE_CHECKING:
    from ingestd.cli.reading import Reading
    from ingestd.config.load import Loaded
    from ingestd.trial.expectations import Difference
    from ingestd.trial.route import Routes


CONFIG = click.option(
    "--config.file", "config_file", type=click.Path(path_type=Path), help="The configuration. [as for check]"
)
"""Which configuration's rules are asked."""


@click.command(
    "route",
    cls=Verb,
    examples=[
        ("ingestd rules route DiskFull env=prod host=db1", "a bare first word is the alertname"),
        ("ingestd rules route alertname=DiskFull alert.source=grafana 'alert.summary=disk is full'", "other fields"),
        ("ingestd rules route --payload body.json --source grafana", "a captured body, through the production reader"),
        ("ingestd rules route DiskFull env=prod --verify severity=high,page=db-oncall", "in scripts"),
    ],
)
@click.argument("labels", nargs=-1, metavar="LABEL=VALUE...")
@CONFIG
@click.option(
    "--payload", type=click.Path(path_type=Path, allow_dash=True), help="A webhook's body, or a raw mail; - for stdin."
)
@click.option("--source", help="Which source sends it; or a kind: alertmanager, grafana.")
@click.option(
    "--at",
    "at_text",
    metavar="TIME",
    help="When: 2026-03-29 03:30 in the configuration's timezone, or with an offset. [default: now]",
)
@click.option("--live", is_flag=True, help="Ask the daemon which of its incidents the alert would join.")
@click.option("--verify", multiple=True, metavar="KEY=VALUE,...", help="Exit code 1 unless this holds; as in expect:.")
@output_option()
@click.pass_context
def route(
    ctx: click.Context,
    labels: tuple[str, ...],
    config_file: Path | None,
    payload: Path | None,
    source: str | None,
    at_text: str | None,
    live: bool,
    verify: tuple[str, ...],
) -> None:
    """Follow an alert through the rules, and show everything that would come of it if nobody answered.

    Fields are labels, alert.source, alert.summary, alert.value and annotations.NAME. Each rule is shown with the first part of it
    that did not hold, up to the one that decides. Nothing is sent. What is open in the daemon is looked at only with --live.
    """
    program = ctx.ensure_object(Program)
    expected = _expected(verify)
    wall = _wall(at_text)
    reading = _read(ctx, config_file)
    assert reading.for_trial is not None, "without it the command has ended"
    loaded = reading.for_trial
    at = program.clock.now() if wall is None else _instant(wall, loaded)
    routes = _routes(loaded, labels, payload, source, at)
    # Both load what lays out pages.
    from ingestd.cli.route_page import as_json, page  # noqa: PLC0415 (see above)

    wrong = _verify(expected, routes, loaded)
    joined = None
    if live:
        from ingestd.cli.live_incident import joined_incident  # noqa: PLC0415 (only then is the daemon asked)

        joined = [joined_incident(program.api, one, at) for one in routes.routes]
    if program.is_json:
        program.terminal.json(as_json(routes, reading, wrong, joined))
    else:
        program.terminal.show(*page(routes, reading, joined, at=None if wall is None else at))
        for one in wrong:
            program.terminal.data(_difference(one))
    if wrong:
        ctx.exit(FAILED)


def _read(ctx: click.Context, config_file: Path | None) -> Reading:
    """The configuration with its connectors, as far as their secrets are here. With other errors they are printed and all ends."""
    from ingestd.cli.reading import read  # noqa: PLC0415 (loads what reads and builds)

    reading = read(config_file or default_file())
    if reading.for_trial is None:
        print_problems(ctx.ensure_object(Program), reading.problems, "text")
        ctx.exit(FAILED)
    return reading


def _wall(text: str | None) -> datetime | None:
    if text is None:
        return None
    from ingestd.config.quantities import parse_at  # noqa: PLC0415 (loads pydantic)

    try:
        return parse_at(text)
    except ValueError as exc:
        raise BadUsage(f"--at: {text!r} is not an instant", hint="write 2026-03-29 03:30") from exc


def _instant(wall: datetime, loaded: Loaded) -> datetime:
    """As for the ``at`` of a test: without an offset it is a time in the zone of the configuration, wherever this runs."""
    from ingestd.core.windows import instant_of  # noqa: PLC0415 (loaded with the reader)

    return wall if wall.tzinfo is not None else instant_of(wall, loaded.config.timezone)


def _routes(loaded: Loaded, labels: Sequence[str], payload: Path | None, source: str | None, at: datetime) -> Routes:
    from ingestd.config.policy import build_policy  # noqa: PLC0415 (loaded with the reader)
    from ingestd.core.names import AlertStatus  # noqa: PLC0415 (see above)
    from ingestd.trial.route import follow  # noqa: PLC0415 (see above)
    from ingestd.trial.written_alert import WrittenAlertError, doors_of, written_alert  # noqa: PLC0415 (see above)

    doors = doors_of(loaded.config)
    if (payload is None) == (not labels):
        raise BadUsage(
            "an alert is needed: labels, or a payload", hint="write LABEL=VALUE..., or --payload FILE --source NAME"
        )
    if payload is not None:
        envelope = _envelope(payload, source, doors, at)
        return follow(envelope.alerts, build_policy(loaded), at, truncated_count=envelope.truncated_count)
    fields = _fields(labels)
    if source is not None:
        fields = {"alert.source": source, **fields}
    try:
        alert = written_alert(fields, doors, AlertStatus.FIRING, starts_at=at)
    except WrittenAlertError as exc:
        raise BadUsage(str(exc), hint=exc.hint) from None
    return follow([alert], build_policy(loaded), at)


def _fields(labels: Sequence[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for number, text in enumerate(labels):
        name, sign, value = text.partition("=")
        if not sign and number == 0:
            name, value = "alertname", text
        elif not sign or not name:
            raise BadUsage(f"{text!r} is not LABEL=VALUE", hint="only the first word may stand alone: the alertname")
        if name in fields:
            raise BadUsage(f"{name} is given twice")
        fields[name] = value
    return fields


def _envelope(payload: Path, source: str | None, doors: Any, at: datetime) -> Any:  # noqa: ANN401 (loaded later than this is read)
    from ingestd.config.problems import did_you_mean  # noqa: PLC0415 (loaded with the reader)
    from ingestd.core.alert import Unreadable  # noqa: PLC0415 (see above)

    if source is None and len(doors.kinds) != 1:
        raise BadUsage("who sends this payload?", hint=f"--source {' or '.join(doors.kinds)}")
    source = source or doors.usual
    if not doors.knows(source):
        raise BadUsage(
            f'there is no source "{source}"', hint=did_you_mean(source, [*doors.kinds, "alertmanager", "grafana"])
        )
    try:
        with click.open_file(str(payload), "rb") as stream:
            body = stream.read()
    except OSError as exc:
        raise Failure(f"cannot read {payload}: {exc.strerror or exc}") from None
    parsed = doors.read(source, body, at)
    if isinstance(parsed, Unreadable):
        raise Failure(f'the daemon would not read this body from "{source}" ({parsed.reason})', hint=parsed.detail)
    if not parsed.alerts:
        raise Failure("there is no alert in this body")
    return parsed


def _expected(verify: Sequence[str]) -> dict[str, str]:
    expected: dict[str, str] = {}
    for pair in (pair for text in verify for pair in text.split(",")):
        key, sign, value = pair.partition("=")
        if not sign:
            raise BadUsage(f"--verify: {pair!r} is not KEY=VALUE", hint="write --verify severity=high,page=none")
        expected[key.strip()] = value.strip()
    return expected


def _verify(expected: dict[str, str], routes: Routes, loaded: Loaded) -> list[Difference]:
    if not expected:
        return []
    from ingestd.trial.expectations import differences  # noqa: PLC0415 (loaded with the reader)
    from ingestd.trial.verifying import VerifyError, expectation  # noqa: PLC0415 (see above)

    try:
        return differences(expectation(expected, loaded), routes.standing)
    except VerifyError as exc:
        raise BadUsage(f"--verify: {exc}", hint=exc.hint) from None


def _difference(one: Difference) -> str:
    from ingestd.trial.expectations import text_of  # noqa: PLC0415 (loaded with the reader)

    return f"- {one.key}: {text_of(one.expected)}\n+ {one.key}: {text_of(one.actual)}"
