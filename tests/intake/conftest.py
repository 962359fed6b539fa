"""Intake as it is in the daemon, on loopback sockets and a real SQLite file; peers that speak bytes, politely or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from ingestd.ambient import SystemIds
from ingestd.core.sources import SourceKind
from ingestd.intake.gate import Gate
from ingestd.intake.http import Webhooks
from ingestd.intake.server import Tls, listen, make_runner
from ingestd.intake.settings import Open, ServerLimits, SourceDoor
from ingestd.intake.smtp import SmtpListener, TlsMode
from ingestd.intake.smtp_settings import SmtpLimits
from ingestd.store import inbox
from ingestd.store.database import ThreadedDatabase
from ingestd.store.migrate import migrate
from ingestd.telemetry.metrics import Metrics
from tests.intake.mailroom import Mailroom, settings_of

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALERT = b'{"version":"4","status":"firing","alerts":[{"status":"firing","labels":{"alertname":"X"}}]}\n'
"""A body that is as good as any."""


class SetClock:
    """A clock that stands where it is set."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def pass_seconds(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Answer:
    """What a peer got."""

    status: int
    headers: dict[str, str]
    body: bytes


class Peer:
    """A client that writes bytes and reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        """The next answer. Raises ``IncompleteReadError`` if the connection ends before it."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(status.split(" ")[1]), headers, body)

    async def ask(self, data: bytes) -> Answer:
        self.send(data)
        return await self.answer()

    async def end(self) -> bytes:
        """What comes until the other side closes."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class House:
    """A running intake."""

    port: int
    clock: SetClock
    metrics: Metrics
    webhooks: Webhooks
    gate: Gate
    database: ThreadedDatabase
    runner: web.AppRunner
    tls: Tls | None
    peers: list[Peer]

    async def peer(self, **options: object) -> Peer:
        """A new connection."""
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self.peers.append(peer)
        return peer

    async def ask(self, data: bytes) -> Answer:
        """One request on a connection of its own."""
        return await (await self.peer()).ask(data)

    async def stored(self) -> list[inbox.Envelope]:
        """The envelopes on disk, oldest first."""
        return await self.database.read(inbox.oldest_waiting, 1000)

    def refused(self, reason: str, source: str = "alertmanager") -> float:
        """How often a request was refused for this reason."""
        labels = {"source": source, "reason": reason}
        return self.metrics.registry.get_sample_value("ingestd_envelopes_refused_total", labels) or 0.0


Build = Callable[..., Awaitable[House]]


@pytest.fixture
async def build(tmp_path: Path) -> AsyncIterator[Build]:
    """``await build(doors, limits)`` opens a house; all are closed after the test."""
    houses: list[House] = []

    async def make(
        doors: Sequence[SourceDoor] = (SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Open()),),
        limits: ServerLimits | None = None,
        *,
        tls: Tls | None = None,
    ) -> House:
        limits = limits or ServerLimits()
        database = ThreadedDatabase(f"sqlite:///{tmp_path}/intake{len(houses)}.db")
        await database.run(migrate)
        metrics, clock = Metrics(), SetClock()
        gate = Gate(database, clock, SystemIds(), metrics, lambda: None)
        webhooks = Webhooks(gate, doors, clock, metrics, body_seconds=limits.body_seconds)
        runner = make_runner(web.Application(), webhooks, limits, metrics, drain_seconds=5.0)
        await runner.setup()
        port = await listen(runner, "127.0.0.1", 0, tls)
        houses.append(House(port, clock, metrics, webhooks, gate, database, runner, tls, []))
        return houses[-1]

    yield make
    for house in houses:
        for peer in house.peers:
            peer.close()
        await house.runner.cleanup()
        await house.gate.drain()
        house.database.close()


@pytest.fixture
async def open_mailroom(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Mailroom]]]:
    """``await open_mailroom(limits, allowed_networks=...)`` opens a listener for mail; all are closed after the test."""
    rooms: list[Mailroom] = []

    async def make(
        limits: SmtpLimits | None = None, *, tls: Tls | None = None, mode: TlsMode = "starttls", **settings: object
    ) -> Mailroom:
        database = ThreadedDatabase(f"sqlite:///{tmp_path}/mail{len(rooms)}.db")
        await database.run(migrate)
        metrics = Metrics()
        gate = Gate(database, SetClock(), SystemIds(), metrics, lambda: None)
        listener = SmtpListener(gate, settings_of(limits, **settings), metrics, tls, mode)
        rooms.append(Mailroom(await listener.start("127.0.0.1", 0), listener, gate, database, metrics))
        return rooms[-1]

    yield make
    for room in rooms:
        for client in room.clients:
            client.close()
        await room.listener.stop(seconds_max=2)
        await room.gate.drain()
        room.database.close()


def request_of(
    body: bytes = ALERT, *, method: str = "POST", source: str = "alertmanager", headers: dict[str, str] | None = None
) -> bytes:
    """A request as Alertmanager writes it."""
    named = {
        "Host": "ingestd.example:8095",
        "User-Agent": "Alertmanager/0.25.0",
        "Content-Length": str(len(body)),
        "Content-Type": "application/json",
        **(headers or {}),
    }
    lines = [f"{method} /api/v1/webhooks/{source} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def until(holds: Callable[[], object]) -> None:
    """Return when something holds that another part of the process brings about."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.005)
