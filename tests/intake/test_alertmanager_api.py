"""``POST /api/v2/alerts`` as Alertmanager's API takes it: 200 after the commit, 400 for what is no list, 404 where nobody is meant."""

from __future__ import annotations

import json

import pytest

from ingestd.core.sources import SourceKind
from ingestd.intake.settings import Basic, Open, Secret, SourceDoor
from tests.intake.conftest import ALERT, request_of

API = SourceDoor("prom", SourceKind.ALERTMANAGER_API, Open())
OTHER = SourceDoor("other", SourceKind.ALERTMANAGER_API, Open())
HOOK = SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Open())
LISTED = b'[{"labels":{"alertname":"X"},"endsAt":"2026-01-02T03:08:05Z"}]'
ALONE, BEHIND = "/api/v2/alerts", "/api/v1/webhooks/prom/api/v2/alerts"
NOT_PLAIN = {"Connection": "close"}
"""Goes by aiohttp, not by the lane."""


def post(path: str, body: bytes = LISTED, *, method: str = "POST", headers: dict[str, str] | None = None) -> bytes:
    """A request as Prometheus writes it."""
    data = request_of(body, method=method, headers={"User-Agent": "Prometheus/2.42.0", **(headers or {})})
    return data.replace(b"/api/v1/webhooks/alertmanager", path.encode(), 1)


@pytest.mark.parametrize("headers", [{}, NOT_PLAIN], ids=["lane", "aiohttp"])
@pytest.mark.parametrize("path", [ALONE, BEHIND, "/api/v1/webhooks/prom"])
async def test_a_list_is_stored_and_answered_with_200(build, path, headers):
    house = await build([API, HOOK])
    answer = await house.ask(post(path, headers=headers))
    (envelope,) = await house.stored()
    assert answer.status == 200
    assert json.loads(answer.body) == {"envelope": envelope.id}
    assert (envelope.source, envelope.kind, envelope.body) == ("prom", "alertmanager_api", LISTED)


async def test_a_webhook_beside_it_is_answered_as_before(build):
    house = await build([API, HOOK])
    assert (await house.ask(request_of())).status == 202


@pytest.mark.parametrize("headers", [{}, NOT_PLAIN], ids=["lane", "aiohttp"])
@pytest.mark.parametrize("body", [ALERT, b"{}", b'"x"', b"7", b"", b"[", b"[] []", b"no"])
async def test_what_is_no_list_is_refused_in_words(build, body, headers):
    house = await build([API])
    answer = await house.ask(post(ALONE, body, headers=headers))
    assert answer.status == 400
    assert json.loads(answer.body)["error"] == "not_json"
    assert json.loads(answer.body)["detail"]
    assert await house.stored() == []
    assert house.refused("not_json", "prom") == 1


@pytest.mark.parametrize("body", [b"[]", b" \n[{}]", b"\xef\xbb\xbf" + LISTED, b"[NaN]"])
async def test_a_list_of_whatever_is_stored_for_people_to_see(build, body):
    house = await build([API])
    assert (await house.ask(post(ALONE, body))).status == 200


async def test_where_several_may_be_meant_each_has_a_path_of_its_own(build):
    house = await build([API, OTHER])
    answer = await house.ask(post(ALONE))
    assert answer.status == 404
    assert "2 sources are of kind alertmanager_api" in json.loads(answer.body)["detail"]
    assert "path_prefix" in json.loads(answer.body)["detail"]
    for name in ("prom", "other"):
        assert (await house.ask(post(f"/api/v1/webhooks/{name}/api/v2/alerts"))).status == 200
    assert [envelope.source for envelope in await house.stored()] == ["prom", "other"]


async def test_where_nobody_is_meant_it_says_so(build):
    house = await build([HOOK])
    for path, words in (
        (ALONE, "no source of kind alertmanager_api is configured"),
        ("/api/v1/webhooks/alertmanager/api/v2/alerts", "no source of kind alertmanager_api has this name"),
    ):
        answer = await house.ask(post(path))
        assert answer.status == 404
        assert words in json.loads(answer.body)["detail"]
    assert house.refused("unknown_source", "") == 2


async def test_a_reload_may_bring_a_second_one(build):
    house = await build([API])
    assert (await house.ask(post(ALONE))).status == 200
    house.webhooks.replace([API, OTHER])
    assert (await house.ask(post(ALONE))).status == 404
    house.webhooks.replace([OTHER])
    assert (await house.ask(post(ALONE))).status == 200


@pytest.mark.parametrize("path", [ALONE, BEHIND])
async def test_who_sends_must_say_who_it_is(build, path):
    house = await build(
        [SourceDoor("prom", SourceKind.ALERTMANAGER_API, Basic("prometheus", (Secret.of("secret-one"),)))]
    )
    assert (await house.ask(post(path))).status == 401
    given = {"Authorization": "Basic cHJvbWV0aGV1czpzZWNyZXQtb25l"}
    assert (await house.ask(post(path, headers=given))).status == 200


async def test_nothing_but_a_post_is_taken(build):
    house = await build([API])
    for method in ("GET", "DELETE"):
        answer = await house.ask(post(ALONE, b"", method=method))
        assert (answer.status, answer.headers["allow"]) == (405, "POST, PUT")


@pytest.mark.parametrize("path", ["/api/v2/alerts/", "/api/v2/alertsx", "/api/v2/alerts/groups", "/api/v2/status"])
async def test_nothing_else_of_that_api_is_there(build, path):
    house = await build([API])
    assert (await house.ask(post(path))).status == 404
    assert await house.stored() == []


async def test_one_that_cannot_be_stored_is_to_come_again(build):
    house = await build([API])
    house.database.close()
    for headers in ({}, NOT_PLAIN):
        answer = await house.ask(post(ALONE, headers=headers))
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
