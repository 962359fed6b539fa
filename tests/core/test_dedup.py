"""One test per verdict and reason, and what the reasons promise together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.dedup import NOT_A_RECOVERY, judge
from ingestd.core.effects import Verdict, VerdictReason
from ingestd.core.incident import AlertState
from ingestd.core.names import IncidentState
from ingestd.testing.builders import MINUTE, NOW, alert, incident, known


def verdict(seen, before, own=None, *, keep_vanished=False, now=NOW, late=60):
    judged = judge(seen, before, own, now, late_fire_seconds=late, keep_vanished=keep_vanished)
    return judged.verdict, judged.reason


FIRING, CLEARED, VANISHED = AlertState.FIRING, AlertState.CLEARED, AlertState.VANISHED
HELD = AlertState.HELD
OPEN, RESOLVED, CLOSED = incident(), incident(IncidentState.RESOLVED), incident(IncidentState.CLOSED)
LATER = NOW + MINUTE


@pytest.mark.parametrize(
    ("seen", "before", "own", "expected"),
    [
        (alert(), None, None, ("new", "first_seen")),
        (alert(starts_at=LATER), known(CLEARED), OPEN, ("new", "fired_again")),
        (alert(starts_at=LATER), known(CLEARED), CLOSED, ("new", "fired_again")),
        (alert(starts_at=None), known(CLEARED), RESOLVED, ("new", "fired_again")),
        (alert(), known(CLEARED, ended_at=None), RESOLVED, ("new", "fired_again")),
        (alert(), known(FIRING), CLOSED, ("new", "still_firing_after_close")),
        (alert(), known(VANISHED), CLOSED, ("new", "still_firing_after_close")),
        (alert(), known(FIRING), None, ("new", "still_firing_after_close")),
        (alert(), known(FIRING), OPEN, ("repeat", "still_firing")),
        (alert(), known(FIRING), incident(IncidentState.ACKNOWLEDGED), ("repeat", "still_firing")),
        (alert(), known(FIRING), RESOLVED, ("repeat", "resolved_by_hand")),
        (alert(), known(VANISHED), RESOLVED, ("repeat", "resolved_by_hand")),
        (alert(), known(VANISHED), OPEN, ("repeat", "back_in_sight")),
        (alert(), known(HELD), None, ("new", "still_held")),
        (alert(), known(HELD), RESOLVED, ("new", "still_held")),
        (alert("resolved"), known(HELD), None, ("resolve", "cleared_while_held")),
        (alert(), known(CLEARED), OPEN, ("stale", "fire_older_than_resolve")),
        (alert("resolved"), known(FIRING), OPEN, ("resolve", "resolved_by_sender")),
        (alert("resolved"), known(VANISHED), OPEN, ("resolve", "resolved_by_sender")),
        (alert("resolved", ends_at=None), known(FIRING), OPEN, ("resolve", "resolved_by_sender")),
        (alert("resolved", starts_at=NOW), known(FIRING), OPEN, ("resolve", "resolved_unseen_episode")),
        (alert("resolved"), known(CLEARED), OPEN, ("stale", "resolve_repeated")),
        (alert("resolved"), None, None, ("stale", "resolve_of_unknown")),
        (
            alert("resolved", starts_at=NOW - 5 * MINUTE, ends_at=NOW - 4 * MINUTE),
            known(FIRING),
            OPEN,
            ("stale", "resolve_older_than_fire"),
        ),
        (
            alert("resolved", starts_at=None, ends_at=NOW - 4 * MINUTE),
            known(FIRING),
            OPEN,
            ("stale", "resolve_older_than_fire"),
        ),
    ],
)
def test_each_message_has_its_verdict_and_its_reason(seen, before, own, expected):
    assert verdict(seen, before, own) == expected


def test_no_reason_is_left_without_a_test():
    tested = {case[3][1] for case in test_each_message_has_its_verdict_and_its_reason.pytestmark[0].args[1]}
    of_others = {
        "heard",
        "watchdog_ended",
        "auto_resolved",
        "got_worse",
        "in_maintenance",
        "silenced",
        "inhibited",
        "on_hold",
        "below_threshold",
        "monitored",
    }
    assert tested | {VerdictReason.NOT_A_RECOVERY} | of_others == set(VerdictReason)


@pytest.mark.parametrize("reason", sorted(NOT_A_RECOVERY))
def test_a_series_that_only_vanished_is_no_recovery_where_the_source_is_kept_so(reason):
    gone = alert("resolved", state_reason=reason)
    assert verdict(gone, known(), OPEN, keep_vanished=True) == ("vanished", "not_a_recovery")
    assert verdict(gone, known(), OPEN) == ("resolve", "resolved_by_sender")


@pytest.mark.parametrize("reason", ["", "NoData", "Error"])
def test_any_other_reason_of_grafana_is_believed(reason):
    assert verdict(alert("resolved", state_reason=reason), known(), OPEN, keep_vanished=True)[0] == "resolve"


@pytest.mark.parametrize("name", ["DatasourceNoData", "DatasourceError"])
def test_an_alert_about_the_sensor_is_over_when_its_series_vanishes(name):
    gone = alert("resolved", labels={"alertname": name}, state_reason="MissingSeries")
    assert verdict(gone, known(), OPEN, keep_vanished=True) == ("resolve", "resolved_by_sender")


def test_a_resolve_that_names_the_known_start_is_believed_whatever_the_clocks_say():
    """The start is stamped by the sender, the end by the Alertmanager: one clock is behind."""
    end = alert("resolved", starts_at=NOW - MINUTE, ends_at=NOW - 2 * MINUTE)
    assert verdict(end, known(starts_at=NOW - MINUTE), OPEN) == ("resolve", "resolved_by_sender")


def test_a_late_fire_is_only_late_for_a_while():
    before = known(CLEARED)
    late = alert(starts_at=NOW - MINUTE)
    assert verdict(late, before, OPEN, now=NOW + timedelta(seconds=59))[0] == "stale"
    assert verdict(late, before, OPEN, now=NOW + timedelta(seconds=60)) == ("new", "fired_again")
    assert verdict(late, before, OPEN, late=0) == ("new", "fired_again")


minutes = st.integers(-30, 30)


@given(
    status=st.sampled_from(["firing", "resolved"]),
    starts=st.none() | minutes,
    ends=st.none() | minutes,
    state=st.sampled_from(AlertState),
    known_start=st.none() | minutes,
    own=st.none() | st.sampled_from(IncidentState).map(incident),
    reason=st.sampled_from(["", "MissingSeries", "Paused"]),
    keep=st.booleans(),
)
def test_every_message_has_one_verdict_that_fits_its_status(
    status, starts, ends, state, known_start, own, reason, keep
):
    seen = alert(
        status,
        starts_at=None if starts is None else NOW + starts * MINUTE,
        ends_at=None if ends is None else NOW + ends * MINUTE,
        state_reason=reason,
    )
    before = known(state, starts_at=None if known_start is None else NOW + known_start * MINUTE)
    found, _ = verdict(seen, before, own, keep_vanished=keep)
    if status == "firing":
        assert found in {Verdict.NEW, Verdict.REPEAT, Verdict.STALE}
        assert (found is Verdict.STALE) <= (state is CLEARED), (
            "what fires is never taken for late while it is known to fire"
        )
    else:
        assert found in {Verdict.RESOLVE, Verdict.VANISHED, Verdict.STALE}
    assert verdict(seen, before, own, keep_vanished=keep)[0] is found
