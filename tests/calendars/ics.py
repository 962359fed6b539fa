"""Calendars as texts for tests."""

from __future__ import annotations

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//tests//EN\r\n"


def event(title: str = "asha", *lines: str, uid: str = "e1") -> str:
    """One event: its title and its other lines."""
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", f"SUMMARY:{title}", *lines, "END:VEVENT", ""])


def calendar(*events: str) -> bytes:
    """A whole calendar."""
    return (HEAD + "".join(events) + "END:VCALENDAR\r\n").encode()
