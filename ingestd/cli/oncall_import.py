"""``ingestd oncall import``: what a calendar would mean, and whom it names that nobody knows. Without a daemon."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ingestd.cli import oncall_source as source
from ingestd.cli.failures import FAILED, Failure
from ingestd.cli.oncall_source import CONFIG
from ingestd.cli.program import Program, Verb, output_option
from ingestd.cli.terminal import safe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingestd.calendars.entries import Reading
    from ingestd.config.load import Loaded
    from ingestd.core.policy import Policy
    from ingestd.core.rota import Schedule, Shift

CHECKED: Final = timedelta(days=400)
"""As far ahead as the daemon works a calendar out, names are looked for."""


@click.command(
    "import",
    cls=Verb,
    examples=[
        ("ingestd oncall import shifts.ics", "whom does it name when, and does everybody exist?"),
        (
            "ingestd oncall import shifts.ics --schedule first-line",
            "and with the layers and overrides of that schedule",
        ),
    ],
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--schedule", help="Show what this schedule would be with it: as its calendar: says, or with overrides from it."
)
@click.option("--for", "for_text", metavar="DURATION", default="30d", show_default=True, help="How much to show.")
@CONFIG
@output_option()
@click.pass_context
def import_(ctx: click.Context, file: Path, schedule: str | None, for_text: str, config_file: Path | None) -> None:
    """Check an iCalendar file before a schedule is given it, and print the shifts that it means.

    The title of an event is a person's name in the configuration, or their email address, with or without [L1] before it. Nothing is
    stored or sent: the daemon reads what calendar: of a schedule names. Exit code 1 if an event names nobody who is known, or cannot
    be used.
    """
    program = ctx.ensure_object(Program)
    begin = program.clock.now()
    end = begin + source.duration(for_text, "30d")
    loaded, chosen = source.from_file(ctx, config_file, schedule)
    from ingestd.config.policy import build_policy  # noqa: PLC0415 (loaded with the reader)

    policy = build_policy(loaded)
    base = _base(loaded, chosen[0] if schedule is not None else None)
    reading = _read(file, base, begin, max(end, begin + CHECKED))
    meant, errors = _meant(reading, base, policy)
    from ingestd.core.rota import shifts  # noqa: PLC0415 (see above)

    found = [one for one in shifts(meant, begin, end) if schedule is not None or one.person is not None]
    if program.is_json:
        listed = [{"from": one.starts_at, "to": one.ends_at, "person": one.person} for one in found]
        program.terminal.json({"shifts": source.as_answer(listed), "errors": errors})
    else:
        _print(program, found, meant, policy, errors)
    if errors:
        ctx.exit(FAILED)


def _base(loaded: Loaded, schedule: Schedule | None) -> Schedule:
    """The schedule that the calendar is laid into; one with nothing else if none is meant."""
    from dataclasses import replace  # noqa: PLC0415 (loaded with the reader)

    from ingestd.core.calendar_shifts import CalendarUse, Imported  # noqa: PLC0415 (see above)
    from ingestd.core.rota import Schedule  # noqa: PLC0415 (see above)

    if schedule is None:
        return Schedule("", loaded.config.timezone, (), (), Imported(CalendarUse.LAYERS))
    if schedule.calendar is None:
        return replace(schedule, calendar=Imported(CalendarUse.OVERRIDES))
    return schedule


def _read(file: Path, schedule: Schedule, begin: datetime, end: datetime) -> Reading:
    import asyncio  # noqa: PLC0415 (only here)
    from zoneinfo import ZoneInfo  # noqa: PLC0415 (see above)

    from ingestd.calendars.entries import BYTES_MAX, CalendarRefused  # noqa: PLC0415 (see above)
    from ingestd.calendars.expansion import expand  # noqa: PLC0415 (see above)

    try:
        with file.open("rb") as stream:
            body = stream.read(BYTES_MAX + 1)
    except OSError as exc:
        raise Failure(f"cannot read {file}: {exc.strerror or exc}") from None
    zone = schedule.zone if isinstance(schedule.zone, ZoneInfo) else ZoneInfo("UTC")
    try:
        return asyncio.run(expand(body, begin, end, zone))
    except CalendarRefused as refused:
        raise Failure(f"{file} cannot be used: {refused}") from None


def _meant(reading: Reading, schedule: Schedule, policy: Policy) -> tuple[Schedule, list[dict[str, str]]]:
    """The schedule with what the calendar says, and what is wrong with it, each with its UID and date."""
    from dataclasses import replace  # noqa: PLC0415 (loaded with the reader)

    from ingestd.config.problems import did_you_mean  # noqa: PLC0415 (see above)
    from ingestd.core.calendar_shifts import Stretch, directory_of, laid_out, person_of  # noqa: PLC0415 (see above)

    known = directory_of({name: one.known_as for name, one in policy.people.items() if not one.is_address})
    errors = [{"uid": one.uid, "on": one.on, "text": one.text, "hint": ""} for one in reading.faults]
    stretches = []
    for entry in reading.entries:
        person = person_of(entry.title, known)
        if person is not None:
            stretches.append(Stretch(entry.starts_at, entry.ends_at, person))
            continue
        on = f"{entry.starts_at.astimezone(schedule.zone):%Y-%m-%d}"
        text, hint = f'nobody is called "{entry.title}"', did_you_mean(entry.title.casefold(), known)
        errors.append({"uid": entry.uid, "on": on, "text": text, "hint": hint})
    assert schedule.calendar is not None, "the base has one"
    return replace(schedule, calendar=replace(schedule.calendar, stretches=laid_out(stretches))), errors


def _print(
    program: Program, found: Iterable[Shift], schedule: Schedule, policy: Policy, errors: list[dict[str, str]]
) -> None:
    zone = str(schedule.zone)
    rows = []
    for one in found:
        full = policy.people[one.person].display_name if one.person is not None else None
        begins, ends = (at.astimezone(UTC).isoformat() for at in (one.starts_at, one.ends_at))
        rows.append([safe(source.clock(begins, zone)), safe(source.clock(ends, zone)), source.person(one.person, full)])
    program.terminal.table(["FROM", "TO", "ON CALL"], rows)
    for error in errors:
        hint = f"; {error['hint']}" if error["hint"] else ""
        program.terminal.data(safe(f"error: {error['on']} {error['text']} (UID {error['uid']}){hint}").plain)
