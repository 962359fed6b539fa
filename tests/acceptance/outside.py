"""The outside world on real sockets: the connectors' own stand-ins behind an HTTP server, and a mail server that keeps what it takes."""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from ingestd.errors import DeliveryError
from ingestd.ports import HttpReply, HttpRequest

T = TypeVar("T")

_NOT_PASSED_ON = {"content-length", "transfer-encoding", "connection"}


def now() -> datetime:
    """The clock of the outside: these tests are about real time."""
    return datetime.now(UTC)


def read_maildir(folder: Path) -> list[EmailMessage]:
    """The messages that have arrived whole; none if the folder is not there yet."""
    paths = sorted((folder / "new").glob("*"))
    return [_message(path.read_bytes()) for path in paths]


def _message(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage), "the policy makes these"
    return message


class LoopThread:
    """An event loop that turns in a thread of its own."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Fake(Protocol):
    """What every connector's stand-in can do."""

    async def handle(self, request: HttpRequest) -> HttpReply: ...


class FakeServer:
    """A stand-in on a real socket: it outlives every daemon that speaks to it.

    Where the stand-in has no answer (a lost reply), the connection is cut. ``travel_seconds`` is how long a request is on its way,
    and then its reply.
    """

    def __init__(self, fake: Fake, *, travel_seconds: float = 0.0) -> None:
        self.fake = fake
        self.travel_seconds = travel_seconds
        self.under_way = 0
        """How many requests have come and are not answered."""
        self._thread = LoopThread(type(fake).__name__)
        self.port = self._thread.run(self._start())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, look: Callable[[], T]) -> T:
        """What ``look`` sees between two requests, never within one."""

        async def call() -> T:
            return look()

        return self._thread.run(call())

    def close(self) -> None:
        self._thread.run(self._runner.cleanup())
        self._thread.close()

    async def _start(self) -> int:
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=256).start()
        return int(self._runner.addresses[0][1])

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.under_way += 1
        try:
            return await self._relay(request)
        finally:
            self.under_way -= 1

    async def _relay(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = HttpRequest(request.method, f"http://{request.host}{request.raw_path}", dict(request.headers), body)
        try:
            await asyncio.sleep(self.travel_seconds)
            reply = await self.fake.handle(asked)
            await asyncio.sleep(self.travel_seconds)
        except DeliveryError:
            assert request.transport is not None, "the request came over it"
            request.transport.abort()
            return web.Response(status=500)
        headers = {name: value for name, value in reply.headers.items() if name.lower() not in _NOT_PASSED_ON}
        return web.Response(status=reply.status, headers=headers, body=reply.body)


class MailServer:
    """An SMTP server that keeps every message, once for each of its receivers."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, EmailMessage]] = []
        self._thread = LoopThread("mail server")
        self._server: asyncio.Server
        self.port = self._thread.run(self._start())

    async def _start(self) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, loop=loop, hostname="mx.example.com"), "127.0.0.1", 0
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        message = _message(envelope.content if isinstance(envelope.content, bytes) else b"")
        self.taken += [(receiver, message) for receiver in envelope.rcpt_tos]
        return "250 kept"

    def close(self) -> None:
        self._thread.run(self._stop())
        self._thread.close()

    async def _stop(self) -> None:
        self._server.close()
