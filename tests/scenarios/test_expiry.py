"""Alerts that clear by silence: good for a while, good for longer each time they are said, and never over because we were away."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.names import IncidentState
from ingestd.core.sources import SourceKind, SourceWays
from ingestd.errors import StoreBusy
from ingestd.testing.world import RULES, World, policy
from tests.scenarios.test_outages import away

ADA = ("ada", "sms", "page")
GOOD_FOR = timedelta(minutes=4)
"""Prometheus: four times the minute after which it says an alert again."""


def says(world: World, *names: str, ends_in: timedelta = GOOD_FOR, starts_at: str = "2026-03-02T01:59:00Z") -> None:
    """A Prometheus says that these fire; with an end that has passed, that they are over."""
    listed = [
        {
            "labels": {"alertname": name, "host": "db1", "cluster": "a"},
            "annotations": {"summary": f"{name} on db1"},
            "startsAt": starts_at,
            "endsAt": (world.now() + ends_in).isoformat(),
            "generatorURL": "http://prometheus.example/graph",
        }
        for name in names
    ]
    world.receive(json.dumps(listed).encode(), source="prom", kind=SourceKind.ALERTMANAGER_API)
    world.advance(seconds=1)


def says_for(world: World, minutes: int, *names: str) -> None:
    """The same each minute, for so long."""
    for _ in range(minutes):
        says(world, *names)
        world.advance(seconds=59)


def state(world: World) -> IncidentState:
    return world.incident().state


def test_an_alert_that_is_said_each_minute_opens_holds_and_clears_one_incident(day, nothing_else_arrives):
    says_for(day, 20, "DiskFull")
    assert [incident.state for incident in day.incidents()] == [IncidentState.TRIGGERED]
    lines = day.history()
    day.acknowledge("INC-1001")
    says_for(day, 40, "DiskFull")
    assert [line for line in day.history() if line.startswith("alert")] == [
        line for line in lines if line.startswith("alert")
    ]
    says(day, "DiskFull", ends_in=timedelta(seconds=-1))
    assert day.history()[-2:] == ["alert-cleared/resolved_by_sender", "clearing/all_cleared"]
    day.advance(minutes=2)
    says(day, "DiskFull", ends_in=timedelta(minutes=-3))
    assert state(day) is IncidentState.RESOLVED
    assert (len(day.incidents()), len(day.tickets.kept)) == (1, 1)
    nothing_else_arrives(day)


def test_a_sender_that_falls_silent_lets_its_alert_end_when_it_said(day, nothing_else_arrives):
    says_for(day, 10, "DiskFull")
    day.acknowledge("INC-1001")
    day.advance(minutes=2, seconds=58)
    assert state(day) is IncidentState.ACKNOWLEDGED
    assert "alert-cleared/auto_resolved" not in day.history()
    day.advance(seconds=5)
    assert "alert-cleared/auto_resolved" in day.history()
    day.advance(minutes=2)
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_no_end_means_five_minutes(day, nothing_else_arrives):
    body = json.dumps([{"labels": {"alertname": "DiskFull", "cluster": "a"}}]).encode()
    day.receive(body, source="prom", kind=SourceKind.ALERTMANAGER_API)
    day.advance(seconds=1)
    day.acknowledge("INC-1001")
    day.advance(minutes=4, seconds=55)
    assert day.incident().firing_count == 1
    day.advance(seconds=10)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    nothing_else_arrives(day)


@pytest.mark.parametrize("minutes", [5, 60, 600])
def test_nothing_ends_because_ingestd_was_down(day, nothing_else_arrives, minutes):
    says_for(day, 3, "DiskFull")
    day.acknowledge("INC-1001")
    away(day, minutes=minutes)
    day.advance(seconds=50)
    assert day.incident().firing_count == 1
    says_for(day, 15, "DiskFull")
    assert state(day) is IncidentState.ACKNOWLEDGED
    assert "alert-cleared/auto_resolved" not in day.history()
    says(day, "DiskFull", ends_in=timedelta(seconds=-1))
    day.advance(minutes=2)
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_what_ended_while_ingestd_was_down_ends_when_it_was_silent_for_as_long_again(day, nothing_else_arrives):
    says_for(day, 3, "DiskFull")
    day.acknowledge("INC-1001")
    away(day, hours=1)
    day.advance(minutes=3, seconds=55)
    assert day.incident().firing_count == 1
    day.advance(seconds=10)
    assert "alert-cleared/auto_resolved" in day.history()
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_dying_again_and_again_lets_nothing_end(day, nothing_else_arrives):
    says_for(day, 3, "DiskFull")
    day.acknowledge("INC-1001")
    for _ in range(20):
        away(day, seconds=40)
        day.advance(seconds=50)
    assert day.incident().firing_count == 1
    says(day, "DiskFull", ends_in=timedelta(seconds=-1))
    day.advance(minutes=2)
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_nothing_ends_while_nothing_can_be_stored(day, nothing_else_arrives):
    """The disk is full for the senders: each is told to come again, and the alert is not taken for over meanwhile."""
    says_for(day, 3, "DiskFull")
    day.acknowledge("INC-1001")
    limits = day.gate._limits
    for _ in range(30):
        day.gate._limits = replace(limits, waiting_count_max=0)
        with pytest.raises(StoreBusy):
            says(day, "DiskFull")
        day.advance(seconds=60)
    day.gate._limits = limits
    assert day.incident().firing_count == 1
    says_for(day, 10, "DiskFull")
    assert "alert-cleared/auto_resolved" not in day.history()
    day.advance(minutes=10)
    assert "alert-cleared/auto_resolved" in day.history()
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_what_is_stored_and_waits_undecided_counts_as_said(day, nothing_else_arrives):
    """Its repeats wait in the inbox, and nobody decides them: it does not end over their heads."""
    says_for(day, 3, "DiskFull")
    day.acknowledge("INC-1001")
    processor = day.engine.workers[0]
    step, processor._step = processor._step, _never
    says_for(day, 20, "DiskFull")
    assert day.incident().firing_count == 1
    processor._step = step
    day.engine.wake.processor.ring()
    says_for(day, 3, "DiskFull")
    assert "alert-cleared/auto_resolved" not in day.history()
    says(day, "DiskFull", ends_in=timedelta(seconds=-1))
    day.advance(minutes=2)
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


async def _never() -> bool:
    return False


def test_a_stopped_clock_or_a_stopped_process_lets_nothing_end(day, nothing_else_arrives):
    """The machine sleeps for an hour and goes on: what was not said meanwhile could not be heard."""
    says_for(day, 3, "DiskFull")
    day.acknowledge("INC-1001")
    day.life.virtual.seconds += 3600
    day.advance(seconds=30)
    assert day.incident().firing_count == 1
    says_for(day, 10, "DiskFull")
    assert "alert-cleared/auto_resolved" not in day.history()
    says(day, "DiskFull", ends_in=timedelta(seconds=-1))
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_what_was_taken_for_over_and_is_said_again_is_the_same_incident_again(day, nothing_else_arrives):
    says_for(day, 3, "DiskFull")
    day.advance(minutes=10)
    assert state(day) is IncidentState.RESOLVED
    says(day, "DiskFull")
    assert [incident.state for incident in day.incidents()] == [IncidentState.TRIGGERED]
    assert "reopened/" in " ".join(day.history())
    day.acknowledge("INC-1001")
    says(day, "DiskFull", ends_in=timedelta(seconds=-1))
    day.advance(minutes=3)
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_an_end_that_is_said_for_a_quarter_of_an_hour_pages_nobody_again(day, nothing_else_arrives):
    says(day, "DiskFull")
    day.acknowledge("INC-1001")
    ended_at = day.now() - timedelta(seconds=1)
    for _ in range(15):
        says(day, "DiskFull", ends_in=ended_at - day.now())
        day.advance(seconds=59)
    assert day.pages() == [ADA, ("ada", "sms", "resolved")]
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_a_clock_that_is_ahead_lets_an_alert_end_so_much_later_and_no_more(day, nothing_else_arrives):
    """The sender's clock is 20 s ahead: what it says is over looks good for 20 s still."""
    says(day, "DiskFull")
    day.acknowledge("INC-1001")
    says(day, "DiskFull", ends_in=timedelta(seconds=20))
    assert day.incident().firing_count == 1
    day.advance(seconds=25)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_one_alert_of_many_that_is_left_out_ends_and_the_others_hold(day, nothing_else_arrives):
    says_for(day, 3, "DiskFull", "SiteDown")
    says_for(day, 6, "SiteDown")
    incident = day.incident()
    assert (incident.alert_count, incident.firing_count) == (2, 1)
    day.acknowledge("INC-1001")
    says(day, "SiteDown", ends_in=timedelta(seconds=-1))
    day.advance(minutes=3)
    assert state(day) is IncidentState.RESOLVED
    nothing_else_arrives(day)


