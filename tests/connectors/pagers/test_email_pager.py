"""The email pager as the dispatcher meets it: settings, one mail per page, and every way to fail."""

from __future__ import annotations

import email
import email.policy
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.email_pager import factory
from connectors.email_pager.settings import EmailPagerSettings
from ingestd.core.names import Channel, EffectKey, PersonName
from ingestd.errors import RequestRejected, TryLater
from ingestd.net.mail_sender import sender
from ingestd.ports import ConnectorTools, Contact, Mail, Pager

KEY = EffectKey("INC-1042/email/page/1")
MAILDIR = {"from": "ingestd <ingestd@example.com>", "maildir": "var/mail"}
SMTP = {
    "from": "ingestd@example.com",
    "smtp": {"host": "mail.example.com", "username": "ingestd", "password": "hunter2"},
}


class Outbox:
    """A mail server that keeps what it takes, or is down."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.is_down = False

    async def send(self, mail: Mail) -> str:
        if self.is_down:
            raise TryLater("mail.example.com:587 cannot be used")
        self.mails.append(mail)
        return "queued as 42"


class NoNetwork:
    async def send(self, request):
        raise AssertionError(f"a mail needs no HTTP: {request.url}")


def build(settings: dict[str, Any], outbox: Outbox | None = None):
    mail = (lambda _options: outbox) if outbox else sender
    return factory.build("email", EmailPagerSettings.model_validate(settings), ConnectorTools(NoNetwork(), mail))


def test_it_is_a_pager_for_email():
    pager = build(MAILDIR)
    assert isinstance(pager, Pager)
    assert (pager.name, pager.channel) == ("email", Channel.EMAIL)


def test_the_entry_point_names_the_factory():
    project = Path(__file__).parents[3] / "pyproject.toml"
    target = tomllib.loads(project.read_text())["project"]["entry-points"]["ingestd.connectors"][factory.kind]
    module, _, attribute = target.partition(":")
    assert getattr(import_module(module), attribute) is factory


async def test_a_page_is_one_mail_to_one_address(make_page):
    outbox = Outbox()
    receipt = await build(MAILDIR, outbox).page(make_page(), KEY)
    [mail] = outbox.mails
    message = email.message_from_bytes(mail.raw, policy=email.policy.default)
    assert (mail.sender, mail.recipient) == ("ingestd@example.com", "asha@example.com")
    assert receipt.id == mail.message_id == message["Message-ID"]
    assert (receipt.text, receipt.is_final) == ("queued as 42", True)


async def test_a_page_lands_in_a_maildir_and_its_repeat_replaces_it(make_page, tmp_path):
    pager = build({**MAILDIR, "maildir": str(tmp_path)})
    await pager.page(make_page(), KEY)
    await pager.page(make_page(delayed_minutes=1), KEY)
    [path] = (tmp_path / "new").iterdir()
    assert b"late" in path.read_bytes()


async def test_a_lost_answer_cannot_be_looked_up(make_page):
    assert await build(MAILDIR, Outbox()).find_page(make_page(), KEY) is None


async def test_a_server_that_is_down_is_the_dispatchers_business(make_page):
    outbox = Outbox()
    outbox.is_down = True
    with pytest.raises(TryLater):
        await build(MAILDIR, outbox).page(make_page(), KEY)


@pytest.mark.parametrize(
    "address",
    ["", "asha", "a@b@c", "asha@example.com\r\nBcc: x@y", "<asha@example.com>", "a b@c", "ä@example.com", "a@ex ample"],
)
async def test_an_address_that_cannot_be_written_parks_the_page_and_sends_nothing(make_page, address):
    outbox = Outbox()
    contact = Contact(PersonName("asha"), "Asha", Channel.EMAIL, address)
    with pytest.raises(RequestRejected, match="not a plain mail address"):
        await build(MAILDIR, outbox).page(make_page(contact=contact), KEY)
    assert outbox.mails == []


async def test_an_international_domain_is_encoded(make_page):
    outbox = Outbox()
    contact = Contact(PersonName("asha"), "Asha", Channel.EMAIL, "asha@münchen.example")
    await build(MAILDIR, outbox).page(make_page(contact=contact), KEY)
    assert outbox.mails[0].recipient == "asha@xn--mnchen-3ya.example"


async def test_the_check_names_sender_and_way_out(tmp_path):
    assert (
        await build({**MAILDIR, "maildir": str(tmp_path)}).check()
        == f"maildir {tmp_path}; sends as ingestd@example.com"
    )
    assert await build(MAILDIR, Outbox()).check() == "sends as ingestd@example.com"


def test_no_receipt_comes_over_http():
    assert build(MAILDIR).read_receipt("https://i.example.com/api/v1/receipts/email", {}, b"a=b") is None


def test_the_password_reaches_the_sender_and_no_text():
    settings = EmailPagerSettings.model_validate(SMTP)
    assert settings.mail_options()["smtp"]["password"] == "hunter2"
    assert "hunter2" not in repr(settings)
    assert sender(settings.mail_options())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"maildir": None}, "exactly one of"),
        ({"smtp": SMTP["smtp"]}, "exactly one of"),
        ({"from": "nobody"}, "not a plain mail address"),
        ({"from": "a <b@c.example> d"}, "neither an address"),
        ({"reply_to": "a\r\nBcc: b@c"}, "not a plain mail address"),
        ({"timezone": "Europe/Berlinn"}, "no time zone"),
        ({"timezone": "../etc/passwd"}, "no time zone"),
        ({"ack_in_email": "sometimes"}, "page-only"),
        ({"colour": "red"}, "Extra inputs"),
        ({"maildir": None, "smtp": {"host": "mail.example.com", "tls": "none"}}, "relay on this machine"),
        ({"maildir": None, "smtp": {"host": "mail.example.com", "username": "u"}}, "belong together"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(change, words):
    with pytest.raises(ValidationError, match=words):
        EmailPagerSettings.model_validate({**MAILDIR, **change})


def test_an_error_in_the_settings_does_not_quote_the_password():
    broken = {"from": "ingestd@example.com", "smtp": {"host": "mail.example.com", "password": "hunter2"}}
    with pytest.raises(ValidationError) as caught:
        EmailPagerSettings.model_validate(broken)
    assert "hunter2" not in str(caught.value)


def test_a_relay_on_this_machine_needs_no_encryption():
    EmailPagerSettings.model_validate({"from": "a@example.com", "smtp": {"host": "localhost", "tls": "none"}})
