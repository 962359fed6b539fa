"""``ingestd oncall gaps``: where schedules would let a page down, from files for CI, or as the daemon knows it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ingestd.cli import oncall_source as source
from ingestd.cli.failures import FAILED, BadUsage
from ingestd.cli.oncall_source import CONFIG
from ingestd.cli.program import Program, Verb, output_option
from ingestd.cli.terminal import safe


@click.command(
    "gaps",
    cls=Verb,
    examples=[
        ("ingestd oncall gaps --for 30d", "in CI: exit code 1 if something is found"),
        ("ingestd oncall gaps --live", "with overrides made at run time, and with what is known of contacts"),
        ("ingestd oncall gaps first-line --for 90d -o json", "for other programs"),
    ],
)
@click.argument("schedules", nargs=-1, metavar="[SCHEDULE...]")
@click.option("--for", "for_text", metavar="DURATION", default="30d", show_default=True, help="How far to look.")
@click.option("--from", "from_text", metavar="TIME", help="From when. [now]")
@click.option("--live", "is_live", is_flag=True, help="Ask the daemon: its overrides, and contacts that are dead.")
@CONFIG
@output_option()
@click.pass_context
def gaps(
    ctx: click.Context,
    schedules: tuple[str, ...],
    for_text: str,
    from_text: str | None,
    is_live: bool,
    config_file: Path | None,
) -> None:
    """Find when nobody is on call, when one person is on two levels of a policy, and who is away or cannot be reached.

    With names only these schedules are looked at, and no policies. --live also finds whose contacts are dead, and whom nothing has
    ever reached. Exit code 1 if something is found.
    """
    program = ctx.ensure_object(Program)
    begin = source.instant("--from", from_text, program.clock.now())
    end = begin + source.duration(for_text, "30d")
    if is_live and config_file is not None:
        raise BadUsage("--live asks the daemon, --config.file reads a file", hint="leave one of them out")
    if is_live:
        asked = {"schedule": list(schedules), "from": begin.isoformat(), "to": end.isoformat()}
        answer, zone = program.api.get("/api/v1/oncall/gaps", holds="gaps", **asked), "UTC"
    else:
        answer, zone = _from_file(ctx, config_file, schedules, begin, end)
    found: list[dict[str, Any]] = answer["gaps"]
    if program.is_json:
        program.terminal.json(answer)
    elif found:
        rows = [
            [
                safe(source.clock(one.get("from"), one.get("zone") or zone)),
                safe(source.clock(one.get("to"), one.get("zone") or zone)),
                safe(one.get("name"), "bold"),
                safe(one.get("text")),
            ]
            for one in found
        ]
        program.terminal.table(["FROM", "TO", "WHERE", "WHAT"], rows)
    else:
        program.terminal.data(f"no gaps until {source.clock(end.isoformat(), zone)}")
    if found:
        ctx.exit(FAILED)


def _from_file(
    ctx: click.Context, config_file: Path | None, names: tuple[str, ...], begin: datetime, end: datetime
) -> tuple[dict[str, Any], str]:
    loaded, chosen = source.from_file(ctx, config_file, *names)
    from ingestd.config.policy import build_policy  # noqa: PLC0415 (loaded with the reader)
    from ingestd.core.calendar_shifts import CalendarUse  # noqa: PLC0415 (see above)
    from ingestd.core.rota_gaps import GapKind, all_gaps  # noqa: PLC0415 (see above)
    from ingestd.web.oncall_lines import gap_line  # noqa: PLC0415 (see above)

    policy = build_policy(loaded)
    found = all_gaps(policy, chosen, begin, end, with_policies=not names)
    filled = {one.name for one in chosen if one.calendar is not None and one.calendar.use is CalendarUse.LAYERS}
    if filled:
        text = (
            f"what a calendar fills is not known here: {', '.join(sorted(filled))}; whether it leaves gaps says --live"
        )
        ctx.ensure_object(Program).terminal.note(text)
        found = [one for one in found if not (one.kind is GapKind.NOBODY and one.name in filled)]
    lines = [gap_line(one, policy) for one in found]
    return source.as_answer({"from": begin, "to": end, "gaps": lines}), str(loaded.config.timezone)
