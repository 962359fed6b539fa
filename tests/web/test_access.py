"""Who may do what: roles, tokens, callers of this machine, and browsers that were tricked."""

from __future__ import annotations

import base64

import pytest

from ingestd.web import access_log
from ingestd.web.desk import Access, ApiToken, Role

VIEWER = "viewer-secret-0123456789"

READS = [
    "/api/v1/incidents",
    "/api/v1/incidents/INC-1001",
    "/api/v1/envelopes",
    "/api/v1/tickets",
    "/api/v1/outbox",
    "/api/v1/status",
]
ANSWERS = ["/api/v1/incidents/INC-1001/ack", "/api/v1/incidents/INC-1001/resolve"]
ADMIN = ["/-/reload", "/api/v1/outbox/drop"]


@pytest.mark.parametrize("path", READS)
async def test_a_viewer_reads(office, client, auth, path):
    office.fires()
    assert (await client.get(path, headers=auth("eyes"))).status == 200


@pytest.mark.parametrize("path", [*ANSWERS, *ADMIN, "/api/v1/outbox/retry", "/api/v1/pages/test"])
async def test_a_viewer_changes_nothing(office, client, auth, path):
    office.fires()
    before = office.everything()
    answer = await client.post(path, headers=auth("eyes"), json={})
    assert answer.status == 403
    assert "needs the role" in (await answer.json())["error"]
    assert office.everything() == before


@pytest.mark.parametrize("path", ADMIN)
async def test_a_responder_is_no_admin(client, auth, path):
    assert (await client.post(path, headers=auth("hands"), json={})).status == 403


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer viewer-secret-012345678",
        "Basic ???",
        "Basic " + base64.b64encode(b"viewer-secret-0123456789").decode(),
        "Digest viewer-secret-0123456789",
        "viewer-secret-0123456789",
    ],
)
async def test_without_a_good_token_nothing_is_told(office, client, header):
    office.fires()
    headers = {} if header is None else {"Authorization": header}
    answer = await client.get("/api/v1/incidents/INC-1001", headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "DiskFull" not in await answer.text()


async def test_of_two_tokens_neither_counts(client):
    both = [("Authorization", f"Bearer {VIEWER}")] * 2
    assert (await client.get("/api/v1/incidents", headers=both[:1])).status == 200
    assert (await client.get("/api/v1/incidents", headers=both)).status == 401


async def test_a_token_can_be_the_password_of_basic(office, client):
    basic = base64.b64encode(b"whoever:hands-off:viewer-secret-0123456789").decode()
    assert (await client.get("/api/v1/incidents", headers={"Authorization": f"Basic {basic}"})).status == 401
    basic = base64.b64encode(b"whoever:viewer-secret-0123456789").decode()
    assert (await client.get("/api/v1/incidents", headers={"Authorization": f"Basic {basic}"})).status == 200


async def test_tokens_that_a_reload_brings_are_valid_at_once(office, client):
    headers = {"Authorization": "Bearer the-new-secret-0123456"}
    assert (await client.get("/api/v1/incidents", headers=headers)).status == 401
    office.access = Access((ApiToken("new", Role.VIEWER, "the-new-secret-0123456"),))
    assert (await client.get("/api/v1/incidents", headers=headers)).status == 200


def test_a_token_does_not_show_its_secret():
    assert "hush" not in repr(Access((ApiToken("name", Role.VIEWER, "hush-hush"),)))


async def test_a_caller_of_this_machine_needs_no_token_if_the_configuration_says_so(office, client):
    assert (await client.get("/api/v1/incidents")).status == 401
    office.access = Access(loopback_without_token=True)
    assert (await client.get("/api/v1/incidents")).status == 200
    assert (await client.post("/-/reload")).status == 200
    refused = await client.get("/api/v1/incidents", headers={"Authorization": "Bearer wrong"})
    assert refused.status == 401, "a wrong token is not taken for none"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.9"},
        {"Forwarded": "for=203.0.113.9"},
        {"Via": "1.1 proxy"},
        {"X-Forwarded-Proto": "https"},
        {"Host": "evil.example@127.0.0.1"},
        {"Host": "127.0.0.1#.evil.example"},
        {"Host": "rebound.example:8095"},
        {"Host": "alerts.example"},
    ],
)
async def test_what_comes_through_a_proxy_or_asks_for_another_host_is_not_local(office, client, headers):
    office.access = Access(loopback_without_token=True)
    assert (await client.get("/api/v1/incidents", headers=headers)).status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:1"},
    ],
)
async def test_a_web_page_cannot_use_the_browsers_place_on_this_machine(office, client, headers):
    office.fires()
    office.access = Access(loopback_without_token=True)
    before = office.everything()
    answer = await client.post("/api/v1/incidents/INC-1001/ack", headers=headers)
    assert answer.status == 403
    assert office.everything() == before


async def test_the_router_refuses_in_json_under_the_api_alone(client, auth):
    missing = await client.get("/api/v1/nothing", headers=auth("root"))
    assert (missing.status, (await missing.json())["error"]) == (404, "not found")
    wrong = await client.get("/api/v1/incidents/INC-1001/ack", headers=auth("root"))
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")
    assert (await wrong.json())["hint"] == "this path takes: POST"
    assert (await client.get("/nothing")).content_type == "text/plain"
    assert (await client.get("/api/v1/webhooks/none")).content_type == "text/plain"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/p/canary-4711", "/p/***"),
        ("/P/canary-4711", "/P/***"),
        ("//p/canary-4711/more", "//p/***"),
        ("/calendars/canary-4711.ics", "/calendars/***"),
        ("/calendars;/canary-4711.ics", "/calendars;/***"),
        ("/x/calendars/canary-4711.ics", "/x/calendars/***"),
        ("/api/v1/pages/test", "/api/v1/pages/test"),
        ("/api/v1/incidents/\x1b[2J\n1", "/api/v1/incidents/[2J 1"),
    ],
)
def test_the_access_log_shows_nothing_of_a_secret_address_however_it_is_spelt(path, shown):
    assert access_log.shown_path(path) == shown
