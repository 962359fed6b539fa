"""Where an alert that is news belongs; the first reason wins, and the order of the candidates never matters."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from ingestd.core.correlate import dedup_key_of, place
from ingestd.core.effects import JoinReason
from ingestd.core.names import IncidentId, IncidentState
from ingestd.testing.builders import MINUTE, NOW, alert, incident, label

KEY = alert().key
OTHER = alert(labels={"host": "db9"}).key


def numbered(number: int, state: IncidentState = IncidentState.TRIGGERED, **changes):
    return incident(state, id=IncidentId(f"INC-{number}"), number=number, **changes)


def placed(own=None, candidates=(), *, now=NOW, **changes):
    found = place(KEY, label(**changes), own, candidates, now)
    return (found.incident.id if found.incident else None), found.reason


def test_what_shares_nothing_opens():
    assert placed() == (None, JoinReason.OPENED)
    stranger = numbered(1, dedup_key=OTHER, correlate_key="default|cluster=b")
    assert placed(None, [stranger]) == (None, JoinReason.OPENED)


def test_it_goes_back_to_its_own_open_incident():
    own = numbered(1, dedup_key=OTHER, correlate_key="")
    assert placed(own, [numbered(2)]) == ("INC-1", JoinReason.SAME_ALERT)
    clearing = numbered(1, clearing_since=NOW)
    assert placed(clearing, [clearing]) == ("INC-1", JoinReason.REFIRED_WITHIN_GRACE)


def test_the_same_thing_joins_before_the_same_place():
    same_thing = numbered(2, correlate_key="")
    same_place = numbered(1, dedup_key=OTHER)
    assert placed(None, [same_place, same_thing]) == ("INC-2", JoinReason.SAME_DEDUP_KEY)
    assert placed(None, [same_place]) == ("INC-1", JoinReason.SAME_CORRELATION_KEY)


def test_the_same_place_counts_for_as_long_as_both_rules_say():
    old = numbered(1, dedup_key=OTHER, last_alert_at=NOW - 10 * MINUTE, correlate_within_seconds=600)
    assert placed(None, [old])[1] is JoinReason.SAME_CORRELATION_KEY
    assert placed(None, [old], now=NOW + timedelta(seconds=1))[1] is JoinReason.OPENED
    assert placed(None, [old], correlate_within_seconds=599)[1] is JoinReason.OPENED


def test_without_a_key_nothing_correlates():
    other = numbered(1, dedup_key=OTHER, correlate_key="")
    assert placed(None, [other], correlate_key="") == (None, JoinReason.OPENED)
    over = numbered(1, IncidentState.RESOLVED, dedup_key=OTHER, correlate_key="")
    assert placed(None, [over], correlate_key="") == (None, JoinReason.OPENED)


def test_an_open_incident_wins_over_one_that_would_have_to_be_reopened():
    own = numbered(1, IncidentState.RESOLVED)
    assert placed(own, [own, numbered(2, dedup_key=OTHER)]) == ("INC-2", JoinReason.SAME_CORRELATION_KEY)


@pytest.mark.parametrize(
    "over",
    [
        numbered(1, IncidentState.RESOLVED),
        numbered(1, IncidentState.RESOLVED, correlate_key=""),
        numbered(1, IncidentState.RESOLVED, dedup_key=OTHER),
    ],
)
def test_a_resolved_one_of_the_same_thing_or_place_is_reopened(over):
    assert placed(None, [over]) == ("INC-1", JoinReason.REOPENED)


def test_its_own_resolved_one_is_reopened_before_others():
    own = numbered(2, IncidentState.RESOLVED, dedup_key=OTHER, correlate_key="")
    assert placed(own, [numbered(1, IncidentState.RESOLVED)]) == ("INC-2", JoinReason.REOPENED)


def test_a_neighbour_long_after_the_time_to_correlate_does_not_reopen():
    """The reopen window is for the same thing; another thing in the same place is held to the rule's own time."""
    over = numbered(
        1, IncidentState.RESOLVED, dedup_key=OTHER, last_alert_at=NOW - 60 * MINUTE, resolved_at=NOW - 10 * MINUTE
    )
    assert placed(None, [over], correlate_within_seconds=600) == ("INC-1", JoinReason.REOPENED)
    assert placed(None, [over], correlate_within_seconds=300) == (None, JoinReason.OPENED)


def test_a_closed_incident_never_takes_anything():
    closed = numbered(1, IncidentState.CLOSED)
    assert placed(closed, [closed]) == (None, JoinReason.OPENED)


def test_among_equals_the_oldest_wins_in_whatever_order_they_come():
    many = [
        numbered(1, IncidentState.RESOLVED),
        numbered(2, dedup_key=OTHER),
        numbered(3, dedup_key=OTHER),
        numbered(4, IncidentState.CLOSED),
    ]
    assert {placed(None, order) for order in permutations(many)} == {("INC-2", JoinReason.SAME_CORRELATION_KEY)}


def test_the_key_of_a_thing_is_the_alerts_own_unless_the_rule_says_otherwise():
    assert dedup_key_of(KEY, label()) == KEY
    assert dedup_key_of(KEY, label(dedup_by=("host",), dedup_key="host=db1")) == "default|host=db1"
