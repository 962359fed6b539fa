"""Why a request was not stored, and what its sender is told. The words are the same in log, metric and answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

RETRY_AFTER_SECONDS: Final = 5
NO_SOURCE: Final = ""
"""The metric label of a request that belongs to no configured source: what a stranger wrote is never a label."""


class Refusal(StrEnum):
    """The reason of every request that was not stored."""

    UNKNOWN_SOURCE = "unknown_source"
    METHOD = "method"
    NETWORK = "network"
    BROWSER = "browser"
    ENCODING = "encoding"
    UNAUTHENTICATED = "unauthenticated"
    REPLAYED = "replayed"
    TOO_LARGE = "too_large"
    NOT_JSON = "not_json"
    BODY_TIMEOUT = "body_timeout"
    BODY_BROKEN = "body_broken"
    QUEUE_FULL = "queue_full"
    STORE_BUSY = "store_busy"
    INTERNAL = "internal"
    HEADER_TIMEOUT = "header_timeout"
    HEADER_TOO_LARGE = "header_too_large"
    MALFORMED = "malformed"
    CONNECTIONS = "connections"

    @property
    def status(self) -> int:
        """The HTTP status. Overload is 503 and never 429: Alertmanager gives up on any 4xx until its next group interval."""
        return _STATUS.get(self, 503)

    @property
    def hint(self) -> str:
        """What the sender's admin can do about it, in one line."""
        return _HINTS[self]

    def body(self, detail: str = "") -> bytes:
        """The answer's body, JSON: the reason, and the detail or else the hint."""
        return msgspec.json.encode({"error": self.value, "detail": detail or self.hint})


_STATUS = {
    Refusal.UNKNOWN_SOURCE: 404,
    Refusal.METHOD: 405,
    Refusal.NETWORK: 403,
    Refusal.BROWSER: 403,
    Refusal.ENCODING: 415,
    Refusal.UNAUTHENTICATED: 401,
    Refusal.REPLAYED: 401,
    Refusal.TOO_LARGE: 413,
    Refusal.NOT_JSON: 400,
    Refusal.BODY_TIMEOUT: 408,
    Refusal.BODY_BROKEN: 400,
    Refusal.HEADER_TIMEOUT: 408,
    Refusal.HEADER_TOO_LARGE: 431,
    Refusal.MALFORMED: 400,
}

_HINTS = {
    Refusal.UNKNOWN_SOURCE: "no source of this name is configured; the URL ends in /api/v1/webhooks/ and the name, without a slash",
    Refusal.METHOD: "send POST or PUT; a GET usually means that a redirect was followed, so point the sender at the final URL",
    Refusal.NETWORK: "this address is not in the source's allowed_networks",
    Refusal.BROWSER: "web pages may not send alerts; requests with an Origin header are refused",
    Refusal.ENCODING: "send the body as it is, without compression",
    Refusal.UNAUTHENTICATED: "the credentials are missing or wrong, or the signed time is too far from this clock",
    Refusal.REPLAYED: "this signed message was received before",
    Refusal.TOO_LARGE: "the body is larger than the source's limit; let the sender put fewer alerts into one request",
    Refusal.NOT_JSON: "the body is not JSON",
    Refusal.BODY_TIMEOUT: "the body came too slowly",
    Refusal.BODY_BROKEN: "the body could not be read to its end",
    Refusal.QUEUE_FULL: "too much waits to be stored; send again",
    Refusal.STORE_BUSY: "could not be stored; send again",
    Refusal.INTERNAL: "could not be stored; send again",
    Refusal.HEADER_TIMEOUT: "the headers came too slowly",
    Refusal.HEADER_TOO_LARGE: "the headers are too large",
    Refusal.MALFORMED: "this is not HTTP/1.1 as its standard has it",
    Refusal.CONNECTIONS: "too many connections",
}


class Refused(Exception):
    """Ends the handling of a request with an answer that is not 202. ``detail`` is one safe line, in the place of the reason's hint."""

    def __init__(self, reason: Refusal, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail
