"""How an escalation goes on: repeats, conditions, profiles, quiet hours, the last resort, acknowledgements that nothing follows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ingestd.core.answers import AnswerAction
from ingestd.core.names import Channel, IncidentState, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Profile, Stage, Step, Team
from ingestd.core.rota import Layer, Schedule, Turn, TurnUnit
from ingestd.core.windows import TimeWindow
from ingestd.testing.world import policy

ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))
NOC = PersonName("noc@example.com")


def plan(*steps: Step, **changes) -> object:
    """The usual policy with another escalation; ``people`` by name replaces somebody."""
    people = changes.pop("people", {})
    teams = changes.pop("teams", {})
    schedules = changes.pop("schedules", {})
    whole = policy()
    escalation = EscalationPolicy("default", steps, **changes)
    noc = Person(NOC, "noc@example.com", ((Channel.EMAIL, "noc@example.com"),))
    return replace(
        whole,
        escalations={"default": escalation},
        people={**whole.people, NOC: noc, **people},
        teams=teams,
        schedules=schedules,
    )


def step(*words: str, wait: int = 300, **more) -> Step:
    return Step(tuple(PersonName(word) for word in words), wait, **more)


def times(day) -> list[tuple[int, str, str]]:
    """Who was told at which minute since the day began, and by which channel."""
    sent = sorted([*day.sms.sent, *day.mail.sent], key=lambda page: page.at)
    start = sent[0].at if sent else day.now()
    return [(round((page.at - start).total_seconds() / 60), page.person, page.channel.value) for page in sent]


def nobody(name: str) -> Schedule:
    """A schedule on which nobody is on call before the year 2030."""
    return Schedule(
        name, UTC, (Layer("weeks", (BO, CY), datetime.fromisoformat("2030-01-07 09:00"), Turn(1, TurnUnit.WEEK)),)
    )


# ------------------------------------------------------------------ steps


def test_a_heavy_sleeper_is_paged_again_before_the_next_level(new_day, nothing_else_arrives):
    """Field 2.1.9: somebody needs several calls, and that must not push the alert to the second level."""
    day = new_day(policy=plan(step("ada", repeat_count=3), step("bo")))
    day.fires()
    day.advance(minutes=25)
    assert times(day) == [(0, "ada", "sms"), (5, "ada", "sms"), (10, "ada", "sms"), (15, "bo", "sms")]
    assert day.history().count("page/repeated") == 2
    nothing_else_arrives(day)


def test_an_answer_to_the_repeat_ends_it(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada", repeat_count=3), step("bo")))
    day.fires()
    day.advance(minutes=6)
    day.acknowledge("INC-1001", by="ada")
    assert times(day) == [(0, "ada", "sms"), (5, "ada", "sms")]
    nothing_else_arrives(day)


def test_repeats_run_again_in_every_loop(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada", wait=60, repeat_count=2), step("bo", wait=60), loop_count=2))
    day.fires()
    day.advance(minutes=10)
    assert [name for _, name, _ in times(day)] == ["ada", "ada", "bo", "ada", "ada", "bo"]
    assert "escalation/exhausted" in day.history()
    nothing_else_arrives(day)


def test_a_step_that_is_not_for_this_hour_is_passed_over(new_day, nothing_else_arrives):
    """It is two in the morning."""
    by_day = TimeWindow(UTC, times=((8 * 60, 18 * 60),))
    day = new_day(policy=plan(step("ada", only=by_day), step("bo")))
    day.fires()
    day.advance(minutes=10)
    assert times(day) == [(0, "bo", "sms")]
    assert "escalation/step_closed" in day.history()
    nothing_else_arrives(day)


def test_where_no_step_is_for_this_hour_the_last_resort_is_told_at_once(new_day, nothing_else_arrives):
    by_day = TimeWindow(UTC, times=((8 * 60, 18 * 60),))
    day = new_day(policy=plan(step("ada", only=by_day), loop_count=3, last_resort=(NOC,)))
    day.fires()
    day.advance(seconds=5)
    assert day.pages() == [(NOC, "email", "page")]
    nothing_else_arrives(day)


def test_two_steps_of_one_level_are_told_as_that_level(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada", level=1), step("bo", level=1), step("cy", level=2)))
    day.fires()
    day.advance(minutes=20)
    assert [page.text.level for page in day.sms.sent] == [1, 1, 2]
    nothing_else_arrives(day)


def test_a_team_is_paged_as_one(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("team:dba"), teams={"dba": Team("dba", (BO, CY))}))
    day.fires()
    day.advance(minutes=1)
    assert sorted(day.pages()) == [("bo", "sms", "page"), ("cy", "sms", "page")]
    day.acknowledge("INC-1001", by="cy")
    nothing_else_arrives(day)


# ------------------------------------------------------------------ the last resort


def test_when_nobody_answers_the_last_resort_is_told_once(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), step("bo"), last_resort=(NOC,)))
    day.fires()
    day.advance(minutes=30)
    assert times(day) == [(0, "ada", "sms"), (5, "bo", "sms"), (10, NOC, "email")]
    assert "nobody on any level has answered" in day.mail.sent[0].text.reason
    assert day.history().count("page/last_resort") == 1
    nothing_else_arrives(day)


def test_the_last_resort_can_acknowledge(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), last_resort=(NOC,)))
    day.fires()
    day.advance(minutes=6)
    answered = day.acknowledge("INC-1001", by=NOC)
    assert answered.is_first
    day.clears()
    day.advance(minutes=3)
    assert (NOC, "email", "resolved") in day.pages()
    nothing_else_arrives(day)


def test_a_gap_on_every_level_reaches_the_last_resort_within_a_second(new_day, nothing_else_arrives):
    """Field 2.4 and GoAlert's escalation gap: nobody on call must never swallow a page."""
    day = new_day(
        policy=plan(step("schedule:l1"), step("schedule:l1"), schedules={"l1": nobody("l1")}, last_resort=(NOC,))
    )
    day.fires()
    assert day.pages() == [(NOC, "email", "page")]
    assert "could be reached" in day.mail.sent[0].text.reason
    nothing_else_arrives(day)


