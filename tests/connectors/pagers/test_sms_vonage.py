"""Vonage's two APIs through the connector and the stand-in."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from connectors.sms_pager import factory
from connectors.sms_pager.fake import Fault, VonageFake
from connectors.sms_pager.settings import SmsPagerSettings
from connectors.sms_pager.vonage import is_signed_body
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
VONAGE = {
    "api_key": "abcd1234",
    "api_secret": "secret-of-the-account",
    "from": "+493012345678",
    "signature_secret": "secret-of-the-webhooks",
}
ASHA = Contact(PersonName("asha"), "Asha Rao", Channel.SMS, "+15558675310")


@pytest.fixture
def vonage() -> VonageFake:
    return VonageFake()


def build(server, **changes):
    settings = SmsPagerSettings.model_validate({"vonage": {**VONAGE, **changes}})
    return factory.build("sms", settings, ConnectorTools(server, lambda _options: None, "https://i.example.com"))


@pytest.fixture
def page(make_page):
    return make_page(contact=ASHA)


async def test_the_messages_api_gets_numbers_without_plus_and_our_reference(vonage, page):
    receipt = await build(vonage).page(page, KEY)
    [message] = vonage.messages
    sent = json.loads(vonage.requests[0].body)
    assert vonage.requests[0].url == "https://api.nexmo.com/v1/messages"
    assert (sent["to"], sent["from"], sent["client_ref"], sent["ttl"]) == ("15558675310", "493012345678", KEY, 900)
    assert (receipt.id, receipt.is_final) == (message.id, False)
    assert message.receipt_url == "https://i.example.com/api/v1/receipts/sms"


async def test_without_a_signature_secret_no_receipt_is_asked_for(vonage, page):
    receipt = await build(vonage, signature_secret=None).page(page, KEY)
    assert receipt.is_final
    assert vonage.messages[0].receipt_url == ""


async def test_the_sms_api_gets_a_form(vonage, page):
    receipt = await build(vonage, api="sms").page(page, KEY)
    form = parse_qs(vonage.requests[0].body.decode())
    assert vonage.requests[0].url == "https://rest.nexmo.com/sms/json"
    assert (form["to"], form["ttl"], form["client-ref"]) == (["15558675310"], ["900000"], [KEY])
    assert (receipt.id, receipt.is_final) == (vonage.messages[0].id, True)


@pytest.mark.parametrize("api", ["messages", "sms"])
@pytest.mark.parametrize(
    ("fault", "expected", "arrived"),
    [
        (Fault.BUSY_503, TryLater, 0),
        (Fault.RATE_LIMIT_429, TryLater, 0),
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
async def test_what_befalls_a_request_decides_the_outcome(vonage, page, api, fault, expected, arrived):
    vonage.faults.append(fault)
    with pytest.raises(DeliveryError) as caught:
        await build(vonage, api=api).page(page, KEY)
    assert type(caught.value) is expected
    assert len(vonage.messages) == arrived
    assert "secret-of" not in f"{caught.value} {caught.value.hint}"


async def test_an_internal_error_is_certain_in_the_sms_api_and_unknown_in_the_other(vonage, page):
    vonage.faults += [Fault.INTERNAL_500, Fault.INTERNAL_500]
    with pytest.raises(TryLater):
        await build(vonage, api="sms").page(page, KEY)
    with pytest.raises(OutcomeUnknown):
        await build(vonage).page(page, KEY)


class Saying:
    """A server with one answer."""

    def __init__(self, body: object) -> None:
        self.reply = HttpReply(200, {}, json.dumps(body).encode())

    async def send(self, _request) -> HttpReply:
        return self.reply


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("1", TryLater),
        ("5", TryLater),
        ("10", TryLater),
        ("2", RequestRejected),
        ("3", RequestRejected),
        ("4", CredentialsRejected),
        ("6", RequestRejected),
        ("7", RequestRejected),
        ("8", CredentialsRejected),
        ("9", CredentialsRejected),
        ("11", CredentialsRejected),
        ("12", RequestRejected),
        ("14", CredentialsRejected),
        ("15", CredentialsRejected),
        ("22", RequestRejected),
        ("29", RequestRejected),
    ],
)
async def test_200_is_no_success_in_the_sms_api(page, status, expected):
    reply = {"message-count": "1", "messages": [{"status": status, "error-text": "said\r\nso"}]}
    with pytest.raises(DeliveryError) as caught:
        await build(Saying(reply), api="sms").page(page, KEY)
    assert type(caught.value) is expected
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("status", "is_for_contact"), [("7", True), ("22", True), ("3", False), ("29", False)])
async def test_a_barred_number_is_the_receivers_matter(page, status, is_for_contact):
    reply = {"message-count": "1", "messages": [{"status": status, "error-text": "said so"}]}
    with pytest.raises(RequestRejected) as caught:
        await build(Saying(reply), api="sms").page(page, KEY)
    assert (caught.value.is_for_contact, caught.value.is_contact_dead) == (is_for_contact, False)


async def test_vonage_cannot_be_asked_what_became_of_a_message(vonage, page):
    pager = build(vonage)
    receipt = await pager.page(page, KEY)
    count = len(vonage.requests)
    assert await pager.follow(receipt.id) is None
    assert len(vonage.requests) == count


async def test_a_message_that_was_taken_in_part_is_no_success(page):
    reply = {"messages": [{"status": "0", "message-id": "1"}, {"status": "5"}]}
    with pytest.raises(OutcomeUnknown, match="only a part"):
        await build(Saying(reply), api="sms").page(page, KEY)


@pytest.mark.parametrize("reply", [{}, {"messages": []}, {"messages": [1]}, [], "x"])
async def test_an_answer_without_parts_cannot_be_read(page, reply):
    with pytest.raises(ReplyUnreadable):
        await build(Saying(reply), api="sms").page(page, KEY)


@pytest.mark.parametrize(
    ("status", "word"),
    [("submitted", "pending"), ("delivered", "delivered"), ("rejected", "failed"), ("undeliverable", "failed")],
)
async def test_a_signed_webhook_tells_what_became_of_the_page(vonage, page, status, word):
    pager = build(vonage)
    receipt = await pager.page(page, KEY)
    news = pager.read_receipt(*vonage.receipt_for(receipt.id, status, "Absent subscriber" if word == "failed" else ""))
    assert (news.receipt_id, news.status) == (receipt.id, word)
    assert ("Absent subscriber" in news.detail) == (word == "failed")


async def test_a_webhook_that_vonage_did_not_sign_is_refused(vonage, page):
    pager = build(vonage)
    receipt = await pager.page(page, KEY)
    url, headers, body = vonage.receipt_for(receipt.id, "delivered")
    forged_tokens = [
        "",
        "..",
        "a.b.c",
        "ü.ü.ü",
        vonage.token_for(body, secret="guessed"),
        vonage.token_for(body, algorithm="none"),
        vonage.token_for(b"another body"),
        headers["Authorization"].removeprefix("Bearer ").rpartition(".")[0] + ".",
    ]
    for token in forged_tokens:
        with pytest.raises(CredentialsRejected):
            pager.read_receipt(url, {**headers, "Authorization": f"Bearer {token}"}, body)
    for changed in ({}, {"Authorization": headers["Authorization"].replace("Bearer", "Basic")}):
        with pytest.raises(CredentialsRejected):
            pager.read_receipt(url, changed, body)
    with pytest.raises(CredentialsRejected):
        pager.read_receipt(url, headers, body.replace(b"delivered", b"rejected"))
    with pytest.raises(CredentialsRejected):
        build(vonage, signature_secret=None).read_receipt(url, headers, body)


def test_a_signed_webhook_that_is_no_receipt_is_none_of_ours(vonage):
    body = b'{"message_uuid": "x", "text": "STOP"}'
    headers = {"authorization": f"Bearer {vonage.token_for(body)}"}
    assert build(vonage).read_receipt("https://i.example.com", headers, body) is None


def test_a_token_of_lone_surrogates_is_refused_and_does_not_raise():
    assert not is_signed_body("\ud800.\ud800.\ud800", "s", b"")


async def test_nothing_can_be_asked_after_a_lost_reply(vonage, page):
    assert await build(vonage).find_page(page, KEY) is None
    assert "Vonage key abcd" in await build(vonage).check()
    assert vonage.requests == []
