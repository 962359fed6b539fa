"""One HTTP connection, with the deadlines and bounds that aiohttp leaves to others.

Measured on aiohttp 3.14: a peer that never finishes its headers, or never begins them, keeps its connection until the keep-alive time
is over, which must be minutes for the sake of honest senders; headers are bounded by number and line, but not together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from ingestd.intake.refusal import Refusal
from ingestd.intake.settings import ServerLimits

_END_OF_HEADERS: Final = b"\r\n\r\n"


class Floor:
    """The connections of one listener: how many there are, and which of them wait for their peer, the longest first."""

    def __init__(self, limits: ServerLimits, count: Callable[[Refusal], None]) -> None:
        self.limits = limits
        self.count = count
        """Called with the reason of each refusal that no handler sees."""
        self._connections_count = 0
        self._quiet: dict[Connection, None] = {}

    def enter(self, connection: Connection) -> None:
        """One more. If that is one too many, the one that waits longest for its peer goes; if all others are at work, the newcomer."""
        self._connections_count += 1
        self._quiet[connection] = None
        if self._connections_count > self.limits.connections_max:
            self.count(Refusal.CONNECTIONS)
            longest = next(iter(self._quiet))
            del self._quiet[longest]
            longest.force_close()

    def leave(self, connection: Connection) -> None:
        """One less."""
        self._connections_count -= 1
        self._quiet.pop(connection, None)

    def is_quiet(self, connection: Connection) -> bool:
        """Whether it waits for its peer."""
        return connection in self._quiet

    def mark_busy(self, connection: Connection) -> None:
        """The daemon works for it."""
        self._quiet.pop(connection, None)

    def mark_quiet(self, connection: Connection) -> None:
        """It waits for its peer."""
        self._quiet[connection] = None


class Connection(RequestHandler):
    """aiohttp's handler of a connection, standing on a floor."""

    __slots__ = ("_answered_count", "_floor", "_header_bytes", "_header_end", "_patience")

    def __init__(self, manager: web.Server, *, floor: Floor, **options: Any) -> None:  # noqa: ANN401 (aiohttp's own)
        super().__init__(manager, **options)
        self._floor = floor
        self._answered_count = 0
        self._header_bytes = 0
        self._header_end = b""
        self._patience: asyncio.TimerHandle | None = None

    def is_served(self) -> bool:
        """Whether its headers are complete and the answer is not written yet. aiohttp counts requests as their headers are parsed."""
        return self._request_count > self._answered_count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From asyncio. The peer has ``header_seconds`` for its first headers."""
        super().connection_made(transport)
        self._wait_for_headers()
        self._floor.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """From asyncio."""
        self._stop_waiting()
        self._floor.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """From asyncio. Headers are measured before the parser sees them."""
        if self.is_served():
            super().data_received(data)
            return
        if self._header_bytes + len(data) > self._floor.limits.header_bytes_max and not self._has_room_for(data):
            self._reject(Refusal.HEADER_TOO_LARGE)
            return
        super().data_received(data)
        if self.is_served():
            self._header_bytes = 0
            self._header_end = b""
            self._stop_waiting()
            self._floor.mark_busy(self)
        elif data:
            self._header_bytes += len(data)
            self._header_end = data[-3:]
            if self._patience is None:
                self._wait_for_headers()

    async def finish_response(self, *args: Any) -> tuple[web.StreamResponse, bool]:  # noqa: ANN401 (aiohttp's own)
        """From aiohttp: writes the answer."""
        result = await super().finish_response(*args)
        self._answered_count += 1
        if not self.is_served() and self.transport is not None:
            self._floor.mark_quiet(self)
        return result

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """From aiohttp: the daemon stops. What has come whole is answered; whoever is still sending is let go and sends it again.

        aiohttp reads no more by now, but would wait for the rest of a body until the time is over.
        """
        if self._floor.is_quiet(self):
            self.force_close()
        await super().shutdown(timeout)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """From aiohttp: the answer to what its parser refuses, and to errors of handlers. The former is counted instead of logged."""
        if status != HTTPStatus.BAD_REQUEST:
            return super().handle_error(request, status, exc, message)
        reason = Refusal.HEADER_TOO_LARGE if isinstance(exc, LineTooLong) else Refusal.MALFORMED
        self._floor.count(reason)
        response = web.Response(status=reason.status, text=f"{reason.hint}\n")
        response.force_close()
        return response

    @contextmanager
    def waiting_for_peer(self) -> Iterator[None]:
        """While the daemon has nothing to do for this connection but wait for more of a body."""
        self._floor.mark_quiet(self)
        try:
            yield
        finally:
            if self.transport is not None:
                self._floor.mark_busy(self)

    def _has_room_for(self, data: bytes) -> bool:
        """Whether the headers end before they are too large, and only the body goes on."""
        room = self._floor.limits.header_bytes_max - self._header_bytes
        return _END_OF_HEADERS in self._header_end + data[: max(room, 0)]

    def _wait_for_headers(self) -> None:
        self._patience = self._loop.call_later(self._floor.limits.header_seconds, self._reject, Refusal.HEADER_TIMEOUT)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _reject(self, reason: Refusal) -> None:
        """Answer without a request, and close."""
        self._stop_waiting()
        self._floor.count(reason)
        if self.transport is not None and self._header_bytes:
            line = f"HTTP/1.1 {reason.status} {HTTPStatus(reason.status).phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(line.encode())
        self.force_close()
