"""The table of states and events, one test per cell; and each transition by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core import lifecycle
from ingestd.core.decide import Answer, AnswerAction, Sighting, decide_alerts, decide_answer, decide_deadline
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import DeadlineKind, Decision, DropReason
from ingestd.core.incident import AlertState, Incident
from ingestd.core.names import EffectKind, IncidentState, Level, Severity
from ingestd.core.policy import Timing
from ingestd.testing.builders import INC, MINUTE, NOW, alert, escalation, incident, known, label, member
from ingestd.testing.world import policy

POLICY = policy()
TRIGGERED, ACKNOWLEDGED, RESOLVED, CLOSED = IncidentState
AFTER = NOW + MINUTE


def after(decision: Decision, before: Incident) -> Incident:
    return next((changed for changed in decision.incidents if changed.id == before.id), before)


def effects(decision: Decision) -> list[str]:
    return [f"{effect.kind}{f' {effect.person}' if effect.person else ''}" for effect in decision.effects]


def due(decision: Decision) -> dict[str, int]:
    return {deadline.kind.value: round((deadline.due_at - NOW).total_seconds()) for deadline in decision.deadlines}


def history(decision: Decision) -> list[str]:
    return [f"{entry.kind}/{entry.reason}" for entry in decision.timeline]


def fires(state: IncidentState, alert_state: AlertState = AlertState.CLEARED, **changes) -> tuple[Decision, Incident]:
    """The incident's own alert fires (again)."""
    before = incident(state, **changes)
    snapshot = Snapshot(
        alerts={alert().key: known(alert_state)},
        incidents={INC: before},
        members={(INC, alert().key): member(state=alert_state)},
        next_number=1002,
    )
    decision = decide_alerts([Sighting(alert(starts_at=NOW), label())], snapshot, POLICY, NOW)
    return decision, after(decision, before)


def all_resolve(state: IncidentState, alert_state: AlertState = AlertState.FIRING) -> tuple[Decision, Incident]:
    before = incident(state, firing_count=1)
    snapshot = Snapshot(
        alerts={alert().key: known(alert_state)},
        incidents={INC: before},
        members={(INC, alert().key): member(state=alert_state)},
    )
    decision = decide_alerts([Sighting(alert("resolved"))], snapshot, POLICY, NOW)
    return decision, after(decision, before)


def answers(state: IncidentState, action: AnswerAction = AnswerAction.ACKNOWLEDGE) -> tuple[Decision, Incident]:
    before = incident(state)
    decision = decide_answer(Answer(INC, action, "bo", "link", "text"), before, POLICY, NOW)
    return decision, after(decision, before)


def passes(kind: DeadlineKind, state: IncidentState, **changes) -> tuple[Decision, Incident]:
    before = incident(state, **changes)
    decision = decide_deadline(kind, before, POLICY, NOW)
    assert decision.cleared_deadlines or decision.deadlines, "a deadline is used up or set anew"
    return decision, after(decision, before)


# ------------------------------------------------------------------ an alert fires


def test_triggered_and_an_alert_fires_it_joins():
    decision, now = fires(TRIGGERED, firing_count=1)
    assert (now.state, now.firing_count) == (TRIGGERED, 2)
    assert effects(decision) == ["ticket-comment"]
    assert history(decision) == ["alert-fired/same_alert"]


def test_acknowledged_and_an_alert_fires_it_joins_and_nobody_is_paged():
    decision, now = fires(ACKNOWLEDGED, firing_count=1)
    assert (now.state, now.acknowledged_by, now.firing_count) == (ACKNOWLEDGED, "ada", 2)
    assert effects(decision) == ["ticket-comment"]


