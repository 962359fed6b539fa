"""When to try again: it grows, it is bounded, and the service's own wish is kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.backoff import LOOKUP_SECONDS, lookup_delay_seconds, retry_delay_seconds
from ingestd.core.names import EffectKind

kinds = st.sampled_from(EffectKind)
counts = st.integers(0, 10_000)
chances = st.floats(0, 1)


@given(kind=kinds, count=counts, chance=chances, asked=st.none() | st.floats(0, 1e9))
def test_a_wait_is_never_zero_never_longer_than_a_day_and_never_shorter_than_was_asked(kind, count, chance, asked):
    wait = retry_delay_seconds(kind, count, chance, asked)
    assert 1.0 <= wait <= 86_400
    assert wait >= min(asked or 0, 86_400)


@given(kind=kinds, count=counts)
def test_waits_grow_and_chance_only_shortens_them_to_the_half(kind, count):
    longest = retry_delay_seconds(kind, count, 1.0)
    assert retry_delay_seconds(kind, count, 0.0) == longest / 2
    assert retry_delay_seconds(kind, count + 1, 1.0) >= longest


def test_a_page_is_tried_again_soon_and_a_ticket_at_ease():
    assert [retry_delay_seconds(EffectKind.PAGE, n, 1.0) for n in (1, 2, 3, 10)] == [3, 6, 12, 60]
    assert [retry_delay_seconds(EffectKind.TICKET_OPEN, n, 1.0) for n in (1, 2, 3, 10)] == [5, 10, 20, 600]


def test_looks_come_quickly_first_then_every_half_minute():
    assert [lookup_delay_seconds(n) for n in range(5)] == [5, 15, 30, 30, 30]
    assert LOOKUP_SECONDS[-1] == 30
