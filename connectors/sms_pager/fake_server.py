"""What the stand-ins for SMS services share: faults that befall requests, and the messages that people would have got."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from ingestd.errors import OutcomeUnknown, TryLater
from ingestd.ports import HttpReply, HttpRequest


class Fault(StrEnum):
    """What befalls the next request to send, instead of or after its effect."""

    BUSY_503 = "busy-503"
    RATE_LIMIT_429 = "rate-limit-429"
    INTERNAL_500 = "internal-500"
    LOSE_REPLY_AFTER_EFFECT = "lose-reply-after-effect"
    LOSE_REQUEST = "lose-request"
    BAD_GATEWAY_AFTER_EFFECT = "bad-gateway-after-effect"
    REFUSE_CONNECTION = "refuse-connection"
    REDIRECT_LOGIN = "redirect-login"
    GARBAGE_2XX = "garbage-2xx"
    UNAUTHORIZED = "unauthorized"
    INVALID_NUMBER = "invalid-number"
    OPTED_OUT = "opted-out"
    ACCOUNT_SUSPENDED = "account-suspended"


_AFTER_EFFECT = {Fault.LOSE_REPLY_AFTER_EFFECT, Fault.BAD_GATEWAY_AFTER_EFFECT, Fault.GARBAGE_2XX}


@dataclass(slots=True)
class SentSms:
    """A message that the service took. ``to`` is E.164; ``receipt_url`` is where it was asked to report."""

    id: str
    to: str
    sender: str
    body: str
    sent_at: datetime
    receipt_url: str = ""
    reference: str = ""
    status: str = "queued"
    error_code: int | None = None


class SmsServer(ABC):
    """Takes requests as its service would. ``handle`` raises as an ``HttpClient`` does where there is no answer."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.clock = clock
        self.faults: list[Fault] = []
        """Befall the next requests to send, first one first; consumed."""
        self.messages: list[SentSms] = []
        """What people would have got, oldest first."""
        self.requests: list[HttpRequest] = []

    async def handle(self, request: HttpRequest) -> HttpReply:
        """The service's answer. Raises ``TryLater`` or ``OutcomeUnknown`` for a fault that leaves none."""
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults and self._is_write(request) else None
        if fault is not None and fault not in _AFTER_EFFECT:
            return self._before_effect(fault, request)
        reply = self._serve(request)
        if fault is Fault.LOSE_REPLY_AFTER_EFFECT:
            raise OutcomeUnknown("the connection was lost")
        if fault is Fault.BAD_GATEWAY_AFTER_EFFECT:
            return HttpReply(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>")
        if fault is Fault.GARBAGE_2XX:
            return HttpReply(reply.status, {"content-type": "application/json"}, b'{"sid": "SM')
        return reply

    send = handle
    """So that it can stand where a connector expects an ``HttpClient``."""

    def _before_effect(self, fault: Fault, request: HttpRequest) -> HttpReply:
        if fault is Fault.REFUSE_CONNECTION:
            raise TryLater("connection refused")
        if fault is Fault.LOSE_REQUEST:
            raise OutcomeUnknown("the connection was lost")
        if fault is Fault.REDIRECT_LOGIN:
            return HttpReply(302, {"location": "https://login.example.com/"})
        return self._refuse(fault, request)

    @abstractmethod
    def _is_write(self, request: HttpRequest) -> bool:
        """Whether the request would send a message."""

    @abstractmethod
    def _serve(self, request: HttpRequest) -> HttpReply:
        """The answer to a request that nothing befalls."""

    @abstractmethod
    def _refuse(self, fault: Fault, request: HttpRequest) -> HttpReply:
        """The fault in the words in which this service answers such a request."""


def as_json(status: int, content: object, **headers: str) -> HttpReply:
    """An answer with a JSON body; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpReply(status, {"content-type": "application/json", **named}, json.dumps(content).encode())
