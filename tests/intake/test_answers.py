"""Every answer that a sender can get, on both ways in: plain requests through the lane, all others through aiohttp."""

from __future__ import annotations

import asyncio
import gzip
import json
from ipaddress import ip_network
from pathlib import Path

import pytest

from ingestd.core.sources import SourceKind
from ingestd.intake.settings import Bearer, Open, Secret, SourceDoor
from tests.intake.conftest import ALERT, request_of

SAMPLES = sorted((Path(__file__).parents[1] / "samples").glob("*/*.json"))


def chunked(body: bytes = ALERT, *, method: str = "POST", coding: str = "chunked") -> bytes:
    head = f"{method} /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {coding}\r\n\r\n"
    return head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


WAYS = {
    "plain": request_of(),
    "put": request_of(method="PUT"),
    "chunked": chunked(),
    "chunked-put": chunked(method="PUT"),
    "no-content-type": request_of().replace(b"Content-Type: application/json\r\n", b""),
    "other-content-type": request_of(headers={"Content-Type": "text/plain"}),
    "charset": request_of(headers={"Content-Type": "application/json; charset=utf-8"}),
    "identity": request_of(headers={"Content-Encoding": "identity"}),
    "percent-encoded": request_of(source="alert%6Danager"),
    "query": request_of(source="alertmanager?x=1"),
}


@pytest.mark.parametrize("request_bytes", WAYS.values(), ids=WAYS.keys())
async def test_a_202_names_the_envelope_that_is_on_disk_byte_for_byte(build, request_bytes):
    house = await build()
    answer = await house.ask(request_bytes)
    assert answer.status == 202
    [envelope] = await house.stored()
    assert json.loads(answer.body) == {"envelope": envelope.id}
    assert answer.headers["content-type"] == "application/json"
    assert (envelope.body, envelope.source, envelope.kind) == (ALERT, "alertmanager", "alertmanager")
    assert (envelope.remote, envelope.received_at) == ("127.0.0.1", house.clock.at)
    counted = house.metrics.registry.get_sample_value("ingestd_envelopes_received_total", {"source": "alertmanager"})
    assert counted == 1


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
async def test_every_sample_is_stored_as_it_came(build, sample):
    house = await build()
    body = sample.read_bytes()
    assert (await house.ask(request_of(body))).status == 202
    assert [envelope.body for envelope in await house.stored()] == [body]


async def test_a_byte_identical_repeat_is_another_envelope(build):
    house = await build()
    peer = await house.peer()
    answers = [await peer.ask(request_of()) for _ in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 202]
    assert len({envelope.id for envelope in await house.stored()}) == 3


KEPT = {
    "too-deep": b"[" * 50_000 + b"]" * 50_000,
    "duplicate-keys": b'{"alerts":[],"alerts":[]}',
    "not-a-number": b'{"alerts":[NaN]}',
    "no-object": b"[1,2]",
    "no-alerts": b'{"hello":"world"}',
    "byte-order-mark": b"\xef\xbb\xbf" + ALERT,
    "not-utf-8": b'{"alerts":"\xff"}',
    "lone-surrogate": b'{"alerts":"\\ud800"}',
    "line-end-in-text": b'{"alerts":"a\nb"}',
    "long-number": b'{"alerts":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT.keys())
async def test_what_is_json_but_no_alert_is_kept_for_people_to_look_at(build, body):
    house = await build()
    assert (await house.ask(request_of(body))).status == 202
    assert [envelope.body for envelope in await house.stored()] == [body]


UNREADABLE = {
    "empty": b"",
    "blank": b" \n",
    "html": b"<html>",
    "cut-off": ALERT[:40],
    "two-values": b"{} {}",
    "form": b"payload=%7B%7D",
    "zip": gzip.compress(ALERT),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_what_can_never_be_read_is_refused_with_400(build, body, method):
    house = await build()
    answer = await house.ask(request_of(body, method=method))
    assert (answer.status, json.loads(answer.body)["error"]) == (400, "not_json")
    assert house.refused("not_json") == 1
    assert await house.stored() == []


@pytest.mark.parametrize("source", ["nobody", "alertmanager/", "", "nobody/alertmanager"])
async def test_an_unknown_source_is_404_and_its_name_is_no_metric_label(build, source):
    house = await build()
    answer = await house.ask(request_of(source=source))
    assert (answer.status, json.loads(answer.body)["error"]) == (404, "unknown_source")
    assert house.refused("unknown_source", source="") == 1
    assert "nobody" not in str(list(house.metrics.registry.collect()))


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_405_and_say_which_are_allowed(build, method):
    house = await build()
    peer = await house.peer()
    peer.send(f"{method} /api/v1/webhooks/alertmanager HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head = (await peer.end()).decode()
    assert head.startswith("HTTP/1.1 405 ")
    assert "\r\nAllow: POST, PUT\r\n" in head
    assert house.refused("method") == 1


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "gzip, gzip", "GZIP", "nonsense"])
async def test_any_content_encoding_is_415(build, coding):
    house = await build()
    answer = await house.ask(request_of(gzip.compress(ALERT), headers={"Content-Encoding": coding}))
    assert (answer.status, house.refused("encoding")) == (415, 1)


async def test_a_bomb_is_refused_without_stopping_the_loop(build):
    house = await build()
    bomb = gzip.compress(b"\0" * 200 * 1024**2, compresslevel=9)
    loop = asyncio.get_running_loop()
    slowest = 0.0

    async def watch() -> None:
        nonlocal slowest
        while True:
            before = loop.time()
            await asyncio.sleep(0)
            slowest = max(slowest, loop.time() - before)

    watching = loop.create_task(watch())
    answer = await house.ask(request_of(bomb, headers={"Content-Encoding": "gzip"}))
    watching.cancel()
    assert answer.status == 415
    assert slowest < 0.1


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_body_over_the_limit_is_413_before_it_is_read(build, method):
    house = await build(doors=[SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Open(), body_bytes_max=1024)])
    peer = await house.peer()
    answer = await peer.ask(request_of(b" " * 1025, method=method))
    assert (answer.status, house.refused("too_large")) == (413, 1)
    assert await peer.end() == b""


