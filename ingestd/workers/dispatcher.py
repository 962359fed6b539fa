"""Performs the deliveries of one connector: its own queue, its own limit, its own circuit, so that nobody waits for another.

One attempt per claim. What an attempt's end means is decided by ``core.settle``; this module only knows how to ask the connector.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial

import structlog

from ingestd.ambient import Chance, Clock, IdSource
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.names import EffectKind
from ingestd.core.settle import Blame, Outcome, OutcomeKind
from ingestd.errors import (
    CredentialsRejected,
    DeliveryError,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.ports import Attaching, Pager, PageReceipt, TicketDraft, TicketRef, TicketSystem
from ingestd.store import outbox
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers import folding, jobs, reply_ways, self_report
from ingestd.workers.circuit import Circuit
from ingestd.workers.current import Current
from ingestd.workers.jobs import Job
from ingestd.workers.wake import Wake
from ingestd.workers.worker import Crew

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LEASE_SECONDS = 120.0
ATTEMPT_SECONDS_MAX = 90.0
"""An attempt that takes longer is given up as unknown, well before its lease ends."""
CONCURRENT_COUNT = 4
CHECK_STOPPED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Attempt:
    outcome: Outcome
    ticket: TicketRef | None = None
    receipt: PageReceipt | None = None


class Dispatcher:
    """The worker's step for one connector."""

    def __init__(
        self,
        connector: TicketSystem | Pager,
        database: Database,
        current: Current,
        clock: Clock,
        ids: IdSource,
        chance: Chance,
        metrics: Metrics,
        wake: Wake,
    ) -> None:
        self.connector = connector
        self.name = connector.name
        self._database = database
        self._current = current
        self._clock = clock
        self._ids = ids
        self._chance = chance
        self._metrics = metrics
        self._wake = wake
        # Rung after the place is free: a worker that looked before it would find none and sleep.
        self._crew = Crew(CONCURRENT_COUNT, on_free=lambda: wake.after({connector.name}, has_deadlines=False))
        self._circuit = Circuit()
        self._turns = outbox.Turns()
        self._is_stopped = False
        self._has_complained: bool | None = None
        """Whether our own alert of this connector fires; None until it has been read what an earlier life left."""
        metrics.connector_stopped.labels(self.name).set(0)

    @property
    def is_stopped(self) -> bool:
        """Whether the service rejects our credentials."""
        return self._is_stopped

    async def run_once(self) -> bool:
        """Claim what is due as far as there is room, and start on it; true if anything was claimed."""
        if self._has_complained is None:
            await self._remember_complaint()
        if self._crew.free_count == 0:
            return False
        if self._is_stopped and self._circuit.may_check(self._now()):
            # Beside the pages, which go on failing over meanwhile.
            self._crew.start(self._check())
        if self._is_stopped and isinstance(self.connector, TicketSystem):
            return False
        tokens = [self._ids.token() for _ in range(self._crew.free_count)]
        taken = await self._database.run(
            partial(jobs.take, takes_files=isinstance(self.connector, Attaching)),
            self.name,
            self._current.standing,
            self._clock.now(),
            LEASE_SECONDS,
            tokens,
            reply_ways.of_connector(self.connector),
            self._turns,
        )
        for delivery, reason in taken.dropped:
            self._metrics.dropped.labels(self.name, delivery.kind.value, reason.value).inc()
            log.info(log_events.DELIVERY_DROPPED, delivery=delivery.key, reason=reason.value)
        for decision in taken.decisions:
            self._wake.after_decision(decision)
        for delivery, error in taken.broken:
            self._metrics.worker_failures.labels(f"dispatcher:{self.name}").inc()
            log.error(log_events.DELIVERY_BROKEN, delivery=delivery.key, exc_info=error)
        for job in taken.jobs:
            self._crew.start(self._perform(job))
        return bool(taken.jobs or taken.dropped or taken.broken)

    async def idle_seconds(self) -> float:
        """Until something is due; a bell rings when a place in the crew is free."""
        if self._is_stopped and isinstance(self.connector, TicketSystem):
            return CHECK_STOPPED_SECONDS
        if self._crew.free_count == 0:
            return LEASE_SECONDS
        longest = CHECK_STOPPED_SECONDS if self._is_stopped else 3600.0
        due_at = await self._database.read(outbox.next_due_at, self.name)
        return longest if due_at is None else min(longest, max(0.05, (due_at - self._clock.now()).total_seconds()))

    async def drain(self) -> None:
        """Wait for what is under way."""
        await self._crew.finish()

    async def cancel(self) -> None:
        """Give up what is under way; the next life looks it up."""
        await self._crew.cancel()

    def use(self, connector: TicketSystem | Pager) -> None:
        """After a reload: this is the connector, with the settings of now. What is under way ends with the one it began with."""
        self.connector = connector
        self._circuit.check_soon()

    async def _perform(self, job: Job) -> None:
        attempt = await self._attempt(job)
        outcome = replace(attempt.outcome, detail=self._current.standing.hide(attempt.outcome.detail))
        await self._settle(job, replace(attempt, outcome=outcome))

    async def _attempt(self, job: Job) -> _Attempt:
        if self._is_stopped and isinstance(self.connector, Pager) and not self._circuit.may_probe(self._now()):
            return _Attempt(Outcome(OutcomeKind.CREDENTIALS_REJECTED, "the service rejects our credentials"))
        rest = self._circuit.rest_seconds(self._now())
        if rest > 0 and not self._is_stopped:
            words = "the service is given a rest after failures"
            return _Attempt(Outcome(OutcomeKind.TRY_LATER, words, rest, is_resting=True))
        attempt = await self._ask(job)
        failed = attempt.outcome.kind in {OutcomeKind.TRY_LATER, OutcomeKind.UNKNOWN}
        if self._circuit.note(self._now(), failed=failed):
            log.warning(log_events.CIRCUIT_OPENED, connector=self.name, detail=attempt.outcome.detail)
        self._metrics.circuit_open.labels(self.name).set(1 if self._circuit.rest_seconds(self._now()) > 0 else 0)
        return attempt

    async def _ask(self, job: Job) -> _Attempt:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS_MAX):
                if isinstance(self.connector, TicketSystem):
                    return await self._ask_ticket_system(self.connector, job)
                return await self._ask_pager(self.connector, job)
        except TimeoutError:
            error: Exception = OutcomeUnknown(f"no end after {ATTEMPT_SECONDS_MAX:.0f} s")
        except DeliveryError as raised:
            error = raised
        except Exception as raised:
            # A bug in a connector must not stop its queue: it counts as an unknown outcome.
            log.exception(log_events.CONNECTOR_BROKEN, connector=self.name, delivery=job.delivery.key)
            error = OutcomeUnknown(f"the connector failed: {type(raised).__name__}")
        return _Attempt(_outcome_of(error, is_lookup=job.is_lookup))

    async def _ask_ticket_system(self, system: TicketSystem, job: Job) -> _Attempt:
        assert job.incident is not None, "a ticket is about an incident"
        assert job.note is not None, "a ticket job has a note"
        kind, key, options = job.delivery.kind, job.delivery.key, job.incident.ticket_options
        if kind is EffectKind.TICKET_OPEN:
            found = await system.find_ticket(key, job.told, options) if job.is_lookup else None
            if job.is_lookup and found is None:
                return _Attempt(Outcome(OutcomeKind.NOT_FOUND, "not (yet) to be found"))
            ref = found or await system.open_ticket(TicketDraft(job.told, options), key)
            return _Attempt(Outcome(OutcomeKind.DONE, f"{ref.label} opened in {system.name}"), ticket=ref)
        assert job.ticket is not None, "without a ticket the delivery would have been dropped"
        if kind is EffectKind.TICKET_ATTACH:
            return await self._attach(system, job.ticket, job)
        if kind is EffectKind.TICKET_COMMENT:
            is_there = job.is_lookup and await system.find_comment(job.ticket, key)
            if job.is_lookup and not is_there:
                return _Attempt(Outcome(OutcomeKind.NOT_FOUND, "not (yet) to be found"))
            if not is_there:
                await system.comment(job.ticket, job.note, key)
        elif kind is EffectKind.TICKET_PRIORITY:
            await system.set_priority(job.ticket, job.told, options)
        elif kind is EffectKind.TICKET_RESOLVE:
            await system.resolve(job.ticket, job.note, key, options)
        else:
            await system.reopen(job.ticket, job.note, key, options)
        return _Attempt(Outcome(OutcomeKind.DONE, job.ticket.label))

    async def _attach(self, system: TicketSystem, ticket: TicketRef, job: Job) -> _Attempt:
        assert job.file is not None, "a job for a file has one"
        assert isinstance(system, Attaching), "else the delivery would have been dropped"
        key = job.delivery.key
        is_there = job.is_lookup and await system.find_attachment(ticket, job.file, key)
        if job.is_lookup and not is_there:
            return _Attempt(Outcome(OutcomeKind.NOT_FOUND, "not (yet) to be found"))
        if not is_there:
            await system.attach(ticket, job.file, key)
        return _Attempt(Outcome(OutcomeKind.DONE, f"{job.file.name} at {ticket.label}"))

    async def _ask_pager(self, pager: Pager, job: Job) -> _Attempt:
        assert job.page is not None, "a page job has a text"
        receipt = await pager.find_page(job.page, job.delivery.key) if job.is_lookup else None
        if job.is_lookup and receipt is None:
            return _Attempt(Outcome(OutcomeKind.NOT_FOUND, "not to be found: sent again"))
        receipt = receipt or await pager.page(job.page, job.delivery.key)
        return _Attempt(Outcome(OutcomeKind.DONE, receipt.text), receipt=receipt)

    async def _settle(self, job: Job, attempt: _Attempt) -> None:
        outcome = attempt.outcome
        window = getattr(self.connector, "lookup_window_seconds", 0.0)
        settled = await self._database.run(
            jobs.finish,
            job,
            outcome,
            attempt.ticket,
            attempt.receipt,
            self._current.standing,
            self._clock.now(),
            self._chance.uniform(0.0, 1.0),
            window,
        )
        if settled.is_stale:
            self._metrics.stale_settlements.labels(self.name).inc()
            log.warning(log_events.DELIVERY_STALE, delivery=job.delivery.key, outcome=outcome.kind.value)
            return
        self._wake.after_decision(settled.decision)
        await self._settle_folded(job, outcome, settled.delivery)
        if settled.delivery.receipt_due_at is not None:
            self._wake.receipts.ring()
        self._metrics.deliveries.labels(self.name, job.delivery.kind.value, outcome.kind.value).inc()
        write = log.warning if settled.delivery.state is DeliveryState.PARKED else log.info
        write(
            log_events.DELIVERY_SETTLED,
            delivery=job.delivery.key,
            outcome=outcome.kind.value,
            detail=outcome.detail,
            attempt=job.delivery.attempt_count,
        )
        if outcome.kind is OutcomeKind.DONE:
            latency = (self._clock.now() - job.delivery.created_at).total_seconds()
            self._metrics.delivery_seconds.labels(self.name, job.delivery.kind.value).observe(max(0.0, latency))
            self._resume()
            await self._withdraw_complaint()
        elif outcome.kind is OutcomeKind.CREDENTIALS_REJECTED and not self._is_stopped:
            await self._stop(outcome.detail)

    async def _settle_folded(self, job: Job, outcome: Outcome, leader: Delivery) -> None:
        """What the same message told ends as it did, in pieces, so that nobody waits long behind them."""
        sent_to = job.page.contact.address if job.page else ""
        for start in range(0, len(job.folded), folding.SETTLED_TOGETHER):
            some = job.folded[start : start + folding.SETTLED_TOGETHER]
            decision = await self._database.run(
                folding.finish,
                leader,
                some,
                outcome,
                self._current.standing,
                self._clock.now(),
                self._chance.uniform(0.0, 1.0),
                sent_to,
            )
            self._wake.after_decision(decision)
            self._metrics.deliveries.labels(self.name, job.delivery.kind.value, outcome.kind.value).inc(len(some))

    async def _stop(self, detail: str) -> None:
        """Be loud: log, metric, and an alert of our own through the rules. The deliveries wait."""
        self._is_stopped = True
        self._has_complained = True
        self._metrics.connector_stopped.labels(self.name).set(1)
        log.error(log_events.CONNECTOR_STOPPED, connector=self.name, detail=detail)
        decision = await self._database.run(
            self_report.connector_refused, self.name, detail, self._current.policy, self._clock.now()
        )
        self._wake.after_decision(decision)

    def _resume(self) -> None:
        if self._is_stopped:
            self._is_stopped = False
            self._metrics.connector_stopped.labels(self.name).set(0)
            log.info(log_events.CONNECTOR_RESUMED, connector=self.name)

    async def _remember_complaint(self) -> None:
        """An earlier life may have stopped this connector: mended credentials and a restart must end its alert."""
        self._has_complained = await self._database.read(self_report.is_connector_refused, self.name)
        if self._has_complained:
            self._is_stopped = True
            self._metrics.connector_stopped.labels(self.name).set(1)

    async def _withdraw_complaint(self) -> None:
        if not self._has_complained:
            return
        self._has_complained = False
        decision = await self._database.run(
            self_report.connector_accepted, self.name, self._current.policy, self._clock.now()
        )
        self._wake.after_decision(decision)

    async def _check(self) -> None:
        """Ask the service whether the credentials are good by now; if so, go on.

        An account may be known and still not be allowed what we ask of it. So while anything waits the alert ends only with
        the first success: else it would come and go, and page each time.
        """
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS_MAX):
                await self.connector.check()
        except (DeliveryError, TimeoutError):
            return
        self._resume()
        if await self._database.read(outbox.next_due_at, self.name) is None:
            await self._withdraw_complaint()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _outcome_of(error: Exception, *, is_lookup: bool) -> Outcome:
    """What an error of a connector means. A look-up that fails changed nothing: it is tried again."""
    text = str(error)
    match error:
        case CredentialsRejected():
            return Outcome(OutcomeKind.CREDENTIALS_REJECTED, text)
        case TryLater():
            return Outcome(OutcomeKind.TRY_LATER, text, error.after_seconds)
        case OutcomeUnknown() | ReplyUnreadable():
            return Outcome(OutcomeKind.TRY_LATER if is_lookup else OutcomeKind.UNKNOWN, text)
        case RequestRejected():
            blame = Blame.CONTACT if error.is_for_contact else Blame.SERVICE
            if error.is_contact_dead:
                blame = Blame.DEAD_CONTACT
            return Outcome(OutcomeKind.GONE if error.is_gone else OutcomeKind.REFUSED, text, blame=blame)
    return Outcome(OutcomeKind.UNKNOWN, text)
