"""The listener: an application behind bounded connections, with TLS whose certificate can be changed while it serves."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from ingestd.intake.connection import Connection
from ingestd.intake.floor import Floor
from ingestd.intake.http import Webhooks
from ingestd.intake.refusal import NO_SOURCE, Refusal
from ingestd.intake.settings import ServerLimits
from ingestd.telemetry.metrics import Metrics

_BACKLOG: Final = 1024
_NEVER_SECONDS: Final = 10 * 365.25 * 86_400
_NOT_OF_ONE_PAIR: Final = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


class Tls:
    """What the server shows: at least TLS 1.2, the key without a passphrase. ``reload`` takes a renewed pair over for new connections."""

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self._files = (cert_file, key_file)
        self.context = _context(*self._files)

    def reload(self) -> None:
        """Read both files again. Raises ``OSError`` and changes nothing if they do not fit together."""
        _context(*self._files)
        _load(self.context, *self._files)


def _context(cert_file: Path, key_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    _load(context, cert_file, key_file)
    return context


def _load(context: ssl.SSLContext, cert_file: Path, key_file: Path) -> None:
    try:
        # With an empty passphrase OpenSSL asks for none on the terminal.
        context.load_cert_chain(cert_file, key_file, password="")
    except ssl.SSLError as error:
        is_mismatch = error.reason in _NOT_OF_ONE_PAIR
        why = (
            "they do not belong together"
            if is_mismatch
            else f"{error.reason or error}; both must be PEM, the key without a passphrase"
        )
        raise OSError(f"certificate {cert_file} and key {key_file} cannot be used: {why}") from error


def make_runner(
    app: web.Application, webhooks: Webhooks, limits: ServerLimits, metrics: Metrics, *, drain_seconds: float = 10.0
) -> web.AppRunner:
    """The runner of an application, to which it adds the webhooks' routes, and whose connections keep to the limits.

    ``cleanup`` waits ``drain_seconds`` for answers under way.
    """
    app.add_routes(webhooks.routes())
    return _Runner(app, webhooks, limits, metrics, drain_seconds=drain_seconds)


async def listen(runner: web.AppRunner, host: str, port: int, tls: Tls | None = None) -> int:
    """Open the listener of a runner that is set up; gives the port, which the system chooses if ``port`` is 0. Raises ``OSError``."""
    assert isinstance(runner, _Runner), "make_runner makes it"
    site = _Site(runner, host, port, tls)
    await site.start()
    return site.port


class _Server(web.Server):
    """aiohttp's factory of connections, making ours."""

    def __init__(self, inner: web.Server, webhooks: Webhooks, floor: Floor, options: dict[str, Any]) -> None:
        super().__init__(inner.request_handler, request_factory=inner.request_factory)
        self._lane = webhooks.lane
        self._floor = floor
        self._options = options

    def __call__(self) -> Connection:
        return Connection(self, floor=self._floor, lane=self._lane, loop=asyncio.get_running_loop(), **self._options)


class _Runner(web.AppRunner):
    def __init__(
        self,
        app: web.Application,
        webhooks: Webhooks,
        limits: ServerLimits,
        metrics: Metrics,
        *,
        drain_seconds: float,
    ) -> None:
        super().__init__(app, shutdown_timeout=drain_seconds)
        self._webhooks = webhooks
        self.limits = limits
        self._metrics = metrics

    async def _make_server(self) -> web.Server:
        limits = self.limits
        options = {
            "keepalive_timeout": _NEVER_SECONDS,  # the floor sweeps
            "max_line_size": limits.header_line_bytes_max,
            "max_field_size": limits.header_line_bytes_max,
            "max_headers": limits.header_count_max,
            "lingering_time": limits.linger_seconds,
            "access_log": None,
            "auto_decompress": False,  # 200 kB of zeros, compressed, stop the loop for a second
        }
        return _Server(await super()._make_server(), self._webhooks, Floor(limits, self._count), options)

    def _count(self, reason: Refusal) -> None:
        self._metrics.refused.labels(NO_SOURCE, reason.value).inc()


class _Site(web.BaseSite):
    """As ``web.TCPSite``, but a TLS handshake has a deadline too."""

    def __init__(self, runner: _Runner, host: str, port: int, tls: Tls | None) -> None:
        super().__init__(runner, ssl_context=tls.context if tls else None, backlog=_BACKLOG)
        self._host = host
        self.port = port
        self._header_seconds = runner.limits.header_seconds

    @property
    def name(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._ssl_context else 'http'}://{host}:{self.port}"

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None, "BaseSite refuses a runner that is not set up"
        listener = await asyncio.get_running_loop().create_server(
            server,
            self._host,
            self.port,
            ssl=self._ssl_context,
            backlog=self._backlog,
            ssl_handshake_timeout=self._header_seconds if self._ssl_context else None,
        )
        self._server = listener
        self.port = listener.sockets[0].getsockname()[1]
