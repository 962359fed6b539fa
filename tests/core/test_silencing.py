"""A silence that is asked for: its matchers can be written and read again, and it leaves some alert."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.matchers import MatchOp, parse_matcher, parse_selector
from ingestd.core.silencing import LENGTH_MAX, WantedSilence, faults_of, faults_of_matchers, write_matcher

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
EXACT = st.sampled_from([MatchOp.EQUAL, MatchOp.NOT_EQUAL])


@given(st.text(min_size=1), EXACT, st.text())
def test_a_matcher_that_is_written_is_read_as_it_was(name, op, value):
    read = parse_matcher(write_matcher(name, op, value))
    assert (read.field.name, read.field.is_label, read.op, read.value) == (name, True, op, value)


@given(st.lists(st.tuples(st.text(min_size=1), EXACT, st.text()), min_size=1, max_size=5))
def test_several_stand_in_one_selector(parts):
    read = parse_selector("{" + ", ".join(write_matcher(*part) for part in parts) + "}")
    assert [(one.field.name, one.op, one.value) for one in read] == parts


def test_a_field_that_is_no_label_stays_one():
    read = parse_matcher(write_matcher("alert.source", MatchOp.EQUAL, "grafana", is_label=False))
    assert (read.field.name, read.field.is_label) == ("alert.source", False)
    assert parse_matcher(write_matcher("alert.source", MatchOp.EQUAL, "grafana")).field.is_label


@pytest.mark.parametrize("name", ["alertname", "alert.rule", "alert.source", "alert.summary"])
def test_anything_at_all_in_what_every_alert_has_leaves_no_alert(name):
    assert faults_of_matchers([f'{name} =~ ".+"'])
    assert faults_of_matchers([f"{name} != x"])
    assert not faults_of_matchers([f'{name} =~ "x.+"'])
    assert not faults_of_matchers([f'{name} =~ ".+"', "team = a"])


def test_a_matcher_that_cannot_be_read_is_told_alone():
    (fault,) = faults_of_matchers(["a =", "b"])
    assert (fault.written, fault.offset) == ("b", 1)


@given(st.timedeltas(min_value=-LENGTH_MAX * 2, max_value=LENGTH_MAX * 6), st.timedeltas(timedelta(), LENGTH_MAX * 2))
def test_a_silence_without_faults_ends_after_now_and_after_it_begins_and_soon_enough(start, length):
    wanted = WantedSilence(("a = b",), "why", "ada", NOW + start, NOW + start + length)
    begins_at = wanted.begins_at(NOW)
    assert begins_at >= NOW
    if not faults_of(wanted, NOW):
        assert wanted.ends_at > NOW
        assert begins_at < wanted.ends_at <= begins_at + LENGTH_MAX
