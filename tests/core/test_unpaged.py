"""Reasons why nobody was paged: every one has words and advice, and what is stored as words is read back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.unpaged import Unpaged, UnpagedReason, from_hold, from_words
from ingestd.core.watch import HoldReason, Restraint

UNTIL = datetime(2026, 3, 29, 2, 0, tzinfo=UTC)
_ENDS = {HoldReason.MAINTENANCE, HoldReason.SILENCED, HoldReason.HOLD}


@pytest.mark.parametrize("reason", UnpagedReason)
def test_every_reason_has_words_and_says_what_to_do(reason):
    why = Unpaged(reason, "THING")
    assert why.text
    assert why.advice
    assert "{" not in why.text + why.advice


@pytest.mark.parametrize("reason", HoldReason)
@given(by=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20))
def test_what_a_restraint_says_is_read_back(reason, by):
    assert from_words(Restraint(reason, by).text) == from_hold(reason, by)
    expected = from_hold(reason, by, UNTIL if reason in _ENDS else None)
    assert from_words(Restraint(reason, by, UNTIL).text) == expected


def test_the_second_at_which_a_hold_ends_is_not_lost():
    until = datetime(2026, 3, 29, 2, 0, 46, tzinfo=UTC)
    assert from_words(Restraint(HoldReason.HOLD, "x", until).text) == from_hold(HoldReason.HOLD, "x", until)


def test_the_page_about_explain_names_every_reason():
    page = (Path(__file__).parents[2] / "docs" / "rules" / "explain.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) != []
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(UnpagedReason)


def test_other_words_are_no_reason():
    assert from_words("severity low pages nobody") is None
    assert from_words("") is None
