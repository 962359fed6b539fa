"""What the Freshdesk connector sends, and what it makes of an account that differs from the ordinary one."""

import base64
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from connectors.freshdesk import factory
from connectors.freshdesk.fake import Fault, FreshdeskFake, RateLimits
from connectors.freshdesk.fake_desk import Account
from connectors.freshdesk.wire import marker_of
from ingestd.core.names import EffectKey, Severity
from ingestd.errors import CredentialsRejected, OutcomeUnknown, RequestRejected, TryLater
from ingestd.ports import ConnectorTools, HttpReply, TicketDraft, TicketNote, TicketRef, TimelineLine
from ingestd.testing.ticket_world import INCIDENT, OPENED_AT

KEY = EffectKey("INC-1042/desk/ticket-open/1")
NOTE_KEY = EffectKey("INC-1042/desk/ticket-comment/1")
RESOLVE_KEY = EffectKey("INC-1042/desk/ticket-resolve/1")
NOTE = TicketNote(INCIDENT, (TimelineLine(2, OPENED_AT, "db2 joined"),))
WRITTEN = {"domain": "acme", "api_key": "key-of-the-agent", "requester_email": "ingestd@example.com"}


class Hands:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at: datetime = OPENED_AT

    def __call__(self) -> datetime:
        return self.at

    def pass_time(self, **span: float) -> None:
        self.at += timedelta(**span)


@pytest.fixture
def clock():
    return Hands()


@pytest.fixture
def fake(clock):
    return FreshdeskFake(clock)


@pytest.fixture
def connect(fake):
    def built(**written):
        tools = ConnectorTools(http=fake, mail=lambda _: pytest.fail("a ticket connector sends no mail"))
        return factory.build("desk", factory.settings_type(**{**WRITTEN, **written}), tools)

    return built


async def opened(desk, **options) -> TicketRef:
    return await desk.open_ticket(TicketDraft(INCIDENT, options), KEY)


def sent(fake, method="POST"):
    return [json.loads(request.body) for request in fake.requests if request.method == method]


def lines(fake):
    return [f"{request.method} {urlsplit(request.url).path.removeprefix('/api/v2')}" for request in fake.requests]


# ---------------------------------------------------------------------------------------------- opening


async def test_a_new_ticket_has_the_fields_that_the_settings_and_the_rule_ask_for(connect, fake):
    desk = connect(
        type="Incident", tags=["night"], marker_field="cf_ingestd_key", groups={"Databases": 7002}, timeout_seconds=7
    )

    ref = await opened(desk, group="Databases", tags=["storage", "night"])

    assert ref == TicketRef("1", "#1", "https://acme.freshdesk.com/a/tickets/1")
    (request,) = fake.requests
    assert request.url == "https://acme.freshdesk.com/api/v2/tickets"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"key-of-the-agent:X").decode()
    assert request.headers["Content-Type"] == "application/json"
    assert request.timeout_seconds == 7
    body = json.loads(request.body)
    assert body.pop("description").startswith("<p>Two disks are affected.<br>Backups will fail.</p>")
    assert body == {
        "email": "ingestd@example.com",
        "subject": "INC-1042: Disk of db1 is full",
        "status": 2,
        "priority": 3,
        "tags": ["ingestd", marker_of(KEY, ""), "night", "storage"],
        "type": "Incident",
        "group_id": 7002,
        "custom_fields": {"cf_ingestd_key": marker_of(KEY, "")},
    }


@pytest.mark.parametrize(
    ("severity", "priority"), [(Severity.CRITICAL, 4), (Severity.HIGH, 3), (Severity.MEDIUM, 2), (Severity.LOW, 1)]
)
async def test_priorities_count_upwards_in_freshdesk(connect, fake, severity, priority):
    await connect().open_ticket(TicketDraft(replace(INCIDENT, severity=severity), {}), KEY)

    assert sent(fake)[0]["priority"] == priority


async def test_a_group_name_that_the_settings_do_not_know_is_looked_up_once(connect, fake):
    desk = connect(group="databases")

    await opened(desk)
    await opened(desk)

    assert lines(fake) == ["GET /groups", "POST /tickets", "POST /tickets"]
    assert [body["group_id"] for body in sent(fake)] == [7002, 7002]


async def test_a_group_that_does_not_exist_costs_the_group_and_not_the_ticket(connect, fake):
    await opened(connect(), group="Nobody")

    (body,) = sent(fake)
    assert "group_id" not in body
    assert "There is no group &#x27;Nobody&#x27; in Freshdesk" in body["description"]


