"""``ingestd check``: is what people wrote right? Works on files alone; no daemon is asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingestd.cli.failures import FAILED, LINT, BadUsage
from ingestd.cli.program import Noun, Program
from ingestd.cli.serve import DEFAULT_CONFIG

if TYPE_CHECKING:
    from ingestd.config.problems import Problem

F = TypeVar("F", bound=Callable[..., Any])


@click.group(
    cls=Noun,
    examples=[
        ("ingestd check all config.yaml", "everything, before a reload"),
        ("ingestd check rules config.yaml --lint-fatal --format github", "in CI"),
    ],
)
def command() -> None:
    """Check configuration and rules without a daemon.

    FILE is the configuration; its rules are found through it. Without FILE: $INGESTD_CONFIG_FILE, ./config.yaml or
    /etc/ingestd/config.yaml. Exit code 1 on errors, 3 on warnings with --lint-fatal.
    """


def _what_to_check(function: F) -> F:
    decorators = [
        click.argument("file", type=click.Path(path_type=Path), required=False),
        click.option("--lint-fatal", "is_lint_fatal", is_flag=True, help="Exit code 3 if there are warnings."),
        click.option(
            "-o",
            "--format",
            "form",
            type=click.Choice(["text", "json", "github", "sarif"]),
            default="text",
            show_default=True,
            help="github: annotations for a workflow. sarif: for code scanning.",
        ),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


@command.command(
    "config", examples=[("ingestd check config config.yaml", "the configuration and its connectors' settings")]
)
@_what_to_check
@click.pass_context
def config(ctx: click.Context, file: Path | None, is_lint_fatal: bool, form: str) -> None:
    """Check the configuration file with the settings of its connectors."""
    path = _there(file)
    found = [problem for problem in problems_of_all(path) if problem.file == str(path)]
    _finish(ctx, found, is_lint_fatal=is_lint_fatal, form=form)


@command.command(
    "rules",
    examples=[
        ("ingestd check rules config.yaml", "the rules that this configuration uses"),
        ("ingestd check rules config.yaml --lint-fatal --format github", "in CI"),
    ],
)
@_what_to_check
@click.option("--coverage", "is_coverage", is_flag=True, help="Warn of every rule that no test reaches.")
@click.pass_context
def rules(ctx: click.Context, file: Path | None, is_lint_fatal: bool, form: str, is_coverage: bool) -> None:
    """Check the rule files that a configuration uses, and their tests.

    The tests are read and not judged: for that there is ingestd test rules. A rule that no test reaches is a warning where other
    rules of its file are tested; with --coverage everywhere.
    """
    path = _there(file)
    if not path.exists():
        raise BadUsage(
            f"there is no configuration {path}", hint="rules are found through the configuration that uses them"
        )
    found = problems_of_all(path, is_coverage=is_coverage)
    mine = [problem for problem in found if problem.file != str(path)]
    right = "the rules are right"
    if any(problem.file == str(path) and problem.level == "error" for problem in found):
        ctx.ensure_object(Program).terminal.note(f"note: {path} has errors of its own: ingestd check config {path}")
        right = "nothing wrong was found in the rules; their tests were not read"
    _finish(ctx, mine, is_lint_fatal=is_lint_fatal, form=form, right=right)


@command.command("all", examples=[("ingestd check all config.yaml", "everything, before a reload")])
@_what_to_check
@click.pass_context
def all_(ctx: click.Context, file: Path | None, is_lint_fatal: bool, form: str) -> None:
    """Check configuration, connectors' settings and rules."""
    _finish(ctx, problems_of_all(_there(file)), is_lint_fatal=is_lint_fatal, form=form)


def problems_of_all(path: Path, *, is_coverage: bool = False) -> list[Problem]:
    """Everything that is wrong with a configuration, its rules, their tests and its connectors' settings, warnings included.

    A rule that no test reaches is a warning where others of its file are tested, with ``is_coverage`` everywhere.
    """
    from ingestd.cli.reading import read  # noqa: PLC0415 (loads what reads and builds)
    from ingestd.trial.coverage_lint import problems_of_tests  # noqa: PLC0415 (see above)

    reading = read(path)
    if reading.for_trial is None:
        return list(reading.problems)
    return [*reading.problems, *problems_of_tests(reading.for_trial, is_every_rule=is_coverage)]


def print_problems(
    program: Program, problems: Iterable[Problem], form: str, *, right: str = "everything is right"
) -> tuple[int, int]:
    """Print all problems in a form; the numbers of errors and warnings. ``right`` is said if there are none."""
    from ingestd.cli.problem_forms import annotation, plain, sarif  # noqa: PLC0415 (loaded with the reader)
    from ingestd.config.problems import ProblemLevel, render_all  # noqa: PLC0415 (loaded with the reader)

    listed = list(problems)
    errors = sum(problem.level is ProblemLevel.ERROR for problem in listed)
    warnings = len(listed) - errors
    if form == "json":
        program.terminal.json(
            {"problems": [plain(one) for one in listed], "error_count": errors, "warning_count": warnings}
        )
        return errors, warnings
    if form == "sarif":
        program.terminal.json(sarif(listed))
        return errors, warnings
    if form == "github":
        for problem in listed:
            program.terminal.data(annotation(problem))
    elif listed:
        program.terminal.data(render_all(listed))
    program.terminal.note(_summary(errors, warnings) or right)
    return errors, warnings


def _finish(
    ctx: click.Context,
    problems: Iterable[Problem],
    *,
    is_lint_fatal: bool,
    form: str,
    right: str = "everything is right",
) -> None:
    errors, warnings = print_problems(ctx.ensure_object(Program), problems, form, right=right)
    if errors:
        ctx.exit(FAILED)
    if warnings and is_lint_fatal:
        ctx.exit(LINT)


def _there(file: Path | None) -> Path:
    """The configuration to check. Raises ``BadUsage`` if there is none, or if it is rules that were named: alone they say too little."""
    path = file or default_file()
    if path.is_dir():
        text = f"{path} is a folder: check reads a configuration, and the rules that it uses"
        raise BadUsage(text, hint=f"ingestd check rules config.yaml, whose  rules: {{path: ...}}  is {path}")
    if file is None and not path.exists():
        text = f"there is no configuration {path}; looked at $INGESTD_CONFIG_FILE, ./config.yaml and there"
        raise BadUsage(text, hint="name it: ingestd check rules config.yaml")
    if _holds_rules(path):
        text = f"{path} holds rules: check reads a configuration, and the rules that it uses"
        raise BadUsage(text, hint="name the configuration: which teams and policies there are stands in it")
    return path


def _holds_rules(path: Path) -> bool:
    from ingestd.config.yaml_tree import Mapping, Sequence, read_document  # noqa: PLC0415 (loaded with the reader)

    root = read_document(path)[0].root
    keys = root.entries.keys() if isinstance(root, Mapping) else set()
    if isinstance(root, Mapping) and isinstance(root.get("rules"), Sequence):
        return True
    return "sources" not in keys and bool(keys & {"severity", "response", "enrich", "services", "maintenance", "tests"})


def default_file() -> Path:
    """The configuration that is meant when none is named: $INGESTD_CONFIG_FILE, ``./config.yaml``, or the machine's own."""
    if name := os.environ.get("INGESTD_CONFIG_FILE"):
        return Path(name)
    here = Path("config.yaml")
    return here if here.is_file() else DEFAULT_CONFIG


def _summary(errors: int, warnings: int) -> str:
    counts = [(errors, "error"), (warnings, "warning")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)
