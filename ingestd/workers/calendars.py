"""Looks at the calendars that say who is on call, now and then; what was last read of one stays in force until it is read again.

Works beside the engine: no page ever waits for somebody else's server.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.calendars.entries import CalendarRefused, Reading
from ingestd.calendars.expansion import Expand
from ingestd.core.effects import Decision
from ingestd.core.policy import Policy
from ingestd.ports import HttpClient
from ingestd.store import calendars, roster
from ingestd.store.calendars import CalendarCopy
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers import self_report
from ingestd.workers.calendar_fetch import Fetched, ReadFile, fetch
from ingestd.workers.current import CalendarPlan, Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_BACK: Final = timedelta(days=40)
LOOK_AHEAD: Final = timedelta(days=400)
"""What is worked out reaches so far, and is worked out anew every day."""
ANEW_AFTER: Final = timedelta(hours=20)
TOLD_AFTER: Final = timedelta(hours=3)
"""A calendar that cannot be read for so long is an alert of our own; before that, the log and the status say so."""
NAMES_AHEAD: Final = timedelta(days=14)
"""An event that names nobody who is known is an alert when it is so near."""
IDLE_SECONDS: Final = 30.0
_LOGGED_MAX: Final = 20


class CalendarWatch:
    """The worker's step."""

    def __init__(
        self,
        database: Database,
        current: Current,
        clock: Clock,
        metrics: Metrics,
        wake: Wake,
        *,
        http: HttpClient,
        expand: Expand,
        read_file: ReadFile,
    ) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self._http = http
        self._expand = expand
        self._read_file = read_file
        self._seen: dict[str, tuple[CalendarPlan, datetime]] = {}
        """When each was last looked at in this life, and where."""
        self._names: frozenset[str] | None = None

    async def run_once(self) -> bool:
        """Look at every calendar whose time has come."""
        plans = self._current.standing.calendars
        names = frozenset(plan.schedule for plan in plans)
        if names != self._names:
            await self._database.run(_forget_others, names)
            self._seen = {name: seen for name, seen in self._seen.items() if name in names}
            self._names = names
        for plan in plans:
            seen = self._seen.get(plan.schedule)
            now = self._clock.now()
            if seen is None or seen[0] != plan or now - seen[1] >= timedelta(seconds=plan.every_seconds):
                self._seen[plan.schedule] = (plan, now)
                await self._look(plan, now)
        return False

    async def idle_seconds(self) -> float:
        """Until the next one is due."""
        now = self._clock.now()
        left = [seen_at + timedelta(seconds=plan.every_seconds) - now for plan, seen_at in self._seen.values()]
        return max(1.0, min((one.total_seconds() for one in left), default=IDLE_SECONDS))

    async def _look(self, plan: CalendarPlan, now: datetime) -> None:
        place = hashlib.sha256(f"{plan.zone.key} {plan.url or plan.path}".encode()).hexdigest()
        kept = await self._database.read(calendars.load, plan.schedule) or CalendarCopy(plan.schedule, place, now)
        is_same_place = kept.url_hash == place
        try:
            etag = kept.etag if is_same_place and kept.body is not None else ""
            fetched = await fetch(plan, etag, self._http, self._read_file)
            copy = await self._made(plan, kept, fetched, now, is_same_place=is_same_place)
            copy = replace(copy, url_hash=place, fetched_at=now, etag=fetched.etag, failing_since=None, problem="")
        except CalendarRefused as refused:
            copy = await self._failed(plan, kept, self._current.standing.hide(str(refused)), now)
        changed, decision = await self._database.run(_settle, copy, self._current.policy, now)
        self._wake.after_decision(decision)
        self._tell(plan, copy, changed=changed)

    async def _made(
        self, plan: CalendarPlan, kept: CalendarCopy, fetched: Fetched, now: datetime, *, is_same_place: bool
    ) -> CalendarCopy:
        """The copy with what was fetched, worked out if it is not what it was, or was worked out a day ago."""
        body = kept.body if fetched.body is None else fetched.body
        assert body is not None, "without a copy no tag was sent"
        if body == kept.body and is_same_place and not _is_stale(kept, now):
            return replace(kept, tried_at=now)
        reading = await self._expand(body, now - LOOK_BACK, now + LOOK_AHEAD, plan.zone)
        copy = _with(kept, reading, body, now)
        people = self._current.policy.people
        if reading.entries and len(calendars.unknown(copy.listed, people)) == len(reading.entries):
            first = reading.entries[0]
            raise CalendarRefused(
                f"it names nobody who is known in any of its {len(reading.entries)} events, the first of which is"
                f' "{first.title}" on {first.starts_at:%Y-%m-%d}'
            )
        return copy

    async def _failed(self, plan: CalendarPlan, kept: CalendarCopy, text: str, now: datetime) -> CalendarCopy:
        """The copy that stays in force; worked out anew if that was long ago, so that what recurs goes on."""
        log.warning(log_events.CALENDAR_FAILED, schedule=plan.schedule, detail=text)
        copy = replace(kept, tried_at=now, failing_since=kept.failing_since or now, problem=text)
        if kept.body is None or not _is_stale(kept, now):
            return copy
        try:
            reading = await self._expand(kept.body, now - LOOK_BACK, now + LOOK_AHEAD, plan.zone)
        except CalendarRefused:
            return copy
        return _with(copy, reading, kept.body, now)

    def _tell(self, plan: CalendarPlan, copy: CalendarCopy, *, changed: bool) -> None:
        name = plan.schedule
        strange = calendars.unknown(copy.listed, self._current.policy.people)
        self._metrics.calendars.labels(name, "failed" if copy.problem else "changed" if changed else "same").inc()
        self._metrics.calendar_left_out.labels(name).set(len(strange) + len(copy.left_out))
        if copy.fetched_at is not None:
            self._metrics.calendar_at.labels(name).set(copy.fetched_at.timestamp())
        if not changed:
            return
        log.info(log_events.CALENDAR_CHANGED, schedule=name, events=len(copy.listed), unknown=len(strange))
        for uid, title, begins, _ in strange[:_LOGGED_MAX]:
            on = f"{datetime.fromtimestamp(begins, plan.zone):%Y-%m-%d}"
            log.warning(
                log_events.CALENDAR_EVENT_LEFT_OUT, schedule=name, uid=uid, on=on, text=f'nobody is called "{title}"'
            )
        for uid, on, text in copy.left_out[:_LOGGED_MAX]:
            log.warning(log_events.CALENDAR_EVENT_LEFT_OUT, schedule=name, uid=uid, on=on, text=text)