async def test_optional_fields_that_freshdesk_refuses_are_left_out_and_named_in_the_ticket(connect, fake):
    desk = connect(type="Outage", marker_field="cf_gone", group=99)

    ref = await opened(desk)

    first, second = sent(fake)
    assert {"type", "group_id", "custom_fields"} <= set(first)
    assert not {"type", "group_id", "custom_fields"} & set(second)
    for remark in (
        "type: It should be one of these values",
        "group_id: It should be",
        "cf_gone: Unexpected/invalid field",
    ):
        assert remark in second["description"]
    assert await desk.find_ticket(KEY, INCIDENT, {}) == ref, "the tag still carries the marker"


async def test_a_corrected_ticket_is_tried_once(connect, fake):
    fake.desk.account.required_fields = ("type",)
    with pytest.raises(RequestRejected, match="type: It should be a/an String"):
        await opened(connect(type="Outage"))

    assert len(fake.requests) == 2


async def test_a_required_field_is_named_with_what_to_set(connect, fake):
    fake.desk.account.required_fields = ("cf_site",)

    with pytest.raises(RequestRejected, match=r"cf_site: .* \(missing_field\)") as raised:
        await opened(connect())
    assert "set them in `custom_fields`" in raised.value.hint
    assert not fake.tickets()

    await opened(connect(custom_fields={"cf_site": "Hamburg"}))
    assert fake.desk.find(1)["custom_fields"]["cf_site"] == "Hamburg"


async def test_a_lost_corrected_request_is_an_unknown_outcome(connect, fake):
    async def lose_the_second(request):
        reply = await fake.handle(request)
        if reply.status == 400:
            fake.faults.append(Fault.LOSE_REPLY_AFTER_EFFECT)
        return reply

    fake.send = lose_the_second
    desk = connect(type="Outage")
    with pytest.raises(OutcomeUnknown):
        await opened(desk)

    assert len(fake.tickets()) == 1
    assert await desk.find_ticket(KEY, INCIDENT, {}) is not None


# ---------------------------------------------------------------------------------------------- finding


async def test_a_lost_ticket_is_found_by_the_list_before_the_search_knows_it(connect, fake, clock):
    fake.index_lag_seconds, fake.list_is_immediate = 300, True
    fake.faults.append(Fault.LOSE_REPLY_AFTER_EFFECT)
    desk = connect()
    with pytest.raises(OutcomeUnknown):
        await opened(desk)

    assert await desk.find_ticket(KEY, INCIDENT, {}) is not None

    listing = urlsplit(fake.requests[-1].url)
    assert parse_qs(listing.query) == {
        "email": ["ingestd@example.com"],
        "updated_since": ["2026-01-05T02:12:00Z"],
        "order_by": ["created_at"],
        "order_type": ["desc"],
        "page": ["1"],
        "per_page": ["100"],
    }


async def test_a_ticket_beyond_the_listed_pages_is_found_by_the_search(connect, fake, clock):
    fake.limits = RateLimits(1000, 1000, 1000, 1000)
    desk = connect()
    ref = await opened(desk)
    for number in range(350):
        clock.pass_time(seconds=1)
        await desk.open_ticket(TicketDraft(INCIDENT, {}), EffectKey(f"other/{number}"))
    fake.requests.clear()

    assert await desk.find_ticket(KEY, INCIDENT, {}) == ref
    assert lines(fake) == ["GET /tickets", "GET /tickets", "GET /tickets", "GET /search/tickets"]


async def test_a_ticket_whose_requester_a_person_changed_is_still_found(connect, fake):
    desk = connect()
    ref = await opened(desk)
    fake.edit(ref.id, email="customer@example.com")

    assert await desk.find_ticket(KEY, INCIDENT, {}) == ref


async def test_a_ticket_whose_tags_a_person_replaced_is_found_by_the_marker_field(connect, fake):
    desk = connect(marker_field="cf_ingestd_key")
    ref = await opened(desk)
    fake.edit(ref.id, tags=["mine"])

    assert await desk.find_ticket(KEY, INCIDENT, {}) == ref


async def test_of_a_ticket_and_its_copy_the_older_is_ours(connect, fake, clock):
    desk = connect()
    ref = await opened(desk)
    clock.pass_time(minutes=1)
    fake.desk.create({name: fake.desk.find(1)[name] for name in ("email", "subject", "description", "tags")})

    assert await desk.find_ticket(KEY, INCIDENT, {}) == ref


