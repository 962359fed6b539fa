"""What an acceptance test may start. Whatever it starts ends with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.daemon import DaemonProcess
from tests.acceptance.outside import FakeServer, MailServer


@pytest.fixture(autouse=True, scope="session")
def no_proxy() -> Iterator[None]:
    """Everything here is on loopback: no proxy of the machine may come between."""
    saved = os.environ.get("NO_PROXY")
    os.environ["NO_PROXY"] = "*"
    yield
    if saved is None:
        del os.environ["NO_PROXY"]
    else:
        os.environ["NO_PROXY"] = saved


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., DaemonProcess]]:
    """``start(config)`` is a daemon that is ready; ``start(config, wait=False)`` one that is not started yet."""
    daemons: list[DaemonProcess] = []

    def make(config: dict[str, Any], *, wait: bool = True, folder: Path = tmp_path, **options: Any) -> DaemonProcess:
        daemon = DaemonProcess(folder, config, **options)
        daemons.append(daemon)
        return daemon.start() if wait else daemon

    yield make
    for daemon in daemons:
        daemon.end()


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """``serve(fake)`` puts a stand-in on a socket; ``serve()`` is a mail server."""
    with ExitStack() as stack:

        def make(fake: Any = None, **options: Any) -> FakeServer | MailServer:
            server: FakeServer | MailServer = MailServer() if fake is None else FakeServer(fake, **options)
            stack.callback(server.close)
            return server

        yield make


@pytest.fixture(scope="session")
def notification() -> Callable[..., bytes]:
    """A body as Alertmanager sends it, with one alert of these labels."""

    def make(status: str = "firing", **labels: str) -> bytes:
        began = datetime(2026, 3, 2, 2, 14, tzinfo=UTC).isoformat()
        labels = {"alertname": "CheckoutDown", "severity": "critical", **labels}
        alert = {
            "status": status,
            "labels": labels,
            "annotations": {"summary": f"{labels['alertname']} on {labels.get('instance', 'it')}"},
            "startsAt": began,
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "",
        }
        return json.dumps({"version": "4", "status": status, "receiver": "ingestd", "alerts": [alert]}).encode()

    return make
