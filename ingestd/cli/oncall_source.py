"""Where ``ingestd oncall`` looks: in the daemon, which knows of overrides made at run time, or in a configuration file alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ingestd.cli.check import default_file
from ingestd.cli.failures import BadUsage, Failure, NotAllowed, NotReachable
from ingestd.cli.program import Program
from ingestd.cli.terminal import safe

if TYPE_CHECKING:
    from ingestd.config.load import Loaded
    from ingestd.core.rota import Schedule

F = TypeVar("F", bound=Callable[..., Any])

DAYS_MAX: Final = timedelta(days=3660)

CONFIG = click.option(
    "--config.file",
    "config_file",
    type=click.Path(path_type=Path),
    help="Read this configuration, and ask no daemon. [as for check]",
)
OFFLINE = click.option(
    "--offline", "is_offline", is_flag=True, help="Read the file alone: without what was changed at run time."
)


def from_daemon(program: Program, path: str, *, holds: str, **query: object) -> dict[str, Any] | None:
    """What the daemon answers; None, with a note that says so, if no daemon can be asked."""
    try:
        return program.api.get(path, holds=holds, **query)
    except (NotReachable, NotAllowed) as failure:
        program.terminal.note(f"{failure.message}; this is the file alone, without overrides made at run time")
        return None


def from_file(ctx: click.Context, config_file: Path | None, *names: str | None) -> tuple[Loaded, list[Schedule]]:
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


def instant(option: str, text: str | None, default: datetime) -> datetime:
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


def duration(text: str, example: str) -> timedelta:
    """How long ``--for`` is, more than nothing and at most ten years."""
    from ingestd.config.quantities import parse_duration  # noqa: PLC0415 (loads pydantic)

    try:
        found = timedelta(seconds=parse_duration(text))
    except ValueError as exc:
        raise BadUsage(f"--for: {text!r} is not a duration", hint=f"write {example}") from exc
    if not timedelta(0) < found <= DAYS_MAX:
        raise BadUsage("--for must be more than nothing and at most ten years", hint=f"write {example}")
    return found


def as_answer(value: Any) -> Any:  # noqa: ANN401 (whatever JSON can hold)
    """Plain values from a file in the form in which the API gives them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {name: as_answer(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [as_answer(one) for one in value]
    return value


def person(name: object, full: object) -> Any:  # noqa: ANN401 (rich is loaded only to show something)
    """A person as a table shows them; ``nobody`` in red."""
    if name is None:
        return safe("nobody", "bold red")
    return safe(f"{name} ({full})" if full and full != name else name)


def clock(at: object, zone: object) -> str:
    """An instant of an answer on the clock of a schedule; empty for what is none."""
    from zoneinfo import ZoneInfo  # noqa: PLC0415 (reads files, which --help need not)

    from ingestd.cli.moments import parse_instant  # noqa: PLC0415 (see above)
    from ingestd.core.rota import on_clock  # noqa: PLC0415 (see above)

    found = parse_instant(at)
    if found is None:
        return ""
    try:
        return on_clock(found, ZoneInfo(str(zone)))
    except (KeyError, ValueError, OSError):  # of a daemon that knows zones that this machine does not
        return on_clock(found, UTC)
