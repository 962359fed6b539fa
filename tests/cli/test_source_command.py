"""``ingestd source test``: what a source makes of a file, without a daemon."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[1] / "samples"
CONFIG = """\
sources:
  am: {kind: alertmanager, auth: none}
  open: {kind: email, auto_resolve_after: 2h, email: {recipients: [alerts@example.com], auth: none}}
  proved:
    kind: email
    email:
      recipients: [proved@example.com]
      authserv_id: mx.example.com
      profiles: [smartd, box]
      reports: {services: {shop: [shop]}}
connectors:
  jira: {kind: ticket_folder, path: tickets}
  mail: {kind: email_pager, from: ingestd@example.com, maildir: mail}
people:
  ben: {email: ben@example.com}
channels: {email: mail}
policies:
  ops: {steps: [{page: [ben], wait: 10m}]}
teams:
  default: {policy: ops, ticket: {to: jira}}
mail: {listener: {listen: "127.0.0.1:2525"}}
mail_profiles:
  box:
    match: ['alert.subject =~ "BOX .*"']
    extract: {from: alert.subject, regex: 'BOX (?P<word>\\w+) (?P<box>\\w+)'}
    status: {from: word, problem: [BAD], recovery: [GOOD]}
    identity: [box]
api: {loopback_without_token: true}
"""
RULES = """\
version: 1
rules:
  - rule: disks
    match: ['alert.subject =~ ".*Disk.*"', mail_profile = nagios]
    urgency: high
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "disks.yaml").write_text(RULES)
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path / "config.yaml"


def mail(name: str) -> str:
    """A sample, copied to where the command runs."""
    place = Path.cwd() / "mail.eml"
    shutil.copy(SAMPLES / "mail" / f"{name}.eml", place)
    return place.name


def written(text: str, subject: str = "Shop", head: str = "") -> str:
    Path("own.eml").write_bytes(f"From: ada@example.com\r\nSubject: {subject}\r\n{head}\r\n{text}\r\n".encode())
    return "own.eml"


def test_each_alert_is_shown_with_its_status_its_identity_and_where_the_rules_send_it(bare_shell):
    shown = bare_shell("source", "test", "open", mail("nagios/01-service-problem"))
    assert (shown.exit_code, shown.stderr) == (0, "")
    key = next(line.split()[-1] for line in shown.stdout.splitlines() if "identity" in line)
    assert key.startswith("open/v1:")
    assert (
        shown.stdout.replace(key, "KEY")
        == """\
  from      nagios@mon.example.com
  subject   ** PROBLEM Service Alert: db1/Disk /var is CRITICAL **
  read as   machine mail, by the profile nagios
  believed  without proof: the source says auth: none

alert 1 of 1
  status    firing
  identity  KEY
  labels    host=db1 service=Disk /var state=CRITICAL address=192.0.2.11 severity=critical alertname=Disk /var mail_profile=nagios
  summary   Disk /var on db1 is CRITICAL: DISK CRITICAL - free space: /var 512 MB (3% inode=87%)
  since     2026-11-22T02:12:41Z
  expires   2026-03-02T04:14:00Z
  rule      disks
  severity  high  impact medium × urgency high
  team      default
  ticket    jira
  page      ops
"""
    )


def test_a_problem_and_its_end_have_the_same_identity(bare_shell):
    keys = []
    for name in ("nagios/01-service-problem", "nagios/03-service-recovery"):
        shown = json.loads(bare_shell("source", "test", "open", mail(name), "-o", "json").stdout)
        keys.append(shown["alerts"][0]["key"])
    assert keys[0] == keys[1]


def test_explain_names_each_profile_that_was_asked_and_what_did_not_hold(bare_shell):
    shown = bare_shell("source", "test", "proved", written("x", "BOX BAD b1"), "--explain")
    assert '  smartd  no     needs alert.subject =~ "SMART error' in shown.stdout
    assert "  box     MATCH\n" in shown.stdout


