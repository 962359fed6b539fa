"""What happens next to an incident, and how deliveries are told, from answers of the API as they may come."""

from __future__ import annotations

import pytest


def test_what_happens_next_is_told_soonest_first_and_what_needs_a_person_last(shell, daemon, gateway, delivery):
    daemon.cases["INC-1042"]["deliveries"].append(
        delivery("INC-1042/jira/ticket-comment/1", "ticket-comment", "parked", detail="422: field “x” is required")
    )
    text = shell("explain", "INC-1042").stdout
    upcoming = text.partition("What happens next\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split("  ")[1] for line in upcoming] == [
        "03:14:20 CET (in 20 s)",
        "03:18:30 CET (in 4 min)",
        "not by itself",
    ]
    assert "given up: it waits for a person (ingestd outbox retry); 422: field “x” is required" in upcoming[2]


def test_of_many_alerts_of_which_the_same_is_to_be_said_only_the_first_is_told(shell, daemon, gateway):
    def watch(name: str, seconds: int) -> dict[str, object]:
        due_at = f"2026-03-02T02:16:{seconds:02}.000Z"
        return {"name": name, "alert": f"am/v1:{name}{seconds}", "due_at": due_at, "clears_at": due_at}

    daemon.cases["INC-1042"]["watches"] = [watch("DiskFull", 40 - number) for number in range(30)] + [watch("Swap", 5)]
    text = shell("explain", "INC-1042").stdout
    told = [line.strip() for line in text.splitlines() if "counts as cleared" in line]
    assert [line.split("  ")[1] for line in told] == [
        "Swap: counts as cleared, unless its sender says it again before",
        "DiskFull: counts as cleared, unless its sender says it again before",
    ]
    assert told[1].startswith("03:16:11 CET")
    assert told[1].endswith("the first of several of this name")


def test_who_reported_it_stands_among_those_who_were_told(shell, daemon, gateway, delivery):
    answer = delivery("INC-1042/mail/answer/1", "answer", "done", reporter="ann@cust.example", channel="email")
    post = delivery("INC-1042/chat/post/1", "post", "done")
    daemon.cases["INC-1042"]["deliveries"] += [answer, post]
    text = shell("explain", "INC-1042").stdout
    told, _, rest = text.partition("Who was told")[2].partition("\nTicket\n")
    assert "mail: tell whoever reported it, ann@cust.example;" in told
    assert "tell the team's room" in told
    assert "reported it" not in rest.partition("What happens next")[0]


def test_every_delivery_and_the_named_reason_of_every_line_is_told(shell, gateway):
    text = shell("explain", "1042").stdout
    assert "done  sms: page asha by sms; 03:09:14 CET (4 min ago); the service reports: delivered" in text
    assert "uncertain  jira: open ticket; it may have happened" in text
    assert "03:09:14 CET  page    paged asha by sms  (handed_over)" in text


@pytest.mark.parametrize(
    ("escalation", "words"),
    [
        ({"level": 2}, "the last step has waited long enough: nobody else is paged"),
        ({"level": 2, "loop_count": 2}, "asha is paged (L1), unless somebody acknowledges"),
        ({"steps": []}, "the next step of the policy is paged, unless somebody acknowledges"),
    ],
)
def test_the_next_step_of_the_policy_is_named(shell, gateway, escalation, words):
    gateway["escalation"] |= escalation
    assert words in shell("explain", "1042").stdout


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("triggered", "nobody else is paged: somebody must acknowledge or resolve it"),
        ("acknowledged", "it is resolved when its alerts have cleared, or by hand"),
        ("closed", "nothing more"),
    ],
)
def test_when_nothing_is_due_it_says_what_that_means(shell, daemon, gateway, state, words):
    gateway["state"] = state
    daemon.cases["INC-1042"] |= {"deliveries": [], "deadlines": []}
    assert words in shell("explain", "1042").stdout


def test_a_drop_is_told_with_its_reason(shell, daemon, gateway, delivery):
    daemon.cases["INC-1042"]["deliveries"] = [
        delivery("INC-1042/sms/page/2", "page", "dropped", person="ben", channel="sms", detail="acknowledged")
    ]
    assert "somebody had acknowledged (acknowledged)" in shell("explain", "1042").stdout


def test_what_is_due_already_names_no_instant_to_wait_for(shell, daemon, gateway, delivery):
    late = {"due_at": "2026-03-02T02:10:00.000Z"}
    daemon.cases["INC-1042"] |= {
        "deliveries": [delivery("INC-1042/jira/ticket-open/1", "ticket-open", "waiting", **late)],
        "deadlines": [],
    }
    text = shell("explain", "1042").stdout
    assert "waiting  jira: open ticket; next try is due\n" in text
    assert "now, due since 03:10:00 CET  jira: open ticket\n" in text


def test_a_message_in_quarantine_says_why_and_what_to_do(shell, daemon):
    daemon.envelopes["env_01hx"] = {
        "id": "env_01hx",
        "source": "alertmanager",
        "kind": "alertmanager",
        "received_at": "2026-03-02T02:09:11Z",
        "remote": "192.0.2.7",
        "state": "quarantined",
        "alert_count": None,
        "disposition": "quarantined",
        "reason": "not_json",
        "detail": "line 1: <html>",
        "processed_at": "2026-03-02T02:09:12Z",
        "findings": [],
    }
    text = shell("explain", "env_01hx").stdout
    assert "the body is not JSON (not_json)" in text
    assert "ingestd envelope retry env_01hx" in text
