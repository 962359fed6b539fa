"""Gets the text of a calendar: one look at an address or a file, which either gives it or says why not."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

from ingestd.calendars.entries import BYTES_MAX, CalendarRefused
from ingestd.errors import DeliveryError
from ingestd.ports import HttpClient, HttpReply, HttpRequest
from ingestd.workers.current import CalendarPlan

REDIRECTS_MAX: Final = 3
FETCH_SECONDS_MAX: Final = 20.0
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_TAG_CHARS_MAX: Final = 200

ReadFile = Callable[[Path], Awaitable[bytes]]
"""The content of a file, at most one byte more than a calendar may have. Raises ``OSError``."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was got. ``body`` is None if it is what it was: the same tag."""

    body: bytes | None
    etag: str = ""


async def read_calendar(path: Path) -> bytes:
    """A file, beside the event loop: it may lie on a disk that hangs."""
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise OSError(errno.ENOENT, "there is no such file")  # a pipe would be waited for
    with path.open("rb") as stream:
        return stream.read(BYTES_MAX + 1)


async def fetch(plan: CalendarPlan, etag: str, http: HttpClient, read_file: ReadFile) -> Fetched:
    """One look; ``etag`` is what the copy that we have came with. Raises ``CalendarRefused`` if there is nothing to be had."""
    if plan.path is not None:
        try:
            return Fetched(await read_file(plan.path))
        except OSError as error:
            raise CalendarRefused(f"its file cannot be read: {error.strerror or type(error).__name__}") from None
    headers = {"Accept": "text/calendar, */*;q=0.1", **({"If-None-Match": etag} if etag else {})}
    reply = await _follow(plan.url, headers, http)
    if reply.status == 304 and etag:
        return Fetched(None, etag)
    if reply.status != 200:
        raise CalendarRefused(f"its server answers with status {reply.status}")
    given = reply.headers.get("etag", "")
    return Fetched(reply.body, given if len(given) <= _TAG_CHARS_MAX and given.isascii() else "")


async def _follow(url: str, headers: Mapping[str, str], http: HttpClient) -> HttpReply:
    """The answer behind a few redirects, which calendars in the cloud like to send; never from HTTPS to plain HTTP."""
    for _ in range(REDIRECTS_MAX + 1):
        request = HttpRequest("GET", url, headers, timeout_seconds=FETCH_SECONDS_MAX, reply_bytes_max=BYTES_MAX + 1)
        try:
            reply = await http.send(request)
        except DeliveryError as error:
            raise CalendarRefused(f"its server cannot be asked: {error}") from None
        place = reply.headers.get("location", "")
        if reply.status not in _MOVED or not place:
            return reply
        try:
            following = urljoin(url, place)
            is_left_open = urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https"
        except ValueError:  # such as an unclosed bracket of an IPv6 host
            raise CalendarRefused("its server sends us to an address that cannot be read") from None
        if is_left_open:
            raise CalendarRefused("its server sends us from https:// to another kind of address")
        url = following
    raise CalendarRefused(f"its server sends us from one address to the next, more than {REDIRECTS_MAX} times")