def test_of_mail_that_a_profile_ignores_it_is_said_that_nothing_comes_of_it(bare_shell):
    shown = bare_shell("source", "test", "open", mail("nagios/06-acknowledged"))
    assert shown.exit_code == 0
    assert "ignored   the profile nagios says that nothing comes of such a mail" in shown.stdout
    assert "alert 1" not in shown.stdout


def test_why_a_mail_is_not_what_its_profile_expects_is_shown(bare_shell):
    shown = bare_shell("source", "test", "open", mail("nagios/15-a-word-nobody-knows"))
    assert 'odd       the status "ESCALATED" is none of the words of the profile nagios' in shown.stdout


def test_whether_the_sender_is_believed_is_said_as_far_as_the_file_tells(bare_shell):
    shown = bare_shell("source", "test", "proved", written("it is down"))
    assert "read as   a person's report" in shown.stdout
    assert "believed  no, it would be put aside (unauthenticated): " in shown.stdout
    assert "a file does not say how the mail came" in shown.stdout


def test_what_is_no_content_is_named_for_what_it_is(bare_shell):
    shown = bare_shell("source", "test", "open", written("x", head="X-Ingestd-Id: 1\r\n"))
    assert (shown.exit_code, "read as  own (own_page): no alert comes of it" in shown.stdout) == (0, True)


def test_a_mail_that_no_profile_knows_is_the_alert_itself(bare_shell):
    shown = bare_shell("source", "test", "open", written("hello", "Water in room 2"))
    assert "read as   the mail itself as an alert: no profile knows it" in shown.stdout


def test_the_body_of_a_webhook_is_tried_in_the_same_way_also_from_a_pipe(bare_shell):
    body = (SAMPLES / "alertmanager" / "03-single-firing.json").read_bytes()
    shown = json.loads(bare_shell("source", "test", "am", "-", "-o", "json", stdin=body).stdout)
    assert (shown["kind"], shown["mail"], shown["unreadable"], shown["refused"]) == ("alertmanager", None, None, [])
    assert [(one["status"], one["rule"], one["page"]) for one in shown["alerts"]] == [("firing", "unmatched", "ops")]


def test_what_cannot_be_read_says_why_and_ends_with_1(bare_shell):
    shown = bare_shell("source", "test", "am", "-", stdin=b"hello")
    assert shown.exit_code == 1
    assert "unreadable  not_json" in shown.stdout
    assert (
        json.loads(bare_shell("source", "test", "am", "-", "-o", "json", stdin=b"hello").stdout)["unreadable"]["reason"]
        == "not_json"
    )


def test_a_part_that_cannot_be_read_ends_with_1_and_the_rest_is_shown(bare_shell):
    body = {
        "version": "4",
        "alerts": [{"status": "firing", "labels": {"alertname": "A"}}, {"status": "firing", "labels": 3}],
    }
    shown = bare_shell("source", "test", "am", "-", stdin=json.dumps(body))
    assert shown.exit_code == 1
    assert "alert 1 of 1" in shown.stdout
    assert "bad_alert" in shown.stdout


@pytest.mark.parametrize(
    ("args", "code", "text"),
    [
        (("opne", "own.eml"), 2, 'there is no source "opne"'),
        (("open", "none.eml"), 1, "cannot read none.eml"),
    ],
)
def test_what_cannot_be_tried_is_told_in_one_sentence(bare_shell, args, code, text):
    written("x")
    shown = bare_shell("source", "test", *args)
    assert (shown.exit_code, shown.stdout) == (code, "")
    assert text in shown.stderr


def test_a_raw_mail_can_be_followed_through_the_rules(bare_shell):
    shown = bare_shell("rules", "route", "--payload", mail("nagios/01-service-problem"), "--source", "open")
    assert "disks  MATCH  rules/disks.yaml:3" in shown.stdout


def test_what_a_mail_says_cannot_speak_to_the_terminal(bare_shell):
    shown = bare_shell("source", "test", "open", written("x\x1b[2J", "a\x1b[2J\x07b"))
    assert "\x1b" not in shown.stdout
    assert "\x07" not in shown.stdout
