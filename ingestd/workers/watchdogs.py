"""Notices that a source has become silent: its watchdog is missing for longer than it may be. Its next sign of life ends the alert.

Time counts from when the watchdog was heard last, but never from before this life of the daemon, or from before it was configured: what
was sent while ingestd was down could not be heard.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core.effects import Decision
from ingestd.core.policy import Policy
from ingestd.store import dialect, heartbeats
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers import self_report
from ingestd.workers.current import Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_SECONDS_MAX = 60.0
"""A watchdog that is heard again is told of in log and metric after this time; its alert ends at once."""
NOTHING_TO_WATCH_SECONDS = 3600.0


def look(connection: Connection, waiting: dict[str, datetime], policy: Policy, now: datetime) -> list[Decision]:
    """Raise what is silent, and end what is not waited for any more. ``waiting``: by source, since when this life waits for it."""
    dialect.serialise_decisions(connection)
    heard = heartbeats.heard_at(connection)
    decisions = []
    for source, watchdog in policy.watchdogs.items():
        since = max(heard.get(source, waiting[source]), waiting[source])
        if source not in heard:
            heartbeats.wait_for(connection, source, now)
        if now - since < timedelta(seconds=watchdog.within_seconds):
            continue
        if not self_report.is_source_silent(connection, source):
            told = heard.get(source, since)
            decisions.append(self_report.source_silent(connection, source, told, watchdog.within_seconds, policy, now))
    for source in heard.keys() - policy.watchdogs.keys():
        decisions.append(self_report.source_heard(connection, source, policy, now))
        heartbeats.forget(connection, source)
    return decisions


class Watchdogs:
    """The worker's step around ``look``. It writes only where something changes."""

    def __init__(self, database: Database, current: Current, clock: Clock, metrics: Metrics, wake: Wake) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._waiting: dict[str, datetime] = {}
        self.silent: frozenset[str] = frozenset()
        """The sources that are silent, as of the last look."""

    async def run_once(self) -> bool:
        """Look at every watchdog once."""
        now = self._clock.now()
        policy = self._current.policy
        self._waiting = {source: self._waiting.get(source, now) for source in policy.watchdogs}
        heard = await self._database.read(heartbeats.heard_at)
        missing = {source for source, at in self._missing_at(heard).items() if at <= now}
        if heard.keys() != policy.watchdogs.keys() or missing - self.silent:
            for decision in await self._database.run(look, self._waiting, policy, now):
                self._wake.after_decision(decision)
        self._tell(heard, missing, now)
        return False

    def _missing_at(self, heard: dict[str, datetime]) -> dict[str, datetime]:
        """When each watchdog is missing, if it is not heard before."""
        return {
            source: max(heard.get(source, self._waiting[source]), self._waiting[source])
            + timedelta(seconds=watchdog.within_seconds)
            for source, watchdog in self._current.policy.watchdogs.items()
            if source in self._waiting
        }

    def _tell(self, heard: dict[str, datetime], missing: set[str], now: datetime) -> None:
        self._metrics.heartbeat_age.clear()
        for source, since in self._waiting.items():
            age = now - max(heard.get(source, since), since)
            self._metrics.heartbeat_age.labels(source).set(age.total_seconds())
        for source in sorted(missing - self.silent):
            log.error(log_events.SOURCE_SILENT, source=source)
        for source in sorted(self.silent - missing):
            log.info(log_events.SOURCE_HEARD, source=source)
        self.silent = frozenset(missing)

    async def idle_seconds(self) -> float:
        """Until the first watchdog would be missing, at most a minute."""
        now = self._clock.now()
        dues = self._missing_at(await self._database.read(heartbeats.heard_at)).values()
        left = [(due - now).total_seconds() for due in dues if due > now]
        return min([LOOK_SECONDS_MAX if dues else NOTHING_TO_WATCH_SECONDS, *left])
