"""The files that came with a mail, described so that nothing about them can harm who stores them. Their content is never looked at."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from ingestd.core.safe_text import one_line

_NAME_CHARS_MAX: Final = 100
_NAME_BYTES_MAX: Final = 200
_ENDING_CHARS_MAX: Final = 12
_NOT_IN_NAMES: Final = re.compile(r'[<>:"|?*%`$&;\ufffd]+')
# What Windows takes for a device, whatever ends it.
_RESERVED: Final = re.compile(
    r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)(\..*)?", re.IGNORECASE | re.DOTALL
)
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#^_.+-]{0,60}/[a-z0-9][a-z0-9!#^_.+-]{0,80}")
_ENDINGS: Final = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "message/rfc822": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
}


def safe_type(content_type: str) -> str:
    """The type if it has the form of one, else that of unknown bytes."""
    return content_type if _TYPE.fullmatch(content_type) else "application/octet-stream"


def safe_name(name: str, content_type: str, number: int, taken: Collection[str] = ()) -> str:
    """A name that is one file in one folder under any system: without path, controls or reserved words, at most 100 characters.

    ``number`` names what has no name; nothing that stands in ``taken`` (in lower case) is given again.
    """
    last = re.split(r"[/\\]", one_line(name, 1000))[-1]
    clean = _NOT_IN_NAMES.sub("_", last).lstrip(".-~ ").rstrip(". ")
    if not clean:
        clean = f"attachment-{number}{_ENDINGS.get(content_type, '.bin')}"
    elif _RESERVED.fullmatch(clean):
        clean = f"_{clean}"
    stem, ending = _stem_and_ending(clean)
    found = _bounded(stem, ending)
    count = 1
    while found.lower() in taken:
        count += 1
        found = _bounded(stem, f"-{count}{ending}")
    return found


def _stem_and_ending(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    if not stem or not 0 < len(ending) <= _ENDING_CHARS_MAX or not ending.isascii():
        return name, ""
    return stem, dot + ending


def _bounded(stem: str, ending: str) -> str:
    kept = stem[: _NAME_CHARS_MAX - len(ending)]
    room = _NAME_BYTES_MAX - len(ending.encode())
    kept = kept.encode()[:room].decode("utf-8", "ignore")
    return (kept.rstrip(". ") or "_") + ending