def of_source(world: World, source: str, seconds: int) -> None:
    """The configuration says that alerts of the source are good for so long."""
    ways: Mapping[str, SourceWays] = {source: SourceWays(auto_resolve_seconds=seconds)}
    world.current.standing = replace(world.current.standing, ways=ways)


def test_a_source_that_never_says_the_end_clears_after_its_own_time(day, nothing_else_arrives):
    of_source(day, "alertmanager", 3600)
    day.fires()
    day.acknowledge("INC-1001")
    for _ in range(3):
        day.advance(minutes=50)
        day.fires()
    assert state(day) is IncidentState.ACKNOWLEDGED
    day.advance(minutes=59)
    assert day.incident().firing_count == 1
    day.advance(minutes=2)
    assert "alert-cleared/auto_resolved" in day.history()
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_a_source_that_is_given_a_time_later_clears_after_it_from_its_next_message(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(hours=5)
    assert state(day) is IncidentState.ACKNOWLEDGED
    of_source(day, "alertmanager", 3600)
    day.fires()
    day.advance(minutes=59)
    assert day.incident().firing_count == 1
    day.advance(minutes=2)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_a_time_that_is_made_shorter_counts_from_the_next_message(day, nothing_else_arrives):
    of_source(day, "alertmanager", 86_400)
    day.fires()
    day.acknowledge("INC-1001")
    of_source(day, "alertmanager", 600)
    day.fires()
    day.advance(minutes=12)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_a_time_that_is_taken_away_no_longer_ends_what_is_said_again(day, nothing_else_arrives):
    of_source(day, "alertmanager", 600)
    day.fires()
    day.acknowledge("INC-1001")
    day.current.standing = replace(day.current.standing, ways={})
    day.fires()
    day.advance(hours=2)
    assert state(day) is IncidentState.ACKNOWLEDGED
    day.clears()
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_the_sooner_of_rule_and_source_counts(new_day, nothing_else_arrives):
    drafts = tuple(replace(one, auto_resolve_seconds=1800) for one in RULES)
    day = new_day(policy=policy(drafts))
    of_source(day, "alertmanager", 3600)
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(minutes=31)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_a_rules_time_does_not_run_while_ingestd_is_down_either(new_day, nothing_else_arrives):
    drafts = tuple(replace(one, auto_resolve_seconds=1800) for one in RULES)
    day = new_day(policy=policy(drafts))
    day.fires()
    day.acknowledge("INC-1001")
    away(day, hours=1)
    day.advance(minutes=28)
    assert day.incident().firing_count == 1
    day.advance(minutes=3)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_what_is_held_back_expires_as_well(new_day, nothing_else_arrives):
    drafts = tuple(replace(one, hold_seconds=1800) for one in RULES)
    day = new_day(policy=policy(drafts))
    says_for(day, 10, "DiskFull")
    day.advance(minutes=5)
    away(day, minutes=50)
    assert day.incidents() == []
    nothing_else_arrives(day)


def test_what_is_held_back_and_said_all_the_time_is_let_through_and_expires_then(new_day, nothing_else_arrives):
    drafts = tuple(replace(one, hold_seconds=900) for one in RULES)
    day = new_day(policy=policy(drafts))
    says_for(day, 16, "DiskFull")
    assert state(day) is IncidentState.TRIGGERED
    day.acknowledge("INC-1001")
    day.advance(minutes=3)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_a_death_of_seconds_lets_nothing_end_that_is_good_for_seconds(day, nothing_else_arrives):
    """A Prometheus that says everything each second: what it says is good for four."""
    says(day, "DiskFull", ends_in=timedelta(seconds=4))
    day.acknowledge("INC-1001")
    away(day, seconds=6)
    day.advance(seconds=2)
    for _ in range(20):
        says(day, "DiskFull", ends_in=timedelta(seconds=4))
    assert "alert-cleared/auto_resolved" not in day.history()
    day.advance(seconds=5)
    assert "alert-cleared/auto_resolved" in day.history()
    day.advance(minutes=2)
    nothing_else_arrives(day)


def test_what_was_stored_and_not_decided_before_a_death_holds_until_it_can_be_said_again(day, nothing_else_arrives):
    processor = day.engine.workers[0]
    processor._step = _never
    says(day, "DiskFull")
    away(day, hours=1)
    day.advance(seconds=5)
    assert [sent.person for sent in day.sms.sent] == ["ada"]
    day.acknowledge("INC-1001")
    day.advance(minutes=3, seconds=50)
    assert day.incident().firing_count == 1
    day.advance(seconds=20)
    assert day.incident().firing_count == 0
    day.advance(minutes=2)
    nothing_else_arrives(day)
