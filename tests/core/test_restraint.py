"""What keeps an alert back, in which order, and what becomes of it when that is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestd.core.conduct import Mode, Threshold
from ingestd.core.effects import Verdict, VerdictReason
from ingestd.core.incident import AlertState
from ingestd.core.invariants import broken
from ingestd.core.names import IncidentState
from ingestd.core.watch import HoldReason
from ingestd.testing.builders import NOW
from tests.core.rule_days import RULES, Day, rules

HELD, FIRING, CLEARED = AlertState.HELD, AlertState.FIRING, AlertState.CLEARED


# ------------------------------------------------------------------ hold


def test_what_is_over_within_the_hold_brings_nothing_about():
    day = Day()
    assert day.fires("Lag").reason is VerdictReason.ON_HOLD
    day.passes(minutes=4)
    assert day.clears("Lag").reason is VerdictReason.CLEARED_WHILE_HELD
    day.passes(hours=5)
    assert (day.incidents, day.outbox, day.watches) == ({}, {}, {})


def test_what_outlasts_the_hold_opens_to_the_second():
    day = Day()
    day.fires("Lag")
    day.passes(minutes=4, seconds=59)
    assert day.incidents == {}
    day.passes(seconds=1)
    assert (day.states(), day.pages(), day.tickets()) == ({1001: "triggered"}, 1, 1)


def test_repeats_do_not_put_a_hold_off():
    day = Day()
    for _ in range(5):
        day.fires("Lag")
        day.passes(minutes=1)
    assert day.states() == {1001: "triggered"}


def test_each_time_it_fires_the_hold_begins_anew():
    day = Day()
    for _ in range(3):
        day.fires("Lag")
        day.passes(minutes=4)
        day.clears("Lag")
        day.passes(minutes=2)
    assert day.incidents == {}


# ------------------------------------------------------------------ silence


def test_a_silence_keeps_it_back_until_its_end_and_then_it_is_new():
    day = Day()
    silence = day.silence(3600, "alertname = NodeDown")
    found = day.fires("NodeDown")
    assert (found.verdict, found.reason, found.restraint.by) == (Verdict.HELD, VerdictReason.SILENCED, silence.id)
    day.passes(minutes=59)
    assert day.incidents == {}
    day.passes(minutes=1)
    assert (day.states(), day.pages(), day.tickets()) == ({1001: "triggered"}, 1, 1)


def test_of_two_silences_the_longer_one_is_waited_for():
    day = Day()
    day.silence(60, "alertname = NodeDown")
    day.silence(600, "host = db1")
    assert day.fires("NodeDown").restraint.by == "SIL-2"
    day.passes(minutes=9)
    assert day.incidents == {}
    day.passes(minutes=1)
    assert day.states() == {1001: "triggered"}


def test_a_silence_that_was_made_meanwhile_goes_on_where_the_first_ends():
    day = Day()
    day.silence(600, "alertname = NodeDown")
    day.fires("NodeDown")
    day.passes(minutes=5)
    day.silence(600, "alertname = NodeDown")
    day.passes(minutes=5)
    assert (day.incidents, day.held_by("NodeDown")) == ({}, "silenced SIL-2")
    day.passes(minutes=5)
    assert day.pages() == 1


def test_an_end_is_never_silenced():
    day = Day()
    day.fires("NodeDown")
    day.silence(3600, "alertname = NodeDown")
    assert day.clears("NodeDown").verdict is Verdict.RESOLVE
    day.passes(minutes=2)
    assert day.states() == {1001: "resolved"}


def test_what_fires_again_in_a_clearing_incident_while_silenced_lets_it_resolve_and_comes_back_afterwards():
    day = Day()
    day.fires("NodeDown")
    day.clears("NodeDown")
    day.silence(600, "alertname = NodeDown")
    assert day.fires("NodeDown").reason is VerdictReason.SILENCED
    assert "held/silenced" in day.reasons()
    day.passes(minutes=5)
    assert (day.states(), day.pages()) == ({1001: "resolved"}, 1)
    day.passes(minutes=6)
    assert (day.states(), day.pages()) == ({1001: "triggered"}, 2)


def test_what_was_held_when_its_own_incident_closed_opens_a_new_one():
    day = Day()
    day.fires("NodeDown")
    day.clears("NodeDown")
    day.passes(minutes=2)
    day.silence(7200, "alertname = NodeDown")
    day.fires("NodeDown")
    day.passes(hours=2)
    assert (day.states(), day.pages(1002)) == ({1001: "closed", 1002: "triggered"}, 1)


@pytest.mark.parametrize("answer", ["acknowledges", "resolves_by_hand"])
def test_an_answer_to_the_incident_of_a_held_alert_takes_nothing_from_its_release(answer):
    day = Day()
    day.fires("Grouped", "a")
    day.fires("Grouped", "b")
    day.clears("Grouped", "a")
    day.silence(600, "host = a")
    day.fires("Grouped", "a")
    getattr(day, answer)()
    day.passes(minutes=10)
    assert day.state_of("Grouped", "a") is FIRING
    assert day.incident().state is (IncidentState.ACKNOWLEDGED if answer == "acknowledges" else IncidentState.TRIGGERED)


# ------------------------------------------------------------------ messages that come late or twice


def test_a_late_resolve_of_an_earlier_episode_does_not_clear_what_is_held():
    day = Day()
    first = day.said("Lag")
    day.passes(minutes=1)
    day.fires("Lag")
    late = replace(first, status="resolved", ends_at=first.starts_at)
    (found,) = day.receive(late).findings
    assert found.reason is VerdictReason.RESOLVE_OLDER_THAN_FIRE
    day.passes(minutes=5)
    assert day.states() == {1001: "triggered"}


def test_a_fire_that_its_resolve_overtook_is_not_held_again():
    day = Day()
    early = day.said("Lag")
    day.receive(early)
    day.passes(seconds=10)
    day.clears("Lag")
    (found,) = day.receive(early).findings
    assert found.reason is VerdictReason.FIRE_OLDER_THAN_RESOLVE
    day.passes(hours=1)
    assert (day.incidents, day.watches) == ({}, {})


def test_what_its_sender_lost_sight_of_while_it_was_held_is_not_taken_for_over():
    day = Day()
    lost = replace(day.said("Lag"), source="grafana")
    day.receive(lost)
    day.passes(minutes=1)
    (found,) = day.receive(replace(lost, status="resolved", state_reason="MissingSeries", ends_at=day.now)).findings
    assert found.verdict is Verdict.VANISHED
    day.passes(minutes=4)
    assert day.states() == {1001: "triggered"}


# ------------------------------------------------------------------ maintenance


def test_drop_opens_nothing_record_an_incident_ticket_only_a_ticket():
    day = Day()
    found = {kind: day.fires("NodeDown", kind, window=kind) for kind in ("drop", "record", "ticket")}
    assert found["drop"].reason is VerdictReason.IN_MAINTENANCE
    assert [found[kind].window for kind in found] == ["drop", "record", "ticket"]
    assert day.states() == {1001: "(triggered)", 1002: "(triggered)"}
    assert (day.pages(), day.tickets(1001), day.tickets(1002)) == (0, 0, 1)


@pytest.mark.parametrize("kind", ["drop", "record", "ticket"])
def test_what_still_fires_when_the_window_ends_is_new_with_one_page_and_one_ticket(kind):
    day = Day()
    day.passes(minutes=30)
    day.fires("NodeDown", window=kind)
    day.passes(minutes=29)
    assert day.pages() == 0
    day.passes(minutes=1)
    assert (day.states(), day.pages(), day.tickets()) == ({1001: "triggered"}, 1, 1)


@pytest.mark.parametrize("kind", ["drop", "record", "ticket"])
def test_no_window_swallows_an_end(kind):
    day = Day()
    day.fires("NodeDown", window=kind)
    assert day.clears("NodeDown", window=kind).verdict is Verdict.RESOLVE
    day.passes(hours=5)
    assert set(day.states().values()) <= {"closed"}
    assert (day.pages(), day.watches) == (0, {})


@pytest.mark.parametrize("kind", ["drop_then", "record_then"])
def test_the_strictest_window_counts_and_then_the_next(kind):
    day = Day()
    day.fires("NodeDown", window=kind)
    assert day.tickets() == 0
    day.passes(hours=1)
    assert (day.states(), day.held_by("NodeDown", window=kind)) == ({1001: "(triggered)"}, "maintenance long")
    assert day.pages() == 0
    day.passes(hours=1)
    assert (day.states(), day.pages(), day.tickets()) == ({1001: "triggered"}, 1, 1)


def test_an_incident_tells_what_keeps_it_quiet_now_not_what_did_first():
    day = Day()
    day.fires("NodeDown", window="record_then")
    assert "second" in day.incident().quiet
    day.passes(hours=1)
    assert "long" in day.incident().quiet


def test_acknowledged_in_the_window_nobody_is_paged_at_its_end():
    day = Day()
    day.fires("NodeDown", window="ticket")
    day.acknowledges()
    day.passes(hours=2)
    assert (day.states(), day.pages()) == ({1001: "acknowledged"}, 0)


def test_a_worse_alert_that_joins_in_its_window_pages_when_that_ends():
    """Raised at once, the severity could not page any more when the window is over."""
    day = Day()
    day.fires("Grouped")
    day.acknowledges()
    day.fires("Worst", "db2", window="ticket")
    assert (day.states(), day.incident().severity) == ({1001: "acknowledged"}, "high")
    day.passes(hours=1)
    assert (day.states(), day.incident().severity, day.pages()) == ({1001: "triggered"}, "critical", 2)


def test_an_alert_outside_the_window_that_joins_ends_the_quiet():
    day = Day()
    day.fires("Grouped", "a", window="record")
    day.fires("Grouped", "b")
    assert (day.states(), day.pages(), day.tickets()) == ({1001: "triggered"}, 1, 1)
    day.passes(hours=1)
    assert day.tickets() == 1


# ------------------------------------------------------------------ inhibition


def test_while_another_fires_it_is_inhibited_and_named():
    day = Day()
    day.fires("NodeDown")
    found = day.fires("AppDown", "app1")
    assert (found.reason, found.restraint.by) == (VerdictReason.INHIBITED, day.said("NodeDown").key)
    assert day.states() == {1001: "triggered"}


def test_another_cluster_inhibits_nothing():
    day = Day()
    day.fires("NodeDown", cluster="b")
    day.fires("AppDown", "app1")
    assert day.pages() == 2


def test_what_inhibits_may_stand_behind_it_in_the_same_message():
    day = Day()
    decision = day.receive(day.said("AppDown", "app1"), day.said("NodeDown"))
    assert [finding.reason for finding in decision.findings] == [VerdictReason.INHIBITED, VerdictReason.FIRST_SEEN]
    assert day.states() == {1001: "triggered"}


def test_what_inhibits_comes_too_late():
    day = Day()
    day.fires("AppDown", "app1")
    day.fires("NodeDown")
    assert (day.states(), day.pages()) == ({1001: "triggered", 1002: "triggered"}, 2)


def test_when_what_inhibited_has_cleared_the_rest_has_the_grace_to_clear_as_well():
    day = Day()
    day.fires("NodeDown")
    day.fires("AppDown", "app1")
    day.clears("NodeDown")
    day.passes(seconds=59)
    assert day.state_of("AppDown", "app1") is HELD
    day.passes(seconds=1)
    assert (day.state_of("AppDown", "app1"), day.pages(1002)) == (FIRING, 1)


def test_a_repeat_does_not_cut_that_grace_short():
    day = Day()
    day.fires("NodeDown")
    day.fires("AppDown", "app1")
    day.receive(replace(day.said("NodeDown", status="resolved"), starts_at=None), day.said("AppDown", "app1"))
    assert day.state_of("AppDown", "app1") is HELD
    day.passes(seconds=30)
    day.fires("AppDown", "app1")
    assert day.state_of("AppDown", "app1") is HELD
    day.passes(seconds=30)
    assert day.pages(1002) == 1


def test_the_second_of_two_that_inhibit_takes_over():
    day = Day()
    day.fires("NodeDown", "n1")
    day.fires("NodeDown", "n2")
    day.fires("AppDown", "app1")
    day.clears("NodeDown", "n1")
    day.passes(minutes=10)
    assert day.held_by("AppDown", "app1") == f"inhibited {day.said('NodeDown', 'n2').key}"
    assert (day.pages(1001), day.pages(1002)) == (1, 3), "the steps of those two, and nothing of it"


def test_what_was_closed_by_hand_inhibits_no_longer_although_its_sender_never_said_that_it_is_over():
    day = Day()
    day.fires("NodeDown")
    day.fires("AppDown", "app1")
    day.resolves_by_hand()
    day.passes(hours=2)
    assert day.states()[1001] == "closed"
    assert (day.state_of("AppDown", "app1"), day.pages(1002) > 0) == (FIRING, True)


# ------------------------------------------------------------------ threshold


def test_fires_are_counted_also_if_they_clear_in_between():
    day = Day()
    reasons = []
    for _ in range(3):
        reasons.append(day.fires("Flaky", service="s").reason)
        day.passes(minutes=1)
        day.clears("Flaky", service="s")
        day.passes(minutes=1)
    assert reasons == [VerdictReason.BELOW_THRESHOLD, VerdictReason.BELOW_THRESHOLD, VerdictReason.FIRED_AGAIN]
    assert (list(day.states()), day.tickets()) == ([1001], 1)


def test_a_hold_after_the_threshold_is_not_measured_by_the_threshold_again():
    flaky = next(one for one in RULES if one.name == "flaky")
    day = Day(rules(replace(flaky, threshold=Threshold(3, 300), hold_seconds=120)))
    for _ in range(2):
        day.fires("Flaky", service="s")
        day.clears("Flaky", service="s")
        day.passes(minutes=2)
    assert day.fires("Flaky", service="s").restraint.reason is HoldReason.HOLD
    day.passes(minutes=1, seconds=59)
    assert day.incidents == {}
    day.passes(seconds=1)
    assert day.states() == {1001: "triggered"}, "the first of the three fires is five minutes old by now"


def test_repeats_are_no_fires():
    day = Day()
    for _ in range(9):
        day.fires("Flaky", service="s")
        day.passes(seconds=50)
    assert day.incidents == {}


def test_the_window_slides():
    day = Day()
    for minutes in (0, 6, 6, 6):
        day.passes(minutes=minutes)
        day.fires("Flaky", service="s")
        day.clears("Flaky", service="s")
    assert day.incidents == {}, "never three within ten minutes"
    day.passes(minutes=3)
    day.fires("Flaky", service="s")
    assert day.states() == {1001: "triggered"}


def test_what_counts_as_the_same_counts_together_and_joins_together():
    day = Day()
    for host in ("a", "b", "c"):
        day.fires("Flaky", host, service="s")
        day.passes(seconds=1)
    assert [day.state_of("Flaky", host, service="s") for host in ("a", "b", "c")] == [FIRING] * 3
    assert (day.states(), day.incident().alert_count, day.pages()) == ({1001: "triggered"}, 3, 1)


def test_another_service_counts_by_itself():
    day = Day()
    for host, service in (("a", "s"), ("b", "s"), ("c", "t")):
        day.fires("Flaky", host, service=service)
    assert day.incidents == {}


def test_while_the_incident_is_open_the_next_one_joins_without_counting():
    day = Day()
    for host in ("a", "b", "c", "d"):
        day.fires("Flaky", host, service="s")
    assert day.state_of("Flaky", "d", service="s") is FIRING


def test_what_was_over_and_fires_on_within_the_time_is_enough_again():
    """Its earlier fires still count when it comes back after the grace."""
    day = Day()
    for _ in range(3):
        day.fires("Flaky", service="s")
        day.clears("Flaky", service="s")
    day.passes(minutes=2)
    assert day.states() == {1001: "resolved"}
    day.fires("Flaky", service="s")
    assert day.states() == {1001: "triggered"}


def test_what_clears_by_itself_in_between_is_counted_too():
    day = Day()
    for _ in range(3):
        day.fires("CronFlaky")
        day.passes(minutes=5)
    assert day.tickets() == 1


def test_what_still_fires_after_its_incident_was_closed_by_hand_needs_no_threshold_and_no_hold():
    day = Day()
    for _ in range(3):
        day.fires("Flaky", service="s")
        day.clears("Flaky", service="s")
    day.fires("Flaky", service="s")
    day.resolves_by_hand()
    day.passes(hours=2)
    assert day.fires("Flaky", service="s").reason is VerdictReason.STILL_FIRING_AFTER_CLOSE
    assert day.states() == {1001: "closed", 1002: "triggered"}


# ------------------------------------------------------------------ monitor, expires


def test_what_is_monitored_is_recorded_with_its_rule_and_brings_nothing_about():
    day = Day()
    found = day.fires("Trial")
    assert (found.reason, found.rule, found.label.severity) == (VerdictReason.MONITORED, "trial", "high")
    day.passes(days=3)
    assert (day.incidents, day.outbox, day.state_of("Trial")) == ({}, {}, HELD)
    day.clears("Trial")
    assert (day.state_of("Trial"), day.watches) == (CLEARED, {})


def test_when_its_rule_is_active_at_last_a_monitored_alert_is_taken_in_without_a_further_message():
    day = Day()
    day.fires("Trial")
    day.policy = rules(*(replace(one, mode=Mode.ACTIVE) for one in RULES))
    day.passes(hours=23)
    assert day.pages() == 0
    day.passes(hours=1)
    assert day.pages() == 1


def test_an_expired_rule_matches_nothing():
    day = Day()
    assert day.fires("Old", "a").rule == "old"
    day.passes(hours=2)
    assert day.fires("Old", "b").rule == "unmatched"


# ------------------------------------------------------------------ order


def test_what_keeps_it_back_is_named_in_the_order_of_the_documentation():
    """Monitor, silence, drop, inhibition, threshold, hold; each is named when the ones before it are gone."""
    draft = next(one for one in RULES if one.name == "appdown")
    all_of_it = replace(draft, hold_seconds=60, threshold=Threshold(2, 600))
    steps = (replace(all_of_it, mode=Mode.MONITOR), all_of_it)
    node = next(one for one in RULES if one.name == "nodedown")
    day = Day(rules(steps[0], node))
    day.fires("NodeDown")
    found = [day.fires("AppDown", "app", window="drop").restraint.reason]
    day.policy = rules(steps[1], node)
    day.silence(60, "alertname = AppDown")
    found.append(day.fires("AppDown", "app", window="drop").restraint.reason)
    day.silences = ()
    found.append(day.fires("AppDown", "app", window="drop").restraint.reason)
    day.policy = rules(steps[1], node, maintenance=())
    found.append(day.fires("AppDown", "app", window="drop").restraint.reason)
    day.policy = rules(replace(steps[1], inhibit_by=()), node, maintenance=())
    found.append(day.fires("AppDown", "app", window="drop").restraint.reason)
    day.policy = rules(replace(steps[1], inhibit_by=(), threshold=None, hold_seconds=9999), node, maintenance=())
    found.append(day.fires("AppDown", "app", window="drop").restraint.reason)
    assert found == [
        HoldReason.MONITOR,
        HoldReason.SILENCED,
        HoldReason.MAINTENANCE,
        HoldReason.INHIBITED,
        HoldReason.THRESHOLD,
        HoldReason.HOLD,
    ]


def test_a_hold_counts_from_when_it_began_to_fire_also_behind_a_silence():
    day = Day()
    day.silence(240, "alertname = Lag")
    day.fires("Lag")
    day.passes(minutes=4)
    assert day.held_by("Lag") == "hold lag"
    day.passes(minutes=1)
    assert day.states() == {1001: "triggered"}
    assert day.now == NOW.replace(minute=5)
    assert broken(day.facts()) == []
