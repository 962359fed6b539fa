"""The process that runs the tests of the rules: ``python -m ingestd.reloading.proving CONFIG``. One JSON object on standard output.

It ends with the daemon that started it, whose end of our standard input closes whatever way it dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestd.config.problems import Problem
    from ingestd.trial.running import RuleTestResult

NICENESS = 10
"""Alerts go first."""
FAILURES_MAX = 100
LINES_MAX = 40
LINE_CHARS_MAX = 500
NAME_CHARS_MAX = 200


def report_on(path: Path) -> dict[str, object]:
    """What ``proof.Proof`` holds. A configuration that cannot be read has no identity: the daemon has read another one."""
    # Loaded only when this process knows that it ends with the daemon.
    from ingestd.config.load import load  # noqa: PLC0415 (see above)
    from ingestd.config.problems import ConfigProblems  # noqa: PLC0415 (see above)
    from ingestd.reloading.reading import identity_of  # noqa: PLC0415 (see above)
    from ingestd.trial.rule_tests import read_tests  # noqa: PLC0415 (see above)
    from ingestd.trial.running import Bench  # noqa: PLC0415 (see above)

    try:
        loaded = load(path, needs_secrets=False)
    except ConfigProblems:
        return {"identity": "", "tests_count": 0, "failures": []}
    read = read_tests(loaded)
    results = Bench(loaded).run(read.tests)
    failures = list(_failures(read.problems, results))
    if len(failures) > FAILURES_MAX:
        failures[FAILURES_MAX:] = [f"... and {len(failures) - FAILURES_MAX} more: ingestd test rules shows all"]
    return {"identity": identity_of(loaded), "tests_count": len(results), "failures": failures}


def _failures(problems: Iterable[Problem], results: Iterable[RuleTestResult]) -> Iterator[str]:
    from ingestd.config.problems import has_errors, render  # noqa: PLC0415 (see report_on)
    from ingestd.core.safe_text import one_line  # noqa: PLC0415 (see report_on)
    from ingestd.trial.failures import failure_lines  # noqa: PLC0415 (see report_on)

    for problem in problems:
        if has_errors([problem]):
            yield render(problem)
    for result in results:
        if not result.has_passed:
            head = (
                f'{result.test.file}:{result.test.line}: the test "{one_line(result.test.name, NAME_CHARS_MAX)}" fails'
            )
            lines = (f"   {one_line(line, LINE_CHARS_MAX)}" for line in failure_lines(result)[:LINES_MAX])
            yield "\n".join((head, *lines))


def _end_with_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 1024):
            pass
    os._exit(1)


def main() -> int:
    """Say what came of the tests; the exit code."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(NICENESS)
    json.dump(report_on(Path(sys.argv[1])), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
