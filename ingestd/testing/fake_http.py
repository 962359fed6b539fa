"""An ``HttpClient`` that reaches fake services, by host: with the time that a network takes, and points where the process can die."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from ingestd.ambient import Chance
from ingestd.errors import TryLater
from ingestd.ports import HttpReply, HttpRequest

Service = Callable[[HttpRequest], Awaitable[HttpReply]]

SLOWEST_SECONDS = 2.0


class FakeHttp:
    """Each way takes up to two seconds of the loop's own time. A host that nobody serves is not reachable."""

    def __init__(
        self, services: Mapping[str, Service], chance: Chance, on_call: Callable[[str], None] = lambda _what: None
    ) -> None:
        self._services = services
        self._chance = chance
        self._on_call = on_call

    async def send(self, request: HttpRequest) -> HttpReply:
        """See ``HttpClient``."""
        host = urlsplit(request.url).netloc
        service = self._services.get(host)
        if service is None:
            raise TryLater(f"{host} cannot be reached")
        await asyncio.sleep(self._chance.uniform(0.0, SLOWEST_SECONDS))
        self._on_call(f"before {request.method} {host}")
        reply = await service(request)
        self._on_call(f"after {request.method} {host}")
        await asyncio.sleep(self._chance.uniform(0.0, SLOWEST_SECONDS))
        return reply