def test_a_gap_without_a_last_resort_pages_everybody_who_takes_turns(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("schedule:l1"), schedules={"l1": nobody("l1")}))
    day.fires()
    assert sorted(day.pages()) == [("bo", "sms", "page"), ("cy", "sms", "page")]
    assert "page/last_resort" in day.history()
    nothing_else_arrives(day)


def test_a_gap_on_the_first_level_pages_the_second_at_once(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("schedule:l1"), step("cy"), schedules={"l1": nobody("l1")}))
    day.fires()
    assert day.pages() == [("cy", "sms", "page")]
    day.acknowledge("INC-1001", by="cy")
    nothing_else_arrives(day)


# ------------------------------------------------------------------ profiles


def eager() -> Person:
    channels = ((Channel.SMS, "+15550000"), (Channel.EMAIL, "ada@example.com"))
    return Person(
        ADA,
        "Ada",
        channels,
        urgent=(Stage((Channel.SMS,)), Stage((Channel.SMS, Channel.EMAIL), 120)),
        normal=(Stage((Channel.EMAIL,)),),
        quiet=TimeWindow(UTC, times=((22 * 60, 7 * 60),)),
    )


def test_an_urgent_page_goes_on_to_the_persons_other_channels(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), people={ADA: eager()}))
    day.fires()
    day.advance(minutes=10)
    assert sorted(times(day)) == [(0, "ada", "sms"), (2, "ada", "email"), (2, "ada", "sms")]
    nothing_else_arrives(day)


def test_an_answer_before_the_next_stage_spares_it(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), people={ADA: eager()}))
    day.fires()
    day.advance(minutes=1)
    day.acknowledge("INC-1001")
    assert times(day) == [(0, "ada", "sms")]
    nothing_else_arrives(day)


def test_what_is_not_urgent_goes_by_the_normal_profile_after_the_quiet_hours(new_day, nothing_else_arrives):
    """It is two in the morning; her quiet hours end at seven, and only then does anybody wait for her answer."""
    day = new_day(policy=plan(step("ada", profile=Profile.NORMAL), step("bo"), people={ADA: eager()}))
    day.fires()
    day.advance(hours=4, minutes=55)
    assert day.pages() == []
    day.advance(minutes=6)
    assert times(day) == [(0, "ada", "email")]
    day.advance(minutes=5)
    assert times(day) == [(0, "ada", "email"), (5, "bo", "sms")]
    assert "page/quiet_hours" in day.history()
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day)


def test_quiet_hours_do_not_hold_back_what_is_urgent(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada", profile=Profile.URGENT), people={ADA: eager()}))
    day.fires()
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_an_answer_by_another_in_the_quiet_hours_spares_the_page(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada", "bo", profile=Profile.NORMAL), people={ADA: eager()}))
    day.fires()
    assert day.pages() == [("bo", "sms", "page")]
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day, hours=8)


def test_a_normal_profile_without_a_working_channel_falls_back_on_the_others(new_day, nothing_else_arrives):
    person = replace(eager(), quiet=None)
    day = new_day(policy=plan(step("ada", profile=Profile.NORMAL), people={ADA: person}))
    day.mail.is_down = True
    day.fires()
    day.advance(minutes=2)
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    day.mail.is_down = False
    nothing_else_arrives(day)


# ------------------------------------------------------------------ an acknowledgement that nothing follows


def test_acknowledged_and_then_silent_pages_again(new_day, nothing_else_arrives):
    """Field 2.1.3: acknowledged, then forgotten for ever."""
    day = new_day(policy=plan(step("ada"), step("bo"), ack_expires_seconds=1800))
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(minutes=29)
    assert times(day) == [(0, "ada", "sms")]
    day.advance(minutes=2)
    assert times(day) == [(0, "ada", "sms"), (30, "ada", "sms")]
    assert day.incident().state is IncidentState.TRIGGERED
    assert "nothing was heard since" in day.sms.sent[-1].text.reason
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=3)
    assert day.pages()[-1] == ("ada", "sms", "resolved")
    nothing_else_arrives(day)


