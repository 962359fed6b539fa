"""How long ``ingestd rules replay`` takes for 100,000 stored alerts: a month of an Alertmanager through two sets of rules.

``python tests/bench/replay.py`` stores the month in a SQLite file and runs the command on it, as an admin does, on one core. The second line is the
worst case: every alert is news, and most open an incident. The promise is 60 s for the month, both sides together.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from ingestd.ambient import SystemClock, SystemIds
from ingestd.core.sources import SourceKind
from ingestd.store import dialect, inbox
from ingestd.store.inbox import Envelope
from ingestd.store.migrate import migrate

ROOT = Path(__file__).resolve().parents[2]
ALERTS_COUNT = 100_000
SECONDS_MAX = 60.0
MONTH = timedelta(days=29)
REPEAT = timedelta(hours=4)
"""Alertmanager's own ``repeat_interval``."""
NAMES = ("DiskFull", "TargetDown", "HighRequestLatency", "KubePodCrashLooping", "NodeClockSkewDetected", "Watchdog")


def body(status: str, name: str, group: int, size: int, began_at: datetime, ended_at: datetime | None) -> bytes:
    """One notification about a group of alerts that differ in their instance."""
    alerts = [
        {
            "status": status,
            "labels": {
                "alertname": name,
                "cluster": f"eu-{group % 3}",
                "env": "dev" if group % 4 == 0 else "prod",
                "instance": f"app{group:05d}-{number}:9100",
                "job": "node",
                "namespace": f"team-{group % 20}",
                "service": f"service-{group:05d}",
                "severity": "critical" if group % 3 else "warning",
            },
            "annotations": {
                "summary": f"{name} on app{group:05d}-{number}",
                "description": "It has been so for 10 minutes, and the on-call engineer should look at it.",
                "runbook_url": "https://runbooks.example.net/a",
            },
            "startsAt": began_at.isoformat(),
            "endsAt": ended_at.isoformat() if ended_at else "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.net:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
        }
        for number in range(size)
    ]
    return json.dumps({"version": "4", "status": status, "alerts": alerts, "truncatedAlerts": 0}).encode()


def month(chance: random.Random, began_at: datetime, alerts_count: int) -> list[tuple[datetime, bytes]]:
    """Groups of alerts that fire some hours, are repeated every four, and resolve; about a third of the groups fire more than once."""
    found: list[tuple[datetime, bytes]] = []
    count = 0
    group = 0
    while count < alerts_count:
        group += 1
        name, size = chance.choice(NAMES), chance.randint(1, 10)
        at = began_at + MONTH * chance.random()
        for _ in range(chance.choice((1, 1, 2, 4))):
            lasts = timedelta(hours=chance.expovariate(1 / 6))
            moments = [at + REPEAT * number for number in range(int(lasts / REPEAT) + 1)]
            found += [(moment, body("firing", name, group, size, at, None)) for moment in moments]
            found.append((at + lasts, body("resolved", name, group, size, at, at + lasts)))
            count += size * (len(moments) + 1)
            at += lasts + timedelta(minutes=chance.choice((2, 20, 300)))
    return sorted(one for one in found if one[0] < began_at + MONTH)


def all_new(chance: random.Random, began_at: datetime, alerts_count: int) -> list[tuple[datetime, bytes]]:
    """Nothing but alerts that were never seen before."""
    times = sorted(began_at + MONTH * chance.random() for _ in range(alerts_count // 4))
    return [(at, body("firing", NAMES[group % 5], group, 4, at, None)) for group, at in enumerate(times)]


def store(path: Path, history: list[tuple[datetime, bytes]]) -> None:
    """Put the envelopes where the daemon would have put them."""
    ids = SystemIds()

    def envelopes() -> Iterator[Envelope]:
        for at, raw in history:
            yield Envelope(ids.envelope(), "alertmanager", SourceKind.ALERTMANAGER, at, "127.0.0.1", raw, inbox.DONE)

    engine = dialect.engine_for(f"sqlite:///{path}", synchronous="OFF")
    with engine.begin() as connection:
        migrate(connection)
        inbox.add(connection, list(envelopes()))


def changed_rules(place: Path) -> None:
    """The shipped rules with a team of their own for development, which pages nobody."""
    shutil.copytree(ROOT / "rules", place)
    (place / "10-development.yaml").write_text(
        "version: 1\nrules:\n  - rule: development\n    match: [env = dev]\n    urgency: low\n    page: none\n"
        "    correlate: {by: [cluster], within: 6h}\n",
        encoding="utf-8",
    )


def measure(name: str, history: list[tuple[datetime, bytes]]) -> float:
    """Run the command, print a line, give its seconds of processor time."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        text = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
        (place / "config.yaml").write_text(text.replace("sqlite:var/ingestd.db", "sqlite:history.db"), encoding="utf-8")
        shutil.copytree(ROOT / "rules", place / "rules")
        changed_rules(place / "rules-new")
        store(place / "history.db", history)
        command = [sys.executable, "-m", "ingestd", "rules", "replay", "--since", "30d", "--rules", "rules-new"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        began_at = time.perf_counter()
        pid = subprocess.Popen([*command, "-o", "json"], cwd=place, env=environment, stdout=subprocess.PIPE)
        output, _ = pid.communicate()
        seconds = time.perf_counter() - began_at
        assert pid.returncode == 0, output
    told = json.loads(output)
    funnel = told["funnel"]["before"]
    print(
        f"{name:<10}{funnel['envelopes']:>11,}{funnel['alerts']:>9,}{funnel['after_dedup']:>8,}{funnel['incidents']:>11,}"
        f"{funnel['pages']:>8,}{seconds:>8.1f}{peak_mib():>12.0f}"
    )
    return seconds


def peak_mib() -> float:
    """The most memory that any command had so far."""
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> int:
    """Print the table; 1 if the promise is not kept."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    began_at = SystemClock().now().astimezone(UTC) - MONTH - timedelta(hours=12)
    print(
        f"{'history':<10}{'envelopes':>11}{'alerts':>9}{'news':>8}{'incidents':>11}{'pages':>8}{'s':>8}{'memory MiB':>12}"
    )
    seconds = measure("a month", month(random.Random(7), began_at, ALERTS_COUNT))
    measure("all new", all_new(random.Random(7), began_at, ALERTS_COUNT))
    is_kept = seconds <= SECONDS_MAX
    print(
        f"{ALERTS_COUNT:,} stored alerts replay through two sets of rules in {seconds:.1f} s, at most {SECONDS_MAX:g}: "
        f"{'yes' if is_kept else 'NO'}"
    )
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
