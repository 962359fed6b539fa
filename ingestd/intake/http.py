"""Webhooks over HTTP: ``POST`` or ``PUT /api/v1/webhooks/{source}``, and Alertmanager's API: ``POST /api/v2/alerts``.

Answers 202 (that API: 200) with the envelope's id once the raw body is committed, and nothing else means that it is stored. Everything else
is a ``Refusal``, counted by its reason. Any content type is taken: what a body is shows in its bytes, and an alert must not be lost over a header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog
from aiohttp import hdrs, web

from ingestd.ambient import Clock
from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceKind
from ingestd.core.sources.embedded_json import is_form
from ingestd.errors import StoreBusy
from ingestd.intake.body import read_body
from ingestd.intake.door import Door
from ingestd.intake.gate import Gate, QueueFull, Replayed
from ingestd.intake.lane import Lane
from ingestd.intake.quiet import Quiet
from ingestd.intake.readable import require_json, require_list
from ingestd.intake.refusal import NO_SOURCE, RETRY_AFTER_SECONDS, Refusal, Refused
from ingestd.intake.settings import SourceDoor
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PREFIX: Final = "/api/v1/webhooks/"
API_PATH: Final = "/api/v2/alerts"
"""Where a Prometheus sends to; behind the path of a source, or alone where only one source can be meant."""
_JSON_HEADERS: Final = {hdrs.CONTENT_TYPE: "application/json"}
_METHODS: Final = {hdrs.METH_POST, hdrs.METH_PUT}
_CLOSING: Final = {Refusal.ENCODING, Refusal.TOO_LARGE, Refusal.BODY_TIMEOUT, Refusal.BODY_BROKEN}
"""After these the next request begins nobody knows where, or too far away."""


class Webhooks:
    """The sources' doors. ``routes`` go into the application; ``replace`` takes over a new configuration while they serve."""

    def __init__(
        self, gate: Gate, doors: Iterable[SourceDoor], clock: Clock, metrics: Metrics, *, body_seconds: float = 20.0
    ) -> None:
        self._gate = gate
        self._clock = clock
        self._metrics = metrics
        self._body_seconds = body_seconds
        self._doors: dict[str, Door] = {}
        self._quiet = Quiet()
        self.lane = Lane(gate, clock, self._note)
        self.replace(doors)

    def replace(self, doors: Iterable[SourceDoor]) -> None:
        """From now on these are the sources. Requests that are being read go on with what they found."""
        by_name = {door.name: Door(door, self._metrics) for door in doors}
        apis = {name: door for name, door in by_name.items() if door.settings.kind is SourceKind.ALERTMANAGER_API}
        self._doors = by_name | {f"{name}{API_PATH}": door for name, door in apis.items()}
        if len(apis) == 1:
            self._doors[API_PATH] = next(iter(apis.values()))
        self.lane.doors = self._doors
        self._api_count = len(apis)

    def routes(self) -> list[web.RouteDef]:
        """What the application's router needs: every method and all that may follow, so that whoever comes near hears what is wrong."""
        return [
            web.route(hdrs.METH_ANY, PREFIX + "{source:.*}", self.handle),
            web.route(hdrs.METH_ANY, API_PATH, self.handle),
        ]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request. Raises only when it is cancelled; an error that nobody foresaw is a 503, like any other trouble of ours."""
        source = request.match_info.get("source", API_PATH)
        door = self._doors.get(source)
        if door is None:
            return self._refuse(request, None, Refused(Refusal.UNKNOWN_SOURCE, self._nobody_at(source)))
        try:
            envelope_id = await self._store(request, door)
        except Refused as refused:
            return self._refuse(request, door, refused)
        except Exception:
            log.exception(log_events.ENVELOPE_NOT_STORED, source=door.settings.name)
            return self._refuse(request, door, Refused(Refusal.INTERNAL))
        door.stored.inc()
        return web.Response(
            status=door.status.value, body=b'{"envelope":"%b"}' % envelope_id.encode(), headers=_JSON_HEADERS
        )

    def _nobody_at(self, source: str) -> str:
        """Why nobody is at the path of Alertmanager's API; empty for any other path, of which the reason says enough."""
        if not source.endswith(API_PATH):
            return ""
        if source != API_PATH:
            return f"no source of kind alertmanager_api has this name; the URL is {PREFIX}NAME{API_PATH}"
        if not self._api_count:
            return "no source of kind alertmanager_api is configured"
        return (
            f"{self._api_count} sources are of kind alertmanager_api: send to {PREFIX}NAME{API_PATH} "
            f"(Prometheus: path_prefix: {PREFIX}NAME)"
        )

    async def _store(self, request: web.Request, door: Door) -> EnvelopeId:
        settings, checker, headers = door.settings, door.checker, request.headers
        remote = request.remote or ""
        if request.method not in _METHODS:
            raise Refused(Refusal.METHOD)
        reason = door.refusal(headers, remote, self._clock.now())
        if reason is not None:
            raise Refused(reason)
        body = await read_body(request, settings.body_bytes_max, self._body_seconds)
        if checker.is_signed and not checker.proves(headers, body):
            raise Refused(Refusal.UNAUTHENTICATED)
        if door.takes_list:
            require_list(body)
        elif not (settings.kind is SourceKind.JSON and is_form(body)):
            require_json(body)
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

    def _refuse(self, request: web.Request, door: Door | None, refused: Refused) -> web.Response:
        reason = refused.reason
        self._note(door, reason, request.remote or "")
        headers = dict(_JSON_HEADERS)
        if reason.status == 401 and door is not None:
            headers[hdrs.WWW_AUTHENTICATE] = door.checker.challenge
        if reason is Refusal.METHOD:
            headers[hdrs.ALLOW] = "POST, PUT"
        if reason.status == 503:
            headers[hdrs.RETRY_AFTER] = str(RETRY_AFTER_SECONDS)
        response = web.Response(status=reason.status, body=reason.body(refused.detail), headers=headers)
        if reason in _CLOSING:
            response.force_close()
        return response

    def _note(self, door: Door | None, reason: Refusal, remote: str) -> None:
        source = door.settings.name if door else NO_SOURCE
        self._metrics.refused.labels(source, reason.value).inc()
        if (count := self._quiet.count(source, reason, asyncio.get_running_loop().time())) is not None:
            log.warning(log_events.ENVELOPE_REFUSED, source=source, reason=reason.value, remote=remote, count=count)
