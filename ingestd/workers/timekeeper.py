"""Keeps deadlines: what was to be decided at an instant is decided when it has passed, late ones first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core.attendance import ATTEND_SECONDS, Attendance, is_break
from ingestd.core.decide import decide_alerts, decide_deadline
from ingestd.core.effects import Deadline, DeadlineKind, Decision, JoinReason
from ingestd.core.incident import Incident
from ingestd.core.names import IncidentId
from ingestd.core.policy import Policy
from ingestd.store import apply, attendance, dialect, incidents, roster, snapshot, storms, watches
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.current import Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

BATCH_COUNT = 50
WATCH_BATCH_COUNT = 100
"""Watches of one decision: thousands may be due at once, when a silence ends."""
WAITED_FOR_MAX = timedelta(minutes=30)
"""A page that has not left for so long is not waited for any more: the next level hears of it."""
POSTPONED = timedelta(minutes=5)
"""When a deadline whose decision failed is tried again."""


def keep_deadlines(connection: Connection, policy: Policy, now: datetime, limit: int) -> list[Decision]:
    """Decide every deadline that has passed, in the caller's transaction; at most ``limit``."""
    dialect.serialise_decisions(connection)
    policy = roster.effective(connection, policy, now)
    decisions = []
    decided: set[IncidentId] = set()
    for deadline in incidents.due_deadlines(connection, now, limit):
        incident = incidents.load(connection, deadline.incident_id)
        if incident is None:
            incidents.forget_deadline(connection, deadline)
            continue
        # What came before it for the same incident may have put it off, or ended it: it would page the next level too early.
        if incident.id in decided and deadline not in incidents.deadlines_of(connection, incident.id):
            continue
        decided.add(incident.id)
        waits = deadline.kind is DeadlineKind.ESCALATE and _page_waits(connection, incident, now)
        decision = decide_deadline(deadline.kind, incident, policy, now, due_at=deadline.due_at, pages_wait=waits)
        apply.write(connection, decision, now)
        decisions.append(decision)
    return decisions


def _page_waits(connection: Connection, incident: Incident, now: datetime) -> bool:
    escalation = incident.escalation
    if escalation is None or escalation.is_exhausted:
        return False
    return storms.page_waits(connection, incident.id, escalation.people, escalation.level, now, WAITED_FOR_MAX)


@dataclass(frozen=True, slots=True)
class Kept:
    """What looking at the watches came to, and the attendance before and after."""

    decision: Decision
    before: Attendance | None = None
    after: Attendance | None = None


def keep_watches(
    connection: Connection,
    policy: Policy,
    now: datetime,
    limit: int,
    *,
    has_missed: bool = False,
    is_reborn: bool = False,
) -> Kept:
    """Look again at every alert whose watch is due, in the caller's transaction; at most ``limit``, all in one decision.

    ``has_missed``: since the last look something came that could not be stored, so that silence says nothing. ``is_reborn``: it is the first
    look of the only daemon.
    """
    dialect.serialise_decisions(connection)
    before, after = attendance.keep(connection, now, has_missed=has_missed, is_reborn=is_reborn)
    due = watches.due(connection, now, limit)
    if not due:
        return Kept(Decision(), before, after)
    policy = roster.effective(connection, policy, now)
    sightings, known = snapshot.load_due(connection, due, policy, now)
    decision = decide_alerts(sightings, known, policy, now)
    apply.write(connection, decision, now)
    return Kept(decision, before, after)


def postpone_first_watch(connection: Connection, now: datetime) -> str:
    """Put off the watch that is due longest, so that those behind it are kept; gives its alert, empty if there is none."""
    first = next(iter(watches.due(connection, now, 1)), None)
    if first is not None:
        watches.save(connection, [replace(first, due_at=now + POSTPONED)], [])
    return first.key if first else ""