async def test_a_chunked_body_over_the_limit_is_413(build):
    house = await build(doors=[SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Open(), body_bytes_max=1024)])
    assert (await house.ask(chunked(b" " * 1025))).status == 413


async def test_a_body_of_exactly_the_limit_is_stored(build):
    house = await build(doors=[SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Open(), body_bytes_max=len(ALERT))])
    assert (await house.ask(request_of())).status == 202
    assert (await house.ask(chunked())).status == 202


async def test_a_large_body_in_many_pieces_is_stored_whole(build):
    house = await build()
    body = b'{"alerts":"' + b"x" * 1_500_000 + b'"}'
    data = request_of(body)
    peer = await house.peer()
    for at in range(0, len(data), 100_000):
        peer.send(data[at : at + 100_000])
        await peer.writer.drain()
    assert (await peer.answer()).status == 202
    assert [envelope.body for envelope in await house.stored()] == [body]


async def test_a_sender_that_waits_for_100_continue_gets_it(build):
    house = await build()
    peer = await house.peer()
    head, _, body = request_of(headers={"Expect": "100-continue"}).partition(b"\r\n\r\n")
    peer.send(head + b"\r\n\r\n")
    assert (await peer.answer()).status == 100
    assert (await peer.ask(body)).status == 202


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_other_networks_are_403(build, method):
    allowed = (ip_network("192.0.2.0/24"),)
    house = await build(doors=[SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Open(), allowed_networks=allowed)])
    forwarded = request_of(method=method, headers={"X-Forwarded-For": "192.0.2.7"})
    assert (await house.ask(forwarded)).status == 403
    assert house.refused("network") == 1


async def test_a_page_in_a_browser_cannot_invent_alerts(build):
    house = await build()
    answer = await house.ask(request_of(headers={"Origin": "http://evil.example", "Content-Type": "text/plain"}))
    assert (answer.status, house.refused("browser")) == (403, 1)


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_overload_is_503_with_retry_after_and_never_429(build, method, monkeypatch):
    house = await build()
    monkeypatch.setattr(house.gate, "_is_stalled", True)
    answer = await house.ask(request_of(method=method))
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert house.refused("store_busy") == 1


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_database_that_refuses_is_503_and_the_body_is_in_no_log(build, method, capsys):
    house = await build()
    await house.database.run(lambda connection: connection.exec_driver_sql("DROP TABLE inbox"))
    answer = await house.ask(request_of(b'{"canary":"sesame"}', method=method))
    assert answer.status == 503
    assert house.refused("store_busy") == 1
    seen = capsys.readouterr()
    assert "sesame" not in seen.out + seen.err + answer.body.decode()


async def test_an_error_that_nobody_foresaw_is_503(build, monkeypatch):
    house = await build()
    monkeypatch.setattr(house.webhooks, "_clock", None)
    answer = await house.ask(request_of(method="PUT"))
    assert (answer.status, house.refused("internal")) == (503, 1)


async def test_refusals_tell_no_secret(build):
    door = SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Bearer((Secret.of("open-sesame"),)))
    house = await build(doors=[door])
    answer = await house.ask(request_of(headers={"Authorization": "Bearer open-sesamf"}))
    assert answer.status == 401
    assert b"sesam" not in answer.body
    assert "sesame" not in repr(door)


async def test_a_reload_changes_the_doors_of_open_connections(build):
    house = await build()
    peer = await house.peer()
    assert (await peer.ask(request_of())).status == 202
    house.webhooks.replace([SourceDoor("grafana", SourceKind.GRAFANA, Open())])
    assert (await peer.ask(request_of(source="grafana"))).status == 202
    assert (await peer.ask(request_of())).status == 404
    assert [envelope.kind for envelope in await house.stored()] == ["alertmanager", "grafana"]


async def test_many_senders_at_once_each_get_their_own_envelope(build):
    house = await build()
    bodies = [b'{"number":%d}' % number for number in range(200)]
    answers = await asyncio.gather(*(house.ask(request_of(body)) for body in bodies))
    ids = {json.loads(answer.body)["envelope"]: body for answer, body in zip(answers, bodies, strict=True)}
    assert {envelope.id: envelope.body for envelope in await house.stored()} == ids
