"""What reaches a terminal: colour only there, and never a character that a stranger chose to act on it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]")


@pytest.fixture
def on_a_screen(daemon):
    """Runs the program on a pseudo-terminal of 80 columns; what the terminal was sent."""

    def run(*args: str, typed: str = "", **env: str) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        command = [sys.executable, "-m", "ingestd", "--url", daemon.url, *args]
        environment = {**os.environ, "TERM": "xterm-256color", **env}
        with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
            os.close(theirs)
            os.write(ours, typed.encode())
            sent = b""
            while True:
                try:
                    chunk = os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
                if not chunk:
                    break
                sent += chunk
            process.wait(30)
        os.close(ours)
        run.exit_code = process.returncode
        return sent.decode().replace("\r\n", "\n")

    return run


@pytest.fixture
def hostile_incident(daemon, gateway, hostile):
    """Every text of an incident that a stranger, or a service, could choose."""
    attack, _ = hostile
    case = daemon.cases["INC-1042"]
    gateway |= dict.fromkeys(["title", "team", "rule", "runbook", "acknowledged_by", "summary", "url"], attack)
    gateway["ticket"] = {"label": attack, "url": attack}
    gateway["escalation"]["steps"][1]["people"] = [attack]
    alert = case["alerts"][0]
    alert |= {"name": attack, "summary": attack, "value": attack, "labels": {attack: attack}, "links": {attack: attack}}
    for line in case["timeline"]:
        line |= {"text": attack, "reason": attack, "kind": attack, "actor": attack}
    for row in case["deliveries"]:
        row |= {"detail": attack, "person": attack, "channel": attack, "connector": attack, "receipt_status": attack}
    daemon.deliveries = {row["key"]: row for row in case["deliveries"]}
    return gateway


COMMANDS = [
    ("incident", "list"),
    ("incident", "show", "1042"),
    ("explain", "1042"),
    ("outbox", "list", "--state", "all"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_text_reaches_a_pipe_harmless(shell, hostile_incident, command):
    shown = shell(*command)
    assert shown.exit_code == 0
    assert not _CONTROL.findall(shown.stdout + shown.stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_hostile_text_reaches_a_screen_harmless(on_a_screen, hostile_incident, command):
    sent = on_a_screen(*command)
    assert "\x1b[" in sent, "colours of our own are wanted on a screen"
    assert not _CONTROL.findall(_COLOUR.sub("", sent))


def test_the_text_itself_stays_readable(shell, hostile_incident, hostile):
    _, shown = hostile
    assert shown in shell("incident", "list").stdout


def test_hostile_text_in_json_is_escaped_and_still_the_same(shell, hostile_incident, hostile):
    attack, _ = hostile
    shown = shell("incident", "show", "1042", "-o", "json").stdout
    assert not _CONTROL.findall(shown)
    assert json.loads(shown)["incident"]["title"] == attack


def test_hostile_bodies_reach_a_screen_as_lines_of_text(on_a_screen, daemon, hostile):
    attack, _ = hostile
    daemon.bodies["env_1"] = f'{{"a": "{attack}",\n "b": 1}}'.encode()
    sent = on_a_screen("envelope", "body", "env_1")
    assert not _CONTROL.findall(sent)
    assert ' "b": 1}' in sent.splitlines()[-1]


def test_answers_of_the_daemon_are_made_harmless(shell, gateway, hostile):
    attack, shown = hostile
    assert shell("incident", "ack", "1042", "--by", attack).stdout == f"{shown} acknowledged INC-1042\n"


def test_other_alphabets_stay_readable_in_json(shell, gateway):
    gateway["title"] = "Zahlungen stehen: Ошибка 決済"
    assert "Ошибка 決済" in shell("incident", "show", "1042", "-o", "json").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_no_line_is_wider_than_the_screen(on_a_screen, daemon, gateway, command):
    gateway["title"] = "a title that goes on and on " * 9
    daemon.deliveries = {row["key"]: row for row in daemon.cases["INC-1042"]["deliveries"]}
    assert max(len(_COLOUR.sub("", line)) for line in on_a_screen(*command).splitlines()) <= 80


@pytest.mark.parametrize("command", COMMANDS[:2])
def test_in_a_pipe_there_is_no_colour(shell, gateway, command):
    assert "\x1b" not in shell(*command, env={"FORCE_COLOR": "1", "TERM": "xterm-256color"}).output


def test_colour_can_be_refused_on_a_screen(on_a_screen, gateway):
    assert "\x1b" not in on_a_screen("incident", "show", "1042", NO_COLOR="1")
    assert "\x1b" not in on_a_screen("incident", "show", "1042", TERM="dumb")
    assert "\x1b" not in on_a_screen("incident", "show", "1042", "--no-color")


@pytest.mark.parametrize(("typed", "state", "exit_code"), [("y", "resolved", 0), ("n", "triggered", 1)])
def test_on_a_screen_a_resolve_is_asked_about(on_a_screen, gateway, typed, state, exit_code):
    assert "whether or not alerts still fire? [y/N]" in on_a_screen("incident", "resolve", "1042", typed=f"{typed}\n")
    assert (gateway["state"], on_a_screen.exit_code) == (state, exit_code)
