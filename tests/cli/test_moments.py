"""Instants in words: the local clock with its zone, and an age that can be read at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ingestd.cli.moments import Moments, duration_text, parse_instant

NOW = datetime(2026, 3, 2, 2, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "1 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (-5, "0 s"),
    ],
)
def test_durations_are_rounded_down_in_a_unit_for_a_glance(seconds, words):
    assert duration_text(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-03-02T02:13:48Z", "12 s ago"),
        ("2026-03-02T02:18:30.000Z", "in 4 min"),
        ("2026-03-02T02:14:00.400Z", "now"),
        ("2026-03-01T23:14:00-03:00", "now"),
        ("yesterday", ""),
        (None, ""),
        (1772417640, ""),
    ],
)
def test_ages(at, words):
    assert Moments(NOW).age(at) == words


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-03-02T02:09:12Z", "03:09:12 CET"),
        ("2026-03-01T23:00:00Z", "00:00:00 CET"),
        ("2026-03-01T22:59:59Z", "2026-03-01 23:59 CET"),
        ("2026-03-29T01:30:00Z", "2026-03-29 03:30 CEST"),
    ],
)
def test_the_clock_is_local_and_names_its_zone_and_another_day(at, words):
    assert Moments(NOW).clock(at) == words


def test_an_instant_without_a_zone_is_utc():
    assert parse_instant("2026-03-02T02:14:00") == NOW
