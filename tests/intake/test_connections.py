"""Peers that are slow, many, or up to something: each is let go in time, and everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import re
import threading

import pytest

from ingestd.core.sources import SourceKind
from ingestd.intake.settings import Open, ServerLimits, SourceDoor
from tests.intake.conftest import ALERT, request_of, until

SHORT = ServerLimits(header_seconds=0.05, body_seconds=0.05, linger_seconds=0.05)


# ---------------------------------------------------------------------------------- slow ones


@pytest.mark.parametrize(
    "begun",
    [b"P", b"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\n", request_of()[:100], b"GET / HTTP/1.1\r\nX-A: b\r\n"],
)
async def test_headers_that_never_end_are_told_408_and_let_go(build, begun):
    house = await build(limits=SHORT)
    peer = await house.peer()
    peer.send(begun)
    assert (await peer.end()).startswith(b"HTTP/1.1 408 ")
    assert house.refused("header_timeout", source="") == 1


async def test_a_trickle_of_headers_does_not_extend_their_time(build):
    house = await build(limits=SHORT)
    peer = await house.peer()
    ending = asyncio.ensure_future(peer.end())
    peer.send(b"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\n")
    count = 0
    while not ending.done():
        peer.send(b"X-%d: y\r\n" % count)
        count += 1
        await asyncio.sleep(0.005)
        assert count < 2000
    assert house.refused("header_timeout", source="") == 1


async def test_a_peer_that_says_nothing_is_let_go_without_a_word(build):
    house = await build(limits=SHORT)
    assert await (await house.peer()).end() == b""


async def test_the_next_headers_on_the_same_connection_have_a_time_too(build):
    house = await build(limits=SHORT)
    peer = await house.peer()
    assert (await peer.ask(request_of(method="PUT"))).status == 202
    peer.send(b"POST /api")
    assert (await peer.end()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_body_that_never_ends_is_told_408_and_let_go(build, method):
    house = await build(limits=SHORT)
    peer = await house.peer()
    peer.send(request_of(method=method)[:-5])
    assert (await peer.answer()).status == 408
    assert await peer.end() == b""
    assert house.refused("body_timeout") == 1
    assert await house.stored() == []


async def test_the_rest_of_a_slow_plain_body_is_still_taken(build):
    """The lane gives up waiting, aiohttp goes on: no byte is lost between them."""
    house = await build(limits=ServerLimits(header_seconds=0.05, body_seconds=30.0))
    peer = await house.peer()
    data = request_of()
    peer.send(data[:-5])
    await until(lambda: _requests_with_aiohttp(house))
    peer.send(data[-5:])
    assert (await peer.answer()).status == 202
    assert [envelope.body for envelope in await house.stored()] == [ALERT]


def _requests_with_aiohttp(house) -> int:
    return house.runner.server.requests_count


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_sender_that_breaks_off_leaves_nothing_behind(build, method):
    house = await build()
    peer = await house.peer()
    peer.send(request_of(method=method)[:-5])
    await peer.writer.drain()
    peer.close()
    assert (await house.ask(request_of())).status == 202
    assert len(await house.stored()) == 1


async def test_a_quiet_connection_is_kept_for_a_while_and_then_let_go(build):
    house = await build(limits=ServerLimits(header_seconds=0.05, keep_alive_seconds=0.4))
    lane, other = await house.peer(), await house.peer()
    loop = asyncio.get_running_loop()
    assert (await lane.ask(request_of())).status == 202
    assert (await other.ask(request_of(method="PUT"))).status == 202
    begun = loop.time()
    assert await lane.end() == b""
    assert await other.end() == b""
    assert loop.time() - begun > 0.3, "longer than the headers have"


# ---------------------------------------------------------------------------------- many


async def test_idle_connections_cannot_lock_a_sender_out(build):
    house = await build(limits=ServerLimits(connections_max=16))
    idle = [await house.peer() for _ in range(40)]
    assert (await house.ask(request_of())).status == 202
    assert house.refused("connections", source="") >= 40 - 16
    assert await idle[0].end() == b"", "the one that has been quiet for longest went first"


async def test_slow_bodies_cannot_lock_a_sender_out(build):
    house = await build(limits=ServerLimits(connections_max=8))
    for method in ["POST", "PUT"] * 10:
        peer = await house.peer()
        peer.send(request_of(method=method)[:-5])
        await peer.writer.drain()
    assert (await house.ask(request_of())).status == 202


async def test_a_newcomer_does_not_push_out_those_that_are_being_served(build):
    house = await build(limits=ServerLimits(connections_max=4))
    go_on = threading.Event()
    blocking = asyncio.ensure_future(house.database.run(lambda _connection: go_on.wait(20)))
    served = [await house.peer() for _ in range(4)]
    for peer, method in zip(served, ["POST", "PUT"] * 2, strict=True):
        peer.send(request_of(method=method))
    await until(lambda: house.gate._count == 4)
    newcomer = await house.peer()
    assert await newcomer.end() == b""
    go_on.set()
    await blocking
    assert [(await peer.answer()).status for peer in served] == [202] * 4


async def test_a_connection_is_at_work_until_it_is_answered_whatever_it_sends_meanwhile(build):
    house = await build(limits=ServerLimits(header_seconds=0.05, keep_alive_seconds=0.05))
    go_on = threading.Event()
    blocking = asyncio.ensure_future(house.database.run(lambda _connection: go_on.wait(20)))
    peer = await house.peer()
    peer.send(request_of(b"[1]"))
    await until(lambda: house.gate._count == 1)
    peer.send(request_of(b"[2]"))
    idle = await house.peer()
    assert await idle.end() == b"", "quiet ones go meanwhile"
    go_on.set()
    await blocking
    assert [(await peer.answer()).status for _ in range(2)] == [202, 202]
    assert [envelope.body for envelope in await house.stored()] == [b"[1]", b"[2]"]


async def test_requests_that_come_together_are_answered_in_order(build):
    house = await build()
    peer = await house.peer()
    peer.send(request_of(b"[1]") + request_of(b"[2]") + request_of(source="nobody") + request_of(b"[3]"))
    assert [(await peer.answer()).status for _ in range(4)] == [202, 202, 404, 202]
    assert [envelope.body for envelope in await house.stored()] == [b"[1]", b"[2]", b"[3]"]


async def test_more_than_may_be_held_is_read_when_its_turn_comes(build):
    house = await build()
    go_on = threading.Event()
    blocking = asyncio.ensure_future(house.database.run(lambda _connection: go_on.wait(20)))
    peer = await house.peer()
    bodies = [b'{"n":%d,"x":"%b"}' % (number, b"x" * 50_000) for number in range(8)]
    peer.send(request_of(bodies[0]))
    await until(lambda: house.gate._count == 1)
    for body in bodies[1:]:
        peer.send(request_of(body))
    [connection] = house.runner.server.connections
    await until(lambda: len(connection._held) > 64 * 1024)
    go_on.set()
    await blocking
    assert [(await peer.answer()).status for _ in bodies] == [202] * len(bodies)
    assert [envelope.body for envelope in await house.stored()] == bodies


# ---------------------------------------------------------------------------------- large headers


TOO_LARGE = {
    "many-bytes": "".join(f"X-{number}: {'y' * 1000}\r\n" for number in range(70)),
    "long-line": f"X-A: {'y' * 9000}\r\n",
    "long-name": f"{'y' * 9000}: x\r\n",
    "without-end": "X-A: " + "y" * 100_000,
}


@pytest.mark.parametrize("lines", TOO_LARGE.values(), ids=TOO_LARGE.keys())
async def test_headers_that_are_too_large_are_431(build, lines):
    house = await build()
    peer = await house.peer()
    peer.send(f"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n{lines}\r\n".encode())
    assert (await peer.answer()).status == 431
    assert await peer.end() == b""
    assert house.refused("header_too_large", source="") == 1


async def test_too_many_headers_are_refused(build):
    house = await build()
    answer = await house.ask(request_of(headers={f"X-{number}": "y" for number in range(300)}))
    assert answer.status in {400, 431}
    assert await house.stored() == []


async def test_large_headers_in_small_pieces_are_431(build):
    house = await build(limits=ServerLimits(header_bytes_max=4096))
    peer = await house.peer()
    peer.send(b"POST /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: x\r\n")
    for number in range(60):
        peer.send(b"X-%d: %b\r\n" % (number, b"y" * 100))
        await peer.writer.drain()
    assert (await peer.answer()).status == 431


async def test_a_large_body_does_not_count_as_headers(build):
    house = await build(limits=ServerLimits(header_bytes_max=1024))
    body = b'"' + b"x" * 500_000 + b'"'
    peer = await house.peer()
    for method in ("POST", "PUT", "PUT"):
        assert (await peer.ask(request_of(body, method=method))).status == 202


# ---------------------------------------------------------------------------------- smugglers

HIDDEN = request_of(b'{"hidden":true}', source="second")
LENGTH = len(HIDDEN)


def evil(*lines: str, body: bytes = HIDDEN, method: str = "POST", line_end: str = "\r\n") -> bytes:
    start = f"{method} /api/v1/webhooks/alertmanager HTTP/1.1"
    return line_end.join([start, "Host: x", *lines, "", ""]).encode() + body


ZERO_CHUNK = b"0\r\n\r\n" + HIDDEN
SMUGGLED = {
    "length-and-chunked": evil(f"Content-Length: {LENGTH + 5}", "Transfer-Encoding: chunked", body=ZERO_CHUNK),
    "chunked-and-length": evil("Transfer-Encoding: chunked", "Content-Length: 5", body=ZERO_CHUNK),
    "two-lengths": evil("Content-Length: 0", f"Content-Length: {LENGTH}"),
    "two-lengths-the-other-way": evil(f"Content-Length: {LENGTH}", "Content-Length: 0"),
    "list-of-lengths": evil(f"Content-Length: 0, {LENGTH}"),
    "signed-length": evil("Content-Length: +0"),
    "negative-length": evil("Content-Length: -1"),
    "length-with-space": evil("Content-Length : 0"),
    "chunked-with-space": evil("Content-Length: 0", "Transfer-Encoding : chunked", body=ZERO_CHUNK),
    "chunked-with-tab": evil("Content-Length: 0", "Transfer-Encoding:\tchunked", body=ZERO_CHUNK),
    "chunked-in-new-line": evil("Content-Length: 0", "X-A: b\nTransfer-Encoding: chunked", body=ZERO_CHUNK),
    "chunked-after-return": evil("Content-Length: 0", "X-A: b\rTransfer-Encoding: chunked", body=ZERO_CHUNK),
    "folded": evil("Content-Length: 0", "X-A: b", " Transfer-Encoding: chunked", body=ZERO_CHUNK),
    "gzip-and-chunked": evil("Transfer-Encoding: gzip, chunked", body=ZERO_CHUNK),
    "chunked-twice": evil("Transfer-Encoding: chunked, chunked", body=ZERO_CHUNK),
    "chunked-then-identity": evil("Transfer-Encoding: chunked, identity", body=ZERO_CHUNK),
    "nul": evil("Content-Length: 0\0"),
    "bare-line-feeds": evil(f"Content-Length: {LENGTH}", line_end="\n"),
}


@pytest.mark.parametrize("method", [b"POST", b"PUT"])
@pytest.mark.parametrize("data", SMUGGLED.values(), ids=SMUGGLED.keys())
async def test_a_hidden_request_is_never_carried_out(build, data, method):
    doors = [SourceDoor(name, SourceKind.ALERTMANAGER, Open()) for name in ("alertmanager", "second")]
    house = await build(doors=doors, limits=SHORT)
    peer = await house.peer()
    peer.send(data.replace(b"POST", method, 1))
    answers = await peer.end()
    assert re.match(rb"HTTP/1\.[01] 4", answers), "it is refused, and the connection ends"
    assert len(re.findall(rb"HTTP/1\.[01] \d", answers)) == 1
    assert await house.stored() == []


async def test_the_rest_of_a_refused_body_is_no_request(build):
    doors = [
        SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Open(), body_bytes_max=10),
        SourceDoor("second", SourceKind.ALERTMANAGER, Open()),
    ]
    house = await build(doors=doors)
    peer = await house.peer()
    peer.send(evil(f"Content-Length: {LENGTH * 3}", body=b""))
    assert (await peer.answer()).status == 413
    for _ in range(3):
        peer.send(HIDDEN)
    await peer.end()
    assert await house.stored() == []


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"SSH-2.0-x\r\n\r\n",
        b"\r\n" * 10 + b"nonsense\r\n\r\n",
    ],
    ids=["tls", "ssh", "nonsense"],
)
async def test_what_is_no_http_is_400_and_counted(build, data, caplog):
    house = await build(limits=SHORT)
    peer = await house.peer()
    peer.send(data)
    assert re.match(rb"HTTP/1\.[01] 400 ", await peer.end())
    assert house.refused("malformed", source="") == 1
    assert not caplog.records, "a stranger cannot fill the log"