def test_resolved_and_an_alert_fires_within_the_window_it_is_triggered_again_with_its_ticket():
    decision, now = fires(RESOLVED)
    assert (now.state, now.reopen_count, now.resolved_at, now.firing_count) == (TRIGGERED, 1, None, 1)
    assert effects(decision) == ["ticket-reopen", "page ada"]
    assert due(decision) == {"escalate": 300}
    assert (INC, DeadlineKind.CLOSE) in decision.cleared_deadlines
    assert [(drop.kinds, drop.reason) for drop in decision.drops] == [((EffectKind.NOTICE,), DropReason.REFIRED)]


def test_closed_and_an_alert_fires_it_is_a_new_incident():
    decision, old = fires(CLOSED)
    assert old == incident(CLOSED)
    assert [(new.id, new.state) for new in decision.incidents] == [("INC-1002", TRIGGERED)]
    assert effects(decision) == ["ticket-open", "page ada"]
    assert decision.next_number == 1003


def test_clearing_and_it_fires_again_the_grace_is_broken_off():
    decision, now = fires(TRIGGERED, clearing_since=NOW - MINUTE, firing_count=0, escalation=escalation(is_held=True))
    assert (now.clearing_since, now.firing_count, now.escalation.is_held) == (None, 1, False)
    assert (INC, DeadlineKind.RESOLVE) in decision.cleared_deadlines
    assert due(decision) == {"escalate": 0}, "the step that was held goes at once"
    assert effects(decision) == []


def test_a_repeat_keeps_the_newest_start_and_words():
    """So that an old resolve, said again, is known to be older than what fires now."""
    before = incident()
    snapshot = Snapshot(alerts={alert().key: known()}, incidents={INC: before}, members={(INC, alert().key): member()})
    again = alert(starts_at=AFTER, annotations={"summary": "fuller than before"})
    decision = decide_alerts([Sighting(again)], snapshot, POLICY, AFTER)
    (kept,) = decision.alerts
    assert (kept.starts_at, kept.last_seen_at, kept.first_seen_at) == (AFTER, AFTER, NOW - MINUTE)
    assert [part.summary for part in decision.members] == ["fuller than before"]
    assert decision.members[0].joined_at == member().joined_at
    assert decision.timeline == ()


def test_what_vanishes_twice_is_told_once():
    before = incident()
    snapshot = Snapshot(alerts={alert().key: known()}, incidents={INC: before}, members={(INC, alert().key): member()})
    gone = Sighting(alert("resolved", source="grafana", state_reason="MissingSeries"))
    decision = decide_alerts([gone, gone], snapshot, POLICY, NOW)
    assert history(decision) == ["alert-vanished/MissingSeries"]
    assert effects(decision) == ["ticket-comment"]
    assert after(decision, before).firing_count == 1


# ------------------------------------------------------------------ all alerts resolve


@pytest.mark.parametrize("state", [TRIGGERED, ACKNOWLEDGED])
def test_open_and_all_resolve_it_waits_for_the_grace(state):
    decision, now = all_resolve(state)
    assert (now.state, now.firing_count, now.clearing_since) == (state, 0, NOW)
    assert effects(decision) == []
    assert due(decision) == {"resolve": 60}
    assert history(decision) == ["alert-cleared/resolved_by_sender", "clearing/all_cleared"]


@pytest.mark.parametrize("state", [RESOLVED, CLOSED])
def test_over_and_the_rest_resolves_it_is_only_noted(state):
    decision, now = all_resolve(state)
    assert (now.state, now.firing_count) == (state, 0)
    assert effects(decision) == []
    assert due(decision) == {}
    assert [known.state for known in decision.alerts] == [AlertState.CLEARED]


# ------------------------------------------------------------------ somebody acknowledges


def test_triggered_and_acknowledged_the_paging_stops():
    decision, now = answers(TRIGGERED)
    assert (now.state, now.acknowledged_by, now.acknowledged_at) == (ACKNOWLEDGED, "bo", NOW)
    assert [(drop.kinds, drop.reason) for drop in decision.drops] == [((EffectKind.PAGE,), DropReason.ACKNOWLEDGED)]
    paging = (DeadlineKind.ESCALATE, DeadlineKind.PAGE, DeadlineKind.ACKNOWLEDGE, DeadlineKind.ACK_EXPIRE)
    assert decision.cleared_deadlines == tuple((INC, kind) for kind in paging)
    assert effects(decision) == ["ticket-comment"]


