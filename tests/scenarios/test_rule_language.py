"""Days under rules that keep alerts back: what comes, what does not, and that a crash changes neither."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from ingestd.core.conduct import Flap, Mode, Threshold
from ingestd.core.names import IncidentState, Level, Severity
from ingestd.core.response import PageWhen, Response
from ingestd.core.rule_draft import MaintenanceDraft, PairDraft, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, DuringWindow
from ingestd.core.silence import Silence
from ingestd.core.windows import OneOff, TimeWindow
from ingestd.store.rows import row_of
from ingestd.store.schema import silences
from ingestd.testing.world import START, World, policy

ADA, TOLD = ("ada", "sms", "page"), ("ada", "sms", "resolved")


def rule(name: str, **changes) -> RuleDraft:
    return RuleDraft(
        name=name.lower(),
        match=(f"alertname = {name}",),
        **{"impact": Level.MEDIUM, "urgency": Level.HIGH, "correlate_by": (), **changes},
    )


def window(name: str, during: DuringWindow, *times: TimeWindow | OneOff) -> MaintenanceDraft:
    return MaintenanceDraft(name, (f"window = {name}",), None, (), times, during)


HOUR = OneOff(START, START + timedelta(hours=1))


def sunday_night(zone: str) -> TimeWindow:
    return TimeWindow(ZoneInfo(zone), weekdays=((6, 6),), times=((120, 240),))


RULES = (
    rule("Lag", hold_seconds=300),
    rule("Flaky", threshold=Threshold(3, 600)),
    rule("Link", flap=Flap(3, 1200)),
    rule("AppDown", inhibit_by=(PairDraft(("alertname = NodeDown",), ("cluster",)),)),
    rule("NodeDown"),
    rule("Backbone", impact=Level.HIGH, collects=PairDraft(("alertname = Shop",), ("cluster",))),
    rule("Shop"),
    rule("Cron", auto_resolve_seconds=1800),
    rule("Trial", mode=Mode.MONITOR),
    rule("Office", urgency=Level.MEDIUM),
)
STAGES = Stages(
    DEFAULT_MATRIX,
    "test",
    responses={
        Severity.CRITICAL: Response(PageWhen.NOW),
        Severity.HIGH: Response(PageWhen.NOW),
        Severity.MEDIUM: Response(PageWhen.OFFICE_HOURS),
        Severity.LOW: Response(PageWhen.NEVER),
    },
    office_hours=(TimeWindow(UTC, weekdays=((0, 4),), times=((540, 1020),)),),
    maintenance=(
        window("drop", DuringWindow.DROP, HOUR),
        window("record", DuringWindow.RECORD, HOUR),
        window("ticket", DuringWindow.TICKET_ONLY, HOUR),
        window("berlin", DuringWindow.TICKET_ONLY, sunday_night("Europe/Berlin")),
        window("sydney", DuringWindow.TICKET_ONLY, sunday_night("Australia/Sydney")),
    ),
)
POLICY = policy(RULES, stages=STAGES)


@pytest.fixture
def day(new_day) -> World:
    return new_day(policy=POLICY)


def silence(day: World, *matchers: str, **duration: float) -> None:
    now = day.now()
    made = Silence("SIL-1", 1, matchers, "so", "ada", now, now, now + timedelta(**duration))
    day.database.run_now(lambda connection: connection.execute(insert(silences), [row_of(made)]))


def states(day: World) -> list[str]:
    return [one.state.value for one in day.incidents()]


def answered(day: World, number: int = 1001) -> None:
    day.acknowledge(f"INC-{number}")


def test_a_hold_that_clears_first_brings_nothing_and_one_that_does_not_brings_one_page(day, nothing_else_arrives):
    day.fires("Lag")
    day.advance(minutes=4)
    day.clears("Lag")
    day.advance(hours=1)
    assert (day.pages(), day.tickets.kept, day.incidents()) == ([], [], [])
    day.fires("Lag", _starts=day.now().isoformat())
    day.advance(minutes=5)
    assert (day.pages(), len(day.tickets.kept)) == ([ADA], 1)
    answered(day)
    nothing_else_arrives(day)


def test_the_third_within_the_time_opens(day, nothing_else_arrives):
    for _ in range(3):
        assert day.pages() == []
        day.fires("Flaky", _starts=day.now().isoformat())
        day.advance(minutes=1)
        day.clears("Flaky")
        day.advance(minutes=1)
    day.advance(minutes=3)
    assert day.pages() == [ADA, TOLD]
    nothing_else_arrives(day)


def test_what_flaps_is_one_incident_with_one_page_and_one_end(day, nothing_else_arrives):
    for _ in range(4):
        day.fires("Link", _starts=day.now().isoformat())
        day.advance(seconds=20)
        day.clears("Link")
        day.advance(seconds=40)
    answered(day)
    day.advance(minutes=25)
    assert (day.pages(), states(day), len(day.tickets.kept)) == ([ADA, TOLD], ["resolved"], 1)
    nothing_else_arrives(day)


def test_what_another_alert_explains_waits_for_its_end(day, nothing_else_arrives):
    day.fires("NodeDown")
    day.fires("AppDown", "app1")
    day.fires("AppDown", "app2")
    answered(day)
    day.advance(hours=2)
    assert day.pages() == [ADA]
    day.clears("AppDown", "app2")
    day.clears("NodeDown")
    day.advance(minutes=3)
    assert sorted(day.pages()) == sorted([ADA, TOLD, ADA])
    answered(day, 1002)
    nothing_else_arrives(day)


@pytest.mark.parametrize(("kind", "incidents", "tickets"), [("drop", 0, 0), ("record", 1, 0), ("ticket", 1, 1)])
def test_each_kind_of_maintenance_lets_through_what_it_says_and_all_at_its_end(
    day, nothing_else_arrives, kind, incidents, tickets
):
    day.fires("NodeDown", "stays", window=kind)
    day.fires("NodeDown", "goes", window=kind)
    day.advance(minutes=30)
    assert (len(day.incidents()), len(day.tickets.kept), day.pages()) == (2 * incidents, 2 * tickets, [])
    day.clears("NodeDown", "goes", window=kind)
    day.advance(minutes=31)
    assert day.pages() == [ADA]
    still = next(one for one in day.incidents() if one.state is IncidentState.TRIGGERED)
    day.acknowledge(still.id)
    assert len(day.tickets.kept) == 1 + tickets
    nothing_else_arrives(day)


@pytest.mark.parametrize(
    ("where", "begins_at", "minutes"),
    [
        ("berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 60),
        ("sydney", datetime(2026, 4, 4, 15, 0, tzinfo=UTC), 180),
    ],
)
def test_a_night_in_which_the_clocks_change_ends_when_the_clocks_say_so(
    day, nothing_else_arrives, where, begins_at, minutes
):
    """From 02:00 to 04:00 it is one hour where the clocks are put forward, and three where they are put back."""
    day.advance(seconds=(begins_at - day.now()).total_seconds())
    day.fires("NodeDown", window=where)
    day.advance(minutes=minutes, seconds=-2)
    assert (day.pages(), len(day.tickets.kept)) == ([], 1)
    day.advance(seconds=4)
    assert day.pages() == [ADA]
    answered(day)
    nothing_else_arrives(day)


def test_a_silence_ends_by_itself_and_what_fires_then_is_new(day, nothing_else_arrives):
    silence(day, "alertname = NodeDown", hours=2)
    day.fires("NodeDown", "n1")
    day.fires("NodeDown", "n2")
    day.advance(hours=1)
    day.clears("NodeDown", "n2")
    assert (day.incidents(), day.pages()) == ([], [])
    day.advance(hours=1, seconds=5)
    assert (day.pages(), len(day.tickets.kept)) == ([ADA], 1)
    answered(day)
    nothing_else_arrives(day)


def test_a_major_incident_is_the_only_one_that_pages(day, nothing_else_arrives):
    day.fires("Backbone")
    for host in ("s1", "s2", "s3"):
        day.fires("Shop", host)
    answered(day)
    day.advance(hours=2)
    assert (day.pages(), len(day.tickets.kept)) == ([ADA], 1)
    for host in ("s1", "s2"):
        day.clears("Shop", host)
    day.clears("Backbone")
    day.advance(minutes=5)
    assert sorted(day.pages()) == sorted([ADA, TOLD, ADA])
    answered(day, 1004)
    nothing_else_arrives(day)


def test_at_night_only_the_ticket_in_the_morning_the_page(day, nothing_else_arrives):
    day.fires("Office")
    day.advance(hours=6, minutes=50)
    assert (day.pages(), len(day.tickets.kept)) == ([], 1)
    day.advance(minutes=10)
    assert day.pages() == [ADA]
    answered(day)
    nothing_else_arrives(day)


def test_what_never_says_that_it_is_over_is_over_when_it_is_not_said_again(day, nothing_else_arrives):
    day.fires("Cron")
    answered(day)
    day.advance(minutes=20)
    day.fires("Cron")
    day.advance(minutes=29)
    assert states(day) == ["acknowledged"]
    day.advance(minutes=3)
    assert (states(day), day.pages()) == (["resolved"], [ADA, TOLD])
    nothing_else_arrives(day)


def test_a_rule_on_trial_tells_nobody_anything(day, nothing_else_arrives):
    envelope = day.fires("Trial")
    (found,) = day.envelope(envelope).findings
    assert (found["verdict"], found["reason"], found["rule"]) == ("held", "monitored", "trial")
    nothing_else_arrives(day, days=2)
    assert (day.incidents(), day.tickets.kept) == ([], [])


@pytest.mark.parametrize("dead_minutes", [1, 30])
def test_whoever_dies_while_alerts_are_held_back_loses_none_and_doubles_none(day, nothing_else_arrives, dead_minutes):
    silence(day, "host = quiet", minutes=20)
    day.fires("Lag")
    day.fires("NodeDown", "quiet")
    day.fires("NodeDown", "drop", window="drop")
    day.fires("Flaky")
    day.fires("Office")
    day.kill()
    day.start()
    day.advance(minutes=dead_minutes)
    day.kill()
    day.start()
    day.advance(hours=2)
    opened = {one.rule: one for one in day.incidents()}
    assert sorted(one.rule for one in day.incidents()) == ["lag", "nodedown", "nodedown", "office"]
    assert len(day.tickets.kept) == 4
    for one in opened.values():
        day.acknowledge(one.id)
    first_pages = [page for page in day.sms.sent if page.person == "ada"]
    assert len(first_pages) == 3
    for one in day.incidents():
        day.acknowledge(one.id)
    nothing_else_arrives(day, hours=9)


def test_a_reload_decides_anew_about_what_is_held_when_it_is_looked_at(day, nothing_else_arrives):
    day.fires("Lag")
    longer = tuple(replace(one, hold_seconds=1200) if one.name == "lag" else one for one in RULES)
    day.reload(policy(longer, stages=STAGES))
    day.advance(minutes=19)
    assert day.pages() == []
    day.advance(minutes=2)
    assert day.pages() == [ADA]
    answered(day)
    nothing_else_arrives(day)
