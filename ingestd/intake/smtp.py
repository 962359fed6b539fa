"""The listener for mail: aiosmtpd's protocol on the daemon's own loop, without a thread, with bounds of our own."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Literal

from ingestd.intake.gate import Gate
from ingestd.intake.server import Tls
from ingestd.intake.smtp_connection import SmtpConnection
from ingestd.intake.smtp_desk import SmtpDesk
from ingestd.intake.smtp_refusal import SmtpRefusal
from ingestd.intake.smtp_settings import SmtpSettings
from ingestd.telemetry.metrics import Metrics

TlsMode = Literal["starttls", "implicit"]
_BACKLOG = 256
_LOOK_SECONDS = 0.02


class SmtpListener:
    """Takes mail for the sources, and answers 250 when it is on disk. ``tls`` is offered in the way that ``mode`` says."""

    def __init__(
        self,
        gate: Gate,
        settings: SmtpSettings,
        metrics: Metrics,
        tls: Tls | None = None,
        mode: TlsMode = "starttls",
    ) -> None:
        self._desk = SmtpDesk(gate, settings, metrics)
        self._tls = tls
        self._is_implicit = tls is not None and mode == "implicit"
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Open it; gives the port, which the system chooses if ``port`` is 0. Raises ``OSError``."""
        is_implicit = self._is_implicit and self._tls is not None
        self._server = await asyncio.get_running_loop().create_server(
            self._connection,
            host or None,
            port,
            ssl=self._tls.context if self._tls is not None and is_implicit else None,
            backlog=_BACKLOG,
            ssl_handshake_timeout=self._desk.settings.limits.command_seconds if is_implicit else None,
        )
        return int(self._server.sockets[0].getsockname()[1])

    def replace(self, settings: SmtpSettings) -> None:
        """From now on these hold, also for connections that are open. What the listener calls itself they keep."""
        self._desk.replace(settings)

    def reload_certificate(self) -> None:
        """Take a renewed pair over for new handshakes. Raises ``OSError`` and changes nothing if they do not fit."""
        if self._tls is not None:
            self._tls.reload()

    async def stop(self, *, seconds_max: float = 10.0) -> None:
        """Take nothing more: who is idle or still sending is told 421, and what is on its way to the disk is answered first."""
        if self._server is None:
            return
        self._server.close()
        floor = self._desk.floor
        for guest in floor.guests:
            guest.dismiss(SmtpRefusal.STOPPING)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds_max):
                while floor.guests:  # noqa: ASYNC110 (each leaves in its own time, and nobody waits for one of them)
                    await asyncio.sleep(_LOOK_SECONDS)
        for guest in floor.guests:
            guest.abort()

    def _connection(self) -> SmtpConnection:
        return SmtpConnection(self._desk, self._tls.context if self._tls else None, is_implicit=self._is_implicit)
