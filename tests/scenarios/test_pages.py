"""Who is told what, when, by which channel; and who is left in peace."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

from ingestd.core.names import Channel, IncidentState, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Step
from ingestd.core.rota import Layer, Schedule, Turn, TurnUnit
from ingestd.core.rule_draft import RuleDraft
from ingestd.core.ruleset import UNMATCHED
from ingestd.testing.outside import Fault
from ingestd.testing.world import RULES, alertmanager_body, policy

ADA, BO, CY = ("ada", "sms", "page"), ("bo", "sms", "page"), ("cy", "sms", "page")
ADA_MAIL, BO_MAIL = ("ada", "email", "page"), ("bo", "email", "page")


def together(*names: str, wait_seconds: int = 300) -> Step:
    return Step(tuple(PersonName(name) for name in names), wait_seconds)


def test_an_acknowledgement_stops_the_pages_that_were_to_come(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=4)
    answered = day.acknowledge("INC-1001", by="bo", via="cli")
    assert answered is not None
    assert answered.is_first
    assert day.pages() == [ADA]
    nothing_else_arrives(day)


def test_an_acknowledgement_cancels_a_page_that_is_queued(day, nothing_else_arrives):
    """The service is down; by the time it is up again, somebody has answered."""
    day.sms.is_down = day.mail.is_down = True
    day.fires()
    day.advance(seconds=30)
    day.acknowledge("INC-1001", by="bo")
    assert [key for key in day.unsettled() if "page" in key] == []
    day.sms.is_down = day.mail.is_down = False
    nothing_else_arrives(day)
    assert day.pages() == []


def test_the_second_who_acknowledges_is_told_who_was_first(day, nothing_else_arrives):
    day.fires()
    assert day.acknowledge("INC-1001", by="ada").is_first
    second = day.acknowledge("INC-1001", by="bo")
    assert not second.is_first
    assert second.after.acknowledged_by == "ada"
    assert day.history().count("answer/answered_late") == 1
    nothing_else_arrives(day)


def test_a_page_in_flight_while_somebody_acknowledges_arrives_and_its_receiver_hears_of_the_end(
    new_day, nothing_else_arrives
):
    answers = []

    def acknowledge_while_it_is_under_way(point: str) -> None:
        if point == "before sms page" and not answers:
            answers.append(day.acknowledge("INC-1001", by="bo"))

    day = new_day(at_point=acknowledge_while_it_is_under_way)
    day.fires()
    assert answers[0].is_first
    assert day.pages() == [ADA]
    day.advance(minutes=10)
    assert day.pages() == [ADA]
    day.clears()
    day.advance(minutes=2)
    assert day.pages() == [ADA, ("ada", "sms", "resolved")]
    nothing_else_arrives(day)


def test_a_page_in_flight_that_fails_after_the_acknowledgement_is_not_tried_again(new_day, nothing_else_arrives):
    def acknowledge_while_it_is_under_way(point: str) -> None:
        if point == "before sms page":
            day.acknowledge("INC-1001", by="bo")

    day = new_day(at_point=acknowledge_while_it_is_under_way)
    day.sms.faults = [Fault.REFUSE]
    day.fires()
    assert day.pages() == []
    nothing_else_arrives(day)
    assert day.pages() == []


def test_everybody_who_was_paged_hears_of_the_end_once_by_the_channel_that_reached_them(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=5)
    day.receipt(day.sms.sent[0], "failed")
    day.advance(seconds=1)
    assert day.pages() == [ADA, BO, ADA_MAIL]
    day.acknowledge("INC-1001", by="bo")
    day.clears()
    day.advance(minutes=2)
    assert sorted(day.pages()[3:]) == [("ada", "email", "resolved"), ("bo", "sms", "resolved")]
    nothing_else_arrives(day)


def test_a_page_that_is_refused_goes_by_the_next_channel_at_once(day, nothing_else_arrives):
    day.sms.faults = [Fault.REJECT]
    day.fires()
    assert day.pages() == [ADA_MAIL]
    assert day.mail.sent[0].text.reason == "sms did not get through"
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_page_that_fails_twice_goes_by_the_next_channel_and_keeps_trying(day, nothing_else_arrives):
    day.sms.is_down = True
    day.fires()
    day.advance(seconds=10)
    assert day.pages() == [ADA_MAIL]
    day.sms.is_down = False
    day.advance(minutes=2)
    assert day.pages() == [ADA_MAIL, ADA]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_while_a_service_is_given_a_rest_pages_go_by_the_next_channel_within_seconds(new_day, nothing_else_arrives):
    day = new_day(policy=replace(policy(), limits={}))
    day.sms.is_down = True
    day.fires(cluster="a")
    day.advance(minutes=4)
    for cluster in "bcd":
        day.fires(cluster=cluster)
    day.advance(seconds=6)
    assert {page.incident for page in day.mail.sent} == {"INC-1001", "INC-1002", "INC-1003", "INC-1004"}
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.sms.is_down = False
    nothing_else_arrives(day)


def test_a_page_that_the_service_could_not_deliver_goes_by_the_next_channel(day, nothing_else_arrives):
    day.fires()
    day.receipt(day.sms.sent[0], "failed")
    day.advance(seconds=1)
    assert day.pages() == [ADA, ADA_MAIL]
    day.receipt(day.sms.sent[0], "failed")
    day.receipt(day.mail.sent[0], "delivered")
    day.advance(seconds=1)
    assert day.pages() == [ADA, ADA_MAIL]
    day.advance(minutes=5)
    assert day.pages() == [ADA, ADA_MAIL, BO]
    day.acknowledge("INC-1001")
    day.receipt(day.sms.sent[1], "failed")
    nothing_else_arrives(day)


def test_a_person_whom_no_channel_reaches_is_passed_over_at_once(day, nothing_else_arrives):
    day.sms.faults = [Fault.REJECT]
    day.mail.faults = [Fault.REJECT]
    day.fires()
    assert day.pages() == [BO]
    assert day.sms.sent[0].text.reason == "nobody on the level before could be reached"
    assert "page/person_unreachable" in day.history()
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_one_of_two_who_cannot_be_reached_does_not_wake_the_next_level(new_day, nothing_else_arrives):
    day = new_day(policy=policy(steps=[together("ada", "bo"), together("cy")]))
    day.sms.faults = [Fault.REJECT]
    day.mail.faults = [Fault.REJECT]
    day.fires()
    assert day.pages() == [BO]
    day.advance(minutes=4, seconds=58)
    assert day.pages() == [BO]
    day.advance(seconds=2)
    assert day.pages() == [BO, CY]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_late_failure_of_an_earlier_level_does_not_hurry_the_present_one(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=5)
    day.mail.faults = [Fault.REJECT]
    day.receipt(day.sms.sent[0], "failed")
    day.advance(minutes=4)
    assert day.pages() == [ADA, BO]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_when_nobody_can_be_reached_all_are_tried_and_the_end_of_it_is_said(day, nothing_else_arrives):
    day.sms.faults = [Fault.REJECT] * 3
    day.mail.faults = [Fault.REJECT] * 3
    day.fires()
    day.advance(seconds=10)
    assert day.history()[-1] == "escalation/exhausted"
    assert day.incident().escalation.is_exhausted
    assert day.history().count("page/person_unreachable") == 3
    nothing_else_arrives(day)
    assert day.pages() == []
    assert day.incident().state is IncidentState.TRIGGERED


def test_when_nobody_answers_every_step_runs_as_often_as_the_policy_says(new_day, nothing_else_arrives):
    day = new_day(policy=policy(loop_count=2))
    day.fires()
    day.advance(minutes=31)
    assert day.pages() == [ADA, BO, CY, ADA, BO, CY]
    assert day.sms.sent[1].text.reason == "ada did not answer in 5 min"
    assert day.history()[-1] == "escalation/exhausted"
    assert day.metrics.registry.get_sample_value("ingestd_escalations_exhausted_total") == 1
    day.advance(minutes=1)
    assert any("nobody answered" in line for _, lines in day.tickets.kept[0].comments for line in lines)
    nothing_else_arrives(day)


def test_a_page_that_is_due_while_all_has_cleared_is_held_and_goes_when_it_fires_again(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=4, seconds=30)
    day.clears()
    day.advance(seconds=45)
    assert day.pages() == [ADA]
    assert day.history()[-1] == "escalation/held_while_clearing"
    day.fires(_starts=day.now().isoformat())
    assert day.pages() == [ADA, BO]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_page_that_was_due_while_all_had_cleared_is_dropped_with_the_end(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=4, seconds=30)
    day.clears()
    day.advance(minutes=2)
    assert day.pages() == [ADA, ("ada", "sms", "resolved")]
    nothing_else_arrives(day)


def test_what_no_rule_matches_still_pages_and_has_a_ticket(day, nothing_else_arrives):
    day.fires("NobodyThoughtOfThis")
    assert day.incident().rule == UNMATCHED
    assert day.pages() == [ADA]
    assert len(day.tickets.kept) == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_template_that_fails_still_pages_in_plain_words(new_day, nothing_else_arrives):
    def breaks(_fields: object) -> str:
        raise ZeroDivisionError("division by zero")

    day = new_day(policy=policy([replace(RULES[0], render_title=breaks), *RULES[1:]]))
    day.fires()
    assert day.pages() == [ADA]
    assert day.sms.sent[0].text.incident.title == "DiskFull on db1"
    assert "template/template_failed" in day.history()
    failures = day.metrics.registry.get_sample_value("ingestd_template_failures_total", {"rule": "disk-full"})
    assert failures == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_reload_while_somebody_is_paged_keeps_the_steps_that_were_promised(day, nothing_else_arrives):
    day.fires()
    changed = policy(steps=[together("cy", wait_seconds=60)])
    day.reload(changed)
    day.advance(minutes=5)
    assert day.pages() == [ADA, BO]
    day.acknowledge("INC-1001")
    day.advance(minutes=31)
    day.fires(host="db9", cluster="b")
    assert day.pages()[2:] == [CY]
    day.acknowledge("INC-1002")
    nothing_else_arrives(day)


def test_a_reload_that_removes_a_person_passes_them_over(day, nothing_else_arrives):
    day.fires()
    day.reload(replace(day.policy, people={name: p for name, p in day.policy.people.items() if name != "bo"}))
    day.advance(minutes=5, seconds=1)
    assert day.pages() == [ADA, CY]
    assert "page/no_usable_contact" in day.history()
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def hourly(day, name: str, *people: str, in_minutes: int = 0) -> Schedule:
    """People who take turns by the hour, the first one's from so many minutes ahead."""
    start = (day.now() + timedelta(minutes=in_minutes)).replace(tzinfo=None)
    return Schedule(name, UTC, (Layer("hours", tuple(map(PersonName, people)), start, Turn(1, TurnUnit.HOUR)),))


