"""What waits, is quiet or was taken back meets an answer, a worse alert or a return: nobody is left out. ``NOW`` is a Monday, 02:00 UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest

from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.effects import DeadlineKind
from ingestd.core.names import IncidentId, PersonName
from ingestd.core.policy import EscalationPolicy, Policy, Step
from ingestd.core.ruleset import DuringWindow
from ingestd.core.windows import TimeWindow
from ingestd.testing.builders import NOW
from tests.core.rule_days import RULES, Day, rules, window

INC = IncidentId("INC-1001")
ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))
NIGHT = TimeWindow(UTC, times=((22 * 60, 24 * 60), (0, 7 * 60)))


def _named(name: str, **changes):
    return replace(next(one for one in RULES if one.name == name), **changes)


TOGETHER = rules(
    _named("office", correlate_by=("cluster",)), _named("note", correlate_by=("cluster",)), _named("worst")
)


def says(day: Day, action: AnswerAction, to: str = "", by: str = "ada", text: str = "") -> None:
    day.answer(Answer(INC, action, by, "cli", text, to))


def paged(day: Day) -> list[str]:
    """Who was paged, in order; whatever became of it."""
    return [one.person for one in day.outbox.values() if one.kind.value == "page"]


def with_policy(plan: EscalationPolicy, made: Policy = TOGETHER) -> Policy:
    return replace(made, escalations={"default": plan})


class TestWhatWaitsForTheMorning:
    def test_an_acknowledgement_that_was_taken_back_at_night_does_not_swallow_the_page(self):
        day = Day()
        day.fires("Office")
        day.acknowledges()
        says(day, AnswerAction.UNACKNOWLEDGE)
        assert day.pages() == 0
        day.passes(hours=7)
        assert paged(day)[0] == "ada"
        assert day.reasons().count("page/office_hours") == 1

    def test_escalated_by_hand_it_waits_no_longer_and_the_morning_pages_nobody_twice(self):
        day = Day()
        day.fires("Office")
        says(day, AnswerAction.ESCALATE, text="it grows")
        (page,) = (one for one in day.outbox.values() if one.kind.value == "page")
        assert (page.person, page.level, page.reason) == ("ada", 1, "ada escalates: it grows")
        assert (day.incident().awaiting_policy, (INC, DeadlineKind.PAGE) in day.deadlines) == (None, False)
        day.passes(hours=7)
        assert paged(day) == ["ada", "bo"]

    def test_handed_over_at_night_the_policy_begins_in_the_morning_all_the_same(self):
        day = Day()
        day.fires("Office")
        says(day, AnswerAction.HAND_OVER, "cy")
        day.passes(hours=7)
        assert paged(day) == ["cy", "ada"]
        assert "escalation/exhausted" not in day.reasons()
        day.passes(minutes=5)
        assert paged(day) == ["cy", "ada", "bo"]

    def test_reopened_at_night_and_then_worse_pages_at_once(self):
        day = Day(TOGETHER, NOW.replace(hour=16, minute=58))
        day.fires("Office")
        day.clears("Office")
        day.passes(minutes=2)
        day.fires("Office")
        before = day.pages()
        assert day.incident().awaiting_policy == "default"
        day.fires("Worst")
        assert (day.pages(), day.incident().awaiting_policy) == (before + 1, None)

    def test_a_worse_alert_does_not_wait_for_the_morning_with_the_next_step(self):
        day = Day(TOGETHER, NOW.replace(hour=16, minute=58))
        day.fires("Office")
        day.passes(minutes=10)
        assert paged(day) == ["ada"]
        day.fires("Worst")
        assert paged(day) == ["ada", "ada"]
        day.passes(minutes=5)
        assert paged(day) == ["ada", "ada", "bo"]


def test_a_worse_alert_does_not_wait_for_the_end_of_somebodys_quiet_hours():
    quiet = replace(TOGETHER.people[ADA], quiet=NIGHT)
    office = replace(TOGETHER.ruleset, responses={})
    day = Day(replace(TOGETHER, people={**TOGETHER.people, ADA: quiet}, ruleset=office))
    day.fires("Office")
    (waits,) = (one for one in day.outbox.values() if one.kind.value == "page")
    assert waits.due_at == NOW.replace(hour=7)
    day.fires("Worst")
    now = [one for one in day.outbox.values() if one.kind.value == "page" and not one.state.is_settled]
    assert [(one.person, one.due_at) for one in now] == [("ada", NOW)]


def test_what_is_urgent_already_is_not_paged_again_by_a_worse_alert():
    day = Day(rules(_named("grouped"), _named("worst")))
    day.fires("GroupOne")
    day.fires("Worst")
    assert paged(day) == ["ada"]


class TestReopenedByWhatPagesNobody:
    def reopened(self) -> Day:
        day = Day(TOGETHER)
        day.fires("Worst")
        day.clears("Worst")
        day.passes(minutes=2)
        day.fires("Note")
        assert (day.incident().state.value, day.pages()) == ("triggered", 1)
        return day

    def test_nothing_of_the_former_steps_seems_to_go_on(self):
        assert self.reopened().incident().escalation is None

    def test_a_worse_alert_that_joins_pages(self):
        day = self.reopened()
        day.fires("Worst", "db2")
        assert paged(day) == ["ada", "ada"]


class TestQuiet:
    @pytest.mark.parametrize(("action", "to", "whom"), [("escalate", "", "ada"), ("hand-over", "cy", "cy")])
    def test_who_wants_people_paged_is_obeyed(self, action, to, whom):
        day = Day(with_team_policy())
        day.fires("Shop", window="ticket")
        says(day, AnswerAction(action), to)
        assert (paged(day), day.incident().quiet) == ([whom], None)
        assert all(day.claim(key) is None for key in day.claimable() if day.outbox[key].kind.value == "page")

    def test_an_acknowledgement_expires_after_the_quiet(self):
        plan = EscalationPolicy("default", (Step((ADA,), 300),), ack_expires_seconds=600)
        later = (window("ticket", DuringWindow.TICKET_ONLY, 60),)
        day = Day(replace(rules(*RULES, maintenance=later), escalations={"default": plan}))
        day.fires("Shop", window="ticket")
        day.clears("Shop", window="ticket")
        day.passes(minutes=2)
        day.fires("Shop", window="ticket")
        assert day.incident().quiet
        day.acknowledges()
        day.passes(minutes=70)
        assert "triggered/ack_expired" in day.reasons()


def with_team_policy() -> Policy:
    made = rules()
    routes = {name: replace(route, policy="default") for name, route in made.ruleset.routes.items()}
    return replace(made, ruleset=replace(made.ruleset, routes=routes))


def test_a_hand_over_leaves_the_steps_behind_it_their_levels():
    day = Day()
    day.fires("Shop")
    says(day, AnswerAction.HAND_OVER, "cy")
    says(day, AnswerAction.HAND_OVER, "L2")
    assert [(one.person, one.level) for one in day.outbox.values() if one.kind.value == "page"] == [
        ("ada", 1),
        ("cy", 1),
        ("bo", 2),
    ]
