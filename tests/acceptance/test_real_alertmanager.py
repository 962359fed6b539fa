"""A real Prometheus fires into a real Alertmanager: one ticket and one page chain per incident, and nothing else arrives.

One day is played once, to two daemons at the same time: one with Jira and text messages, one with Freshdesk and mail. Each step waits
for what it must bring about on both sides. The tests then look at what was left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from ingestd.core.names import Severity
from tests.acceptance import monitoring, sides
from tests.acceptance.daemon import DaemonProcess
from tests.acceptance.monitoring import Exporter
from tests.acceptance.outside import FakeServer, MailServer
from tests.acceptance.sides import EXTERNAL_URL, Side, Told
from tests.acceptance.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(150)]

STEP_SECONDS_MAX = 25.0
"""Of a step that takes Prometheus, Alertmanager and ingestd about 3 s together on an idle machine."""
ESCALATION_SECONDS_MAX = 60.0
SHOP1, SHOP2 = 'checkout_up{host="shop1"}', 'checkout_up{host="shop2"}'
DISK = 'disk_used_ratio{host="db1"}'
CHECKOUT_RULE, DISK_RULE = "checkout", "says-high"
ALERT_RULES = [
    {"alert": "Watchdog", "expr": "vector(1)", "labels": {"severity": "none"}},
    {
        "alert": "CheckoutDown",
        "expr": "checkout_up == 0",
        "labels": {"severity": "critical"},
        "annotations": {"summary": "The checkout on {{ $labels.host }} does not answer"},
    },
    {
        "alert": "DiskAlmostFull",
        "expr": "disk_used_ratio > 0.9",
        # A warning would page in office hours alone: whoever runs this at night would wait.
        "labels": {"severity": "high"},
        "annotations": {"summary": "The disk of {{ $labels.host }} is {{ $value | humanizePercentage }} full"},
    },
]


@dataclass
class Day:
    """What was played, on one side. ``seen`` holds what only the moment shows, by step."""

    side: Side
    exporter: Exporter
    seen: dict[str, Any] = field(default_factory=dict)

    def ticket(self, rule: str) -> dict[str, Any] | None:
        """The one ticket of the rule; a second one ends the day at once."""
        found = self.side.tickets(rule)
        assert len(found) <= 1, f"{self.side.name}: {len(found)} tickets of {rule}: {found}"
        return found[0] if found else None

    def comment_count(self, rule: str) -> int:
        ticket = self.ticket(rule)
        return len(ticket["comments"]) if ticket else 0

    def told_count(self, rule: str) -> int:
        return len(self.side.told(rule))

    def is_done(self, rule: str) -> bool:
        ticket = self.ticket(rule)
        return bool(ticket and ticket["is_done"])

    def repeat_count(self) -> float:
        """How often the watchdog was heard: it is of mode monitor, so each time it is kept back."""
        return self.side.daemon.metric("ingestd_alerts_received_total", verdict="held")

    def is_idle(self) -> bool:
        """Nothing waits to be decided or delivered."""
        status = self.side.daemon.get("/api/v1/status").json()
        return status["inbox_waiting"] == 0 and not status["outbox"]


class Stage:
    """The same step on all sides: set what is monitored, then wait for what it brings about on each."""

    def __init__(self, days: list[Day]) -> None:
        self.days = days

    def wait(self, what: str, holds: Callable[[Day], object], seconds: float = STEP_SECONDS_MAX) -> None:
        for day in self.days:
            until(
                lambda day=day: holds(day),
                seconds,
                f"{day.side.name}: {what}",
                last_words=lambda day=day: f"{day.side.look()}\n{day.side.listen()}\n{day.side.daemon.log()[-6000:]}",
            )

    def set(self, values: Mapping[str, float]) -> None:
        for series, value in values.items():
            self.days[0].exporter.set(series, value)

    def remember(self, step: str, see: Callable[[Day], Any]) -> None:
        for day in self.days:
            day.seen[step] = see(day)


def acknowledge_by_link(day: Day) -> dict[str, Any]:
    """A mail scanner, a browser, then the person: only the button's POST changes anything."""
    side = day.side
    link = side.told(CHECKOUT_RULE)[0].link
    looks = {method: side.open_link(method, link).status_code for method in ("GET", "HEAD", "OPTIONS", "GET")}
    state_after_looks = side.incident(CHECKOUT_RULE)["state"]
    return {"looks": looks, "state": state_after_looks, "press": side.open_link("POST", link)}


