"""Keeps deadlines: what was to be decided at an instant is decided when it has passed, late ones first."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core.decide import decide_deadline
from ingestd.core.effects import Decision
from ingestd.core.policy import Policy
from ingestd.store import apply, dialect, incidents
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.current import Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH_COUNT = 50


def keep_deadlines(connection: Connection, policy: Policy, now: datetime) -> list[Decision]:
    """Decide every deadline that has passed, in the caller's transaction; at most a batch."""
    dialect.serialise_decisions(connection)
    decisions = []
    for deadline in incidents.due_deadlines(connection, now, BATCH_COUNT):
        incident = incidents.load(connection, deadline.incident_id)
        if incident is None:
            incidents.forget_deadline(connection, deadline)
            continue
        decision = decide_deadline(deadline.kind, incident, policy, now)
        apply.write(connection, decision, now)
        decisions.append(decision)
    return decisions


class Timekeeper:
    """The worker's step around ``keep_deadlines``."""

    def __init__(self, database: Database, current: Current, clock: Clock, metrics: Metrics, wake: Wake) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake

    async def run_once(self) -> bool:
        """Decide what is due; true if there may be more."""
        decisions = await self._database.run(keep_deadlines, self._current.policy, self._clock.now())
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
        return len(decisions) == BATCH_COUNT

    async def idle_seconds(self) -> float:
        """Until the next deadline."""
        due_at = await self._database.read(incidents.next_deadline_at)
        return 3600.0 if due_at is None else max(0.001, (due_at - self._clock.now()).total_seconds())
