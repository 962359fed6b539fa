"""Mails a second that the listener takes, each synced to disk before its 250, beside a bare aiosmtpd handler that keeps nothing, in one run.

As ``run.py``: the servers live throughout and have a core to themselves, who is measured alternates, and the ratio is taken within a round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import uvloop
from run import ROOT, Server, serving

KINDS = ("aiosmtpd", "mail")
CASES = ((2, 16), (2, 64), (100, 16))
"""Size in kB, connections."""
TO = "alerts@example.com"


@dataclass
class Tally:
    """What was seen while it counted."""

    is_counting: bool = False
    latencies: list[float] = field(default_factory=list)
    refused_count: int = 0


class Sender(asyncio.Protocol):
    """One connection that hands in one mail after the other, each command when the one before it is answered."""

    def __init__(self, message: bytes, tally: Tally) -> None:
        self._steps = (b"MAIL FROM:<nagios@example.com>\r\n", f"RCPT TO:<{TO}>\r\n".encode(), b"DATA\r\n", message)
        self._tally = tally
        self._answer = b""
        self._began_at = 0.0
        self._talk = self._say()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._answer.endswith(b"\r\n") and self._answer.rpartition(b"\r\n")[0].rpartition(b"\n")[2][3:4] == b" ":
            next(self._talk)

    def _say(self) -> Iterator[None]:
        self.transport.write(b"EHLO bench.example.com\r\n")
        self._answer = b""
        yield
        while True:
            self._began_at = time.perf_counter()
            for step in self._steps:
                self._answer = b""
                self.transport.write(step)
                yield
            if self._tally.is_counting:
                if self._answer.startswith(b"250"):
                    self._tally.latencies.append(time.perf_counter() - self._began_at)
                else:
                    self._tally.refused_count += 1


async def load(port: int, message: bytes, connections: int, seconds: float) -> dict[str, float]:
    """Mails per second and milliseconds for each, after warming up."""
    tally, loop = Tally(), asyncio.get_running_loop()
    senders = [
        (await loop.create_connection(lambda: Sender(message, tally), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.sleep(0.3)
    tally.is_counting = True
    begun = time.perf_counter()
    await asyncio.sleep(seconds)
    tally.is_counting = False
    took = time.perf_counter() - begun
    for sender in senders:
        sender.transport.abort()
    ordered = sorted(tally.latencies) or [0.0]
    return {
        "per_second": len(ordered) / took,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
        "refused": tally.refused_count,
    }


def measure(server: Server, message: bytes, connections: int, seconds: float) -> dict[str, float]:
    """One server, one moment."""
    return uvloop.run(load(server.port, message, connections, seconds))


def main() -> int:
    """Measure, print, and write ``var/bench/mail.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    folder = ROOT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with ExitStack() as stack:
        running = [stack.enter_context(serving(kind, cores[0], folder)) for kind in KINDS]
        for size_kb, connections in CASES:
            head = b"From: nagios@example.com\r\nSubject: ** PROBLEM Service Alert: db/Disk is CRITICAL **\r\n\r\n"
            message = head + (b"x" * 76 + b"\r\n") * (size_kb * 1000 // 78) + b".\r\n"
            rounds = [
                {server.kind: measure(server, message, connections, options.seconds) for server in running}
                for _ in range(options.rounds)
            ]
            print(f"mails of {size_kb} kB, {connections} connections")
            print(f"{'':16}{'mails/s':>9}{'ratio':>8}{'p50 ms':>9}{'p99 ms':>9}")
            for kind in KINDS:
                row = {name: median(one[kind][name] for one in rounds) for name in rounds[0][kind]}
                row["ratio"] = median(one[kind]["per_second"] / one[KINDS[0]]["per_second"] for one in rounds)
                rows.append({"server": kind, "size_kb": size_kb, "connections": connections, **row})
                print(
                    f"{kind:16}{row['per_second']:9,.0f}{row['ratio']:8.2f}{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}"
                    + (f"  REFUSED {row['refused']:.0f}" if row["refused"] else "")
                )
    Path(folder / "mail.json").write_text(json.dumps(rows, indent=1) + "\n")
    for old in folder.glob("mail.db*"):
        old.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
