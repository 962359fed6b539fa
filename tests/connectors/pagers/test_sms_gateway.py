"""Any gateway: what the settings can say, and how its answers are read."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from connectors.sms_pager import factory
from connectors.sms_pager.fake import Fault, GatewayFake
from connectors.sms_pager.settings import SmsPagerSettings
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
FORM = {"to": "{to}", "text": "{text}", "from": "{from}", "ref": "{reference}"}
JUDGED = {
    "status_path": "result.0.status",
    "success_values": ["ok"],
    "retry_values": ["busy"],
    "id_path": "result.0.id",
}
URL = "https://gateway.example.com/send"
ASHA = Contact(PersonName("asha"), "Asha Rao", Channel.SMS, "+493012345678")


@pytest.fixture
def gateway() -> GatewayFake:
    return GatewayFake()


def build(server, **settings):
    whole = {
        "url": URL,
        "from": "ingestd",
        **({"form": FORM} if not {"json", "query"} & settings.keys() else {}),
        **settings,
    }
    return factory.build(
        "sms", SmsPagerSettings.model_validate({"gateway": whole}), ConnectorTools(server, lambda _options: None, "")
    )


@pytest.fixture
def page(make_page):
    return make_page(contact=ASHA)


async def test_a_form_gateway_gets_the_page(gateway, page):
    receipt = await build(gateway, **JUDGED).page(page, KEY)
    [message] = gateway.messages
    assert (message.to, message.sender, message.reference) == ("+493012345678", "ingestd", KEY)
    assert message.body.startswith("HIGH INC-1042 #3")
    assert (receipt.id, receipt.is_final) == ("1", True)


async def test_a_json_gateway_gets_the_page_as_deep_as_it_wants(gateway, page):
    content = {"message": {"to": ["{to}"], "text": "{text}", "ref": "ingestd {reference}", "flash": False, "n": 1}}
    await build(gateway, json=content).page(page, KEY)
    sent = json.loads(gateway.requests[0].body)["message"]
    assert (sent["to"], sent["ref"], sent["flash"], sent["n"]) == (["+493012345678"], f"ingestd {KEY}", False, 1)


async def test_a_gateway_that_knows_only_get_gets_the_page(gateway, page):
    pager = build(gateway, url=f"{URL}?api=2", method="GET", query={"to": "{to}", "text": "{text}"})
    await pager.page(page, KEY)
    assert gateway.requests[0].url.startswith(f"{URL}?api=2&to=%2B493012345678&text=HIGH+INC-1042+%233")
    assert gateway.requests[0].body == b""
    assert gateway.messages[0].body.endswith("Ack: https://i.example.com/p/7Kq2xV9bLm3Q")


@pytest.mark.parametrize(
    ("form", "to"), [("plus", "+493012345678"), ("double_zero", "00493012345678"), ("digits", "493012345678")]
)
async def test_numbers_are_written_as_the_gateway_wants(gateway, page, form, to):
    await build(gateway, number_format=form).page(page, KEY)
    assert parse_qs(gateway.requests[0].body.decode())["to"] == [to]


async def test_umlauts_travel_in_the_charset_of_the_gateway(gateway, make_page):
    gateway.charset = "iso-8859-1"
    page = make_page(contact=ASHA, incident={"title": "Größe überschritten"})
    await build(gateway, charset="iso-8859-1").page(page, KEY)
    assert b"Gr%F6%DFe" in gateway.requests[0].body
    assert "Größe überschritten" in gateway.messages[0].body


async def test_what_a_page_says_is_not_searched_for_placeholders(gateway, make_page):
    page = make_page(contact=ASHA, incident={"title": "x {to} {reference}"})
    await build(gateway).page(page, KEY)
    assert "x (to) (reference)" in gateway.messages[0].body


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"type": "basic", "username": "u", "secret": "hunter2"}, "Authorization", "Basic dTpodW50ZXIy"),
        ({"type": "bearer", "secret": "hunter2"}, "Authorization", "Bearer hunter2"),
        ({"type": "header", "name": "X-Api-Key", "secret": "hunter2"}, "X-Api-Key", "hunter2"),
    ],
)
async def test_the_secret_travels_in_the_header_that_the_gateway_wants(gateway, page, auth, header, value):
    await build(gateway, auth=auth, headers={"X-Tenant": "ops"}).page(page, KEY)
    assert gateway.requests[0].headers[header] == value
    assert gateway.requests[0].headers["X-Tenant"] == "ops"
    assert "hunter2" not in gateway.requests[0].url


async def test_a_gateway_that_offers_nothing_else_gets_the_secret_in_the_query(gateway, page):
    await build(gateway, auth={"type": "query", "name": "key", "secret": "hunter2"}).page(page, KEY)
    assert parse_qs(urlsplit(gateway.requests[0].url).query) == {"key": ["hunter2"]}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.BUSY_503, TryLater),
        (Fault.RATE_LIMIT_429, TryLater),
        (Fault.INTERNAL_500, OutcomeUnknown),
        (Fault.REFUSE_CONNECTION, TryLater),
        (Fault.LOSE_REQUEST, OutcomeUnknown),
        (Fault.LOSE_REPLY_AFTER_EFFECT, OutcomeUnknown),
        (Fault.BAD_GATEWAY_AFTER_EFFECT, OutcomeUnknown),
        (Fault.GARBAGE_2XX, ReplyUnreadable),
        (Fault.UNAUTHORIZED, CredentialsRejected),
        (Fault.ACCOUNT_SUSPENDED, CredentialsRejected),
        (Fault.REDIRECT_LOGIN, CredentialsRejected),
        (Fault.INVALID_NUMBER, RequestRejected),
    ],
)
async def test_what_befalls_a_request_decides_the_outcome(gateway, page, fault, expected):
    gateway.faults.append(fault)
    with pytest.raises(DeliveryError) as caught:
        await build(gateway, **JUDGED).page(page, KEY)
    assert type(caught.value) is expected


async def test_an_answer_in_plain_text_is_judged_by_a_pattern(page):
    pager = build(GatewayFake(speaks_json=False), success_pattern="OK: *")
    await pager.page(page, KEY)
    broken = GatewayFake(speaks_json=False)
    broken.faults.append(Fault.INVALID_NUMBER)
    with pytest.raises(RequestRejected, match="ERROR: invalid-number"):
        await build(broken, success_pattern="OK: *").page(page, KEY)


class Saying:
    """A server with one answer."""

    def __init__(self, status: int, body: bytes) -> None:
        self.reply = HttpReply(status, {}, body)

    async def send(self, _request) -> HttpReply:
        return self.reply


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"result": [{"status": "busy"}]}', TryLater),
        (200, b'{"result": [{"status": "no credit"}]}', RequestRejected),
        (200, b'{"result": []}', ReplyUnreadable),
        (200, b'{"result": {"0": {"status": {"a": 1}}}}', ReplyUnreadable),
        (200, b"[" * 100_000, ReplyUnreadable),
        (204, b"", OutcomeUnknown),
        (404, b"", CredentialsRejected),
        (422, b"", RequestRejected),
    ],
)
async def test_an_answer_is_read_where_the_settings_say(page, status, body, expected):
    with pytest.raises(DeliveryError) as caught:
        await build(Saying(status, body), **JUDGED).page(page, KEY)
    assert type(caught.value) is expected


async def test_a_gateway_that_repeats_the_secret_does_not_get_it_into_an_error(page):
    echo = Saying(200, b"ERR bad request key=hunter2\r\n\x1b[2J")
    with pytest.raises(RequestRejected) as caught:
        await build(echo, success_pattern="OK*", auth={"type": "query", "name": "key", "secret": "hunter2"}).page(
            page, KEY
        )
    assert "hunter2" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


async def test_no_receipt_of_a_gateway_is_believed(gateway, page):
    pager = build(gateway)
    assert pager.read_receipt("https://i.example.com", {}, b"status=delivered") is None
    assert await pager.find_page(page, KEY) is None
    assert (
        await pager.check()
        == "gateway https://gateway.example.com/send, not asked: what would send nothing is not known"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"url": "http://gateway.example.com"}, "https://"),
        ({"url": "ftp://gateway.example.com"}, "complete address"),
        ({"form": FORM, "json": {"a": "{to} {text}"}}, "at most one"),
        ({"method": "GET"}, "no body"),
        ({"form": {"to": "{to}"}}, "{text}"),
        ({"status_path": "a.b"}, "belong together"),
        ({"auth": {"type": "bearer"}}, "needs a secret"),
        ({"auth": {"type": "basic", "secret": "x"}}, "username"),
        ({"auth": {"type": "header", "secret": "x"}}, "needs the name"),
        ({"auth": {"type": "bearer", "secret": "a\nb"}}, "no such secret"),
        ({"headers": {"X-A": "b\r\nX-Evil: 1"}}, "no header"),
        ({"headers": {"X A": "b"}}, "no header"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(settings, words):
    with pytest.raises(ValidationError, match=words.replace("{", r"\{")):
        build(None, **settings)
