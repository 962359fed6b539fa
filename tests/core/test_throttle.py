"""Limits and batches against a reference that tries every second, and the order of a queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.names import Channel, PersonName
from ingestd.core.throttle import DEFAULT_LIMITS, Batch, Batching, ChannelLimits, Limit, follow, free_at, leaves_at

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
ADA = PersonName("ada")

limits = st.lists(
    st.builds(Limit, st.integers(1, 6), st.integers(1, 90)), max_size=3, unique_by=lambda one: one.within_seconds
)
ages = st.lists(st.integers(0, 120), max_size=20)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def keeps(moments: list[datetime], windows: list[Limit]) -> bool:
    """The reference: in no stretch that ends at a message are there more than its limit allows."""
    return all(
        sum(end - timedelta(seconds=one.within_seconds) < moment <= end for moment in moments) <= one.count
        for one in windows
        for end in moments
    )


@given(limits, st.lists(st.integers(0, 300), min_size=1, max_size=40))
def test_whoever_waits_as_told_keeps_every_limit_and_waits_no_second_longer(windows, wishes):
    sent: list[datetime] = []
    for wish in sorted(wishes):
        now = max([at(wish), *sent])
        leaves = free_at(sorted(sent, reverse=True), windows, now)
        assert keeps([*sent, leaves], windows)
        waited = int((leaves - now).total_seconds())
        for second in range(waited):
            assert not keeps([*sent, now + timedelta(seconds=second)], windows)
        sent.append(leaves)


@given(limits, ages, st.booleans())
def test_a_first_page_of_something_critical_leaves_at_once_outside_of_a_burst(windows, before, is_batch):
    sent = sorted((at(-age) for age in before), reverse=True)
    batch = Batch(ADA, Channel.SMS, at(-60), at(-1)) if is_batch else None
    leaves = leaves_at(sent, ChannelLimits(tuple(windows)), batch, NOW, is_first=True)
    longest = Batching().critical_seconds if is_batch and sent else 0
    assert NOW <= leaves <= at(longest)


@given(ages, st.booleans())
def test_in_a_burst_a_message_keeps_its_distance_from_the_one_before(before, is_first):
    sent = sorted((at(-age) for age in before), reverse=True)
    batching = Batching()
    batch = Batch(ADA, Channel.SMS, at(-60), at(-1))
    leaves = leaves_at(sent, ChannelLimits((), batching), batch, NOW, is_first=is_first)
    pause = batching.critical_seconds if is_first else batching.other_seconds
    assert leaves == (max(NOW, sent[0] + timedelta(seconds=pause)) if sent else NOW)


@given(limits, ages)
def test_what_stands_in_for_a_failed_page_waits_for_no_limit_but_for_its_turn_in_a_burst(windows, before):
    sent = sorted((at(-age) for age in before), reverse=True)
    calm = leaves_at(sent, ChannelLimits(tuple(windows)), None, NOW, is_first=False, is_stand_in=True)
    assert calm == NOW
    burst = Batch(ADA, Channel.SMS, at(-60), at(-1))
    leaves = leaves_at(sent, ChannelLimits(tuple(windows)), burst, NOW, is_first=False, is_stand_in=True)
    assert NOW <= leaves <= at(Batching().other_seconds)


def test_a_burst_begins_above_the_count_and_only_quiet_ends_it():
    batching = Batching(above=10, quiet_seconds=300)
    assert follow(None, ADA, Channel.SMS, 10, batching, NOW) is None
    begun = follow(None, ADA, Channel.SMS, 11, batching, NOW)
    assert begun == Batch(ADA, Channel.SMS, NOW, NOW)
    assert follow(begun, ADA, Channel.SMS, 0, batching, at(299)) == begun
    assert follow(begun, ADA, Channel.SMS, 11, batching, at(299)) == Batch(ADA, Channel.SMS, NOW, at(299))
    assert follow(begun, ADA, Channel.SMS, 0, batching, at(300)) is None


@pytest.mark.parametrize("channel", Channel)
def test_every_channel_has_limits_by_default(channel):
    windows = DEFAULT_LIMITS[channel].windows
    assert windows
    assert all(shorter.count < longer.count for shorter, longer in pairwise(windows))
    assert DEFAULT_LIMITS[channel].memory_seconds >= max(window.within_seconds for window in windows)
