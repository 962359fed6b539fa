"""The composition root: the only code that sees every concrete part. ``Daemon`` is one life of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from ingestd import __version__, wiring
from ingestd.ambient import Chance, Clock, IdSource, SystemChance, SystemClock, SystemIds
from ingestd.calendars.expansion import expand
from ingestd.config.load import Loaded
from ingestd.config.model import Config
from ingestd.core.names import Channel, PersonName
from ingestd.core.sources import SourceWays
from ingestd.errors import IngestdError
from ingestd.intake.gate import Gate
from ingestd.intake.http import Webhooks
from ingestd.intake.mailbox_errands import LoopErrands
from ingestd.intake.mailboxes import Mailboxes
from ingestd.intake.server import Tls, listen, make_runner
from ingestd.intake.settings import SourceDoor
from ingestd.intake.smtp import SmtpListener
from ingestd.net import chat_sender
from ingestd.net.http_client import AiohttpClient
from ingestd.net.mail_sender import sender
from ingestd.ports import ConnectorTools, Pager, TicketSystem
from ingestd.registry import Registry
from ingestd.reloading.proof import prove
from ingestd.reloading.reading import Fresh, identity_of, read_anew, refusal_of
from ingestd.reloading.refused import Refused
from ingestd.reloading.report import ReloadReport
from ingestd.reloading.turns import Turns
from ingestd.reloading.watch import LOOK_SECONDS, RuleWatch, stamp
from ingestd.store import contacts, migrate
from ingestd.store.database import ThreadedDatabase
from ingestd.store.lock import FileLock
from ingestd.telemetry import log_events
from ingestd.telemetry.health import EngineWatch, Readiness
from ingestd.telemetry.log_masking import Mask
from ingestd.telemetry.metrics import Metrics
from ingestd.web.desk import Desk
from ingestd.web.routes import add_routes
from ingestd.workers import page_test
from ingestd.workers.calendar_fetch import read_calendar
from ingestd.workers.calendars import IDLE_SECONDS as CALENDAR_IDLE_SECONDS
from ingestd.workers.calendars import CalendarWatch
from ingestd.workers.current import Current, Standing
from ingestd.workers.engine import Engine
from ingestd.workers.mailbox_watch import LOOK_SECONDS as MAILBOX_LOOK_SECONDS
from ingestd.workers.mailbox_watch import MailboxWatch
from ingestd.workers.worker import Worker

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

STOP_SECONDS = 20.0
"""How long what is under way may take to end after SIGTERM; systemd gives 90."""
_NEEDS_RESTART = ("server", "database")


@dataclass(frozen=True, slots=True)
class Ambient:
    """What the daemon takes from its surroundings."""

    clock: Clock = field(default_factory=SystemClock)
    ids: IdSource = field(default_factory=SystemIds)
    chance: Chance = field(default_factory=SystemChance)


class Daemon:
    """One life: ``start``, then serve until ``stop``. Made from a configuration that was loaded without problems."""

    def __init__(self, config_path: Path, loaded: Loaded, registry: Registry, ambient: Ambient | None = None) -> None:
        self.config_path = config_path
        self.loaded = loaded
        self.secrets = set(wiring.secrets(loaded, registry.settings))
        """Of this configuration and of those before it, which may still be in use. Never to be shown."""
        self.on_reload: Callable[[Loaded], None] = lambda _loaded: None
        """Called with a configuration before it is taken over; its secrets are among ``secrets`` by then."""
        self.ambient = ambient or Ambient()
        self.metrics = Metrics()
        self.readiness = Readiness(
            ("database", "listener", *(("mail listener",) if loaded.config.mail.listener else ()))
        )
        self.port = 0
        self._smtp: SmtpListener | None = None
        self._mailboxes: Mailboxes | None = None
        self._started_at = self.ambient.clock.now()
        self._http = AiohttpClient()
        self._connectors = self._build(loaded, registry)
        self._pagers: dict[str, Pager] = {}
        self._find_pagers()
        self._current = Current(wiring.standing(loaded, self.secrets))
        self._lock: FileLock | None = None
        self._tls: Tls | None = None
        self.report = ReloadReport(self.ambient.clock, self.metrics)
        self._turns = Turns(self._reload_once)
        self._rule_files = stamp(loaded.config.rules.path)
        self._watch = RuleWatch(self._watched, lambda: self._rule_files, self.reload)
        self._beside: list[asyncio.Task[None]] = []
        """What runs beside the engine and holds nobody up."""

    def _watched(self) -> Path | None:
        rules = self.loaded.config.rules
        return rules.path if rules.watch else None

    def _build(self, loaded: Loaded, registry: Registry) -> dict[str, TicketSystem | Pager]:
        external_url = loaded.config.server.external_url.rstrip("/")
        return registry.build(ConnectorTools(self._http, sender, external_url, chat_sender.sender))

    # ------------------------------------------------------------------ life

    async def start(self, listen_at: tuple[str, int] | None = None) -> None:
        """Open and migrate the database, start the engine, then let senders in: nothing is accepted that could not be kept.

        Raises ``DatabaseLocked``, ``SchemaTooNew`` or ``OSError``.
        """
        config = self.loaded.config
        if config.database.is_sqlite:
            config.database.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = FileLock(config.database.path)
            # It holds what alerts say and who was paged. SQLite gives its other files the same permissions.
            config.database.path.touch(mode=0o600)
        self.database = ThreadedDatabase(wiring.database_url(config))
        reached = await self.database.run(migrate.migrate)
        if reached:
            log.info(log_events.SCHEMA_MIGRATED, versions=reached)
        self.readiness.ready("database")
        ambient = self.ambient
        self.engine = Engine(
            self.database,
            self._current,
            self._connectors,
            ambient.clock,
            ambient.ids,
            ambient.chance,
            self.metrics,
            http=self._http,
        )
        self.watch = EngineWatch(lambda: self.engine.cycle_counts)
        self.readiness.watch(self.watch)
        await self.engine.start(is_only_daemon=config.database.is_sqlite)
        self.gate = Gate(
            self.database,
            ambient.clock,
            ambient.ids,
            self.metrics,
            self.engine.wake.processor.ring,
            on_missed=self.engine.missed,
        )
        await self._listen(listen_at or (config.server.listen.host, config.server.listen.port))
        self.readiness.ready("listener")
        self.report.started()
        watch = Worker(
            "rule_watch", self._watch.run_once, self._watch.idle_seconds, self.metrics, idle_seconds_max=LOOK_SECONDS
        )
        loop = asyncio.get_running_loop()
        shifts = CalendarWatch(
            self.database,
            self._current,
            ambient.clock,
            self.metrics,
            self.engine.wake,
            http=self._http,
            expand=expand,
            read_file=read_calendar,
        )
        calendars = Worker(
            "calendars", shifts.run_once, shifts.idle_seconds, self.metrics, idle_seconds_max=CALENDAR_IDLE_SECONDS
        )
        mailboxes = self._read_mailboxes()
        self._beside = [
            loop.create_task(one) for one in (self._try_rules(), watch.run(), calendars.run(), mailboxes.run())
        ]

    def _read_mailboxes(self) -> Worker:
        """Begin to read them; who watches over it."""
        config, ambient = self.loaded.config, self.ambient
        errands = LoopErrands(self.gate, self.database, ambient.clock, self._http)
        self._mailboxes = Mailboxes(errands, ambient.clock, ambient.chance, self.metrics)
        self._mailboxes.use(wiring.mailboxes(config), wiring.mail_routes(config))
        watch = MailboxWatch(self.database, self._current, ambient.clock, self.engine.wake, self._mailboxes.states)
        return Worker(
            "mailboxes", watch.run_once, watch.idle_seconds, self.metrics, idle_seconds_max=MAILBOX_LOOK_SECONDS
        )

    async def _listen(self, at: tuple[str, int]) -> None:
        config = self.loaded.config
        self.webhooks = Webhooks(
            self.gate,
            wiring.doors(config),
            self.ambient.clock,
            self.metrics,
            body_seconds=float(config.server.limits.body_seconds),
        )
        application = web.Application()
        add_routes(application, self._desk())
        self._runner = make_runner(application, self.webhooks, wiring.server_limits(config), self.metrics)
        await self._runner.setup()
        if config.server.tls is not None:
            self._tls = Tls(config.server.tls.cert_file, config.server.tls.key_file)
        self.port = await listen(self._runner, *at, self._tls)
        await self._listen_for_mail()
        log.info(log_events.DAEMON_READY, listen=f"{at[0]}:{self.port}", version=__version__)

    async def _listen_for_mail(self) -> None:
        listener = self.loaded.config.mail.listener
        if listener is None:
            return
        tls = Tls(listener.tls.cert_file, listener.tls.key_file) if listener.tls else None
        settings = wiring.smtp_settings(self.loaded.config, listener)
        mode = listener.tls.mode if listener.tls else "starttls"
        self._smtp = SmtpListener(self.gate, settings, self.metrics, tls, mode)
        try:
            port = await self._smtp.start(listener.listen.host, listener.listen.port)
        except OSError as error:
            raise IngestdError(
                f"cannot listen for mail on {listener.listen}: {os.strerror(error.errno or 0)}",
                hint="stop what listens there, or change mail.listener.listen; a port below 1024 is not a user's: docs/howto/email-in.md",
            ) from error
        self.readiness.ready("mail listener")
        log.info(log_events.MAIL_LISTENER_READY, listen=f"{listener.listen.host}:{port}")

    async def stop(self) -> None:
        """Take nothing more in, finish what is under way for a while, close. What is left over is in the database."""
        self.readiness.unready("listener", "stopping")
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self._turns.close()
        await self._runner.cleanup()
        if self._smtp is not None:
            await self._smtp.stop()
        if self._mailboxes is not None:
            await self._mailboxes.stop()
        await self.gate.drain()
        await self.engine.stop(seconds_max=STOP_SECONDS)
        await self._http.close()
        self.database.close()
        if self._lock is not None:
            self._lock.release()

    # ------------------------------------------------------------------ what the web may ask

    def _desk(self) -> Desk:
        return Desk(
            database=self.database,
            clock=self.ambient.clock,
            metrics=self.metrics,
            readiness=self.readiness,
            access=lambda: wiring.access(self.loaded.config),
            policy=lambda: self._current.policy,
            external_url=self._current.standing.external_url,
            pagers=self._pagers,
            after_decision=self.engine.wake.after_decision,
            reload=self.reload,
            status=self.status,
            test_page=self._test_page,
            ways_of=self._ways_of,
            notice=self.report.notice,
            nudge=self._ring_all,
            new_token=self.ambient.ids.token,
            new_envelope=self.ambient.ids.envelope,
        )

    def _ways_of(self, source: str) -> SourceWays:
        return self._current.standing.ways_of(source)

    def _find_pagers(self) -> None:
        """In place: the web keeps this mapping over a reload."""
        self._pagers.clear()
        self._pagers.update({name: made for name, made in self._connectors.items() if isinstance(made, Pager)})

    def _ring_all(self) -> None:
        for worker in self.engine.workers:
            worker.bell.ring()

    async def _test_page(self, name: PersonName, channel: Channel | None) -> Sequence[Mapping[str, Any]]:
        policy = self._current.policy
        person = policy.people.get(name)
        if person is None:
            return []
        known = await self.database.read(contacts.listed)
        dead = {(one.channel, one.address): one.reason for one in known if one.dead_since and one.person == name}
        sent = await page_test.send(person, self._pagers, policy, channel, self.ambient.clock.now(), dead)
        return [{**row, "text": self._current.standing.hide(str(row["text"]))} for row in sent]

    def status(self) -> dict[str, Any]:
        """The daemon in plain values."""
        config = self.loaded.config
        dispatchers = self.engine.dispatchers
        return {
            "version": __version__,
            "started_at": self._started_at,
            "config_file": str(self.config_path),
            "database": "SQLite" if config.database.is_sqlite else "PostgreSQL",
            "rules": {"count": self.loaded.ruleset.count, "version": self.loaded.ruleset.version},
            **self.report.as_status(),
            "sources": {name: {"kind": source.kind.value} for name, source in config.sources.items()},
            "connectors": {
                name: {"kind": config.connectors[name].kind, "is_stopped": dispatchers[name].is_stopped}
                for name in self._connectors
                if name in config.connectors and name in dispatchers
            },
            "people": sorted(config.people),
            "workers": self.engine.cycle_counts,
            "audit": self.engine.auditor.status,
            "silent_sources": sorted(self.engine.watchdogs.silent),
        }

    # ------------------------------------------------------------------ reload

    async def reload(self) -> Sequence[str]:
        """Take over the configuration as it is on disk, or change nothing and give all that is wrong. One at a time: see ``Turns``."""
        return await self._turns.ask()

    async def _reload_once(self) -> Sequence[str]:
        self._rule_files = await asyncio.to_thread(stamp, self.loaded.config.rules.path)
        try:
            fresh = await read_anew(self.config_path, self._build)
            secrets = self.secrets | set(wiring.secrets(fresh.loaded, fresh.registry.settings))
            standing = wiring.standing(fresh.loaded, secrets)
            doors = wiring.doors(fresh.loaded.config)
            if self._tls is not None:
                self._tls.reload()
            if self._smtp is not None:
                self._smtp.reload_certificate()
        except Exception as error:  # noqa: BLE001 (whatever it is, what runs must go on)
            return self._refuse_reload(refusal_of(error))
        self._take_over(fresh, secrets, standing, doors)
        return ()

    def _take_over(self, fresh: Fresh, secrets: set[str], standing: Standing, doors: list[SourceDoor]) -> None:
        """Nothing in here waits, so nobody sees one half new and the other old."""
        loaded = fresh.loaded
        for section in _NEEDS_RESTART:
            if getattr(loaded.config, section) != getattr(self.loaded.config, section):
                log.warning(log_events.CONFIG_LINT, text=f"a change of “{section}” is in force only after a restart")
        self._take_over_listener(loaded.config)
        self.secrets.update(secrets)
        self.on_reload(loaded)
        self.loaded = loaded
        self._connectors.clear()
        self._connectors.update(fresh.connectors)
        self._find_pagers()
        self._current.standing = standing
        self.webhooks.replace(doors)
        if self._mailboxes is not None:
            self._mailboxes.use(wiring.mailboxes(loaded.config), wiring.mail_routes(loaded.config))
        self.engine.use(fresh.connectors)
        self.report.taken_over(loaded, fresh.tests_count)

    def _take_over_listener(self, fresh: Config) -> None:
        """All but its place: whoever is connected stays so. One that is taken out of the configuration goes on until the restart."""
        new, old = fresh.mail.listener, self.loaded.config.mail.listener
        if (new and new.place) != (old and old.place):
            text = "a change of “listen” or “tls” of “mail.listener” is in force only after a restart"
            log.warning(log_events.CONFIG_LINT, text=text)
        listener = new or old
        if self._smtp is not None and listener is not None:
            self._smtp.replace(wiring.smtp_settings(fresh, listener))

    def _refuse_reload(self, refused: Refused) -> Sequence[str]:
        hide = Mask(self.secrets).text
        return self.report.refused(refused.reason, [hide(problem) for problem in refused.problems])

    async def _try_rules(self) -> None:
        """The tests of the rules with which the daemon has started. It has: a daemon that is down pages nobody."""
        if not self.loaded.config.rules.test_on_reload:
            return
        loaded = self.loaded
        try:
            proof = await prove(self.config_path)
        except Refused as refused:
            self.report.tests_not_run(refused.problems)
            return
        if loaded is self.loaded and proof.identity == identity_of(loaded):
            self.report.tests_ran(proof)
