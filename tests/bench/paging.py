"""How soon somebody hears of it: from the commit of an event to the first request at the provider, over HTTP on loopback.

Two loads. Steady: 100 alerts a second, one in ten of which opens an incident that pages one of many people. Storm: 10,000 alerts within a minute
that open 2,500 incidents for five people, whom batches keep from being flooded. Run as a program: ``paging.py [SECONDS]``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import structlog
from aiohttp import web
from sqlalchemy import Connection, select

from ingestd.ambient import SystemChance, SystemClock, SystemIds
from ingestd.core.names import Channel, EffectKey, EnvelopeId, Level, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Policy, Step
from ingestd.core.rule_compiler import compile_rules
from ingestd.core.rule_draft import Known, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, TeamRoute
from ingestd.core.sources import SourceKind
from ingestd.intake.gate import Gate
from ingestd.ports import PageReceipt, PageText, ReceiptNews
from ingestd.store import inbox, migrate
from ingestd.store.database import ThreadedDatabase
from ingestd.store.schema import outbox
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.current import Current, Standing
from ingestd.workers.engine import Engine

STEADY_PER_SECOND = 100
STEADY_PEOPLE = 200
STORM_ALERTS, STORM_SECONDS, STORM_PER_INCIDENT, STORM_PEOPLE = 10_000, 60, 4, 5
GOALS = {"steady": (1.0, 5.0), "storm": (None, 15.0)}
"""p50 and p99 in seconds."""


class Provider:
    """A text message service on loopback: notes when each message was asked for."""

    def __init__(self) -> None:
        self.asked_at: dict[str, float] = {}
        self.url = ""

    async def start(self) -> web.AppRunner:
        application = web.Application()
        application.router.add_post("/messages", self._take)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/messages"
        return runner

    async def _take(self, request: web.Request) -> web.Response:
        key = (await request.json())["key"]
        self.asked_at.setdefault(key, time.monotonic())
        return web.json_response({"id": key})


class LoopbackPager:
    """The least that a connector does: one request a message."""

    name, channel = "sms", Channel.SMS

    def __init__(self, session: aiohttp.ClientSession, provider: Provider) -> None:
        self._session, self._provider = session, provider

    async def check(self) -> str:
        return "a service on loopback"

    async def page(self, text: PageText, key: EffectKey) -> PageReceipt:
        body = {"key": key, "to": text.contact.address, "text": text.incident.title}
        async with self._session.post(self._provider.url, json=body) as reply:
            return PageReceipt((await reply.json())["id"])

    async def find_page(self, text: PageText, key: EffectKey) -> PageReceipt | None:
        del text, key
        return None

    def read_receipt(self, url: str, headers: object, body: bytes) -> ReceiptNews | None:
        del url, headers, body
        return None


def policy_for(people: int) -> Policy:
    """One rule and one policy for each person: ``team=p7`` pages p7 at once, and nobody else for an hour."""
    names = [PersonName(f"p{number}") for number in range(people)]
    drafts = [
        RuleDraft(
            name=f"for-{name}",
            match=("alertname = HighRequestLatency", f"team = {name}"),
            impact=Level.HIGH,
            urgency=Level.HIGH,
            correlate_by=("cluster",),
            correlate_within_seconds=1800,
            page=name,
            has_page=True,
            has_ticket=True,
        )
        for name in names
    ]
    known = Known({"default": TeamRoute("default", None)}, frozenset({"default", *names}), frozenset({"sms"}))
    ruleset, faults = compile_rules(drafts, Stages(DEFAULT_MATRIX, "bench"), known)
    assert not faults, faults
    plans = {str(name): EscalationPolicy(str(name), (Step((name,), 3600),)) for name in (*names, "default")}
    persons = {name: Person(name, name, ((Channel.SMS, f"+1555{n:07}"),)) for n, name in enumerate(names)}
    return Policy(ruleset, people=persons, escalations=plans, channel_connectors={Channel.SMS: "sms"})


def body_of(numbers: list[tuple[str, str, str]]) -> bytes:
    """Alerts by team, cluster and host, as an Alertmanager sends them."""
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": "HighRequestLatency", "team": team, "cluster": cluster, "instance": host},
            "annotations": {"summary": f"p99 latency on {host} is 4.2 s"},
            "startsAt": "2026-01-02T03:04:05Z",
            "endsAt": "0001-01-01T00:00:00Z",
        }
        for team, cluster, host in numbers
    ]
    return json.dumps({"version": "4", "status": "firing", "groupKey": "{}", "alerts": alerts}).encode()


@dataclass
class Load:
    """What was sent: when each envelope was answered, and what the provider saw."""

    database: ThreadedDatabase
    gate: Gate
    provider: Provider
    committed_at: dict[EnvelopeId, float] = field(default_factory=dict)

    async def send(self, body: bytes) -> None:
        envelope = await self.gate.receive("alertmanager", SourceKind.ALERTMANAGER, body, "127.0.0.1")
        self.committed_at[envelope] = time.monotonic()

    def waits(self, connection: Connection) -> tuple[list[float], int]:
        """Of each incident: seconds from the commit of the event that opened it to the first request that told it; and how many were not told."""
        opened: dict[str, float] = {}
        for envelope, at in self.committed_at.items():
            found = inbox.report(connection, envelope)
            for finding in (found.findings or []) if found else []:
                if finding["incident"]:
                    opened[finding["incident"]] = min(at, opened.get(finding["incident"], at))
        told: dict[str, float] = {}
        query = select(outbox.c.key, outbox.c.incident_id, outbox.c.folded_into).where(outbox.c.kind == "page")
        for key, incident, leader in connection.execute(query):
            at = self.provider.asked_at.get(leader or key)
            if at is not None:
                told[incident] = min(at, told.get(incident, at))
        waits = sorted(told[incident] - at for incident, at in opened.items() if incident in told)
        return waits, len(opened) - len(waits)


async def steady(load: Load, seconds: int) -> None:
    """One alert a message, evenly; of ten in a row the first opens an incident, the others join it."""
    begun = time.monotonic()
    for number in range(seconds * STEADY_PER_SECOND):
        await asyncio.sleep(max(0.0, begun + number / STEADY_PER_SECOND - time.monotonic()))
        group = number // 10
        await load.send(body_of([(f"p{group % STEADY_PEOPLE}", f"c{group}", f"h{number}")]))


async def storm(load: Load) -> None:
    """Twenty alerts a message."""
    begun, size = time.monotonic(), 20
    for start in range(0, STORM_ALERTS, size):
        await asyncio.sleep(max(0.0, begun + start / STORM_ALERTS * STORM_SECONDS - time.monotonic()))
        groups = [number // STORM_PER_INCIDENT for number in range(start, start + size)]
        alerts = [(f"p{g % STORM_PEOPLE}", f"c{g}", f"h{start + n}") for n, g in enumerate(groups)]
        await load.send(body_of(alerts))


async def measure(kind: str, seconds: int) -> dict[str, object]:
    """One load on a fresh database; waits until everybody was told, or for 30 s."""
    with tempfile.TemporaryDirectory() as folder:
        database = ThreadedDatabase(f"sqlite:///{Path(folder) / 'bench.db'}")
        await database.run(migrate.migrate)
        people = STEADY_PEOPLE if kind == "steady" else STORM_PEOPLE
        current, metrics, clock, ids = (
            Current(Standing(policy_for(people), "https://i.example")),
            Metrics(),
            SystemClock(),
            SystemIds(),
        )
        provider = Provider()
        runner = await provider.start()
        async with aiohttp.ClientSession() as session:
            pager = LoopbackPager(session, provider)
            engine = Engine(database, current, {"sms": pager}, clock, ids, SystemChance(), metrics)
            load = Load(database, Gate(database, clock, ids, metrics, engine.wake.processor.ring), provider)
            await engine.start(is_only_daemon=True)
            await (steady(load, seconds) if kind == "steady" else storm(load))
            for _ in range(30):
                await asyncio.sleep(1)
                waits, missing = await database.read(load.waits)
                if not missing:
                    break
            await engine.stop(seconds_max=5)
        await runner.cleanup()
        database.close()
    return {
        "load": kind,
        "incidents": len(waits) + missing,
        "not_told": missing,
        "messages": len(provider.asked_at),
        "p50_seconds": waits[len(waits) // 2],
        "p99_seconds": waits[len(waits) * 99 // 100],
        "worst_seconds": waits[-1],
    }


async def main() -> None:
    """Both loads; one line each, and whether the goal is met."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    print("from the commit of an event to the first request at the provider, seconds")
    print(f"{'load':10}{'incidents':>11}{'messages':>10}{'not told':>10}{'p50':>8}{'p99':>8}{'worst':>8}  goal")
    for kind, (p50, p99) in GOALS.items():
        found = await measure(kind, seconds)
        is_met = not found["not_told"] and float(str(found["p99_seconds"])) < p99
        is_met = is_met and (p50 is None or float(str(found["p50_seconds"])) < p50)
        goal = f"p99 < {p99:.0f}" + (f", p50 < {p50:.0f}" if p50 else "")
        print(
            f"{kind:10}{found['incidents']:11,}{found['messages']:10,}{found['not_told']:10,}"
            f"{found['p50_seconds']:8.2f}{found['p99_seconds']:8.2f}{found['worst_seconds']:8.2f}  {goal}: {'met' if is_met else 'MISSED'}",
            flush=True,
        )


if __name__ == "__main__":
    asyncio.run(main())
