"""Waits for services to say that pages have arrived; where one is silent, it is asked once, and then the next channel is used."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from ingestd.ambient import Clock
from ingestd.core.delivery import Delivery
from ingestd.errors import DeliveryError
from ingestd.ports import Following, ReceiptNews
from ingestd.store import receipts
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.current import Current
from ingestd.workers.dispatcher import Dispatcher
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH_COUNT = 20
"""Pages that are asked about side by side."""
FOLLOW_SECONDS_MAX = 10.0
"""A service that takes longer to say what became of a page counts as silent: somebody waits for the next channel."""


class ReceiptWatch:
    """The worker's step."""

    def __init__(
        self,
        database: Database,
        current: Current,
        clock: Clock,
        metrics: Metrics,
        wake: Wake,
        dispatchers: Mapping[str, Dispatcher],
    ) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._dispatchers = dispatchers

    async def run_once(self) -> bool:
        """Settle the pages of which no word has come in time; true if there may be more."""
        late = await self._database.read(receipts.due, self._clock.now(), BATCH_COUNT)
        answers = await asyncio.gather(*(self._ask(delivery) for delivery in late))
        for delivery, news in zip(late, answers, strict=True):
            decision = await self._database.run(
                receipts.give_up, delivery.key, news, self._current.policy, self._clock.now()
            )
            said = news.status if news is not None and news.status != "pending" else "silent"
            self._metrics.receipts.labels(delivery.connector, said).inc()
            log.info(log_events.RECEIPT_AWAITED, delivery=delivery.key, result=said)
            self._wake.after_decision(decision)
        return len(late) == BATCH_COUNT

    async def _ask(self, delivery: Delivery) -> ReceiptNews | None:
        """What the service says when it is asked; None if it cannot be, or does not answer."""
        dispatcher = self._dispatchers.get(delivery.connector)
        pager: object = dispatcher.connector if dispatcher else None
        if not isinstance(pager, Following) or not delivery.receipt_id:
            return None
        try:
            async with asyncio.timeout(FOLLOW_SECONDS_MAX):
                return await pager.follow(delivery.receipt_id)
        except (DeliveryError, TimeoutError):
            return None
        except Exception:
            # A bug in a connector must not keep the next channel from being used.
            log.exception(log_events.CONNECTOR_BROKEN, connector=delivery.connector, delivery=delivery.key)
            return None

    async def idle_seconds(self) -> float:
        """Until a service ought to have said something."""
        due_at = await self._database.read(receipts.next_due_at)
        return 3600.0 if due_at is None else max(0.05, (due_at - self._clock.now()).total_seconds())
