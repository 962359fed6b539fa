"""The access log: who asked for what and what they got, without query strings and without the secret of an acknowledge link."""

from __future__ import annotations

import structlog
from aiohttp.abc import AbstractAccessLogger
from aiohttp.web import BaseRequest, StreamResponse

from ingestd.core.safe_text import one_line
from ingestd.telemetry import log_events

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PATH_CHARS_MAX = 200
_QUIET = ("/-/", "/healthz", "/readyz", "/metrics", "/api/v1/webhooks/")
_LINK = "/p/"


def shown_path(path: str) -> str:
    """The path as it may be logged: short, on one line, and nothing of a link beyond ``/p/``."""
    if path.startswith(_LINK):
        return f"{_LINK}***"
    return one_line(path, PATH_CHARS_MAX)


class AccessLog(AbstractAccessLogger):
    """Hand this class to aiohttp as ``access_log_class``. Probes and webhooks that went well are logged at debug only."""

    def log(self, request: BaseRequest, response: StreamResponse, time: float) -> None:
        """One event per answer; ``time`` is in seconds."""
        path = request.path
        if response.status >= 500:
            write = log.warning
        elif response.status < 400 and path.startswith(_QUIET):
            write = log.debug
        else:
            write = log.info
        write(
            log_events.REQUEST_ANSWERED,
            method=request.method,
            path=shown_path(path),
            status=response.status,
            bytes=response.body_length,
            ms=round(time * 1000, 1),
            remote=request.remote,
        )
