"""``ingestd outbox`` and ``ingestd ticket``: what goes out, and what came of it."""

from __future__ import annotations

import json

import pytest

KEY = "INC-1042/jira/ticket-open/1"


@pytest.fixture
def parked(daemon, delivery):
    page = delivery(
        "INC-1042/sms/page/1", "page", "waiting", person="asha", channel="sms", attempt_count=3, detail="503"
    )
    daemon.deliveries = {
        KEY: delivery(KEY, "ticket-open", "parked", detail="422: no such project"),
        page["key"]: page,
        "INC-1041/jira/ticket-open/1": delivery("INC-1041/jira/ticket-open/1", "ticket-open", "done"),
    }
    return daemon.deliveries[KEY]


def test_a_list_shows_what_is_not_settled_with_the_last_word_of_the_service(shell, parked):
    lines = shell("outbox", "list").stdout.splitlines()
    assert " ".join(lines[1].split()) == f"{KEY} parked 1 4 min ago 422: no such project"
    assert " ".join(lines[2].split()) == "INC-1042/sms/page/1 waiting 3 in 20 s to asha: 503"
    assert len(lines) == 3


def test_what_was_given_up_can_be_tried_again(shell, parked):
    ids = shell("outbox", "list", "--state", "parked", "-o", "id").stdout.split()
    assert ids == [KEY]
    assert shell("outbox", "retry", *ids).stdout == f"{KEY} is waiting\n"
    assert parked["state"] == "waiting"


def test_a_drop_needs_a_reason_and_a_yes(shell, parked):
    assert shell("outbox", "drop", KEY, "--yes").exit_code == 2
    assert shell("outbox", "drop", KEY, "--reason", "told by phone").exit_code == 2
    assert parked["state"] == "parked"
    assert shell("outbox", "drop", KEY, "--reason", "told by phone", "--yes").exit_code == 0
    assert (parked["state"], parked["detail"]) == ("dropped", "told by phone")


def test_what_is_on_its_way_or_unknown_is_refused(shell, parked):
    shown = shell("outbox", "retry", "INC-1041/jira/ticket-open/1", "INC-9/jira/ticket-open/1")
    assert shown.exit_code == 1
    assert "cannot be steered: it is done" in shown.stderr
    assert "there is no delivery INC-9/jira/ticket-open/1" in shown.stderr


def test_json_of_the_outbox_and_all_states(shell, parked):
    assert len(json.loads(shell("outbox", "list", "--state", "all", "-o", "json").stdout)["deliveries"]) == 3


def test_nothing_waiting_is_said(shell):
    assert shell("outbox", "list").stderr == "nothing waits to be sent\n"


def test_tickets_are_listed_with_their_incidents(shell, daemon):
    daemon.tickets = [
        {
            "incident_id": "INC-1042",
            "connector": "jira",
            "ref_id": "10311",
            "label": "PAY-311",
            "url": "https://jira.example.com/browse/PAY-311",
            "opened_at": "2026-03-02T02:10:00Z",
        }
    ]
    shown = shell("ticket", "list")
    expected = "INC-1042 jira PAY-311 4 min ago https://jira.example.com/browse/PAY-311"
    assert " ".join(shown.stdout.splitlines()[1].split()) == expected
    assert json.loads(shell("ticket", "list", "-o", "json").stdout)["tickets"] == daemon.tickets


def test_no_tickets_yet(shell):
    shown = shell("ticket", "list")
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "no tickets yet" in shown.stderr
