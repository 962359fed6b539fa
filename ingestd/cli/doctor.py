"""``ingestd doctor``: one page that says whether this installation will page somebody tonight."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path

import click

from ingestd.cli.check import default_file
from ingestd.cli.doctor_daemon import OnDisk, check_ready, check_status
from ingestd.cli.doctor_local import (
    OK,
    RED,
    WARN,
    Check,
    check_clock_keeper,
    check_config,
    check_database,
    check_software,
)
from ingestd.cli.failures import FAILED
from ingestd.cli.program import Program, Verb, output_option
from ingestd.cli.terminal import safe


@click.command(
    "doctor",
    cls=Verb,
    examples=[
        ("ingestd doctor --config.file=config.yaml", "everything that can be seen from here"),
        ("ingestd doctor --quick", "for health checks: does the daemon answer, and is it ready?"),
    ],
)
@click.option("--config.file", "config_file", type=click.Path(path_type=Path), help="The configuration. [as for check]")
@click.option("--quick", "is_quick", is_flag=True, help="Ask the daemon alone whether it is ready. Needs no token.")
@output_option()
@click.pass_context
def command(ctx: click.Context, config_file: Path | None, is_quick: bool) -> None:
    """One page on how this installation is.

    Exit code 1 if anything is red. What is yellow works and should be looked at.
    """
    program = ctx.ensure_object(Program)
    checks = list(_quick(program) if is_quick else _all(program, config_file))
    red = sum(check.mark == RED for check in checks)
    if program.is_json:
        program.terminal.json({"checks": [asdict(check) for check in checks], "red_count": red})
    else:
        _print(program, checks)
    if red:
        ctx.exit(FAILED)


def _quick(program: Program) -> Iterator[Check]:
    yield from check_ready(program.api, program.clock.now())


def _all(program: Program, config_file: Path | None) -> Iterator[Check]:
    path = config_file or default_file()
    on_disk: OnDisk | None = None
    if config_file is None and not path.exists():
        yield Check(WARN, "config", f"not checked: there is no {path}", "name it: --config.file")
    else:
        on_disk = yield from _configured(path)
    yield from check_software()
    yield check_clock_keeper()
    ready = list(_quick(program))
    yield from ready
    if not any(check.topic == "daemon" and check.mark == RED for check in ready):
        yield from check_status(program.api, program.moments(), on_disk)


def _configured(path: Path) -> Generator[Check, None, OnDisk | None]:
    """What follows from the configuration: itself, the database, the accounts of its connectors. Gives the rules on disk."""
    # Both load the whole of what reads, builds and sends.
    from ingestd.cli.doctor_accounts import check_accounts  # noqa: PLC0415 (see above)
    from ingestd.cli.reading import read  # noqa: PLC0415 (see above)

    reading = read(path)
    yield check_config(path, reading.problems)
    if reading.loaded is not None:
        yield check_database(reading.loaded)
    yield from check_accounts(reading)
    if reading.loaded is not None and reading.loaded.config.mail.listener is not None:
        from ingestd.cli.doctor_listener import check_listener  # noqa: PLC0415 (only where there is one)

        yield check_listener(reading.loaded.config.mail.listener)
    if reading.loaded is not None and reading.loaded.config.mail.mailboxes:
        from ingestd.cli.doctor_mailboxes import check_mailboxes  # noqa: PLC0415 (see above)

        yield from check_mailboxes(reading.loaded)
    return OnDisk(path, reading.loaded.ruleset.version) if reading.loaded is not None else None


def _print(program: Program, checks: list[Check]) -> None:
    from ingestd.cli.layout import joined, rows, word  # noqa: PLC0415 (loads rich, which only pages need)

    lines = []
    for check in checks:
        hint = safe(f"-> {check.hint}" if check.hint else "", "dim")
        lines.append((word(check.mark), safe(check.topic, "bold"), joined((safe(check.text), hint))))
    program.terminal.show(rows(lines))
    counts = {mark: sum(check.mark == mark for check in checks) for mark in (OK, WARN, RED)}
    program.terminal.note(f"{counts[OK]} fine, {counts[WARN]} to look at, {counts[RED]} red")
