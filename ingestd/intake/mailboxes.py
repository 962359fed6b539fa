"""All mailboxes that are read, each by a thread of its own. A reload starts, ends and replaces those whose configuration has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from ingestd.ambient import Chance, Clock
from ingestd.core.mail.mailbox_state import MailboxState
from ingestd.intake.mailbox_errands import LoopErrands
from ingestd.intake.mailbox_life import MailboxLife
from ingestd.intake.mailbox_plan import MailboxPlan, MailRoutes
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

STOP_SECONDS_MAX: Final = 2.0
"""How long the end waits for threads: one that asks for a name cannot be interrupted."""


class Mailboxes:
    """Made on the event loop; its methods are called there."""

    def __init__(self, errands: LoopErrands, clock: Clock, chance: Chance, metrics: Metrics) -> None:
        self._errands = errands
        self._clock = clock
        self._chance = chance
        self._metrics = metrics
        self._routes = MailRoutes({})
        self._lives: dict[str, MailboxLife] = {}
        self._ending: list[MailboxLife] = []
        self._loop = asyncio.get_running_loop()
        self._has_ended = asyncio.Event()

    def use(self, plans: Iterable[MailboxPlan], routes: MailRoutes) -> None:
        """From now on these are read. A mailbox whose plan has not changed goes on undisturbed. Does not wait."""
        self._routes = routes
        wanted = {plan.account: plan for plan in plans}
        self._ending = [life for life in self._ending if life.is_alive]
        for account, life in list(self._lives.items()):
            if wanted.get(account) != life.plan:
                life.stop()
                self._ending.append(self._lives.pop(account))
        for account, plan in wanted.items():
            if account not in self._lives:
                self._start(plan)
        for account in {life.plan.account for life in self._ending} - wanted.keys():
            self._forget(account)

    def states(self) -> list[MailboxState]:
        """How each of them is doing, in the order of the configuration."""
        return [life.state for life in self._lives.values()]

    async def stop(self) -> None:
        """End all of them, and wait for that, briefly. Nothing that was committed is lost; what was not marked yet is known by its content."""
        lives = [*self._lives.values(), *self._ending]
        for life in lives:
            life.stop()
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                while any(life.is_alive for life in lives):
                    self._has_ended.clear()
                    await self._has_ended.wait()
        except TimeoutError:
            left = [life.plan.account for life in lives if life.is_alive]
            log.warning(log_events.MAILBOX_LEFT_BEHIND, accounts=left)
        self._errands.give_up()

    def _start(self, plan: MailboxPlan) -> None:
        life = MailboxLife(
            plan,
            lambda: self._routes,
            self._errands,
            self._clock,
            self._chance,
            self._metrics,
            on_end=self._note_end,
        )
        before = next((one for one in reversed(self._ending) if one.plan.account == plan.account), None)
        self._lives[plan.account] = life
        life.start(after=before)

    def _note_end(self) -> None:
        """Called by a thread with its last breath."""
        try:
            self._loop.call_soon_threadsafe(self._has_ended.set)
        except RuntimeError:
            return  # the loop has been closed: nobody waits

    def _forget(self, account: str) -> None:
        """A metric of a mailbox that is not read any more would look like one that is late."""
        self._metrics.forget_mailbox(account)
