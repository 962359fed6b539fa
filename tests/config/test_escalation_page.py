"""What the page about escalation shows is a configuration that means what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingestd.config.policy import build_policy
from ingestd.config.problems import ConfigProblems
from ingestd.core.names import Channel, Severity
from ingestd.core.policy import AssignBy, Stage

ROOT = Path(__file__).parents[2]

REST = """\
sources:
  am: {kind: alertmanager, auth: none}
connectors:
  mail: {kind: email_pager, from: "ingestd@localhost", maildir: var/mail}
  sms: {kind: sms_pager, gateway: {url: "https://sms.example.com", query: {to: "{to}", text: "{text}"}}}
channels: {email: mail, sms: sms}
schedules:
  payments: {layers: [{name: weeks, people: [asha, ben], start: 2026-01-05 09:00, turn: 1 week}]}
"""


def test_the_example_means_what_the_page_says(load_text):
    page = (ROOT / "docs" / "escalation.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    loaded = load_text(REST + shown[1] + "  default: {policy: payments, ticket: none}\n")
    assert {problem.code for problem in loaded.lint} == {"api-closed", "default-ticket"}, (
        "of what is around the example"
    )
    policy = build_policy(loaded)
    plan = policy.escalations["payments"]
    assert [step.level for step in plan.steps] == [1, 2, 3]
    assert [step.repeat_count for step in plan.steps] == [2, 1, 1]
    assert plan.last_resort == ("noc@example.com",)
    assert policy.people["noc@example.com"].channels == ((Channel.EMAIL, "noc@example.com"),)
    assert plan.ack_expires_seconds == 1800
    asha = policy.people["asha"]
    assert asha.stages_for(is_urgent=True) == (
        Stage((Channel.SMS, Channel.EMAIL)),
        Stage((Channel.SMS, Channel.EMAIL), 120),
    )
    assert asha.stages_for(is_urgent=False) == (Stage((Channel.EMAIL, Channel.SMS)),)
    assert str(asha.quiet.zone) == "Asia/Kolkata"
    team = policy.teams["databases"]
    assert team.assign is AssignBy.LEAST_LOADED
    assert team.bridge_for(Severity.CRITICAL) == "https://meet.example.com/war-room"
    assert team.bridge_for(Severity.LOW) == "https://meet.example.com/databases"


@pytest.mark.parametrize(
    ("right", "wrong", "text", "hint"),
    [
        ("after: 2m", "atfer: 2m", 'unknown key "atfer"', 'did you mean "after"?'),
        ("by: [sms, email]", "by: [smss, email]", '"smss" is not one of email, sms, chat', 'did you mean "sms"?'),
        ("page: [chloe]", "page: [asignee]", 'person "asignee" is not defined', 'did you mean "assignee"?'),
    ],
)
def test_a_slip_in_it_is_told_once_at_its_own_place(load_text, right, wrong, text, hint):
    page = (ROOT / "docs" / "escalation.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    written = REST + shown.replace(right, wrong) + "  default: {policy: payments, ticket: none}\n"
    slip = (
        wrong.partition(":")[0] if right.startswith("after") else wrong.partition("[")[2].partition(",")[0].strip("]")
    )
    line = next(number for number, one in enumerate(written.splitlines(), start=1) if wrong in one)
    with pytest.raises(ConfigProblems) as refused:
        load_text(written)
    (said,) = (problem for problem in refused.value.problems if problem.level == "error")
    assert (said.line, said.column) == (line, written.splitlines()[line - 1].index(slip) + 1)
    assert (said.text, said.hint) == (text, hint)


def test_an_edit_of_a_policy_changes_its_version(load_text):
    page = (ROOT / "docs" / "escalation.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    versions = {
        build_policy(load_text(REST + text + "  default: {policy: payments}\n")).escalations["payments"].version
        for text in (shown, shown, shown.replace("wait: 5m", "wait: 6m"), shown.replace("30m", "31m"))
    }
    assert len(versions) == 3
