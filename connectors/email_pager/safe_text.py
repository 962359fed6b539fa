"""Text of strangers, made fit for a mail. Alert labels may hold anything; nothing here raises.

What is dropped or replaced: control characters, line and paragraph separators, bidirectional overrides and other invisible
format characters, lone surrogates. What remains is what a reader sees.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final
from urllib.parse import quote, urlsplit

_JOINERS: Final = frozenset("\u200c\u200d")
"""Format characters that scripts and emoji need."""
_HOST_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "-._:[]")
_URL_CHARACTERS: Final = ":/?#[]@!$&'()*+,;=%"
URL_LENGTH_MAX: Final = 2000


def one_line(text: str, limit: int) -> str:
    """The text on one line of at most ``limit`` characters, an ellipsis at the end if it was cut."""
    # Cut first: a megabyte of label must not cost a second. Four times the limit leaves room for what is dropped.
    cut = text[: limit * 4]
    words = " ".join("".join(map(_shown, cut)).split())
    if len(words) > limit or len(cut) < len(text):
        return words[: limit - 1].rstrip() + "…"
    return words


def lines_of(text: str, *, count: int, width: int) -> tuple[str, ...]:
    """At most ``count`` lines that are not empty, each as ``one_line``."""
    found = (one_line(line, width) for line in text[: count * width * 4].splitlines())
    return tuple(line for line in found if line)[:count]


def web_link(url: str) -> str:
    """The URL in ASCII if it is one that a reader may follow, else nothing.

    A clean URL comes back as it is; characters that a URL may not hold are percent-encoded, an international host name is
    encoded. Only http and https, without a user name (``https://bank.example@evil.example``), without control characters.
    """
    if len(url) > URL_LENGTH_MAX or any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in url):
        return ""
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            return ""
        host = parts.netloc.encode("idna").decode("ascii")
    except ValueError:
        return ""
    if set(host) - _HOST_CHARACTERS:
        return ""
    return quote(url.replace(parts.netloc, host, 1), safe=_URL_CHARACTERS)


def clock(at: datetime, zone: tzinfo, *, beside: datetime | None = None) -> str:
    """``03:09 CET``; with the date in front unless it is the day of ``beside``."""
    try:
        here = at.astimezone(zone)
        is_same_day = beside is not None and beside.astimezone(zone).date() == here.date()
        return f"{here:%H:%M} {here.tzname()}" if is_same_day else f"{here:%Y-%m-%d %H:%M} {here.tzname()}"
    except (OverflowError, ValueError):  # the first and last hours of the calendar, which some senders use for "never"
        return at.replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")


def duration(span: timedelta) -> str:
    """``36 min``, ``2 h 05 min``, ``3 d 4 h``; never negative."""
    minutes = max(0, round(span.total_seconds() / 60))
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes:02} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"


def sentence(parts: Iterable[str]) -> str:
    """The parts that are not empty, each ended by a full stop."""
    return " ".join(part if part.endswith((".", "…")) else f"{part}." for part in parts if part)


def _shown(char: str) -> str:
    if " " <= char <= "~":
        return char
    kind = unicodedata.category(char)
    if kind in {"Cc", "Zl", "Zp", "Zs"}:
        return " "
    if kind == "Cf":
        return char if char in _JOINERS else ""
    return "\ufffd" if kind == "Cs" else char
