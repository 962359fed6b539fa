"""``ingestd source``: what a source would make of a body, without a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ingestd.cli.check import default_file, print_problems
from ingestd.cli.failures import FAILED, BadUsage, Failure
from ingestd.cli.program import Noun, Program, output_option
from ingestd.cli.rules_route import CONFIG

if TYPE_CHECKING:
    from ingestd.config.load import Loaded
    from ingestd.trial.tried_body import TriedBody

_BYTES_MAX: Final = 64 * 1024**2


@click.group(
    "source",
    cls=Noun,
    examples=[("ingestd source test nagios problem.eml --explain", "a mail that was saved as a file")],
)
def command() -> None:
    """Try out what a source sends."""


@command.command(
    "test",
    examples=[
        ("ingestd source test nagios problem.eml", "the alerts of a mail, and where the rules send them"),
        ("ingestd source test nagios problem.eml --explain", "which profiles were asked, and why they did not know it"),
        (
            "curl -s https://example.com/hook.json | ingestd source test robots -",
            "any other source's body, from a pipe",
        ),
        ("ingestd source test nagios problem.eml -o json", "in scripts"),
    ],
)
@click.argument("name", metavar="NAME")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), metavar="FILE")
@CONFIG
@click.option("--from", "sender", default="", metavar="ADDRESS", help="Of mail: who the envelope says sent it.")
@click.option(
    "--to", "recipient", default="", metavar="ADDRESS", help="Of mail: to which address. [default: the source's first]"
)
@click.option("--explain", is_flag=True, help="Of mail: every profile that was asked, and what did not hold.")
@output_option()
@click.pass_context
def test(
    ctx: click.Context, name: str, file: Path, config_file: Path | None, sender: str, recipient: str, explain: bool
) -> None:
    """Read a body as the source NAME would, and show each alert: its status, its identity, and where the rules send it.

    FILE is what the source sends: the JSON of a webhook, a mail as a raw message (.eml), or - for standard input. Nothing is sent and
    no daemon is asked. What a file cannot tell is how a mail came, so whether its sender is believed is said as far as it goes. Exit
    code 1: it cannot be read, or a part of it cannot.
    """
    program = ctx.ensure_object(Program)
    loaded = _loaded(ctx, config_file)
    body = _body(name, file, loaded)
    # Loads the readers and what lays out pages.
    from ingestd.cli.source_page import as_json, is_read, page  # noqa: PLC0415 (see above)
    from ingestd.config.policy import build_policy  # noqa: PLC0415 (see above)
    from ingestd.trial.route import follow  # noqa: PLC0415 (see above)
    from ingestd.trial.tried_body import try_body  # noqa: PLC0415 (see above)

    now = program.clock.now()
    tried: TriedBody = try_body(loaded.config, name, body, now, sender=sender, recipient=recipient)
    alerts = getattr(tried.parsed, "alerts", ())
    routes = follow(alerts, build_policy(loaded), now).routes if alerts else ()
    if program.is_json:
        program.terminal.json(as_json(tried, routes))
    else:
        program.terminal.show(*page(tried, routes, is_explained=explain))
    if not is_read(tried):
        ctx.exit(FAILED)


def _loaded(ctx: click.Context, config_file: Path | None) -> Loaded:
    from ingestd.cli.reading import read  # noqa: PLC0415 (loads what reads and builds)

    reading = read(config_file or default_file())
    if reading.for_trial is None:
        print_problems(ctx.ensure_object(Program), reading.problems, "text")
        ctx.exit(FAILED)
    return reading.for_trial


def _body(name: str, file: Path, loaded: Loaded) -> bytes:
    from ingestd.config.problems import did_you_mean  # noqa: PLC0415 (loaded with the reader)

    if name not in loaded.config.sources:
        raise BadUsage(f'there is no source "{name}"', hint=did_you_mean(name, loaded.config.sources))
    try:
        with click.open_file(str(file), "rb") as stream:
            body: bytes = stream.read(_BYTES_MAX + 1)
    except OSError as exc:
        raise Failure(f"cannot read {file}: {exc.strerror or exc}") from None
    if len(body) > _BYTES_MAX:
        raise Failure(f"{file} is larger than {_BYTES_MAX} bytes")
    return body
