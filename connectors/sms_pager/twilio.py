"""Twilio's Messages API (version 2010-04-01, OpenAPI ``twilio_api_v2010``).

It has no idempotency key. After a lost reply the message is looked for in the account's list; a page that cannot be found is
sent again, because two texts are better than none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from connectors.sms_pager import twilio_codes
from connectors.sms_pager.settings import TwilioSettings
from connectors.sms_pager.text import is_same_page
from connectors.sms_pager.twilio_signature import FIELDS_MAX, is_signed
from connectors.sms_pager.vendor import failure_by_status, header, json_object, retry_after, words
from ingestd.core.names import EffectKey
from ingestd.errors import CredentialsRejected, DeliveryError, ReplyUnreadable, RequestRejected
from ingestd.ports import HttpReply, HttpRequest, PageReceipt, PageText, ReceiptNews, ReplyNews

_SID: Final = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_OPTING: Final = {"STOP": True, "START": False}
_RANKS: Final = {
    "scheduled": 1,
    "accepted": 1,
    "queued": 2,
    "sending": 3,
    "sent": 4,
    "delivered": 5,
    "undelivered": 5,
    "failed": 5,
    "canceled": 5,
    "partially_delivered": 5,
    "read": 6,
}
_ARRIVED: Final = frozenset({"delivered", "partially_delivered", "read"})
_LOST: Final = frozenset({"undelivered", "failed", "canceled"})
_PAGE_SIZE: Final = 100
_CLOCK_DIFFERENCE: Final = timedelta(minutes=5)


class Twilio:
    """One Twilio account. Receipts are asked for if Twilio can reach us and we can check what it signs."""

    def __init__(self, settings: TwilioSettings, receipt_url: str) -> None:
        self._settings = settings
        self._receipt_url = receipt_url if settings.live_tokens else ""
        self._messages_url = f"{settings.api_url}/2010-04-01/Accounts/{settings.account_sid}/Messages.json"
        self.account = (
            f"Twilio account {settings.account_sid[:6]}…, sends from {settings.from_ or settings.messaging_service_sid}"
        )

    def send_request(self, to: str, body: str, key: EffectKey) -> HttpRequest:  # noqa: ARG002 (Twilio takes no reference of ours)
        """The form that creates a message; Twilio gives it up after the settings' validity."""
        fields = {"To": to, "Body": body, "ValidityPeriod": str(self._settings.validity_seconds)}
        if self._settings.from_:
            fields["From"] = self._settings.from_
        else:
            fields["MessagingServiceSid"] = self._settings.messaging_service_sid
        if self._receipt_url:
            fields["StatusCallback"] = self._receipt_url
        return HttpRequest(
            "POST",
            self._messages_url,
            {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"},
            urlencode(fields).encode("ascii"),
            self._settings.timeout_seconds,
        )

    def read_send(self, reply: HttpReply) -> PageReceipt:
        """The message's sid. It is final if the message has arrived already."""
        if reply.status not in {200, 201}:
            raise self._failure(reply)
        answer = json_object(reply.body) or {}
        receipt = self._receipt_of(answer)
        if receipt is None:
            raise ReplyUnreadable(f"Twilio answers {reply.status} without the sid of a message")
        if answer.get("status") in _LOST:
            code = _code(answer.get("error_code"))
            raise twilio_codes.failure_by_code(code) or RequestRejected(f"Twilio: {twilio_codes.meaning(code)}")
        return receipt

    def find_request(self, text: PageText) -> HttpRequest | None:
        """The list of messages to this number since the day before, or since the incident opened if that was later."""
        first_day = text.incident.opened_at.astimezone(UTC).date()
        if text.sent_at is not None:
            first_day = max(first_day, (text.sent_at.astimezone(UTC) - timedelta(days=1)).date())
        query = {"To": text.contact.address, "DateSent>": first_day.isoformat(), "PageSize": str(_PAGE_SIZE)}
        if self._settings.from_:
            query["From"] = self._settings.from_
        return HttpRequest(
            "GET",
            f"{self._messages_url}?{urlencode(query)}",
            self._headers(),
            timeout_seconds=self._settings.timeout_seconds,
        )

    def read_find(self, reply: HttpReply, text: PageText, key: EffectKey) -> PageReceipt | None:
        """The message whose text carries this page's number and that is no older than the incident and did not fail."""
        if reply.status != 200:
            raise self._failure(reply)
        listed = (json_object(reply.body) or {}).get("messages")
        if not isinstance(listed, list):
            raise ReplyUnreadable("Twilio's list of messages cannot be read")
        for message in listed:
            if not isinstance(message, dict) or message.get("status") in _LOST:
                continue
            is_recent = _is_since(message.get("date_created"), text.incident.opened_at)
            if is_recent and is_same_page(str(message.get("body")), text, key):
                return self._receipt_of(message)
        return None

    def check_request(self) -> HttpRequest | None:
        """The shortest list of messages: API keys may read it too, unlike the account itself."""
        return HttpRequest(
            "GET", f"{self._messages_url}?PageSize=1", self._headers(), timeout_seconds=self._settings.timeout_seconds
        )

    def read_check(self, reply: HttpReply) -> None:
        """Raises unless Twilio listed the messages of the account."""
        if reply.status != 200:
            raise self._failure(reply)

    def read_receipt(self, url: str, headers: Mapping[str, str], body: bytes) -> ReceiptNews | None:
        """What a status callback says. The signature is checked before anything else is believed."""
        values = self._genuine(url, headers, body)
        sid, status = values.get("MessageSid", ""), values.get("MessageStatus", "")
        if not _SID.fullmatch(sid) or status not in _RANKS:
            return None
        return _news(sid, status, _code(values.get("ErrorCode")))

    def follow_request(self, receipt_id: str) -> HttpRequest | None:
        """The message as Twilio has it: also for who cannot be called back."""
        if not _SID.fullmatch(receipt_id):
            return None
        url = f"{self._messages_url.removesuffix('.json')}/{receipt_id}.json"
        return HttpRequest("GET", url, self._headers(), timeout_seconds=self._settings.timeout_seconds)

    def read_follow(self, reply: HttpReply) -> ReceiptNews | None:
        """What the message's status says."""
        if reply.status != 200:
            raise self._failure(reply)
        answer = json_object(reply.body) or {}
        sid, status = answer.get("sid"), answer.get("status")
        if not isinstance(sid, str) or not _SID.fullmatch(sid) or not isinstance(status, str) or status not in _RANKS:
            raise ReplyUnreadable("Twilio's answer about a message cannot be read")
        return _news(sid, status, _code(answer.get("error_code")))

    def read_reply(self, url: str, headers: Mapping[str, str], body: bytes) -> ReplyNews | None:
        """What an incoming message says. Twilio answers HELP itself where it says so in ``OptOutType``; then there is nothing to do."""
        values = self._genuine(url, headers, body)
        sid, sender = values.get("MessageSid", ""), values.get("From", "")
        opting = values.get("OptOutType", "").upper()
        is_ours = values.get("AccountSid") == self._settings.account_sid
        if not is_ours or not _SID.fullmatch(sid) or not _E164.fullmatch(sender) or opting == "HELP":
            return None
        return ReplyNews(sid, sender, values.get("Body", ""), _OPTING.get(opting))

    def _genuine(self, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The fields of what Twilio POSTed. Raises ``CredentialsRejected`` unless one of the live tokens signed them and this URL."""
        try:
            fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
            is_genuine = is_signed(header(headers, "x-twilio-signature"), self._settings.live_tokens, url, fields, body)
        except ValueError:  # more fields than a callback has, or a URL that is none
            is_genuine = False
        if not is_genuine:
            raise CredentialsRejected(
                "the signature is missing or wrong", hint="is external_url the URL that Twilio calls?"
            )
        return dict(fields)

    def _receipt_of(self, message: Mapping[str, Any]) -> PageReceipt | None:
        sid = message.get("sid")
        if not isinstance(sid, str) or not _SID.fullmatch(sid):
            return None
        status = message.get("status")
        # It can be asked what became of the message, so more is to be heard even if Twilio cannot call us.
        return PageReceipt(id=sid, text=f"Twilio: {words(status)}", is_final=status in _ARRIVED)

    def _failure(self, reply: HttpReply) -> DeliveryError:
        answer = json_object(reply.body) or {}
        by_code = twilio_codes.failure_by_code(_code(answer.get("code")), after_seconds=retry_after(reply))
        return by_code or failure_by_status("Twilio", reply, words(answer.get("message")))

    def _headers(self) -> dict[str, str]:
        settings = self._settings
        if settings.api_key_secret is not None:
            user, secret = settings.api_key_sid, settings.api_key_secret
        else:
            assert settings.auth_token is not None, "the settings hold one of the two"
            user, secret = settings.account_sid, settings.auth_token
        login = base64.b64encode(f"{user}:{secret.get_secret_value()}".encode()).decode("ascii")
        return {"Authorization": f"Basic {login}", "Accept": "application/json"}


def _news(sid: str, status: str, code: int) -> ReceiptNews:
    word = "delivered" if status in _ARRIVED else "failed" if status in _LOST else "pending"
    detail = f"{status}: {twilio_codes.meaning(code)}" if code else status
    is_dead = word == "failed" and code in twilio_codes.DEAD
    return ReceiptNews(receipt_id=sid, status=word, rank=_RANKS[status], detail=detail, is_contact_dead=is_dead)


def _code(value: object) -> int:
    try:
        return int(str(value)[:10])
    except ValueError:
        return 0


def _is_since(date: object, opened_at: datetime) -> bool:
    """Whether a message of this date can belong to the incident; a date that cannot be read does not speak against it."""
    try:
        created_at = parsedate_to_datetime(str(date))
    except ValueError:
        return True
    if created_at.tzinfo is None:
        created_at = created_at.replace(tzinfo=UTC)
    return created_at >= opened_at - _CLOCK_DIFFERENCE
