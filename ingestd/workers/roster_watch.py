"""Tells people when their shift begins and ends, and of gaps to come. It sleeps until the next hand-over or until a gap is to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core import gap_words, shift_words
from ingestd.core.effects import Decision, PersonalWord
from ingestd.core.gap_words import Notice
from ingestd.core.policy import Policy
from ingestd.core.shift_words import Handover
from ingestd.store import apply, dialect, roster, roster_looks
from ingestd.store.database import Database
from ingestd.store.roster_looks import Look
from ingestd.telemetry import log_events
from ingestd.workers.current import Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_NOTHING_TO_WATCH_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look has found. ``before`` is what was remembered then, ``after`` what is to be remembered."""

    holds: Policy
    before: Look | None
    after: Look
    handover_at: datetime | None
    changes: tuple[Handover, ...]
    words: tuple[PersonalWord, ...]


def see_shifts(connection: Connection, policy: Policy, now: datetime) -> Seen:
    """Who is on call now and was not at the last look; only reads."""
    holds = roster.effective(connection, policy, now)
    before = roster_looks.load(connection)
    last = before or Look(now)
    changes = shift_words.handovers(holds, last.on_call, last.looked_at, now)
    words: list[PersonalWord] = []
    if policy.roster.shift_words:
        words += [word for change in changes for word in shift_words.words_of(change, holds, now)]
    on_call = {name: one for name, one in last.on_call.items() if name in holds.schedules}
    on_call |= {change.schedule: change.shift.person for change in changes}
    after = Look(now, on_call, last.told)
    handover_at = shift_words.next_handover_at(holds, now)
    return Seen(holds, before, after, handover_at, tuple(changes), tuple(words))


def see_gaps(connection: Connection, policy: Policy, seen: Seen, now: datetime) -> tuple[Seen, datetime, list[Notice]]:
    """The same with what is to be told of gaps, the instant at which to look for them again, and what is new."""
    facts = roster.contact_facts(connection, policy)
    due, look_at = gap_words.notices(seen.holds, facts, now)
    fresh = [one for one in due if one.mark not in seen.after.told]
    words = gap_words.words_of(fresh, seen.holds, policy.roster.warn, now)
    after = replace(seen.after, told=frozenset(one.mark for one in due))
    return replace(seen, after=after, words=(*seen.words, *words)), look_at, fresh


def tell(connection: Connection, seen: Seen, now: datetime) -> bool:
    """Queue the words and remember the look, in the caller's transaction; false if somebody else was faster, and nothing is changed."""
    dialect.serialise_decisions(connection)
    if roster_looks.load(connection) != seen.before:
        return False
    apply.write(connection, Decision(words=seen.words), now)
    roster_looks.save(connection, seen.after)
    return True


class RosterWatch:
    """The worker's step around ``see_shifts``, ``see_gaps`` and ``tell``."""

    def __init__(self, database: Database, current: Current, clock: Clock, wake: Wake) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._wake = wake
        self._seen: Policy | None = None
        """The policy as it held at the last look: another one is looked at at once."""
        self._handover_at: datetime | None = None
        self._gaps_at: datetime | None = None

    async def run_once(self) -> bool:
        """Look if it is time, or if something has changed; true if it has to be looked once more."""
        policy, now = self._current.policy, self._clock.now()
        if not policy.schedules or not (policy.roster.shift_words or policy.roster.gap_words):
            self._seen = self._handover_at = self._gaps_at = None
            return False
        holds = await self._database.read(roster.effective, policy, now)
        is_news = holds is not self._seen
        if not is_news and not self._is_due(self._handover_at, now) and not self._is_due(self._gaps_at, now):
            return False
        seen = await self._database.read(see_shifts, policy, now)
        fresh: list[Notice] = []
        gaps_at = self._gaps_at
        if policy.roster.gap_words and (is_news or self._is_due(self._gaps_at, now)):
            seen, gaps_at, fresh = await self._database.read(see_gaps, policy, seen, now)
        is_new = seen.before is None or (seen.before.on_call, seen.before.told) != (seen.after.on_call, seen.after.told)
        if is_new and not await self._database.run(tell, seen, now):
            return True
        self._seen, self._handover_at, self._gaps_at = seen.holds, seen.handover_at, gaps_at
        self._wake.after_decision(Decision(words=seen.words))
        _log(seen.changes, fresh)
        return False

    @staticmethod
    def _is_due(at: datetime | None, now: datetime) -> bool:
        return at is not None and at <= now

    async def idle_seconds(self) -> float:
        """Until the next hand-over, or until there may be another gap to be told."""
        look_at = min((at for at in (self._handover_at, self._gaps_at) if at is not None), default=None)
        if look_at is None:
            return _NOTHING_TO_WATCH_SECONDS
        return max(0.001, (look_at - self._clock.now()) / timedelta(seconds=1))


def _log(changes: Sequence[Handover], fresh: Sequence[Notice]) -> None:
    for change in changes:
        log.info(
            log_events.SHIFT_CHANGED,
            schedule=change.schedule,
            person=change.shift.person or "",
            before=change.before or "",
            starts_at=change.shift.starts_at.isoformat(),
        )
    for notice in fresh:
        log.warning(
            log_events.GAP_AHEAD,
            schedule=notice.gap.name,
            kind=notice.gap.kind.value,
            person=notice.gap.person or "",
            starts_at=notice.gap.starts_at.isoformat(),
            ends_at=notice.gap.ends_at.isoformat(),
        )
