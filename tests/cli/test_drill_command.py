"""``ingestd drill``: what happens is told as it happens, and the exit code says whether anybody answered."""

from __future__ import annotations

import json

import pytest

BEGAN = "2026-03-02T02:00:00+00:00"


@pytest.fixture
def drilled(daemon):
    """A drill that asha answered after 42 s."""
    daemon.drill = {
        "id": "by-hand/env_1",
        "policy": "default",
        "incident_id": "INC-7",
        "started_at": BEGAN,
        "ended_at": "2026-03-02T02:00:43+00:00",
        "result": "answered",
    }
    daemon.incidents["INC-7"] = {
        "id": "INC-7",
        "state": "closed",
        "acknowledged_by": "asha",
        "acknowledged_at": "2026-03-02T02:00:42+00:00",
    }
    daemon.cases["INC-7"] = {
        "timeline": [
            {"seq": 1, "at": BEGAN, "kind": "opened", "text": "a drill of policy “default” by ben"},
            {"seq": 2, "at": BEGAN, "kind": "page", "text": "paging asha (L1, policy “default”)"},
            {"seq": 3, "at": BEGAN, "kind": "acknowledged", "text": "acknowledged by asha (link)"},
        ],
        "deliveries": [
            {
                "kind": "page",
                "level": 1,
                "person": "asha",
                "channel": "sms",
                "connector": "twilio",
                "state": "done",
                "receipt_status": "delivered",
            },
            {"kind": "notice", "level": 1, "person": "asha", "channel": "sms", "connector": "twilio", "state": "done"},
        ],
    }
    return daemon


def test_who_was_paged_by_what_and_who_answered_after_how_long(shell, drilled):
    shown = shell("drill", "default", "--by", "ben")
    assert shown.exit_code == 0
    assert drilled.calls[0].body == {"policy": "default", "by": "ben", "ticket": False}
    assert [" ".join(line.split()) for line in shown.stdout.splitlines()[1:]] == ["L1 asha sms twilio done delivered"]
    assert "paging asha (L1, policy “default”)" in shown.stderr
    assert "asha answered after 42 s: paging by this policy works" in shown.stderr


def test_nobody_answered_is_a_failure(shell, drilled):
    drilled.drill["result"] = "unanswered"
    drilled.incidents["INC-7"] |= {"acknowledged_by": "", "acknowledged_at": None}
    shown = shell("drill", "default")
    assert shown.exit_code == 1
    assert "nobody answered: a page in earnest may go unanswered as well" in shown.stderr


def test_whoever_stops_following_is_told_that_it_goes_on(shell, drilled):
    drilled.drill |= {"ended_at": None, "result": ""}
    drilled.incidents["INC-7"] |= {"acknowledged_by": "", "acknowledged_at": None}
    shown = shell("drill", "default", "--wait", "0s")
    assert shown.exit_code == 1
    assert "the drill goes on without you" in shown.stderr
    assert "ingestd incident show INC-7" in shown.stderr


def test_a_drill_that_was_never_decided_says_so(shell, drilled):
    drilled.drill |= {"incident_id": "", "result": "failed"}
    shown = shell("drill", "default")
    assert shown.exit_code == 1
    assert "the drill has failed" in shown.stderr


def test_a_program_reads_the_drill_and_its_incident(shell, drilled):
    shown = shell("drill", "default", "-o", "json")
    assert shown.exit_code == 0
    read = json.loads(shown.stdout)
    assert (read["drill"]["result"], read["incident"]["acknowledged_by"]) == ("answered", "asha")


def test_a_wait_that_is_no_duration_is_a_wrong_use(shell, drilled):
    shown = shell("drill", "default", "--wait", "ten")
    assert shown.exit_code == 2
    assert "write 30s, 5m or 1h" in shown.stderr
    assert drilled.calls == []
