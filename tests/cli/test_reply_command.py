"""``ingestd reply``: a mail on standard input, through the real API, to the incident that it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from ingestd.cli.program import Program
from ingestd.cli.tree import ingestd
from ingestd.core.names import IncidentState
from ingestd.telemetry.health import Readiness
from ingestd.testing.inline_database import InlineDatabase
from ingestd.testing.outside import Fault
from ingestd.testing.world import World
from ingestd.web.desk import Access, ApiToken, Desk, Role
from ingestd.web.routes import add_routes
from tests.cli.town import FileDatabase, WorldClock

SECRETS = {"mta": "responder-secret-0123456", "eyes": "viewer-secret-0123456789"}
TOKENS = (ApiToken("mta", Role.RESPONDER, SECRETS["mta"]), ApiToken("eyes", Role.VIEWER, SECRETS["eyes"]))


class WritableFile(FileDatabase):
    """Writes of another thread into the file of the world, which stands still meanwhile."""

    async def run(self, fn: Callable[..., Any], *args: Any) -> Any:
        database = InlineDatabase(self._url)
        try:
            return database.run_now(fn, *args)
        finally:
            database.close()


@pytest.fixture
def day(tmp_path):
    """ada has been paged by mail, and a reply to it comes back."""
    world = World(tmp_path / "day.db")
    world.mail.can_reply = True
    world.sms.faults = [Fault.REJECT]
    with capture_logs():
        world.fires()
        yield world
    world.close()


@pytest.fixture
def hand_in(day, serving, tmp_path):
    """``hand_in(raw, *words, who="mta")``: what a mail server does with a mail."""
    unused: Any = None
    database: Any = WritableFile(day.path)
    desk = Desk(
        database=database,
        clock=WorldClock(day),
        metrics=day.metrics,
        readiness=Readiness(),
        access=lambda: Access(TOKENS),
        policy=lambda: day.policy,
        external_url="https://ingestd.example",
        pagers={"mail": day.mail, "sms": day.sms},
        after_decision=lambda _decision: None,
        reload=unused,
        status=unused,
        test_page=unused,
    )
    app = web.Application()
    add_routes(app, desk)
    url = serving.start(app)

    def run(raw: bytes, *words: str, who: str = "mta", connector: str = "mail", url: str = url) -> Result:
        secret = tmp_path / "token"
        secret.touch(mode=0o600)
        secret.write_text(SECRETS.get(who, who))
        arguments = ["reply", "--connector", connector, "--token-file", str(secret), *words]
        return CliRunner().invoke(ingestd, arguments, input=raw, env={"INGESTD_URL": url}, obj=Program(WorldClock(day)))

    return run


def mail(day: World, text: str, *, sender: str = "ada@example.com") -> bytes:
    token = day.mail.sent[0].text.reply_token
    return f"From: {sender}\nTo: ack+{token}@example.com\nMessage-ID: <1@x>\n\n{text}\n".encode()


def test_a_mail_that_says_ack_acknowledges(day, hand_in):
    shown = hand_in(mail(day, "ack"))
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert shown.stderr == "INC-1001: done\n"
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    assert day.incident().acknowledged_by == "ada"


def test_a_mail_with_a_large_attachment_is_taken_whole_by_its_beginning(day, hand_in):
    assert hand_in(mail(day, "ack\n\n-----Original Message-----\n") + b"x" * 3_000_000).exit_code == 0
    assert day.incident().state is IncidentState.ACKNOWLEDGED


def test_what_changed_nothing_is_no_failure_of_the_mail_server(day, hand_in):
    shown = hand_in(mail(day, "ack", sender="mallory@example.com"))
    assert shown.exit_code == 0
    assert "does not come from the person who was paged" in shown.stderr
    assert day.incident().state is IncidentState.TRIGGERED


def test_scripts_read_json(day, hand_in):
    assert json.loads(hand_in(mail(day, "ack"), "-o", "json").stdout) == {
        "result": "acted",
        "incidents": ["INC-1001"],
        "is_answered": True,
    }
    assert json.loads(hand_in(mail(day, "ack"), "-o", "json").stdout)["result"] == "repeated"


@pytest.mark.parametrize(
    "wrong",
    [{"who": "eyes"}, {"who": "guessed-secret"}, {"connector": "fax"}, {"url": "http://127.0.0.1:1"}],
)
def test_what_the_daemon_does_not_take_the_mail_server_keeps_and_tries_again(day, hand_in, wrong):
    shown = hand_in(mail(day, "ack"), **wrong)
    assert shown.exit_code == 75
    assert shown.stderr.startswith("error: ")
    assert day.incident().state is IncidentState.TRIGGERED


def test_an_empty_input_is_no_mail(hand_in):
    assert hand_in(b"\n").exit_code == 1
