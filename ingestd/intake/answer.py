"""The answer that almost every request gets, written at once. The others take aiohttp's usual way."""

from __future__ import annotations

from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

from ingestd.core.names import EnvelopeId

_HEADERS: Final = {hdrs.CONTENT_TYPE: "application/json"}


def stored(request: web.Request, envelope_id: EnvelopeId) -> web.StreamResponse:
    """202: the envelope is on disk."""
    body = b'{"envelope":"%b"}' % envelope_id.encode()
    if request.version == HttpVersion11 and request.keep_alive:
        return _Stored(body)
    return web.Response(status=202, body=body, headers=_HEADERS)


class _Stored(web.StreamResponse):
    """Writes itself with one call, which saves a third of the daemon's own time for a request, measured.

    Only for requests of HTTP/1.1 whose connection stays open, so that nothing in it depends on the request.
    """

    def __init__(self, body: bytes) -> None:
        super().__init__(status=202)
        self._json = body

    @property
    def keep_alive(self) -> bool:
        """Always: others do not get this answer."""
        return True

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """From aiohttp: write everything."""
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the peer went before it was answered")
        transport.write(
            b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: %d\r\nDate: %b\r\n\r\n%b"
            % (len(self._json), rfc822_formatted_time().encode(), self._json)
        )
        if request.protocol.writing_paused:  # it sends on and on, and does not read
            await request.writer.drain()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """From aiohttp: nothing is left to write."""
