"""Reads the instants that monitoring systems write."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_GO_ZERO_TIME: Final = "0001-01-01T00:00:00Z"
_CHARS_MIN: Final = len("2026-01-02T03:04:05Z")
_CHARS_MAX: Final = 64
_YEAR_MIN: Final = 1970
_YEAR_MAX: Final = 2999


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