def postpone_first(connection: Connection, now: datetime) -> Deadline | None:
    """Put off the deadline that passed longest ago, so that those behind it are kept; None if there is none."""
    first = next(iter(incidents.due_deadlines(connection, now, 1)), None)
    if first is not None:
        apply.write(connection, Decision(deadlines=(replace(first, due_at=now + POSTPONED),)), now)
    return first


class Timekeeper:
    """The worker's step around ``keep_deadlines`` and ``keep_watches``."""

    def __init__(self, database: Database, current: Current, clock: Clock, metrics: Metrics, wake: Wake) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._alone_count = 0
        """How many deadlines are still decided one by one, since one of them breaks the decision."""
        self._watch_alone_count = 0
        """The same of watches."""
        self._followed = ""
        """The version of the rules by which everything that is held back has been looked at, or is due."""
        self._missed_count = 0
        """How often something could not be stored in this life."""
        self._missed_count_told = 0
        self._is_attending = False
        self.is_reborn = False
        """To be set before the first look if no other daemon has listened before it."""

    def missed(self) -> None:
        """Something came and could not be stored: what is not said again for now may well still fire."""
        self._missed_count += 1

    async def run_once(self) -> bool:
        """Decide what is due; true if there may be more. What breaks the decision is put off: it cannot stop the others."""
        version = self._current.policy.ruleset.version
        if version != self._followed:
            await self._database.run(watches.follow_rules, version, self._clock.now())
            self._followed = version
        has_more_watches = await self._keep_watches()
        return await self._keep_deadlines() or has_more_watches

    async def _keep_deadlines(self) -> bool:
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
            self._tell(decision)
        return len(decisions) == limit

    async def _keep_watches(self) -> bool:
        limit = 1 if self._watch_alone_count else WATCH_BATCH_COUNT
        now = self._clock.now()
        missed_count = self._missed_count
        has_missed = missed_count != self._missed_count_told
        look = partial(keep_watches, has_missed=has_missed, is_reborn=self.is_reborn)
        try:
            kept = await self._database.run(look, self._current.policy, now, limit)
        except Exception as error:
            if dialect.is_trouble(error):
                raise
            if self._watch_alone_count:
                broken = await self._database.run(postpone_first_watch, now)
                log.exception(log_events.DEADLINE_POSTPONED, alert=broken)
            self._watch_alone_count = WATCH_BATCH_COUNT
            return True
        self._watch_alone_count = max(0, self._watch_alone_count - 1)
        self._missed_count_told = missed_count
        self.is_reborn = False
        self._is_attending = kept.after is not None
        if kept.after is not None and is_break(kept.before, kept.after):
            _tell_break(kept.after)
        decision = kept.decision
        self._tell(decision)
        for finding in decision.findings:
            if finding.join is JoinReason.OPENED:
                self._metrics.incidents_opened.inc()
        return len(decision.findings) == limit

    def _tell(self, decision: Decision) -> None:
        self._wake.after_decision(decision)
        tried = {incident.id for incident in decision.incidents if incident.conduct.is_test}
        for entry in decision.timeline:
            if entry.reason == "exhausted" and entry.incident_id not in tried:
                self._metrics.exhausted.inc()
                log.error(log_events.ESCALATION_EXHAUSTED, incident=entry.incident_id)
            else:
                log.info(
                    log_events.INCIDENT_CHANGED, incident=entry.incident_id, change=entry.kind, reason=entry.reason
                )

    async def idle_seconds(self) -> float:
        """Until the next deadline, or until the next watch is due; not for long while anything clears by silence."""
        dues = [await self._database.read(read) for read in (incidents.next_deadline_at, watches.next_due_at)]
        due_at = min((due for due in dues if due is not None), default=None)
        longest = float(ATTEND_SECONDS) if self._is_attending else 3600.0
        return longest if due_at is None else min(longest, max(0.001, (due_at - self._clock.now()).total_seconds()))


def _tell_break(record: Attendance) -> None:
    since, until = record.since.isoformat(), record.patient_until.isoformat()
    log.warning(log_events.ATTENDANCE_BROKEN, since=since, patient_until=until)
