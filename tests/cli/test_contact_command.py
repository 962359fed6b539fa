"""``ingestd contact``, against the API itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ingestd.core.effects import ContactNews
from ingestd.core.names import Channel, PersonName
from ingestd.store import contacts, migrate
from ingestd.testing.inline_database import InlineDatabase
from ingestd.web.routes import add_routes
from tests.cli.conftest import NOW, Shell
from tests.web.conftest import ACCESS, Office


@pytest.fixture
def office(tmp_path, serving):
    """The API with a real database behind it, for callers on this machine; ada answered STOP."""
    database = InlineDatabase(f"sqlite:///{tmp_path / 'ingestd.db'}")
    database.run_now(migrate.migrate)
    made = Office(database, access=replace(ACCESS, loopback_without_token=True))
    made.clock.at = NOW
    stop = ContactNews(PersonName("ada"), Channel.SMS, "+15550000", "answered STOP")
    database.run_now(contacts.write, [stop], NOW)
    app = web.Application()
    add_routes(app, made.desk())
    made.url = serving.start(app)
    with capture_logs():
        yield made
    database.close()


@pytest.fixture
def shell(office):
    return Shell(office.url)


def rows(text):
    return [" ".join(line.split()) for line in text.splitlines()]


def test_the_list_tells_who_is_reached_how(shell):
    made = shell("contact", "list", "ada")
    assert made.exit_code == 0
    assert rows(made.stdout)[1:] == [
        "ada sms +15…000 sms dead now not known answered STOP",
        "ada email a…@example.com mail works not known",
    ]


def test_what_is_dead_alone_is_a_failure_for_a_script(office, shell):
    made = shell("contact", "list", "--dead", "-o", "json")
    assert made.exit_code == 1
    assert [(one["person"], one["channel"]) for one in json.loads(made.stdout)["contacts"]] == [("ada", "sms")]
    assert shell("contact", "revive", "ada", "sms").stdout == "ada is paged by sms again\n"
    assert office.database.read_now(contacts.dead) == frozenset()
    made = shell("contact", "list", "--dead")
    assert (made.exit_code, made.stdout, made.stderr) == (0, "", "no address is dead\n")


def test_a_name_that_nobody_has_is_refused_with_a_guess(shell):
    made = shell("contact", "revive", "adda", "sms")
    assert made.exit_code != 0
    assert "there is no person adda" in made.stderr
    assert "ada" in made.stderr.split("adda", 1)[1]
