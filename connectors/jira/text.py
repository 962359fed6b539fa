"""Text that Jira takes: no control characters, no lone surrogates, never longer than a field holds.

Whatever an alert says ends up in a ticket; nothing here raises, whatever the text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit, urlunsplit

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
# Control characters, lone surrogates, what XML 1.0 cannot hold (Jira exports and indexes as XML), and the marks that
# reorder text, with which a label could make a ticket show something else than it says.
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_LONGEST_LINK = 2000


def jira_length(text: str) -> int:
    """How long Jira finds a text: in UTF-16 code units, as Java counts; never less than its number of characters."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis; at most ``limit`` (at least 1) by ``jira_length``, whole characters."""
    if jira_length(text) <= limit:
        return text
    kept = text[: limit - 1]
    while jira_length(kept) > limit - 1:
        kept = kept[: -max(1, (jira_length(kept) - limit + 1) // 2)]
    return kept.rstrip() + "…"


def clean_block(text: str, limit: int) -> str:
    """Several lines of printable text, at most ``limit`` long; its line ends are line feeds."""
    # Cut once before the work, so that a text of a megabyte costs no more than one that fits.
    lines = _LINE_ENDS.sub("\n", text[: 2 * limit])
    return cut(_UNWANTED.sub("", _SURROGATE.sub("\ufffd", lines)).strip(), limit)


def clean_line(text: str, limit: int) -> str:
    """One line of printable text without double spaces, at most ``limit`` long."""
    return cut(_SPACE.sub(" ", clean_block(text, 2 * limit)).strip(), limit)


def as_label(text: str) -> str:
    """The text as a Jira label: no whitespace, at most 255 characters; empty if nothing is left."""
    return _SPACE.sub("-", clean_line(text, 255))


def safe_link(url: str) -> str:
    """The URL if a reader may be sent there, percent-encoded; empty for anything but a complete http(s) URL of sane length."""
    if len(url) > _LONGEST_LINK:
        return ""
    try:
        parts = urlsplit(clean_line(url, _LONGEST_LINK))
        if parts.scheme not in {"http", "https"} or not parts.hostname or _SPACE.search(parts.netloc):
            return ""
        path, query, fragment = (
            quote(part, safe="%/:=&?~+!$,;'@()*") for part in (parts.path, parts.query, parts.fragment)
        )
        link = urlunsplit((parts.scheme, parts.netloc, path, query, fragment))
    except ValueError:
        return ""
    return link if len(link) <= _LONGEST_LINK and not re.search(r'[<>"{}|\\^`]', link) else ""


def instant(at: datetime) -> str:
    """An instant in words: ``2026-01-02 03:04:05 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