def paging(day, *steps: Step, schedules: tuple[Schedule, ...]) -> None:
    day.reload(replace(policy(steps=list(steps)), schedules={one.name: one for one in schedules}))


def test_each_level_pages_whoever_is_on_call_when_it_is_due(day, nothing_else_arrives):
    """Bo is on call when the alert fires; a minute before the second level is due bo hands over to cy on that one."""
    l2 = hourly(day, "l2", "bo", "cy", in_minutes=-56)
    steps = together("schedule:l1"), together("schedule:l2")
    paging(day, *steps, schedules=(hourly(day, "l1", "bo"), l2))
    day.fires()
    assert day.pages() == [BO]
    day.advance(minutes=5)
    assert day.pages() == [BO, CY]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_gap_in_a_schedule_never_drops_a_page(day, nothing_else_arrives):
    paging(day, together("schedule:l1"), together("bo"), schedules=(hourly(day, "l1", "ada", in_minutes=30),))
    day.fires()
    day.advance(seconds=1)
    assert day.pages() == [BO]
    assert "page/nobody_on_call" in day.history()
    day.acknowledge("INC-1001")
    day.advance(minutes=31)
    day.fires(host="db9", cluster="b")
    assert day.pages() == [BO, ADA]
    day.acknowledge("INC-1002")
    nothing_else_arrives(day)


