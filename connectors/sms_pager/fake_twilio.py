"""A stand-in for Twilio's Messages API that keeps its contract: required fields, error codes, lists, signed callbacks."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from connectors.sms_pager.fake_server import Fault, SentSms, SmsServer, as_json
from connectors.sms_pager.vendor import header
from ingestd.ports import HttpReply, HttpRequest

_REFUSALS = {
    Fault.BUSY_503: (503, 20503, "Service unavailable"),
    Fault.RATE_LIMIT_429: (429, 20429, "Too Many Requests"),
    Fault.INTERNAL_500: (500, 20500, "Internal Server Error"),
    Fault.UNAUTHORIZED: (401, 20003, "Authenticate"),
    Fault.INVALID_NUMBER: (400, 21211, "Invalid 'To' Phone Number"),
    Fault.OPTED_OUT: (400, 21610, "Attempt to send to unsubscribed recipient"),
    Fault.ACCOUNT_SUSPENDED: (403, 30002, "Account suspended"),
}
# One septet each in GSM-7 besides A-Z, a-z and 0-9; written down apart from the connector's own table.
_SINGLE = set("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà")
_DOUBLE = set("\f^{}\\[~]|€")


class TwilioFake(SmsServer):
    """One Twilio account. ``auth_token`` opens it and signs what it POSTs."""

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC),
        *,
        account_sid: str = "AC" + "0" * 31 + "1",
        auth_token: str = "token-of-the-account",  # noqa: S107 (a stand-in's password is no secret)
    ) -> None:
        super().__init__(clock)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.api_keys: dict[str, str] = {}
        """Further logins: key sid to secret."""
        self.opted_out: set[str] = set()
        """Numbers that answered STOP."""
        self.refusals: dict[str, int] = {}
        """Numbers that get nothing, with the code that says why."""
        self.reply_url = ""
        """Where messages that come in are POSTed: "A message comes in" in the console."""
        self.incoming_count = 0

    def hears(self, number: str, text: str) -> None:
        """Somebody texts to the account's number: Twilio itself minds what ends and resumes messages to them."""
        word = text.strip().upper()
        if word in {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"}:
            self.opted_out.add(number)
        elif word in {"START", "YES", "UNSTOP"}:
            self.opted_out.discard(number)

    def become(self, sid: str, status: str, error_code: int | None = None) -> None:
        """What has become of a message, told to who asks; nobody is called."""
        [message] = [message for message in self.messages if message.id == sid]
        message.status, message.error_code = status, error_code

    def receipt_for(
        self, sid: str, status: str, error_code: int | None = None, *, token: str = ""
    ) -> tuple[str, dict[str, str], bytes]:
        """URL, headers and body of the callback that Twilio would POST now; the message takes on the status."""
        self.become(sid, status, error_code)
        [message] = [message for message in self.messages if message.id == sid]
        fields = {
            "SmsSid": sid,
            "SmsStatus": status,
            "MessageStatus": status,
            "To": message.to,
            "From": message.sender,
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "ApiVersion": "2010-04-01",
        }
        if error_code is not None:
            fields["ErrorCode"] = str(error_code)
        return self._signed(message.receipt_url, fields, token, f"idempotency-{sid[-6:]}-{status}")

    def reply_from(
        self, sender: str, text: str, *, sid: str = "", token: str = "", **more: str
    ) -> tuple[str, dict[str, str], bytes]:
        """URL, headers and body of what Twilio would POST for a message that came in; the same again for the same ``sid``.

        STOP and START are followed as Twilio does by itself; ``more`` are further fields, such as ``OptOutType``.
        """
        if text.strip().upper() in {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"}:
            self.opted_out.add(sender)
        if text.strip().upper() in {"START", "YES", "UNSTOP"}:
            self.opted_out.discard(sender)
        self.incoming_count += 1
        sid = sid or f"SM{0xA << 120 | self.incoming_count:032x}"
        fields = {
            "ToCountry": "US",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "SmsSid": sid,
            "SmsStatus": "received",
            "Body": text,
            "FromCountry": "US",
            "To": "+15005550006",
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": self.account_sid,
            "From": sender,
            "ApiVersion": "2010-04-01",
            **more,
        }
        return self._signed(self.reply_url, fields, token, f"idempotency-{sid}")

    def _signed(
        self, url: str, fields: dict[str, str], token: str, idempotency: str
    ) -> tuple[str, dict[str, str], bytes]:
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        digest = hmac.digest((token or self.auth_token).encode(), signed.encode(), "sha1")
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": base64.b64encode(digest).decode(),
            "I-Twilio-Idempotency-Token": idempotency,
        }
        return url, headers, urlencode(fields).encode()

    def _is_write(self, request: HttpRequest) -> bool:
        return request.method == "POST"

    def _refuse(self, fault: Fault, request: HttpRequest) -> HttpReply:  # noqa: ARG002 (one way of speaking)
        return _refusal(fault)

    def _serve(self, request: HttpRequest) -> HttpReply:
        parts = urlsplit(request.url)
        path = re.fullmatch(r"/2010-04-01/Accounts/([^/]+)/Messages(?:/([^/]+))?\.json", unquote(parts.path))
        if path is None:
            return _error(404, 20404, f"The requested resource {parts.path} was not found")
        if not self._is_logged_in(request):
            return _refusal(Fault.UNAUTHORIZED)
        if path[1] != self.account_sid:
            return _error(404, 20404, f"The requested resource {parts.path} was not found")
        if request.method == "POST" and path[2] is None:
            return self._create(request)
        if request.method == "GET" and path[2] is None:
            return self._list(parse_qs(parts.query))
        if request.method == "GET":
            return next(
                (as_json(200, self._resource(message)) for message in self.messages if message.id == path[2]),
                _error(404, 20404, "The requested resource was not found"),
            )
        return _error(405, 20004, "Method not allowed")

    def _is_logged_in(self, request: HttpRequest) -> bool:
        logins = {self.account_sid: self.auth_token, **self.api_keys}
        given = header(request.headers, "authorization")
        return given in {
            f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}" for user, secret in logins.items()
        }

    def _create(self, request: HttpRequest) -> HttpReply:
        if not header(request.headers, "content-type").startswith("application/x-www-form-urlencoded"):
            return _error(400, 21604, "A 'To' phone number is required.")
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        refusal = self._objection(form)
        if refusal is not None:
            return refusal
        message = SentSms(
            id=f"SM{len(self.messages) + 1:032x}",
            to=form["To"],
            sender=form.get("From", ""),
            body=form["Body"],
            sent_at=self.clock(),
            receipt_url=form.get("StatusCallback", ""),
            reference=form.get("MessagingServiceSid", ""),
            status="queued" if "From" in form else "accepted",
        )
        self.messages.append(message)
        return as_json(201, self._resource(message))

    def _objection(self, form: dict[str, str]) -> HttpReply | None:
        to, callback = form.get("To", ""), form.get("StatusCallback", "")
        if not to:
            return _error(400, 21604, "A 'To' phone number is required.")
        if not re.fullmatch(r"\+[1-9]\d{6,14}", to):
            return _error(400, 21211, f"Invalid 'To' Phone Number: {to}")
        if to in self.opted_out:
            return _refusal(Fault.OPTED_OUT)
        if to in self.refusals:
            return _error(400, self.refusals[to], "Refused")
        if not form.get("From") and not form.get("MessagingServiceSid"):
            return _error(400, 21603, "A 'From' phone number is required.")
        if not form.get("Body"):
            return _error(400, 21602, "Message body is required.")
        if len(form["Body"]) > 1600:
            return _error(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
        if not 1 <= int(form.get("ValidityPeriod", "36000")) <= 36_000:
            return _error(400, 21620, "Invalid 'ValidityPeriod'")
        if callback and not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/\S*", callback):
            return _error(400, 21609, "Invalid 'StatusCallback' URL")
        return None

    def _list(self, query: dict[str, list[str]]) -> HttpReply:
        """Newest first, as Twilio lists them, one page of it."""
        wanted = {name: values[0] for name, values in query.items()}
        found = [
            message
            for message in reversed(self.messages)
            if wanted.get("To", message.to) == message.to
            and wanted.get("From", message.sender) == message.sender
            and f"{message.sent_at:%Y-%m-%d}" >= wanted.get("DateSent>", "")
        ]
        page = found[: int(wanted.get("PageSize", "50"))]
        return as_json(
            200, {"messages": [self._resource(message) for message in page], "page": 0, "next_page_uri": None}
        )

    def _resource(self, message: SentSms) -> dict[str, Any]:
        date = format_datetime(message.sent_at.astimezone(UTC))
        uri = f"/2010-04-01/Accounts/{self.account_sid}/Messages/{message.id}"
        return {
            "account_sid": self.account_sid,
            "api_version": "2010-04-01",
            "body": message.body,
            "date_created": date,
            "date_sent": date,
            "date_updated": date,
            "direction": "outbound-api",
            "error_code": message.error_code,
            "error_message": None,
            "from": message.sender or None,
            "messaging_service_sid": message.reference or None,
            "num_media": "0",
            "num_segments": str(segment_count(message.body)) if message.sender else "0",
            "price": None,
            "price_unit": None,
            "sid": message.id,
            "status": message.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": message.to,
            "uri": f"{uri}.json",
        }


def segment_count(body: str) -> int:
    """How many segments a carrier would bill: 160 septets or parts of 153; 70 or 67 characters once one is outside GSM-7."""
    is_gsm = all(char in _SINGLE or char in _DOUBLE or (char.isascii() and char.isalnum()) for char in body)
    length = sum(2 if char in _DOUBLE else 1 for char in body) if is_gsm else len(body.encode("utf-16-le")) // 2
    whole, part = (160, 153) if is_gsm else (70, 67)
    return 1 if length <= whole else -(-length // part)


def _refusal(fault: Fault) -> HttpReply:
    status, code, words = _REFUSALS[fault]
    wait = {"retry_after": "3"} if fault is Fault.RATE_LIMIT_429 else {}
    return _error(status, code, words, **wait)


def _error(status: int, code: int, words: str, **headers: str) -> HttpReply:
    content = {
        "code": code,
        "message": words,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return as_json(status, content, **headers)
