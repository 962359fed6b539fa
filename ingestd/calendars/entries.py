"""What a calendar comes to, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

BYTES_MAX: Final = 2 << 20
"""How large a calendar may be."""
TEXT_CHARS_MAX: Final = 200
TEXTS_BYTES_MAX: Final = 1 << 20
"""How long UIDs and titles of all occurrences may be together: they cross the event loop and are kept."""


class CalendarRefused(Exception):
    """The text is no calendar, or one that cannot be used. The message says why, as a sentence without its end."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One occurrence of an event, from ``starts_at`` up to ``ends_at`` (UTC); ``title`` is its SUMMARY on one line, cut."""

    uid: str
    title: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Fault:
    """An event that was left out, and why. ``on`` is its date as the calendar has it; may be empty."""

    uid: str
    on: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a calendar says of a stretch of time, in order; and what was left out of it, at most 100."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...] = ()
