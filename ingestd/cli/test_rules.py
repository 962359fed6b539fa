"""``ingestd test rules``: the tests that stand in the rule files and beside them, in virtual time, without a network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestd.cli.check import default_file, print_problems
from ingestd.cli.failures import FAILED, BadUsage, Failure
from ingestd.cli.program import Program, Verb, output_option
from ingestd.cli.terminal import CELL_CHARS_MAX
from ingestd.core.matchers import MatcherError, compile_pattern
from ingestd.core.safe_text import one_line

if TYPE_CHECKING:
    from rich.text import Text

    from ingestd.config.load import Loaded
    from ingestd.config.problems import Problem
    from ingestd.trial.running import Coverage, RuleTestResult

_STYLES = {"-": "red", "+": "green", "!": "yellow"}


@click.command(
    "rules",
    cls=Verb,
    examples=[
        ("ingestd test rules config.yaml", "every test of the rules that this configuration uses"),
        ("ingestd test rules config.yaml --run canary --diff", "those named so, with everything that came of them"),
        ("ingestd test rules config.yaml --junit report.xml --coverage --fail-under 90", "in CI"),
    ],
)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--run", "pattern", metavar="REGEX", help="Only tests in whose name this is found (RE2).")
@click.option("--diff", "is_diff", is_flag=True, help="Of a test that failed show also what was right, in colour.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the results as JUnit XML.")
@click.option("--coverage", "is_coverage", is_flag=True, help="List the rules that no test reaches.")
@click.option("--fail-under", type=click.FloatRange(0, 100), metavar="N", help="Fail if tests reach less than N %.")
@output_option()
@click.pass_context
def rules(
    ctx: click.Context,
    config: Path | None,
    pattern: str | None,
    is_diff: bool,
    junit: Path | None,
    is_coverage: bool,
    fail_under: float | None,
) -> None:
    """Run the tests of the rules.

    CONFIG is the configuration, found as for check; its secrets are not needed. Tests stand under tests: in the rule files, and in
    files beside them whose names end in _test.yaml. Exit code 1 if a test fails or cannot be read, or the coverage is too low.
    """
    program = ctx.ensure_object(Program)
    wanted = _wanted(pattern)
    loaded = loaded_for_trial(ctx, config or default_file())
    # Both are loaded only now that something is to be run.
    from ingestd.trial.rule_tests import read_tests  # noqa: PLC0415 (see above)
    from ingestd.trial.running import Bench, coverage  # noqa: PLC0415 (see above)

    read = read_tests(loaded)
    chosen = [test for test in read.tests if wanted is None or wanted.search(test.name)]
    if wanted is not None and not chosen:
        raise Failure(f"no test has a name like {pattern!r}", hint="without --run all tests are run")
    results = Bench(loaded).run(chosen)
    reached = coverage(loaded, results)
    if junit is not None:
        _write(junit, results, read.problems)
    if program.is_json:
        program.terminal.json(_as_json(results, reached, read.problems))
    else:
        _print(program, results, read.problems, reached, is_diff=is_diff, is_coverage=is_coverage)
    if not read.tests and not read.problems:
        program.terminal.note(
            "there are no tests: write them under tests: in a rule file, or in NAME_test.yaml beside it"
        )
    is_low = fail_under is not None and reached.percent < fail_under
    if is_low:
        program.terminal.note(f"tests reach {reached.percent:.1f} % of the rules, and {fail_under:g} % are asked for")
    if is_low or read.problems or not all(result.has_passed for result in results):
        ctx.exit(FAILED)


def loaded_for_trial(ctx: click.Context, path: Path, *, rules: Path | None = None) -> Loaded:
    """The configuration, which may lack its secrets, with its own rules or with others.

    If it or the rules have errors, all are printed and the command ends.
    """
    from ingestd.config.load import load  # noqa: PLC0415 (loads what reads configurations)
    from ingestd.config.problems import ConfigProblems  # noqa: PLC0415 (see above)

    try:
        return load(path, environment=dict(os.environ), needs_secrets=False, rules=rules)
    except ConfigProblems as exc:
        print_problems(ctx.ensure_object(Program), exc.problems, "text")
        ctx.exit(FAILED)


def _wanted(pattern: str | None) -> Any:  # noqa: ANN401 (google-re2 has no types)
    try:
        return compile_pattern(pattern) if pattern is not None else None
    except MatcherError as exc:
        raise BadUsage(f"--run: {exc}", hint=exc.hint) from None


def _write(path: Path, results: Sequence[RuleTestResult], problems: Iterable[Problem]) -> None:
    from ingestd.cli.junit import write_junit  # noqa: PLC0415 (only where it is wanted)

    try:
        write_junit(path, results, problems)
    except OSError as exc:
        raise Failure(f"cannot write {path}: {exc.strerror or exc}") from None


def _print(
    program: Program,
    results: Sequence[RuleTestResult],
    problems: Sequence[Problem],
    reached: Coverage,
    *,
    is_diff: bool,
    is_coverage: bool,
) -> None:
    from ingestd.config.problems import render_all  # noqa: PLC0415 (loaded with the reader)

    if problems:
        program.terminal.data(render_all(problems) + "\n")
    failed = [result for result in results if not result.has_passed]
    if failed:
        program.terminal.show(*(line for result in failed for line in _failure(result, is_diff=is_diff)))
    if is_coverage and reached.missed:
        program.terminal.data("rules that no test reaches:")
        for rule in reached.missed:
            program.terminal.data(f"  {rule.name}  {rule.file}:{rule.line}")
        program.terminal.data("")
    program.terminal.data(_summary(results, problems, reached))


def _failure(result: RuleTestResult, *, is_diff: bool) -> Iterable[Text]:
    from ingestd.trial.expectations import text_of  # noqa: PLC0415 (loads what words failures)
    from ingestd.trial.failures import failure_lines  # noqa: PLC0415 (see above)

    test = result.test
    yield _line("FAIL ", test.name, "bold red" if is_diff else "").append(f"  {test.file}:{test.line}")
    for line in failure_lines(result):
        yield _line("  ", line, _STYLES.get(line[0], "") if is_diff else "")
    if is_diff:
        wrong = {one.key for shortfall in result.shortfalls if not shortfall.when for one in shortfall.differences}
        for key, value in result.facts.items():
            if key not in wrong:
                yield _line("    ", f"{key}: {text_of(value)}", "dim")


def _line(start: str, text: str, style: str) -> Text:
    from rich.text import Text  # noqa: PLC0415 (only failures need it)

    return Text(start, style=style).append(one_line(text, CELL_CHARS_MAX))


def _summary(results: Sequence[RuleTestResult], problems: Sequence[Problem], reached: Coverage) -> str:
    passed = sum(result.has_passed for result in results)
    counts = [f"{passed} passed", f"{len(results) - passed} failed"]
    if problems:
        counts.append(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}")
    covered = len(reached.rules) - len(reached.missed)
    return f"{', '.join(counts)}; rules covered {covered}/{len(reached.rules)}"


def _as_json(results: Sequence[RuleTestResult], reached: Coverage, problems: Iterable[Problem]) -> dict[str, object]:
    from ingestd.cli.problem_forms import plain  # noqa: PLC0415 (only where it is wanted)

    listed = list(problems)
    return {
        "tests": [_test_as_json(result) for result in results],
        "passed_count": sum(result.has_passed for result in results),
        "failed_count": sum(not result.has_passed for result in results),
        "problems": [plain(problem) for problem in listed],
        "rule_count": len(reached.rules),
        "coverage_percent": round(reached.percent, 1),
        "rules_not_covered": [{"rule": rule.name, "file": rule.file, "line": rule.line} for rule in reached.missed],
    }


def _test_as_json(result: RuleTestResult) -> dict[str, object]:
    return {
        "name": result.test.name,
        "file": result.test.file,
        "line": result.test.line,
        "passed": result.has_passed,
        "differences": [
            {
                "key": one.key,
                "expected": one.expected,
                "actual": one.actual,
                "when": shortfall.when,
                "line": shortfall.line,
                "reason": "; ".join(shortfall.reasons),
            }
            for shortfall in result.shortfalls
            for one in shortfall.differences
        ],
        "problems": list(result.problems),
        "facts": result.facts,
        "rules": sorted(result.rules),
    }
