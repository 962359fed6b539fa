"""``ingestd incident``: what a person sees at night, and what their answers change."""

from __future__ import annotations

import json

import pytest


def test_a_list_shows_what_is_open_with_age_and_severity(shell, gateway):
    shown = shell("incident", "list")
    assert shown.exit_code == 0
    assert (
        " ".join(shown.stdout.splitlines()[1].split())
        == "INC-1042 critical triggered 4 min ago 2/3 payments card-gateway: auth errors 34 %"
    )


def test_a_list_fits_eighty_columns_and_cuts_only_the_title(shell, gateway):
    gateway["title"] = "a title that goes on " * 20
    lines = shell("incident", "list", env={"COLUMNS": "80"}).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("INC-1042  critical  triggered  4 min ago  2/3     a title that")


def test_in_a_pipe_nothing_is_cut(shell, gateway):
    gateway["title"] = "a title that goes on " * 20
    assert gateway["title"].strip() in shell("incident", "list").stdout


def test_a_state_is_asked_of_the_daemon(shell, daemon, gateway):
    assert "INC-1042" not in shell("incident", "list", "--state", "resolved").stdout
    assert daemon.calls[-1].query == {"state": "resolved", "limit": "50"}


def test_nothing_open_is_said_beside_the_data(shell):
    shown = shell("incident", "list")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "", "nothing is open\n")
    assert shell("incident", "list", "-q").stderr == ""


def test_ids_alone_can_be_had_for_another_command(shell, gateway):
    assert shell("incident", "list", "-o", "id").stdout == "INC-1042\n"


def test_a_list_that_was_limited_says_that_there_may_be_more(shell, gateway):
    assert "--limit" in shell("incident", "list", "--limit", "1").stderr


@pytest.mark.parametrize("verb", ["list", "show"])
def test_json_is_what_the_api_gives(shell, gateway, verb):
    shown = shell("incident", verb, *(["1042"] if verb == "show" else []), "-o", "json")
    found = json.loads(shown.stdout)
    assert (found["incident"] if verb == "show" else found["incidents"][0]) == gateway
    assert shown.stderr == ""


def test_a_page_tells_first_what_and_who_and_what_happens_next(shell, gateway):
    lines = shell("incident", "show", "1042").stdout.splitlines()
    assert lines[0] == "INC-1042  CRITICAL  triggered, nobody has acknowledged"
    assert lines[1] == "card-gateway: auth errors 34 %"
    assert "  opened   03:09:12 CET (4 min ago)" in lines
    assert "  firing   2 of 3 alerts" in lines
    assert "  next     03:18:30 CET (in 4 min): ben, chloe are paged (L2), unless somebody acknowledges" in lines
    assert "  ticket   none yet: jira  uncertain" in lines


def test_a_page_fits_eighty_columns(shell, gateway):
    lines = shell("incident", "show", "1042", env={"COLUMNS": "80"}).stdout.splitlines()
    assert max(map(len, lines)) <= 80


def test_a_page_says_what_may_have_happened_and_what_to_type(shell, gateway):
    text = shell("incident", "show", "1042").stdout
    assert "jira: open ticket; it may have happened, so it is looked up before it is sent again; tried 2 times" in text
    assert "asha by sms  03:09:14 CET (4 min ago)  the service reports: delivered" in text
    assert "ingestd incident ack INC-1042" in text


def test_a_page_shows_the_end_of_a_long_timeline(shell, daemon, gateway):
    line = daemon.cases["INC-1042"]["timeline"][0]
    daemon.cases["INC-1042"]["timeline"] = [line | {"seq": n, "text": f"fact {n}."} for n in range(25)]
    text = shell("incident", "show", "1042").stdout
    assert "Timeline, the last 10 of 25" in text
    assert "fact 24." in text
    assert "fact 14." not in text


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        (
            {"state": "acknowledged", "acknowledged_by": "ben", "acknowledged_at": "2026-03-02T02:12:00Z"},
            "acknowledged, by ben 2 min ago",
        ),
        ({"state": "resolved", "resolved_at": "2026-03-01T22:00:00Z"}, "resolved, 4 h ago"),
        ({"state": "closed", "resolved_at": "2026-02-20T22:00:00Z"}, "closed, 9 d ago"),
    ],
)
def test_a_page_says_who_has_it_or_that_it_is_over(shell, gateway, fields, head):
    gateway |= fields
    assert shell("incident", "show", "1042").stdout.splitlines()[0].endswith(head)