@pytest.mark.parametrize("state", [ACKNOWLEDGED, RESOLVED, CLOSED])
def test_any_other_state_and_acknowledged_it_is_noted_and_nothing_changes(state):
    decision, now = answers(state)
    assert now == incident(state)
    assert decision.incidents == ()
    assert effects(decision) == []
    assert history(decision) == ["answer/answered_late"]


def test_the_second_one_reads_who_was_first():
    decision, _ = answers(ACKNOWLEDGED)
    assert decision.timeline[0].text.endswith("; ada was first")


# ------------------------------------------------------------------ a deadline passes


def test_triggered_and_nobody_answered_the_next_step_is_paged():
    decision, now = passes(DeadlineKind.ESCALATE, TRIGGERED)
    assert now.escalation.step_index == 1
    assert effects(decision) == ["page bo"]
    assert due(decision) == {"escalate": 300}


@pytest.mark.parametrize("state", [ACKNOWLEDGED, RESOLVED, CLOSED])
def test_any_other_state_and_a_step_is_due_nobody_is_paged(state):
    decision, now = passes(DeadlineKind.ESCALATE, state)
    assert now == incident(state)
    assert effects(decision) == []


@pytest.mark.parametrize("state", [TRIGGERED, ACKNOWLEDGED])
def test_open_and_the_grace_is_over_it_is_resolved(state):
    decision, now = passes(DeadlineKind.RESOLVE, state, clearing_since=NOW - MINUTE, firing_count=0)
    assert (now.state, now.resolved_at, now.resolved_by, now.clearing_since) == (RESOLVED, NOW, "", None)
    assert effects(decision) == ["notice ada", "ticket-resolve"]
    assert due(decision) == {"close": 1800}


@pytest.mark.parametrize("state", list(IncidentState))
def test_a_grace_that_was_broken_off_resolves_nothing(state):
    decision, now = passes(DeadlineKind.RESOLVE, state)
    assert now == incident(state)
    assert effects(decision) == []


def test_resolved_and_the_reopen_window_is_over_it_is_closed():
    decision, now = passes(DeadlineKind.CLOSE, RESOLVED)
    assert (now.state, now.closed_at) == (CLOSED, NOW)
    assert set(decision.cleared_deadlines) == {(INC, kind) for kind in DeadlineKind}
    assert effects(decision) == []


@pytest.mark.parametrize("state", [TRIGGERED, ACKNOWLEDGED, CLOSED])
def test_any_other_state_and_the_close_is_due_nothing_changes(state):
    decision, now = passes(DeadlineKind.CLOSE, state)
    assert now == incident(state)
    assert effects(decision) == []


# ------------------------------------------------------------------ by hand


@pytest.mark.parametrize("state", [TRIGGERED, ACKNOWLEDGED])
def test_open_and_resolved_by_hand_it_is_over_whatever_still_fires(state):
    decision, now = answers(state, AnswerAction.RESOLVE)
    assert (now.state, now.resolved_by, now.firing_count) == (RESOLVED, "bo", 1)
    assert effects(decision) == ["notice ada", "ticket-resolve"]


@pytest.mark.parametrize("state", [RESOLVED, CLOSED])
def test_over_and_resolved_by_hand_it_is_noted(state):
    decision, now = answers(state, AnswerAction.RESOLVE)
    assert now == incident(state)
    assert history(decision) == ["answer/answered_late"]


@pytest.mark.parametrize("state", list(IncidentState))
def test_a_note_reaches_the_ticket_in_every_state(state):
    decision, now = answers(state, AnswerAction.NOTE)
    assert now.state is state
    assert effects(decision) == ["ticket-comment"]
    assert decision.timeline[0].text.endswith("text")
    assert decision.timeline[0].actor == "bo"


