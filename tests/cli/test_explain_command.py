"""``ingestd explain``: one answer to "why", for an incident and for an envelope."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def envelope(daemon):
    daemon.envelopes["env_01hx"] = {
        "id": "env_01hx",
        "source": "alertmanager",
        "kind": "alertmanager",
        "received_at": "2026-03-02T02:09:11Z",
        "remote": "192.0.2.7",
        "state": "done",
        "alert_count": 2,
        "disposition": "incident",
        "reason": None,
        "detail": None,
        "processed_at": "2026-03-02T02:09:12Z",
        "findings": [
            {
                "alert": "alertmanager/9f2c",
                "verdict": "new",
                "reason": "first_seen",
                "incident": "INC-1042",
                "join": "opened",
                "rule": "card-gateway-down",
            },
            {
                "alert": "alertmanager/77aa",
                "verdict": "stale",
                "reason": "resolve_older_than_fire",
                "incident": None,
                "join": None,
                "rule": "",
            },
        ],
    }
    return daemon.envelopes["env_01hx"]


def test_an_incident_is_explained_with_what_happens_next_soonest_first(shell, daemon, gateway, delivery):
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


def test_an_incident_is_explained_with_every_delivery_and_the_named_reason_of_every_line(shell, gateway):
    text = shell("explain", "1042").stdout
    assert "done       sms: page asha by sms; 03:09:14 CET (4 min ago); the service reports: delivered" in text
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


def test_a_drop_is_explained_by_its_reason(shell, daemon, gateway, delivery):
    daemon.cases["INC-1042"]["deliveries"] = [
        delivery("INC-1042/sms/page/2", "page", "dropped", person="ben", channel="sms", detail="acknowledged")
    ]
    assert "somebody had acknowledged (acknowledged)" in shell("explain", "1042").stdout


def test_an_envelope_is_explained_alert_by_alert(shell, envelope):
    text = shell("explain", "env_01hx").stdout
    assert text.startswith("env_01hx  incident: it opened an incident, or opened one again\n")
    assert "received  03:09:11 CET (4 min ago)" in text
    assert "never seen before (first_seen)" in text
    assert "INC-1042  opened (opened)  by rule card-gateway-down" in text
    assert "the resolve is older than the fire that we know of (resolve_older_than_fire)" in text
    assert "ingestd explain INC-1042" in text


def test_an_envelope_in_quarantine_says_why_and_what_to_do(shell, envelope):
    envelope |= {"state": "quarantined", "disposition": "quarantined", "reason": "not_json", "detail": "line 1: <html>"}
    envelope["findings"] = []
    text = shell("explain", "env_01hx").stdout
    assert "the body is not JSON (not_json)" in text
    assert "ingestd envelope retry env_01hx" in text


def test_an_explanation_as_json_is_what_the_api_gives(shell, envelope, gateway):
    assert json.loads(shell("explain", "env_01hx", "-o", "json").stdout) == {"envelope": envelope}
    assert json.loads(shell("explain", "1042", "-o", "json").stdout)["incident"] == gateway


def test_what_is_neither_is_a_usage_error(shell, daemon):
    shown = shell("explain", "PAY-311")
    assert shown.exit_code == 2
    assert "neither an incident nor an envelope" in shown.stderr
    assert not daemon.calls


def test_what_does_not_exist_is_not_found(shell):
    assert shell("explain", "env_00").exit_code == 1
