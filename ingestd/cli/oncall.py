"""``ingestd oncall``: who is on call and when, and who takes over for whom."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ingestd.cli import oncall_source as source
from ingestd.cli.failures import BadUsage
from ingestd.cli.oncall_change import end, override, overrides, swap
from ingestd.cli.oncall_feed import feed
from ingestd.cli.oncall_gaps import gaps
from ingestd.cli.oncall_import import import_
from ingestd.cli.oncall_source import CONFIG, DAYS_MAX, OFFLINE
from ingestd.cli.program import Noun, Program, output_option
from ingestd.cli.terminal import safe

SHOW_DAYS = 14


@click.group(
    cls=Noun,
    examples=[
        ("ingestd oncall who", "who is on call now?"),
        ("ingestd oncall who first-line --at '2026-12-24 22:00'", "and on Christmas Eve?"),
        ("ingestd oncall show first-line --from 2026-12-01 --to 2027-01-01", "every shift of a month"),
        ("ingestd oncall override first-line ben --for 4h", "ben takes over for four hours"),
        ("ingestd oncall swap first-line asha ben", "they exchange their next shifts"),
        ("ingestd oncall gaps --for 30d", "in CI: is somebody always there?"),
        ("ingestd oncall import shifts.ics", "what does this calendar mean, and does everybody in it exist?"),
        ("ingestd oncall feed add person:asha", "asha's shifts, for the calendar on her phone"),
    ],
)
def command() -> None:
    """See who is on call, and take over.

    The daemon is asked, since it knows of overrides made at run time. If it cannot be reached, who and show read the configuration
    alone, found as for check; gaps reads it in any case. Its secrets are not needed.
    """


@command.command(
    "who",
    examples=[
        ("ingestd oncall who", "now, on every schedule"),
        ("ingestd oncall who first-line --at '2026-03-29 12:30 Europe/Berlin'", "then"),
    ],
)
@click.argument("schedule", required=False)
@click.option(
    "--at", "at_text", metavar="TIME", help="When: 2026-03-29 03:30, here, or with an offset or a zone. [now]"
)
@OFFLINE
@CONFIG
@output_option()
@click.pass_context
def who_(
    ctx: click.Context, schedule: str | None, at_text: str | None, is_offline: bool, config_file: Path | None
) -> None:
    """Say who is on call, now or at another time, and until when."""
    program = ctx.ensure_object(Program)
    at = source.instant("--at", at_text, program.clock.now())
    answer: dict[str, Any] | None = None
    if not is_offline and config_file is None:
        asked = at.isoformat() if at_text is not None else None
        answer = source.from_daemon(program, "/api/v1/oncall", holds="oncall", at=asked, schedule=schedule)
    if answer is None:
        loaded, schedules = source.from_file(ctx, config_file, schedule)
        from ingestd.config.policy import build_policy  # noqa: PLC0415 (loaded with the reader)
        from ingestd.web.oncall_lines import oncall_line  # noqa: PLC0415 (see above)

        people = build_policy(loaded).people
        answer = {"oncall": source.as_answer([oncall_line(one, people, at) for one in schedules])}
    if program.is_json:
        program.terminal.json(answer)
        return
    rows = [
        [
            safe(one.get("schedule"), "bold"),
            source.person(one.get("person"), one.get("person_name")),
            safe(source.clock(one.get("until"), one.get("zone"))),
            source.person(one.get("next"), one.get("next_name")) if one.get("until") else safe(""),
            safe(one.get("override") or "", "dim"),
        ]
        for one in answer["oncall"]
    ]
    program.terminal.table(["SCHEDULE", "ON CALL", "UNTIL", "THEN", "OVERRIDE"], rows)


@command.command(
    "show",
    examples=[
        ("ingestd oncall show first-line", "the next two weeks"),
        ("ingestd oncall show first-line --from 2026-12-01 --to 2027-01-01", "a month"),
    ],
)
@click.argument("schedule")
@click.option("--from", "from_text", metavar="TIME", help="From when: 2026-12-01, here, or 2026-12-01 09:00. [now]")
@click.option("--to", "to_text", metavar="TIME", help=f"Until when. [{SHOW_DAYS} days later]")
@OFFLINE
@CONFIG
@output_option()
@click.pass_context
def show(
    ctx: click.Context,
    schedule: str,
    from_text: str | None,
    to_text: str | None,
    is_offline: bool,
    config_file: Path | None,
) -> None:
    """List the shifts of a schedule, with its overrides, on its own clock. Stretches with nobody are listed too."""
    program = ctx.ensure_object(Program)
    begin = source.instant("--from", from_text, program.clock.now())
    end = source.instant("--to", to_text, begin + timedelta(days=SHOW_DAYS))
    if not begin < end <= begin + DAYS_MAX:
        raise BadUsage("--to must be after --from, and within ten years")
    answer: dict[str, Any] | None = None
    if not is_offline and config_file is None:
        asked = {"schedule": schedule, "from": begin.isoformat(), "to": end.isoformat()}
        answer = source.from_daemon(program, "/api/v1/oncall/shifts", holds="shifts", **asked)
    if answer is None:
        loaded, (one,) = source.from_file(ctx, config_file, schedule)
        from ingestd.config.policy import build_policy  # noqa: PLC0415 (loaded with the reader)
        from ingestd.web.oncall_lines import shift_lines  # noqa: PLC0415 (see above)

        lines = shift_lines(one, build_policy(loaded).people, begin, end)
        answer = source.as_answer({"schedule": one.name, "zone": str(one.zone), "shifts": lines})
    if program.is_json:
        program.terminal.json(answer)
        return
    rows = [
        [
            safe(source.clock(shift.get("from"), answer.get("zone"))),
            safe(source.clock(shift.get("to"), answer.get("zone"))),
            source.person(shift.get("person"), shift.get("person_name")),
            safe(shift.get("override") or "", "dim"),
        ]
        for shift in answer["shifts"]
    ]
    program.terminal.table(["FROM", "TO", "ON CALL", "OVERRIDE"], rows)


for _verb in (gaps, override, swap, overrides, end, import_, feed):
    command.add_command(_verb)
