"""The one address that a From names, or none. Where two programs could read two different addresses, nobody wrote the mail.

That is the point of it: our mail server proves a domain, and what we read must be the address that it looked at (CVE-2023-27043 is
what happens otherwise). So what is no plain form is no address: several, groups, routes, quoted local parts, literals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ingestd.core.mail.encoded_words import header_text
from ingestd.core.safe_text import REPLACEMENT, one_line

_VALUE_CHARS_MAX: Final = 1000
"""A longer value names nobody: one that was cut would name somebody else."""
_NAME_CHARS_MAX: Final = 200

_ATOM: Final = r"[^\s<>()\[\]\",;:@\\]"
_ADDRESS: Final = rf"{_ATOM}{{1,64}}@{_ATOM}{{1,255}}"
_IN_ANGLES: Final = re.compile(rf"([^<>@]*|\s*{_ADDRESS}\s+)<\s*({_ADDRESS})\s*>\s*")
_BARE: Final = re.compile(rf"\s*({_ADDRESS})\s*")
_HOST: Final = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})*")
_PIECE: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([()])|([^"()\\]+)|(.)', re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Somebody, by address and name. Empty where the header does not say it in a form that all programs read alike."""

    address: str = ""
    """In lower case."""
    name: str = ""
    """On one line, decoded. It proves nothing, and may itself look like an address."""


def mailbox(value: str) -> Mailbox:
    """Whom a header value names, if that is exactly one; never raises."""
    skeleton, quoted, comment = _skeleton(value[: _VALUE_CHARS_MAX + 1])
    if skeleton is None or len(value) > _VALUE_CHARS_MAX:
        return Mailbox(name=header_text(value, _NAME_CHARS_MAX))
    angled = _IN_ANGLES.fullmatch(skeleton)
    if angled is not None:
        name = _filled(angled[1], quoted) or comment
        return Mailbox(_plain(angled[2]), header_text(name, _NAME_CHARS_MAX))
    bare = _BARE.fullmatch(skeleton)
    if bare is not None:
        return Mailbox(_plain(bare[1]), header_text(comment, _NAME_CHARS_MAX))
    return Mailbox(name=header_text(value, _NAME_CHARS_MAX))


def _skeleton(value: str) -> tuple[str | None, list[str], str]:
    """The value with each quoted string as ``"`` and without comments; the strings; the last comment. None if one is not closed."""
    kept: list[str] = []
    quoted: list[str] = []
    comment: list[str] = []
    depth = 0
    for string, paren, text, stray in _PIECE.findall(value):
        if paren == "(":
            depth += 1
            if depth == 1:
                comment = []
                kept.append(" ")
        elif paren:
            depth -= 1
            if depth < 0:
                return None, [], ""
        elif depth:
            comment.append(text or string)
        elif stray:
            return None, [], ""
        elif text:
            kept.append(text)
        else:
            kept.append('"')
            quoted.append(_ESCAPED.sub(r"\1", string))
    return ("".join(kept) if depth == 0 else None), quoted, "".join(comment)


def _filled(phrase: str, quoted: list[str]) -> str:
    pieces = phrase.split('"')
    strings = [*quoted, *[""] * len(pieces)]
    return "".join(piece + strings[place] for place, piece in enumerate(pieces[:-1])).strip() + pieces[-1].rstrip()


def _plain(address: str) -> str:
    """The address in lower case; empty if something in it cannot be seen, or its host is none."""
    if one_line(address, _VALUE_CHARS_MAX) != address or REPLACEMENT in address:
        return ""
    return address.lower() if _HOST.fullmatch(address.rpartition("@")[2]) else ""