def report_delivery(day: Day) -> dict[str, Any]:
    """Twilio reports that the newest page for the checkout arrived: first somebody else tries to, then Twilio, twice."""
    twilio = day.side.twilio
    if twilio is None:
        return {}
    incident = day.side.incident(CHECKOUT_RULE)["id"]
    sms = [message for message in twilio.messages if incident in message.body][-1]
    answers = []
    for token in ("token-of-somebody", "", ""):
        url, headers, body = twilio.receipt_for(sms.id, "delivered", token=token)
        assert url.startswith(f"{EXTERNAL_URL}/api/v1/receipts/")
        path = url.removeprefix(EXTERNAL_URL)
        answers.append(day.side.daemon.post(path, data=body, headers=headers).status_code)
    deliveries = day.side.daemon.incident(incident)["deliveries"]
    pages = [delivery for delivery in deliveries if delivery["kind"] == "page"]
    return {"answers": answers, "receipts": [page["receipt_status"] for page in pages]}


def second_person_answers(day: Day) -> list[requests.Response]:
    """Ben acknowledges; then Asha presses the button of her older page."""
    first, second = day.side.told(DISK_RULE)
    return [day.side.open_link("POST", second.link), day.side.open_link("POST", first.link)]


def play(stage: Stage) -> None:
    stage.wait(
        "the watchdog arrives", lambda day: day.side.daemon.metric("ingestd_rule_matches_total", rule="watchdog")
    )

    stage.set({DISK: 0.95})
    stage.wait("the disk has a ticket and Asha a page", lambda day: day.ticket(DISK_RULE) and day.told_count(DISK_RULE))

    stage.set({SHOP1: 0})
    stage.wait("the checkout has a ticket", lambda day: day.ticket(CHECKOUT_RULE) and day.told_count(CHECKOUT_RULE))
    stage.set({SHOP2: 0})
    stage.wait("the ticket hears of the second host", lambda day: day.comment_count(CHECKOUT_RULE) >= 1)

    stage.remember("repeats", lambda day: day.repeat_count())
    stage.wait("Alertmanager repeats itself", lambda day: day.repeat_count() >= day.seen["repeats"] + 6)
    stage.remember("acknowledged", acknowledge_by_link)
    stage.wait("the ticket hears who took it", lambda day: day.comment_count(CHECKOUT_RULE) >= 2)

    stage.set({SHOP2: 1})
    stage.wait("the ticket hears that one cleared", lambda day: day.comment_count(CHECKOUT_RULE) >= 3)
    stage.set({SHOP1: 1})
    stage.wait("it is over", lambda day: day.is_done(CHECKOUT_RULE) and day.told_count(CHECKOUT_RULE) >= 2)

    stage.set({SHOP1: 0})
    stage.wait("it is back", lambda day: not day.is_done(CHECKOUT_RULE) and day.told_count(CHECKOUT_RULE) >= 3)
    stage.remember("receipt", report_delivery)
    stage.set({SHOP1: 1})
    stage.wait("it is over again", lambda day: day.is_done(CHECKOUT_RULE) and day.told_count(CHECKOUT_RULE) >= 4)

    # Thirty seconds after Asha was: the checkout's day fills them.
    stage.wait("Ben is paged", lambda day: day.told_count(DISK_RULE) >= 2, ESCALATION_SECONDS_MAX)
    stage.remember("second answer", second_person_answers)
    stage.set({DISK: 0.5})
    stage.wait("the disk is fine", lambda day: day.is_done(DISK_RULE) and day.told_count(DISK_RULE) >= 4)

    # The quiet period: Alertmanager goes on repeating its watchdog, and nothing may come of it.
    stage.remember("repeats", lambda day: day.repeat_count())
    stage.wait("quiet", lambda day: day.repeat_count() >= day.seen["repeats"] + 2 and day.is_idle())


@pytest.fixture(scope="module")
def days(require, tmp_path_factory) -> Iterator[dict[str, Day]]:
    programs = [require("prometheus"), require("prometheus-alertmanager")]
    folder: Path = tmp_path_factory.mktemp("day")
    with ExitStack() as stack:

        def serve(fake: Any = None) -> FakeServer | MailServer:
            server: FakeServer | MailServer = MailServer() if fake is None else FakeServer(fake)
            stack.callback(server.close)
            return server

        def start(config: dict[str, Any], *, folder: Path) -> DaemonProcess:
            daemon = DaemonProcess(folder, config)
            stack.callback(daemon.end)
            return daemon.start()

        exporter = Exporter({SHOP1: 1, SHOP2: 1, DISK: 0.5})
        stack.callback(exporter.close)
        found = [
            sides.jira_and_sms(folder / "jira", serve, start),
            sides.freshdesk_and_mail(folder / "freshdesk", serve, start),
        ]
        alertmanager = monitoring.alertmanager(programs[1], folder, [side.daemon.webhook() for side in found])
        stack.callback(alertmanager.close)
        prometheus = monitoring.prometheus(programs[0], folder, exporter, alertmanager, ALERT_RULES)
        stack.callback(prometheus.close)
        alertmanager.await_ready()
        prometheus.await_ready()
        played = [Day(side, exporter) for side in found]
        play(Stage(played))
        yield {day.side.name: day for day in played}