def test_an_acknowledgement_is_told_back(shell, daemon, gateway):
    shown = shell("incident", "ack", "INC-1042", "--by", "asha")
    assert (shown.exit_code, shown.stdout) == (0, "asha acknowledged INC-1042\n")
    assert daemon.calls[-1].body == {"via": "cli", "by": "asha"}
    assert gateway["state"] == "acknowledged"


def test_the_second_one_reads_who_was_first(shell, gateway):
    shell("incident", "ack", "1042", "--by", "asha")
    shown = shell("incident", "ack", "1042", "--by", "ben")
    assert (shown.exit_code, shown.stdout) == (0, "asha was first: acknowledged INC-1042; nothing changed\n")


def test_without_a_token_the_user_of_the_machine_answers(shell, daemon, gateway):
    shell("incident", "ack", "1042")
    assert daemon.calls[-1].body["by"] == "night-shift"


def test_with_a_token_the_daemon_knows_who_answers(shell, daemon, gateway):
    daemon.tokens["token-of-asha"] = "responder"
    shown = shell("incident", "ack", "1042", env={"INGESTD_TOKEN": "token-of-asha"})
    assert shown.stdout == "asha acknowledged INC-1042\n"
    assert "by" not in daemon.calls[-1].body


def test_several_are_answered_although_one_is_missing(shell, gateway):
    shown = shell("incident", "ack", "7", "1042", "--by", "asha")
    assert shown.exit_code == 1
    assert shown.stdout == "asha acknowledged INC-1042\n"
    assert shown.stderr == "error: there is no incident INC-7\n"


def test_resolving_needs_a_yes_that_nobody_can_give_in_a_pipe(shell, gateway):
    shown = shell("incident", "resolve", "1042", stdin="y\n")
    assert shown.exit_code == 2
    assert "add --yes" in shown.stderr
    assert gateway["state"] == "triggered"


def test_resolving_with_a_yes(shell, gateway):
    shown = shell("incident", "resolve", "1042", "--yes", "--by", "asha", "-o", "json")
    assert json.loads(shown.stdout)["state"] == "resolved"


def test_a_note_may_come_from_a_pipe(shell, daemon, gateway):
    shell("incident", "note", "1042", "-", stdin="two\nlines\n")
    assert daemon.calls[-1].body["text"] == "two\nlines"
    shell("incident", "note", "1042", "rolled", "back")
    assert daemon.calls[-1].body["text"] == "rolled back"


def test_an_empty_note_is_no_note(shell, daemon, gateway):
    assert shell("incident", "note", "1042", "-", stdin=" \n").exit_code == 2
    assert not daemon.calls


def test_what_does_not_exist_is_said_with_a_hint(shell):
    shown = shell("incident", "show", "inc-7")
    assert shown.exit_code == 1
    assert shown.stderr == "error: there is no incident INC-7\nhint: see: ingestd incident list --state all\n"


@pytest.mark.parametrize("text", ["INC-", "../../etc", "1042;", "INC-10 42", "٤٢"])
def test_what_is_no_incident_is_a_usage_error_and_asks_nobody(shell, daemon, text):
    assert shell("incident", "show", text).exit_code == 2
    assert not daemon.calls


@pytest.mark.parametrize(
    ("words", "verb", "body"),
    [
        (("escalate", "1042", "--why", "needs a DBA"), "escalate", {"text": "needs a DBA"}),
        (("handover", "1042", "L3", "--why", "kernel bug"), "handover", {"to": "L3", "text": "kernel bug"}),
        (("assign", "1042", "ben"), "assign", {"to": "ben", "text": ""}),
        (("unack", "1042"), "unack", {}),
    ],
)
def test_what_people_do_to_an_incident_is_asked_of_the_daemon(shell, daemon, gateway, words, verb, body):
    shown = shell("incident", *words, "--by", "asha")
    assert shown.exit_code == 0
    assert shown.stdout.strip()
    assert daemon.calls[-1].path.endswith(f"/INC-1042/{verb}")
    assert daemon.calls[-1].body == {"via": "cli", "by": "asha", **body}
