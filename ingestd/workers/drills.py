"""Begins the drills that run by themselves, and says what came of each drill.

A scheduled drill begins once each time that its window opens, whatever restarts come in between: it is stored under a name that the end of
the window gives it. If nobody answers it, an alert of our own says so; of a drill by hand whoever began it reads the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock, IdSource
from ingestd.core.drill import DrillOrder
from ingestd.core.effects import Decision
from ingestd.core.policy import Policy
from ingestd.store import drills, incidents
from ingestd.store.database import Database
from ingestd.store.drills import Drill
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers import self_report
from ingestd.workers.current import Current, ScheduledDrill
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

FOLLOW_SECONDS = 5.0
SCHEDULE_SECONDS = 30.0
NOTHING_TO_DO_SECONDS = 3600.0
OPENED_WITHIN = timedelta(minutes=10)
"""A drill that has no incident by then has failed: nothing was decided at all."""
SCHEDULE_AUTHOR = "the schedule"


@dataclass(frozen=True, slots=True)
class Concluded:
    """How a drill ended, and what follows."""

    result: str
    decision: Decision


def conclude(connection: Connection, drill: Drill, policy: Policy, now: datetime) -> Concluded | None:
    """Write the end of a drill whose incident is over; None if it goes on, or if somebody else has written it."""
    incident = incidents.load(connection, drill.incident_id) if drill.incident_id else None
    if incident is None and now - drill.started_at < OPENED_WITHIN:
        return None
    if incident is not None and incident.state.is_open:
        return None
    is_answered = incident is not None and bool(incident.acknowledged_by or incident.resolved_by)
    result = "failed" if incident is None else "answered" if is_answered else "unanswered"
    if not drills.end(connection, drill.id, result, now):
        return None
    if is_answered:
        return Concluded(result, self_report.drill_answered(connection, drill.policy, policy, now))
    if drill.is_scheduled:
        said = self_report.drill_unanswered(connection, drill.policy, drill.incident_id, policy, now)
        return Concluded(result, said)
    return Concluded(result, Decision())


class Drills:
    """The worker's step."""

    def __init__(
        self, database: Database, current: Current, clock: Clock, ids: IdSource, metrics: Metrics, wake: Wake
    ) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._wake = wake
        self._is_running = False

    async def run_once(self) -> bool:
        """Begin what is due, and look after what runs."""
        now = self._clock.now()
        for plan in self._current.standing.drills:
            await self._begin(plan, now)
        running = await self._database.read(drills.running)
        self._is_running = bool(running)
        for drill in running:
            concluded = await self._database.run(conclude, drill, self._current.policy, now)
            if concluded is not None:
                self._tell(drill, concluded, now)
        return False

    async def _begin(self, plan: ScheduledDrill, now: datetime) -> None:
        until = plan.when.open_until(now)
        if until is None or plan.policy not in self._current.policy.escalations:
            return
        order = DrillOrder(f"scheduled/{plan.policy}/{until:%Y-%m-%dT%H:%M}Z", plan.policy, SCHEDULE_AUTHOR)
        if await self._database.read(drills.has_begun, order.id):
            return
        if await self._database.run(drills.begin_scheduled, order, self._ids.envelope(), now):
            log.info(log_events.DRILL_BEGAN, drill=order.id, policy=order.policy)
            self._wake.processor.ring()

    def _tell(self, drill: Drill, concluded: Concluded, now: datetime) -> None:
        self._metrics.drills.labels(drill.policy, concluded.result).inc()
        say = log.info if concluded.result == "answered" else log.error
        took = (now - drill.started_at).total_seconds()
        say(
            log_events.DRILL_ENDED,
            drill=drill.id,
            policy=drill.policy,
            incident=drill.incident_id,
            result=concluded.result,
            seconds=took,
        )
        self._wake.after_decision(concluded.decision)

    async def idle_seconds(self) -> float:
        """Soon while a drill runs; now and then while one may begin."""
        if self._is_running:
            return FOLLOW_SECONDS
        return SCHEDULE_SECONDS if self._current.standing.drills else NOTHING_TO_DO_SECONDS
