"""Content-Transfer-Encoding undone, whatever is broken in it, piece by piece: no step holds the interpreter for long."""

from __future__ import annotations

import base64
import binascii
from typing import Final

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NO_ALPHABET: Final = bytes(set(range(256)) - set(_ALPHABET))
_CHUNK_BYTES: Final = 256 * 1024


def content_of(raw: bytes, start: int, end: int, encoding: str, bytes_max: int) -> bytes:
    """The content that stands encoded in ``raw[start:end]``, its first ``bytes_max`` bytes."""
    if encoding == "base64":
        return from_base64(raw[start : min(end, start + bytes_max * 2 + 1024)])[:bytes_max]
    if encoding == "quoted-printable":
        return binascii.a2b_qp(raw[start : min(end, start + bytes_max * 4)])[:bytes_max]
    return raw[start : min(end, start + bytes_max)]


def from_base64(content: bytes) -> bytes:
    """What the letters say up to the first ``=``, whatever stands between them; the beginning of a byte that is not whole is dropped."""
    letters = content.partition(b"=")[0].translate(None, _NO_ALPHABET)
    rest = len(letters) % 4
    return base64.b64decode(letters[: len(letters) - (rest == 1)] + (b"=" * (-rest % 4) if rest > 1 else b""))


def size_of(raw: bytes, start: int, end: int, encoding: str) -> int:
    """How many bytes ``content_of`` would give for the whole."""
    if encoding == "quoted-printable":
        return _size_of_lines(raw, start, end)
    if encoding != "base64":
        return end - start
    last = raw.find(b"=", start, end)
    end = end if last < 0 else last
    letters = sum(
        len(raw[place : min(place + _CHUNK_BYTES, end)].translate(None, _NO_ALPHABET))
        for place in range(start, end, _CHUNK_BYTES)
    )
    return letters * 3 // 4


def _size_of_lines(raw: bytes, start: int, end: int) -> int:
    size = 0
    while start < end:
        # Whole lines: what an equals sign means shows on its line.
        line_end = raw.find(b"\n", min(start + _CHUNK_BYTES, end), end)
        stop = end if line_end < 0 else line_end + 1
        size += len(binascii.a2b_qp(raw[start:stop]))
        start = stop
    return size
