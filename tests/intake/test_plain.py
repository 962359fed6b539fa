"""Plain requests mean the same to every reader: whatever the lane takes, aiohttp's own parser reads as the same request."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpProcessingError, HttpRequestParser
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from ingestd.intake.plain import read_head
from tests.intake.conftest import ALERT, request_of


def aiohttp_reads(data: bytes):
    """Method, path, headers and body as aiohttp's parser has them, and how many requests there are; None if it refuses."""
    loop = asyncio.new_event_loop()
    try:
        parser = HttpRequestParser(BaseProtocol(loop), loop, 2**16, auto_decompress=False)
        try:
            messages, _upgraded, _tail = parser.feed_data(data)
        except HttpProcessingError:
            return None
        if not messages:
            return None
        message, payload = messages[0]
        body = payload.read_nowait() if payload.is_eof() else None
        return len(messages), message, body
    finally:
        loop.close()


def test_what_an_alertmanager_sends_is_plain():
    data = request_of(headers={"Authorization": "Bearer x"})
    head = read_head(data)
    assert head is not None
    assert (head.source, head.total) == ("alertmanager", len(data))
    assert data[head.body_at :] == ALERT
    assert head.headers.getall("AUTHORIZATION", ()) == ("Bearer x",)
    assert head.headers.getall("X-None", ()) == ()


NOT_PLAIN = {
    "other-method": request_of(method="PUT"),
    "other-path": request_of().replace(b"/webhooks/", b"/incidents/"),
    "http-1.0": request_of().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "http-1.11": request_of().replace(b"HTTP/1.1\r", b"HTTP/1.11\r"),
    "no-host": request_of().replace(b"Host", b"Most"),
    "no-length": request_of().replace(b"Content-Length", b"Content-Width"),
    "two-lengths": request_of(headers={"content-length": "5"}),
    "signed-length": request_of(headers={"Content-Length": "+5"}),
    "list-of-lengths": request_of(headers={"Content-Length": "5, 5"}),
    "hex-length": request_of(headers={"Content-Length": "0x5"}),
    "endless-length": request_of(headers={"Content-Length": "9" * 30}),
    "no-length-value": request_of(headers={"Content-Length": ""}),
    "chunked": request_of(headers={"Transfer-Encoding": "chunked"}),
    "chunked-in-disguise": request_of(headers={"Transfer-Encoding ": "chunked"}),
    "tab-before-colon": request_of(headers={"Transfer-Encoding\t": "chunked"}),
    "compressed": request_of(headers={"Content-Encoding": "gzip"}),
    "expect": request_of(headers={"Expect": "100-continue"}),
    "close": request_of(headers={"Connection": "close"}),
    "upgrade": request_of(headers={"Upgrade": "h2c"}),
    "browser": request_of(headers={"Origin": "http://x"}),
    "tab-in-value": request_of(headers={"X-A": "a\tb"}),
    "beyond-ascii": request_of(headers={"X-A": "é"}),
    "nul": request_of(headers={"X-A": "\0"}),
    "folded": request_of().replace(b"Host: ", b"Host:\r\n "),
    "bare-line-feed": request_of().replace(b":8095\r\n", b":8095\n"),
    "smuggled-line-feed": request_of(headers={"X-A": "b\nTransfer-Encoding: chunked"}),
    "smuggled-return": request_of(headers={"X-A": "b\rTransfer-Encoding: chunked"}),
    "no-colon": request_of().replace(b"Host:", b"Host"),
    "no-name": request_of(headers={"": "x"}),
    "space-in-name": request_of(headers={"X A": "x"}),
    "long-head": request_of(headers={"X-A": "a" * 2048}),
    "half-a-head": request_of()[:60],
}


@pytest.mark.parametrize("data", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_everything_else_is_not(data):
    assert read_head(data) is None


NAMES = st.sampled_from(
    [
        "Host",
        "host",
        "Content-Length",
        "content-length",
        "Transfer-Encoding",
        "Transfer-Encoding ",
        " Transfer-Encoding",
        "Content-Encoding",
        "Connection",
        "Expect",
        "X-A",
        "X\tA",
        "X(A",
        "",
        "Authorization",
    ]
)
VALUES = st.sampled_from(
    [
        "x",
        "",
        " 5",
        "5",
        "05",
        "+5",
        "-5",
        "5 5",
        "5,5",
        "0x5",
        "chunked",
        "identity",
        "gzip",
        "close",
        "keep-alive",
        "a b",
        "a\tb",
        "a\0b",
        "é",
        "a\r\n b",
        "a\nb",
        "a\rb",
        "\x7f",
        " x ",
        "a: b",
    ]
)
SEPARATORS = st.sampled_from([": ", ":", ":  ", " : ", ":\t", "", "="])
ENDS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\r\n\r\n"])
LINES = st.tuples(NAMES, SEPARATORS, VALUES, ENDS).map("".join)
STARTS = st.sampled_from(
    [
        "POST /api/v1/webhooks/alertmanager HTTP/1.1\r\n",
        "POST /api/v1/webhooks/alertmanager  HTTP/1.1\r\n",
        "POST /api/v1/webhooks/a b HTTP/1.1\r\n",
        "POST /api/v1/webhooks/a?b#c HTTP/1.1\r\n",
        "POST /api/v1/webhooks/a%20b HTTP/1.1\r\n",
        "POST /api/v1/webhooks/ HTTP/1.1\r\n",
        "POST /api/v1/webhooks/a HTTP/1.1 HTTP/1.1\r\n",
    ]
)
WHOLE = ["Host: x\r\n", "Content-Length: 5\r\n"]
USUAL = st.one_of(st.just(WHOLE), st.sampled_from([WHOLE[:1], WHOLE[1:], []]))


@settings(max_examples=1000)
@given(
    start=st.one_of(st.just("POST /api/v1/webhooks/alertmanager HTTP/1.1\r\n"), STARTS),
    usual=USUAL,
    lines=st.lists(LINES, max_size=2),
    rest=st.one_of(st.just(b"12345"), st.binary(max_size=20)),
)
@example(start="POST /api/v1/webhooks/a HTTP/1.1\r\n", usual=WHOLE, lines=[], rest=b"12345")
def test_what_the_lane_takes_every_reader_reads_alike(start, usual, lines, rest):
    data = "".join([start, *usual, *lines, "\r\n"]).encode() + rest
    head = read_head(data)
    if head is None or head.total != len(data) or not head.source.isidentifier():
        event("not taken")
        return  # not plain, not whole, or of no source that could be configured: the lane does not take it
    read = aiohttp_reads(data)
    assert read is not None, "the lane takes what aiohttp refuses"
    count, message, body = read
    assert count == 1
    assert (message.method, message.path, message.version) == ("POST", f"/api/v1/webhooks/{head.source}", (1, 1))
    assert body == data[head.body_at :] or (body is None and not data[head.body_at :])
    assert not message.should_close
    assert not message.chunked
    assert message.compression is None
    for name in message.headers:
        assert head.headers.getall(name, ()) == (message.headers[name],)


def test_the_comparison_sees_requests_that_mean_something_else():
    """The reader of the comparison is not blind: it counts two requests, reads a chunked one, and refuses nonsense."""
    count, _, _ = aiohttp_reads(request_of() + request_of())
    assert count == 2
    _, message, body = aiohttp_reads(
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    assert (message.chunked, body) == (True, b"abc")
    assert aiohttp_reads(request_of(headers={"Transfer-Encoding": "chunked"})) is None
