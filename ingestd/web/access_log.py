"""The access log: who asked for what and what they got, without query strings and without the secret of an acknowledge link or a calendar."""

from __future__ import annotations

import re
from typing import Final

import structlog
from aiohttp import web

from ingestd.core.safe_text import one_line
from ingestd.telemetry import log_events

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PATH_CHARS_MAX = 200
_QUIET = ("/-/healthy", "/-/ready", "/healthz", "/readyz", "/metrics")
_SECRET_BEGINS: Final = re.compile(r"/(?:p|calendars)[^/\w]*/", re.IGNORECASE)
"""Wherever it stands and however it is spelt: who types an address off a phone writes ``/P/``."""


def shown_path(path: str) -> str:
    """The path as it may be logged: short, on one line, and nothing of a secret address beyond ``/p/`` or ``/calendars/``."""
    secret = _SECRET_BEGINS.search(path)
    return one_line(path if secret is None else f"{path[: secret.end()]}***", PATH_CHARS_MAX)


def note(request: web.Request, status: int, seconds: float) -> None:
    """One log event per answer. Probes that went well are logged at debug only."""
    if status >= 500:
        write = log.warning
    elif status < 400 and request.path in _QUIET:
        write = log.debug
    else:
        write = log.info
    write(
        log_events.REQUEST_ANSWERED,
        method=request.method,
        path=shown_path(request.path),
        status=status,
        ms=round(seconds * 1000, 1),
        remote=request.remote,
    )
