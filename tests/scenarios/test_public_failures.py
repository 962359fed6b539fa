"""What users of other systems have reported in public, one time-line each: it must not happen here.

Further ones stand beside what they are about: heavy sleepers, forgotten acknowledgements and gaps in ``test_policies``, several vendors in
``test_channels``, stale and late answers in ``test_replies``, throttles that escalate in ``test_storms``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

from ingestd.core.conduct import Threshold
from ingestd.core.names import Channel, IncidentState, Level, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Stage, Step
from ingestd.core.response import PageWhen
from ingestd.core.rule_draft import RuleDraft
from ingestd.core.windows import TimeWindow
from ingestd.testing.outside import Fault
from ingestd.testing.world import alertmanager_body, policy

ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))


def step(*names: str, wait: int = 300, **more) -> Step:
    return Step(tuple(PersonName(name) for name in names), wait, **more)


def with_steps(*steps: Step, people=(), **changes):
    whole = policy()
    plan = EscalationPolicy("default", steps, **changes)
    return replace(whole, escalations={"default": plan}, people={**whole.people, **{one.name: one for one in people}})


def reached(day) -> list[str]:
    return [name for name, _, _ in day.pages()]


# ------------------------------------------------------------------ silence where somebody ought to be paged


def test_a_chain_goes_on_after_a_step_that_was_not_for_its_hour_and_a_restart(new_day, nothing_else_arrives):
    """Grafana OnCall 1206: a chain never resumed after a time gate; a restart was suspected."""
    by_day = TimeWindow(UTC, times=((9 * 60, 17 * 60),))
    day = new_day(policy=with_steps(step("ada"), step("bo", only=by_day), step("cy")))
    day.fires()
    day.advance(minutes=4)
    day.kill()
    day.start()
    day.advance(minutes=2)
    assert reached(day) == ["ada", "cy"]
    day.acknowledge("INC-1001", by="cy")
    nothing_else_arrives(day)


def test_a_restart_between_any_two_steps_stops_no_escalation(new_day, nothing_else_arrives):
    """Grafana OnCall 1187, 3898: escalations that stopped without a word."""
    day = new_day(policy=with_steps(step("ada"), step("bo"), step("cy"), loop_count=2))
    day.fires()
    for _ in range(6):
        day.advance(minutes=4, seconds=50)
        day.kill()
        day.start()
    day.advance(minutes=6)
    assert reached(day) == ["ada", "bo", "cy", "ada", "bo", "cy"]
    assert "escalation/exhausted" in day.history()
    nothing_else_arrives(day)


def test_one_channel_that_fails_does_not_stop_the_other(new_day, nothing_else_arrives):
    """Grafana OnCall 1503: a failed channel may have stopped the primary one."""
    both = Person(
        ADA,
        "Ada",
        ((Channel.EMAIL, "ada@example.com"), (Channel.SMS, "+15550000")),
        urgent=(Stage((Channel.EMAIL,)), Stage((Channel.SMS,), 60)),
    )
    day = new_day(policy=with_steps(step("ada"), people=(both,)))
    day.mail.faults = [Fault.REJECT]
    day.fires()
    day.advance(minutes=2)
    assert ("ada", "sms", "page") in day.pages()
    assert [channel for _, channel, _ in day.pages()].count("email") == 0
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_persons_later_stage_is_not_skipped_when_the_chain_moves_on(new_day, nothing_else_arrives):
    """Grafana OnCall 934: a person's later steps were skipped."""
    slow = Person(
        ADA,
        "Ada",
        ((Channel.SMS, "+15550000"), (Channel.EMAIL, "ada@example.com")),
        urgent=(Stage((Channel.SMS,)), Stage((Channel.EMAIL,), 420)),
    )
    day = new_day(policy=with_steps(step("ada"), step("bo"), people=(slow,)))
    day.fires()
    day.advance(minutes=8)
    assert day.pages() == [("ada", "sms", "page"), ("bo", "sms", "page"), ("ada", "email", "page")]
    day.acknowledge("INC-1001", by="ada")
    nothing_else_arrives(day)


def test_somebody_without_a_contact_does_not_pass_it_up_to_the_directors_unseen(new_day, nothing_else_arrives):
    """Grafana OnCall 1326, 1511, 5467: nobody on the first level had a contact, and the third level was woken without knowing why."""
    mute = Person(ADA, "Ada", ())
    day = new_day(policy=with_steps(step("ada"), step("bo"), people=(mute,)))
    day.fires()
    assert reached(day) == ["bo"]
    assert "nobody on the level before could be reached" in day.sms.sent[0].text.reason
    assert "page/no_usable_contact" in day.history()
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day)


def test_every_body_of_a_flood_ends_in_an_incident_or_a_reason(day, nothing_else_arrives):
    """Grafana OnCall 3898: does not receive all my alerts."""
    envelopes = [day.fires(host=f"db{number}", cluster=f"c{number % 3}") for number in range(30)]
    day.advance(minutes=1)
    assert all(day.envelope(one).disposition for one in envelopes)
    assert sum(len(day.members(incident.id)) for incident in day.incidents()) == 30
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


# ------------------------------------------------------------------ pages where nobody wants them


