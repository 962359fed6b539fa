"""Keeps deadlines: what was to be decided at an instant is decided when it has passed, late ones first."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core.decide import decide_deadline
from ingestd.core.effects import Deadline, Decision
from ingestd.core.policy import Policy
from ingestd.store import apply, dialect, incidents
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.current import Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH_COUNT = 50
POSTPONED = timedelta(minutes=5)
"""When a deadline whose decision failed is tried again."""


def keep_deadlines(connection: Connection, policy: Policy, now: datetime, limit: int) -> list[Decision]:
    """Decide every deadline that has passed, in the caller's transaction; at most ``limit``."""
    dialect.serialise_decisions(connection)
    decisions = []
    for deadline in incidents.due_deadlines(connection, now, limit):
        incident = incidents.load(connection, deadline.incident_id)
        if incident is None:
            incidents.forget_deadline(connection, deadline)
            continue
        decision = decide_deadline(deadline.kind, incident, policy, now)
        apply.write(connection, decision, now)
        decisions.append(decision)
    return decisions


def postpone_first(connection: Connection, now: datetime) -> Deadline | None:
    """Put off the deadline that passed longest ago, so that those behind it are kept; None if there is none."""
    first = next(iter(incidents.due_deadlines(connection, now, 1)), None)
    if first is not None:
        apply.write(connection, Decision(deadlines=(replace(first, due_at=now + POSTPONED),)), now)
    return first


class Timekeeper:
    """The worker's step around ``keep_deadlines``."""

    def __init__(self, database: Database, current: Current, clock: Clock, metrics: Metrics, wake: Wake) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._alone_count = 0
        """How many deadlines are still decided one by one, since one of them breaks the decision."""

    async def run_once(self) -> bool:
        """Decide what is due; true if there may be more. A deadline that breaks the decision is put off: it cannot stop the others."""
        limit = 1 if self._alone_count else BATCH_COUNT
        now = self._clock.now()
        try:
            decisions = await self._database.run(keep_deadlines, self._current.policy, now, limit)
        except Exception as error:
            if dialect.is_trouble(error):
                raise
            if self._alone_count:
                broken = await self._database.run(postpone_first, now)
                log.exception(log_events.DEADLINE_POSTPONED, incident=broken.incident_id if broken else "")
            self._alone_count = BATCH_COUNT
            return True
        self._alone_count = max(0, self._alone_count - 1)
        for decision in decisions:
            self._wake.after_decision(decision)
            for entry in decision.timeline:
                if entry.reason == "exhausted":
                    self._metrics.exhausted.inc()
                    log.error(log_events.ESCALATION_EXHAUSTED, incident=entry.incident_id)
                else:
                    log.info(
                        log_events.INCIDENT_CHANGED, incident=entry.incident_id, change=entry.kind, reason=entry.reason
                    )
        return len(decisions) == limit

    async def idle_seconds(self) -> float:
        """Until the next deadline."""
        due_at = await self._database.read(incidents.next_deadline_at)
        return 3600.0 if due_at is None else max(0.001, (due_at - self._clock.now()).total_seconds())
