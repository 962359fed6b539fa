"""The composition root: the only code that sees every concrete part. ``Daemon`` is one life of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from ingestd import __version__, wiring
from ingestd.ambient import Chance, Clock, IdSource, SystemChance, SystemClock, SystemIds
from ingestd.config.load import Loaded, load
from ingestd.config.problems import ConfigProblems, ProblemLevel, render
from ingestd.core.names import Channel, PersonName
from ingestd.errors import IngestdError
from ingestd.intake.gate import Gate
from ingestd.intake.http import Webhooks
from ingestd.intake.server import Tls, listen, make_runner
from ingestd.net.http_client import AiohttpClient
from ingestd.net.mail_sender import sender
from ingestd.ports import ConnectorTools, Pager, TicketSystem
from ingestd.registry import Registry, settings_models
from ingestd.store import migrate
from ingestd.store.database import ThreadedDatabase
from ingestd.store.lock import FileLock
from ingestd.telemetry import log_events
from ingestd.telemetry.health import EngineWatch, Readiness
from ingestd.telemetry.metrics import Metrics
from ingestd.web.desk import Desk
from ingestd.web.routes import add_routes
from ingestd.workers import page_test
from ingestd.workers.current import Current
from ingestd.workers.engine import Engine

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


def load_all(path: Path) -> tuple[Loaded, Registry]:
    """The configuration, its rules and its connectors. Raises ``ConfigProblems`` with everything that is wrong."""
    loaded = load(path, connectors=settings_models())
    return loaded, Registry(loaded)


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
        self.readiness = Readiness(("database", "listener"))
        self.port = 0
        self._started_at = self.ambient.clock.now()
        self._http = AiohttpClient()
        self._connectors = self._build(loaded, registry)
        self._pagers: dict[str, Pager] = {}
        self._find_pagers()
        self._current = Current(wiring.standing(loaded, self.secrets))
        self._lock: FileLock | None = None
        self._tls: Tls | None = None

    def _build(self, loaded: Loaded, registry: Registry) -> dict[str, TicketSystem | Pager]:
        external_url = loaded.config.server.external_url.rstrip("/")
        return registry.build(ConnectorTools(http=self._http, mail=sender, external_url=external_url))

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
            self.database, self._current, self._connectors, ambient.clock, ambient.ids, ambient.chance, self.metrics
        )
        self.watch = EngineWatch(lambda: self.engine.cycle_counts)
        self.readiness.watch(self.watch)
        await self.engine.start(is_only_daemon=config.database.is_sqlite)
        self.gate = Gate(self.database, ambient.clock, ambient.ids, self.metrics, self.engine.wake.processor.ring)
        await self._listen(listen_at or (config.server.listen.host, config.server.listen.port))
        self.readiness.ready("listener")
        self._note_reload(is_ok=True)

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
        log.info(log_events.DAEMON_READY, listen=f"{at[0]}:{self.port}", version=__version__)

    async def stop(self) -> None:
        """Take nothing more in, finish what is under way for a while, close. What is left over is in the database."""
        self.readiness.unready("listener", "stopping")
        await self._runner.cleanup()
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
            nudge=self._ring_all,
        )

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
        connector_of = policy.channel_connectors
        sent = await page_test.send(person, self._pagers, connector_of, channel, self.ambient.clock.now())
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
            "sources": {name: {"kind": source.kind.value} for name, source in config.sources.items()},
            "connectors": {
                name: {"kind": config.connectors[name].kind, "is_stopped": dispatchers[name].is_stopped}
                for name in self._connectors
                if name in config.connectors and name in dispatchers
            },
            "people": sorted(config.people),
            "workers": self.engine.cycle_counts,
        }

    # ------------------------------------------------------------------ reload

    async def reload(self) -> list[str]:
        """Take over the configuration file as it is now, or say why not and change nothing."""
        try:
            loaded, registry = load_all(self.config_path)
            connectors = self._build(loaded, registry)
            if self._tls is not None:
                self._tls.reload()
        except Exception as error:  # noqa: BLE001 (a connector that is installed may raise anything; what runs must go on)
            return self._refuse_reload(_reasons(error))
        for section in _NEEDS_RESTART:
            if getattr(loaded.config, section) != getattr(self.loaded.config, section):
                log.warning(log_events.CONFIG_LINT, text=f"a change of “{section}” is in force only after a restart")
        self.secrets.update(wiring.secrets(loaded, registry.settings))
        self.on_reload(loaded)
        self.loaded = loaded
        self._connectors.clear()
        self._connectors.update(connectors)
        self._find_pagers()
        self._current.standing = wiring.standing(loaded, self.secrets)
        self.webhooks.replace(wiring.doors(loaded.config))
        self.engine.use(connectors)
        self._note_reload(is_ok=True)
        log.info(log_events.CONFIG_RELOADED, rules=loaded.ruleset.count, rules_version=loaded.ruleset.version[:12])
        return []

    def _refuse_reload(self, problems: list[str]) -> list[str]:
        log.warning(log_events.CONFIG_REFUSED, count=len(problems), first=problems[0].splitlines()[0])
        self._note_reload(is_ok=False)
        return problems

    def _note_reload(self, *, is_ok: bool) -> None:
        self.metrics.reload_ok.set(1 if is_ok else 0)
        if is_ok:
            self.metrics.reload_at.set(self.ambient.clock.now().timestamp())


def _reasons(error: Exception) -> list[str]:
    """Why a configuration cannot be taken over. Its warnings are no reason: ``ingestd check`` shows them."""
    if isinstance(error, ConfigProblems):
        return [render(problem) for problem in error.problems if problem.level is ProblemLevel.ERROR]
    return [str(error) if isinstance(error, IngestdError | OSError) else f"{type(error).__name__}: {error}"]
