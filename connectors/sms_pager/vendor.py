"""What every SMS service is to us: requests to write and answers to read. No I/O, so each can be tested without a loop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from ingestd.core.names import EffectKey
from ingestd.errors import CredentialsRejected, DeliveryError, OutcomeUnknown, RequestRejected, TryLater
from ingestd.ports import HttpReply, HttpRequest, PageReceipt, PageText, ReceiptNews, ReplyNews

RETRY_AFTER_MAX: Final = 3600.0
_WORDS_MAX: Final = 200


class Vendor(Protocol):
    """One SMS service with one account."""

    account: str
    """The account in words, without secrets."""

    def send_request(self, to: str, body: str, key: EffectKey) -> HttpRequest:
        """The request that sends ``body`` (GSM-7) to the E.164 number ``to``."""
        ...

    def read_send(self, reply: HttpReply) -> PageReceipt:
        """The receipt, or exactly one kind of ``DeliveryError``."""
        ...

    def find_request(self, text: PageText) -> HttpRequest | None:
        """The request that lists what was sent to this person lately; None if the service cannot be asked."""
        ...

    def read_find(self, reply: HttpReply, text: PageText, key: EffectKey) -> PageReceipt | None:
        """The receipt of the listed message that is this page; None if there is none that may still arrive."""
        ...

    def follow_request(self, receipt_id: str) -> HttpRequest | None:
        """The request that tells what became of a message; None if the service cannot be asked."""
        ...

    def read_follow(self, reply: HttpReply) -> ReceiptNews | None:
        """What has become of it. Raises as ``read_send`` does if the service does not say."""
        ...

    def check_request(self) -> HttpRequest | None:
        """A request that changes nothing and shows that the account is accepted; None if the service has none."""
        ...

    def read_check(self, reply: HttpReply) -> None:
        """Raises as ``read_send`` does unless the account was accepted."""
        ...

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:
        """What a delivery receipt says; None if it is none. Raises ``CredentialsRejected`` if its signature is wrong."""
        ...

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:
        """What a message that came in says; None if it is none of a person. Raises as ``read_receipt`` does."""
        ...


def json_object(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object; None for anything else, however broken."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def retry_after(reply: HttpReply) -> float | None:
    """The seconds that the service asks us to wait, at most an hour; None if it names none (a date counts as none)."""
    text = reply.headers.get("retry-after", "").strip()
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return None
    return min(float(text), RETRY_AFTER_MAX)


def words(text: object) -> str:
    """What a service said, on one line, fit to be stored and shown."""
    if not isinstance(text, str | int):
        return ""
    printable = "".join(char if char.isprintable() else " " for char in str(text)[: _WORDS_MAX * 4])
    return " ".join(printable.split())[:_WORDS_MAX]


def header(headers: Mapping[str, str], name: str) -> str:
    """The header's value whatever the case of its name; empty if absent."""
    return next((value for key, value in headers.items() if key.lower() == name), "")


def failure_by_status(service: str, reply: HttpReply, said: str) -> DeliveryError:
    """What an HTTP status alone tells, where the service gave no code of its own."""
    status = reply.status
    told = f"{service} answers {status}" + (f": {said}" if said else "")
    if status in {429, 503}:
        return TryLater(told, after_seconds=retry_after(reply))
    if status >= 500 or status == 408:
        return OutcomeUnknown(told)
    if status in {401, 402, 403, 407}:
        return CredentialsRejected(told, hint="check the account's credentials, balance and permissions")
    if 300 <= status < 400:
        return CredentialsRejected(f"{told}, a redirect", hint="the configured address is not the service's own")
    if status == 404:
        return CredentialsRejected(told, hint="check the account and the address of the service")
    return RequestRejected(told)
