"""Tells what can never be read as JSON from what somebody should look at."""

from __future__ import annotations

import codecs
from typing import Final

import msgspec

from ingestd.core.alert import Unreadable
from ingestd.core.sources import QuarantineReason, ReadLimits
from ingestd.core.sources.strict_json import load_document
from ingestd.intake.refusal import Refusal, Refused

_LIMITS: Final = ReadLimits()
_NO_LIST: Final = "the body is no list of alerts; the webhook of an Alertmanager goes to a source of kind alertmanager"
_JSON: Final = msgspec.json.Decoder(msgspec.Raw)


def is_strict_json(body: bytes) -> bool:
    """Whether the body is JSON by the letter. A skip over its bytes, 1 µs per kB, which builds nothing."""
    try:
        _JSON.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def is_list(body: bytes) -> bool:
    """Whether JSON by the letter is a list."""
    return body.lstrip()[:1] == b"["


def require_json(body: bytes) -> None:
    """Raises ``Refused`` for what can never be read as JSON, and only for that: the rest is stored, and may end in quarantine, where people see it.

    What is not JSON by the letter is judged by the source readers' own parser, which is more patient and as bounded.
    """
    if not is_strict_json(body):
        found = load_document(body, _LIMITS)
        if isinstance(found, Unreadable) and found.reason == QuarantineReason.NOT_JSON:
            raise Refused(Refusal.NOT_JSON, found.detail)


def require_list(body: bytes) -> None:
    """Raises ``Refused`` for what is no list of JSON, as Alertmanager's API does. A byte order mark before it is passed over."""
    require_json(body)
    if not is_list(body.removeprefix(codecs.BOM_UTF8)):
        raise Refused(Refusal.NOT_JSON, _NO_LIST)
