"""Who is in charge of an incident: by schedule, in turn, the fewest; by skill; by hand; and what a team's room is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ingestd.core.answers import AnswerAction
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import AssignBy, EscalationPolicy, Step, Team
from ingestd.core.rota import Layer, Schedule, Turn, TurnUnit
from ingestd.core.windows import OneOff
from ingestd.testing.world import START, policy

ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))
HOSTS = ("db1", "db2", "db3", "db4", "db5")


def divided(by: AssignBy | None, *, people=None, schedule=None, room=None, page=("assignee",)):
    whole = policy()
    weeks = Layer("weeks", (CY, ADA), datetime.fromisoformat("2026-01-05"), Turn(1, TurnUnit.WEEK))
    return replace(
        whole,
        people={**whole.people, **(people or {})},
        teams={"default": Team("default", (ADA, BO, CY), by, schedule, room)},
        schedules={"l1": Schedule("l1", UTC, (weeks,))},
        escalations={"default": EscalationPolicy("default", (Step(tuple(map(PersonName, page)), 300),))},
        channel_connectors={**whole.channel_connectors, **({Channel.CHAT: "chat"} if room else {})},
    )


def in_charge(day) -> list[str | None]:
    return [incident.assignee for incident in day.incidents()]


def open_some(day, count: int = 5) -> None:
    for number, host in enumerate(HOSTS[:count]):
        day.fires(host=host, cluster=f"c{number}")


def test_work_is_divided_in_turn_and_whoever_is_in_charge_is_paged(new_day, nothing_else_arrives):
    day = new_day(policy=divided(AssignBy.ROUND_ROBIN))
    open_some(day)
    assert in_charge(day) == ["ada", "bo", "cy", "ada", "bo"]
    assert [name for name, _, _ in day.pages()] == ["ada", "bo", "cy", "ada", "bo"]
    for number in range(1001, 1006):
        day.acknowledge(f"INC-{number}")
    nothing_else_arrives(day)


def test_the_turn_goes_on_after_a_restart(new_day, nothing_else_arrives):
    day = new_day(policy=divided(AssignBy.ROUND_ROBIN))
    open_some(day, 1)
    day.kill()
    day.start()
    day.fires(host="db9", cluster="z")
    assert in_charge(day) == ["ada", "bo"]
    day.acknowledge("INC-1001")
    day.acknowledge("INC-1002", by="bo")
    nothing_else_arrives(day)


def test_whoever_has_the_fewest_open_incidents_is_next(new_day, nothing_else_arrives):
    day = new_day(policy=divided(AssignBy.LEAST_LOADED))
    open_some(day, 4)
    assert in_charge(day) == ["ada", "bo", "cy", "ada"]
    for number in (1002, 1003):
        day.resolve_by_hand(f"INC-{number}")
    day.fires(host="db8", cluster="x")
    day.fires(host="db9", cluster="y")
    assert sorted(in_charge(day)[4:]) == ["bo", "cy"]
    for number in (1001, 1004, 1005, 1006):
        day.acknowledge(f"INC-{number}")
    nothing_else_arrives(day)


def test_whoever_is_away_is_passed_over(new_day, nothing_else_arrives):
    away = OneOff(START - timedelta(days=1), START + timedelta(days=7))
    person = replace(policy().people[ADA], away=(away,))
    day = new_day(policy=divided(AssignBy.ROUND_ROBIN, people={ADA: person}))
    open_some(day, 3)
    assert in_charge(day) == ["bo", "cy", "bo"]
    for number in (1001, 1002, 1003):
        day.acknowledge(f"INC-{number}", by="bo")
    nothing_else_arrives(day)


def test_whoever_is_on_call_is_in_charge(new_day, nothing_else_arrives):
    """Monday, 2 March 2026: the ninth week, so it is cy's turn."""
    day = new_day(policy=divided(AssignBy.SCHEDULE, schedule="l1"))
    open_some(day, 2)
    assert in_charge(day) == ["cy", "cy"]
    for number in (1001, 1002):
        day.acknowledge(f"INC-{number}", by="cy")
    nothing_else_arrives(day)


