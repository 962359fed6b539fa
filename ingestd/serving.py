"""A daemon as a process: logging, signals, systemd, and exit codes that a supervisor understands."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import sys
from pathlib import Path

import structlog
from pydantic_core import PydanticCustomError

from ingestd import __version__
from ingestd.app import Daemon
from ingestd.config.load import Loaded
from ingestd.config.problems import ConfigProblems, render_all
from ingestd.config.quantities import parse_listen
from ingestd.errors import IngestdError
from ingestd.reloading.reading import load_all
from ingestd.telemetry import log_events, logging
from ingestd.telemetry.systemd_notify import SystemdNotify

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

EXIT_CONFIG = 78
"""EX_CONFIG: the unit does not restart after it, since only an admin can mend it."""
EXIT_FAILED = 1
_TAKEN = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL})


def serve(
    config_path: Path, *, listen: str | None = None, log_level: str | None = None, log_format: str | None = None
) -> int:
    """Run the daemon until SIGTERM or SIGINT; the exit code. What is given here goes before the configuration."""
    with contextlib.suppress(KeyboardInterrupt):
        return asyncio.run(run(config_path, listen=listen, log_level=log_level, log_format=log_format))
    return 130


async def run(config_path: Path, *, listen: str | None, log_level: str | None, log_format: str | None) -> int:
    """Serve until a signal; the exit code."""
    hangup = asyncio.Event()
    # From the first moment on: left alone, the signal would end a process that is still starting.
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    try:
        loaded, registry = load_all(config_path)
        at = parse_listen(listen) if listen else None
        daemon = Daemon(config_path, loaded, registry)
    except ConfigProblems as error:
        return _refuse(render_all(error.problems), EXIT_CONFIG)
    except PydanticCustomError as error:
        return _refuse(
            f"ingestd: --web.listen-address: {error}\n  {(error.context or {}).get('hint', '')}", EXIT_CONFIG
        )
    except (IngestdError, ValueError) as error:
        return _refuse(f"ingestd: {error}", EXIT_CONFIG)

    def set_up_log(loaded: Loaded) -> None:
        logging.configure(log_level or loaded.config.log.level, log_format or loaded.config.log.format, daemon.secrets)

    def take_over(loaded: Loaded) -> None:
        set_up_log(loaded)
        _log_lint(loaded)

    set_up_log(loaded)
    daemon.on_reload = take_over
    log.info(log_events.DAEMON_STARTED, version=__version__, config=str(config_path), rules=loaded.ruleset.count)
    _log_lint(loaded)
    # What is loaded by now stays for good. Without walking through it a full collection stops the loop for 12 ms instead of 70.
    gc.collect()
    gc.freeze()
    try:
        await daemon.start((at.host, at.port) if at else None)
    except (IngestdError, OSError) as error:
        if isinstance(error, OSError) and error.errno in _TAKEN:
            text = f"ingestd: cannot listen on {at or loaded.config.server.listen}: {os.strerror(error.errno)}"
            return _refuse(f"{text}\n  stop what listens there, or change server.listen", EXIT_FAILED)
        hint = getattr(error, "hint", "")
        return _refuse(f"ingestd: {error}" + (f"\n  {hint}" if hint else ""), EXIT_FAILED)
    await _until_told(daemon, hangup)
    log.info(log_events.DAEMON_STOPPED)
    return 0


def _log_lint(loaded: Loaded) -> None:
    for problem in loaded.lint:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        log.warning(log_events.CONFIG_LINT, place=place, text=problem.text)


def _refuse(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code


async def _until_told(daemon: Daemon, hangup: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    notify = SystemdNotify(os.environ)
    notify.ready("serving")
    beside = [
        loop.create_task(notify.keep_fed(daemon.watch.stalled)),
        loop.create_task(_reload_at(hangup, daemon, notify)),
    ]
    await told.wait()
    notify.stopping()
    log.info(log_events.DAEMON_STOPPING)
    for task in beside:
        task.cancel()
    await daemon.stop()


async def _reload_at(hangup: asyncio.Event, daemon: Daemon, notify: SystemdNotify) -> None:
    """Reload whenever the signal comes. One that comes during a reload is followed by another reload."""
    while True:
        await hangup.wait()
        hangup.clear()
        notify.reloading()
        try:
            await daemon.reload()
        except Exception:
            # The next signal must find somebody who listens.
            log.exception(log_events.WORKER_FAILED, worker="reload")
        notify.ready("serving")
