"""A drill is an incident of its own kind: urgent, marked, joined by nothing, and it ends by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ingestd.core.decide import decide_deadline, decide_drill
from ingestd.core.draft import Snapshot
from ingestd.core.drill import DrillOrder, order_of
from ingestd.core.effects import DeadlineKind
from ingestd.core.names import EffectKind, IncidentState, PersonName, Severity
from ingestd.testing.world import policy as make_policy

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
ORDER = DrillOrder("by-hand/1", "default", "ada")


def test_an_order_survives_its_envelope():
    order = DrillOrder("by-hand/1", "default", "ada “the first”", has_ticket=True)
    assert order_of(order.body) == order


def test_it_is_critical_and_marked_and_pages_the_first_step():
    decision = decide_drill(ORDER, Snapshot(next_number=7), make_policy(), NOW)
    (incident,) = decision.incidents
    assert (incident.id, incident.severity, incident.conduct.is_test) == ("INC-7", Severity.CRITICAL, True)
    assert incident.title.startswith("TEST")
    assert [(one.kind, one.person) for one in decision.effects] == [(EffectKind.PAGE, "ada")]
    assert (incident.correlate_key, incident.alert_count, decision.members) == ("", 0, ())
    assert decision.next_number == 8


def test_it_opens_the_ticket_of_the_default_team_only_if_asked():
    order = replace(ORDER, has_ticket=True)
    kinds = [one.kind for one in decide_drill(order, Snapshot(), make_policy(), NOW).effects]
    assert kinds == [EffectKind.TICKET_OPEN, EffectKind.PAGE]


def test_a_policy_that_is_gone_by_then_changes_nothing():
    decision = decide_drill(replace(ORDER, policy="gone"), Snapshot(), make_policy(), NOW)
    assert (decision.incidents, decision.effects, decision.next_number) == ((), (), None)


def test_it_ends_when_the_last_step_has_waited_long_enough():
    policy = make_policy()
    (incident,) = decide_drill(ORDER, Snapshot(), policy, NOW).incidents
    at = NOW
    for _ in range(3):
        at += timedelta(minutes=5)
        decision = decide_deadline(DeadlineKind.ESCALATE, incident, policy, at)
        (incident,) = decision.incidents
    assert incident.escalation is not None
    assert incident.escalation.is_exhausted
    assert (DeadlineKind.ACKNOWLEDGE, at) in [(due.kind, due.due_at) for due in decision.deadlines]
    decision = decide_deadline(DeadlineKind.ACKNOWLEDGE, incident, policy, at)
    (incident,) = decision.incidents
    assert (incident.state, incident.acknowledged_by) == (IncidentState.RESOLVED, "")
    assert [line.reason for line in decision.timeline if line.kind == "drill"] == ["unanswered"]


def test_a_last_resort_has_the_wait_of_the_last_step_to_answer():
    plain = make_policy()
    told = replace(
        plain.escalations["default"], last_resort=(PersonName("cy"),), steps=plain.escalations["default"].steps[:1]
    )
    policy = replace(plain, escalations={"default": told})
    (incident,) = decide_drill(ORDER, Snapshot(), policy, NOW).incidents
    at = NOW + timedelta(minutes=5)
    decision = decide_deadline(DeadlineKind.ESCALATE, incident, policy, at)
    assert [one.person for one in decision.effects] == ["cy"]
    assert [due.due_at for due in decision.deadlines if due.kind is DeadlineKind.ACKNOWLEDGE] == [
        at + timedelta(minutes=5)
    ]
