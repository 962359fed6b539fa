"""The header fields of a message or of a part, as bytes on the wire say them: unfolded, not decoded, within bounds.

Only a line feed ends a line. A bare carriage return does not: mail servers, which remove what strangers forge, see no line end there
either. A line that is no header field ends the head, as it does for Postfix.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from ingestd.core.mail.allowance import Allowance

Fields = Mapping[str, Sequence[str]]
"""Names in lower case. Values keep bytes that are no UTF-8 as lone surrogates, so that they can be told from each other."""

_NAME: Final = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_FOLD: Final = (b" ", b"\t")
_MAILBOX_LINE: Final = (b"From ", b">From ")
"""What mailbox files put before a message."""


def read_head(raw: bytes, start: int, end: int, chars_max: int, allowance: Allowance) -> tuple[Fields, int]:
    """The fields that stand from ``start`` on, and where the body begins (``end`` if there is none)."""
    head = _Head(raw, chars_max, allowance)
    position = start
    if raw.startswith(_MAILBOX_LINE, start):
        position = _line_end(raw, start, end) + 1
    while position < end:
        if allowance.lines <= 0:
            allowance.cut()
            return head.fields(), _body_after(raw, position, end)
        allowance.lines -= 1
        line_end = _line_end(raw, position, end)
        if line_end == position or (line_end == position + 1 and raw[position] == 0x0D):
            return head.fields(), min(line_end + 1, end)
        if not head.take(position, line_end):
            return head.fields(), position
        position = line_end + 1
    return head.fields(), end


def first(fields: Fields, name: str) -> str:
    """The first value of a header; empty if there is none."""
    values = fields.get(name, ())
    return values[0] if values else ""


class _Head:
    def __init__(self, raw: bytes, chars_max: int, allowance: Allowance) -> None:
        self._raw = raw
        self._chars_max = chars_max
        self._allowance = allowance
        self._found: dict[str, list[list[bytes]]] = {}
        self._current: list[bytes] | None = None
        self._room = 0

    def take(self, start: int, end: int) -> bool:
        """A line; False if it belongs to no header field."""
        if self._raw.startswith(_FOLD, start):
            self._append(start, end)
            return True
        match = _NAME.match(self._raw, start, end)
        if match is None:
            return False
        self._allowance.fields -= 1
        if self._allowance.fields < 0:
            self._current = None
            # Once, however many there are.
            if self._allowance.fields == -1:
                self._allowance.cut()
            return True
        self._current = []
        self._room = min(self._chars_max, self._allowance.header_chars)
        self._found.setdefault(match[1].decode("ascii").lower(), []).append(self._current)
        self._append(match.end(), end)
        return True

    def _append(self, start: int, end: int) -> None:
        if self._current is None:
            return
        if end - start > self._room:
            # Once for each value: what is folded behind is then left out unseen.
            if self._room >= 0:
                self._allowance.cut()
            end = start + max(self._room, 0)
            self._room = -1
        else:
            self._room -= end - start
        piece = self._raw[start:end]
        self._allowance.header_chars -= len(piece)
        if piece:
            self._current.append(piece)

    def fields(self) -> Fields:
        return {name: [_unfolded(pieces) for pieces in values] for name, values in self._found.items()}


def _unfolded(pieces: Sequence[bytes]) -> str:
    # A tab that folds is a blank, as the one that it replaced.
    text = b"".join(piece[:-1] if piece.endswith(b"\r") else piece for piece in pieces)
    return text.decode("utf-8", "surrogateescape").strip(" \t\r\0")


def _line_end(raw: bytes, start: int, end: int) -> int:
    found = raw.find(b"\n", start, end)
    return end if found < 0 else found


def _body_after(raw: bytes, start: int, end: int) -> int:
    places = [
        (place, length)
        for mark in (b"\n\n", b"\n\r\n")
        if (place := raw.find(mark, start, end)) >= 0
        for length in (len(mark),)
    ]
    return sum(min(places)) if places else end
