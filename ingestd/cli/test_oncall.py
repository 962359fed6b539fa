"""``ingestd test oncall``: is whoever must be on call on call? Without a daemon, and for any instant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingestd.cli.check import default_file
from ingestd.cli.failures import FAILED
from ingestd.cli.program import Program, Verb, output_option
from ingestd.cli.test_rules import loaded_for_trial
from ingestd.core.safe_text import one_line

if TYPE_CHECKING:
    from ingestd.trial.oncall_tests import OncallTestResult

_NAME_CHARS_MAX = 200


@click.command(
    "oncall",
    cls=Verb,
    examples=[("ingestd test oncall config.yaml", "is on call who must be, also in the night when clocks change?")],
)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@output_option()
@click.pass_context
def oncall(ctx: click.Context, config: Path | None) -> None:
    """Run the tests of who is on call.

    CONFIG is the configuration, found as for check; its secrets are not needed. Tests stand in it under oncall_tests:. Exit code 1 if
    one fails.
    """
    program = ctx.ensure_object(Program)
    loaded = loaded_for_trial(ctx, config or default_file())
    from ingestd.trial.oncall_tests import run_oncall_tests  # noqa: PLC0415 (loaded only now that something is to be run)

    results = run_oncall_tests(loaded)
    failed = [result for result in results if not result.has_passed]
    if program.is_json:
        program.terminal.json(_as_json(results))
    else:
        for result in failed:
            program.terminal.data("\n".join(_lines(result)))
        program.terminal.data(f"{len(results) - len(failed)} passed, {len(failed)} failed")
        if not results:
            program.terminal.note("there are no tests: write them under oncall_tests")
    if failed:
        ctx.exit(FAILED)


def _lines(result: OncallTestResult) -> list[str]:
    lines = [f"FAIL {result.name}  {one_line(result.file, _NAME_CHARS_MAX)}:{result.line}"]
    for one in result.differences:
        lines += [f"  - {one.schedule}: {one.expected or 'none'}", f"  + {one.schedule}: {one.actual or 'none'}"]
    return lines


def _as_json(results: list[OncallTestResult]) -> dict[str, object]:
    return {
        "tests": [
            {
                "at": f"{result.at:%Y-%m-%dT%H:%M:%SZ}",
                "file": result.file,
                "line": result.line,
                "passed": result.has_passed,
                "differences": [
                    {"schedule": one.schedule, "expected": one.expected, "actual": one.actual}
                    for one in result.differences
                ],
            }
            for result in results
        ],
        "passed_count": sum(result.has_passed for result in results),
        "failed_count": sum(not result.has_passed for result in results),
    }
