"""Rules for the simulator that keep alerts back: holds, thresholds, inhibition, maintenance and a major incident, with the names of its alerts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ingestd.core.conduct import Threshold
from ingestd.core.names import Level
from ingestd.core.policy import Policy
from ingestd.core.rule_draft import MaintenanceDraft, PairDraft, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, DuringWindow
from ingestd.core.windows import OneOff
from ingestd.testing.world import START, policy

RESTRAINED_NAMES = ("DiskFull", "SiteDown", "Odd", "Flaky", "AppDown")
"""What fires in a simulated day under these rules; ``Odd`` has no rule."""

Fired = tuple[str, str, str]
"""Name, host and cluster of an alert."""


def _rule(name: str, **changes: Any) -> RuleDraft:  # noqa: ANN401 (fields of a RuleDraft)
    plain = RuleDraft(name.lower(), (f"alertname = {name}",), impact=Level.MEDIUM, urgency=Level.HIGH, correlate_by=())
    return replace(plain, **changes)


def _window(name: str, during: DuringWindow, match: str, begin_minutes: int, end_minutes: int) -> MaintenanceDraft:
    def at(minutes: int) -> datetime:
        return START + timedelta(minutes=minutes)

    return MaintenanceDraft(name, (match,), None, (), (OneOff(at(begin_minutes), at(end_minutes)),), during)


def restrained_policy() -> Policy:
    """The people and the escalation of the small world, under rules that keep most of what fires back for a while."""
    same = PairDraft(("alertname = SiteDown",), ("cluster",))
    rules = (
        _rule("DiskFull", hold_seconds=120),
        _rule("SiteDown", impact=Level.HIGH, collects=PairDraft(("alertname = DiskFull",), ("cluster",))),
        _rule("Flaky", threshold=Threshold(2, 1800), dedup_by=("host", "cluster")),
        _rule("AppDown", inhibit_by=(same,)),
    )
    windows = (
        _window("drop", DuringWindow.DROP, "host = web1", 0, 40),
        _window("record", DuringWindow.RECORD, "host = db3", 5, 60),
        _window("ticket", DuringWindow.TICKET_ONLY, "host = db2", 20, 90),
    )
    return policy(rules, stages=Stages(DEFAULT_MATRIX, "test", maintenance=windows))


def may_be_kept_back(fired: Fired, fires: Collection[Fired]) -> bool:
    """Whether these rules may keep the alert back for ever, given everything that fires."""
    name, _, cluster = fired
    return name == "Flaky" or (name == "AppDown" and any(one[0] == "SiteDown" and one[2] == cluster for one in fires))
