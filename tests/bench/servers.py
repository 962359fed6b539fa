"""The servers that are compared: a bare aiohttp handler that reads, parses and answers 200, and ingestd's own intake.

Run as a program: prints its port, serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import msgspec
import uvloop
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from ingestd.ambient import SystemClock, SystemIds
from ingestd.core.mail.source import MailSource
from ingestd.core.sources import SourceKind
from ingestd.intake.gate import Gate
from ingestd.intake.http import Webhooks
from ingestd.intake.server import listen, make_runner
from ingestd.intake.settings import Bearer, Secret, ServerLimits, SourceDoor
from ingestd.intake.smtp import SmtpListener
from ingestd.intake.smtp_settings import SmtpSettings
from ingestd.store.database import ThreadedDatabase
from ingestd.store.migrate import migrate
from ingestd.telemetry.metrics import Metrics

TOKEN = "correct-horse-battery-staple"
PATH = "/api/v1/webhooks/alertmanager"


class Alert(msgspec.Struct):
    """What Alertmanager says of one alert."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str  # noqa: N815 (the sender's word)
    endsAt: str  # noqa: N815 (the sender's word)
    generatorURL: str  # noqa: N815 (the sender's word)
    fingerprint: str


class Notification(msgspec.Struct):
    """What Alertmanager sends."""

    receiver: str
    status: str
    alerts: list[Alert]
    groupLabels: dict[str, str]  # noqa: N815 (the sender's word)
    commonLabels: dict[str, str]  # noqa: N815 (the sender's word)
    commonAnnotations: dict[str, str]  # noqa: N815 (the sender's word)
    externalURL: str  # noqa: N815 (the sender's word)
    version: str
    groupKey: str  # noqa: N815 (the sender's word)
    truncatedAlerts: int = 0  # noqa: N815 (the sender's word)


def bare(parse: Callable[[bytes], object]) -> web.Application:
    """The yardstick: nothing that a server could leave out."""

    async def handle(request: web.Request) -> web.Response:
        parse(await request.read())
        return web.Response(status=200)

    app = web.Application(client_max_size=4 * 1024**2)
    app.router.add_post(PATH, handle)
    return app


async def serve_bare(parse: Callable[[bytes], object]) -> int:
    """Serve the yardstick; gives the port."""
    runner = web.AppRunner(bare(parse), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    return runner.addresses[0][1]


async def serve_ingestd(database_path: Path) -> int:
    """Serve ingestd's intake as it is in production: bearer token, SQLite file, a sync before each answer; gives the port."""
    database = ThreadedDatabase(f"sqlite:///{database_path}")
    await database.run(migrate)
    metrics, clock = Metrics(), SystemClock()
    gate = Gate(database, clock, SystemIds(), metrics, lambda: None)
    door = SourceDoor("alertmanager", SourceKind.ALERTMANAGER, Bearer((Secret.of(TOKEN),)))
    app = web.Application()
    webhooks = Webhooks(gate, [door], clock, metrics)
    runner = make_runner(app, webhooks, ServerLimits(), metrics)
    await runner.setup()
    return await listen(runner, "127.0.0.1", 0)


class TakesAll:
    """The yardstick for mail: says 250 and keeps nothing."""

    async def handle_DATA(self, _server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802 (aiosmtpd's name)
        return "250 OK"


async def serve_aiosmtpd() -> int:
    """Serve the yardstick for mail; gives the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(TakesAll(), loop=loop, hostname="mx.example.com"), "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])


async def serve_mail(database_path: Path) -> int:
    """Serve ingestd's listener for mail as it is in production, for a relay of ours; gives the port."""
    database = ThreadedDatabase(f"sqlite:///{database_path}")
    await database.run(migrate)
    metrics = Metrics()
    gate = Gate(database, SystemClock(), SystemIds(), metrics, lambda: None)
    sources = {"nagios": MailSource(recipients=("alerts@example.com",))}
    settings = SmtpSettings("mx.example.com", sources, trusted_networks=(ip_network("127.0.0.1"),))
    return await SmtpListener(gate, settings, metrics).start("127.0.0.1", 0)


async def main() -> None:
    """``servers.py KIND CORE [DATABASE]``."""
    kind, core, *rest = sys.argv[1:]
    os.sched_setaffinity(0, set(map(int, core.split(","))))
    match kind.split("@")[0]:
        case "json":
            port = await serve_bare(json.loads)
        case "msgspec":
            port = await serve_bare(msgspec.json.Decoder(Notification).decode)
        case "ingestd":
            port = await serve_ingestd(Path(rest[0]))
        case "aiosmtpd":
            port = await serve_aiosmtpd()
        case "mail":
            port = await serve_mail(Path(rest[0]))
        case _:
            raise SystemExit(f"there is no server {kind!r}")
    print(port, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1].endswith("@uvloop"):
        uvloop.run(main())
    else:
        asyncio.run(main())
