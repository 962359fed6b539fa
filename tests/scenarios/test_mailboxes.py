"""Days on which a mailbox cannot be read: somebody is paged after minutes, once, and told when it is over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from ingestd.core.mail.mailbox_state import MailboxState
from ingestd.core.names import IncidentState
from ingestd.testing.world import World
from ingestd.workers.mailbox_watch import LOOK_SECONDS, MailboxWatch
from ingestd.workers.worker import Worker

PLACE = "ops@example.com@imap.example.com/INBOX"


class Readers:
    """The threads that read mailboxes, as far as the watch sees them."""

    def __init__(self) -> None:
        self.states: dict[str, MailboxState] = {}
        self.reading: set[str] = set()

    def read(self, at: datetime, account: str = "ops", rest_seconds: float = 60.0) -> None:
        """From now on it is read, again and again."""
        self.states[account] = MailboxState(account, PLACE, at, rest_seconds, has_been_read=True)
        self.reading.add(account)

    def hang(self, account: str = "ops") -> None:
        self.reading.discard(account)

    def fail(self, at: datetime, problem: str, reason: str, account: str = "ops") -> None:
        self.hang(account)
        self.states[account] = replace(self.states[account], problem=problem, reason=reason, trouble_at=at)

    def begin(self, at: datetime, account: str = "ops") -> None:
        """As after a start of the daemon: nothing has been read yet."""
        self.states[account] = MailboxState(account, PLACE, at, 60.0)
        self.reading.discard(account)

    def seen_at(self, now: datetime) -> list[MailboxState]:
        for account in self.reading & self.states.keys():
            self.states[account] = replace(self.states[account], good_at=now)
        return list(self.states.values())


@pytest.fixture
def readers() -> Readers:
    return Readers()


@pytest.fixture
def employ(readers):
    """``employ(day)``: the worker that looks after the mailboxes lives in this world."""
    running: list[asyncio.Task[None]] = []

    def begin(day: World) -> None:
        async def live(ambient) -> None:
            watch = MailboxWatch(
                day.database, day.current, ambient.clock, day.engine.wake, lambda: readers.seen_at(ambient.clock.now())
            )
            worker = Worker("mailboxes", watch.run_once, watch.idle_seconds, day.metrics, idle_seconds_max=LOOK_SECONDS)
            running.append(asyncio.get_running_loop().create_task(worker.run(), name="mailboxes"))

        day.life.run(live)
        day.advance(seconds=1)

    return begin


def states_of(day: World) -> list[IncidentState]:
    return [one.state for one in day.incidents()]


def test_a_mailbox_that_cannot_be_read_pages_after_minutes_and_ends_when_it_can(
    day, readers, employ, nothing_else_arrives
):
    readers.read(day.now())
    employ(day)
    readers.fail(day.now(), "the login is refused", "credentials")
    day.advance(minutes=4, seconds=50)
    assert day.incidents() == []
    day.advance(seconds=30)
    assert [title for title in (one.title for one in day.incidents()) if "ops" in title]
    assert day.pages()[0] == ("ada", "sms", "page")
    day.acknowledge("INC-1001")
    day.advance(hours=2)
    readers.read(day.now())
    day.advance(minutes=3)
    assert states_of(day) == [IncidentState.RESOLVED]
    nothing_else_arrives(day)


def test_a_reader_that_hangs_and_complains_of_nothing_is_noticed(day, readers, employ, nothing_else_arrives):
    readers.read(day.now())
    employ(day)
    readers.hang()
    day.advance(minutes=7)
    assert len(day.incidents()) == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_one_that_is_asked_every_hour_is_told_of_five_minutes_after_it_failed(
    day, readers, employ, nothing_else_arrives
):
    readers.read(day.now(), rest_seconds=3600.0)
    employ(day)
    readers.hang()
    day.advance(minutes=59)
    readers.fail(day.now(), "connection refused", "connection")
    day.advance(minutes=4)
    assert day.incidents() == [], "the hour between two looks is no failure"
    day.advance(minutes=2)
    assert len(day.incidents()) == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_short_failure_pages_nobody(day, readers, employ, nothing_else_arrives):
    readers.read(day.now())
    employ(day)
    for _ in range(10):
        readers.fail(day.now(), "connection refused", "connection")
        day.advance(minutes=4)
        readers.read(day.now())
        day.advance(seconds=30)
    assert day.pages() == []
    nothing_else_arrives(day)


def test_a_restart_neither_doubles_nor_ends_it(day, readers, employ, nothing_else_arrives):
    readers.read(day.now())
    employ(day)
    readers.hang()
    day.advance(minutes=7)
    assert len(day.incidents()) == 1
    day.acknowledge("INC-1001")
    day.kill()
    day.start()
    readers.begin(day.now())
    employ(day)
    day.advance(minutes=20)
    assert states_of(day) == [IncidentState.ACKNOWLEDGED]
    readers.read(day.now())
    day.advance(minutes=3)
    assert states_of(day) == [IncidentState.RESOLVED]
    nothing_else_arrives(day)


def test_a_mailbox_that_is_taken_out_of_the_configuration_ends_it(day, readers, employ, nothing_else_arrives):
    readers.read(day.now())
    readers.read(day.now(), "second")
    employ(day)
    readers.hang()
    day.advance(minutes=7)
    assert len(day.incidents()) == 1
    day.acknowledge("INC-1001")
    del readers.states["ops"]
    day.advance(minutes=3)
    assert states_of(day) == [IncidentState.RESOLVED]
    nothing_else_arrives(day)
