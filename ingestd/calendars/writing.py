"""Shifts as an iCalendar (RFC 5545) that calendars of people subscribe to, with an alarm before each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ingestd.core.safe_text import one_line

ALARM_MINUTES: Final = 15
REFRESH: Final = "PT1H"
_LINE_BYTES: Final = 75
_TEXT_CHARS_MAX: Final = 500
_SPECIAL: Final = re.compile(r"[\\;,]")


@dataclass(frozen=True, slots=True)
class FeedShift:
    """One shift: what identifies it, what it is called, when it is."""

    schedule: str
    person: str
    title: str
    description: str
    starts_at: datetime
    ends_at: datetime

    @property
    def uid(self) -> str:
        """The same for the same shift in every feed and at every time, also if its end moves."""
        words = f"{self.schedule}\0{self.person}\0{self.starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return f"shift-{hashlib.sha256(words.encode()).hexdigest()[:24]}@ingestd"


def write(name: str, zone: str, shifts: Iterable[FeedShift], stamp: datetime) -> bytes:
    """The calendar. ``zone`` is where its reader is; the times themselves are in UTC. The same for the same arguments, byte for byte."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//ingestd//on call//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{_text(name)}",
        f"X-WR-TIMEZONE:{_text(zone)}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
        *(line for shift in shifts for line in _event(shift, stamp)),
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def _event(shift: FeedShift, stamp: datetime) -> Iterator[str]:
    title = _text(shift.title)
    yield "BEGIN:VEVENT"
    yield f"UID:{shift.uid}"
    yield f"DTSTAMP:{_instant(stamp)}"
    yield f"DTSTART:{_instant(shift.starts_at)}"
    yield f"DTEND:{_instant(shift.ends_at)}"
    yield f"SUMMARY:{title}"
    yield f"DESCRIPTION:{_text(shift.description)}"
    yield "TRANSP:TRANSPARENT"
    yield "BEGIN:VALARM"
    yield "ACTION:DISPLAY"
    yield f"DESCRIPTION:{title}"
    yield f"TRIGGER:-PT{ALARM_MINUTES}M"
    yield "END:VALARM"
    yield "END:VEVENT"


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", one_line(text, _TEXT_CHARS_MAX))


def _folded(line: str) -> bytes:
    """The line with CRLF, broken after at most 75 bytes, and never within a character."""
    pieces: list[bytes] = []
    piece = b""
    for char in line:
        coded = char.encode()
        if len(piece) + len(coded) > _LINE_BYTES:
            pieces.append(piece)
            piece = b" "
        piece += coded
    return b"\r\n".join([*pieces, piece]) + b"\r\n"