# ------------------------------------------------------------------ what is opened


def opened(timing: Timing | None = None, **changes) -> tuple[Decision, Incident]:
    rules = policy(timing=timing) if timing else POLICY
    decision = decide_alerts([Sighting(alert(), label(**changes))], Snapshot(), rules, NOW)
    return decision, decision.incidents[0]


def test_an_incident_opens_with_what_the_rule_says():
    decision, new = opened(category="storage", runbook="https://wiki.example/disk")
    assert (new.id, new.state, new.severity, new.category) == ("INC-1001", TRIGGERED, Severity.HIGH, "storage")
    assert (new.firing_count, new.alert_count, new.runbook) == (1, 1, "https://wiki.example/disk")
    assert [effect.key for effect in decision.effects] == ["INC-1001/tickets/ticket-open/1", "INC-1001/sms/page/1"]
    assert history(decision) == ["opened/disk-full", "page/opened", "alert-fired/opened"]


def test_a_rule_without_ticket_or_policy_opens_quietly():
    decision, new = opened(ticket=None, policy=None)
    assert decision.effects == ()
    assert decision.deadlines == ()
    assert new.escalation is None
    assert "escalation/no_page" in history(decision)


def test_the_rules_own_reopen_window_wins_also_if_it_is_none():
    assert opened(reopen_within_seconds=0)[1].reopen_within_seconds == 0
    assert opened(Timing(reopen_within_seconds=77))[1].reopen_within_seconds == 77


def test_a_joining_alert_brings_the_ticket_and_the_policy_that_were_missing():
    draft = Draft(Snapshot(), NOW)
    quiet = incident(ticket_connector="", escalation=None, effect_counts={})
    joined = lifecycle.worsen(draft, quiet, label(), POLICY, is_new_alert=True)
    assert effects(draft.finish()) == ["ticket-open", "page ada"]
    assert joined.escalation is not None


@pytest.mark.parametrize("is_new_alert", [True, False])
def test_after_everybody_was_paged_in_vain_only_a_new_alert_pages_again(is_new_alert):
    draft = Draft(Snapshot(), NOW)
    vain = incident(escalation=escalation(is_exhausted=True))
    lifecycle.worsen(draft, vain, label(), POLICY, is_new_alert=is_new_alert)
    assert effects(draft.finish()) == (["page ada"] if is_new_alert else [])


@pytest.mark.parametrize("state", [TRIGGERED, ACKNOWLEDGED])
def test_a_worse_alert_without_a_policy_pages_nobody(state):
    draft = Draft(Snapshot(), NOW)
    worse = label(severity=Severity.CRITICAL, impact=Level.HIGH, policy=None)
    now = lifecycle.worsen(draft, incident(state), worse, POLICY, is_new_alert=True)
    assert (now.state, now.severity) == (state, Severity.CRITICAL)
    assert effects(draft.finish()) == ["ticket-priority"]


@pytest.mark.parametrize(
    ("reopened", "window", "expected"), [(0, 1800, 60), (1, 1800, 120), (4, 1800, 960), (5, 1800, 1800), (99, 30, 60)]
)
def test_the_grace_doubles_with_each_return_up_to_the_reopen_window(reopened, window, expected):
    flapping = incident(reopen_count=reopened, reopen_within_seconds=window)
    assert lifecycle.grace_seconds(flapping, POLICY, NOW) == expected


def test_comments_are_gathered_into_one():
    draft = Draft(Snapshot(), NOW)
    first = lifecycle.comment_ticket(draft, incident(), POLICY)
    lifecycle.comment_ticket(draft, first, POLICY)
    (comment,) = draft.finish().effects
    assert comment.due_at == NOW + timedelta(seconds=30)
    assert lifecycle.comment_ticket(Draft(Snapshot(), NOW), replace(first, ticket_connector=""), POLICY) is not None
