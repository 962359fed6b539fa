"""``ingestd serve``: the daemon itself. Its flags are named as those of the Prometheus family."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from ingestd.cli.failures import BAD_CONFIG
from ingestd.cli.program import Program, Verb

DEFAULT_CONFIG: Final = Path("/etc/ingestd/config.yaml")


@click.command(
    "serve",
    cls=Verb,
    examples=[
        ("ingestd serve --config.file=config.yaml", "run until it is stopped"),
        ("ingestd serve --config.file=config.yaml --check", "would it start? nothing is started"),
    ],
)
@click.option(
    "--config.file",
    "config_file",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    envvar="INGESTD_CONFIG_FILE",
    show_envvar=True,
    help="The configuration.",
)
@click.option(
    "--web.listen-address", "listen", metavar="HOST:PORT", help="Listen here, whatever the configuration says."
)
@click.option(
    "--log.level", "log_level", type=click.Choice(["debug", "info", "warning", "error"]), help="How much to log."
)
@click.option("--log.format", "log_format", type=click.Choice(["logfmt", "json"]), help="How a log line looks.")
@click.option("--check", "is_check", is_flag=True, help="Check the configuration as `check all` does, and end.")
@click.pass_context
def command(
    ctx: click.Context,
    config_file: Path,
    listen: str | None,
    log_level: str | None,
    log_format: str | None,
    is_check: bool,
) -> None:
    """Run the daemon.

    Exit code 78 if the configuration cannot be used: every problem is shown, with its place. SIGTERM ends it after what is on its
    way out; SIGHUP reads the configuration again.
    """
    if is_check:
        from ingestd.cli.check import print_problems, problems_of_all  # noqa: PLC0415 (loads the configuration reader)

        errors, _ = print_problems(ctx.ensure_object(Program), problems_of_all(config_file), "text")
        ctx.exit(BAD_CONFIG if errors else 0)
    from ingestd.serving import serve  # noqa: PLC0415 (loads the whole daemon)

    ctx.exit(serve(config_file, listen=listen, log_level=log_level, log_format=log_format))
