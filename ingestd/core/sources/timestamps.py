"""Reads the instants that monitoring systems write."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

_GO_ZERO_TIME: Final = "0001-01-01T00:00:00Z"
_CHARS_MIN: Final = len("2026-01-02T03:04:05Z")
_CHARS_MAX: Final = 64
_YEAR_MIN: Final = 1970
_YEAR_MAX: Final = 2999
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[0-9]{1,17}(?:\.[0-9]{1,9})?")
_MILLISECONDS_MIN: Final = 10**11
"""In seconds that is the year 5138, in milliseconds it is 1973: which of the two a number counts shows in its size."""


class TimeForm(StrEnum):
    """How an instant is written; the configuration's words."""

    AUTO = "auto"
    RFC3339 = "rfc3339"
    UNIX = "unix"
    UNIX_MS = "unix_ms"


def read_timestamp(value: object) -> datetime | None:
    """The RFC 3339 instant as aware UTC, or None if the sender did not say or it cannot be read: an alert is never refused over a time.

    Any number of fraction digits (cut to microseconds) and any offset. Go's zero time ``0001-01-01T00:00:00Z`` means that
    there is none. Years outside 1970 to 2999 count as unreadable, so that arithmetic on the result cannot overflow.
    """
    if value == _GO_ZERO_TIME or not isinstance(value, str) or not _CHARS_MIN <= len(value) <= _CHARS_MAX:
        return None
    try:
        instant = datetime.fromisoformat(value.upper())
    except ValueError:
        return None
    if instant.tzinfo is None or not _YEAR_MIN <= instant.year <= _YEAR_MAX:
        return None
    return instant.astimezone(UTC)


def read_instant(value: object, form: TimeForm) -> datetime | None:
    """The instant in this form as aware UTC, or None as ``read_timestamp`` has it. Seconds and milliseconds may be numbers or texts of digits; 0 is none."""
    number = _number(value)
    if form is TimeForm.RFC3339 or (form is TimeForm.AUTO and number is None):
        return read_timestamp(value)
    if not number:
        return None
    is_milliseconds = form is TimeForm.UNIX_MS or (form is TimeForm.AUTO and number >= _MILLISECONDS_MIN)
    seconds = number / 1000 if is_milliseconds else number
    if not 0 < seconds < (_YEAR_MAX - _YEAR_MIN) * 365 * 86_400:
        return None
    return _EPOCH + timedelta(seconds=seconds)


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value) if abs(value) < 10**17 else None
    return float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None
