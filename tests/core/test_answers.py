"""What follows from a person's word; each transition alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.answers import Answer, AnswerAction, decide_answer, level_of
from ingestd.core.decide import decide_deadline
from ingestd.core.effects import DeadlineKind, DropReason, PageReason
from ingestd.core.names import EffectKind, IncidentState, PersonName
from ingestd.core.policy import EscalationPolicy, Step, Team
from ingestd.testing.builders import INC, NOW, escalation, incident
from ingestd.testing.world import policy

POLICY = policy()
LATE = tuple(action for action in AnswerAction if action is not AnswerAction.NOTE)


def say(action: AnswerAction, before, rules=POLICY, by: str = "ada", **more):
    decision = decide_answer(Answer(INC, action, by, "cli", **more), before, rules, NOW)
    after = next((one for one in decision.incidents if one.id == INC), before)
    return decision, after


def reasons(decision) -> list[str]:
    return [line.reason for line in decision.timeline]


def paged(decision) -> list[str]:
    return [effect.person for effect in decision.effects if effect.kind is EffectKind.PAGE]


def expires_in(decision) -> float | None:
    return next(
        ((one.due_at - NOW).total_seconds() for one in decision.deadlines if one.kind is DeadlineKind.ACK_EXPIRE), None
    )


@pytest.mark.parametrize("state", [IncidentState.RESOLVED, IncidentState.CLOSED])
@pytest.mark.parametrize("action", LATE)
def test_after_the_end_nothing_changes_and_it_is_said(state, action):
    before = incident(state, escalation=escalation())
    decision, after = say(action, before, to="bo", text="why")
    assert after == before
    assert decision.effects == ()
    assert decision.deadlines == ()
    assert reasons(decision) == ["answered_late"]


@pytest.mark.parametrize("action", list(AnswerAction))
def test_whatever_is_said_of_what_somebody_has_keeps_it_from_expiring(action):
    before = incident(IncidentState.ACKNOWLEDGED, acknowledged_by="ada", escalation=escalation(ack_expires_seconds=600))
    decision, after = say(action, before, to="bo", text="why")
    assert (expires_in(decision) == 600) is (after.state is IncidentState.ACKNOWLEDGED)


def test_without_a_time_nothing_expires():
    decision, _ = say(AnswerAction.ACKNOWLEDGE, incident(escalation=escalation()))
    assert expires_in(decision) is None


def test_who_acknowledges_is_in_charge_unless_somebody_is():
    assert say(AnswerAction.ACKNOWLEDGE, incident(escalation=escalation()), by="bo")[1].assignee == "bo"
    taken = incident(escalation=escalation(), assignee=PersonName("cy"))
    assert say(AnswerAction.ACKNOWLEDGE, taken, by="bo")[1].assignee == "cy"
    assert say(AnswerAction.ACKNOWLEDGE, incident(escalation=escalation()), by="a script")[1].assignee is None


def test_an_expired_acknowledgement_pages_from_the_first_step_with_the_policy_of_now():
    before = incident(
        IncidentState.ACKNOWLEDGED,
        acknowledged_by="ada",
        acknowledged_at=NOW - timedelta(minutes=10),
        escalation=escalation(step_index=1, ack_expires_seconds=600),
    )
    decision = decide_deadline(DeadlineKind.ACK_EXPIRE, before, POLICY, NOW)
    (after,) = (one for one in decision.incidents if one.id == INC)
    assert (after.state, after.acknowledged_by, after.acknowledged_at) == (IncidentState.TRIGGERED, "", None)
    assert after.escalation.step_index == 0
    assert paged(decision) == ["ada"]
    assert reasons(decision)[:2] == ["ack_expired", PageReason.ACK_EXPIRED]


@pytest.mark.parametrize("state", [IncidentState.TRIGGERED, IncidentState.RESOLVED, IncidentState.CLOSED])
def test_an_acknowledgement_that_is_not_there_does_not_expire(state):
    before = incident(state, escalation=escalation(ack_expires_seconds=600))
    decision = decide_deadline(DeadlineKind.ACK_EXPIRE, before, POLICY, NOW)
    assert decision.effects == ()
    assert decision.incidents == ()


def test_escalating_passes_over_the_rest_of_a_level():
    steps = (
        Step((PersonName("ada"),), 300, level=1),
        Step((PersonName("bo"),), 300, level=1),
        Step((PersonName("cy"),), 300, level=2),
    )
    rules = replace(POLICY, escalations={"default": EscalationPolicy("default", steps)})
    decision, after = say(AnswerAction.ESCALATE, incident(escalation=escalation(steps=steps)), rules, text="now")
    assert paged(decision) == ["cy"]
    assert after.escalation.level == 2
    assert [(drop.kinds, drop.reason) for drop in decision.drops] == [((EffectKind.PAGE,), DropReason.SUPERSEDED)]


def test_what_pages_nobody_by_its_rule_is_escalated_to_the_policy_of_its_team():
    decision, after = say(AnswerAction.ESCALATE, incident(escalation=None, team="default"))
    assert paged(decision) == ["ada"]
    assert after.escalation.policy_name == "default"


def test_with_nobody_to_escalate_to_it_is_said():
    decision, _ = say(AnswerAction.ESCALATE, incident(escalation=None, team="nobody"))
    assert paged(decision) == []
    assert "no_policy" in reasons(decision)


@pytest.mark.parametrize(
    ("to", "whom", "in_charge"), [("L3", ["cy"], None), ("bo", ["bo"], "bo"), ("team:dba", ["bo", "cy"], None)]
)
def test_a_hand_over_pages_whom_it_names_and_stops_the_rest(to, whom, in_charge):
    rules = replace(POLICY, teams={"dba": Team("dba", (PersonName("bo"), PersonName("cy")))})
    before = incident(
        IncidentState.ACKNOWLEDGED, acknowledged_by="ada", escalation=escalation(), assignee=PersonName("ada")
    )
    decision, after = say(AnswerAction.HAND_OVER, before, rules, to=to, text="kernel")
    assert paged(decision) == whom
    assert after.assignee == in_charge
    assert after.state is IncidentState.TRIGGERED
    assert all(effect.cause is PageReason.HANDED_OVER for effect in decision.effects if effect.kind is EffectKind.PAGE)
    assert [drop.reason for drop in decision.drops] == [DropReason.HANDED_OVER]


def test_a_hand_over_without_a_policy_pages_all_the_same():
    decision, after = say(AnswerAction.HAND_OVER, incident(escalation=None), to="bo")
    assert paged(decision) == ["bo"]
    assert after.escalation.steps == (Step((PersonName("bo"),), 300, level=1, profile=after.escalation.step.profile),)


def test_the_acknowledgement_of_a_drill_ends_it():
    before = incident(escalation=escalation())
    drill = replace(before, conduct=replace(before.conduct, is_test=True))
    _, after = say(AnswerAction.ACKNOWLEDGE, drill)
    assert after.state is IncidentState.RESOLVED


@pytest.mark.parametrize(
    ("word", "level"), [("L1", 1), ("l9", 9), ("L0", None), ("L10", None), ("Lx", None), ("bo", None), ("", None)]
)
def test_a_level_is_a_letter_and_a_digit(word, level):
    assert level_of(word) == level
