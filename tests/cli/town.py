"""A small world with rules of every kind, its API over a real socket, and the command line pointed at it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from click.testing import CliRunner, Result

from ingestd.cli.program import Program
from ingestd.cli.tree import ingestd
from ingestd.config.load import load
from ingestd.config.policy import build_policy
from ingestd.core.policy import Policy
from ingestd.core.silencing import WantedSilence
from ingestd.store import silences
from ingestd.telemetry.health import Readiness
from ingestd.testing.inline_database import InlineDatabase
from ingestd.testing.world import World
from ingestd.web.desk import Access, Desk
from ingestd.web.routes import add_routes

CONFIG = """\
timezone: Europe/Berlin
sources:
  alertmanager: {kind: alertmanager, auth: none}
connectors:
  tickets: {kind: ticket_folder, path: var/tickets}
  mail: {kind: email_pager, from: ingestd@localhost, maildir: var/mail}
channels: {email: mail}
people:
  ada: {email: ada@example.com}
  bo: {email: bo@example.com}
  cy: {email: cy@example.com}
policies:
  default: {steps: [{page: [ada], wait: 5m}, {page: [bo], wait: 10m}]}
  cy-only: {steps: [{page: [cy], wait: 5m}]}
teams:
  default: {policy: default, ticket: {to: tickets}}
  nobody: {policy: none}
rules: {path: rules}
api: {loopback_without_token: true}
"""

RULES = """\
version: 1
owner: platform
defaults: {urgency: high, impact: medium, correlate: {by: [host]}}
response:
  low: {page: never}
  medium: {page: office-hours, ack_within: 30m}
office_hours: {when: {weekdays: ["mon:fri"], times: ["08:00-18:00"]}}
maintenance:
  - name: patching
    match: [host = patched]
    when: {from: 2026-03-02T00:00:00Z, to: 2026-03-02T05:00:00Z}
    do: drop
rules:
  - rule: power-out
    match: [alertname = PowerOut]
    correlate: {by: [site], collects: {match: [site != ""], equal: [site]}}
  - rule: disk-in-prod
    match: [alertname = DiskFull, env = prod]
    unless: [cluster = canary]
  - rule: disk
    match: [alertname = DiskFull]
  - rule: disk-anywhere
    match: ['alertname =~ "Disk.*"']
  - rule: small
    match: [alertname = Small]
    urgency: low
  - rule: daytime
    match: [alertname = Daytime]
    urgency: medium
  - rule: watched
    match: [alertname = Watched]
    mode: monitor
  - rule: patient
    match: [alertname = Patient]
    hold: 10m
  - rule: counted
    match: [alertname = Counted]
    threshold: {count: 3, within: 15m}
  - rule: symptom
    match: [alertname = Symptom]
    inhibit_by: {match: [alertname = DiskFull], equal: [host]}
  - rule: unowned
    match: [alertname = Unowned]
    team: nobody
  - rule: for-cy
    match: [alertname = ForCy]
    page: cy-only
"""


_KEY = re.compile(r"alertmanager/v1:[0-9a-f]{64}")
_ENVELOPE = re.compile(r"env_[0-9a-z]{26}")


class FileDatabase:
    """Reads of another thread see the file that the world writes."""

    def __init__(self, path: Path) -> None:
        self._url = f"sqlite:///{path}"

    async def read(self, fn: Callable[..., Any], *args: Any) -> Any:
        database = InlineDatabase(self._url)
        try:
            return database.read_now(fn, *args)
        finally:
            database.close()


class WorldClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self):
        return self._world.now()


def read_policy(folder: Path, rules: str = RULES) -> Policy:
    """The policy of a configuration that is written to a folder."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "rules" / "10-town.yaml").write_text(rules)
    loaded = load(folder / "config.yaml")
    return build_policy(loaded)


@dataclass
class Town:
    """What happens, and what ``explain`` says of it."""

    world: World
    url: str
    folder: Path

    def explain(self, *args: str) -> Result:
        return CliRunner().invoke(
            ingestd,
            ["explain", *args],
            env={"INGESTD_URL": self.url},
            obj=Program(WorldClock(self.world)),
            catch_exceptions=False,
        )

    def says(self, *args: str) -> str:
        """What is shown; folders, versions, keys of alerts and ids of envelopes are replaced by words."""
        shown = self.explain(*args)
        assert shown.exit_code == 0, shown.stderr
        text = shown.stdout.replace(f"{self.folder}/", "").replace(self.world.policy.ruleset.version[:12], "VERSION")
        return _ENVELOPE.sub("ENVELOPE", _KEY.sub("KEY", text))

    def why(self, *args: str) -> list[str]:
        """Only the section that says why nobody was paged, line by line; empty without one."""
        _, _, rest = self.says(*args).partition("Why nobody was paged\n")
        return [" ".join(line.split()) for line in rest.partition("\n\n")[0].splitlines()]

    def silence(self, *matchers: str, hours: float = 2) -> None:
        now = self.world.now()
        wanted = WantedSilence(matchers, "new disks", "ada", None, now + timedelta(hours=hours))
        assert self.world.database.run_now(silences.add, wanted, now) is not None

    def reload(self, rules: str) -> None:
        self.world.reload(read_policy(self.folder, rules))


def open_town(tmp_path: Path, start: Callable[[web.Application], str]) -> Town:
    """A town whose API is served by ``start``."""
    folder = tmp_path / "town"
    world = World(tmp_path / "town.db", policy=read_policy(folder))
    unused: Any = None
    database: Any = FileDatabase(world.path)

    def status() -> dict[str, Any]:
        dispatchers = world.engine.dispatchers.values()
        return {"connectors": {one.name: {"is_stopped": one.is_stopped} for one in dispatchers}}

    desk = Desk(
        database=database,
        clock=WorldClock(world),
        metrics=world.metrics,
        readiness=Readiness(),
        access=lambda: Access(loopback_without_token=True),
        policy=lambda: world.policy,
        external_url="https://ingestd.example",
        pagers={},
        after_decision=unused,
        reload=unused,
        status=status,
        test_page=unused,
    )
    app = web.Application()
    add_routes(app, desk)
    return Town(world, start(app), folder)
