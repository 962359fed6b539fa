"""Text in the 7-bit alphabet of GSM (3GPP TS 23.038), the only one in which a text message holds 160 characters.

One character outside makes the whole message UCS-2, which holds 70. So nothing outside is let through: what has a likeness is
written with it, the rest becomes a question mark.
"""

# ruff: noqa: RUF001 - letters that look alike are what this module is about

from __future__ import annotations

import unicodedata
from typing import Final

SEGMENT_SEPTETS: Final = 160
PART_SEPTETS: Final = 153
"""What each part holds when a message needs more than one."""

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
"""Reached through an escape: each costs two septets."""

# Brackets and the like are in the extension table; their likenesses cost half and survive handsets that ignore the escape.
_LIKENESS: Final = {
    **dict.fromkeys("“”„‟«»″", '"'),
    **dict.fromkeys("‘’‚‛‹›′`´^", "'"),
    **dict.fromkeys("‐‑‒–—―−~", "-"),
    **dict.fromkeys("[{", "("),
    **dict.fromkeys("]}", ")"),
    **dict.fromkeys("\\|⁄", "/"),
    **dict.fromkeys("•·∙▪●", "*"),
    "…": "...",
    "€": "EUR",
    "×": "x",
    "÷": "/",
    "°": "deg",
    "µ": "u",
    "μ": "u",  # far more often the unit than the letter, and "Ms" would be another unit
    "±": "+/-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "about ",
    "→": "->",
    "←": "<-",
    "⇒": "=>",
    "∞": "inf",
    "✓": "OK",
    "✔": "OK",
    "✗": "x",
    "✘": "x",
    "Đ": "D",
    "đ": "d",
    "Ð": "D",
    "ð": "d",
    "Ł": "L",
    "ł": "l",
    "Œ": "OE",
    "œ": "oe",
    "Þ": "TH",
    "þ": "th",
    "ı": "i",
    "Ħ": "H",
    "ħ": "h",
    "Ŧ": "T",
    "ŧ": "t",
    "Ŋ": "N",
    "ŋ": "n",
    "ẞ": "SS",
    "ƒ": "f",
}
# Each letter with how it is written; the hard and the soft sign are not.
_CYRILLIC_PAIRS: Final = (
    "аa бb вv гg дd еe ёyo жzh зz иi йy кk лl мm нn оo пp рr сs тt уu фf хkh цts чch шsh "
    "щshch ъ ыy ь эe юyu яya іi їyi єye ґg ўu ђdj јj љlj њnj ћc џdz ѓgj ќkj ѕdz"
)
_CYRILLIC: Final = {pair[0]: pair[1:] for pair in _CYRILLIC_PAIRS.split()}
_GREEK: Final = dict(zip("αβγδεζηθικλμνξοπρστυφχψως", "ABΓΔEZHΘIKΛMNΞOΠPΣTYΦXΨΩΣ", strict=True))


def septets(text: str) -> int:
    """How many septets the text takes; it must be in the alphabet."""
    return sum(2 if char in _EXTENSION else 1 for char in text)


def is_gsm7(text: str) -> bool:
    """Whether every character can be sent without leaving the alphabet."""
    return all(char in _BASIC or char in _EXTENSION for char in text)


def to_gsm7(text: str) -> str:
    """The text on one line, in characters of one septet each. Any input, lone surrogates included, gives an answer."""
    pieces: list[str] = []
    for char in text:
        piece = _written(char)
        # A word in a script without likeness becomes one question mark, not one for each letter.
        if not (piece == "?" != char and pieces and pieces[-1] == "?"):
            pieces.append(piece)
    return " ".join("".join(pieces).split())


def shorten(text: str, limit: int) -> str:
    """The text in at most ``limit`` septets, three dots at its end if it was cut. For text of ``to_gsm7``."""
    if septets(text) <= limit:
        return text
    return text[: limit - 3].rstrip() + "..." if limit > 3 else ""


def _written(char: str) -> str:
    if " " <= char <= "~" and char not in _LIKENESS:
        return char
    kind = unicodedata.category(char)
    if kind in {"Cc", "Zs", "Zl", "Zp"}:
        return " "
    if kind in {"Cf", "Mn", "Me"}:
        return ""
    direct = _direct(char)
    if direct is not None:
        return direct
    parts = unicodedata.normalize("NFKD", char)
    if parts == char:
        return "?"
    return "".join("" if unicodedata.combining(part) else _plain(part) for part in parts)


def _plain(char: str) -> str:
    if char.isspace():
        return " "
    direct = _direct(char)
    return "?" if direct is None else direct


def _direct(char: str) -> str | None:
    if char in _LIKENESS:
        return _LIKENESS[char]
    if char in _BASIC:
        return char
    lower = char.lower()
    if lower in _CYRILLIC:
        latin = _CYRILLIC[lower]
        return latin if char == lower else latin.capitalize()
    return _GREEK.get(lower)
