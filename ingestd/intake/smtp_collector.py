"""The text of a message as it comes over the line: where it ends, and how much of it is kept.

aiosmtpd collects a message line by line. Ten megabytes of empty lines become three million objects and 300 MB, and a line without an end
is kept whole, however long: so the text is collected here, in one piece, within a bound that holds for all messages together.

Only CR LF . CR LF ends a message (RFC 5321, 4.1.1.4). Nothing that a lone CR or LF might mean to somebody else ends one, so no mail that
a neighbour relays can hide a second one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ingestd.intake.smtp_refusal import SmtpRefusal

_END: Final = b"\r\n.\r\n"
_LINE_END: Final = b"\r\n"
_HEAD_BYTES_MAX: Final = 1024**2
_DOTTED: Final = b"\r\n."


class Overlong(Exception):
    """The sender goes on and on although its message was refused long ago."""


class Collector:
    """One message. ``reserve`` is asked for each further number of bytes, and gives False where there is no room for them."""

    def __init__(self, bytes_max: int, line_bytes_max: int, reserve: Callable[[int], bool]) -> None:
        self._bytes_max = bytes_max
        self._line_bytes_max = line_bytes_max
        self._reserve = reserve
        # The line end before the text makes a dot in its first line look as in all others.
        self._data = bytearray(_LINE_END)
        self._line_at = len(_LINE_END)
        self._dropped_count = 0
        self._is_plain = False
        self.refusal: SmtpRefusal | None = None
        """Why the message is not taken; its bytes are dropped from then on."""

    def feed(self, chunk: bytes) -> bytes | None:
        """None while the end has not come; then what follows the message. Raises ``Overlong``."""
        begin = max(0, len(self._data) - len(_END) + 1)
        self._data += chunk
        end = self._data.find(_END, begin)
        rest = None if end < 0 else bytes(self._data[end + len(_END) :])
        if rest is not None:
            del self._data[end + len(_LINE_END) :]
        if self.refusal is None:
            self.refusal = self._judge(len(chunk) - len(rest or b""), is_whole=rest is not None)
        if self.refusal is not None:
            self._drop(len(chunk))
        return rest

    def after(self, head: bytes, *, is_last: bool) -> bytes:
        """The head and then the whole message, with the dots taken out that were put before dots (RFC 5321, 4.5.2).

        Made in one copy, as a message may be large. Nothing is kept after the last time.
        """
        if not self._is_plain:
            self._is_plain = True
            if _DOTTED in self._data:
                self._data = self._data.replace(_DOTTED, _LINE_END)
        whole = b"".join((head, memoryview(self._data)[len(_LINE_END) :]))
        if is_last:
            self._data = bytearray()
        return whole

    def hop_count(self) -> int:
        """How many mail servers say that they have relayed it: lines ``Received:`` among the headers, of which 1 MiB is looked at."""
        end = self._data.find(b"\r\n\r\n", 0, _HEAD_BYTES_MAX)
        head = self._data[: end if end >= 0 else _HEAD_BYTES_MAX]
        return head.lower().count(b"\nreceived:")

    def _judge(self, more: int, *, is_whole: bool) -> SmtpRefusal | None:
        not_text = len(_LINE_END) + (
            0 if is_whole else len(_END)
        )  # of what is not whole yet, the last bytes may be its end
        if len(self._data) - not_text > self._bytes_max:
            return SmtpRefusal.TOO_LARGE
        if self._has_long_line():
            return SmtpRefusal.LINE_TOO_LONG
        return None if self._reserve(more) else SmtpRefusal.IN_FLIGHT

    def _drop(self, more: int) -> None:
        self._dropped_count += more
        del self._data[: -len(_END)]
        if self._dropped_count > 2 * self._bytes_max:
            raise Overlong

    def _has_long_line(self) -> bool:
        """Looks at what has come since it was last asked: from each line's begin, back from where it must have ended."""
        while len(self._data) - self._line_at > self._line_bytes_max:
            found = self._data.rfind(b"\n", self._line_at, self._line_at + self._line_bytes_max + 1)
            if found < 0:
                return True
            self._line_at = found + 1
        return False