def _is_stale(copy: CalendarCopy, now: datetime) -> bool:
    return copy.expanded_at is None or now - copy.expanded_at >= ANEW_AFTER


def _with(copy: CalendarCopy, reading: Reading, body: bytes, now: datetime) -> CalendarCopy:
    entries = [[one.uid, one.title, one.starts_at.timestamp(), one.ends_at.timestamp()] for one in reading.entries]
    faults = [[one.uid, one.on, one.text] for one in reading.faults]
    return replace(
        copy,
        tried_at=now,
        expanded_at=now,
        body=body,
        entries=json.dumps(entries, ensure_ascii=False),
        faults=json.dumps(faults, ensure_ascii=False),
    )


def _forget_others(connection: Connection, schedules: Collection[str]) -> None:
    if calendars.forget_others(connection, schedules):
        roster.raise_revision(connection)


def _settle(connection: Connection, copy: CalendarCopy, policy: Policy, now: datetime) -> tuple[bool, Decision]:
    """Keep the copy; whether it says something else than before, and what our own alert about it leads to."""
    changed = calendars.keep(connection, copy)
    if changed:
        roster.raise_revision(connection)
    trouble = trouble_of(copy, policy, now)
    is_told = self_report.is_calendar_bad(connection, copy.schedule)
    if trouble and not is_told:
        return changed, self_report.calendar_bad(connection, copy.schedule, trouble, policy, now)
    if is_told and not trouble:
        return changed, self_report.calendar_good(connection, copy.schedule, policy, now)
    return changed, Decision()


def trouble_of(copy: CalendarCopy, policy: Policy, now: datetime) -> str:
    """What an operator must hear of, as a clause; empty if nothing."""
    if copy.failing_since is not None and now - copy.failing_since >= TOLD_AFTER:
        return f"has not been read since {copy.failing_since:%Y-%m-%d %H:%M} UTC: {copy.problem}"
    horizon = (now + NAMES_AHEAD).timestamp()
    near = [
        one for one in calendars.unknown(copy.listed, policy.people) if one[3] > now.timestamp() and one[2] < horizon
    ]
    if not near:
        return ""
    uid, title, begins, _ = near[0]
    more = f" (and {len(near) - 1} more)" if len(near) > 1 else ""
    schedule = policy.schedules.get(copy.schedule)
    on = f"{datetime.fromtimestamp(begins, schedule.zone if schedule is not None else UTC):%Y-%m-%d}"
    return f'names "{title}" on {on} (UID {uid}){more}, and nobody is called that'
