"""A stand-in for Vonage: the Messages API with its signed webhooks, and the SMS API that answers 200 to everything."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.sms_pager.fake_server import Fault, SentSms, SmsServer, as_json
from connectors.sms_pager.vendor import header
from ingestd.ports import HttpReply, HttpRequest

_PROBLEMS = {
    Fault.BUSY_503: (503, "Service Unavailable"),
    Fault.RATE_LIMIT_429: (429, "Rate Limit Hit"),
    Fault.INTERNAL_500: (500, "Internal Error"),
    Fault.UNAUTHORIZED: (401, "Unauthorized"),
    Fault.INVALID_NUMBER: (422, "Invalid params"),
    Fault.OPTED_OUT: (422, "Invalid params"),
    Fault.ACCOUNT_SUSPENDED: (402, "Low balance"),
}
_SMS_STATUSES = {
    Fault.RATE_LIMIT_429: ("1", "Throughput Rate Exceeded - please wait [ 250 ] and retry"),
    Fault.INTERNAL_500: ("5", "Internal error"),
    Fault.UNAUTHORIZED: ("4", "Bad Credentials"),
    Fault.INVALID_NUMBER: ("3", "Invalid value for param: to"),
    Fault.OPTED_OUT: ("7", "Number barred"),
    Fault.ACCOUNT_SUSPENDED: ("9", "Quota Exceeded - rejected"),
}


class VonageFake(SmsServer):
    """One Vonage account; it speaks both APIs at once."""

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC),
        *,
        api_key: str = "abcd1234",
        api_secret: str = "secret-of-the-account",  # noqa: S107 (a stand-in's password is no secret)
        signature_secret: str = "secret-of-the-webhooks",  # noqa: S107 (a stand-in's password is no secret)
    ) -> None:
        super().__init__(clock)
        self._login = "Basic " + base64.b64encode(f"{api_key}:{api_secret}".encode()).decode()
        self.signature_secret = signature_secret

    def receipt_for(self, uuid: str, status: str, reason: str = "") -> tuple[str, dict[str, str], bytes]:
        """URL, headers and body of the status webhook that the Messages API would POST now."""
        [message] = [message for message in self.messages if message.id == uuid]
        message.status = status
        content: dict[str, Any] = {
            "message_uuid": uuid,
            "to": message.to.lstrip("+"),
            "from": message.sender,
            "timestamp": self.clock().isoformat(),
            "status": status,
            "client_ref": message.reference,
        }
        if reason:
            content["error"] = {"type": "https://developer.vonage.com/api-errors", "title": reason}
        body = json.dumps(content).encode()
        return (
            message.receipt_url,
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.token_for(body)}"},
            body,
        )

    def token_for(self, body: bytes, *, algorithm: str = "HS256", secret: str = "") -> str:
        """The web token with which a webhook of this body is signed."""
        claims = {
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "iat": int(self.clock().timestamp()),
        }
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": algorithm, "typ": "JWT"}, claims))
        return (
            f"{signed}.{_encoded(hmac.digest((secret or self.signature_secret).encode(), signed.encode(), 'sha256'))}"
        )

    def _is_write(self, request: HttpRequest) -> bool:
        return request.method == "POST"

    def _refuse(self, fault: Fault, request: HttpRequest) -> HttpReply:
        if _is_sms_api(request) and fault in _SMS_STATUSES:
            status, words = _SMS_STATUSES[fault]
            return as_json(200, {"message-count": "1", "messages": [{"status": status, "error-text": words}]})
        status_code, title = _PROBLEMS[fault]
        return as_json(
            status_code,
            {"type": "https://developer.vonage.com/api-errors", "title": title, "detail": "", "instance": "1"},
        )

    def _serve(self, request: HttpRequest) -> HttpReply:
        path = urlsplit(request.url).path
        if request.method != "POST" or path not in {"/v1/messages", "/sms/json"}:
            return as_json(404, {"title": "Not found", "detail": path})
        if header(request.headers, "authorization") != self._login:
            return self._refuse(Fault.UNAUTHORIZED, request)
        return self._take_form(request) if _is_sms_api(request) else self._take_json(request)

    def _take_json(self, request: HttpRequest) -> HttpReply:
        content = json.loads(request.body)
        is_whole = (
            content.get("message_type") == "text" and content.get("channel") == "sms" and bool(content.get("from"))
        )
        text, reference = content.get("text", ""), content.get("client_ref", "")
        is_sized = 0 < len(text) <= 1000 and len(reference) <= 100
        if not (is_whole and is_sized and re.fullmatch(r"[1-9]\d{6,14}", content.get("to", ""))):
            return self._refuse(Fault.INVALID_NUMBER, request)
        uuid = f"aaaaaaaa-bbbb-4ccc-8ddd-{len(self.messages) + 1:012x}"
        receipt_url = content.get("webhook_url", "")
        self.messages.append(
            SentSms(uuid, f"+{content['to']}", content["from"], text, self.clock(), receipt_url, reference)
        )
        return as_json(202, {"message_uuid": uuid})

    def _take_form(self, request: HttpRequest) -> HttpReply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if not re.fullmatch(r"[1-9]\d{6,14}", form.get("to", "")) or not form.get("from") or not form.get("text"):
            return self._refuse(Fault.INVALID_NUMBER, request)
        if not 20_000 <= int(form.get("ttl", "20000")) <= 604_800_000:
            return as_json(
                200, {"message-count": "1", "messages": [{"status": "3", "error-text": "Invalid value for param: ttl"}]}
            )
        number = f"{len(self.messages) + 1:016X}"
        self.messages.append(
            SentSms(number, f"+{form['to']}", form["from"], form["text"], self.clock(), "", form.get("client-ref", ""))
        )
        part = {
            "to": form["to"],
            "message-id": number,
            "status": "0",
            "remaining-balance": "9.9",
            "message-price": "0.1",
        }
        return as_json(200, {"message-count": "1", "messages": [part]})


def _is_sms_api(request: HttpRequest) -> bool:
    return urlsplit(request.url).path == "/sms/json"


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
