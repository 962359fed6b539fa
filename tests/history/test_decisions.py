"""What was decided about a recorded history is decided again, from commit to commit; a difference is approved in the same commit."""

from __future__ import annotations

import difflib

from tests.history.replaying import DECISIONS, decisions

SHOWN_LINES = 60


def test_the_recorded_history_is_decided_as_it_was():
    before, now = DECISIONS.read_text("utf-8"), decisions()
    changed = list(
        difflib.unified_diff(before.splitlines(), now.splitlines(), "decisions.txt", "decided now", lineterm="", n=2)
    )
    shown = "\n".join(changed[:SHOWN_LINES])
    assert not changed, (
        f"{shown}\n\nIf that is meant, approve it with `make approve-history` and commit it with the change."
    )


def test_the_recorded_history_brings_about_every_way_of_keeping_an_alert_back():
    text = DECISIONS.read_text("utf-8")
    wanted = (
        "on_hold",
        "below_threshold",
        "inhibited",
        "in_maintenance",
        "monitored",
        "cleared_while_held",
        "auto_resolved",
    )
    more = (
        "explains/explained",
        "page/released",
        "page/office_hours",
        "clearing/flapping",
        "resolved_by_people_only",
        "reopened",
    )
    assert [word for word in (*wanted, *more) if word not in text] == []
