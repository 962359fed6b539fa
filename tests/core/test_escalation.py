"""Who is told next: steps, loops, channels, gaps; as values, without time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from ingestd.core import escalation as escalating
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import DeadlineKind, Decision, PageReason
from ingestd.core.incident import Escalation, Incident
from ingestd.core.names import Channel, EffectKind, IncidentState, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Policy, Step
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit
from ingestd.testing.builders import INC, NOW, escalation, incident
from ingestd.testing.world import policy

POLICY = policy()
ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))


def step(draft: Draft, done: Decision | None = None) -> list[tuple[str, str, int]]:
    found = done or draft.finish()
    return [(effect.person, effect.channel.value, effect.level) for effect in found.effects]


def start(
    before: Incident | None = None, name: str = "default", reason: PageReason = PageReason.OPENED, rules=POLICY
) -> tuple[Decision, Incident]:
    draft = Draft(Snapshot(), NOW)
    after = escalating.start(draft, before or incident(escalation=None), name, rules, reason)
    return draft.finish(), after


def advance(**changes) -> tuple[Decision, Incident]:
    draft = Draft(Snapshot(), NOW)
    state = changes.pop("state", IncidentState.TRIGGERED)
    clearing = changes.pop("clearing_since", None)
    before = incident(state, clearing_since=clearing, escalation=escalation(**changes))
    after = escalating.advance(draft, before, POLICY, PageReason.NOBODY_ANSWERED)
    return draft.finish(), after


def escalates_in(decision: Decision) -> float | None:
    return next((float((d.due_at - NOW).total_seconds()) for d in decision.deadlines), None)


def test_it_begins_with_the_first_step_and_a_copy_of_the_policy():
    decision, after = start()
    assert step(Draft(Snapshot(), NOW), decision) == [("ada", "sms", 1)]
    assert escalates_in(decision) == 300
    plan = POLICY.escalations["default"]
    tried = ((ADA, Channel.SMS),)
    copied = Escalation("default", "test", plan.steps, 1, policy_version=plan.version, tried=tried, has_tried=True)
    assert after.escalation == copied


def test_an_unknown_policy_is_said_and_pages_nobody():
    decision, after = start(name="gone")
    assert decision.effects == ()
    assert after.escalation is None
    assert decision.timeline[0].reason == "no_policy"


def test_a_policy_that_a_reload_took_away_is_remembered_by_the_incident():
    decision, after = start(incident(escalation=escalation(policy_name="gone", step_index=2)), name="gone")
    assert [effect.person for effect in decision.effects] == ["ada"]
    assert after.escalation.step_index == 0


@pytest.mark.parametrize(
    ("reason", "kept"), [(PageReason.SEVERITY_ROSE, True), (PageReason.NEW_ALERT, True), (PageReason.REOPENED, False)]
)
def test_who_was_told_before_stays_listed_unless_they_have_heard_of_the_end(reason, kept):
    _, after = start(incident(), reason=reason)
    assert bool(after.escalation.paged) is kept


def test_the_steps_come_in_order_then_again_then_it_is_exhausted():
    decision, after = advance(step_index=0)
    assert (step(Draft(Snapshot(), NOW), decision), after.escalation.step_index) == ([("bo", "sms", 2)], 1)
    decision, after = advance(step_index=2, loop_count=2)
    assert step(Draft(Snapshot(), NOW), decision) == [("ada", "sms", 1)]
    assert (after.escalation.step_index, after.escalation.loops_done) == (0, 1)
    decision, after = advance(step_index=2, loop_count=2, loops_done=1)
    assert decision.effects == ()
    assert decision.deadlines == ()
    assert after.escalation.is_exhausted
    assert decision.timeline[0].reason == "exhausted"


def test_who_is_paged_next_reads_how_long_the_others_did_not_answer_in_this_run():
    """Not since the incident was opened: it may have come back after weeks."""
    decision, _ = advance(step_index=1)
    assert decision.effects[0].reason == "ada did not answer in 10 min"
    decision, _ = advance(step_index=2, loop_count=2)
    assert decision.effects[0].reason == "ada did not answer in 15 min"


@pytest.mark.parametrize(
    ("changes", "has_next"),
    [
        ({}, True),
        ({"step_index": 2}, False),
        ({"step_index": 2, "loop_count": 2}, True),
        ({"step_index": 2, "loop_count": 2, "loops_done": 1}, False),
        ({"loop_count": 2, "loops_done": 1}, True),
        ({"is_exhausted": True}, False),
    ],
)
def test_after_the_last_step_of_the_last_run_nobody_is_left(changes, has_next):
    assert escalation(**changes).has_next_step is has_next


@pytest.mark.parametrize(
    "changes",
    [
        {"state": IncidentState.ACKNOWLEDGED},
        {"state": IncidentState.RESOLVED},
        {"state": IncidentState.CLOSED},
        {"is_exhausted": True},
    ],
)
def test_nobody_is_paged_who_need_not_be(changes):
    decision, _ = advance(**changes)
    assert decision == Decision()


def test_a_step_that_is_due_while_all_has_cleared_is_held_and_goes_at_the_refire():
    decision, held = advance(clearing_since=NOW)
    assert decision.effects == ()
    assert held.escalation.is_held
    draft = Draft(Snapshot(), NOW)
    freed = escalating.resume(draft, replace(held, clearing_since=None))
    assert not freed.escalation.is_held
    assert [(d.kind, d.due_at) for d in draft.finish().deadlines] == [(DeadlineKind.ESCALATE, NOW)]
    draft = Draft(Snapshot(), NOW)
    assert escalating.resume(draft, incident()) == incident()
    assert draft.finish() == Decision()


def team(*names: PersonName, loop_count: int = 1):
    """A policy of one step with these people; ``nobody`` has no contact."""
    plan = EscalationPolicy("default", (Step(names, 300),), loop_count)
    nobody = Person(PersonName("nobody"), "Nobody", ())
    return replace(POLICY, escalations={"default": plan}, people={**POLICY.people, nobody.name: nobody})


def test_a_step_pages_all_its_people_and_passes_over_who_has_no_contact():
    decision, after = start(rules=team(ADA, PersonName("nobody"), PersonName("stranger"), BO))
    assert [effect.person for effect in decision.effects] == ["ada", "bo"]
    assert after.escalation.unreached == ("nobody", "stranger")
    assert escalates_in(decision) == 300
    assert [entry.reason for entry in decision.timeline] == ["no_usable_contact", "no_usable_contact", "opened"]


def test_a_step_without_anybody_to_reach_is_over_at_once():
    decision, after = start(rules=team(PersonName("nobody")))
    assert decision.effects == ()
    assert escalates_in(decision) == 0
    assert after.escalation.is_step_unreachable


def fail(before: Incident, name: PersonName, channel: Channel, rules=POLICY) -> tuple[Decision, Incident]:
    draft = Draft(Snapshot(), NOW)
    after = escalating.fail_over(draft, before, name, channel, rules, level=1)
    return draft.finish(), after


def test_a_channel_that_fails_is_followed_by_the_persons_next():
    decision, _ = fail(incident(), ADA, Channel.SMS)
    assert step(Draft(Snapshot(), NOW), decision) == [("ada", "email", 1)]
    assert decision.deadlines == ()


def test_the_last_channel_that_fails_makes_the_next_level_due_unless_others_of_the_step_are_being_paged():
    tried = tuple((name, Channel.SMS) for name in (ADA, BO))
    alone = incident(escalation=escalation(tried=tried, paged=()))
    decision, after = fail(alone, ADA, Channel.EMAIL)
    assert escalates_in(decision) == 0
    assert after.escalation.unreached == ("ada",)
    both = incident(escalation=escalation(steps=(Step((ADA, BO), 300),), tried=tried, paged=()))
    decision, after = fail(both, ADA, Channel.EMAIL)
    assert escalates_in(decision) is None
    decision, _ = fail(after, BO, Channel.EMAIL)
    assert escalates_in(decision) == 0


def test_where_another_channel_reached_somebody_a_failure_hurries_nobody():
    """A later stage pages by all channels at once: one of them may fail."""
    tried = ((ADA, Channel.SMS), (ADA, Channel.EMAIL))
    reached = incident(escalation=escalation(tried=tried, paged=((ADA, Channel.SMS),)))
    decision, after = fail(reached, ADA, Channel.EMAIL)
    assert escalates_in(decision) is None
    assert after.escalation.unreached == ()


def test_a_failure_on_an_earlier_level_or_of_a_person_who_left_hurries_nobody():
    later = incident(escalation=escalation(step_index=1))
    assert escalates_in(fail(later, ADA, Channel.EMAIL)[0]) is None
    assert escalates_in(fail(incident(), PersonName("stranger"), Channel.SMS)[0]) is None


def test_a_channel_that_a_reload_took_away_is_followed_by_those_that_are_left():
    only_mail = replace(POLICY, channel_connectors={Channel.EMAIL: "mail"})
    decision, _ = fail(incident(), ADA, Channel.SMS, only_mail)
    assert step(Draft(Snapshot(), NOW), decision) == [("ada", "email", 1)]


def test_when_people_of_the_copy_have_left_the_policy_in_force_takes_over_instead_of_giving_up():
    old = incident(escalation=escalation(steps=(Step((PersonName("stranger"),), 300),)))
    draft = Draft(Snapshot(), NOW)
    after = escalating.advance(draft, old, POLICY, PageReason.NOBODY_REACHABLE)
    decision = draft.finish()
    assert step(draft, decision) == [("ada", "sms", 1)]
    assert after.escalation.steps == POLICY.escalations["default"].steps
    assert decision.timeline[0].reason == "policy_changed"


def test_a_policy_that_was_changed_does_not_prolong_an_escalation_whose_people_are_all_there():
    old = incident(escalation=escalation(steps=(Step((BO,), 300),)))
    draft = Draft(Snapshot(), NOW)
    after = escalating.advance(draft, old, POLICY, PageReason.NOBODY_ANSWERED)
    assert after.escalation.is_exhausted
    assert draft.finish().effects == ()


def test_an_exhausted_escalation_is_not_revived_by_a_failure():
    spent = incident(escalation=escalation(step_index=2, is_exhausted=True))
    assert escalates_in(fail(spent, CY, Channel.EMAIL)[0]) is None


@pytest.mark.parametrize("state", [IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED, IncidentState.CLOSED])
def test_a_failure_after_somebody_answered_pages_nobody(state):
    assert fail(incident(state), ADA, Channel.SMS)[0] == Decision()


def test_each_is_told_the_end_once_on_the_channel_that_reached_them_first():
    told = ((ADA, Channel.SMS), (BO, Channel.EMAIL), (ADA, Channel.EMAIL))
    draft = Draft(Snapshot(), NOW)
    escalating.tell_the_end(draft, incident(escalation=escalation(paged=told)), POLICY)
    notices = draft.finish().effects
    assert {effect.kind for effect in notices} == {EffectKind.NOTICE}
    assert [(effect.person, effect.channel) for effect in notices] == [(ADA, Channel.SMS), (BO, Channel.EMAIL)]


def test_what_turns_out_not_to_have_arrived_does_not_count_as_told():
    told = ((ADA, Channel.SMS), (ADA, Channel.EMAIL))
    draft = Draft(Snapshot(), NOW)
    after = escalating.not_told(draft, incident(escalation=escalation(paged=told)), ADA, Channel.SMS)
    assert after.escalation.paged == ((ADA, Channel.EMAIL),)
    assert escalating.not_told(draft, after, BO, Channel.SMS) is after


def test_somebody_who_is_told_twice_is_listed_once():
    draft = Draft(Snapshot(), NOW)
    before = incident(escalation=escalation(paged=()))
    once = escalating.told(draft, before, ADA, Channel.SMS)
    assert escalating.told(draft, once, ADA, Channel.SMS) is once
    assert once.escalation.paged == ((ADA, Channel.SMS),)


@pytest.mark.parametrize("reason", list(PageReason))
def test_every_reason_that_a_person_reads_is_in_words(reason):
    decision, _ = start(incident(), reason=reason)
    text = decision.effects[0].reason
    assert "_" not in text
    assert bool(text) is (
        reason
        in {
            PageReason.REOPENED,
            PageReason.NOBODY_ANSWERED,
            PageReason.REPEATED,
            PageReason.NOBODY_REACHABLE,
            PageReason.SEVERITY_ROSE,
            PageReason.OFFICE_HOURS,
            PageReason.RELEASED,
            PageReason.NEW_ALERT,
            PageReason.ACK_EXPIRED,
            PageReason.ACK_WITHDRAWN,
        }
    )


def test_effect_keys_are_derived_and_never_repeat():
    draft = Draft(Snapshot(), NOW)
    now = escalating.start(draft, incident(), "default", POLICY, PageReason.REOPENED)
    escalating.fail_over(draft, now, ADA, Channel.SMS, POLICY, level=1)
    assert [effect.key for effect in draft.finish().effects] == [f"{INC}/sms/page/2", f"{INC}/mail/page/1"]


# ------------------------------------------------------------------------------------------------ whoever is on call


def rota(name: str, *people: PersonName, overrides: tuple[Override, ...] = ()) -> Schedule:
    """Weekly turns that began when ``NOW`` did; with nobody in it, they begin a year later."""
    start = (NOW if people else NOW + timedelta(days=365)).replace(tzinfo=None)
    return Schedule(name, UTC, (Layer("weeks", people or (ADA,), start, Turn(1, TurnUnit.WEEK)),), overrides)


def on_call(*steps: tuple[str, ...], schedules: tuple[Schedule, ...] = (), rules: Policy = POLICY) -> Policy:
    plan = EscalationPolicy("default", tuple(Step(tuple(map(PersonName, words)), 300) for words in steps), 1)
    return replace(rules, escalations={"default": plan}, schedules={one.name: one for one in schedules})


def test_a_step_pages_whoever_is_on_call_and_the_copy_keeps_its_words():
    rules = on_call(("schedule:l1", "person:cy"), schedules=(rota("l1", BO, ADA),))
    decision, after = start(rules=rules)
    assert step(Draft(Snapshot(), NOW), decision) == [("bo", "sms", 1), ("cy", "sms", 1)]
    assert after.escalation.step.people == ("schedule:l1", "person:cy")
    assert after.escalation.people == ("bo", "cy")
    assert escalates_in(decision) == 300


def test_a_later_step_pages_whoever_is_on_call_when_it_is_due():
    """Bo hands over to Ada between the two steps, and the swap was made after the escalation began."""
    rules = on_call(("cy",), ("schedule:l1",), schedules=(rota("l1", BO),))
    _, before = start(rules=rules)
    swapped = rota("l1", BO, overrides=(Override(ADA, NOW, NOW + timedelta(hours=1)),))
    draft = Draft(Snapshot(), NOW)
    after = escalating.advance(draft, before, replace(rules, schedules={"l1": swapped}), PageReason.NOBODY_ANSWERED)
    assert step(draft) == [("ada", "sms", 2)]
    assert after.escalation.people == ("ada",)


def test_who_is_named_and_on_call_is_paged_once():
    rules = on_call(("schedule:l1", "schedule:l2", "bo"), schedules=(rota("l1", BO), rota("l2", BO)))
    decision, after = start(rules=rules)
    assert [effect.person for effect in decision.effects] == ["bo"]
    assert after.escalation.people == ("bo",)


@pytest.mark.parametrize("schedules", [(), (rota("l1"),)])
def test_where_nobody_is_on_call_the_next_level_is_due_at_once_and_it_is_said(schedules):
    rules = on_call(("schedule:l1",), ("bo",), schedules=schedules)
    decision, after = start(rules=rules)
    assert decision.effects == ()
    assert escalates_in(decision) == 0
    assert after.escalation.is_step_unreachable
    assert [entry.reason for entry in decision.timeline] == ["nobody_on_call"]
    assert "“l1”" in decision.timeline[0].text
    draft = Draft(Snapshot(), NOW)
    after = escalating.advance(draft, after, rules, PageReason.NOBODY_REACHABLE)
    assert step(draft) == [("bo", "sms", 2)]
    assert after.escalation.on_call is None
    assert not after.escalation.is_step_unreachable


def test_a_gap_in_one_schedule_of_a_step_does_not_hurry_those_who_are_paged():
    rules = on_call(("schedule:l1", "schedule:l2"), schedules=(rota("l1"), rota("l2", CY)))
    decision, after = start(rules=rules)
    assert [effect.person for effect in decision.effects] == ["cy"]
    assert escalates_in(decision) == 300
    assert not after.escalation.is_step_unreachable


def test_when_nobody_who_was_on_call_can_be_reached_the_next_level_is_due_whoever_is_on_call_by_then():
    """Who fails is who was paged. That somebody else has taken over since makes nobody of that step reachable."""
    rules = on_call(("schedule:l1", "schedule:l2"), ("cy",), schedules=(rota("l1", ADA), rota("l2", BO)))
    _, before = start(rules=rules)
    later = replace(rules, schedules={"l1": rota("l1", CY), "l2": rota("l2", CY)})
    assert escalates_in(fail(before, CY, Channel.EMAIL, later)[0]) is None
    decision, after = fail(before, ADA, Channel.EMAIL, later)
    assert escalates_in(decision) is None
    assert not after.escalation.is_step_unreachable
    decision, after = fail(after, BO, Channel.EMAIL, later)
    assert escalates_in(decision) == 0
    assert after.escalation.is_step_unreachable


def test_who_is_on_call_without_a_usable_contact_is_passed_over():
    nobody = PersonName("nobody")
    rules = on_call(("schedule:l1",), ("bo",), schedules=(rota("l1", nobody),), rules=team(nobody))
    decision, after = start(rules=rules)
    assert decision.effects == ()
    assert escalates_in(decision) == 0
    assert after.escalation.unreached == ("nobody",)
    assert [entry.reason for entry in decision.timeline] == ["no_usable_contact"]


@pytest.mark.parametrize(("schedules", "is_over"), [((rota("l1", CY),), True), ((), False)])
def test_only_a_schedule_that_is_gone_makes_the_policy_in_force_take_over(schedules, is_over):
    old = incident(escalation=escalation(steps=(Step((PersonName("schedule:l1"), PersonName("person:cy")), 300),)))
    draft = Draft(Snapshot(), NOW)
    rules = replace(POLICY, schedules={one.name: one for one in schedules})
    after = escalating.advance(draft, old, rules, PageReason.NOBODY_ANSWERED)
    assert after.escalation.is_exhausted is is_over
