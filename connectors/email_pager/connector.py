"""Pages by email."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from connectors.email_pager.addresses import domain_of, plain_address, split_sender
from connectors.email_pager.bodies import plain_body
from connectors.email_pager.content import content_of
from connectors.email_pager.message import Letterhead, message_id, shown_in_header, write_message
from connectors.email_pager.settings import EmailPagerSettings
from ingestd.core.names import Channel, EffectKey
from ingestd.errors import RequestRejected
from ingestd.ports import Mail, MailSender, PageReceipt, PageText, ReceiptNews, ReplyNews


@runtime_checkable
class _Checkable(Protocol):
    """A mail sender that can say whether it would be able to send."""

    async def check(self) -> str: ...


class EmailPager:
    """Writes one mail per page and hands it to the mail server or maildir of the settings."""

    channel = Channel.EMAIL

    def __init__(self, name: str, settings: EmailPagerSettings, mail: MailSender) -> None:
        self.name = name
        self._mail = mail
        self._zone = ZoneInfo(settings.timezone) if settings.timezone else None
        self._ack_in_email = settings.ack_in_email
        sender_name, address = split_sender(settings.from_)
        self._letterhead = Letterhead(sender_name, address, settings.reply_to, settings.reply_separator)
        self._has_replies = settings.replies

    async def check(self) -> str:
        """Which sender, by which way. Logs in to the mail server and raises as ``page`` does, but sends nothing."""
        sender = f"sends as {self._letterhead.address}"
        return f"{await self._mail.check()}; {sender}" if isinstance(self._mail, _Checkable) else sender

    async def page(self, text: PageText, key: EffectKey) -> PageReceipt:
        """Hand over one mail. A repeat carries the same Message-ID. The receipt is final: a mail server promises no more."""
        try:
            recipient = plain_address(text.contact.address)
        except ValueError as error:
            raise RequestRejected(str(error), hint="correct the person's email address in the configuration") from None
        content = content_of(text, text.contact.zone_beside(self._zone), self._ack_in_email)
        mail = Mail(
            sender=self._letterhead.address,
            recipient=recipient,
            message_id=message_id(text, key, domain_of(self._letterhead.address)),
            raw=write_message(text, content, key, self._letterhead, recipient),
        )
        return PageReceipt(id=mail.message_id, text=await self._mail.send(mail))

    def words(self, text: PageText, key: EffectKey) -> str:  # noqa: ARG002 (the port's signature)
        """The subject, an empty line, and the mail as a phone or terminal shows it."""
        content = content_of(text, text.contact.zone_beside(self._zone), self._ack_in_email)
        return f"{shown_in_header(content.subject)}\n\n{plain_body(content)}"

    async def find_page(self, text: PageText, key: EffectKey) -> PageReceipt | None:  # noqa: ARG002 (the port's signature)
        """Always None: nobody can be asked what became of a mail. It is sent again under the same Message-ID."""
        return None

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:  # noqa: ARG002 (the port's signature)
        """Always None: mail has no receipts over HTTP."""
        return None

    def takes_replies(self, address: str) -> bool:  # noqa: ARG002 (everybody who can be mailed can answer)
        """Whether replies are read at all."""
        return self._has_replies

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:  # noqa: ARG002 (the port's signature)
        """Always None: a reply by mail comes as a whole message, which ``ingestd reply`` hands in."""
        return None
