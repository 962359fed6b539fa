"""``make bench``: ingestd's intake beside a bare aiohttp handler that parses the same body and answers 200, in one run.

Servers have one core to themselves and the generator has another, if the machine has two. All servers live throughout; who is measured
alternates from round to round, so that a change of the machine's mood meets all of them, and each ratio is taken within a round.
Processor time per request says the same with less noise on a busy machine. Absolute figures are of this machine only. What rules cost and how long a
replay takes follows, and how soon somebody is paged.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import bodies
import servers

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GOAL = 0.8
"""Of the bare handler, for one alert per body, with a sync to disk before each answer."""
YARDSTICK = "msgspec"
CASES = ((1, 64), (10, 64), (100, 64), (1, 1))
"""Alerts per body, connections."""
_ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(HERE)])}


@dataclass(frozen=True)
class Server:
    """A server process. ``kind`` is what ``servers.py`` calls it."""

    kind: str
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far; from the scheduler, to the nanosecond."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


@contextmanager
def serving(kind: str, core: int, folder: Path) -> Iterator[Server]:
    """The server while it lives."""
    command = [sys.executable, str(HERE / "servers.py"), kind, str(core), str(folder / f"{kind}.db")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_ENVIRONMENT)
    assert process.stdin, "it was asked for"
    assert process.stdout, "it was asked for"
    try:
        yield Server(kind, int(process.stdout.readline()), process.pid)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def measure(server: Server, core: int, body: Path, connections: int, seconds: float) -> dict[str, float]:
    """One server, one moment."""
    wish = {
        "core": core,
        "port": server.port,
        "path": servers.PATH,
        "token": servers.TOKEN,
        "status": 202 if server.kind.startswith("ingestd") else 200,
        "body": str(body),
        "connections": connections,
        "warm": 0.3,
        "seconds": seconds,
    }
    before = server.cpu_seconds()
    output = subprocess.check_output([sys.executable, str(HERE / "generator.py"), json.dumps(wish)], env=_ENVIRONMENT)
    found: dict[str, float] = json.loads(output)
    requests = found["per_second"] * (seconds + wish["warm"])
    found["cpu_us"] = (server.cpu_seconds() - before) / max(requests, 1) * 1e6
    return found


def compare(running: list[Server], core: int, folder: Path, options: argparse.Namespace) -> list[dict[str, object]]:
    """Every server in every case; medians, and ratios to the yardstick of the same round."""
    rows: list[dict[str, object]] = []
    for alerts, connections in CASES:
        body = folder / f"{alerts}.json"
        body.write_bytes(bodies.webhook(range(alerts)))
        rounds = [
            {server.kind: measure(server, core, body, connections, options.seconds) for server in running}
            for _ in range(options.rounds)
        ]
        print(f"\n{alerts} alerts per body ({body.stat().st_size:,} bytes), {connections} connections")
        print(f"{'':16}{'req/s':>9}{'ratio':>8}{'cpu µs':>9}{'cpu ratio':>11}{'p50 ms':>9}{'p99 ms':>9}")
        for server in running:
            mine = [one[server.kind] for one in rounds]
            row = {name: median(one[name] for one in mine) for name in mine[0]}
            row["ratio"] = median(one[server.kind]["per_second"] / one[YARDSTICK]["per_second"] for one in rounds)
            row["cpu_ratio"] = median(one[YARDSTICK]["cpu_us"] / one[server.kind]["cpu_us"] for one in rounds)
            row["refused"] = sum(one["refused"] for one in mine)
            rows.append({"server": server.kind, "alerts": alerts, "connections": connections, **row})
            print(
                f"{server.kind:16}{row['per_second']:9,.0f}{row['ratio']:8.2f}{row['cpu_us']:9.1f}{row['cpu_ratio']:11.2f}"
                f"{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}"
                + (f"  REFUSED {row['refused']:.0f}" if row["refused"] else "")
            )
    return rows


def through(core: int, folder: Path, alerts: int, rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Alerts per second to incident and outbox, and the memory after it."""
    print(f"\nfrom envelope to incident and outbox, {alerts:,} alerts")
    print(
        f"{'alerts/body':16}{'new/s':>9}{'repeats/s':>11}{'incidents':>11}{'outbox':>9}{'of bare':>9}{'memory MiB':>12}"
    )
    results: list[dict[str, object]] = []
    for per_body in (1, 10, 100):
        command = [sys.executable, str(HERE / "through.py"), str(core), str(folder / f"through{per_body}.db")]
        output = subprocess.check_output([*command, str(alerts), str(per_body)], env=_ENVIRONMENT)
        found = json.loads(output)
        bare = next(
            float(str(row["per_second"])) * per_body
            for row in rows
            if (row["server"], row["alerts"], row["connections"]) == (YARDSTICK, per_body, 64)
        )
        found |= {"alerts_per_body": per_body, "ratio_to_bare": found["new_per_second"] / bare}
        results.append(found)
        print(
            f"{per_body:<16}{found['new_per_second']:9,.0f}{found['repeats_per_second']:11,.0f}{found['rows']['incidents']:11,}"
            f"{found['rows']['outbox']:9,}{found['ratio_to_bare']:9.3f}"
            f"{found['resident_mib_before']:6.0f}→{found['resident_mib']:.0f}"
        )
    return results


def main() -> int:
    """Measure, print, and write ``var/bench/result.json``. Fails only if something could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="short and many: the machine is not alone")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--alerts", type=int, default=10_000, help="on the way to incident and outbox")
    parser.add_argument("--uvloop", action="store_true", help="both on uvloop too")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db*"):
        old.unlink()
    kinds = [YARDSTICK, "json", "ingestd", *(["msgspec@uvloop", "ingestd@uvloop"] if options.uvloop else [])]
    with ExitStack() as stack:
        running = [stack.enter_context(serving(kind, cores[0], folder)) for kind in kinds]
        rows = compare(running, cores[-1], folder, options)
    result = {"intake": rows, "through": through(cores[0], folder, options.alerts, rows), "cores": len(cores)}
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    for old in folder.glob("*.db*"):
        old.unlink()
    mine = next(row for row in rows if (row["server"], row["alerts"], row["connections"]) == ("ingestd", 1, 64))
    is_met = float(str(mine["ratio"])) >= GOAL
    print(
        f"\ngoal: {GOAL} of the bare handler at 1 alert per body, synced: {mine['ratio']:.2f}, {'met' if is_met else 'MISSED'}"
    )
    if max(float(str(row["generator_busy"])) for row in rows) > 0.9:
        print("the generator was as busy as the servers: the figures are its own")
    for name in (
        "mail.py",
        "rules.py",
        "replay.py",
        "paging.py",
    ):  # they say themselves whether they keep their promises
        print(flush=True)
        subprocess.run([sys.executable, str(HERE / name)], env=_ENVIRONMENT, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
