"""``/api/v1/outbox`` and ``/api/v1/tickets``: what the outside was told, what waits, and what an admin does about it."""

from __future__ import annotations

import structlog
from aiohttp import web
from sqlalchemy import Connection

from ingestd.core.effects import DropReason
from ingestd.core.names import EffectKey
from ingestd.core.safe_text import one_line
from ingestd.store import incidents, outbox
from ingestd.store.outbox import Delivery, DeliveryState
from ingestd.telemetry import log_events
from ingestd.web import plain
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.replies import Refusal, as_json, limit_of, read_object, text_field

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_UNSETTLED = {*outbox.UNSETTLED, DeliveryState.PARKED}


async def list_tickets(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/tickets``: the newest first."""
    found = await desk.database.read(incidents.tickets_listed, limit_of(request))
    return as_json({"tickets": [plain.ticket(row) for row in found]})


async def list_outbox(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/outbox``: the newest first; what is not done, unless ``state`` names other states."""
    states = _states(request.query.get("state", ""))
    found = await desk.database.read(_listed, states, limit_of(request))
    return as_json({"deliveries": [plain.delivery(row) for row in found]})


def _listed(connection: Connection, states: set[DeliveryState], limit: int) -> list[Delivery]:
    # One that is leased may be shown as uncertain, so it is asked for with both.
    asked = states | ({DeliveryState.LEASED} if DeliveryState.UNCERTAIN in states else set())
    found = outbox.listed(connection, states=sorted(asked), limit=limit)
    return [row for row in found if plain.shown_state(row) in states]


def _states(text: str) -> set[DeliveryState]:
    if not text:
        return _UNSETTLED
    if text == "all":
        return set(DeliveryState)
    try:
        return {DeliveryState(word.strip()) for word in text.split(",")}
    except ValueError:
        known = ", ".join(DeliveryState)
        raise Refusal(400, f'"state" must be all, or some of: {known}', hint="separate several by commas") from None


async def retry_delivery(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/outbox/retry``: try a waiting, uncertain or parked delivery now."""
    key = await _key(request)
    if not await desk.database.run(outbox.make_due, key, desk.clock.now()):
        raise await _not_possible(desk, key, "tried again")
    desk.nudge()
    return as_json({"key": key, "text": f"{key} is tried now"})


async def drop_delivery(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/outbox/drop``: a delivery is never performed; the reason stays with it."""
    body = await read_object(request)
    key = EffectKey(one_line(text_field(body, "key"), 300))
    reason = f"{DropReason.BY_HAND}: {one_line(text_field(body, 'reason'), 200)} ({caller.name})"
    row = await desk.database.read(outbox.load, key)
    if row is None or not await desk.database.run(outbox.drop, key, reason, desk.clock.now()):
        raise await _not_possible(desk, key, "dropped")
    desk.metrics.dropped.labels(row.connector, row.kind.value, DropReason.BY_HAND.value).inc()
    log.warning(log_events.DELIVERY_DROPPED, delivery=key, reason=reason, by=caller.name)
    desk.nudge()
    return as_json({"key": key, "text": f"{key} will not be performed"})


async def _key(request: web.Request) -> EffectKey:
    return EffectKey(one_line(text_field(await read_object(request), "key"), 300))


async def _not_possible(desk: Desk, key: EffectKey, what: str) -> Refusal:
    row = await desk.database.read(outbox.load, key)
    if row is None:
        return Refusal(404, f"there is no delivery {key}", hint="see: ingestd outbox list")
    return Refusal(409, f"{key} cannot be {what}: it is {row.state}", hint="see: ingestd outbox list")
