"""Twilio through the connector and the stand-in: what is sent, and what each answer means for the page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest

from connectors.sms_pager import factory
from connectors.sms_pager.fake import Fault, TwilioFake
from connectors.sms_pager.settings import SmsPagerSettings
from connectors.sms_pager.twilio_codes import ACCOUNT, DEAD, RECIPIENT, REQUEST, TRANSIENT
from ingestd.core.names import Channel, EffectKey, PersonName
from ingestd.errors import (
    CredentialsRejected,
    DeliveryError,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.ports import ConnectorTools, Contact, HttpReply

KEY = EffectKey("INC-1042/sms/page/3")
SID = "AC" + "0" * 31 + "1"
TWILIO = {"account_sid": SID, "auth_token": "token-of-the-account", "from": "+15005550006"}
EXTERNAL_URL = "https://i.example.com"
ASHA = Contact(PersonName("asha"), "Asha Rao", Channel.SMS, "+15558675310")


@pytest.fixture
def twilio() -> TwilioFake:
    return TwilioFake(lambda: datetime(2026, 11, 21, 2, 10, tzinfo=UTC))


def build(server, external_url=EXTERNAL_URL, **changes):
    settings = SmsPagerSettings.model_validate({"twilio": {**TWILIO, **changes}, "timezone": "Europe/Berlin"})
    return factory.build("sms", settings, ConnectorTools(server, lambda _options: None, external_url))


@pytest.fixture
def page(make_page):
    return make_page(contact=ASHA)


async def test_a_page_is_one_message_to_one_phone_in_one_segment(twilio, page):
    receipt = await build(twilio).page(page, KEY)
    [message] = twilio.messages
    assert (message.to, message.sender, receipt.id) == ("+15558675310", "+15005550006", message.id)
    assert message.body.startswith("HIGH INC-1042 #3 card-gateway/prod\n")
    assert twilio._resource(message)["num_segments"] == "1"
    assert message.receipt_url == "https://i.example.com/api/v1/receipts/sms"
    assert not receipt.is_final


async def test_twilio_may_not_keep_a_page_for_hours(twilio, page):
    await build(twilio, validity_seconds=300).page(page, KEY)
    assert parse_qs(twilio.requests[0].body.decode())["ValidityPeriod"] == ["300"]


async def test_a_messaging_service_takes_the_place_of_a_number(twilio, page):
    service = "MG" + "a" * 32
    pager = build(twilio, messaging_service_sid=service, **{"from": ""})
    await pager.page(page, KEY)
    assert twilio.messages[0].reference == service
    assert await pager.find_page(page, KEY) is not None


async def test_an_api_key_signs_in_instead_of_the_token(twilio, page):
    key_sid = "SK" + "b" * 32
    twilio.api_keys[key_sid] = "secret-of-the-key"
    pager = build(twilio, api_key_sid=key_sid, api_key_secret="secret-of-the-key", auth_token=None)
    receipt = await pager.page(page, KEY)
    assert twilio.messages[0].receipt_url == "", "without the token nobody could check a callback, so none is asked for"
    assert not receipt.is_final
    assert (await pager.follow(receipt.id)).status == "pending"


@pytest.mark.parametrize(
    "external_url", ["", "http://127.0.0.1:8095", "http://localhost:8095", "http://10.0.0.4", "https://ingestd"]
)
async def test_no_callback_is_asked_to_where_the_internet_cannot_reach(twilio, page, external_url):
    receipt = await build(twilio, external_url).page(page, KEY)
    assert twilio.messages[0].receipt_url == ""
    assert not receipt.is_final, "Twilio cannot call us, and can be asked"


async def test_a_simulator_on_this_machine_may_call_this_machine(twilio, page):
    await build(twilio, "http://127.0.0.1:8095", api_url="http://127.0.0.1:8080").page(page, KEY)
    assert twilio.messages[0].receipt_url == "http://127.0.0.1:8095/api/v1/receipts/sms"


@pytest.mark.parametrize(
    ("fault", "expected", "arrived"),
    [
        (Fault.BUSY_503, TryLater, 0),
        (Fault.RATE_LIMIT_429, TryLater, 0),
        (Fault.INTERNAL_500, TryLater, 0),
        (Fault.REFUSE_CONNECTION, TryLater, 0),
        (Fault.LOSE_REQUEST, OutcomeUnknown, 0),
        (Fault.LOSE_REPLY_AFTER_EFFECT, OutcomeUnknown, 1),
        (Fault.BAD_GATEWAY_AFTER_EFFECT, OutcomeUnknown, 1),
        (Fault.GARBAGE_2XX, ReplyUnreadable, 1),
        (Fault.UNAUTHORIZED, CredentialsRejected, 0),
        (Fault.ACCOUNT_SUSPENDED, CredentialsRejected, 0),
        (Fault.REDIRECT_LOGIN, CredentialsRejected, 0),
        (Fault.INVALID_NUMBER, RequestRejected, 0),
        (Fault.OPTED_OUT, RequestRejected, 0),
    ],
)
async def test_what_befalls_a_request_decides_the_outcome(twilio, page, fault, expected, arrived):
    twilio.faults.append(fault)
    with pytest.raises(DeliveryError) as caught:
        await build(twilio).page(page, KEY)
    assert type(caught.value) is expected
    assert len(twilio.messages) == arrived
    assert "token-of-the-account" not in f"{caught.value} {caught.value.hint}"


async def test_the_wait_that_twilio_asks_for_is_passed_on(twilio, page):
    twilio.faults.append(Fault.RATE_LIMIT_429)
    with pytest.raises(TryLater) as caught:
        await build(twilio).page(page, KEY)
    assert caught.value.after_seconds == 3


async def test_an_opted_out_person_is_named_with_the_way_back(twilio, page):
    twilio.opted_out.add(ASHA.address)
    with pytest.raises(RequestRejected, match="STOP") as caught:
        await build(twilio).page(page, KEY)
    assert "START" in caught.value.hint


def answer(status: int, code: object) -> HttpReply:
    return HttpReply(status, {}, f'{{"code": {code}, "message": "m", "status": {status}}}'.encode())


class Saying:
    """A server with one answer."""

    def __init__(self, reply: HttpReply) -> None:
        self.reply = reply

    async def send(self, _request) -> HttpReply:
        return self.reply


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (DEAD, RequestRejected),
        (RECIPIENT, RequestRejected),
        (REQUEST, RequestRejected),
        (ACCOUNT, CredentialsRejected),
        (TRANSIENT, TryLater),
    ],
)
async def test_each_code_of_twilio_has_its_meaning(page, codes, expected):
    for code in codes:
        with pytest.raises(expected, match=str(code)):
            await build(Saying(answer(400, code))).page(page, KEY)


@pytest.mark.parametrize(
    ("code", "is_for_contact", "is_contact_dead"),
    [
        (21211, True, True),
        (21614, True, True),
        (21610, True, True),
        (30006, True, True),
        (30005, True, False),
        (30004, True, False),
        (21408, False, False),
        (21612, False, False),
        (21608, False, False),
        (99999, False, False),
    ],
)
async def test_a_refusal_says_whose_fault_it_is(twilio, page, code, is_for_contact, is_contact_dead):
    twilio.refusals[page.contact.address] = code
    twilio.refusals[ASHA.address] = code
    with pytest.raises(RequestRejected) as caught:
        await build(twilio).page(replace(page, contact=ASHA), KEY)
    assert (caught.value.is_for_contact, caught.value.is_contact_dead) == (is_for_contact, is_contact_dead)
    assert twilio.messages == []


async def test_a_stop_ends_messages_to_a_number_until_a_start(twilio, page):
    pager, asha = build(twilio), replace(page, contact=ASHA)
    twilio.hears(ASHA.address, " stop ")
    with pytest.raises(RequestRejected) as caught:
        await pager.page(asha, KEY)
    assert caught.value.is_contact_dead
    twilio.hears(ASHA.address, "START")
    await pager.page(asha, KEY)
    assert len(twilio.messages) == 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (answer(400, 99999), RequestRejected),
        (answer(500, 99999), OutcomeUnknown),
        (answer(401, '"x"'), CredentialsRejected),
        (answer(404, "null"), CredentialsRejected),
        (HttpReply(503, {}, b"<html>busy</html>"), TryLater),
        (HttpReply(504, {}, b""), OutcomeUnknown),
        (HttpReply(200, {}, b"<html>Log in</html>"), ReplyUnreadable),
        (HttpReply(201, {}, b"[" * 100_000), ReplyUnreadable),
        (HttpReply(201, {}, b'{"sid": "../../x"}'), ReplyUnreadable),
        (
            HttpReply(201, {}, b'{"sid": "SM' + b"1" * 32 + b'", "status": "failed", "error_code": 30005}'),
            RequestRejected,
        ),
        (HttpReply(302, {"location": "https://login"}, b""), CredentialsRejected),
    ],
)
async def test_answers_without_a_known_code_are_judged_by_their_status(page, reply, expected):
    with pytest.raises(DeliveryError) as caught:
        await build(Saying(reply)).page(page, KEY)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    "address", ["", "015551234567", "+0123456", "+1555867531o", "+1555\r\n8675310", "+" + "1" * 16]
)
async def test_an_address_that_is_no_phone_number_parks_the_page_and_sends_nothing(twilio, page, address):
    with pytest.raises(RequestRejected, match="not a phone number"):
        await build(twilio).page(replace(page, contact=replace(ASHA, address=address)), KEY)
    assert twilio.requests == []


async def test_people_in_china_get_no_link(twilio, page):
    chinese = replace(page, contact=replace(ASHA, address="+8613912345678"))
    await build(twilio).page(chinese, KEY)
    assert twilio.messages[0].body.endswith("Ack in ingestd")


# ------------------------------------------------------------------------------------- after a lost reply


async def test_a_page_whose_reply_was_lost_is_found_although_its_text_would_now_be_another(twilio, page, make_page):
    pager = build(twilio)
    twilio.faults.append(Fault.LOSE_REPLY_AFTER_EFFECT)
    with pytest.raises(OutcomeUnknown):
        await pager.page(page, KEY)
    later = make_page(contact=ASHA, delayed_minutes=1, incident={"firing_count": 9, "title": "worse"})
    found = await pager.find_page(later, KEY)
    assert found is not None
    assert found.id == twilio.messages[0].id


async def test_another_page_is_not_taken_for_this_one(twilio, page, make_page):
    pager = build(twilio)
    await pager.page(page, EffectKey("INC-1042/sms/page/2"))
    await pager.page(make_page(contact=ASHA, purpose="resolved"), EffectKey("INC-1042/sms/notice/3"))
    await pager.page(make_page(contact=ASHA, incident={"id": "INC-10423"}), KEY)
    await pager.page(replace(page, contact=replace(ASHA, address="+15550000001")), KEY)
    assert await pager.find_page(page, KEY) is None


async def test_a_page_of_an_earlier_database_is_not_taken_for_this_one(twilio, page, make_page):
    await build(twilio).page(page, KEY)
    reopened = make_page(contact=ASHA, incident={"opened_at": datetime(2026, 11, 21, 5, tzinfo=UTC)})
    assert await build(twilio).find_page(reopened, KEY) is None


async def test_a_page_that_failed_on_its_way_is_sent_again(twilio, page):
    pager = build(twilio)
    receipt = await pager.page(page, KEY)
    twilio.receipt_for(receipt.id, "undelivered", 30003)
    assert await pager.find_page(page, KEY) is None


class Unreachable:
    """A server whose connection breaks."""

    async def send(self, _request) -> HttpReply:
        raise OutcomeUnknown("the connection was lost")


@pytest.mark.parametrize(
    "server",
    [
        Unreachable(),
        Saying(answer(429, 20429)),
        Saying(answer(403, 20003)),
        Saying(HttpReply(502, {}, b"<html>Bad Gateway</html>")),
        Saying(HttpReply(200, {}, b'{"messages": 1}')),
        Saying(HttpReply(200, {}, b'{"messages": [1, {"body": null}, {"date_created": "never", "body": ["x"]}]}')),
    ],
)
async def test_a_page_does_not_wait_for_a_list_that_cannot_be_had(page, server):
    assert await build(server).find_page(page, KEY) is None


# ------------------------------------------------------------------------------------- receipts


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("queued", "pending"),
        ("sending", "pending"),
        ("sent", "pending"),
        ("delivered", "delivered"),
        ("undelivered", "failed"),
        ("failed", "failed"),
        ("canceled", "failed"),
        ("read", "delivered"),
    ],
)
async def test_a_signed_callback_tells_what_became_of_the_page(twilio, page, status, word):
    pager = build(twilio)
    receipt = await pager.page(page, KEY)
    news = pager.read_receipt(*twilio.receipt_for(receipt.id, status))
    assert (news.receipt_id, news.status) == (receipt.id, word)


async def test_later_news_ranks_higher_whatever_order_it_comes_in(twilio, page):
    pager = build(twilio)
    receipt = await pager.page(page, KEY)
    order = ["accepted", "queued", "sending", "sent", "delivered", "read"]
    ranks = [pager.read_receipt(*twilio.receipt_for(receipt.id, status)).rank for status in order]
    assert ranks == sorted(set(ranks))


async def test_a_failure_says_why(twilio, page):
    pager = build(twilio)
    receipt = await pager.page(page, KEY)
    news = pager.read_receipt(*twilio.receipt_for(receipt.id, "undelivered", 30005))
    assert news.detail == "undelivered: the handset is unknown or gone (30005)"


@pytest.mark.parametrize(
    ("status", "code", "is_dead"),
    [("undelivered", 30006, True), ("undelivered", 30005, False), ("failed", 21610, True), ("delivered", 30006, False)],
)
async def test_a_callback_tells_a_dead_number_apart(twilio, page, status, code, is_dead):
    pager = build(twilio)
    receipt = await pager.page(page, KEY)
    assert pager.read_receipt(*twilio.receipt_for(receipt.id, status, code)).is_contact_dead is is_dead


@pytest.mark.parametrize(
    "reply",
    [
        HttpReply(200, {}, b"[]"),
        HttpReply(200, {}, b'{"sid": "SM", "status": "sent"}'),
        HttpReply(200, {}, b'{"sid": "SM' + b"1" * 32 + b'", "status": "teleported"}'),
        HttpReply(200, {}, b'{"sid": 7, "status": null}'),
        HttpReply(404, {}, b"{}"),
        HttpReply(503, {}, b"<html>busy</html>"),
    ],
)
async def test_an_answer_about_a_message_that_cannot_be_read_is_no_news(reply):
    with pytest.raises(DeliveryError):
        await build(Saying(reply)).follow("SM" + "1" * 32)


async def test_a_callback_is_believed_with_either_live_token(twilio, page):
    pager = build(twilio, secondary_auth_token="token-to-come")
    receipt = await pager.page(page, KEY)
    assert pager.read_receipt(*twilio.receipt_for(receipt.id, "delivered", token="token-to-come")) is not None
    assert pager.read_receipt(*twilio.receipt_for(receipt.id, "delivered")) is not None


async def test_a_callback_that_twilio_did_not_sign_is_refused(twilio, page):
    pager = build(twilio)
    receipt = await pager.page(page, KEY)
    url, headers, body = twilio.receipt_for(receipt.id, "delivered")
    unsigned = {name: value for name, value in headers.items() if name != "X-Twilio-Signature"}
    forgeries = [
        (url, unsigned, body),
        (url, headers, body.replace(b"delivered", b"failed")),
        (url, headers, body + b"&a=b" * 500),
        (url, headers, b"\xff\xfe"),
        ("https://evil.example/api/v1/receipts/sms", headers, body),
        ("https://[", headers, body),
        twilio.receipt_for(receipt.id, "delivered", token="guessed"),
    ]
    for forged in forgeries:
        with pytest.raises(CredentialsRejected):
            pager.read_receipt(*forged)


async def test_header_names_in_any_case_will_do(twilio, page):
    pager = build(twilio)
    receipt = await pager.page(page, KEY)
    url, headers, body = twilio.receipt_for(receipt.id, "delivered")
    assert pager.read_receipt(url, {name.lower(): value for name, value in headers.items()}, body) is not None


def test_a_signed_post_that_is_no_receipt_is_none_of_ours():
    from connectors.sms_pager.twilio_signature import sign

    url = f"{EXTERNAL_URL}/api/v1/receipts/sms"
    headers = {"X-Twilio-Signature": sign("token-of-the-account", url, [("Body", "STOP")])}
    assert build(None).read_receipt(url, headers, b"Body=STOP") is None


# ------------------------------------------------------------------------------------- the account


async def test_the_check_asks_twilio_and_sends_nothing(twilio):
    assert await build(twilio).check() == "Twilio account AC0000…, sends from +15005550006"
    assert [request.method for request in twilio.requests] == ["GET"]
    with pytest.raises(CredentialsRejected, match="login is refused"):
        await build(twilio, auth_token="wrong").check()
