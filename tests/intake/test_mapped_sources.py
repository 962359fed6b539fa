"""Senders that are read by a mapping, over the socket: what they post is stored byte for byte, whichever way in it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestd.core.alert import ParsedEnvelope
from ingestd.core.sources import MAPPED_KINDS, ReadLimits, SourceKind, SourceWays, read
from ingestd.core.sources.mapping import JsonMapping, text_source
from ingestd.intake.settings import Open, SourceDoor
from tests.intake.conftest import request_of

SAMPLES = sorted((Path(__file__).parents[1] / "samples/json").iterdir())
DOORS = [SourceDoor(kind.value, kind, Open()) for kind in (*MAPPED_KINDS, SourceKind.ALERTMANAGER)]
ANYTHING = SourceWays(mapping=JsonMapping("json", (text_source("id"),)))
FORM = b"Name=Shop+front&Status=Down&URL=https%3A%2F%2Fwww.example.com%2F"
FORM_HEADERS = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_every_sample_is_stored_as_it_came_and_can_be_read(build):
    house = await build(doors=DOORS)
    peer = await house.peer()
    for path in SAMPLES:
        headers = FORM_HEADERS if path.suffix == ".form" else {"Content-Type": "text/plain; charset=UTF-8"}
        kind = next((name for name in ("kibana", "watcher", "elastalert2") if path.name.startswith(name)), "json")
        assert (await peer.ask(request_of(path.read_bytes(), source=kind, headers=headers))).status == 202, path.name
    stored = await house.stored()
    assert [envelope.body for envelope in stored] == [path.read_bytes() for path in SAMPLES]
    for envelope in stored:
        parsed = read(SourceKind(envelope.kind), envelope.source, envelope.body, ReadLimits(), ANYTHING)
        assert isinstance(parsed, ParsedEnvelope)


@pytest.mark.parametrize("body", [b"[]", b' [{"id": 1}]', b"\xef\xbb\xbf[]", b'{"id": NaN}'])
async def test_what_a_reader_may_judge_is_stored(build, body):
    house = await build(doors=DOORS)
    assert (await house.ask(request_of(body, source="json"))).status == 202


async def test_a_form_is_stored_by_a_mapped_source_alone(build):
    house = await build(doors=DOORS)
    assert (await house.ask(request_of(FORM, source="json", headers=FORM_HEADERS))).status == 202
    for other in ("kibana", "watcher", "elastalert2", "alertmanager"):
        answer = await house.ask(request_of(FORM, source=other, headers=FORM_HEADERS))
        assert (answer.status, house.refused("not_json", other)) == (400, 1)
    assert [envelope.body for envelope in await house.stored()] == [FORM]


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"<a href='x=y'>", b'--b\r\nContent-Disposition: form-data; name="data"\r\n']
)
async def test_what_is_neither_json_nor_a_form_is_400(build, body):
    house = await build(doors=DOORS)
    answer = await house.ask(request_of(body, source="json"))
    assert (answer.status, house.refused("not_json", "json")) == (400, 1)
