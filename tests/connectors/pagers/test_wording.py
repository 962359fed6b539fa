"""What an admin is shown before anybody is woken is what would be sent."""

from __future__ import annotations

import asyncio
import email
import email.policy
import itertools
from dataclasses import replace

import pytest

from connectors.email_pager import factory as email_factory
from connectors.email_pager.settings import EmailPagerSettings
from connectors.sms_pager import factory as sms_factory
from connectors.sms_pager.fake import GatewayFake
from connectors.sms_pager.settings import SmsPagerSettings
from ingestd.core.names import EffectKey
from ingestd.ports import ConnectorTools, Mail, Wording

GATEWAY = {"gateway": {"url": "https://gateway.example.com/send", "form": {"to": "{to}", "text": "{text}"}}}


class Outbox:
    """A mail server that keeps what it takes."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []

    async def send(self, mail: Mail) -> str:
        self.mails.append(mail)
        return "queued"


def sms_pager(server: GatewayFake, **more):
    configured = SmsPagerSettings.model_validate({**GATEWAY, **more})
    return sms_factory.build("sms", configured, ConnectorTools(server, lambda _options: None))


async def test_the_words_of_a_text_message_are_those_that_are_sent(make_page):
    server = GatewayFake()
    pager = sms_pager(server)
    page = make_page()
    page = replace(page, contact=replace(page.contact, address="+15558675310"))
    key = EffectKey("INC-1042/sms/page/3")
    await pager.page(page, key)
    assert isinstance(pager, Wording)
    assert [message.body for message in server.messages] == [pager.words(page, key)]


def test_the_words_leave_out_the_link_where_the_message_does(make_page):
    pager = sms_pager(GatewayFake(), omit_link_for=["+1555"])
    page = make_page()
    page = replace(page, contact=replace(page.contact, address="+15558675310"))
    assert page.link not in pager.words(page, EffectKey("INC-1042/sms/page/3"))


def page_of_a_stranger(make_page, nasty, turn: int, purpose: str):
    """A page in which every text is another one of those that have lost a page somewhere; ``turn`` says which stands where."""
    texts = itertools.cycle(nasty[turn:] + nasty[:turn])
    page = make_page()
    names = ("title", "summary", "category", "team", "rule", "runbook", "url", "ticket_url", "acknowledged_by")
    alert = replace(
        page.incident.alerts[0],
        **{name: next(texts) for name in ("name", "summary", "source", "value")},
        labels={next(texts): next(texts) for _ in range(4)},
        links={"dashboard": next(texts)},
    )
    lines = tuple(replace(line, text=next(texts)) for line in page.incident.timeline)
    changed = {name: next(texts) for name in names}
    incident = replace(page.incident, alerts=(alert,), timeline=lines, **changed)
    contact = replace(page.contact, person=next(texts), name=next(texts))
    return replace(
        page,
        purpose=purpose,
        incident=incident,
        contact=contact,
        reason=next(texts),
        earlier=(next(texts), next(texts)),
    )


@pytest.mark.parametrize("purpose", ["page", "resolved", "test", "something new"])
@pytest.mark.parametrize("turn", range(14))
def test_the_words_of_a_mail_are_its_subject_and_its_plain_text(make_page, nasty, turn, purpose):
    outbox = Outbox()
    configured = EmailPagerSettings.model_validate({"from": "ingestd@example.com", "maildir": "var/mail"})
    pager = email_factory.build("email", configured, ConnectorTools(None, lambda _options: outbox))
    page, key = page_of_a_stranger(make_page, nasty, turn, purpose), EffectKey("INC-1042/email/page/1")
    asyncio.run(pager.page(page, key))
    assert isinstance(pager, Wording)
    subject, _, body = pager.words(page, key).partition("\n\n")
    [mail] = outbox.mails
    message = email.message_from_bytes(mail.raw, policy=email.policy.default)
    sent = message.get_body(["plain"]).get_content()
    assert sent.replace("\r\n", "\n").strip() == body.strip()
    assert " ".join(str(message["Subject"]).split()) == " ".join(subject.split())