def test_a_note_shows_that_it_is_not_forgotten(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), ack_expires_seconds=1800))
    day.fires()
    day.acknowledge("INC-1001")
    for _ in range(4):
        day.advance(minutes=20)
        day.note("INC-1001", "still at it")
    assert times(day) == [(0, "ada", "sms")]
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=5)
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day)


def test_a_late_second_acknowledgement_does_not_un_resolve(new_day, nothing_else_arrives):
    """Field 2.2.2: an acknowledgement that lands after the resolve changed it back."""
    day = new_day(policy=plan(step("ada"), ack_expires_seconds=600))
    day.fires()
    day.clears()
    day.advance(minutes=2)
    answered = day.acknowledge("INC-1001")
    assert not answered.is_first
    assert answered.after.state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_an_acknowledgement_does_not_expire_while_all_alerts_have_cleared(new_day, nothing_else_arrives):
    rules = plan(step("ada"), ack_expires_seconds=60)
    day = new_day(policy=replace(rules, timing=replace(rules.timing, resolve_grace_seconds=300)))
    day.fires()
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=6)
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day)


def test_an_acknowledgement_expires_over_a_restart(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), ack_expires_seconds=600))
    day.fires()
    day.acknowledge("INC-1001")
    day.kill()
    day.start()
    day.advance(minutes=11)
    assert [name for _, name, _ in times(day)] == ["ada", "ada"]
    day.acknowledge("INC-1001")
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=5)
    nothing_else_arrives(day)


# ------------------------------------------------------------------ a policy is copied when the escalation starts


def test_a_running_escalation_keeps_the_policy_that_it_began_with(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), step("bo"), last_resort=(NOC,)))
    day.fires()
    before = day.incident().escalation
    day.reload(plan(step("cy"), last_resort=()))
    day.advance(minutes=15)
    assert times(day) == [(0, "ada", "sms"), (5, "bo", "sms"), (10, NOC, "email")]
    assert day.incident().escalation.policy_version == before.policy_version
    assert before.policy_version != day.policy.escalations["default"].version
    nothing_else_arrives(day)


def test_a_copy_with_everything_in_it_survives_a_restart(new_day, nothing_else_arrives):
    window = TimeWindow(ZoneInfo("UTC"), weekdays=((0, 4),), times=((0, 1440),))
    steps = (step("ada", repeat_count=2, level=1), step("bo", only=window, profile=Profile.URGENT, level=2))
    day = new_day(policy=plan(*steps, last_resort=(NOC,), ack_expires_seconds=900))
    day.fires()
    before = day.incident().escalation
    day.kill()
    day.start()
    assert day.incident().escalation == before
    assert before.steps == steps
    day.advance(minutes=20)
    assert times(day) == [(0, "ada", "sms"), (5, "ada", "sms"), (10, "bo", "sms"), (15, NOC, "email")]
    nothing_else_arrives(day)


# ------------------------------------------------------------------ by hand


def test_escalated_by_hand_the_next_level_is_paged_now_with_the_reason(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada", repeat_count=5), step("bo"), step("cy")))
    day.fires()
    day.acknowledge("INC-1001")
    answered = day.answer("INC-1001", AnswerAction.ESCALATE, "ada", text="needs a DBA")
    day.advance(seconds=5)
    assert answered.is_first
    assert day.pages() == [("ada", "sms", "page"), ("bo", "sms", "page")]
    assert day.sms.sent[-1].text.reason == "ada escalates: needs a DBA"
    assert day.sms.sent[-1].text.level == 2
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day)


def test_escalated_beyond_the_last_level_the_last_resort_is_told(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), last_resort=(NOC,)))
    day.fires()
    day.answer("INC-1001", AnswerAction.ESCALATE, "ada")
    day.advance(seconds=5)
    assert day.pages() == [("ada", "sms", "page"), (NOC, "email", "page")]
    nothing_else_arrives(day)


