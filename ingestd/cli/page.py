"""``ingestd page``: whether a page reaches a person."""

from __future__ import annotations

from typing import Any, Final

import click

from ingestd.cli.failures import Failure
from ingestd.cli.program import Noun, Program, output_option
from ingestd.cli.terminal import safe
from ingestd.core.names import Channel

SEND_SECONDS: Final = 120.0
"""A mail server may take its time over one message; the daemon tries each channel once."""


@click.group(cls=Noun, examples=[("ingestd page test asha", "does a page reach asha, on every channel?")])
def command() -> None:
    """Page people."""


@command.command(
    "test",
    examples=[
        ("ingestd page test asha", "on every channel that asha has"),
        ("ingestd page test asha --by sms", "by SMS alone"),
    ],
)
@click.argument("person")
@click.option(
    "--by", "channel", type=click.Choice([channel.value for channel in Channel]), help="Only by this channel."
)
@output_option()
@click.pass_obj
def test(program: Program, person: str, channel: str | None) -> None:
    """Send a person a page that is marked as a test. It asks for no answer and opens no incident.

    It goes by every channel of the person, and by every service of a channel, in the order in which a page would try them.
    Exit code 1 if a channel did not take it. That a service took it does not mean that it arrived: ask the person.
    """
    body: dict[str, object] = {"person": person}
    if channel:
        body["by"] = channel
    answer = program.api.post("/api/v1/pages/test", body, seconds=SEND_SECONDS)
    results: list[dict[str, Any]] = answer.get("results", [])
    if program.is_json:
        program.terminal.json(answer)
    elif results:
        _print(program, results)
    if not results:
        raise Failure(
            f"{person} has no channel that could be tried", hint="see people and channels in the configuration"
        )
    failed = [str(result.get("channel")) for result in results if not result.get("ok")]
    if failed:
        raise Failure(
            f"the page did not go out by {', '.join(failed)}", hint="what the service said is in the last column"
        )
    dead = [result for result in results if result.get("dead")]
    if dead:
        which = ", ".join(f"{one.get('channel')} ({safe(one.get('dead')).plain})" for one in dead)
        hint = f"if it arrived:  ingestd contact revive {person} {dead[0].get('channel')}"
        raise Failure(f"it was sent, but pages pass over what counts as dead: {which}", hint=hint)
    program.terminal.note(f"sent; now ask {person} whether it arrived")


def _print(program: Program, results: list[dict[str, Any]]) -> None:
    from ingestd.cli.layout import STYLES  # noqa: PLC0415 (loads rich, which only tables need)

    rows = [
        [
            safe(result.get("channel"), "bold"),
            safe("sent" if result.get("ok") else "failed", STYLES["ok" if result.get("ok") else "red"]),
            safe(result.get("connector")),
            safe(result.get("address_masked")),
            safe(result.get("text")),
        ]
        for result in results
    ]
    program.terminal.table(["CHANNEL", "RESULT", "CONNECTOR", "TO", "THE SERVICE SAID"], rows)
