"""The model of Freshdesk keeps the contract that it stands for, so that a test against it means something."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from connectors.freshdesk.fake import Fault, FreshdeskFake, RateLimits
from connectors.freshdesk.fake_desk import Account
from ingestd.errors import OutcomeUnknown, TryLater
from ingestd.ports import HttpRequest

START = datetime(2026, 1, 5, 3, 12, tzinfo=UTC)
TICKET = {"email": "a@example.com", "subject": "x", "description": "<b>x</b>", "status": 2, "priority": 1}
AUTHORIZED = {"Authorization": "Basic a2V5LW9mLXRoZS1hZ2VudDpY", "Content-Type": "application/json"}


class Caller:
    def __init__(self, fake):
        self.fake = fake

    async def __call__(self, method, path, fields=None, headers=AUTHORIZED):
        body = b"" if fields is None else json.dumps(fields).encode()
        return await self.fake.handle(HttpRequest(method, f"https://acme.freshdesk.com/api/v2{path}", headers, body))


@pytest.fixture
def times():
    return [START]


@pytest.fixture
def fake(times):
    return FreshdeskFake(lambda: times[-1])


@pytest.fixture
def call(fake):
    return Caller(fake)


async def test_a_ticket_is_created_with_201_and_a_location(call, fake):
    reply = await call("POST", "/tickets", TICKET)

    assert (reply.status, reply.headers["location"]) == (201, "/api/v2/tickets/1")
    assert json.loads(reply.body)["id"] == 1
    (ticket,) = fake.tickets()
    plain = {"id": "1", "title": "x", "description": "<b>x</b>", "priority": 1}
    assert ticket == {**plain, "tags": [], "is_done": False, "comments": []}


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"subject": ""}, "subject", "invalid_value"),
        ({"subject": "x" * 256}, "subject", "invalid_value"),
        ({"description": "x" * 65_536}, "description", "invalid_value"),
        ({"tags": ["x" * 33]}, "tags", "invalid_value"),
        ({"priority": 5}, "priority", "invalid_value"),
        ({"priority": "1"}, "priority", "datatype_mismatch"),
        ({"status": True}, "status", "datatype_mismatch"),
        ({"type": "Outage"}, "type", "invalid_value"),
        ({"group_id": 1}, "group_id", "invalid_value"),
        ({"email": "nobody"}, "email", "invalid_value"),
        ({"custom_fields": {"cf_no": 1}}, "cf_no", "invalid_field"),
        ({"custom_fields": []}, "custom_fields", "datatype_mismatch"),
        ({"colour": "red"}, "colour", "invalid_field"),
        ({"id": 4}, "id", "invalid_field"),
    ],
)
async def test_each_wrong_field_is_named(call, change, field, code):
    reply = await call("POST", "/tickets", {**TICKET, **change})

    assert reply.status == 400
    assert (field, code) in {(error["field"], error["code"]) for error in json.loads(reply.body)["errors"]}


async def test_required_fields_are_asked_for_on_creation_and_on_resolve(fake, call):
    fake.desk.account = Account(required_fields=("type",), required_on_resolve=("cf_site",))

    assert (await call("POST", "/tickets", TICKET)).status == 400
    assert (await call("POST", "/tickets", {**TICKET, "type": "Incident"})).status == 201
    assert (await call("PUT", "/tickets/1", {"status": 4})).status == 400
    assert (await call("PUT", "/tickets/1", {"status": 4, "custom_fields": {"cf_site": "x"}})).status == 200


async def test_an_update_replaces_tags_and_merges_custom_fields(fake, call):
    await call("POST", "/tickets", {**TICKET, "tags": ["a"], "custom_fields": {"cf_site": "x"}})
    await call("PUT", "/tickets/1", {"tags": ["b"], "custom_fields": {"cf_ingestd_key": "y"}})

    ticket = fake.desk.find(1)
    assert ticket["tags"] == ["b"]
    assert ticket["custom_fields"] == {"cf_site": "x", "cf_ingestd_key": "y"}


async def test_search_and_list_are_late_and_a_read_is_not(fake, call, times):
    fake.index_lag_seconds = 300
    await call("POST", "/tickets", {**TICKET, "tags": ["t1"]})
    search = "/search/tickets?query=%22tag:%27t1%27%22"
    listing = "/tickets?email=a@example.com&updated_since=2026-01-05T00:00:00Z"

    assert (await call("GET", "/tickets/1")).status == 200
    assert json.loads((await call("GET", search)).body)["total"] == 0
    assert json.loads((await call("GET", listing)).body) == []
    times.append(START + timedelta(seconds=300))
    assert json.loads((await call("GET", search)).body)["total"] == 1
    assert len(json.loads((await call("GET", listing)).body)) == 1


async def test_search_takes_an_expression_in_double_quotes_only(call):
    assert (await call("GET", "/search/tickets?query=tag:%27t1%27")).status == 400
    assert (await call("GET", "/search/tickets?query=%22subject:%27x%27%22")).status == 400


async def test_a_note_is_private_and_a_reply_takes_no_such_key(fake, call):
    await call("POST", "/tickets", TICKET)

    assert json.loads((await call("POST", "/tickets/1/notes", {"body": "<p>a</p>"})).body)["private"] is True
    assert (await call("POST", "/tickets/1/reply", {"body": "b", "private": True})).status == 400


async def test_a_deleted_ticket_can_be_read_but_not_written(fake, call):
    await call("POST", "/tickets", TICKET)
    fake.edit("1", deleted=True)

    assert json.loads((await call("GET", "/tickets/1")).body)["deleted"] is True
    assert (await call("PUT", "/tickets/1", {"priority": 4})).status == 405
    assert (await call("POST", "/tickets/1/notes", {"body": "x"})).status == 405
    fake.purge("1")
    assert (await call("GET", "/tickets/1")).status == 404
    assert fake.tickets() == []


async def test_the_door_wants_a_key_json_and_a_known_address(call):
    assert (await call("GET", "/agents/me", headers={})).status == 401
    assert (
        await call("POST", "/tickets", TICKET, headers={"Authorization": AUTHORIZED["Authorization"]})
    ).status == 415
    assert (await call("POST", "/tickets", headers=AUTHORIZED)).status == 400
    assert (await call("GET", "/nowhere")).status == 404
    assert (await call("POST", "/tickets", {**TICKET, "subject": "\ud800"})).status == 400


async def test_limits_count_per_minute_with_refused_requests(fake, call, times):
    fake.limits = RateLimits(total=10, create=2)

    first = await call("POST", "/tickets", TICKET)
    assert first.headers["x-ratelimit-total"] == "10.0"
    assert first.headers["x-ratelimit-remaining"] == "1"
    assert (await call("POST", "/tickets", {})).status == 400
    refused = await call("POST", "/tickets", TICKET)
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert (await call("GET", "/tickets/1")).status == 200
    times.append(START + timedelta(seconds=60))
    assert (await call("POST", "/tickets", TICKET)).status == 201


@pytest.mark.parametrize(
    ("fault", "tickets", "what"),
    [
        (Fault.BUSY_503, 0, 503),
        (Fault.RATE_LIMIT_429, 0, 429),
        (Fault.UNAUTHORIZED, 0, 401),
        (Fault.HTML_LOGIN, 0, 200),
        (Fault.REDIRECT_LOGIN, 0, 302),
        (Fault.REFUSE_CONNECTION, 0, TryLater),
        (Fault.LOSE_REQUEST, 0, OutcomeUnknown),
        (Fault.LOSE_REPLY_AFTER_EFFECT, 1, OutcomeUnknown),
        (Fault.BAD_GATEWAY_AFTER_EFFECT, 1, 502),
        (Fault.GARBAGE_2XX, 1, 201),
    ],
)
async def test_a_fault_befalls_the_next_write_and_no_other(fake, call, fault, tickets, what):
    fake.faults.append(fault)
    assert (await call("GET", "/agents/me")).status == 200

    if isinstance(what, int):
        assert (await call("POST", "/tickets", TICKET)).status == what
    else:
        with pytest.raises(what):
            await call("POST", "/tickets", TICKET)

    assert len(fake.tickets()) == tickets
    assert (await call("POST", "/tickets", TICKET)).status == 201
