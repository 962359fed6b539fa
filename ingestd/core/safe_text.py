"""Text from strangers, made harmless: what may be stored, what fits on one line, what may stand as a block.

Anybody who can set a label writes into our log, tickets, mail and SMS. These functions guarantee the shape of the result for *every*
input; what a sink needs beyond that (escaping HTML, wiki text, encoded-words) is the sink's own work.

Removed are C0 and C1 controls (terminal escapes among them), bidirectional controls, which can make text read as something
else, invisible tag characters, and noncharacters that XML refuses. Joiners stay: emoji and several scripts need them.
"""

from __future__ import annotations

from typing import Final

REPLACEMENT: Final = "\ufffd"
"""Stands where a character was that cannot be stored."""

ELLIPSIS: Final = "…"
"""Ends a text that was cut."""

_LINE_BREAKS: Final = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""What ``str.splitlines``, or any reader downstream, may take for the end of a line."""

_UNSEEN: Final = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,  # Arabic letter mark
    0x180E,
    0x200E,  # left-to-right mark
    0x200F,
    *range(0x202A, 0x202F),  # bidirectional embeddings and overrides
    *range(0x2060, 0x2070),  # word joiner, bidirectional isolates, deprecated format characters
    0xFEFF,
    *range(0xFFF9, 0xFFFC),
    0xFFFE,
    0xFFFF,
    *range(0xE0000, 0xE0080),  # tags: text that nobody sees
)
_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT)

_ONE_LINE: Final[dict[int, str | None]] = {
    **dict.fromkeys(_UNSEEN),
    **_SURROGATES,
    **dict.fromkeys(map(ord, _LINE_BREAKS), " "),
    ord("\t"): " ",
}
_BLOCK: Final[dict[int, str | None]] = {
    **dict.fromkeys(_UNSEEN),
    **_SURROGATES,
    **dict.fromkeys(map(ord, _LINE_BREAKS), "\n"),
    ord("\t"): " ",
}


def storable(text: str) -> str:
    """The text with each NUL and each lone surrogate replaced by U+FFFD; everything else stays as it is.

    The result encodes as UTF-8 and can be kept by SQLite and PostgreSQL alike.
    """
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.translate(_SURROGATES)
    return text


def one_line(text: str, chars_max: int) -> str:
    """The text as one line of at most ``chars_max`` characters, ending in ``…`` if something was cut.

    Line breaks and tabs become spaces, runs of white space become one space, the ends are trimmed; controls and lone
    surrogates are gone. The work is bounded by ``chars_max``, not by the length of the text.
    """
    if not text:
        return ""
    seen = _beginning(text, chars_max)
    line = " ".join((seen if seen.isprintable() else seen.translate(_ONE_LINE)).split())
    return cut(line, chars_max, was_longer=len(seen) < len(text))


def plain_block(text: str, chars_max: int) -> str:
    """The text as lines ended by a line feed alone, at most ``chars_max`` characters, ending in ``…`` if something was cut.

    Every kind of line break becomes one line feed, a tab a space; blank lines and indentation stay, trailing white space does not.
    Controls and lone surrogates are gone. The work is bounded by ``chars_max``, not by the length of the text.
    """
    seen = _beginning(text, chars_max)
    block = seen.replace("\r\n", "\n").translate(_BLOCK).rstrip()
    return cut(block, chars_max, was_longer=len(seen) < len(text))


def masked_address(address: str) -> str:
    """An address that tells its owner which one it is, and nobody else what it is."""
    name, at, host = address.partition("@")
    return f"{name[:1]}…@{host}" if at else f"{address[:3]}…{address[-3:]}"


def cut(text: str, chars_max: int, *, was_longer: bool = False) -> str:
    """At most ``chars_max`` characters of the text, the last one ``…`` if it was longer (or ``was_longer`` says so)."""
    if chars_max <= 0:
        return ""
    if len(text) <= chars_max and not was_longer:
        return text
    return text[: chars_max - 1].rstrip() + ELLIPSIS


def _beginning(text: str, chars_max: int) -> str:
    """As much of the text as can matter: characters that vanish are given generous room, a flood of them is not."""
    return text[: max(chars_max, 0) * 4 + 1024]
