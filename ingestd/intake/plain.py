"""Plain requests: what every Alertmanager and Grafana sends, read without the way through a whole HTTP server.

A plain request is a ``POST`` of HTTP/1.1 to a source or to Alertmanager's API, with short headers in visible ASCII, each once, none of them
changing how the body or the connection is to be read, and with ``Content-Length``. Its meaning is the same to every reader. Everything else, however harmless, is not
plain and goes to aiohttp; so nothing is ever refused here. Why it exists: half of the daemon's time for a webhook, measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_METHOD: Final = b"POST "
_START: Final = b"POST /api/v1/webhooks/"
_API_START: Final = b"POST /api/v2/alerts "
_VERSION: Final = b" HTTP/1.1"
_END: Final = b"\r\n\r\n"
_HEAD_BYTES_MAX: Final = 2048
_LENGTH_DIGITS_MAX: Final = 9
_VISIBLE: Final = bytes(range(0x20, 0x7F))
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_MUST: Final = frozenset({b"host", b"content-length"})
_MUST_NOT: Final = frozenset(
    b"connection content-encoding expect keep-alive origin proxy-connection te trailer transfer-encoding upgrade".split()
)
"""What speaks of the connection, of how the body is coded, or of a browser."""


class PlainHeaders:
    """The headers of a plain request, by names in any case."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self._values = values

    def getall(self, key: str, default: Sequence[str], /) -> Sequence[str]:
        """The one value of the header, or the default."""
        value = self._values.get(key.lower().encode())
        return default if value is None else (value.decode("ascii"),)


@dataclass(slots=True)
class PlainHead:
    """The head of a plain request. ``body_at`` is where its body begins, ``total`` where it ends, in bytes."""

    source: str
    """What follows ``/api/v1/webhooks/`` in its path, or the whole path of Alertmanager's API: the key of a door."""
    headers: PlainHeaders
    body_at: int
    total: int


def read_head(data: bytes) -> PlainHead | None:
    """The head that the bytes begin with; None if it is not plain, or not complete."""
    if data.startswith(_START):
        source_at = len(_START)
    elif data.startswith(_API_START):
        source_at = len(_METHOD)
    else:
        return None
    end = data.find(_END, source_at, _HEAD_BYTES_MAX)
    if end < 0:
        return None
    head = data[:end]
    start, *lines = head.split(b"\r\n")
    if not start.endswith(_VERSION) or len(head.translate(None, _VISIBLE)) != 2 * len(lines):
        return None
    values: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            return None
        values[name.lower()] = value.strip(b" ")
    names = values.keys()
    if len(values) != len(lines) or not names >= _MUST or not _MUST_NOT.isdisjoint(names):
        return None
    if b"" in values or b"".join(names).translate(None, _TOKEN):
        return None
    length = values[b"content-length"]
    if not length.isdigit() or len(length) > _LENGTH_DIGITS_MAX:
        return None
    body_at = end + len(_END)
    source = start[source_at : -len(_VERSION)].decode("ascii")
    return PlainHead(source, PlainHeaders(values), body_at, body_at + int(length))
