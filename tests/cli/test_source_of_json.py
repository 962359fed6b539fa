"""``ingestd source test`` for what is read by a mapping: a path that leads nowhere shows, and so does a word that is not listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

CONFIG = """\
sources:
  robots:
    kind: json
    auth: none
    json:
      identity: [id, zone]
      status: {from: state, problem: [down], recovery: [up]}
      alertname: check
      labels: {host: host, severity: critical, "tag_*": tags}
      links: {generator: url}
connectors:
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
people:
  ben: {email: ben@example.com}
channels: {email: mail}
policies:
  ops: {steps: [{page: [ben], wait: 10m}]}
teams:
  default: {policy: ops}
api: {loopback_without_token: true}
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "own.yaml").write_text(
        "version: 1\nrules:\n  - {rule: web, match: [host = web], urgency: high}\n"
    )
    (tmp_path / "config.yaml").write_text(CONFIG)


def body(text: str) -> str:
    Path("body").write_text(text)
    return "body"


def tried(bare_shell, text: str) -> dict[str, object]:
    shown = bare_shell("source", "test", "-o", "json", "robots", body(text))
    assert (shown.exit_code, shown.stderr) == (0, "")
    return json.loads(shown.stdout)["alerts"][0]


def test_a_path_that_leads_nowhere_is_named(bare_shell):
    problem = (
        '{"id": 7, "zone": "a", "state": "down", "check": "Shop", "host": "web", "url": "https://x/", "tags": {"a": 1}}'
    )
    shown = bare_shell("source", "test", "robots", body(problem))
    assert 'labels.severity (nothing at "critical")' in shown.stdout
    assert "odd" not in shown.stdout
    found = tried(bare_shell, problem)
    assert (found["status"], found["rule"], found["empty"]) == ("firing", "web", {"labels.severity": "critical"})


def test_an_object_whose_names_are_taken_is_named_too(bare_shell):
    found = tried(bare_shell, '{"id": 7, "zone": "a", "state": "down", "check": "Shop", "tag_x": 1, "tgas": {"a": 1}}')
    assert found["empty"]["labels.tag_*"] == "tags"


def test_a_body_of_which_nothing_comes_says_why(bare_shell):
    shown = bare_shell("source", "test", "robots", body("[]"))
    assert shown.exit_code == 0
    assert "its list is empty" in shown.stdout


def test_what_does_not_fit_is_told(bare_shell):
    shown = bare_shell("source", "test", "robots", body('{"id": 7, "state": "strange"}'))
    assert 'the status "strange" is none of those listed: taken as firing' in shown.stdout
    assert 'nothing at "zone" of the identity' in shown.stdout


def test_a_form_is_read_and_has_the_identity_of_its_json(bare_shell):
    assert tried(bare_shell, "id=7&zone=a&state=Up")["key"] == tried(bare_shell, '{"id": 7, "zone": "a"}')["key"]


def test_a_recovery_that_does_not_say_of_what_cannot_be_read(bare_shell):
    shown = bare_shell("source", "test", "robots", body('{"state": "up"}'))
    assert shown.exit_code == 1
    assert '"id", "zone"' in shown.stdout
