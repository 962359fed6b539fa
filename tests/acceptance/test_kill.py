"""kill -9 under load, again and again: what was answered 202 is there, and no incident has two tickets."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Sequence
from random import Random

import aiohttp
import pytest
import yaml

from connectors.freshdesk.fake import FreshdeskFake, RateLimits
from connectors.freshdesk.wire import COMMON_TAG
from tests.acceptance.daemon import ROOT, SERVE, config_of, warm
from tests.acceptance.outside import now, read_maildir
from tests.acceptance.paged import FOLDED, incidents_paged
from tests.acceptance.waiting import until

CYCLE_COUNT = 40
SENDER_COUNT = 8
ALERTS_PER_INCIDENT = 6
LIFE_SECONDS = (0.05, 0.4)
"""From the first answer of a life to its end. Ticket requests and their replies travel meanwhile, so that kills meet them everywhere."""
TRAVEL_SECONDS = 0.02
NO_LIMIT = RateLimits(total=10**9, create=10**9, update=10**9, list=10**9)
RULE = {
    "rule": "shop",
    "match": ["alertname = CheckoutDown"],
    "impact": "high",
    "urgency": "high",
    "correlate": {"by": ["shop"], "within": "1h"},
}


class Senders:
    """What several Alertmanagers would do: each posts one alert after the other and remembers what was answered 202."""

    def __init__(self, notification) -> None:
        self.acknowledged: list[str] = []
        self._numbers = itertools.count()
        self._notification = notification

    async def load(self, url: str) -> None:
        """Post until the daemon is gone."""
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
            for _ in range(SENDER_COUNT):
                group.create_task(self._post(session, url))

    async def _post(self, session: aiohttp.ClientSession, url: str) -> None:
        while True:
            number = next(self._numbers)
            body = self._notification(instance=f"shop-{number}", shop=f"shop-{number // ALERTS_PER_INCIDENT}")
            try:
                async with session.post(url, data=body) as answer:
                    text = await answer.text()
                    if answer.status == 202:
                        self.acknowledged.append(json.loads(text)["envelope"])
            except (aiohttp.ClientError, OSError):
                return


def config_for(folder, desk_url: str):
    rules = folder / "rules"
    rules.mkdir()
    (rules / "00-severity.yaml").write_text((ROOT / "rules/00-severity.yaml").read_text())
    (rules / "10-shop.yaml").write_text(yaml.safe_dump({"version": 1, "rules": [RULE]}))
    desk = {
        "kind": "freshdesk",
        "url": desk_url,
        "api_key": "key-of-the-agent",
        "requester_email": "monitoring@example.com",
        "lookup_window_seconds": 0,
    }
    mail = {"kind": "email_pager", "from": "ingestd@example.com", "maildir": str(folder / "mail")}
    return config_of(
        folder,
        connectors={"desk": desk, "mail": mail},
        teams={"default": {"policy": "default", "ticket": {"to": "desk"}}},
        rules={"path": str(rules)},
        # Of what comes in a burst each mail waits for the one before it: hurried, as a minute's wait would show nothing more.
        page_limits={"email": {"most": ["1 in 2s"], "batch": {"critical_every": "5s", "every": "10s"}}},
    )


def is_settled(daemon) -> bool:
    waiting = daemon.rows("SELECT count(*) FROM inbox WHERE state = 'new'")
    unsettled = daemon.rows("SELECT count(*) FROM outbox WHERE state IN ('waiting', 'leased', 'uncertain')")
    return waiting == unsettled == [(0,)]


class Siege:
    """One daemon that is killed again and again, and the desk that outlives it."""

    def __init__(self, daemon, desk: FreshdeskFake, server, senders: Senders) -> None:
        self.daemon = daemon
        self.desk = desk
        self.senders = senders
        self._server = server
        self._chance = Random(40)

    async def live_and_die(self) -> None:
        """One life: started, loaded, and killed while the load goes on."""
        daemon, acknowledged = self.daemon, self.senders.acknowledged
        daemon.spawn()
        await asyncio.to_thread(daemon.await_port)
        before = len(acknowledged)
        load = asyncio.create_task(self.senders.load(daemon.webhook()))
        await asyncio.to_thread(until, lambda: len(acknowledged) > before, 10, "an answer", last_words=daemon.log)
        await asyncio.sleep(self._chance.uniform(*LIFE_SECONDS))  # the length of a life, not a wait for anything
        daemon.kill()
        await load
        assert daemon.rows("PRAGMA quick_check") == [("ok",)]

    def tickets(self) -> Counter[str]:
        """How many tickets bear the mark of each effect."""
        found = self._server.ask(self.desk.tickets)
        return Counter(tag for ticket in found for tag in ticket["tags"] if tag != COMMON_TAG)


@pytest.fixture
def besiege(start, serve, tmp_path, notification):
    """``besiege(command)`` is a siege that has not begun."""

    def make(command: Sequence[str]) -> Siege:
        desk = FreshdeskFake(now, limits=NO_LIMIT)
        server = serve(desk, travel_seconds=TRAVEL_SECONDS)
        daemon = start(config_for(tmp_path, server.url), wait=False, command=command)
        return Siege(daemon, desk, server, Senders(notification))

    return make


@pytest.mark.slow
@pytest.mark.timeout(170)
async def test_forty_kills_lose_nothing_that_was_acknowledged_and_make_no_second_ticket(besiege, tmp_path):
    siege = besiege(warm())
    daemon, acknowledged = siege.daemon, siege.senders.acknowledged
    began = time.monotonic()
    for _ in range(CYCLE_COUNT):
        await siege.live_and_die()
    killing_seconds = time.monotonic() - began
    daemon.command = SERVE
    await asyncio.to_thread(daemon.start)
    await asyncio.to_thread(until, lambda: is_settled(daemon), 60, "everything is settled", last_words=daemon.log)
    settling_seconds = time.monotonic() - began - killing_seconds
    assert daemon.stop() == 0
    assert daemon.rows("PRAGMA quick_check") == [("ok",)]

    stored = {row[0]: row[1:] for row in daemon.rows("SELECT id, state, disposition FROM inbox")}
    incidents = {row[0] for row in daemon.rows("SELECT id FROM incidents")}
    tickets = siege.tickets()
    looked_up_count = sum("/search/" in request.url for request in siege.desk.requests)
    mails = read_maildir(tmp_path / "mail")
    pages = Counter(mail["X-Ingestd-Id"] for mail in mails)
    print(
        f"\n{CYCLE_COUNT} kills in {killing_seconds:.1f} s: {len(acknowledged)} acknowledged, {len(stored)} stored, "
        f"{len(incidents)} incidents, {tickets.total()} tickets, {looked_up_count} looked up, {pages.total()} mails of "
        f"{len(pages)} pages; settled within {settling_seconds:.1f} s"
    )
    assert len(acknowledged) > CYCLE_COUNT
    assert [envelope for envelope in acknowledged if envelope not in stored] == []
    assert set(stored.values()) <= {("done", "incident"), ("done", "joined")}
    assert looked_up_count > 0, "no kill met a ticket on its way: the test shows less than it says"
    assert tickets.total() == len(incidents)
    assert max(tickets.values()) == 1
    paged = incidents_paged(mails, daemon.rows(FOLDED), was_killed=True)
    assert set(paged) == incidents
    # Of a mail that was on its way nobody can be asked: it goes again, or is told with others.
    assert paged.total() - len(paged) <= CYCLE_COUNT, "at most one incident twice for each kill"
    assert pages.total() - len(pages) <= CYCLE_COUNT, "at most one page twice for each kill"


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_the_same_kills_find_a_daemon_that_sends_again_without_looking(besiege):
    siege = besiege(warm("never-look-up"))
    for _ in range(CYCLE_COUNT):
        await siege.live_and_die()
        if max(siege.tickets().values(), default=0) > 1:
            return
    raise AssertionError("no second ticket was seen: the kills do not meet tickets on their way")
