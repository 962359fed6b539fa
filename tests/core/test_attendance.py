"""Since when somebody listens: what could not be heard is not taken for over, and what could be heard is not waited for for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.attendance import ATTEND_SECONDS, Attendance, attend, is_break

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def after(**duration: float) -> datetime:
    return NOON + timedelta(**duration)


def listening(seconds: int, since: Attendance | None = None, at: datetime = NOON) -> Attendance:
    """The record of somebody who has listened for so long."""
    record = since or attend(None, at)
    for second in range(0, seconds + 1, ATTEND_SECONDS):
        record = attend(record, at + timedelta(seconds=second))
    return record


def test_who_listens_all_the_time_lets_everything_end_when_it_was_to():
    record = listening(3600)
    assert record == Attendance(after(hours=1), NOON, after(minutes=10))
    assert record.clears_at(after(minutes=50), after(minutes=54)) == after(minutes=54)


def test_after_a_break_it_must_be_silent_for_as_long_again_as_it_is_good_for():
    record = attend(listening(600), after(hours=1))
    assert is_break(listening(600), record)
    assert record.clears_at(after(minutes=10), after(minutes=14)) == after(hours=1, minutes=4)


def test_but_for_no_longer_than_the_break_was_or_ten_minutes():
    """What is good for a month is not good for another one after each restart."""
    short = attend(listening(600), after(minutes=11))
    assert short.clears_at(NOON - timedelta(days=30), after(minutes=11)) == after(minutes=21)
    long = attend(listening(600), after(hours=6, minutes=10))
    assert long.clears_at(after(minutes=5), after(hours=1)) == after(hours=6, minutes=10) + timedelta(minutes=55)
    assert long.clears_at(NOON - timedelta(days=1), after(hours=1)) == after(hours=12, minutes=10)


def test_a_long_break_is_not_forgotten_in_a_short_one_after_it():
    long = attend(listening(0), after(hours=6))
    again = attend(long, after(hours=6, minutes=1))
    assert again.patient_until == long.patient_until == after(hours=12)


def test_the_first_look_of_the_only_daemon_is_a_break_however_short_it_was():
    before = listening(600)
    assert not is_break(before, attend(before, after(seconds=605)))
    reborn = attend(before, after(seconds=605), is_reborn=True)
    assert is_break(before, reborn)
    assert reborn.since == after(seconds=605)


def test_one_daemon_that_starts_beside_another_breaks_nothing():
    before = listening(600)
    assert attend(before, after(seconds=608)).since == NOON


def test_what_could_not_be_stored_breaks_it_for_as_long_as_that_goes_on():
    record = listening(600)
    for second in range(610, 2411, 10):
        record = attend(record, after(seconds=second), has_missed=True)
    assert (record.at, record.since) == (after(seconds=600), after(seconds=2410))
    record = attend(record, after(seconds=2420))
    assert record.since == after(seconds=2420)
    assert record.patient_until == after(seconds=2420) + timedelta(seconds=1820)


def test_a_clock_that_is_set_back_or_ahead_is_a_break():
    before = listening(600)
    for at in (after(minutes=10) - timedelta(hours=1), after(minutes=10) + timedelta(hours=1)):
        assert is_break(before, attend(before, at))


MOMENTS = st.lists(st.tuples(st.integers(0, 20_000), st.booleans(), st.booleans()), min_size=1, max_size=30)


@given(MOMENTS, st.integers(0, 100_000), st.integers(1, 100_000))
def test_nothing_ends_sooner_than_it_was_to_and_all_ends_at_last(moments, seen, good_for):
    record = attend(None, NOON)
    now = NOON
    for step, has_missed, is_reborn in moments:
        now += timedelta(seconds=step)
        record = attend(record, now, has_missed=has_missed, is_reborn=is_reborn)
    last_seen_at = NOON + timedelta(seconds=seen)
    expires_at = last_seen_at + timedelta(seconds=good_for)
    clears_at = record.clears_at(last_seen_at, expires_at)
    assert expires_at <= clears_at <= max(expires_at, record.since + timedelta(seconds=good_for))
    assert clears_at <= max(expires_at, record.patient_until)
