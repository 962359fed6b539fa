"""The listener for mail as it is in the daemon, and clients that speak bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingestd.core.mail.arrival import Arrival, parted
from ingestd.core.mail.source import MailSource
from ingestd.intake.gate import Gate
from ingestd.intake.smtp import SmtpListener
from ingestd.intake.smtp_settings import SmtpLimits, SmtpSettings
from ingestd.store import inbox
from ingestd.store.database import ThreadedDatabase
from ingestd.telemetry.metrics import Metrics

TO = "alerts@example.com"
MAIL = b"From: disk@example.com\r\nSubject: full\r\n\r\n/ is full\r\n"
SOURCES = {
    "alerts": MailSource(recipients=(TO,)),
    "disks": MailSource(recipients=("alerts+disk@example.com", "disks@example.com")),
}


@dataclass(frozen=True)
class Reply:
    """An answer: its code, and its lines without it."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


class Client:
    """A connection to the listener."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def reply(self) -> Reply:
        """The next answer. Raises ``IncompleteReadError`` if the connection ends before it."""
        lines = []
        async with asyncio.timeout(20):
            while True:
                line = (await self.reader.readuntil(b"\r\n")).decode().rstrip("\r\n")
                lines.append(line[4:])
                if line[3] == " ":
                    return Reply(int(line[:3]), tuple(lines))

    async def ask(self, command: str) -> Reply:
        self.send(f"{command}\r\n".encode())
        return await self.reply()

    async def codes(self, *commands: str) -> list[int]:
        """The codes of the answers, each asked when the one before was answered."""
        return [(await self.ask(command)).code for command in commands]

    async def greet(self) -> Reply:
        assert (await self.reply()).code == 220
        return await self.ask("EHLO client.example.com")

    async def hand_in(
        self, mail: bytes = MAIL, recipients: Sequence[str] = (TO,), sender: str = "disk@example.com"
    ) -> Reply:
        """One message; the answer to its end. It must be without a dot at the begin of a line."""
        assert (await self.ask(f"MAIL FROM:<{sender}>")).code == 250
        for recipient in recipients:
            assert (await self.ask(f"RCPT TO:<{recipient}>")).code == 250
        assert (await self.ask("DATA")).code == 354
        self.send(mail + b".\r\n")
        return await self.reply()

    async def encrypt(self) -> None:
        """From here on TLS."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        await self.writer.start_tls(context)

    async def end(self) -> bytes:
        """What comes until the other side closes."""
        async with asyncio.timeout(20):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    def close(self) -> None:
        self.writer.transport.abort()


@dataclass
class Mailroom:
    """A running listener."""

    port: int
    listener: SmtpListener
    gate: Gate
    database: ThreadedDatabase
    metrics: Metrics
    clients: list[Client] = field(default_factory=list)

    async def client(self, **options: object) -> Client:
        """A new connection that has not been greeted."""
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self.clients.append(client)
        return client

    async def greeted(self) -> Client:
        """A new connection after EHLO."""
        client = await self.client()
        await client.greet()
        return client

    async def stored(self) -> list[tuple[str, Arrival, bytes]]:
        """What is on disk, oldest first: source, arrival and the message."""
        envelopes = await self.database.read(inbox.oldest_waiting, 1000)
        found = []
        for envelope in envelopes:
            taken = parted(envelope.body)
            assert taken is not None, "the desk wrote it"
            found.append((envelope.source, *taken))
        return found

    async def messages(self) -> list[bytes]:
        return [text for _, _, text in await self.stored()]

    def refused(self, reason: str) -> float:
        """How often something was refused for this reason."""
        labels = {"source": "", "reason": reason}
        return self.metrics.registry.get_sample_value("ingestd_envelopes_refused_total", labels) or 0.0

    def connections(self) -> float | None:
        return self.metrics.registry.get_sample_value("ingestd_smtp_connections")


def settings_of(limits: SmtpLimits | None = None, **given: object) -> SmtpSettings:
    """Settings with the sources of ``SOURCES``."""
    return SmtpSettings("mx.example.com", **{"sources": SOURCES, "limits": limits or SmtpLimits(), **given})
