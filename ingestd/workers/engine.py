"""All workers together: what must turn for the daemon to be alive. The composition root and the simulator start it alike."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Chance, Clock, IdSource
from ingestd.core.effects import DropReason
from ingestd.ports import HttpClient, Pager, TicketSystem
from ingestd.store import outbox
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.auditor import AUDIT_SECONDS, Auditor
from ingestd.workers.contact_watch import ContactWatch
from ingestd.workers.current import Current
from ingestd.workers.dispatcher import Dispatcher
from ingestd.workers.drills import Drills
from ingestd.workers.heart import Heart
from ingestd.workers.janitor import JANITOR_SECONDS, Janitor
from ingestd.workers.orphans import provide_for
from ingestd.workers.processor import Processor
from ingestd.workers.receipt_watch import ReceiptWatch
from ingestd.workers.roster_watch import RosterWatch
from ingestd.workers.timekeeper import Timekeeper
from ingestd.workers.wake import Wake
from ingestd.workers.watchdogs import Watchdogs
from ingestd.workers.worker import IDLE_SECONDS_MAX, Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


CATCH_UP_SECONDS_MAX = 5.0


class Engine:
    """Processor, timekeeper, janitor and one dispatcher per connector. ``start`` after the database is migrated."""

    def __init__(
        self,
        database: Database,
        current: Current,
        connectors: Mapping[str, TicketSystem | Pager],
        clock: Clock,
        ids: IdSource,
        chance: Chance,
        metrics: Metrics,
        *,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
        janitor_seconds: float = JANITOR_SECONDS,
        http: HttpClient | None = None,
        audit_seconds: float | None = AUDIT_SECONDS,
    ) -> None:
        self.wake = Wake()
        self._database = database
        self._current = current
        self._clock = clock
        self._metrics = metrics
        self._processor = processor = Processor(database, current, clock, metrics, self.wake)
        self._timekeeper = timekeeper = Timekeeper(database, current, clock, metrics, self.wake)
        self.missed = timekeeper.missed
        """To be called by whoever could not store what came: silence says nothing then."""
        janitor = Janitor(database, current, clock, metrics, janitor_seconds)
        self.dispatchers: dict[str, Dispatcher] = {}
        receipts = ReceiptWatch(database, current, clock, metrics, self.wake, self.dispatchers)
        contacts = ContactWatch(database, current, clock, self.wake)
        make = partial(Worker, metrics=metrics, idle_seconds_max=idle_seconds_max)
        self._make_worker = make
        self._make_dispatcher = partial(
            Dispatcher,
            database=database,
            current=current,
            clock=clock,
            ids=ids,
            chance=chance,
            metrics=metrics,
            wake=self.wake,
        )
        self.workers = [
            make("processor", processor.run_once, processor.idle_seconds),
            make("timekeeper", timekeeper.run_once, timekeeper.idle_seconds),
            Worker("janitor", janitor.run_once, janitor.idle_seconds, metrics, idle_seconds_max=janitor_seconds),
        ]
        self.wake.processor = self.workers[0].bell
        self.wake.timekeeper = self.workers[1].bell
        self._prove(ids, http, audit_seconds)
        follow = make("receipts", receipts.run_once, receipts.idle_seconds)
        tell = make("contacts", contacts.run_once, contacts.idle_seconds)
        self.wake.receipts, self.wake.contacts = follow.bell, tell.bell
        self.workers += [follow, tell]
        self._watch_roster()
        for connector in connectors.values():
            self._hire(connector)
        self._tasks: list[asyncio.Task[None]] = []

    def _watch_roster(self) -> None:
        watch = RosterWatch(self._database, self._current, self._clock, self.wake)
        worker = self._make_worker("roster", watch.run_once, watch.idle_seconds)
        self.wake.roster = worker.bell
        self.workers.append(worker)

    def _prove(self, ids: IdSource, http: HttpClient | None, audit_seconds: float | None) -> None:
        """Who sees to it that paging works: drills, watchdogs of sources, and the auditor, if there is to be one."""
        database, current, clock, metrics, make = (
            self._database,
            self._current,
            self._clock,
            self._metrics,
            self._make_worker,
        )
        drills = Drills(database, current, clock, ids, metrics, self.wake)
        self.watchdogs = Watchdogs(database, current, clock, metrics, self.wake)
        heart = Heart(http, current, metrics)
        seconds = audit_seconds or AUDIT_SECONDS
        self.auditor = audit = Auditor(database, current, clock, metrics, self.wake, heart, seconds)
        drilling = make("drills", drills.run_once, drills.idle_seconds)
        self.wake.drills = drilling.bell
        self.workers += [drilling, make("watchdogs", self.watchdogs.run_once, self.watchdogs.idle_seconds)]
        if audit_seconds is not None:
            auditing = Worker("auditor", audit.run_once, audit.idle_seconds, metrics, idle_seconds_max=seconds)
            self.workers.append(auditing)

    def _hire(self, connector: TicketSystem | Pager) -> Worker:
        dispatcher = self._make_dispatcher(connector)
        worker = self._make_worker(f"dispatcher:{connector.name}", dispatcher.run_once, dispatcher.idle_seconds)
        self.dispatchers[connector.name] = dispatcher
        self.wake.dispatchers[connector.name] = worker.bell
        self.workers.append(worker)
        return worker

    def use(self, connectors: Mapping[str, TicketSystem | Pager]) -> None:
        """After a reload: these are the connectors. One that is gone goes on as it was, until what it has queued is settled."""
        for name, connector in connectors.items():
            dispatcher = self.dispatchers.get(name)
            if dispatcher is None:
                worker = self._hire(connector)
                self._tasks.append(asyncio.get_running_loop().create_task(worker.run(), name=worker.name))
            else:
                dispatcher.use(connector)
                self.wake.dispatchers[name].ring()
        self.wake.contacts.ring()  # addresses may have been corrected
        self.wake.roster.ring()  # other people may be on call
        self.wake.timekeeper.ring()  # other rules may not hold back what these did

    async def start(self, *, is_only_daemon: bool) -> None:
        """Begin to work. ``is_only_daemon``: nobody else uses this database, so every lease is a dead process's."""
        self._timekeeper.is_reborn = is_only_daemon
        if is_only_daemon:
            freed = await self._database.run(_release, self._clock.now())
            if freed:
                log.info(log_events.LEASES_RELEASED, count=freed)
            await self._provide_for_orphans()
        await self._catch_up()
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(worker.run(), name=worker.name) for worker in self.workers]

    async def _provide_for_orphans(self) -> None:
        now = self._clock.now()
        try:
            orphans = await self._database.run(provide_for, set(self.dispatchers), self._current.policy, now)
        except Exception:
            # What has a connector must not wait for what has none.
            log.exception(log_events.WORKER_FAILED, worker="orphans")
            return
        for delivery in orphans.dropped:
            self._metrics.dropped.labels(delivery.connector, delivery.kind.value, DropReason.CONNECTOR_GONE.value).inc()
            log.warning(log_events.DELIVERY_DROPPED, delivery=delivery.key, reason=DropReason.CONNECTOR_GONE.value)
        for connector, count in orphans.waiting.items():
            log.warning(log_events.CONNECTOR_MISSING, connector=connector, count=count)

    async def _catch_up(self) -> None:
        """What was accepted before is decided first, for a while: nobody is paged by an old deadline for what is over by then."""
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS_MAX):
                while await self._processor.run_once():
                    pass
        except TimeoutError:
            log.warning(log_events.CATCH_UP_UNFINISHED, seconds=CATCH_UP_SECONDS_MAX)
        except Exception:
            # Its worker meets the same, and goes on trying.
            log.exception(log_events.WORKER_FAILED, worker="processor")

    async def stop(self, *, seconds_max: float) -> None:
        """Claim nothing more and wait for what is under way, for a while; the rest is looked up by the next life."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(seconds_max):
                for dispatcher in self.dispatchers.values():
                    await dispatcher.drain()
        except TimeoutError:
            for dispatcher in self.dispatchers.values():
                await dispatcher.cancel()

    @property
    def cycle_counts(self) -> dict[str, int]:
        """How often each worker has turned: what must grow while the daemon is healthy."""
        return {worker.name: worker.cycle_count for worker in self.workers}


def _release(connection: Connection, now: datetime) -> int:
    return outbox.release_leases(connection, now)
