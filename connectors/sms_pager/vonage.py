"""Vonage: the Messages API (``/v1/messages``) and the older SMS API (``/sms/json``, which says 200 even for failures).

Neither has an idempotency key or a list that could be asked after a lost reply: the page is then sent again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from connectors.sms_pager.settings import VonageSettings
from connectors.sms_pager.vendor import failure_by_status, header, json_object, words
from ingestd.core.names import EffectKey
from ingestd.errors import (
    CredentialsRejected,
    DeliveryError,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.ports import HttpReply, HttpRequest, PageReceipt, PageText, ReceiptNews, ReplyNews

REFERENCE_MAX: Final = 100
_ADDRESSES: Final = {"messages": "https://api.nexmo.com", "sms": "https://rest.nexmo.com"}

# Statuses of the SMS API: https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
_SMS_RETRY: Final = {"1": "throttled", "5": "an internal error", "10": "too many connections"}
_SMS_ACCOUNT: Final = {
    "4": "the credentials are refused",
    "8": "the account is barred",
    "9": "the account has no credit left",
    "11": "the account may not use this API",
    "14": "the signature is wrong",
    "15": "the sender may not be used",
}

_SMS_CONTACT: Final = {"7": "the number is barred", "22": "no network is known for the number"}
"""The receiver is the cause: another channel is needed. Whether for good, Vonage does not say."""

_RECEIPTS: Final = {
    "submitted": ("pending", 1),
    "delivered": ("delivered", 2),
    "rejected": ("failed", 2),
    "undeliverable": ("failed", 2),
    "read": ("delivered", 3),
}


class Vonage:
    """One Vonage account. Receipts are asked for with the Messages API, if we can be reached and can check their signature."""

    def __init__(self, settings: VonageSettings, receipt_url: str) -> None:
        self._settings = settings
        self._is_sms_api = settings.api == "sms"
        self._receipt_url = receipt_url if settings.signature_secret and not self._is_sms_api else ""
        self._url = settings.api_url or _ADDRESSES[settings.api]
        self.account = (
            f"Vonage key {settings.api_key[:4]}…, sends from {settings.from_}, not asked: it has no request for that"
        )

    def send_request(self, to: str, body: str, key: EffectKey) -> HttpRequest:
        """One message, with the effect's key as our reference. Numbers go without their plus."""
        settings = self._settings
        number, sender, reference = to.lstrip("+"), settings.from_.lstrip("+"), key[:REFERENCE_MAX]
        if self._is_sms_api:
            form = {
                "from": sender,
                "to": number,
                "text": body,
                "ttl": str(settings.validity_seconds * 1000),
                "client-ref": reference,
            }
            return self._request("/sms/json", "application/x-www-form-urlencoded", urlencode(form).encode("ascii"))
        message: dict[str, Any] = {
            "message_type": "text",
            "channel": "sms",
            "from": sender,
            "to": number,
            "text": body,
            "client_ref": reference,
            "ttl": settings.validity_seconds,
            "sms": {"encoding_type": "text"},
        }
        if self._receipt_url:
            message |= {"webhook_url": self._receipt_url, "webhook_version": "v1"}
        return self._request("/v1/messages", "application/json", json.dumps(message).encode("ascii"))

    def read_send(self, reply: HttpReply) -> PageReceipt:
        """The message's id; final if no receipt will be POSTed."""
        answer = json_object(reply.body)
        if self._is_sms_api:
            if reply.status != 200:
                raise failure_by_status("Vonage", reply, "")
            return _read_parts(answer)
        if reply.status != 202:
            detail = answer or {}
            raise failure_by_status("Vonage", reply, words(f"{detail.get('title', '')} {detail.get('detail', '')}"))
        uuid = (answer or {}).get("message_uuid")
        if not isinstance(uuid, str) or not uuid:
            raise ReplyUnreadable("Vonage answers 202 without the id of a message")
        return PageReceipt(id=words(uuid), text="Vonage: accepted", is_final=not self._receipt_url)

    def find_request(self, text: PageText) -> HttpRequest | None:  # noqa: ARG002 (there is nobody to ask)
        """Always None: no list of sent messages is documented."""
        return None

    def read_find(self, reply: HttpReply, text: PageText, key: EffectKey) -> PageReceipt | None:  # noqa: ARG002 (as above)
        """Always None."""
        return None

    def follow_request(self, receipt_id: str) -> HttpRequest | None:  # noqa: ARG002 (there is nobody to ask)
        """Always None: no request for that is documented."""
        return None

    def read_follow(self, reply: HttpReply) -> ReceiptNews | None:  # noqa: ARG002 (as above)
        """Always None."""
        return None

    def check_request(self) -> HttpRequest | None:
        """Always None: no request of these APIs leaves the account's money alone."""
        return None

    def read_check(self, reply: HttpReply) -> None:
        """Nothing to read."""

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:  # noqa: ARG002 (the URL is not signed)
        """What a status webhook of the Messages API says, once its token proves who sent this body."""
        scheme, _, token = header(headers, "authorization").partition(" ")
        secret = self._settings.signature_secret
        if (
            secret is None
            or scheme.lower() != "bearer"
            or not is_signed_body(token.strip(), secret.get_secret_value(), body)
        ):
            raise CredentialsRejected(
                "the signature of the receipt is missing or wrong", hint="is signature_secret the account's?"
            )
        told = json_object(body) or {}
        uuid, status = told.get("message_uuid"), told.get("status")
        if not isinstance(uuid, str) or not isinstance(status, str) or status not in _RECEIPTS:
            return None
        word, rank = _RECEIPTS[status]
        error = told.get("error")
        why = words(error.get("title") or error.get("detail")) if isinstance(error, dict) else ""
        return ReceiptNews(receipt_id=words(uuid), status=word, rank=rank, detail=f"{status}: {why}" if why else status)

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:  # noqa: ARG002 (it is not read)
        """Always None: messages that come in are not taken from this service."""
        return None

    def _request(self, path: str, content_type: str, body: bytes) -> HttpRequest:
        settings = self._settings
        login = base64.b64encode(f"{settings.api_key}:{settings.api_secret.get_secret_value()}".encode()).decode(
            "ascii"
        )
        headers = {"Authorization": f"Basic {login}", "Content-Type": content_type, "Accept": "application/json"}
        return HttpRequest("POST", self._url + path, headers, body, settings.timeout_seconds)


