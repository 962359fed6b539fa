"""Asks while the daemon runs whether it keeps its promises, once a minute, and says so where it does not.

Each look is short and reads only (``store.auditing``); paging never waits for it. What is found is looked for once more a moment later, so
that nothing is told that was only seen in between. It is told in the log, in metrics, in the status and by an alert through the rules,
``IngestdAuditFailed``; and nobody outside hears our heartbeat while it lasts. An auditor that cannot look is told in the same way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import structlog

from ingestd.ambient import Clock
from ingestd.store import auditing
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers import self_report
from ingestd.workers.current import Current
from ingestd.workers.heart import Heart
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
T = TypeVar("T")

AUDIT_SECONDS = 60.0
PASS_SECONDS_MAX = 30.0
"""How long one audit may take with all its waiting; then the auditor counts as broken."""
LOOK_AGAIN_SECONDS = 1.0
PIECES_MAX = 20
"""So many pieces of incidents are looked at in one audit: 2,000 incidents; the next one goes on."""
FAILURES_MAX = 3
"""After so many audits in a row that could not be done somebody is told."""
_LOGGED_MAX = 20


@dataclass(frozen=True, slots=True)
class _Found:
    """Something that does not hold. ``number``: up to which incident it was looked for, 0 if it is of no piece."""

    text: str
    number: int = 0
    is_unanswered: bool = False


class Auditor:
    """The worker's step: one audit."""

    def __init__(
        self,
        database: Database,
        current: Current,
        clock: Clock,
        metrics: Metrics,
        wake: Wake,
        heart: Heart,
        seconds: float = AUDIT_SECONDS,
    ) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._wake = wake
        self.heart = heart
        self._seconds = seconds
        self._since = clock.now()
        self._reached = 0
        self._kept = ("", "")
        self._earlier: list[_Found] = []
        """What the round before found, as far as this one has not come there yet."""
        self._round: list[_Found] = []
        self._round_count = 0
        self._failures_in_a_row = 0
        self._alarm: str | None = None
        """What our alert says; empty if it does not fire; None if that is not known yet."""
        self._status: dict[str, Any] = {"at": None, "result": "not yet", "broken": [], "unanswered": []}

    @property
    def status(self) -> dict[str, Any]:
        """What the last audit found and how far it came, in plain values."""
        return {**self._status, "heartbeat_at": self.heart.beat_at, "heartbeat_problem": self.heart.problem}

    async def run_once(self) -> bool:
        """One audit. Never raises: what it cannot do is told."""
        now = self._clock.now()
        try:
            async with asyncio.timeout(PASS_SECONDS_MAX):
                found = await self._audit(now)
        except Exception as error:  # noqa: BLE001 (an auditor that breaks must say so, and take nothing with it)
            await self._note_failure(error)
            return False
        self._failures_in_a_row = 0
        await self._tell(found, now)
        return False

    async def idle_seconds(self) -> float:
        """Now and then."""
        return self._seconds

    # ------------------------------------------------------------------ looking

    async def _audit(self, now: datetime) -> list[_Found]:
        policy = self._current.policy
        pagers = sorted({route.connector for routes in policy.routes.values() for route in routes})
        pagers = sorted({*pagers, *policy.channel_connectors.values()})
        found = [_Found(text) for text in await self._look(auditing.overall, list, pagers, self._since, now)]
        kept = await self._look(auditing.kept_back, lambda seen: seen.broken, *self._kept)
        found += [_Found(text) for text in kept.broken]
        self._kept = (kept.alert, kept.watch)
        for _ in range(PIECES_MAX):
            begun = self._reached
            piece = await self._look(auditing.piece, lambda seen: (*seen.broken, *seen.unanswered), begun)
            self._metrics.audit_incidents.inc(piece.count)
            self._round_count += piece.count
            end = piece.reached or _NO_END
            self._earlier = [one for one in self._earlier if not begun < one.number <= end]
            self._round += [_Found(text, end) for text in piece.broken]
            self._round += [_Found(text, end, is_unanswered=True) for text in piece.unanswered]
            if piece.reached is None:
                self._end_round(now)
                break
            self._reached = piece.reached
        return [*found, *self._round, *self._earlier]

    def _end_round(self, now: datetime) -> None:
        self._status = {**self._status, "round_ended_at": now, "round_incidents": self._round_count}
        self._earlier, self._round, self._round_count, self._reached = self._round, [], 0, 0

    async def _look(self, question: Callable[..., T], of: Callable[[T], Any], *args: Any) -> T:  # noqa: ANN401 (the arguments of any question)
        """Ask; and where something was found ask once more: what is seen twice is no transaction in between."""
        began = asyncio.get_running_loop().time()
        seen = await self._database.read(question, *args)
        self._metrics.audit_seconds.observe(asyncio.get_running_loop().time() - began)
        if not of(seen):
            return seen
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
        return await self._database.read(question, *args)

    # ------------------------------------------------------------------ telling

    async def _tell(self, found: list[_Found], now: datetime) -> None:
        broken = list(dict.fromkeys(one.text for one in found if not one.is_unanswered))
        unanswered = list(dict.fromkeys(one.text for one in found if one.is_unanswered))
        self._measure(broken, unanswered)
        was = self._status["result"]
        result = "broken" if broken else "unanswered" if unanswered else "passed"
        self._status = {**self._status, "at": now, "result": result, "broken": broken, "unanswered": unanswered}
        self._status["reached"] = self._reached
        self._metrics.audits.labels(result).inc()
        for text in (*broken, *unanswered)[:_LOGGED_MAX]:
            log.error(log_events.AUDIT_FAILED, text=text)
        if result == "passed" and was not in {"passed", "not yet"}:
            log.info(log_events.AUDIT_PASSED)
        await self._alert(broken, now)
        if result == "passed":
            self._metrics.audit_at.set(now.timestamp())
            await self.heart.beat(now)

    def _measure(self, broken: list[str], unanswered: list[str]) -> None:
        self._metrics.audit_findings.clear()
        for promise in ("A2", "A3", "A4", "A5", "A6", "A7"):
            count = sum(text.startswith(f"{promise}:") for text in broken)
            self._metrics.audit_findings.labels(promise).set(count)
        self._metrics.audit_findings.labels("unanswered").set(len(unanswered))

    async def _alert(self, problems: list[str], now: datetime) -> None:
        """Our own alert says what is wrong, once, and ends when nothing is. Who was paged and did not answer is not paged by it as well."""
        said = "\n".join(problems)
        if said == self._alarm:
            return
        policy = self._current.policy
        if problems:
            decision = await self._database.run(self_report.audit_failed, problems, policy, now)
        else:
            decision = await self._database.run(self_report.audit_passed, policy, now)
        self._alarm = said
        self._wake.after_decision(decision)

    async def _note_failure(self, error: Exception) -> None:
        self._failures_in_a_row += 1
        self._metrics.audits.labels("failed").inc()
        why = f"the auditor cannot look ({type(error).__name__}): nobody knows whether pages go out as they should"
        self._status = {**self._status, "at": self._clock.now(), "result": "failed", "broken": [why]}
        log.error(log_events.AUDIT_BROKEN, in_a_row=self._failures_in_a_row, exc_info=error)
        if self._failures_in_a_row < FAILURES_MAX:
            return
        try:
            async with asyncio.timeout(PASS_SECONDS_MAX):
                await self._alert([why], self._clock.now())
        except Exception:
            # Then the log has to do, and the heartbeat that is missing.
            log.exception(log_events.AUDIT_BROKEN, in_a_row=self._failures_in_a_row)


_NO_END = 2**63
"""Above the number of any incident."""
