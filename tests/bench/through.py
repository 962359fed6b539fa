"""How fast what is stored becomes decisions: envelopes → alerts → incidents and outbox, with the example configuration and its rules.

Run as a program: ``through.py CORE DATABASE ALERTS ALERTS_PER_BODY``; prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import bodies

from ingestd import wiring
from ingestd.ambient import SystemClock, SystemIds
from ingestd.config.load import load
from ingestd.core.sources import SourceKind
from ingestd.store import inbox
from ingestd.store.database import ThreadedDatabase
from ingestd.store.inbox import Envelope
from ingestd.store.migrate import migrate
from ingestd.workers.processor import BATCH_ENVELOPES, process_batch

ROOT = Path(__file__).resolve().parents[2]


def resident_mib() -> float:
    """The memory of this process that is in use, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


async def fill(database: ThreadedDatabase, alerts: int, per_body: int, now: datetime) -> None:
    """Store envelopes with this many alerts in all."""
    ids = SystemIds()
    for start in range(0, alerts, 50 * per_body):
        numbers = range(start, min(alerts, start + 50 * per_body), per_body)
        envelopes = [
            Envelope(
                ids.envelope(),
                "alertmanager",
                SourceKind.ALERTMANAGER,
                now,
                "127.0.0.1",
                bodies.webhook(range(number, number + per_body)),
            )
            for number in numbers
        ]
        await database.run(inbox.add, envelopes)


async def decide_all(database: ThreadedDatabase, standing: wiring.Standing, clock: SystemClock) -> float:
    """Decide everything that waits, as the processor does; the seconds that it took."""
    begun = time.perf_counter()
    while True:
        report = await database.run(process_batch, standing, clock.now(), BATCH_ENVELOPES, frozenset())
        if not report.has_more:
            return time.perf_counter() - begun


def counts(connection: object) -> dict[str, int]:
    """How many rows came of it."""
    tables = ("alerts", "incidents", "outbox", "timeline")
    return {
        name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()  # noqa: S608 (our own names)
        for name in tables
    }


async def main() -> None:
    """New series first, then the same once more, as an Alertmanager repeats them."""
    core, path, alerts, per_body = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.sched_setaffinity(0, {int(core)})
    clock, database = SystemClock(), ThreadedDatabase(f"sqlite:///{path}")
    await database.run(migrate)
    standing = wiring.standing(load(ROOT / "config.example.yaml"), secrets=())
    gc.collect()
    gc.freeze()
    before = resident_mib()
    await fill(database, alerts, per_body, clock.now())
    new = await decide_all(database, standing, clock)
    await fill(database, alerts, per_body, clock.now())
    repeated = await decide_all(database, standing, clock)
    result = {
        "new_per_second": alerts / new,
        "repeats_per_second": alerts / repeated,
        "rows": await database.read(counts),
        "resident_mib_before": before,
        "resident_mib": resident_mib(),
    }
    database.close()
    print(json.dumps(result))


if __name__ == "__main__":
    asyncio.run(main())
