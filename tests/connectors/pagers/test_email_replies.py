"""Mails that can be answered: each with a token of its own, which comes back by whatever way the mail program takes."""

from __future__ import annotations

import email
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.email_pager import factory
from connectors.email_pager.bodies import plain_body
from connectors.email_pager.content import content_of
from connectors.email_pager.settings import EmailPagerSettings
from ingestd.core.mail_reply import read
from ingestd.core.names import EffectKey
from ingestd.core.reply import ReplyAct
from ingestd.core.reply import read as read_words
from ingestd.ports import ConnectorTools, Mail, Replying

KEY = EffectKey("INC-1042/email/page/3")
TOKEN = "abcdefghij23456"


class Outbox:
    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def send(self, mail: Mail) -> str:
        self.mails.append(mail)
        return "queued"


def build(outbox=None, **changes):
    plain = {"from": "ingestd@example.com", "maildir": "var/mail", "reply_to": "ack@example.com", "replies": True}
    configured = EmailPagerSettings.model_validate({**plain, **changes})
    return factory.build("mail", configured, ConnectorTools(None, lambda _options: outbox))


async def sent(page, **changes):
    outbox = Outbox()
    await build(outbox, **changes).page(page, KEY)
    return email.message_from_bytes(outbox.mails[0].raw)


def answer(message, text="ack", *, to=None, has_references=True) -> bytes:
    """What a mail program makes of it when somebody presses Reply."""
    references = f"{message['References']} {message['Message-ID']}" if has_references else ""
    head = (
        f"From: Asha Rao <asha@example.com>\r\nTo: {to or message['Reply-To']}\r\n"
        f"Subject: Re: {message['Subject']}\r\nIn-Reply-To: {message['Message-ID']}\r\n"
    )
    head += f"References: {references}\r\n" if references else ""
    return f"{head}\r\n{text}\r\n".encode()


def test_it_takes_replies_only_if_it_is_said_that_they_are_read():
    assert isinstance(build(), Replying)
    assert build().takes_replies("asha@example.com")
    assert not build(replies=False).takes_replies("asha@example.com")
    with pytest.raises(ValidationError, match="needs `reply_to`"):
        build(reply_to="")


def test_mail_does_not_come_by_a_webhook():
    assert build().read_reply("https://i.example.com/api/v1/replies/mail", {}, b"x") is None


async def test_each_page_has_an_address_of_its_own_for_answers(make_page):
    message = await sent(make_page(reply_token=TOKEN))
    assert message["Reply-To"] == f"ack+{TOKEN}@example.com"
    assert read(answer(message, has_references=False)).tokens == (TOKEN,)


@pytest.mark.parametrize("separator", ["+", "=", "_", "-", "."])
async def test_the_separator_is_that_of_the_mail_server(make_page, separator):
    message = await sent(make_page(reply_token=TOKEN), reply_separator=separator)
    assert message["Reply-To"] == f"ack{separator}{TOKEN}@example.com"
    assert read(answer(message, has_references=False)).tokens == (TOKEN,)


async def test_without_plus_addressing_the_token_comes_back_among_the_references(make_page):
    message = await sent(make_page(reply_token=TOKEN), reply_separator="")
    assert message["Reply-To"] == "ack@example.com"
    assert read(answer(message)).tokens == (TOKEN,)


async def test_a_repeat_has_another_token_and_the_same_message_id_and_thread(make_page):
    first = await sent(make_page(reply_token=TOKEN))
    second = await sent(make_page(reply_token="zzzzzzzzzz22222"))
    assert first["Message-ID"] == second["Message-ID"]
    assert first["In-Reply-To"] == second["In-Reply-To"] == first["References"].split()[0]


async def test_a_page_without_a_token_is_as_it_was(make_page):
    message = await sent(make_page())
    assert message["Reply-To"] == "ack@example.com"
    assert message["References"] == message["In-Reply-To"]
    assert "Answer this mail" not in plain_body(content_of(make_page(), ZoneInfo("UTC"), "link"))


def test_the_mail_says_what_its_answer_may_say(make_page):
    body = plain_body(content_of(make_page(reply_token=TOKEN), ZoneInfo("UTC"), "link"))
    assert "Answer this mail\n  The first line of your answer may say: ack, escalate, close or unack." in body
    assert body.split("\n")[2].startswith("Acknowledge: "), "the link stays among the first three lines"


async def test_a_word_is_a_mail_of_its_first_line(make_page):
    words = "ben was first and acknowledged INC-1042 at 03:12 CET. Nothing changed.\nOpen: none.\nOne more line."
    message = await sent(make_page(purpose="word", words=words))
    assert message["Subject"] == "ben was first and acknowledged INC-1042 at 03:12 CET. Nothing changed."
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_payload(0).get_payload(decode=True).decode()
    assert body.startswith(words.replace("\n", "\r\n").partition("\r\nOne")[0])
    assert "One more line." in body


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_page_that_comes_back_as_it_is_acts(hostile_pages, data):
    """A mail program that quotes without marks, or a robot that sends back what it gets."""
    page = data.draw(hostile_pages)
    body = plain_body(content_of(page, ZoneInfo("UTC"), "link"))
    assert read_words(body).act is ReplyAct.NOT_UNDERSTOOD
