"""Where schedules would let a page down."""

from datetime import UTC, datetime, timedelta

from ingestd.core.policy import EscalationPolicy, Policy, Step, Team
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit
from ingestd.core.rota_gaps import Gap, GapKind, gaps_of_policy, gaps_of_schedule
from ingestd.core.ruleset import Ruleset
from ingestd.core.target import people_of

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(weeks=1)
DAY = timedelta(days=1)


def weekly(name: str, *people: str, overrides=(), start="2026-03-02") -> Schedule:
    return Schedule(
        name, UTC, (Layer("weeks", people, datetime.fromisoformat(start), Turn(1, TurnUnit.WEEK)),), overrides
    )


def policy(*steps: tuple[str, ...]) -> EscalationPolicy:
    return EscalationPolicy("p", tuple(Step(words, 300) for words in steps))


def whole(schedules: dict[str, Schedule]) -> Policy:
    teams = {"payments": Team("payments", ("chloe", "ben"))}
    return Policy(Ruleset(rules=(), matrix={}, version="test"), schedules=schedules, teams=teams)


def test_a_word_means_who_is_on_call_or_a_person_or_a_team_or_whoever_is_in_charge():
    rules = whole({"l1": weekly("l1", "asha", "ben", start="2026-03-09")})
    assert people_of("schedule:l1", rules, None, BEGIN) == ()
    assert people_of("schedule:l1", rules, None, BEGIN + WEEK) == ("asha",)
    assert people_of("schedule:l1", rules, None, BEGIN + 2 * WEEK) == ("ben",)
    assert people_of("schedule:gone", rules, None, BEGIN) == ()
    assert people_of("person:ben", rules, None, BEGIN) == ("ben",)
    assert people_of("ben", rules, None, BEGIN) == ("ben",)
    assert people_of("team:payments", rules, None, BEGIN) == ("chloe", "ben")
    assert people_of("team:gone", rules, None, BEGIN) == ()
    assert people_of("assignee", rules, None, BEGIN) == ()
    assert people_of("assignee", rules, "ben", BEGIN) == ("ben",)


def test_stretches_with_nobody_and_with_somebody_who_cannot_be_reached():
    schedule = weekly("l1", "asha", "ben", start="2026-03-03")
    assert list(gaps_of_schedule(schedule, BEGIN, BEGIN + 2 * WEEK, {"asha"})) == [
        Gap(GapKind.NOBODY, BEGIN, BEGIN + DAY, "l1"),
        Gap(GapKind.NO_CONTACT, BEGIN + DAY + WEEK, BEGIN + 2 * WEEK, "l1", "ben"),
    ]
    assert list(gaps_of_schedule(schedule, BEGIN + DAY, BEGIN + WEEK, {"asha", "ben"})) == []


def test_a_person_on_two_levels_is_told_for_the_whole_stretch():
    swap = Override("ben", BEGIN + 3 * DAY, BEGIN + WEEK + DAY)
    schedules = {"l1": weekly("l1", "asha", "ben"), "l2": weekly("l2", "ben", "asha", overrides=(swap,))}
    found = gaps_of_policy(policy(("schedule:l1",), ("schedule:l2",)), whole(schedules), BEGIN, BEGIN + 3 * WEEK)
    assert found == [Gap(GapKind.TWO_LEVELS, BEGIN + WEEK, BEGIN + WEEK + DAY, "p", "ben", (1, 2))]


def test_a_person_who_is_named_and_on_call_is_told_while_on_call():
    schedules = {"l1": weekly("l1", "asha", "ben")}
    found = gaps_of_policy(
        policy(("schedule:l1",), ("person:ben",), ("chloe",)), whole(schedules), BEGIN, BEGIN + 4 * WEEK
    )
    assert found == [
        Gap(GapKind.TWO_LEVELS, BEGIN + WEEK, BEGIN + 2 * WEEK, "p", "ben", (1, 2)),
        Gap(GapKind.TWO_LEVELS, BEGIN + 3 * WEEK, BEGIN + 4 * WEEK, "p", "ben", (1, 2)),
    ]
    found = gaps_of_policy(policy(("schedule:l1",), ("asha", "ben")), whole(schedules), BEGIN, BEGIN + 2 * WEEK)
    assert [(one.person, one.starts_at) for one in found] == [("asha", BEGIN), ("ben", BEGIN + WEEK)]


def test_who_is_paged_again_on_purpose_is_no_gap():
    schedules = {"l1": weekly("l1", "asha", "ben"), "l2": weekly("l2", "ben", "asha")}
    steps = (("schedule:l1",), ("schedule:l2", "schedule:l1"), ("schedule:l1", "chloe"))
    assert gaps_of_policy(policy(*steps), whole(schedules), BEGIN, BEGIN + 4 * WEEK) == []
