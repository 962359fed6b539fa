"""Delivery receipts: a paging service says later what became of a page. Its signature is its authentication."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from aiohttp import web

from ingestd.core.effects import Decision
from ingestd.errors import CredentialsRejected, DeliveryError
from ingestd.ports import ReceiptNews
from ingestd.store import receipts
from ingestd.telemetry import log_events
from ingestd.web.desk import Desk
from ingestd.web.replies import SAFE_HEADERS, Refusal, read_body

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PAUSES: Final = (0.5, 2.0, 5.0)
"""Seconds before a page that is not known (yet) is looked for again. Services wait 10 s and more for our thanks."""


async def take_receipt(desk: Desk, request: web.Request) -> web.Response:
    """``POST /api/v1/receipts/{connector}``: settles the page; 204 also for what is no page of ours, 403 for a bad signature."""
    name = request.match_info["connector"]
    pager = desk.pagers.get(name)
    if pager is None:
        raise Refusal(404, "no pager of this name is configured", hint="the path ends in the connector's name")
    body = await read_body(request)
    # What was signed is the URL that the service was told, not the one that a proxy made of it.
    url = desk.external_url.rstrip("/") + request.raw_path
    try:
        news = pager.read_receipt(url, request.headers, body)
    except CredentialsRejected as error:
        desk.metrics.receipts.labels(name, "refused").inc()
        log.warning(log_events.RECEIPT_REFUSED, connector=name, remote=request.remote, error=str(error))
        raise Refusal(
            403, "the signature is missing or wrong", hint="is server.external_url what the service calls?"
        ) from None
    except DeliveryError as error:
        desk.metrics.receipts.labels(name, "unreadable").inc()
        log.warning(log_events.RECEIPT_REFUSED, connector=name, remote=request.remote, error=str(error))
        raise Refusal(400, "the receipt cannot be read") from None
    if news is None:
        desk.metrics.receipts.labels(name, "not_ours").inc()
        return _thanks()
    decision = await _take(desk, name, news)
    is_known = decision is not None and news.status in {"delivered", "failed", "pending"}
    desk.metrics.receipts.labels(name, news.status if is_known else "unknown").inc()
    if decision is not None:
        desk.after_decision(decision)
    return _thanks()


async def _take(desk: Desk, name: str, news: ReceiptNews) -> Decision | None:
    """What follows from the receipt; None if it is of no page of ours.

    A service may report before what it answered us has reached the database, and most report once: so it is looked for again.
    """
    for pause in (*PAUSES, None):
        decision = await desk.database.run(receipts.take, name, news, desk.policy(), desk.clock.now())
        if decision is not None or pause is None:
            return decision
        await asyncio.sleep(pause)
    raise AssertionError("the last time ends it")


def _thanks() -> web.Response:
    return web.Response(status=204, headers=SAFE_HEADERS)
