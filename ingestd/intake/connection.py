"""One HTTP connection, with the deadlines and bounds that aiohttp leaves to others, and the lane for plain requests.

Measured on aiohttp 3.14: a peer that never finishes its headers, or never begins them, keeps its connection until the keep-alive time
is over, which must be minutes for the sake of honest senders; headers are bounded by number and line, but not together.

A connection begins in the lane. The first bytes that are not plain go to aiohttp's parser, and with them the connection, for good: so no
byte is ever read by two parsers, and nothing that one of them makes of a body can become a request for the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from ingestd.intake.floor import Floor
from ingestd.intake.lane import TAKEN, Lane
from ingestd.intake.refusal import Refusal

_END_OF_HEADERS: Final = b"\r\n\r\n"
_HELD_BYTES_MAX: Final = 64 * 1024


class Connection(RequestHandler):
    """aiohttp's handler of a connection, standing on a floor."""

    __slots__ = (
        "_answered_count",
        "_floor",
        "_header_bytes",
        "_header_end",
        "_held",
        "_is_in_lane",
        "_is_pending",
        "_is_rejected",
        "_lane",
        "_missing",
        "_parts",
        "_patience",
        "_remote",
        "_settled",
    )

    def __init__(self, manager: web.Server, *, floor: Floor, lane: Lane, **options: Any) -> None:  # noqa: ANN401 (aiohttp's own)
        super().__init__(manager, **options)
        self._floor = floor
        self._lane = lane
        self._remote = ""
        self._patience: asyncio.TimerHandle | None = None
        # In the lane: parts of a request that is not whole yet; then its answer is pending, and what comes meanwhile is held.
        self._is_in_lane = True
        self._parts: list[bytes] = []
        self._missing = 0
        self._is_pending = False
        self._held = b""
        self._settled: asyncio.Future[None] | None = None
        # With aiohttp.
        self._answered_count = 0
        self._header_bytes = 0
        self._header_end = b""
        self._is_rejected = False

    def is_served(self) -> bool:
        """Whether headers are complete and their answer is not written yet. aiohttp counts requests as their headers are parsed."""
        return self._is_pending or self._request_count > self._answered_count

    # ------------------------------------------------------------------ from asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The peer has ``header_seconds`` for its first headers."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if isinstance(peer, tuple) else ""
        self._wait_for_headers()
        self._floor.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """What is on its way to the disk goes on."""
        self._stop_waiting()
        self._floor.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """To the lane, or to aiohttp."""
        if self._is_rejected:
            return
        if not self._is_in_lane:
            self._receive(data)
        elif self._is_pending:
            self._hold(data)
        elif self._missing > len(data):
            self._parts.append(data)
            self._missing -= len(data)
        else:
            self._take(data)

    # ------------------------------------------------------------------ in the lane

    def _take(self, data: bytes) -> None:
        if self._parts:
            data = b"".join([*self._parts, data])
            self._parts.clear()
            self._missing = 0
        found = self._lane.take(data, self._remote, self._answer)
        if found is None:
            self._leave_lane(data)
        elif found == TAKEN:
            self._is_pending = True
            self._stop_waiting()
            self._floor.mark_busy(self)
        else:
            self._parts.append(data)
            self._missing = found
            if self._patience is None:
                self._wait_for_headers()

    def _answer(self, answer: bytes) -> None:
        """The commit is done, or was given up."""
        self._is_pending = False
        if self._settled is not None:
            self._settled.set_result(None)
        if self.transport is None:
            return
        self.transport.write(answer)
        if self.writing_paused:  # it has sent thousands and read none of the answers
            self.force_close()
            return
        self._floor.mark_quiet(self)
        if self._held:
            held, self._held = self._held, b""
            self.transport.resume_reading()
            self.data_received(held)

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > _HELD_BYTES_MAX and self.transport is not None:
            self.transport.pause_reading()

    def _leave_lane(self, data: bytes) -> None:
        self._is_in_lane = False
        self._receive(data)

    # ------------------------------------------------------------------ with aiohttp

    def _receive(self, data: bytes) -> None:
        """Headers are measured before the parser sees them."""
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
        if self._is_pending:
            self._settled = self._loop.create_future()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._settled
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

    # ------------------------------------------------------------------ patience

    def _wait_for_headers(self) -> None:
        self._patience = self._loop.call_later(self._floor.limits.header_seconds, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self._parts:  # the headers were there in time; aiohttp's handler grants the body its own
            self._leave_lane(b"".join(self._parts))
        else:
            self._reject(Refusal.HEADER_TIMEOUT)

    def _reject(self, reason: Refusal) -> None:
        """Answer without a request, and close."""
        self._stop_waiting()
        self._floor.count(reason)
        if self.transport is None or not (self._header_bytes or reason is Refusal.HEADER_TOO_LARGE):
            self.force_close()
            return
        line = f"HTTP/1.1 {reason.status} {HTTPStatus(reason.status).phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        self.transport.write(line.encode())
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # Closing with something unread would send a reset, and the peer would not see the answer.
        self._is_rejected = True
        self._patience = self._loop.call_later(self._floor.limits.linger_seconds, self.force_close)
