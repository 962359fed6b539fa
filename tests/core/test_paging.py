"""When paging begins, who waits for office hours, and what is said when nobody answers. ``NOW`` is a Monday, 02:00 UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingestd.core.effects import DeadlineKind
from ingestd.core.names import IncidentId
from ingestd.core.windows import OneOff, TimeWindow
from ingestd.testing.builders import NOW
from tests.core.rule_days import OFFICE, RULES, Day, rules

NINE = NOW.replace(hour=9)
INC = IncidentId("INC-1001")


def day_at(hour: int, minute: int = 0, **stages) -> Day:
    return Day(rules(*RULES, **stages), NOW.replace(hour=hour, minute=minute))


def test_at_night_there_is_a_ticket_and_the_page_waits_for_the_morning():
    day = Day()
    day.fires("Office")
    assert (day.tickets(), day.pages(), day.incident().awaiting_policy) == (1, 0, "default")
    day.passes(hours=6, minutes=59)
    assert day.pages() == 0
    day.passes(minutes=1)
    assert (day.pages(), day.incident().awaiting_policy) == (1, None)
    assert "page/office_hours" in day.reasons()


def test_in_office_hours_it_pages_at_once():
    day = day_at(9)
    day.fires("Office")
    assert day.pages() == 1


def test_on_friday_evening_it_waits_for_monday():
    day = Day(now=datetime(2026, 3, 6, 17, tzinfo=UTC))
    day.fires("Office")
    day.passes(days=2, hours=15, minutes=59)
    assert day.pages() == 0
    day.passes(minutes=1)
    assert day.pages() == 1


def test_what_is_over_before_the_morning_pages_nobody():
    day = Day()
    day.fires("Office")
    day.clears("Office")
    day.passes(days=1)
    assert (day.pages(), day.deadlines) == (0, {})


@pytest.mark.parametrize("answer", ["acknowledges", "resolves_by_hand"])
def test_who_answers_at_night_is_not_paged_in_the_morning(answer):
    day = Day()
    day.fires("Office")
    getattr(day, answer)()
    day.passes(hours=8)
    assert day.pages() == 0


def test_a_second_alert_at_night_neither_pages_nor_puts_it_off():
    day = Day()
    day.fires("Office")
    day.passes(hours=1)
    day.fires("Office", starts="again")
    day.passes(hours=6)
    assert [day.pages(1001), day.pages(1002)] == [1, 1]


def test_a_worse_alert_that_joins_at_night_pages_at_once_and_its_steps_do_not_wait():
    joined = replace(next(one for one in RULES if one.name == "office"), correlate_by=("cluster",))
    day = Day(rules(joined, next(one for one in RULES if one.name == "worst")))
    day.fires("Office")
    day.fires("Worst")
    assert day.pages() == 1
    day.passes(minutes=5)
    assert day.pages() == 2
    assert (INC, DeadlineKind.PAGE) not in day.deadlines


def test_a_milder_alert_that_joins_does_not_make_the_steps_wait():
    office = replace(next(one for one in RULES if one.name == "office"), correlate_by=("cluster",))
    day = Day(rules(office, next(one for one in RULES if one.name == "worst")))
    day.fires("Worst")
    day.fires("Office")
    day.passes(minutes=10)
    assert day.pages() == 3


def test_a_step_that_comes_due_after_the_end_of_the_day_waits_for_the_morning():
    day = day_at(16, 58)
    day.fires("Office")
    assert day.pages() == 1
    day.passes(hours=16, minutes=1)
    assert day.pages() == 1
    assert "escalation/office_hours" in day.reasons()
    day.passes(minutes=1)
    assert day.pages() == 2


def test_while_all_has_cleared_in_the_morning_nobody_is_paged_until_it_fires_again():
    day = Day()
    day.fires("Office")
    day.passes(hours=6, minutes=59, seconds=30)
    day.clears("Office")
    day.passes(seconds=31)
    assert day.pages() == 0
    day.fires("Office")
    day.passes(minutes=2)
    assert day.pages() == 1


@pytest.mark.parametrize(
    "hours",
    [
        TimeWindow(UTC, years=((2020, 2020),)),
        OneOff(NOW - timedelta(days=2), NOW - timedelta(days=1)),
        TimeWindow(UTC, times=((60, 60),)),
    ],
)
def test_where_office_hours_never_begin_it_pages_at_once_and_goes_on(hours):
    day = Day(rules(*RULES, office_hours=(hours,)))
    day.fires("Office")
    day.passes(minutes=11)
    assert day.pages() == 3


def test_without_office_hours_people_are_always_at_work():
    day = Day(rules(*RULES, office_hours=()))
    day.fires("Office")
    assert day.pages() == 1


def test_a_severity_that_never_pages_opens_a_ticket_and_says_why():
    day = Day()
    day.fires("Note")
    day.passes(days=1)
    assert (day.tickets(), day.pages()) == (1, 0)
    assert "escalation/no_page" in day.reasons()


def test_what_no_rule_matches_pages_at_once_at_any_hour():
    day = Day()
    assert day.fires("Unheard").rule == "unmatched"
    assert day.pages() == 1


def test_the_time_to_acknowledge_counts_from_the_first_page_and_says_so_once():
    day = Day()
    day.fires("NodeDown")
    day.passes(minutes=14, seconds=59)
    assert "escalation/ack_overdue" not in day.reasons()
    day.passes(minutes=30)
    assert day.reasons().count("escalation/ack_overdue") == 1


def test_for_what_waited_until_the_morning_it_counts_from_the_morning():
    day = Day()
    day.fires("Office")
    day.passes(hours=7, minutes=59)
    assert "escalation/ack_overdue" not in day.reasons()
    day.passes(minutes=1)
    assert "escalation/ack_overdue" in day.reasons()


def test_acknowledged_in_time_nothing_is_overdue():
    day = Day()
    day.fires("NodeDown")
    day.acknowledges()
    day.passes(hours=1)
    assert "escalation/ack_overdue" not in day.reasons()


def test_reopened_at_night_it_waits_for_the_morning_again():
    day = day_at(16, 50)
    day.fires("Office")
    day.clears("Office")
    day.passes(minutes=15)
    day.fires("Office")
    day.passes(hours=1)
    assert (day.states(), day.pages()) == ({1001: "triggered"}, 1)
    day.passes(hours=15)
    assert day.pages() >= 2


def test_the_office_of_the_tests_is_the_one_that_they_speak_of():
    assert (OFFICE.contains(NINE), OFFICE.contains(NINE.replace(hour=17)), NOW.weekday()) == (True, False, 0)
