"""Header text as people read it: RFC 2047 decoded, on one line, within bounds. Nothing that an encoded word hides can leave the line."""

from __future__ import annotations

import binascii
import re
from typing import Final

from ingestd.core.mail.charsets import decoded
from ingestd.core.mail.transfer import from_base64
from ingestd.core.safe_text import one_line

_WORD: Final = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]{0,4000})\?=")


def header_text(value: str, chars_max: int) -> str:
    """The text of an unstructured header value: on one line, at most ``chars_max`` characters, without controls of any kind."""
    return one_line(_words_decoded(value), chars_max)


def _words_decoded(value: str) -> str:
    shown: list[str] = []
    pending, charset = b"", ""
    position = 0
    for word in _WORD.finditer(value):
        between = value[position : word.start()]
        position = word.end()
        # White space between two encoded words is none of the text, and a character may begin in one and end in the next.
        is_adjoined = bool(charset) and not between.strip()
        if not is_adjoined or word[1].lower() != charset:
            shown.append(decoded(pending, charset))
            pending = b""
        if not is_adjoined:
            shown.append(eight_bit(between))
        charset = word[1].lower()
        pending += _content(word[2], word[3])
    shown += [decoded(pending, charset), eight_bit(value[position:])]
    return "".join(shown)


def _content(encoding: str, text: str) -> bytes:
    content = text.encode("utf-8", "surrogateescape")
    if encoding in "bB":
        return from_base64(content)
    return binascii.a2b_qp(content.replace(b"\n", b" "), header=True)


def eight_bit(value: str) -> str:
    """Bytes that stand in a header unencoded, which ``headers`` keeps as lone surrogates, as the text that they most likely are."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return decoded(value.encode("utf-8", "surrogateescape"), "")
    return value
