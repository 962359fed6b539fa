"""``ingestd page test``, also as ``ingestd test page``."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def asha(daemon):
    daemon.people["asha"] = [
        {"channel": "sms", "connector": "twilio", "address_masked": "+49…678", "ok": True, "text": "accepted as SM12"},
        {"channel": "email", "connector": "mail", "address_masked": "a…@example.com", "ok": True, "text": "250 queued"},
    ]
    return daemon.people["asha"]


@pytest.mark.parametrize("words", [("page", "test"), ("test", "page")])
def test_every_channel_is_tried_and_the_words_of_the_service_shown(shell, asha, words):
    shown = shell(*words, "asha")
    assert shown.exit_code == 0
    assert " ".join(shown.stdout.splitlines()[1].split()) == "sms sent twilio +49…678 accepted as SM12"
    assert "ask asha whether it arrived" in shown.stderr


def test_one_channel_alone(shell, daemon, asha):
    assert "email" not in shell("page", "test", "asha", "--by", "sms").stdout
    assert daemon.calls[-1].body == {"person": "asha", "by": "sms"}


def test_a_channel_that_did_not_take_it_fails_the_command(shell, asha):
    asha[0] |= {"ok": False, "text": "21610: the number has opted out"}
    shown = shell("page", "test", "asha")
    assert shown.exit_code == 1
    assert "21610: the number has opted out" in shown.stdout
    assert "the page did not go out by sms" in shown.stderr


def test_a_person_without_channels_fails_the_command(shell, daemon):
    daemon.people["ben"] = []
    assert shell("page", "test", "ben").exit_code == 1


def test_json_carries_the_failure_too(shell, asha):
    asha[0]["ok"] = False
    shown = shell("page", "test", "asha", "-o", "json")
    assert shown.exit_code == 1
    assert json.loads(shown.stdout)["results"] == asha


def test_an_unknown_person_is_not_found_and_the_known_are_named(shell, asha):
    shown = shell("page", "test", "aisha")
    assert shown.exit_code == 1
    assert "hint: there are: asha" in shown.stderr


def test_a_contact_that_counts_as_dead_fails_the_command_though_it_was_sent(shell, asha):
    asha[0]["dead"] = "the person answered STOP"
    shown = shell("page", "test", "asha")
    assert shown.exit_code == 1
    assert "pages pass over what counts as dead: sms (the person answered STOP)" in shown.stderr
