"""Pages by text message."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from connectors.sms_pager.gateway import Gateway
from connectors.sms_pager.settings import SmsPagerSettings, is_loopback
from connectors.sms_pager.text import compose
from connectors.sms_pager.twilio import Twilio
from connectors.sms_pager.vendor import Vendor
from connectors.sms_pager.vonage import Vonage
from ingestd.core.names import Channel, EffectKey
from ingestd.errors import DeliveryError, RequestRejected
from ingestd.ports import HttpClient, PageReceipt, PageText, ReceiptNews, ReplyNews

_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")


class SmsPager:
    """Writes one text message per page, in one segment, and hands it to the service of the settings."""

    channel = Channel.SMS

    def __init__(self, name: str, settings: SmsPagerSettings, http: HttpClient, external_url: str) -> None:
        self.name = name
        self._http = http
        self._zone = ZoneInfo(settings.timezone) if settings.timezone else None
        self._omit_link_for = settings.omit_link_for
        self._no_reply_for = settings.no_reply_for
        # The service signs the public URL that it calls: without one nothing could come back.
        self._has_replies = settings.replies and bool(external_url)
        self._vendor = _vendor(settings, name, external_url)

    async def check(self) -> str:
        """The account in words. Raises as ``page`` does if the service can be asked and refuses it. Sends nothing."""
        request = self._vendor.check_request()
        if request is not None:
            self._vendor.read_check(await self._http.send(request))
        return self._vendor.account

    async def page(self, text: PageText, key: EffectKey) -> PageReceipt:
        """Hand over one message. Every attempt carries the same number (``INC-1042 #3``) for people to recognise."""
        number = text.contact.address
        if not _E164.fullmatch(number):
            raise RequestRejected(
                f"{number[:30]!a} is not a phone number of the form +493012345678",
                is_for_contact=True,
                hint="correct the person's phone number in the configuration",
            )
        request = self._vendor.send_request(number, self.words(text, key), key)
        return self._vendor.read_send(await self._http.send(request))

    def words(self, text: PageText, key: EffectKey) -> str:
        """The message. Without a link for numbers of countries whose operators do not let links through."""
        return compose(
            text,
            key,
            text.contact.zone_beside(self._zone),
            has_link=not text.contact.address.startswith(self._omit_link_for),
        )

    async def find_page(self, text: PageText, key: EffectKey) -> PageReceipt | None:
        """Ask the service whether it has the message of an earlier attempt; None if not, or if it does not answer.

        A page never waits for a list that cannot be had: two messages are better than none, and if the service is down or
        refuses the account, sending again will say so.
        """
        request = self._vendor.find_request(text)
        if request is None:
            return None
        try:
            return self._vendor.read_find(await self._http.send(request), text, key)
        except DeliveryError:
            return None

    async def follow(self, receipt_id: str) -> ReceiptNews | None:
        """What has become of a message that the service took; None if it cannot be asked."""
        request = self._vendor.follow_request(receipt_id)
        return None if request is None else self._vendor.read_follow(await self._http.send(request))

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:
        """What the service POSTed to ``{external_url}/api/v1/receipts/{name}``; ``url`` is that public form."""
        return self._vendor.read_receipt(url, headers, body)

    def takes_replies(self, address: str) -> bool:
        """Whether a message to this number can be answered: not in countries from which nothing comes back."""
        return self._has_replies and not address.startswith(self._no_reply_for)

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:
        """What the service POSTed to ``{external_url}/api/v1/replies/{name}``; ``url`` is that public form."""
        return self._vendor.read_reply(url, headers, body)


def _vendor(settings: SmsPagerSettings, name: str, external_url: str) -> Vendor:
    if settings.twilio is not None:
        return Twilio(settings.twilio, receipt_url(external_url, name, settings.twilio.api_url))
    if settings.vonage is not None:
        return Vonage(settings.vonage, receipt_url(external_url, name, settings.vonage.api_url or "https://vonage"))
    assert settings.gateway is not None, "the settings hold exactly one service"
    return Gateway(settings.gateway)


def receipt_url(external_url: str, name: str, api_url: str) -> str:
    """Where the service reports what became of a message; empty if it could never reach that address.

    A service on the internet refuses a message whose callback is ``localhost`` or a private address, and the page would be lost for
    the sake of its receipt. A service on this machine (a simulator) can call this machine.
    """
    try:
        parts = urlsplit(external_url)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not (is_public(host) or is_loopback(urlsplit(api_url).hostname or "")):
        return ""
    return f"{external_url.rstrip('/')}/api/v1/receipts/{name}"


def is_public(host: str) -> bool:
    """Whether a name or address can mean something on the internet: a global address, or a name with a dot."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host.strip(".") and "_" not in host and host.isascii()