async def test_a_ticket_from_before_the_incident_belongs_to_another_installation(connect, fake):
    desk = connect()
    await opened(desk)
    later = replace(INCIDENT, opened_at=OPENED_AT + timedelta(days=30))

    assert await desk.find_ticket(KEY, later, {}) is None


async def test_installations_on_one_account_do_not_find_each_others_tickets(connect):
    one, other = connect(installation="berlin"), connect(installation="madrid")
    ref = await opened(one)

    assert await one.find_ticket(KEY, INCIDENT, {}) == ref
    assert await other.find_ticket(KEY, INCIDENT, {}) is None


async def test_a_lookup_that_fails_may_simply_be_repeated(connect, fake):
    desk = connect()
    await opened(desk)

    async def garbled(request):
        return HttpReply(200, {"content-type": "application/json"}, b"[{")

    async def lost(request):
        raise OutcomeUnknown("timed out")

    for send in (garbled, lost):
        fake.send = send
        with pytest.raises(TryLater, match=r"looking for the ticket|timed out"):
            await desk.find_ticket(KEY, INCIDENT, {})


# ---------------------------------------------------------------------------------------------- following


async def test_a_comment_is_one_private_note(connect, fake):
    desk = connect()
    ref = await opened(desk)

    await desk.comment(ref, NOTE, NOTE_KEY)

    assert lines(fake)[-1] == "POST /tickets/1/notes"
    assert sent(fake)[-1] == {
        "body": f"<ul><li>2026-01-05 03:12 UTC: db2 joined</li></ul><p>[{marker_of(NOTE_KEY, '')}]</p>",
        "private": True,
    }


async def test_a_marker_is_found_on_a_later_page_of_conversations(connect, fake):
    desk = connect()
    ref = await opened(desk)
    for number in range(150):
        fake.desk.add_conversation(1, f"<p>{number}</p>", is_private=False)
    await desk.comment(ref, NOTE, NOTE_KEY)

    assert await desk.find_comment(ref, NOTE_KEY)
    assert lines(fake)[-2:] == ["GET /tickets/1/conversations"] * 2


async def test_a_note_of_a_hundred_lines_tells_the_newest_and_counts_the_rest(connect, fake):
    desk = connect()
    ref = await opened(desk)
    note = TicketNote(
        INCIDENT, tuple(TimelineLine(number, OPENED_AT, f"line {number} &" + "&" * 999) for number in range(100))
    )

    await desk.comment(ref, note, NOTE_KEY)

    body = sent(fake)[-1]["body"]
    assert "line 99 " in body
    assert "line 74 " not in body
    assert "75 earlier lines: see <a href=" in body


async def test_a_priority_changes_nothing_else(connect, fake):
    desk = connect()
    ref = await opened(desk)

    await desk.set_priority(ref, replace(INCIDENT, severity=Severity.CRITICAL), {})

    assert sent(fake, "PUT") == [{"priority": 4}]


async def test_a_resolve_adds_the_note_before_the_status(connect, fake):
    desk = connect()
    ref = await opened(desk)
    fake.requests.clear()

    await desk.resolve(ref, NOTE, RESOLVE_KEY, {})

    assert lines(fake) == ["GET /tickets/1", "GET /tickets/1/conversations", "POST /tickets/1/notes", "PUT /tickets/1"]
    assert sent(fake, "PUT") == [{"status": 4}]


async def test_fields_required_on_resolve_are_set_where_nobody_has_set_them(connect, fake):
    fake.desk.account.required_on_resolve = ("cf_site", "type")
    desk = connect(resolve_fields={"cf_site": "unknown", "type": "Incident"})
    ref = await opened(desk)
    fake.edit(ref.id, type="Problem")

    await desk.resolve(ref, NOTE, RESOLVE_KEY, {})

    assert sent(fake, "PUT") == [{"status": 4, "custom_fields": {"cf_site": "unknown"}}]


async def test_a_field_missing_on_resolve_is_named_with_what_to_set(connect, fake):
    fake.desk.account.required_on_resolve = ("cf_site",)
    desk = connect()
    ref = await opened(desk)

    with pytest.raises(RequestRejected, match="cf_site") as raised:
        await desk.resolve(ref, NOTE, RESOLVE_KEY, {})
    assert "`resolve_fields`" in raised.value.hint


async def test_a_ticket_that_a_person_closed_is_left_alone(connect, fake):
    desk = connect()
    ref = await opened(desk)
    fake.edit(ref.id, status=5)
    fake.requests.clear()

    await desk.resolve(ref, NOTE, RESOLVE_KEY, {})

    assert lines(fake) == ["GET /tickets/1"]


