"""Takes secrets and personal data out of a log event before it is written.

Three nets, each for what slips through the others: fields whose name says that they hold a secret; the secrets of the configuration
wherever they stand, also in the text of an exception; and shapes (authorization headers, acknowledge links, query strings,
passwords in URLs, phone numbers) of which we may not know the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from structlog.typing import EventDict, WrappedLogger

HIDDEN: Final = "***"
TEXT_CHARS_MAX: Final = 8192
"""A longer text is cut: a log is no place for a body."""
_SECRET_CHARS_MIN: Final = (
    4  # a shorter one would blank out half of the log, and the configuration refuses it for tokens
)
_DEPTH_MAX: Final = 6

_SECRET_KEY: Final = re.compile(
    r"(?:^|[_-])(?:pass(?:word|wd|phrase)?|pwd|secrets?|tokens?|api_?key|authorization|auth|credentials?|cookie|signature)$",
    re.IGNORECASE,
)
_SHAPES: Final = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?<=/p/)[\w-]{4,}|(?<=/calendars/)[\w-]{4,}"), HIDDEN),
    (re.compile(r"(?<=://)[^\s/@\"']+@"), f"{HIDDEN}@"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#\"'<>]*)\?[^\s\"'<>]*", re.IGNORECASE), r"\1?…"),
    (re.compile(r"((?:^|[\s\"'=(])/[^\s?\"'<>]*)\?[^\s\"'<>]*"), r"\1?…"),
    (re.compile(r"(?<![\w+])(\+\d{2})\d{4,11}(\d{2})(?!\d)"), rf"\1{HIDDEN}\2"),
)
_UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


class Mask:
    """A processor that replaces what must not be seen by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= _SECRET_CHARS_MIN}
        known |= {quote(secret, safe="") for secret in known}
        # The longest first, so that a secret that contains another is hidden whole.
        words = sorted(known, key=lambda word: (-len(word), word))
        self._known = re.compile("|".join(map(re.escape, words))) if words else None

    def __call__(self, _logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
        """The same fields with nothing in them that must not be seen."""
        return {str(key): self._field(str(key), value, 0) for key, value in fields.items()}

    def _field(self, key: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if _SECRET_KEY.search(key):
            return HIDDEN
        if isinstance(value, Mapping) and depth < _DEPTH_MAX:
            return {self.text(str(k)): self._field(str(k), inner, depth + 1) for k, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH_MAX:
            return [self._field("", inner, depth + 1) for inner in value]
        return self.text(value if isinstance(value, str) else str(value))

    def text(self, text: str) -> str:
        """The text without secrets, of bounded length."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        if len(text) > TEXT_CHARS_MAX:
            text = text[:TEXT_CHARS_MAX] + "…"
        for shape, shown in _SHAPES:
            text = shape.sub(shown, text)
        return text


def visible(text: str) -> str:
    r"""The text with what cannot be seen, line ends among it, as Python writes it in a literal: ``\n``, ``\x1b``, ``\u2028``."""
    return _UNSEEN.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
