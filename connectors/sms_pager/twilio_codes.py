"""Twilio's error codes that matter to a page, and what each means for it (https://www.twilio.com/docs/api/errors).

A code that stands nowhere here is judged by the HTTP status it came with.
"""

from __future__ import annotations

from typing import Final

from ingestd.errors import CredentialsRejected, DeliveryError, RequestRejected, TryLater

DEAD: Final = {
    21211: "the number is not valid",
    21614: "the number cannot get text messages",
    21610: "the person has opted out by answering STOP",
    30006: "the number is a landline or not reachable by any carrier",
}
"""The number itself is the cause, for certain and for good: it is not used any more, here or by another vendor."""

RECIPIENT: Final = {
    30004: "the number is blocked",
    30005: "the handset is unknown or gone",
}
"""The receiver is the cause, perhaps only for now: another vendor would do no better, another channel is needed."""

REQUEST: Final = {
    21612: "the number cannot be reached from this sender",
    21408: "texting to this country is not enabled for the account",
    21608: "a trial account may text verified numbers only",
    21617: "the message is too long",
    21602: "the message has no text",
    21603: "the request names no sender",
    21604: "the request names no recipient",
}
"""This account will never send it; another vendor may."""

ACCOUNT: Final = {
    20003: "the login is refused",
    20404: "the account does not exist",
    21212: "the sender number is not valid",
    21606: "the sender number is not ours or cannot text",
    21703: "the messaging service has no sender",
    21704: "the messaging service is not usable",
    21705: "the messaging service is not valid",
    30002: "the account is suspended",
    30032: "the toll-free sender is not verified",
    30034: "the sender is not registered for 10DLC",
    30450: "the account may not send this",
    63038: "the account has reached its daily limit",
}
"""Will not work for anybody until the account is mended."""

TRANSIENT: Final = {
    14107: "too many messages between the same numbers in a short time",
    20429: "too many requests",
    20500: "an internal error",
    20503: "the service is not available",
    21611: "the sender's queue is full",
    30001: "the queue is full",
    30003: "the handset cannot be reached now",
    30007: "the carrier filtered the message",
    30008: "an unknown error on the way",
    30022: "the sender's limit is reached",
    30023: "the daily limit of the sender is reached",
    30410: "the carrier did not answer in time",
}
"""Nothing was delivered, and trying again may help."""

_HINTS: Final = {
    21610: "ask the person to text START to the sender number; until then they need another channel",
    21408: "enable the country under Geo Permissions in the Twilio console",
    20003: "check account_sid and auth_token, or the API key",
}


def meaning(code: int) -> str:
    """The code in words; just the number if it is not known here."""
    known = {**DEAD, **RECIPIENT, **REQUEST, **ACCOUNT, **TRANSIENT}.get(code)
    return f"{known} ({code})" if known else f"error {code}"


def failure_by_code(code: int, *, after_seconds: float | None = None) -> DeliveryError | None:
    """What a code means for the delivery; None if it is not known here."""
    told = f"Twilio: {meaning(code)}"
    hint = _HINTS.get(code, "")
    if code in DEAD or code in RECIPIENT:
        return RequestRejected(told, is_for_contact=True, is_contact_dead=code in DEAD, hint=hint)
    if code in REQUEST:
        return RequestRejected(told, hint=hint)
    if code in ACCOUNT:
        return CredentialsRejected(told, hint=hint)
    if code in TRANSIENT:
        return TryLater(told, after_seconds=after_seconds, hint=hint)
    return None