def test_after_an_acknowledgement_no_stage_and_no_repeat_is_left(new_day, nothing_else_arrives):
    """Grafana OnCall 4760, 4654, 4761: people were called after they had acknowledged."""
    noisy = replace(
        policy().people[ADA], urgent=(Stage((Channel.SMS,)), Stage((Channel.EMAIL,), 60), Stage((Channel.SMS,), 120))
    )
    day = new_day(policy=with_steps(step("ada", repeat_count=5), step("bo"), people=(noisy,), loop_count=3))
    day.fires()
    day.advance(seconds=70)
    day.acknowledge("INC-1001")
    assert day.pages() == [("ada", "sms", "page"), ("ada", "email", "page")]
    assert day.unsettled() == [] or all("page" not in key for key in day.unsettled())
    nothing_else_arrives(day, hours=6)


def test_after_a_resolve_no_stage_and_no_repeat_is_left(new_day, nothing_else_arrives):
    """OneUptime 1690: escalation did not stop on resolve."""
    noisy = replace(policy().people[ADA], urgent=(Stage((Channel.SMS,)), Stage((Channel.EMAIL,), 240)))
    day = new_day(policy=with_steps(step("ada", repeat_count=5), step("bo"), people=(noisy,)))
    day.fires()
    day.clears()
    day.advance(minutes=2)
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day, hours=6)


def test_whoever_was_paged_hears_that_it_is_over(day, nothing_else_arrives):
    """Grafana OnCall 3057, 3984, 5450: tell me that it resolved."""
    day.fires()
    day.advance(minutes=6)
    day.acknowledge("INC-1001", by="bo")
    day.clears()
    day.advance(minutes=2)
    assert sorted(name for name, _, purpose in day.pages() if purpose == "resolved") == ["ada", "bo"]
    nothing_else_arrives(day)


# ------------------------------------------------------------------ what is one and what is two


def test_the_same_words_of_two_alerts_do_not_make_them_one(day, nothing_else_arrives):
    """GoAlert 4461: the key was the rendered summary, so that distinct problems vanished."""
    same = {"_annotations": {"summary": "replication is broken"}}
    day.receive(alertmanager_body({"alertname": "DiskFull", "host": "db1", "cluster": "a", **same}))
    day.receive(alertmanager_body({"alertname": "DiskFull", "host": "db2", "cluster": "b", **same}))
    day.advance(seconds=2)
    assert len(day.incidents()) == 2
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_one_resolve_of_a_group_does_not_close_the_rest(day, nothing_else_arrives):
    """Grafana OnCall 542: one resolve closed a group."""
    day.fires(host="db1")
    day.fires(host="db2")
    day.clears(host="db1")
    day.advance(minutes=5)
    assert day.incident().state is IncidentState.TRIGGERED
    assert day.incident().firing_count == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_what_joins_an_acknowledged_incident_is_not_lost_with_it(new_day, nothing_else_arrives):
    """GoAlert 3378: acknowledged, forgotten, and new alerts were hidden in it."""
    day = new_day(policy=with_steps(step("ada"), ack_expires_seconds=1800))
    day.fires(host="db1")
    day.acknowledge("INC-1001")
    day.advance(minutes=10)
    day.fires(host="db2")
    day.advance(minutes=1)
    assert day.incident().alert_count == 2
    assert any("db2" in line for _, lines in day.tickets.kept[0].comments for line in lines)
    day.advance(minutes=20)
    assert reached(day) == ["ada", "ada"]
    day.acknowledge("INC-1001")
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=5)
    nothing_else_arrives(day)


def test_only_the_third_time_within_an_hour_is_worth_a_page(new_day, nothing_else_arrives):
    """GoAlert 914, refused there: page only after it happened so often."""
    draft = RuleDraft(
        name="flaky", match=("alertname = Flaky",), impact=Level.HIGH, urgency=Level.HIGH, threshold=Threshold(3, 3600)
    )
    day = new_day(policy=policy((draft,)))
    for minute in range(3):
        assert day.pages() == []
        day.fires("Flaky", _starts=f"2026-03-02T02:{minute:02}:00Z")
        if minute < 2:
            day.clears("Flaky")
            day.advance(minutes=1)
    day.advance(seconds=2)
    assert reached(day) == ["ada"]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_ticket_system_that_is_down_does_not_stop_the_incident(day, nothing_else_arrives):
    """Netflix Dispatch 5415: only after years was a Jira that is down made non-fatal."""
    day.tickets.is_down = True
    day.fires()
    day.advance(minutes=6)
    assert reached(day) == ["ada", "bo"]
    day.acknowledge("INC-1001", by="bo")
    day.tickets.is_down = False
    day.advance(hours=1)
    assert len(day.tickets.kept) == 1
    nothing_else_arrives(day)


def test_an_incident_that_was_not_to_wake_anybody_pages_when_people_are_at_work(new_day, nothing_else_arrives):
    """Grafana OnCall 1206 once more: what waits for its hour is not forgotten over a restart."""
    rules = policy()
    office = (TimeWindow(UTC, weekdays=((0, 4),), times=((9 * 60, 17 * 60),)),)
    responses = {
        severity: replace(response, page=PageWhen.OFFICE_HOURS)
        for severity, response in rules.ruleset.responses.items()
    }
    drafts = [replace(rule, is_bound_by_response=True) for rule in rules.ruleset.rules]
    ruleset = replace(rules.ruleset, rules=tuple(drafts), responses=responses, office_hours=office)
    day = new_day(policy=replace(rules, ruleset=ruleset))
    day.fires()
    day.advance(hours=3)
    day.kill()
    day.start()
    assert day.pages() == []
    day.advance(hours=4, minutes=1)
    assert reached(day) == ["ada"]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)