def test_where_nobody_is_free_somebody_is_paged_all_the_same(new_day, nothing_else_arrives):
    nobody = {
        name: replace(policy().people[name], away=(OneOff(START, START + timedelta(days=1)),)) for name in (ADA, BO, CY)
    }
    day = new_day(policy=divided(AssignBy.ROUND_ROBIN, people=nobody, page=("assignee", "bo")))
    open_some(day, 1)
    assert in_charge(day) == [None]
    assert day.pages() == [("bo", "sms", "page")]
    assert "assigned/nobody_free" in day.history()
    day.acknowledge("INC-1001", by="bo")
    nothing_else_arrives(day)


def test_assigned_by_hand_they_are_told_once(new_day, nothing_else_arrives):
    day = new_day(policy=divided(None, page=("ada",)))
    open_some(day, 1)
    day.acknowledge("INC-1001")
    assert day.incident().assignee == "ada"
    answered = day.answer("INC-1001", AnswerAction.ASSIGN, "ada", to="bo", text="knows the disks")
    day.advance(seconds=5)
    assert answered.is_first
    assert day.incident().assignee == "bo"
    word = day.sms.sent[-1]
    assert (word.person, word.purpose) == ("bo", "word")
    assert word.text.words.splitlines() == [
        f"You are in charge of INC-1001: {day.incident().title}",
        "ada says so: knows the disks",
    ]
    assert not day.answer("INC-1001", AnswerAction.ASSIGN, "cy", to="bo").is_first
    nothing_else_arrives(day)


def test_who_assigns_themselves_is_not_told(new_day, nothing_else_arrives):
    day = new_day(policy=divided(None, page=("ada",)))
    open_some(day, 1)
    day.answer("INC-1001", AnswerAction.ASSIGN, "bo", to="bo")
    day.acknowledge("INC-1001")
    assert day.incident().assignee == "bo"
    assert day.pages() == [("ada", "sms", "page")]
    nothing_else_arrives(day)


def test_a_word_is_said_once_over_a_crash_and_by_another_channel_where_one_fails(new_day, nothing_else_arrives):
    day = new_day(policy=divided(None, page=("ada",)))
    open_some(day, 1)
    day.acknowledge("INC-1001")
    day.sms.is_barred = True
    day.answer("INC-1001", AnswerAction.ASSIGN, "ada", to="bo")
    day.kill()
    day.start()
    day.advance(minutes=2)
    words = [page for page in day.mail.sent if page.purpose == "word" and page.person == "bo"]
    assert len(words) == 1
    day.sms.is_barred = False


def test_a_room_hears_how_it_stands(new_day, nothing_else_arrives):
    day = new_day(policy=divided(None, room="ops", page=("ada",)))
    open_some(day, 1)
    day.advance(seconds=5)
    day.acknowledge("INC-1001")
    day.advance(seconds=5)
    day.clears(host="db1", cluster="c0")
    day.advance(minutes=2)
    posts = [page for page in day.chat.sent if page.purpose == "post"]
    assert [(page.text.contact.address, page.text.reason) for page in posts] == [
        ("ops", "opened"),
        ("ops", "acknowledged by ada"),
        ("ops", "resolved: all alerts have cleared"),
    ]
    assert posts[-1].text.incident.state.value == "resolved"
    nothing_else_arrives(day)


def test_a_room_that_cannot_be_reached_holds_up_no_page_and_hears_the_newest_alone(new_day, nothing_else_arrives):
    day = new_day(policy=divided(None, room="ops", page=("ada",)))
    day.chat.is_down = True
    open_some(day, 1)
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    day.clears(host="db1", cluster="c0")
    day.advance(minutes=2)
    day.chat.is_down = False
    day.advance(hours=1)
    posts = [page for page in day.chat.sent if page.purpose == "post"]
    assert [page.text.incident.state.value for page in posts] == ["resolved"]
    nothing_else_arrives(day)
