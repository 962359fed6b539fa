"""``ingestd envelope``: what came in, as it came in."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def quarantined(daemon):
    envelope = {
        "id": "env_02bad",
        "source": "grafana",
        "kind": "grafana",
        "received_at": "2026-03-02T02:00:00Z",
        "remote": "192.0.2.8",
        "state": "quarantined",
        "alert_count": None,
        "disposition": "quarantined",
        "reason": "not_json",
        "detail": "it begins with “<html>”",
        "processed_at": "2026-03-02T02:00:00Z",
        "findings": [],
    }
    done = envelope | {"id": "env_01ok", "state": "done", "disposition": "duplicate", "alert_count": 1, "reason": None}
    daemon.envelopes = {"env_02bad": envelope, "env_01ok": done | {"detail": None}}
    daemon.bodies = {"env_02bad": b"<html>\x1b[2J\xff\r\n</html>"}
    return envelope


def test_a_list_says_what_each_became_and_why(shell, quarantined):
    lines = shell("envelope", "list").stdout.splitlines()
    assert " ".join(lines[1].split()) == "env_02bad grafana 14 min ago quarantined not_json: it begins with “<html>”"
    assert " ".join(lines[2].split()) == "env_01ok grafana 14 min ago duplicate 1 alert"


def test_quarantined_ones_can_be_listed_and_all_retried(shell, quarantined):
    ids = shell("envelope", "list", "--quarantined", "-o", "id").stdout.split()
    assert ids == ["env_02bad"]
    shown = shell("envelope", "retry", *ids)
    assert (shown.exit_code, shown.stdout) == (0, "env_02bad is read once more\n")
    assert shell("envelope", "list", "--quarantined").stderr == "nothing is quarantined\n"


def test_a_source_is_asked_of_the_daemon(shell, daemon, quarantined):
    assert shell("envelope", "list", "--source", "mail").stdout == ""
    assert daemon.calls[-1].query["source"] == "mail"


def test_one_that_is_not_quarantined_cannot_be_retried(shell, quarantined):
    shown = shell("envelope", "retry", "env_01ok")
    assert shown.exit_code == 1
    assert "is not quarantined" in shown.stderr


def test_a_body_goes_into_a_pipe_byte_for_byte(shell, daemon, quarantined):
    assert shell("envelope", "body", "env_02bad").stdout_bytes == daemon.bodies["env_02bad"]


def test_show_and_json(shell, quarantined):
    assert "the body is not JSON (not_json)" in shell("envelope", "show", "env_02bad").stdout
    assert json.loads(shell("envelope", "show", "env_02bad", "-o", "json").stdout)["envelope"] == quarantined
    found = json.loads(shell("envelope", "list", "-o", "json").stdout)
    assert [one["id"] for one in found["envelopes"]] == ["env_02bad", "env_01ok"]


def test_an_id_cannot_lead_elsewhere(shell, daemon, quarantined):
    shell("envelope", "show", "../incidents?x=")
    assert daemon.calls[-1].path == "/api/v1/envelopes/../incidents?x="


@pytest.fixture
def put_aside(daemon, quarantined):
    daemon.envelopes["env_02bad"] |= {"kind": "email", "reason": "unauthenticated", "detail": "nothing shows who"}
    daemon.mails = {
        "env_02bad": {
            "from": "Nagios <nagios@example.com>",
            "subject": "disk \x1b[2Jfull",
            "envelope_from": "",
            "envelope_to": ["post@example.com"],
            "door": "smtp",
            "handed_in_by": "203.0.113.9",
            "proof": "",
            "attachments": [{"name": "df.txt", "content_type": "text/plain", "size_bytes": 12}],
            "text": "The disk\x07 is full.\nreally",
        }
    }


def test_a_mail_is_shown_as_people_read_it_and_cannot_steer_the_terminal(shell, put_aside):
    shown = shell("envelope", "show", "env_02bad").stdout
    assert "nothing shows who wrote it (unauthenticated)" in shown
    assert "Nagios <nagios@example.com>" in shown
    assert "from <> to post@example.com" in shown
    assert "df.txt (12 bytes)" in shown
    assert "  really" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "ingestd envelope release env_02bad" in shown


def test_a_mail_that_somebody_has_read_is_let_through(shell, daemon, put_aside):
    shown = shell("envelope", "release", "env_02bad")
    assert (shown.exit_code, daemon.calls[-1].path) == (0, "/api/v1/envelopes/env_02bad/release")
    assert shell("envelope", "release", "env_01ok").exit_code == 1