@pytest.fixture(params=["jira and sms", "freshdesk and mail"])
def day(request, days) -> Day:
    return days[request.param]


def test_each_incident_has_one_ticket_and_the_watchdog_is_none(day):
    incidents = {incident["rule"]: incident["state"] for incident in day.side.daemon.incidents()}
    assert len(day.side.daemon.incidents()) == len(incidents)
    assert incidents == {CHECKOUT_RULE: "resolved", DISK_RULE: "resolved"}
    assert len(day.side.tickets(CHECKOUT_RULE)) == 1
    assert len(day.side.tickets(DISK_RULE)) == 1
    assert len(day.side.look()) == 2


def test_priorities_follow_the_severity(day):
    assert day.ticket(CHECKOUT_RULE)["priority"] == day.side.priorities[Severity.CRITICAL]
    assert day.ticket(DISK_RULE)["priority"] == day.side.priorities[Severity.HIGH]


def test_the_ticket_is_told_what_happened_in_order_and_no_more(day):
    expected = [
        ["shop2"],
        ["acknowledged", "asha"],
        ["cleared", "shop2"],
        ["resolved"],
        ["fired again", "shop1"],
        ["resolved"],
    ]
    comments = day.ticket(CHECKOUT_RULE)["comments"]
    assert len(comments) == len(expected), comments
    for comment, words in zip(comments, expected, strict=True):
        assert all(word in comment for word in words), (words, comment)
    of_disk = day.ticket(DISK_RULE)["comments"]
    assert len(of_disk) == 2, of_disk
    assert "acknowledged" in of_disk[0]
    assert "resolved" in of_disk[1]


def test_both_tickets_are_done_in_the_end(day):
    assert all(ticket["is_done"] for ticket in day.side.look())


def test_one_page_chain_per_episode_and_a_notice_at_its_end(day):
    told = [(message.person, message.word) for message in day.side.told(CHECKOUT_RULE)]
    assert told == [("asha", "CRITICAL"), ("asha", "RESOLVED")] * 2
    told = [(message.person, message.word) for message in day.side.told(DISK_RULE)]
    assert told[:2] == [("asha", "HIGH"), ("ben", "HIGH")]
    assert sorted(told[2:]) == [("asha", "RESOLVED"), ("ben", "RESOLVED")]


def test_nothing_else_arrived(day):
    day_in_all: list[Told] = day.side.listen()
    assert len(day_in_all) == 8
    assert len(day.side.look()) == 2
    assert sum(len(ticket["comments"]) for ticket in day.side.look()) == 8


def test_looking_at_the_link_changes_nothing_and_pressing_the_button_acknowledges(day):
    seen = day.seen["acknowledged"]
    assert seen["looks"]["GET"] == 200
    assert seen["state"] == "triggered"
    assert seen["press"].status_code == 200
    assert "you have it" in seen["press"].text
    timeline = day.side.daemon.incident(day.side.incident(CHECKOUT_RULE)["id"])["timeline"]
    assert [line["actor"] for line in timeline if line["kind"] == "acknowledged"] == ["asha"]


def test_the_second_person_is_paged_after_the_wait_and_the_slower_one_reads_who_was_first(day):
    incident = day.side.incident(DISK_RULE)
    assert incident["acknowledged_by"] == "ben"
    by_ben, by_asha = day.seen["second answer"]
    assert "you have it" in by_ben.text
    assert by_asha.status_code == 200
    assert "Somebody was first" in by_asha.text
    assert "ben" in by_asha.text.casefold()


def test_repeats_were_received_and_judged_so(day):
    daemon = day.side.daemon
    assert daemon.metric("ingestd_alerts_received_total", verdict="held") >= 8
    assert daemon.metric("ingestd_envelopes_refused_total") == 0
    assert daemon.metric("ingestd_incidents_opened_total") == 2


def test_only_a_signed_receipt_settles_the_page(days):
    receipt = days["jira and sms"].seen["receipt"]
    assert receipt["answers"] == [403, 204, 204]
    assert receipt["receipts"] == ["", "delivered"]
