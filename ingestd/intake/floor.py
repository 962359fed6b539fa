"""The connections of one listener: how many there are, and which of them wait for their peer, the longest first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp.web_protocol import RequestHandler

from ingestd.intake.refusal import Refusal
from ingestd.intake.settings import ServerLimits


class Floor:
    """Bounds the number of connections, and lets go those that have been quiet for too long. A quiet one waits for its peer."""

    def __init__(self, limits: ServerLimits, count: Callable[[Refusal], None]) -> None:
        self.limits = limits
        self.count = count
        """Called with the reason of each refusal that no handler sees."""
        self._loop = asyncio.get_running_loop()
        self._connections_count = 0
        self._quiet_since: dict[RequestHandler, float] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    def enter(self, connection: RequestHandler) -> None:
        """One more. If that is one too many, the one that has been quiet for longest goes; if all others are at work, the newcomer."""
        self._connections_count += 1
        self.mark_quiet(connection)
        if self._connections_count > self.limits.connections_max:
            self.count(Refusal.CONNECTIONS)
            self._dismiss(next(iter(self._quiet_since)))

    def leave(self, connection: RequestHandler) -> None:
        """One less."""
        self._connections_count -= 1
        self._quiet_since.pop(connection, None)

    def is_quiet(self, connection: RequestHandler) -> bool:
        """Whether it waits for its peer."""
        return connection in self._quiet_since

    def mark_busy(self, connection: RequestHandler) -> None:
        """The daemon works for it."""
        self._quiet_since.pop(connection, None)

    def mark_quiet(self, connection: RequestHandler) -> None:
        """It waits for its peer from now on."""
        self._quiet_since[connection] = self._loop.time()
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(self.limits.keep_alive_seconds / 4, self._sweep)

    def _sweep(self) -> None:
        """One timer for all: setting and cancelling one for each request costs more than this look at the oldest ones."""
        self._sweeping = None
        long_ago = self._loop.time() - self.limits.keep_alive_seconds
        for connection, since in list(self._quiet_since.items()):
            if since > long_ago:
                break
            self._dismiss(connection)
        if self._quiet_since:
            self._sweeping = self._loop.call_later(self.limits.keep_alive_seconds / 4, self._sweep)

    def _dismiss(self, connection: RequestHandler) -> None:
        del self._quiet_since[connection]
        connection.force_close()