async def test_the_statuses_of_the_account_can_be_set(connect, fake):
    fake.desk.account = Account(statuses=(2, 4, 5, 9), done_statuses=(4, 5, 9))
    desk = connect(resolved_status=9, done_statuses=[4, 5, 9])
    ref = await opened(desk)

    await desk.resolve(ref, NOTE, RESOLVE_KEY, {})

    assert fake.desk.find(1)["status"] == 9


@pytest.mark.parametrize("gone", ["deleted", "spam", "purged"])
async def test_a_ticket_that_people_threw_away_is_gone(connect, fake, gone):
    desk = connect()
    ref = await opened(desk)
    if gone == "purged":
        fake.purge(ref.id)
    else:
        fake.edit(ref.id, **{gone: True})

    assert await desk.read(ref) is None
    with pytest.raises(RequestRejected) as raised:
        await desk.comment(ref, NOTE, NOTE_KEY)
    assert raised.value.is_gone


async def test_the_assignee_is_read(connect, fake):
    desk = connect()
    ref = await opened(desk)
    fake.edit(ref.id, responder_id=77, status=3)

    remote = await desk.read(ref)

    assert (remote.assignee, remote.status, remote.is_done) == ("77", "3", False)


async def test_a_reference_that_is_no_number_is_never_put_into_an_address(connect, fake):
    assert await connect().read(TicketRef("1/../../agents", "", "")) is None
    assert not fake.requests


# ---------------------------------------------------------------------------------------------- account and limits


async def test_check_names_the_agent_and_the_rate_limit(connect):
    assert await connect().check() == "agent ingestd-agent@example.com; 399 of 400 requests left"


async def test_check_says_that_the_key_is_wrong(connect):
    with pytest.raises(CredentialsRejected, match="invalid_credentials") as raised:
        await connect(api_key="another-key").check()
    assert "another-key" not in str(raised.value)


async def test_the_rate_limit_of_the_account_puts_the_ticket_off_to_the_next_minute(connect, fake, clock):
    fake.limits = RateLimits(create=1)
    desk = connect()
    await opened(desk)
    clock.pass_time(seconds=15)

    with pytest.raises(TryLater) as raised:
        await opened(desk)
    assert raised.value.after_seconds == 45

    clock.pass_time(seconds=45)
    await opened(desk)
    assert len(fake.tickets()) == 2


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"domain": "acme", "url": "https://acme.freshdesk.com"}, "exactly one of `domain` and `url`"),
        ({"domain": ""}, "exactly one of `domain` and `url`"),
        ({"domain": "help.example.com"}, "must be the account's name"),
        ({"domain": "", "url": "http://acme.freshdesk.com"}, "must be https://"),
        ({"domain": "", "url": "https://user:pw@acme.freshdesk.com"}, "must be https://"),
        ({"api_key": "two words"}, "holds characters that no API key has"),
        ({"api_key": " \n"}, "is empty"),
        ({"requester_email": "nobody"}, "String should match pattern"),
        ({"done_statuses": [5]}, "must hold `resolved_status`"),
        ({"priorities": {"critical": 5}}, "less than or equal to 4"),
        ({"marker_field": "ingestd key"}, "String should match pattern"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_settings_that_cannot_work_are_refused(written, text):
    with pytest.raises(ValidationError) as raised:
        factory.settings_type(**{**WRITTEN, **written})
    assert text in str(raised.value)
    assert "key-of-the-agent" not in str(raised.value)


def test_a_key_file_with_a_line_end_is_taken():
    assert factory.settings_type(**{**WRITTEN, "api_key": "abc\n"}).api_key.get_secret_value() == "abc"


def test_the_key_is_in_no_representation(connect):
    settings = factory.settings_type(**WRITTEN)

    assert "key-of-the-agent" not in f"{settings!r} {settings} {connect()!r}"


def test_every_setting_is_documented():
    guide = (Path(__file__).parents[2] / "docs" / "connectors" / "freshdesk.md").read_text(encoding="utf-8")
    rows = "".join(line.split("|")[1] for line in guide.splitlines() if line.startswith("| `"))

    assert [name for name in factory.settings_type.model_fields if f"`{name}`" not in rows] == []


def test_http_is_taken_for_this_machine_alone():
    written = {**WRITTEN, "domain": "", "url": "http://127.0.0.1:9000/"}

    assert factory.settings_type(**written).base_url == "http://127.0.0.1:9000"
