"""kill -9 under load, again and again: what was answered 202 is there, and no incident has two tickets."""

from __future__ import annotations

import asyncio
import itertools
import json
import mailbox
import time
from collections import Counter
from random import Random

import aiohttp
import pytest
import yaml

from connectors.freshdesk.fake import FreshdeskFake, RateLimits
from connectors.freshdesk.wire import COMMON_TAG
from tests.acceptance.daemon import ROOT, config_of
from tests.acceptance.outside import now
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


async def live_and_die(daemon, senders: Senders, seconds: float) -> None:
    """One life: started, loaded, and killed while the load goes on."""
    daemon.spawn()
    await asyncio.to_thread(daemon.await_port)
    before = len(senders.acknowledged)
    load = asyncio.create_task(senders.load(daemon.webhook()))
    await asyncio.to_thread(until, lambda: len(senders.acknowledged) > before, 10, "an answer", last_words=daemon.log)
    await asyncio.sleep(seconds)  # the length of a life, not a wait for anything
    daemon.kill()
    await load


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
    )


def is_settled(daemon) -> bool:
    waiting = daemon.rows("SELECT count(*) FROM inbox WHERE state = 'new'")
    unsettled = daemon.rows("SELECT count(*) FROM outbox WHERE state IN ('waiting', 'leased', 'uncertain')")
    return waiting == unsettled == [(0,)]


@pytest.mark.slow
@pytest.mark.timeout(170)
async def test_forty_kills_lose_nothing_that_was_acknowledged_and_make_no_second_ticket(
    start, serve, tmp_path, notification
):
    desk = FreshdeskFake(now, limits=NO_LIMIT)
    server = serve(desk, travel_seconds=TRAVEL_SECONDS)
    daemon = start(config_for(tmp_path, server.url), wait=False)
    senders = Senders(notification)
    chance = Random(40)
    began = time.monotonic()
    for _ in range(CYCLE_COUNT):
        await live_and_die(daemon, senders, chance.uniform(*LIFE_SECONDS))
        assert daemon.rows("PRAGMA quick_check") == [("ok",)]
    killing_seconds = time.monotonic() - began
    await asyncio.to_thread(daemon.start)
    await asyncio.to_thread(until, lambda: is_settled(daemon), 60, "everything is settled", last_words=daemon.log)
    settling_seconds = time.monotonic() - began - killing_seconds
    assert daemon.stop() == 0
    assert daemon.rows("PRAGMA quick_check") == [("ok",)]

    stored = {row[0]: row[1:] for row in daemon.rows("SELECT id, state, disposition FROM inbox")}
    incidents = {row[0] for row in daemon.rows("SELECT id FROM incidents")}
    tickets = Counter(tag for ticket in server.ask(desk.tickets) for tag in ticket["tags"] if tag != COMMON_TAG)
    looked_up_count = sum("/search/" in request.url for request in desk.requests)
    mails = list(mailbox.Maildir(tmp_path / "mail", create=False))
    pages = Counter(mail["X-Ingestd-Id"] for mail in mails)
    print(
        f"\n{CYCLE_COUNT} kills in {killing_seconds:.1f} s: {len(senders.acknowledged)} acknowledged, {len(stored)} stored, "
        f"{len(incidents)} incidents, {tickets.total()} tickets, {looked_up_count} looked up, {pages.total()} mails of "
        f"{len(pages)} pages; settled within {settling_seconds:.1f} s"
    )
    assert len(senders.acknowledged) > CYCLE_COUNT
    assert [envelope for envelope in senders.acknowledged if envelope not in stored] == []
    assert set(stored.values()) <= {("done", "incident"), ("done", "joined")}
    assert looked_up_count > 0, "no kill met a ticket on its way: the test shows less than it says"
    assert tickets.total() == len(incidents)
    assert max(tickets.values()) == 1
    assert {mail["X-Ingestd-Incident"] for mail in mails} == incidents
    assert pages.total() - len(pages) <= CYCLE_COUNT, "at most one page twice for each kill"
