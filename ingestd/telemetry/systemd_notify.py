"""Tells systemd how the daemon is, by datagrams as ``sd_notify(3)`` and ``sd_watchdog_enabled(3)`` describe them.

Without ``NOTIFY_SOCKET`` (not started by systemd, or ``Type=simple``) nothing is sent and nothing fails.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from ingestd.core.safe_text import one_line
from ingestd.telemetry import log_events

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

STATUS_CHARS_MAX = 200
_SEND_SECONDS_MAX = 0.5
_FEEDS_PER_TIMEOUT = 3  # two feeds may be late before systemd loses patience


class SystemdNotify:
    """One end of the notification socket. ``environment`` is the process's, as systemd made it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self.watchdog_seconds = _watchdog_seconds(environment)
        """Silence for this long counts as death; None if systemd does not watch this process."""

    def ready(self, status: str) -> None:
        """The daemon serves: configuration valid, database migrated, listeners bound. Also ends a reload."""
        self._send("READY=1", _status(status))

    def reloading(self) -> None:
        """The configuration is read again; ``ready`` says when it is done."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", _status("reloading"))

    def stopping(self, status: str = "stopping: finishing what is under way") -> None:
        """The daemon has begun to stop."""
        self._send("STOPPING=1", _status(status))

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(_status(text))

    def feed(self) -> None:
        """Ask the watchdog for another term."""
        self._send("WATCHDOG=1")

    async def keep_fed(self, stalled: Callable[[], Sequence[str]]) -> None:
        """Feed the watchdog for as long as ``stalled`` names nothing. Lives until cancelled; ends at once without a watchdog.

        A hanging event loop cannot feed, so it is killed within the watchdog's time; a hanging worker is seen by ``stalled``.
        """
        if self.watchdog_seconds is None:
            return
        was_stalled = False
        while True:
            why = list(stalled())
            if why:
                self.status("; ".join(why))
                if not was_stalled:
                    log.error(log_events.ENGINE_STALLED, why=why)
            else:
                self.feed()
                if was_stalled:
                    self.status("running")
            was_stalled = bool(why)
            await asyncio.sleep(self.watchdog_seconds / _FEEDS_PER_TIMEOUT)

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(_SEND_SECONDS_MAX)
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.warning(log_events.NOTIFY_FAILED, error=str(error))


def _status(text: str) -> str:
    # A line end would begin another variable.
    return "STATUS=" + one_line(text, STATUS_CHARS_MAX)


def _address(name: str) -> str | None:
    """A path, or a name in the abstract namespace (written with ``@``, sent with NUL). Others, such as vsock, are not ours."""
    if name.startswith("@"):
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    watched = environment.get("WATCHDOG_PID", "")
    if watched and watched != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdigit() and int(microseconds) > 0 else None
