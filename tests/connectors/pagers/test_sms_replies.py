"""What people answer, as Twilio POSTs it: genuine, whose, and what it says. And which pages may ask for an answer at all."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from connectors.sms_pager import factory
from connectors.sms_pager.fake import TwilioFake
from connectors.sms_pager.settings import SmsPagerSettings
from ingestd.errors import CredentialsRejected
from ingestd.ports import ConnectorTools, Replying, ReplyNews

TWILIO = {"account_sid": "AC" + "0" * 31 + "1", "auth_token": "token-of-the-account", "from": "+15005550006"}
VONAGE = {"api_key": "abcd1234", "api_secret": "secret-of-the-account", "from": "ingestd"}
GATEWAY = {"url": "https://gateway.example.com/send", "form": {"to": "{to}", "text": "{text}"}}
ASHA = "+15558675310"


@pytest.fixture
def twilio() -> TwilioFake:
    server = TwilioFake()
    server.reply_url = "https://i.example.com/api/v1/replies/sms"
    return server


def build(external_url="https://i.example.com", twilio=TWILIO, **changes):
    settings = SmsPagerSettings.model_validate({"twilio": twilio, "replies": True, **changes})
    return factory.build("sms", settings, ConnectorTools(None, lambda _options: None, external_url))


def test_it_takes_replies():
    assert isinstance(build(), Replying)


def test_a_message_that_came_in_is_who_wrote_what(twilio):
    url, headers, body = twilio.reply_from(ASHA, "42a “now” & +1 ü")
    assert build().read_reply(url, headers, body) == ReplyNews(
        f"SM{0xA << 120 | 1:032x}", ASHA, "42a “now” & +1 ü", None
    )


def test_a_message_that_says_nothing_is_read_too(twilio):
    assert build().read_reply(*twilio.reply_from(ASHA, "", NumMedia="1")).text == ""


def test_either_of_two_live_tokens_proves_it(twilio):
    pager = build(twilio={**TWILIO, "secondary_auth_token": "token-to-come"})
    assert pager.read_reply(*twilio.reply_from(ASHA, "42a")) is not None
    assert pager.read_reply(*twilio.reply_from(ASHA, "42a", token="token-to-come")) is not None
    with pytest.raises(CredentialsRejected):
        pager.read_reply(*twilio.reply_from(ASHA, "42a", token="token-of-yore"))


def test_what_was_not_signed_so_is_refused(twilio):
    url, headers, body = twilio.reply_from(ASHA, "42a")
    forgeries = [
        (url, {**headers, "X-Twilio-Signature": ""}, body),
        (url, {"Content-Type": "application/x-www-form-urlencoded"}, body),
        (url, headers, body.replace(b"42a", b"42c")),
        (url, headers, body + b"&X=1"),
        (url.replace("https", "http"), headers, body),
        ("https://evil.example/api/v1/replies/sms", headers, body),
        (url, headers, b"\xff" * 1000),
        (url, headers, b"a=1&" * 10_000),
    ]
    for forged in forgeries:
        with pytest.raises(CredentialsRejected):
            build().read_reply(*forged)


@pytest.mark.parametrize(("opting", "opt_out"), [("STOP", True), ("START", False)])
def test_twilio_says_itself_that_somebody_opted_out_or_in(twilio, opting, opt_out):
    assert build().read_reply(*twilio.reply_from(ASHA, "arret", OptOutType=opting)).opt_out is opt_out


def test_where_twilio_has_answered_help_itself_nothing_is_left_to_do(twilio):
    assert build().read_reply(*twilio.reply_from(ASHA, "HELP", OptOutType="HELP")) is None


@pytest.mark.parametrize(
    "more",
    [{"AccountSid": "AC" + "9" * 32}, {"MessageSid": "CA1234"}, {"From": "whatsapp:+15558675310"}, {"From": "12345"}],
)
def test_what_is_no_text_message_of_a_person_to_this_account_is_none(twilio, more):
    assert build().read_reply(*twilio.reply_from(ASHA, "42a", **more)) is None


def test_a_page_asks_for_an_answer_only_where_one_comes_back():
    assert build().takes_replies(ASHA)
    for country in ("+91", "+86", "+502", "+506", "+507", "+84"):
        assert not build().takes_replies(f"{country}9812345678")
    assert build(no_reply_for=["+1555"]).takes_replies("+919812345678")
    assert not build(no_reply_for=["+1555"]).takes_replies(ASHA)
    assert not build(replies=False).takes_replies(ASHA)
    assert not build(external_url="").takes_replies(ASHA), "nobody could check a signature over an unknown address"


@pytest.mark.parametrize(
    "configured",
    [
        {"twilio": {**TWILIO, "from": "ingestd"}},
        {"twilio": {**TWILIO, "auth_token": None, "api_key_sid": "SK" + "0" * 32, "api_key_secret": "x"}},
        {"vonage": VONAGE},
        {"gateway": GATEWAY},
    ],
)
def test_replies_are_not_promised_where_none_could_come_or_be_believed(configured):
    with pytest.raises(ValidationError, match="replies: true"):
        SmsPagerSettings.model_validate({**configured, "replies": True})


@pytest.mark.parametrize("configured", [{"vonage": VONAGE}, {"gateway": GATEWAY}])
def test_other_services_bring_nothing_back(configured):
    settings = SmsPagerSettings.model_validate(configured)
    pager = factory.build("sms", settings, ConnectorTools(None, lambda _options: None, "https://i.example.com"))
    assert not pager.takes_replies(ASHA)
    assert pager.read_reply("https://i.example.com/api/v1/replies/sms", {}, b"{}") is None
