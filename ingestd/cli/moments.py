"""Instants as people read them: the local clock with its zone, and how long ago or how far ahead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_SECONDS, _MINUTES, _HOURS = 100, 120 * 60, 48 * 3600
"""Up to here an age is told in seconds, minutes, hours."""


def parse_instant(value: object) -> datetime | None:
    """The aware instant that an RFC 3339 text stands for; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def duration_text(duration: timedelta) -> str:
    """``12 s``, ``5 min``, ``7 h`` or ``3 d``: rounded down, the unit large enough for a glance."""
    seconds = max(0, int(duration.total_seconds()))
    if seconds < _SECONDS:
        return f"{seconds} s"
    if seconds < _MINUTES:
        return f"{seconds // 60} min"
    if seconds < _HOURS:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} d"


@dataclass(frozen=True, slots=True)
class Moments:
    """Words for instants, seen from ``now``, in the zone of this machine. What is no instant becomes an empty text."""

    now: datetime

    def age(self, value: object) -> str:
        """``3 min ago``, ``in 4 min`` or ``now``."""
        at = parse_instant(value)
        if at is None:
            return ""
        if abs(at - self.now) < timedelta(seconds=1):
            return "now"
        return f"{duration_text(self.now - at)} ago" if at <= self.now else f"in {duration_text(at - self.now)}"

    def clock(self, value: object) -> str:
        """``03:14:05 CET`` today, ``2026-11-20 03:14 CET`` on another day."""
        at = parse_instant(value)
        if at is None:
            return ""
        local = at.astimezone()
        form = "%H:%M:%S %Z" if local.date() == self.now.astimezone().date() else "%Y-%m-%d %H:%M %Z"
        return local.strftime(form)

    def both(self, value: object) -> str:
        """``03:14:05 CET (3 min ago)``."""
        clock = self.clock(value)
        return f"{clock} ({self.age(value)})" if clock else ""