def test_who_is_on_call_and_cannot_be_reached_is_followed_by_the_next_level_at_once(day, nothing_else_arrives):
    people = {**day.policy.people, PersonName("ada"): Person(PersonName("ada"), "Ada", ())}
    rota = hourly(day, "l1", "ada")
    steps = [together("schedule:l1"), together("cy")]
    day.reload(replace(policy(steps=steps), schedules={"l1": rota}, people=people))
    day.fires()
    day.advance(seconds=1)
    assert day.pages() == [CY]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_reload_that_removes_the_policy_does_not_silence_an_incident_that_comes_back(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=5)
    quiet = replace(RULES[0], has_page=True)
    day.reload(
        replace(policy([quiet, *RULES[1:]]), escalations={"other": EscalationPolicy("other", (together("cy"),))})
    )
    day.fires(_starts=day.now().isoformat())
    assert day.pages() == [ADA, ("ada", "sms", "resolved"), ADA]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_person_with_one_channel_is_paged_by_that_one(new_day, nothing_else_arrives):
    plain = policy()
    mail_only = Person(PersonName("ada"), "Ada", ((Channel.EMAIL, "ada@example.com"),))
    day = new_day(policy=replace(plain, people={**plain.people, PersonName("ada"): mail_only}))
    day.fires()
    assert day.pages() == [ADA_MAIL]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_page_whose_reply_was_lost_is_looked_up_and_not_sent_again(day, nothing_else_arrives):
    day.sms.faults = [Fault.LOSE_REPLY]
    day.fires()
    day.advance(minutes=1)
    assert day.pages() == [ADA]
    assert day.unsettled() == []
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_page_whose_reply_was_lost_and_that_cannot_be_looked_up_is_sent_again_as_the_same(day, nothing_else_arrives):
    """Twice is better than never, and the receiver can tell that it is the same page."""
    day.sms.can_find = False
    day.sms.faults = [Fault.LOSE_REPLY]
    day.fires()
    day.advance(minutes=1)
    assert day.pages() == [ADA, ADA]
    assert len({page.key for page in day.sms.sent}) == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_page_that_is_late_says_so(day, nothing_else_arrives):
    day.sms.is_down = day.mail.is_down = True
    day.fires()
    day.advance(minutes=4)
    day.sms.is_down = day.mail.is_down = False
    day.advance(minutes=1)
    assert {page.text.delayed_minutes for page in day.sms.sent} <= {4, 5}
    assert day.pages()
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_pager_whose_account_is_refused_pages_by_the_other_and_says_so_and_recovers(new_day, nothing_else_arrives):
    day = new_day(policy=replace(policy(), limits={}))
    day.sms.is_barred = True
    day.fires()
    day.advance(seconds=5)
    assert [page.incident for page in day.mail.sent] == ["INC-1001", "INC-1002"]
    assert "connector “sms” is refused" in day.incident(1002).title
    for number in (1001, 1002):
        day.acknowledge(f"INC-{number}")
    day.advance(minutes=30)
    assert day.incident(1002).state is IncidentState.ACKNOWLEDGED
    day.sms.is_barred = False
    day.advance(minutes=3)
    assert day.incident(1002).state is IncidentState.RESOLVED
    assert [page.purpose for page in day.mail.sent] == ["page", "page", "resolved"]
    nothing_else_arrives(day)
    assert len(day.incidents()) == 2


