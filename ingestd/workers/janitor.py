"""Forgets what has been kept long enough, a little at a time, and keeps the slow gauges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core.watch import HoldReason
from ingestd.store import inbox, incidents, links, mail_filing, mails, outbox, overrides, replies, silences, watches
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.current import Current

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PRUNE_COUNT_MAX = 500
JANITOR_SECONDS = 15.0
MAILS_KEPT = timedelta(days=365)
"""So long is it known which mail belonged to which incident: people answer old mails."""


def _prune(connection: Connection, keep_seconds: int, now: datetime) -> int:
    old = now - timedelta(seconds=keep_seconds)
    pruned = inbox.prune(connection, old, PRUNE_COUNT_MAX)
    pruned += mail_filing.prune_put_aside(connection, old, PRUNE_COUNT_MAX)
    pruned += replies.prune(connection, now)
    pruned += mails.prune(connection, now - MAILS_KEPT, PRUNE_COUNT_MAX)
    pruned += overrides.prune(connection, now, PRUNE_COUNT_MAX)
    return pruned + links.prune(connection, now) + silences.prune(connection, now, PRUNE_COUNT_MAX)


@dataclass(frozen=True, slots=True)
class _Measured:
    incidents: dict[tuple[str, str], int]
    outbox: list[outbox.OutboxCount]
    held: dict[HoldReason, int]
    waiting: int


def _measure(connection: Connection) -> _Measured:
    return _Measured(
        incidents.open_counts(connection),
        outbox.counts(connection),
        watches.held_counts(connection),
        inbox.waiting_count(connection),
    )


class Janitor:
    """The worker's step."""

    def __init__(self, database: Database, current: Current, clock: Clock, metrics: Metrics, seconds: float) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._seconds = seconds

    async def run_once(self) -> bool:
        """Prune one piece and measure; true if there is more to prune."""
        keep = self._current.standing.keep_envelopes_seconds
        pruned = await self._database.run(_prune, keep, self._clock.now())
        if pruned:
            log.info(log_events.PRUNED, count=pruned)
        measured = await self._database.read(_measure)
        self._metrics.incidents.clear()
        for (state, severity), count in measured.incidents.items():
            self._metrics.incidents.labels(state, severity).set(count)
        self._metrics.outbox.clear()
        for row in measured.outbox:
            self._metrics.outbox.labels(row.connector, row.state.value).set(row.count)
        for reason in HoldReason:
            self._metrics.held.labels(reason.value).set(measured.held.get(reason, 0))
        self._metrics.inbox_waiting.set(measured.waiting)
        return pruned >= PRUNE_COUNT_MAX

    async def idle_seconds(self) -> float:
        """Now and then."""
        return self._seconds
