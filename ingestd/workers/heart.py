"""Tells a watcher outside that all is well. Its silence says the opposite, whatever has happened to us.

Only an audit that found nothing makes it beat. Who watches it (a service such as healthchecks.io, or a monitoring of one's own) alarms when
no beat has come for a while. That a beat does not get through is logged and counted, and pages nobody: the watcher notices.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog

from ingestd.errors import DeliveryError
from ingestd.ports import HttpClient, HttpRequest
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.current import Current, HeartbeatPlan

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BEAT_SECONDS_MAX = 15.0
_SLACK = timedelta(seconds=5)
"""Audits come a little later each time; a beat that is due almost is sent."""


class Heart:
    """Beats by the plan that is in force; without one it does nothing."""

    def __init__(self, http: HttpClient | None, current: Current, metrics: Metrics) -> None:
        self._http = http
        self._current = current
        self._metrics = metrics
        self.beat_at: datetime | None = None
        """When a beat got through last; None in this life not yet."""
        self.problem = ""
        """Why the last one did not, in words; empty if it did."""

    async def beat(self, now: datetime) -> None:
        """All is well: say so, unless it was said a moment ago. Never raises for what the network does."""
        plan = self._current.standing.heartbeat
        if plan is None or self._http is None:
            return
        if self.beat_at is not None and now - self.beat_at < timedelta(seconds=plan.every_seconds) - _SLACK:
            return
        self.problem = self._current.standing.hide(await self._send(plan, self._http))
        if self.problem:
            self._metrics.heartbeats.labels("failed").inc()
            host = urlsplit(plan.url).hostname
            log.warning(log_events.HEARTBEAT_FAILED, host=host, detail=self.problem)
            return
        self.beat_at = now
        self._metrics.heartbeats.labels("sent").inc()

    async def _send(self, plan: HeartbeatPlan, http: HttpClient) -> str:
        try:
            reply = await http.send(HttpRequest("GET", plan.url, timeout_seconds=BEAT_SECONDS_MAX))
        except DeliveryError as error:
            return str(error)
        return "" if reply.status < 300 else f"the watcher answered with status {reply.status}"
