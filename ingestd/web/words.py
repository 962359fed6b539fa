"""Instants, durations and names as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def clock(at: datetime, now: datetime) -> str:
    """``03:14:05 UTC``, with the day in front unless it is today's."""
    at = at.astimezone(UTC)
    time = f"{at:%H:%M:%S} UTC"
    return time if at.date() == now.astimezone(UTC).date() else f"{at.day} {at:%b %Y} {time}"


def duration(span: timedelta) -> str:
    """``10 s``, ``12 min``, ``3 h 05 min``, ``2 d 4 h``; never negative."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def ago(at: datetime, now: datetime) -> str:
    """``12 min ago``; ``just now`` for a few seconds."""
    return f"{duration(now - at)} ago" if now - at >= timedelta(seconds=5) else "just now"


def since(at: datetime, now: datetime) -> str:
    """``10 s ago (03:14:05 UTC)``."""
    return f"{ago(at, now)} ({clock(at, now)})"


def counted(count: int, noun: str) -> str:
    """``1 alert``, ``2 alerts``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
