"""A major incident and what it explains: before it, after it, and when it is over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestd.core.effects import DeadlineKind, DropReason
from ingestd.core.names import EffectKind, IncidentId
from ingestd.core.rule_draft import PairDraft
from ingestd.testing.builders import NOW
from tests.core.rule_days import RULES, Day, rules


def rule(name: str):
    return next(one for one in RULES if one.name == name)


def test_what_comes_after_it_is_an_incident_below_it_that_pages_nobody_and_has_no_ticket():
    day = Day()
    day.fires("Backbone")
    day.fires("Shop", "s1")
    below = day.incident(1002)
    assert (day.states(), below.parent_id) == ({1001: "triggered", 1002: "(triggered)"}, "INC-1001")
    assert (day.pages(1002), day.tickets(1002)) == (0, 0)
    assert "explains/explained" in day.reasons(1001)


def test_another_place_and_another_thing_are_not_explained():
    day = Day()
    day.fires("Backbone")
    day.fires("Shop", "s1", cluster="b")
    day.fires("NodeDown", "s1")
    assert set(day.states().values()) == {"triggered"}


def test_what_opened_shortly_before_is_taken_in_and_its_paging_stops():
    day = Day()
    day.fires("Shop", "s1")
    day.passes(minutes=4)
    day.fires("Backbone")
    below = day.incident(1001)
    assert (below.parent_id, day.states()[1001]) == ("INC-1002", "(triggered)")
    dropped = [one for one in day.outbox.values() if one.kind is EffectKind.PAGE and one.incident_id == below.id]
    assert [one.detail for one in dropped] == [DropReason.EXPLAINED]
    day.passes(hours=1)
    assert day.pages(1001) == 1


def test_what_is_in_hand_or_old_or_major_itself_is_left_alone():
    day = Day()
    day.fires("Shop", "acknowledged")
    day.acknowledges(1001)
    day.fires("Shop", "old")
    day.passes(minutes=31)
    day.fires("Backbone", "first")
    day.fires("Backbone", "second")
    assert list(day.states().values()) == ["acknowledged", "triggered", "triggered", "triggered"]


def test_what_has_an_alert_that_is_not_explained_is_left_alone():
    day = Day(rules(replace(rule("shop"), match=("alertname =~ Shop|Other",), dedup_by=("cluster",)), rule("backbone")))
    day.fires("Shop", "s1")
    day.fires("Other", "s1")
    day.fires("Backbone")
    assert day.states() == {1001: "triggered", 1002: "triggered"}


def test_when_it_is_over_what_it_explained_pages_if_it_still_fires():
    day = Day()
    day.fires("Shop", "s1")
    day.fires("Backbone")
    day.fires("Shop", "s2")
    day.clears("Backbone")
    day.passes(minutes=1, seconds=59)
    assert [day.pages(1001), day.pages(1003)] == [1, 0]
    day.passes(seconds=1)
    assert [day.pages(1001), day.pages(1003), day.tickets(1003)] == [2, 1, 1]
    assert [day.incident(n).parent_id for n in (1001, 1003)] == [None, None]
    assert "page/released" in day.reasons(1003)


def test_what_clears_with_it_pages_nobody_ever():
    day = Day()
    day.fires("Backbone")
    day.fires("Shop", "s1")
    day.receive(*(replace(day.said(name, host, "resolved"), starts_at=None) for name, host in MAJOR))
    day.passes(hours=5)
    assert (set(day.states().values()), day.pages(1002), day.watches) == ({"closed"}, 0, {})


MAJOR = (("Backbone", "db1"), ("Shop", "s1"))


def test_resolved_by_hand_it_explains_no_longer():
    day = Day()
    day.fires("Backbone")
    day.fires("Shop", "s1")
    day.resolves_by_hand(1001)
    day.passes(minutes=1)
    assert day.pages(1002) == 1


def test_if_it_comes_back_within_the_grace_nobody_notices():
    day = Day()
    day.fires("Backbone")
    day.fires("Shop", "s1")
    day.clears("Backbone")
    day.passes(minutes=1, seconds=30)
    day.fires("Backbone")
    day.passes(hours=3)
    assert (day.states(), day.pages(1002)) == ({1001: "triggered", 1002: "(triggered)"}, 0)


def test_when_it_comes_back_it_takes_in_what_opened_meanwhile():
    day = Day()
    day.fires("Backbone")
    day.clears("Backbone")
    day.passes(minutes=3)
    day.fires("Shop", "s1")
    day.fires("Backbone")
    assert (day.states(), day.incident(1002).parent_id) == ({1001: "triggered", 1002: "(triggered)"}, "INC-1001")


def test_what_comes_back_below_it_is_quiet_and_has_its_parent():
    day = Day()
    day.fires("Shop", "s1")
    day.clears("Shop", "s1")
    day.passes(minutes=2)
    day.fires("Backbone")
    day.fires("Shop", "s1")
    below = day.incident(1001)
    assert (day.states()[1001], below.parent_id, day.pages(1001)) == ("(triggered)", "INC-1002", 1)
    assert "explains/explained" in day.reasons(1002)
    day.clears("Backbone")
    day.passes(minutes=3)
    assert (day.states()[1001], day.incident(1001).parent_id, day.pages(1001)) == ("triggered", None, 2)


def test_a_major_alert_that_joins_an_incident_that_is_there_explains_from_then_on():
    day = Day(rules(replace(rule("nodedown"), correlate_by=("cluster",)), _joining("backbone"), rule("shop")))
    day.fires("Shop", "s1")
    day.fires("NodeDown")
    day.fires("Backbone")
    day.fires("Shop", "s2")
    assert day.states() == {1001: "(triggered)", 1002: "triggered", 1003: "(triggered)"}


def _joining(name: str):
    return replace(rule(name), correlate_by=("cluster",))


def test_a_held_alert_is_released_below_it():
    day = Day()
    day.fires("Cart", "c1")
    day.passes(minutes=1)
    day.fires("Backbone")
    day.passes(minutes=1)
    assert (day.incident(1002).parent_id, day.pages(1002)) == ("INC-1001", 0)


def test_what_its_sender_lost_sight_of_below_it_is_released_like_the_rest():
    day = Day()
    day.fires("Backbone")
    seen = replace(day.said("Shop", "s1"), source="grafana")
    day.receive(seen)
    day.receive(replace(seen, status="resolved", state_reason="MissingSeries", ends_at=day.now))
    day.clears("Backbone")
    day.passes(minutes=2)
    assert (day.states()[1002], day.pages(1002)) == ("triggered", 1)


def test_acknowledging_what_is_below_it_keeps_it_quiet_afterwards():
    day = Day()
    day.fires("Backbone")
    day.fires("Shop", "s1")
    day.acknowledges(1002)
    day.resolves_by_hand(1001)
    day.passes(minutes=5)
    assert (day.states()[1002], day.pages(1002)) == ("acknowledged", 0)


@pytest.mark.parametrize("end", ["clears", "resolves"])
def test_two_that_would_explain_each_other_are_never_both_silent(end):
    """A explains B and B explains A; when the first is over, whatever fires on pages."""
    one = replace(rule("backbone"), collects=PairDraft(("alertname = Shop",), ("cluster",)))
    other = replace(rule("shop"), collects=PairDraft(("alertname = Backbone",), ("cluster",)))
    day = Day(rules(one, other))
    day.fires("Backbone", "b1")
    day.fires("Shop", "s1")
    day.fires("Backbone", "b2")
    if end == "clears":
        day.clears("Backbone", "b1")
    else:
        day.resolves_by_hand(1001)
    day.passes(hours=3)
    quiet = [one for one in day.incidents.values() if one.quiet and one.state.is_open]
    assert len(quiet) < 2
    assert all(day.incidents[one.parent_id].quiet is None for one in quiet)


def test_in_its_own_maintenance_it_still_explains_and_all_of_it_is_told_afterwards():
    day = Day()
    day.fires("Backbone", window="ticket")
    day.fires("Shop", "s1")
    assert set(day.states().values()) == {"(triggered)"}
    day.passes(hours=1)
    assert day.states() == {1001: "triggered", 1002: "(triggered)"}


def test_below_it_nothing_is_due():
    day = Day()
    day.fires("Shop", "s1")
    day.fires("Backbone")
    due = {kind for owner, kind in day.deadlines if owner == IncidentId("INC-1001")}
    assert due.isdisjoint(DeadlineKind)
    assert day.now == NOW
