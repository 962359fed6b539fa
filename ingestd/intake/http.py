"""Webhooks over HTTP: ``POST`` or ``PUT /api/v1/webhooks/{source}``.

Answers 202 with the envelope's id once the raw body is committed, and nothing else means that it is stored. Everything else is a ``Refusal``,
counted by its reason. Any content type is taken: what a body is shows in its bytes, and an alert must not be lost over a header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

import msgspec
import structlog
from aiohttp import hdrs, web

from ingestd.ambient import Clock
from ingestd.core.names import EnvelopeId
from ingestd.errors import StoreBusy
from ingestd.intake import body as bodies
from ingestd.intake.answer import stored
from ingestd.intake.authenticate import checker_for, is_within
from ingestd.intake.gate import Gate, QueueFull, Replayed
from ingestd.intake.quiet import Quiet
from ingestd.intake.refusal import NO_SOURCE, Refusal, Refused
from ingestd.intake.settings import SourceDoor
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
PREFIX: Final = "/api/v1/webhooks/"
RETRY_AFTER_SECONDS: Final = 5
_JSON_HEADERS: Final = {hdrs.CONTENT_TYPE: "application/json"}
_METHODS: Final = {hdrs.METH_POST, hdrs.METH_PUT}
_CLOSING: Final = {Refusal.TOO_LARGE, Refusal.BODY_TIMEOUT, Refusal.BODY_BROKEN}
"""After these the next request begins nobody knows where, or too far away."""


class _Door:
    """A source with what is prepared once for it."""

    def __init__(self, settings: SourceDoor, metrics: Metrics) -> None:
        self.settings = settings
        self.checker = checker_for(settings.name, settings.auth)
        self.stored = metrics.envelopes.labels(settings.name)


class Webhooks:
    """The sources' doors. ``routes`` go into the application; ``replace`` takes over a new configuration while they serve."""

    def __init__(
        self, gate: Gate, doors: Iterable[SourceDoor], clock: Clock, metrics: Metrics, *, body_seconds: float = 20.0
    ) -> None:
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._body_seconds = body_seconds
        self._doors: dict[str, _Door] = {}
        self._quiet = Quiet()
        self.replace(doors)

    def replace(self, doors: Iterable[SourceDoor]) -> None:
        """From now on these are the sources. Requests that are being read go on with what they found."""
        self._doors = {door.name: _Door(door, self._metrics) for door in doors}

    def routes(self) -> list[web.RouteDef]:
        """What the application's router needs: one path, every method, so that a GET is told what is wrong."""
        return [web.route(hdrs.METH_ANY, PREFIX + "{source}", self.handle)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request that the router has found."""
        door = self._doors.get(request.match_info["source"])
        if door is None:
            return self._refuse(request, None, Refused(Refusal.UNKNOWN_SOURCE))
        return await self._answer(request, door)

    def before(self, handler: Handler) -> Handler:
        """The same answers, but what is plainly for one of the doors does not take the way through the application behind it.

        Router, match and middlewares cost a fifth of the time of a bare request, measured. Whatever is not plain goes to ``handler``.
        """

        def handle(request: web.Request) -> Awaitable[web.StreamResponse]:
            path = request.raw_path
            door = self._doors.get(path[len(PREFIX) :]) if path.startswith(PREFIX) else None
            if door is None or hdrs.EXPECT in request.headers:  # the application sends "100 Continue"
                return handler(request)
            return self._answer(request, door)

        return handle

    async def _answer(self, request: web.Request, door: _Door) -> web.StreamResponse:
        """Raises only when it is cancelled; an error that nobody foresaw is a 503, like any other trouble of ours."""
        try:
            envelope_id = await self._store(request, door)
        except Refused as refused:
            return self._refuse(request, door, refused)
        except Exception:
            log.exception(log_events.ENVELOPE_NOT_STORED, source=door.settings.name)
            return self._refuse(request, door, Refused(Refusal.INTERNAL))
        door.stored.inc()
        return stored(request, envelope_id)

    async def _store(self, request: web.Request, door: _Door) -> EnvelopeId:
        settings, checker, headers = door.settings, door.checker, request.headers
        remote = request.remote or ""
        if request.method not in _METHODS:
            raise Refused(Refusal.METHOD)
        if settings.allowed_networks and not is_within(remote, settings.allowed_networks):
            raise Refused(Refusal.NETWORK)
        if hdrs.ORIGIN in headers:  # a page in somebody's browser must not be able to invent alerts on localhost
            raise Refused(Refusal.BROWSER)
        if not checker.admits(headers, self._clock.now()):
            raise Refused(Refusal.UNAUTHENTICATED)
        body = await bodies.read(request, settings.body_bytes_max, self._body_seconds)
        if checker.is_signed and not checker.proves(headers, body):
            raise Refused(Refusal.UNAUTHENTICATED)
        bodies.require_json(body)
        try:
            return await self._gate.receive(
                settings.name, settings.kind, body, remote, signature=checker.signature(headers)
            )
        except Replayed:
            raise Refused(Refusal.REPLAYED) from None
        except QueueFull:
            raise Refused(Refusal.QUEUE_FULL) from None
        except StoreBusy:
            raise Refused(Refusal.STORE_BUSY) from None

    def _refuse(self, request: web.Request, door: _Door | None, refused: Refused) -> web.Response:
        reason = refused.reason
        source = door.settings.name if door else NO_SOURCE
        self._metrics.refused.labels(source, reason.value).inc()
        if (count := self._quiet.count(source, reason, asyncio.get_running_loop().time())) is not None:
            log.warning(
                log_events.ENVELOPE_REFUSED, source=source, reason=reason.value, remote=request.remote, count=count
            )
        headers = dict(_JSON_HEADERS)
        if reason.status == 401 and door is not None:
            headers[hdrs.WWW_AUTHENTICATE] = door.checker.challenge
        if reason is Refusal.METHOD:
            headers[hdrs.ALLOW] = "POST, PUT"
        if reason.status == 503:
            headers[hdrs.RETRY_AFTER] = str(RETRY_AFTER_SECONDS)
        body = msgspec.json.encode({"error": reason.value, "detail": refused.detail or reason.hint})
        response = web.Response(status=reason.status, body=body, headers=headers)
        if reason in _CLOSING:
            response.force_close()
        return response