def test_what_is_over_cannot_be_escalated(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), step("bo")))
    day.fires()
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=5)
    assert not day.answer("INC-1001", AnswerAction.ESCALATE, "ada").is_first
    nothing_else_arrives(day)


def test_handed_over_to_the_third_level_with_the_whole_timeline(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), step("bo"), step("cy")))
    day.fires()
    day.acknowledge("INC-1001")
    for number in range(15):
        day.note("INC-1001", f"finding {number}")
    day.answer("INC-1001", AnswerAction.HAND_OVER, "ada", to="L3", text="kernel bug")
    day.advance(seconds=5)
    page = day.sms.sent[-1]
    assert (page.person, page.text.level, page.text.reason) == ("cy", 3, "handed over by ada: kernel bug")
    told = [line.text for line in page.text.incident.timeline]
    assert all(f"note by ada: finding {number}" in told for number in range(15))
    assert len(day.sms.sent[0].text.incident.timeline) <= 10
    day.acknowledge("INC-1001", by="cy")
    nothing_else_arrives(day)


def test_handed_over_to_somebody_who_does_not_answer_the_escalation_goes_on(new_day, nothing_else_arrives):
    day = new_day(policy=plan(step("ada"), step("cy")))
    day.fires()
    day.answer("INC-1001", AnswerAction.HAND_OVER, "ada", to="bo")
    day.advance(minutes=12)
    assert times(day) == [(0, "ada", "sms"), (0, "bo", "sms"), (5, "cy", "sms")]
    assert day.incident().assignee == "bo"
    nothing_else_arrives(day)


def test_an_acknowledgement_that_was_not_meant_is_taken_back(new_day, nothing_else_arrives):
    """A robot pressed the button: the person takes it back, and paging begins anew."""
    day = new_day(policy=plan(step("ada"), step("bo")))
    day.fires()
    day.acknowledge("INC-1001", by="ada")
    day.advance(minutes=20)
    day.answer("INC-1001", AnswerAction.UNACKNOWLEDGE, "ada")
    day.advance(minutes=6)
    assert times(day) == [(0, "ada", "sms"), (20, "ada", "sms"), (25, "bo", "sms")]
    assert not day.answer("INC-1001", AnswerAction.UNACKNOWLEDGE, "ada").is_first
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day)


def test_an_hour_has_no_effect_on_a_step_with_a_long_wait(new_day, nothing_else_arrives):
    """The wait of a step is its own, whatever the hour."""
    day = new_day(policy=plan(step("ada", wait=7200), step("bo")))
    day.fires()
    day.advance(hours=1, minutes=59)
    assert times(day) == [(0, "ada", "sms")]
    day.advance(minutes=2)
    assert times(day)[-1] == (120, "bo", "sms")
    day.acknowledge("INC-1001", by="bo")
    assert day.incident().acknowledged_at - day.incident().opened_at < timedelta(hours=3)
    nothing_else_arrives(day)


def test_where_no_step_is_for_this_hour_and_nobody_else_would_hear_it_waits_for_the_first_that_opens(
    new_day, nothing_else_arrives
):
    """It is two in the morning, the only step is for the day, and there is no last resort: forgotten it must not be."""
    by_day = TimeWindow(UTC, times=((8 * 60, 18 * 60),))
    day = new_day(policy=plan(step("ada", only=by_day)))
    day.fires()
    day.advance(hours=5)
    day.kill()
    day.start()
    assert day.pages() == []
    assert "escalation/steps_closed" in day.history()
    day.advance(hours=1, minutes=1)
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_who_is_paged_anew_does_not_get_what_was_to_follow_the_page_before(new_day, nothing_else_arrives):
    """A repeat after two minutes and a stage after two minutes were two messages in the same second."""
    day = new_day(policy=plan(step("ada", wait=120, repeat_count=2), step("bo"), people={ADA: eager()}))
    day.fires()
    day.advance(minutes=3)
    assert times(day) == [(0, "ada", "sms"), (2, "ada", "sms")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_when_every_page_has_failed_everybody_who_takes_turns_is_paged(new_day, nothing_else_arrives):
    weeks = Layer("weeks", (ADA, BO), datetime.fromisoformat("2026-01-05"), Turn(1, TurnUnit.WEEK))
    day = new_day(policy=plan(step("schedule:l1"), schedules={"l1": Schedule("l1", UTC, (weeks,))}))
    day.sms.is_down = day.mail.is_down = True
    day.fires()
    day.advance(minutes=10)
    day.sms.is_down = day.mail.is_down = False
    day.advance(minutes=20)
    assert {name for name, _, _ in day.pages()} == {"ada", "bo"}
    day.acknowledge("INC-1001")
    day.advance(hours=1)
    nothing_else_arrives(day)
