"""``ingestd oncall feed``: secret addresses for people's own calendars."""

from __future__ import annotations

import click

from ingestd.cli.api import segment
from ingestd.cli.program import Noun, Program, output_option
from ingestd.cli.terminal import safe


@click.group(
    "feed",
    cls=Noun,
    examples=[
        ("ingestd oncall feed add person:asha", "asha's shifts, for the calendar on her phone"),
        ("ingestd oncall feed list", "which there are"),
        ("ingestd oncall feed revoke 3fa9c1d2e4b5", "this one was given away"),
    ],
)
def feed() -> None:
    """Give people their shifts in their own calendars.

    A feed is a secret address that a calendar subscribes to. Whoever knows it can read the shifts, and nothing else.
    """


@feed.command(
    "add",
    examples=[
        ("ingestd oncall feed add person:asha", "all her shifts on all schedules"),
        ("ingestd oncall feed add schedule:first-line", "everybody's shifts on this one"),
    ],
)
@click.argument("subject")
@output_option()
@click.pass_obj
def add(program: Program, subject: str) -> None:
    """Make a feed and print its address, this once: only a hash of it is kept.

    SUBJECT is person:NAME or schedule:NAME.
    """
    answer = program.api.post("/api/v1/oncall/feeds", {"subject": subject})
    if program.is_json:
        program.terminal.json(answer)
        return
    program.terminal.data(safe(answer.get("url")).plain)
    if answer.get("hint"):
        program.terminal.note(safe(answer["hint"]).plain)
    name = (answer.get("feed") or {}).get("id")
    program.terminal.note(f"it is shown this once; to take it back: ingestd oncall feed revoke {safe(name).plain}")


@feed.command("list", examples=[("ingestd oncall feed list", "whose, made by whom and when")])
@output_option()
@click.pass_obj
def list_(program: Program) -> None:
    """List the feeds, newest first. Their addresses are not known any more."""
    answer = program.api.get("/api/v1/oncall/feeds", holds="feeds")
    if program.is_json:
        program.terminal.json(answer)
        return
    if not answer["feeds"]:
        program.terminal.note("there are none")
        return
    moments = program.moments()
    rows = [
        [
            safe(one.get("id"), "bold"),
            safe(one.get("subject")),
            safe(moments.both(one.get("created_at"))),
            safe(one.get("author")),
        ]
        for one in answer["feeds"]
    ]
    program.terminal.table(["ID", "WHOSE", "MADE", "BY"], rows)


@feed.command("revoke", examples=[("ingestd oncall feed revoke 3fa9c1d2e4b5", "its address leads nowhere from now on")])
@click.argument("feeds", metavar="ID...", nargs=-1, required=True)
@output_option()
@click.pass_obj
def revoke(program: Program, feeds: tuple[str, ...]) -> None:
    """Take feeds back: calendars that subscribed to them get nothing any more."""

    def act(name: str) -> None:
        answer = program.api.delete(f"/api/v1/oncall/feeds/{segment(name)}")
        if program.is_json:
            program.terminal.json(answer)
        else:
            program.terminal.data(safe(answer.get("text")).plain)

    program.each(feeds, act)
