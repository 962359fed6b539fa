"""``ingestd oncall``: who is on call, when, and when nobody is. Asks the configuration, no daemon."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingestd.cli.check import default_file
from ingestd.cli.failures import FAILED, BadUsage, Failure
from ingestd.cli.program import Noun, Program, output_option
from ingestd.cli.terminal import safe

if TYPE_CHECKING:
    from ingestd.config.load import Loaded
    from ingestd.core.rota import Schedule
    from ingestd.core.rota_gaps import Gap

F = TypeVar("F", bound=Callable[..., Any])

SHOW_DAYS = 14
DAYS_MAX = timedelta(days=3660)


@click.group(
    cls=Noun,
    examples=[
        ("ingestd oncall who", "who is on call now?"),
        ("ingestd oncall who first-line --at '2026-12-24 22:00'", "and on Christmas Eve?"),
        ("ingestd oncall show first-line --from 2026-12-01 --to 2027-01-01", "every shift of a month"),
        ("ingestd oncall gaps --for 30d", "in CI: is somebody always there?"),
    ],
)
def command() -> None:
    """See who is on call, without a daemon.

    The schedules are those of a configuration, found as for check; its secrets are not needed.
    """


CONFIG = click.option(
    "--config.file", "config_file", type=click.Path(path_type=Path), help="The configuration. [as for check]"
)


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
@CONFIG
@output_option()
@click.pass_context
def who_(ctx: click.Context, schedule: str | None, at_text: str | None, config_file: Path | None) -> None:
    """Say who is on call, now or at another time, and until when."""
    program = ctx.ensure_object(Program)
    at = _instant("--at", at_text, program.clock.now())
    loaded, schedules = _schedules(ctx, config_file, schedule)
    from ingestd.core.rota import shifts  # noqa: PLC0415 (loaded with the reader)

    found = [(one, shifts(one, at, at + timedelta(days=60))) for one in schedules]
    if program.is_json:
        listed = [
            {
                "schedule": one.name,
                "at": _plain(at),
                "person": following[0].person,
                "until": _plain(following[0].ends_at) if len(following) > 1 else None,
                "next": following[1].person if len(following) > 1 else None,
            }
            for one, following in found
        ]
        program.terminal.json({"oncall": listed})
        return
    rows = [
        [
            safe(one.name, "bold"),
            _person(following[0].person, loaded),
            safe(_clock(following[0].ends_at, one.zone) if len(following) > 1 else ""),
            _person(following[1].person, loaded) if len(following) > 1 else safe(""),
        ]
        for one, following in found
    ]
    program.terminal.table(["SCHEDULE", "ON CALL", "UNTIL", "THEN"], rows)


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
@CONFIG
@output_option()
@click.pass_context
def show(
    ctx: click.Context, schedule: str, from_text: str | None, to_text: str | None, config_file: Path | None
) -> None:
    """List the shifts of a schedule, with its overrides, on its own clock. Stretches with nobody are listed too."""
    program = ctx.ensure_object(Program)
    begin = _instant("--from", from_text, program.clock.now())
    end = _instant("--to", to_text, begin + timedelta(days=SHOW_DAYS))
    if not begin < end <= begin + DAYS_MAX:
        raise BadUsage("--to must be after --from, and within ten years")
    loaded, (one,) = _schedules(ctx, config_file, schedule)
    from ingestd.core.rota import shifts  # noqa: PLC0415 (loaded with the reader)

    found = [(shift, _reason(one, shift.starts_at)) for shift in shifts(one, begin, end)]
    if program.is_json:
        listed = [
            {
                "from": _plain(shift.starts_at),
                "to": _plain(shift.ends_at),
                "person": shift.person,
                "override": reason or None,
            }
            for shift, reason in found
        ]
        program.terminal.json({"schedule": one.name, "shifts": listed})
        return
    rows = [
        [
            safe(_clock(shift.starts_at, one.zone)),
            safe(_clock(shift.ends_at, one.zone)),
            _person(shift.person, loaded),
            safe(reason, "dim"),
        ]
        for shift, reason in found
    ]
    program.terminal.table(["FROM", "TO", "ON CALL", "OVERRIDE"], rows)


@command.command(
    "gaps",
    examples=[
        ("ingestd oncall gaps --for 30d", "in CI: exit code 1 if something is found"),
        ("ingestd oncall gaps first-line --for 90d -o json", "for other programs"),
    ],
)
@click.argument("schedules", nargs=-1, metavar="[SCHEDULE...]")
@click.option("--for", "for_text", metavar="DURATION", default="30d", show_default=True, help="How far to look.")
@click.option("--from", "from_text", metavar="TIME", help="From when. [now]")
@CONFIG
@output_option()
@click.pass_context
def gaps(
    ctx: click.Context, schedules: tuple[str, ...], for_text: str, from_text: str | None, config_file: Path | None
) -> None:
    """Find when nobody is on call, when one person is on two levels of a policy, and who cannot be reached.

    With names only these schedules are looked at, and no policies. Exit code 1 if something is found.
    """
    program = ctx.ensure_object(Program)
    begin = _instant("--from", from_text, program.clock.now())
    end = begin + _duration(for_text)
    loaded, chosen = _schedules(ctx, config_file, *schedules)
    found = _gaps(loaded, chosen, begin, end, with_policies=not schedules)
    if program.is_json:
        program.terminal.json({"from": _plain(begin), "to": _plain(end), "gaps": [_gap_as_json(one) for one in found]})
    elif found:
        zones = {one.name: one.zone for one in chosen}
        rows = [
            [
                safe(_clock(one.starts_at, zones.get(one.name, loaded.config.timezone))),
                safe(_clock(one.ends_at, zones.get(one.name, loaded.config.timezone))),
                safe(one.name, "bold"),
                safe(_gap_text(one)),
            ]
            for one in found
        ]
        program.terminal.table(["FROM", "TO", "WHERE", "WHAT"], rows)
    else:
        program.terminal.data(f"no gaps until {_clock(end, loaded.config.timezone)}")
    if found:
        ctx.exit(FAILED)


def _gaps(
    loaded: Loaded, chosen: Sequence[Schedule], begin: datetime, end: datetime, *, with_policies: bool
) -> list[Gap]:
    from ingestd.config.policy import build_policy  # noqa: PLC0415 (loaded with the reader)
    from ingestd.core.rota_gaps import gaps_of_policy, gaps_of_schedule  # noqa: PLC0415 (see above)

    policy = build_policy(loaded)
    reachable = {name for name, person in policy.people.items() if person.channels}
    found = [gap for one in chosen for gap in gaps_of_schedule(one, begin, end, reachable)]
    if with_policies:
        found += [gap for one in policy.escalations.values() for gap in gaps_of_policy(one, policy, begin, end)]
    return sorted(found, key=lambda gap: (gap.starts_at, gap.name))


def _schedules(ctx: click.Context, config_file: Path | None, *names: str | None) -> tuple[Loaded, list[Schedule]]:
    """The configuration with the schedules of these names; with all if none is given."""
    from ingestd.cli.test_rules import loaded_for_trial  # noqa: PLC0415 (loads what reads configurations)

    loaded = loaded_for_trial(ctx, config_file or default_file())
    from ingestd.config.problems import did_you_mean  # noqa: PLC0415 (loaded with the reader)
    from ingestd.config.schedules import build_schedules  # noqa: PLC0415 (see above)

    schedules = build_schedules(loaded.config)
    if not schedules:
        raise Failure("there are no schedules in the configuration", hint="write them under schedules")
    wanted = [name for name in names if name is not None]
    for name in wanted:
        if name not in schedules:
            raise Failure(f"there is no schedule {name!r}", hint=did_you_mean(name, schedules))
    return loaded, [schedules[name] for name in wanted or schedules]


def _instant(option: str, text: str | None, default: datetime) -> datetime:
    """An instant as it is typed: on the clock of this machine if nothing else is said, a date alone from its first minute."""
    if text is None:
        return default
    from ingestd.config.schedule_model import parse_written_instant  # noqa: PLC0415 (loads pydantic)

    try:
        written = parse_written_instant(re.sub(r"^(\d{4}-\d{2}-\d{2})(?= [A-Za-z]|$)", r"\1 00:00", text.strip()))
    except ValueError as exc:
        raise BadUsage(f"{option}: {text!r} is not an instant", hint="write 2026-03-29 03:30") from exc
    if written.zone is None:
        return written.at.astimezone().astimezone(UTC)
    return written.within(written.zone)


def _duration(text: str) -> timedelta:
    from ingestd.config.quantities import parse_duration  # noqa: PLC0415 (loads pydantic)

    try:
        found = timedelta(seconds=parse_duration(text))
    except ValueError as exc:
        raise BadUsage(f"--for: {text!r} is not a duration", hint="write 30d") from exc
    if not timedelta(0) < found <= DAYS_MAX:
        raise BadUsage("--for must be more than nothing and at most ten years", hint="write 30d")
    return found


def _reason(schedule: Schedule, at: datetime) -> str:
    """Why an override is in force at an instant, and by whom; empty if none is."""
    for one in reversed(schedule.overrides):
        if one.contains(at):
            return ", ".join(part for part in (one.why or "override", f"by {one.by}" if one.by else "") if part)
    return ""


def _person(name: str | None, loaded: Loaded) -> Any:  # noqa: ANN401 (rich is loaded only to show something)
    if name is None:
        return safe("nobody", "bold red")
    full = loaded.config.people[name].name
    return safe(f"{name} ({full})" if full and full != name else name)


def _clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"


def _plain(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _gap_text(gap: Gap) -> str:
    from ingestd.core.rota_gaps import GapKind  # noqa: PLC0415 (loaded with the reader)

    if gap.kind is GapKind.NOBODY:
        return "nobody is on call"
    if gap.kind is GapKind.NO_CONTACT:
        return f"{gap.person} is on call and has no usable contact"
    return f"{gap.person} is {' and '.join(f'L{level}' for level in gap.levels)} of this policy"


def _gap_as_json(gap: Gap) -> dict[str, object]:
    return {
        "kind": gap.kind.value,
        "from": _plain(gap.starts_at),
        "to": _plain(gap.ends_at),
        "name": gap.name,
        "person": gap.person,
        "levels": list(gap.levels),
    }