def test_five_incidents_at_once_are_five_pages_at_once(day, nothing_else_arrives):
    for cluster in "abcde":
        day.receive(alertmanager_body({"alertname": "DiskFull", "host": "db1", "cluster": cluster}))
    day.advance(seconds=1)
    assert day.pages() == [ADA] * 5
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_a_rule_that_says_so_pages_nobody(new_day, nothing_else_arrives):
    draft = RuleDraft("quiet", ("alertname = Quiet",), has_page=True, page=None)
    day = new_day(policy=policy([draft]))
    day.fires("Quiet")
    assert len(day.tickets.kept) == 1
    nothing_else_arrives(day)
    assert day.pages() == []


def test_who_was_paged_twice_when_it_was_resolved_hears_of_the_end_once(new_day, nothing_else_arrives):
    pages = []

    def resolve_while_the_second_is_under_way(point: str) -> None:
        if point == "before sms page":
            pages.append(point)
            if len(pages) == 2:
                day.resolve_by_hand("INC-1001", by="bo")

    plan = policy(steps=(together("ada", wait_seconds=60),), loop_count=3)
    day = new_day(policy=plan, at_point=resolve_while_the_second_is_under_way)
    day.fires()
    day.advance(minutes=2)
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day)


def test_who_may_have_got_a_page_while_it_was_resolved_hears_of_the_end(new_day, nothing_else_arrives):
    pages = []

    def resolve_while_it_is_under_way(point: str) -> None:
        if point == "before sms page" and not pages:
            pages.append(point)
            day.resolve_by_hand("INC-1001", by="bo")

    day = new_day(at_point=resolve_while_it_is_under_way)
    day.sms.faults = [Fault.LOSE_REPLY]
    day.fires()
    day.advance(minutes=1)
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day)
