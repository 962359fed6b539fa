"""``ingestd rules replay`` and ``ingestd rules diff``: what other rules would have made of what was received."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ingestd.cli.check import default_file
from ingestd.cli.failures import FAILED, BadUsage, Failure
from ingestd.cli.program import Program, Verb
from ingestd.cli.rules_route import CONFIG

if TYPE_CHECKING:
    from ingestd.cli.replay_report import Report
    from ingestd.config.load import Loaded
    from ingestd.store.history import History
    from ingestd.trial.replay import Replay
    from ingestd.trial.rule_changes import RuleChanges

F = TypeVar("F", bound=Callable[..., Any])
_RULES = click.Path(path_type=Path)


def _how(since: str) -> Callable[[F], F]:
    """The options that both commands have."""

    def add(function: F) -> F:
        decorators = [
            click.option("--since", metavar="TIME", default=since, show_default=True, help="How far back: 12h, 30d."),
            click.option(
                "--ack-after", metavar="TIME", help="Everybody acknowledges so long after the first page: 10m."
            ),
            CONFIG,
            click.option(
                "-o",
                "--format",
                "form",
                type=click.Choice(["text", "markdown", "json"]),
                default="text",
                show_default=True,
                help="markdown: for a merge request.",
            ),
            click.option(
                "--limit",
                type=click.IntRange(1, 10_000),
                default=20,
                show_default=True,
                help="At most so many rows of a list.",
            ),
            click.option("--fail-on-change", "is_fatal", is_flag=True, help="Exit code 1 if anything would change."),
        ]
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return add


@click.command(
    "replay",
    cls=Verb,
    examples=[
        ("ingestd rules replay --since 7d", "what these rules make of the last week"),
        ("ingestd rules replay --since 30d --rules rules-new", "what others would have done instead"),
        ("ingestd rules replay --rules rules-new --ack-after 10m --format markdown", "for a merge request"),
    ],
)
@click.option("--rules", type=_RULES, metavar="PATH", help="A folder or file of rules to compare with those in force.")
@_how("30d")
@click.pass_context
def replay(
    ctx: click.Context,
    rules: Path | None,
    since: str,
    ack_after: str | None,
    config_file: Path | None,
    form: str,
    limit: int,
    is_fatal: bool,
) -> None:
    """Play the envelopes that are stored through the rules once more, and through others beside them.

    The database is only read, also while the daemon works on it. Nobody answers in a replay, so that every escalation runs to its end:
    its pages are the most that there could have been. Night is from 22:00 to 07:00. Decided envelopes are kept for 30 days.
    """
    if is_fatal and rules is None:
        raise BadUsage("--fail-on-change compares two sets of rules", hint="name the other one: --rules PATH")
    program = ctx.ensure_object(Program)
    period, answer_after = _duration("--since", since), _duration("--ack-after", ack_after)
    from ingestd.cli.test_rules import loaded_for_trial  # noqa: PLC0415 (loads what reads configurations)

    path = config_file or default_file()
    before = loaded_for_trial(ctx, path)
    after = loaded_for_trial(ctx, path, rules=rules) if rules is not None else None
    report = _replayed(program, before, after, period, answer_after, _history(before))
    _print(ctx, report, form, limit, is_fatal=is_fatal)


@click.command(
    "diff",
    cls=Verb,
    examples=[
        ("ingestd rules diff rules rules-new --no-history", "what is written differently"),
        (
            "ingestd rules diff old/rules new/rules config.yaml --since 7d --format markdown",
            "and what it would have done",
        ),
    ],
)
@click.argument("old", type=_RULES)
@click.argument("new", type=_RULES)
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--no-history", "is_static", is_flag=True, help="Compare what is written, and read no database.")
@_how("7d")
@click.pass_context
def diff(
    ctx: click.Context,
    old: Path,
    new: Path,
    config: Path | None,
    is_static: bool,
    since: str,
    ack_after: str | None,
    config_file: Path | None,
    form: str,
    limit: int,
    is_fatal: bool,
) -> None:
    """Compare two folders or files of rules: as they are written, and by what they make of what was received.

    Both are read with the same configuration. Without a database there is no history, and what is written is compared alone.
    """
    program = ctx.ensure_object(Program)
    period, answer_after = _duration("--since", since), _duration("--ack-after", ack_after)
    from ingestd.cli.test_rules import loaded_for_trial  # noqa: PLC0415 (loads what reads configurations)
    from ingestd.trial.rule_changes import rule_changes, written_rules  # noqa: PLC0415 (see above)

    path = config or config_file or default_file()
    before, after = loaded_for_trial(ctx, path, rules=old), loaded_for_trial(ctx, path, rules=new)
    try:
        changes = rule_changes(written_rules(before.config.rules.path), written_rules(after.config.rules.path))
    except OSError as exc:
        raise Failure(f"cannot read the rules: {exc.strerror or exc}") from None
    history = None if is_static or not _has_database(before) else _history(before)
    report = _replayed(program, before, after, period, answer_after, history, changes)
    if history is None and not is_static:
        report.notes.append(f"There is no {before.config.database.path}: only what is written is compared.")
    _print(ctx, report, form, limit, is_fatal=is_fatal)


def _duration(option: str, text: str | None) -> timedelta | None:
    if text is None:
        return None
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 (loads pydantic)

    from ingestd.config.quantities import parse_duration  # noqa: PLC0415 (see above)

    try:
        return timedelta(seconds=parse_duration(text))
    except PydanticCustomError as exc:
        raise BadUsage(f"{option}: {exc.message()}", hint="write 12h or 30d") from None


def _has_database(loaded: Loaded) -> bool:
    return not loaded.config.database.is_sqlite or loaded.config.database.path.exists()


def _history(loaded: Loaded) -> History:
    from ingestd import wiring  # noqa: PLC0415 (loads the daemon's parts)
    from ingestd.store.history import History  # noqa: PLC0415 (loads SQLAlchemy)

    if not _has_database(loaded):
        raise Failure(
            f"there is no database {loaded.config.database.path}, and so no history",
            hint="run this where the daemon runs, or compare what is written: ingestd rules diff OLD NEW --no-history",
        )
    return History(wiring.database_url(loaded.config))


def _replayed(
    program: Program,
    before: Loaded,
    after: Loaded | None,
    period: timedelta | None,
    answer_after: timedelta | None,
    history: History | None,
    written: RuleChanges | None = None,
) -> Report:
    from ingestd.cli.replay_report import Report  # noqa: PLC0415 (loads what reads configurations)
    from ingestd.trial.replay_summary import Night  # noqa: PLC0415 (see above)

    assert period is not None, "there is a default"
    began_at = program.clock.now() - period
    after_name = after.rules_shown_as if after else None
    report = Report(before.rules_shown_as, after_name, began_at, answer_after, Night(before.config.timezone), written)
    if history is not None:
        replay, oldest_at = _play(program, [before, *([after] if after else [])], history, began_at, answer_after)
        report.tell(replay, oldest_at, _kept_for(before))
    return report


def _kept_for(loaded: Loaded) -> timedelta:
    from ingestd import wiring  # noqa: PLC0415 (loads the daemon's parts)

    return timedelta(seconds=wiring.standing(loaded, ()).keep_envelopes_seconds)


def _play(
    program: Program, sides: list[Loaded], history: History, began_at: datetime, answer_after: timedelta | None
) -> tuple[Replay, datetime | None]:
    from ingestd.cli.progress_bar import ProgressBar  # noqa: PLC0415 (loaded with the reader)
    from ingestd.config.policy import build_policy  # noqa: PLC0415 (see above)
    from ingestd.errors import StoreBusy  # noqa: PLC0415 (see above)
    from ingestd.trial.replay import Replay  # noqa: PLC0415 (see above)
    from ingestd.trial.written_alert import doors_of  # noqa: PLC0415 (see above)

    policies = [build_policy(loaded) for loaded in sides]
    doors = doors_of(sides[0].config)
    try:
        oldest_at, stretch = history.oldest_decided_at(), history.since(began_at)
        silences = history.silences(began_at)
        replay = Replay(policies, doors, began_at, answer_after=answer_after, silences=silences)
        if stretch is not None:
            with _without_collector(), ProgressBar(program, "replaying") as bar:
                for envelope in history.envelopes(stretch):
                    replay.take(envelope)
                    bar.reach(envelope.seq - stretch.first_seq, stretch.last_seq - stretch.first_seq + 1)
                replay.finish()
    except StoreBusy as exc:
        raise Failure(str(exc), hint=exc.hint) from exc
    return replay, oldest_at


@contextmanager
def _without_collector() -> Iterator[None]:
    """A fifth less time, measured: a replay makes millions of values, none of them in a cycle."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _print(ctx: click.Context, report: Report, form: str, limit: int, *, is_fatal: bool) -> None:
    from ingestd.cli.replay_page import as_markdown, show  # noqa: PLC0415 (loads what lays out pages)
    from ingestd.cli.replay_report import as_json  # noqa: PLC0415 (see above)

    program = ctx.ensure_object(Program)
    if form == "json":
        program.terminal.json(as_json(report, limit))
    elif form == "markdown":
        program.terminal.data(as_markdown(report, limit))
    else:
        show(program.terminal, report, limit)
    if is_fatal and report.would_change:
        ctx.exit(FAILED)
