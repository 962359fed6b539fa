"""Notices that a mailbox has not been read for long, and raises an alert of our own; ends it when the mailbox is read again or is no longer ours.

It goes by what its reader complains of, and by when the mailbox was read last: a reader that hangs complains of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core.effects import Decision
from ingestd.core.mail.mailbox_state import MailboxState
from ingestd.core.policy import Policy
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.workers import self_report
from ingestd.workers.current import Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

TOLD_AFTER: Final = timedelta(minutes=5)
LOOK_SECONDS: Final = 15.0


class MailboxWatch:
    """The worker's step. ``states`` gives how each mailbox is doing."""

    def __init__(
        self,
        database: Database,
        current: Current,
        clock: Clock,
        wake: Wake,
        states: Callable[[], Sequence[MailboxState]],
    ) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._wake = wake
        self._states = states
        self._told: frozenset[str] | None = None
        """The mailboxes whose alert fires, as of the last look; None before the first."""

    async def run_once(self) -> bool:
        """Look at every mailbox once. Writes only where something changes."""
        now = self._clock.now()
        states = self._states()
        if self._told is None:
            self._told = frozenset(await self._database.read(_firing))
        late = {one.account: one for one in states if _is_late(one, now)}
        # One that has not been read yet in this life may still be late from the life before.
        good = {one.account for one in states if one.has_been_read} - late.keys()
        over = {account for account in self._told if account in good or account not in {one.account for one in states}}
        news = [late[account] for account in late.keys() - self._told]
        if news or over:
            policy, hide = self._current.policy, self._current.standing.hide
            told = [(one, hide(one.problem)) for one in sorted(news, key=lambda one: one.account)]
            for decision in await self._database.run(_settle, told, sorted(over), policy, now):
                self._wake.after_decision(decision)
            for one, text in told:
                log.error(log_events.MAILBOX_UNREADABLE, account=one.account, reason=one.reason, error=text)
            self._told = (self._told | late.keys()) - over
        return False

    async def idle_seconds(self) -> float:
        """Until the next look."""
        return LOOK_SECONDS


def _is_late(state: MailboxState, now: datetime) -> bool:
    """Known trouble counts from its beginning; without any, a mailbox may rest between two looks."""
    if state.trouble_at is not None and now - state.trouble_at >= TOLD_AFTER:
        return True
    return now - state.good_at >= TOLD_AFTER + timedelta(seconds=state.rest_seconds)


def _firing(connection: Connection) -> list[str]:
    told = self_report.mailboxes_told(connection)
    return [account for account in told if self_report.is_mailbox_unreadable(connection, account)]


def _settle(
    connection: Connection, late: Sequence[tuple[MailboxState, str]], over: Sequence[str], policy: Policy, now: datetime
) -> list[Decision]:
    raised = [
        self_report.mailbox_unreadable(connection, state, text, policy, now)
        for state, text in late
        if not self_report.is_mailbox_unreadable(connection, state.account)
    ]
    return [*raised, *(self_report.mailbox_read(connection, account, policy, now) for account in over)]