def is_signed_body(token: str, secret: str, body: bytes) -> bool:
    """Whether the JSON Web Token is ours (HS256 with this secret, no other algorithm) and speaks of exactly this body.

    Its age is not judged here, where there is no clock: a replayed receipt says again what was already known.
    """
    head, _, rest = token.partition(".")
    payload, _, signature = rest.partition(".")
    expected = hmac.new(secret.encode(), f"{head}.{payload}".encode("utf-8", "replace"), hashlib.sha256).digest()
    is_genuine = hmac.compare_digest(_unpadded(signature), expected)
    algorithm = (json_object(_unpadded(head)) or {}).get("alg")
    digest = (json_object(_unpadded(payload)) or {}).get("payload_hash")
    if not is_genuine or algorithm != "HS256" or not isinstance(digest, str):
        return False
    return hmac.compare_digest(digest.lower().encode("utf-8", "replace"), hashlib.sha256(body).hexdigest().encode())


def _unpadded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""


def _read_parts(answer: Mapping[str, Any] | None) -> PageReceipt:
    """The SMS API answers once per part of the message, each with its own status."""
    parts = (answer or {}).get("messages")
    if not isinstance(parts, list) or not parts or not all(isinstance(part, dict) for part in parts):
        raise ReplyUnreadable("Vonage answers 200 without saying what became of the message")
    failed = [part for part in parts if str(part.get("status")) != "0"]
    if not failed:
        return PageReceipt(id=words(parts[0].get("message-id")), text="Vonage: accepted")
    if len(failed) < len(parts):
        raise OutcomeUnknown("Vonage took only a part of the message")
    raise _part_failure(str(failed[0].get("status")), words(failed[0].get("error-text")))


def _part_failure(status: str, said: str) -> DeliveryError:
    known = {**_SMS_RETRY, **_SMS_ACCOUNT, **_SMS_CONTACT}.get(status) or said or "refused"
    told = f"Vonage: {known} (status {words(status)})"
    if status in _SMS_RETRY:
        return TryLater(told)
    if status in _SMS_ACCOUNT:
        return CredentialsRejected(told, hint="mend the account in the Vonage dashboard")
    return RequestRejected(told, is_for_contact=status in _SMS_CONTACT)
