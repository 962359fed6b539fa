"""The daemon on a real PostgreSQL, alone and two together: one ticket and one page per incident all the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from connectors.freshdesk.fake import FreshdeskFake, RateLimits
from connectors.freshdesk.wire import COMMON_TAG
from ingestd.store import dialect
from tests.acceptance.daemon import DaemonProcess, config_of
from tests.acceptance.outside import now, read_maildir
from tests.acceptance.paged import FOLDED, incidents_paged
from tests.acceptance.waiting import until
from tests.store.postgres_server import PostgresServer

pytestmark = pytest.mark.timeout(90)

INCIDENT_COUNT = 30
SETTLE_SECONDS_MAX = 40.0


@pytest.fixture(scope="module")
def postgres(require: Callable[[str], str]) -> Iterator[PostgresServer]:
    server = PostgresServer(require("initdb"))
    yield server
    server.remove()


@pytest.fixture
def database_url(postgres) -> str:
    return postgres.create()


@pytest.fixture
def config(serve, tmp_path, database_url):
    """One that two daemons may share: tickets and mail go to the same places."""
    desk = FreshdeskFake(now, limits=RateLimits(*[10**6] * 4))
    server = serve(desk, travel_seconds=0.01)
    made = config_of(
        tmp_path,
        database={"url": database_url},
        connectors={
            "desk": {
                "kind": "freshdesk",
                "url": server.url,
                "api_key": "key-of-the-agent",
                "requester_email": "monitoring@example.com",
                "lookup_window_seconds": 0,
            },
            "mail": {"kind": "email_pager", "from": "ingestd@example.com", "maildir": str(tmp_path / "mail")},
        },
        teams={"default": {"policy": "default", "ticket": {"to": "desk"}}},
        page_limits={"email": {"batch": {"critical_every": "5s"}}},  # so long a burst is waited for
    )
    return made, lambda: server.ask(desk.tickets)


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with dialect.engine_for(url, read_only=True).connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def is_settled(url: str) -> bool:
    waiting = rows(url, "SELECT count(*) FROM inbox WHERE state = 'new'")
    unsettled = rows(url, "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'leased', 'uncertain')")
    return waiting == unsettled == [(0,)]


def test_a_webhook_becomes_one_ticket_and_one_page_and_an_answer_ends_it(
    start, config, tmp_path, database_url, notification
):
    settings, tickets = config
    daemon = start(settings)
    for _ in range(3):
        assert daemon.send(notification(instance="shop1")).status_code == 202
    until(
        lambda: read_maildir(tmp_path / "mail") and tickets() and is_settled(database_url),
        20,
        "settled",
        last_words=daemon.log,
    )
    [mail] = read_maildir(tmp_path / "mail")
    link = re.search(r"/p/[\w-]+", mail.get_body(("plain",)).get_content())
    assert daemon.get(link[0]).status_code == 200
    assert daemon.incidents()[0]["state"] == "triggered"
    assert daemon.post(link[0]).status_code == 200
    assert daemon.incidents()[0]["state"] == "acknowledged"
    assert daemon.send(notification("resolved", instance="shop1")).status_code == 202
    until(
        lambda: tickets()[0]["is_done"] and len(read_maildir(tmp_path / "mail")) == 2,
        20,
        "the end is told",
        last_words=daemon.log,
    )
    until(lambda: is_settled(database_url), 20, "settled", last_words=daemon.log)
    assert len(tickets()) == 1
    assert daemon.stop() == 0
    assert rows(database_url, "SELECT DISTINCT state FROM inbox") == [("done",)]


def post_to_both(daemons: list[DaemonProcess], notification) -> None:
    """As two Alertmanagers do that know each other badly: every alert to every daemon, twice."""
    bodies = [notification(alertname=f"Shop{number}Down") for number in range(INCIDENT_COUNT)]
    with ThreadPoolExecutor(8) as senders:
        answers = list(
            senders.map(lambda pair: pair[0].send(pair[1]).status_code, [(d, b) for b in bodies for d in daemons] * 2)
        )
    assert set(answers) == {202}


def test_two_daemons_on_one_database_make_one_ticket_and_one_page(start, config, tmp_path, database_url, notification):
    settings, tickets = config
    daemons = [start(settings, name=name) for name in ("first", "second")]
    post_to_both(daemons, notification)
    until(lambda: is_settled(database_url), SETTLE_SECONDS_MAX, "settled", last_words=daemons[0].log)
    incidents = {str(incident) for (incident,) in rows(database_url, "SELECT id FROM incidents")}
    assert len(incidents) == INCIDENT_COUNT
    tags = Counter(tag for ticket in tickets() for tag in ticket["tags"] if tag != COMMON_TAG)
    assert len(tags) == tags.total() == INCIDENT_COUNT
    mails = read_maildir(tmp_path / "mail")
    assert max(Counter(mail["X-Ingestd-Id"] for mail in mails).values()) == 1
    assert incidents_paged(mails, rows(database_url, FOLDED)) == dict.fromkeys(incidents, 1)
    worked = [daemon.metric("ingestd_deliveries_total", outcome="done") for daemon in daemons]
    assert sum(worked) == 2 * INCIDENT_COUNT
    assert all(worked), "both took part"
    assert [daemon.stop() for daemon in daemons] == [0, 0]


def test_one_of_two_daemons_may_be_killed_and_the_other_goes_on(start, config, tmp_path, database_url, notification):
    settings, tickets = config
    first, second = (start(settings, name=name) for name in ("first", "second"))
    post_to_both([first, second], notification)
    first.kill()
    # What the dead one held is leased for two minutes: it is not waited for here, only that nothing is done twice meanwhile.
    until(lambda: rows(database_url, "SELECT count(*) FROM inbox WHERE state = 'new'") == [(0,)], 20, "all are decided")
    until(
        lambda: rows(database_url, "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'uncertain')") == [(0,)],
        SETTLE_SECONDS_MAX,
        "the living one has done all that is free",
        last_words=second.log,
    )
    assert rows(database_url, "SELECT count(*) FROM incidents") == [(INCIDENT_COUNT,)]
    tags = Counter(tag for ticket in tickets() for tag in ticket["tags"] if tag != COMMON_TAG)
    assert set(tags.values()) == {1}
    assert second.send(notification(alertname="After")).status_code == 202
    until(lambda: len(second.incidents()) == INCIDENT_COUNT + 1, 10, "it takes in more", last_words=second.log)
