"""The text of a message: where it ends, and what is kept of it, in whatever pieces it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.intake.smtp_collector import Collector, Overlong
from ingestd.intake.smtp_refusal import SmtpRefusal

PIECES = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"a", b"\r\n.\r\n", b"\0", b"long words "]))


def expected(stream: bytes) -> tuple[bytes, bytes] | None:
    """By the letter of RFC 5321, line by line: the message and what follows it; None if it has no end."""
    lines, rest = [], stream
    while b"\r\n" in rest:
        line, _, rest = rest.partition(b"\r\n")
        if line == b".":
            return b"".join(lines), rest
        lines.append(line.removeprefix(b".") + b"\r\n")
    return None


@given(PIECES, st.data())
def test_the_end_and_the_text_are_what_the_standard_says_however_it_is_cut(pieces, data):
    stream = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    collector, rest, wanted = Collector(10**6, 10**6, lambda _more: True), None, expected(stream)
    for chunk in chunks:
        if rest is not None:
            rest += chunk
        else:
            rest = collector.feed(chunk)
    if wanted is None:
        assert rest is None
    else:
        text, after = wanted
        assert rest == after
        assert collector.after(b"head", is_last=False) == collector.after(b"head", is_last=True) == b"head" + text


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 40))
def test_a_line_is_too_long_whatever_pieces_it_comes_in(lengths, size):
    stream = b"".join(b"x" * length + b"\r\n" for length in lengths) + b".\r\n"
    collector, rest = Collector(10**6, 10, lambda _more: True), None
    for at in range(0, len(stream), size):
        rest = collector.feed(stream[at : at + size])
    assert rest == b""
    assert collector.refusal is (SmtpRefusal.LINE_TOO_LONG if max(lengths) + 1 > 10 else None)


def test_what_is_refused_is_dropped_until_its_end_and_not_for_ever():
    collector = Collector(100, 1000, lambda _more: True)
    assert collector.feed(b"x" * 150 + b"\r\n") is None
    assert collector.refusal is SmtpRefusal.TOO_LARGE
    assert collector.feed(b".\r") is None
    assert collector.feed(b"\nNOOP\r\n") == b"NOOP\r\n"
    with pytest.raises(Overlong):
        collector.feed(b"x" * 200)


def test_each_further_byte_is_asked_for():
    asked: list[int] = []

    def reserve(more: int) -> bool:
        asked.append(more)
        return sum(asked) <= 10

    collector = Collector(100, 100, reserve)
    collector.feed(b"12345")
    collector.feed(b"67890")
    assert collector.refusal is None
    collector.feed(b"1")
    assert collector.refusal is SmtpRefusal.IN_FLIGHT
    assert asked == [5, 5, 1]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"", 0),
        (b"Received: a\r\nreceived: b\r\nX-Received: c\r\n\r\nReceived: d\r\n", 2),
        (b"\r\nReceived: d\r\n", 0),
        (b"X: y\r\nRECEIVED: a\r\n", 1),
    ],
)
def test_hops_are_counted_among_the_headers(text, count):
    collector = Collector(1000, 1000, lambda _more: True)
    assert collector.feed(text + b".\r\n") == b""
    assert collector.hop_count() == count
