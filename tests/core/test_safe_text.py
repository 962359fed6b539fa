from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.safe_text import cut, one_line, plain_block, storable

any_text = st.text(st.characters(exclude_categories=[]))  # lone surrogates, controls and unassigned characters included
hostile_text = st.lists(
    st.sampled_from(
        [
            "\0",
            "\n",
            "\r\n",
            "\x1b[2J",
            "\u202e",
            "\u2066",
            "\ud800",
            "\udfff",
            "\u2028",
            "\x85",
            "\t",
            " ",
            "a",
            "é",
            "🔥",
            "\u200d",
            "\ufeff",
            "\U000e0041",
            "\x7f",
            "\x9b",
        ]
    ),
    max_size=40,
).map("".join)
texts = any_text | hostile_text
lengths = st.integers(min_value=-2, max_value=60)

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def has_no_controls(text: str, *, but: str = "") -> bool:
    return not any(
        (unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} and char not in but)
        or unicodedata.bidirectional(char) in BIDI
        for char in text
    )


@given(texts)
def test_storable_text_can_be_kept_by_every_database(text):
    kept = storable(text)
    assert "\0" not in kept
    assert kept.encode().decode() == kept
    assert len(kept) == len(text)


@given(texts)
def test_storable_changes_nothing_else(text):
    for before, after in zip(text, storable(text), strict=True):
        assert after == (before if before != "\0" and not "\ud800" <= before <= "\udfff" else "\ufffd")


@given(texts, lengths)
def test_one_line_is_one_line_without_controls_within_its_length(text, chars_max):
    line = one_line(text, chars_max)
    assert len(line) <= max(chars_max, 0)
    assert has_no_controls(line)
    assert len(line.splitlines()) <= 1
    assert line == line.strip()
    line.encode()


@given(texts)
def test_one_line_of_one_line_is_the_same(text):
    assert one_line(one_line(text, 1000), 1000) == one_line(text, 1000)


@given(texts, lengths)
def test_a_plain_block_has_line_feeds_and_no_other_control(text, chars_max):
    block = plain_block(text, chars_max)
    assert len(block) <= max(chars_max, 0)
    assert has_no_controls(block, but="\n")
    block.encode()


@given(texts)
def test_a_plain_block_of_a_plain_block_is_the_same(text):
    assert plain_block(plain_block(text, 1000), 1000) == plain_block(text, 1000)


def test_one_line_folds_every_kind_of_line_break():
    breaks = [chr(code) for code in range(0x3000) if len(f"a{chr(code)}b".splitlines()) == 2]
    assert len(breaks) > 8
    for line_break in [*breaks, "\r\n", "\n\n \t"]:
        assert one_line(f"a{line_break}b", 10) == "a b"


def test_a_plain_block_turns_every_kind_of_line_break_into_a_line_feed():
    assert plain_block("a\r\nb\rc\u2028d\x85e\n\n  f\t!\n", 100) == "a\nb\nc\nd\ne\n\n  f !"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b]0;owned\x07down", "]0;owneddown"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("\u2066a\u2069 \u200eb\u061c", "a b"),
        ("\U000e0068\U000e0069ok", "ok"),
        ("Диск заполнен — 磁盘已满 🔥 👩\u200d💻 é", "Диск заполнен — 磁盘已满 🔥 👩\u200d💻 é"),
        ("  two   spaces\u3000and\xa0more ", "two spaces and more"),
        ("a\0b\ud800c", "ab\ufffdc"),
    ],
    ids=["terminal", "override", "isolates", "tags", "scripts", "spaces", "unstorable"],
)
def test_one_line_shows_what_was_written_and_nothing_unseen(text, seen):
    assert one_line(text, 100) == seen


def test_what_is_cut_ends_in_an_ellipsis():
    assert one_line("abcdef", 6) == "abcdef"
    assert one_line("abcdefg", 6) == "abcde…"
    assert one_line("abcd fg", 6) == "abcd…"
    assert plain_block("ab\ncdefg", 5) == "ab\nc…"
    assert cut("abc", 1) == "…"
    assert cut("abc", 0) == ""
    assert cut("", 0) == ""


def test_what_vanishes_does_not_count_towards_the_length():
    assert one_line("\u202e" * 500 + "disk full", 20) == "disk full"


def test_a_flood_of_vanishing_characters_is_not_read_to_its_end():
    line = one_line("\u202e" * 2_000_000 + "disk full", 20)
    assert line == "…"
