"""What is looked at again: alerts that clear by themselves, incidents with their own idea of an end, rules that changed meanwhile."""

from __future__ import annotations

from dataclasses import replace

from ingestd.core.conduct import Flap
from ingestd.core.effects import VerdictReason
from ingestd.core.incident import AlertState
from tests.core.rule_days import RULES, Day, rules

HELD, FIRING, CLEARED = AlertState.HELD, AlertState.FIRING, AlertState.CLEARED


def rule(name: str):
    return next(one for one in RULES if one.name == name)


# ------------------------------------------------------------------ auto_resolve_after


def test_what_is_not_seen_for_so_long_counts_as_cleared():
    day = Day()
    day.fires("Cron")
    day.passes(minutes=59)
    assert day.state_of("Cron") is FIRING
    day.passes(minutes=1)
    assert day.state_of("Cron") is CLEARED
    assert "alert-cleared/auto_resolved" in day.reasons()
    day.passes(minutes=1)
    assert (day.states(), day.watches) == ({1001: "resolved"}, {})


def test_each_repeat_puts_it_off():
    day = Day()
    for _ in range(5):
        day.fires("Cron")
        day.passes(minutes=40)
    assert (day.states(), day.state_of("Cron")) == ({1001: "triggered"}, FIRING)
    day.passes(minutes=21)
    assert day.states() == {1001: "resolved"}


def test_a_message_right_after_it_was_taken_for_cleared_is_news():
    """Its start never moves and no resolve was ever received, so it is no message that a resolve overtook."""
    day = Day()
    said = day.said("Cron")
    day.receive(said)
    day.passes(minutes=60, seconds=10)
    (found,) = day.receive(said).findings
    assert found.reason is VerdictReason.FIRED_AGAIN
    assert day.states() == {1001: "triggered"}


def test_a_held_alert_clears_by_itself_too():
    day = Day()
    day.fires("CronLag")
    day.passes(hours=5)
    assert (day.incidents, day.watches, day.state_of("CronLag")) == ({}, {}, CLEARED)


def test_looking_at_a_held_alert_is_not_seeing_it():
    day = Day(rules(replace(rule("cron"), hold_seconds=1800)))
    day.fires("Cron")
    day.passes(minutes=30)
    assert day.states() == {1001: "triggered"}
    day.passes(minutes=30)
    assert day.state_of("Cron") is CLEARED


def test_resolved_by_hand_it_still_clears_by_itself():
    day = Day()
    day.fires("Cron")
    day.resolves_by_hand()
    day.passes(hours=1)
    assert (day.state_of("Cron"), day.incident().firing_count) == (CLEARED, 0)


def test_in_a_window_it_is_looked_at_for_both():
    day = Day()
    day.fires("Cron", window="ticket")
    day.passes(minutes=30)
    day.fires("Cron", window="ticket")
    day.passes(minutes=30)
    assert (day.states(), day.pages()) == ({1001: "triggered"}, 1)
    day.passes(minutes=31)
    assert day.states() == {1001: "resolved"}


# ------------------------------------------------------------------ resolve_on


def test_any_one_alert_that_clears_is_enough():
    day = Day()
    day.fires("Both", "a")
    day.fires("Both", "b")
    day.clears("Both", "a")
    day.passes(minutes=1)
    assert (day.states(), day.incident().firing_count) == ({1001: "resolved"}, 1)


def test_an_alert_that_fires_again_breaks_that_off():
    day = Day()
    day.fires("Both", "a")
    day.fires("Both", "b")
    day.clears("Both", "a")
    day.fires("Both", "a")
    day.passes(minutes=5)
    assert day.states() == {1001: "triggered"}


def test_what_still_fires_when_that_is_closed_is_new_when_it_is_said_again():
    day = Day()
    day.fires("Both", "a")
    day.fires("Both", "b")
    day.clears("Both", "a")
    day.passes(hours=1)
    day.fires("Both", "b")
    assert day.states() == {1001: "closed", 1002: "triggered"}


def test_never_is_left_to_people():
    day = Day()
    day.fires("Fire")
    day.clears("Fire")
    day.passes(days=1)
    assert day.states() == {1001: "triggered"}
    assert day.reasons().count("clearing/resolved_by_people_only") == 1
    day.resolves_by_hand()
    day.passes(hours=1)
    assert day.states() == {1001: "closed"}


def test_what_fires_again_there_joins():
    day = Day()
    day.fires("Fire")
    day.clears("Fire")
    day.fires("Fire")
    assert (day.states(), day.incident().firing_count) == ({1001: "triggered"}, 1)


# ------------------------------------------------------------------ flap


def test_what_flaps_is_over_only_when_it_has_been_quiet_as_long():
    day = Day()
    for _ in range(3):
        day.fires("Link")
        day.passes(seconds=30)
        day.clears("Link")
        day.passes(seconds=20)
    assert "clearing/flapping" in day.reasons()
    day.passes(minutes=19)
    assert day.states() == {1001: "triggered"}
    day.passes(minutes=1)
    assert day.states() == {1001: "resolved"}


def test_twice_is_no_flapping():
    day = Day()
    for _ in range(2):
        day.fires("Link")
        day.clears("Link")
        day.passes(seconds=20)
    day.passes(seconds=60)
    assert day.states() == {1001: "resolved"}


def test_many_alerts_that_join_one_after_the_other_are_no_flapping():
    day = Day(rules(replace(rule("link"), correlate_by=("cluster",), flap=Flap(3, 1200))))
    hosts = [f"h{n}" for n in range(5)]
    for host in hosts:
        day.fires("Link", host)
    for host in hosts:
        day.clears("Link", host)
    day.passes(minutes=1)
    assert day.states() == {1001: "resolved"}


# ------------------------------------------------------------------ rules that changed meanwhile


def test_when_a_watch_is_due_the_rules_then_in_force_decide():
    day = Day()
    day.fires("Lag")
    day.policy = rules(replace(rule("lag"), name="calm", hold_seconds=900))
    day.passes(minutes=5)
    assert (day.incidents, day.held_by("Lag")) == ({}, "hold calm")
    day.passes(minutes=10)
    assert day.incident().rule == "calm"


def test_a_window_that_a_reload_took_away_holds_nothing_back_when_it_is_looked_at():
    day = Day()
    day.fires("NodeDown", window="drop")
    day.policy = rules(*RULES, maintenance=())
    day.passes(hours=1)
    assert day.pages() == 1


def test_a_rule_that_monitors_now_keeps_it_back_and_an_open_incident_quiet():
    day = Day()
    day.fires("Lag")
    day.fires("NodeDown", window="ticket")
    day.policy = rules(*(replace(one, mode=type(RULES[0].mode).MONITOR) for one in RULES), maintenance=())
    day.passes(hours=1)
    assert (day.states(), day.held_by("Lag")) == ({1001: "(triggered)"}, "monitor lag")
    day.policy = rules(*RULES, maintenance=())
    day.passes(days=1)
    assert set(day.states().values()) == {"triggered"}
