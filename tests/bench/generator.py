"""Sends one prepared request again and again over some connections, each as soon as the last answer is read.

A process of its own, pinned to a core of its own; raw protocols and prepared bytes, so that it is never the slower side. It says how busy it was.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvloop


@dataclass
class Tally:
    """What was seen while it counted."""

    is_counting: bool = False
    latencies: list[float] = field(default_factory=list)
    refused_count: int = 0


class Sender(asyncio.Protocol):
    """One connection: request, answer, request, ..."""

    def __init__(self, request: bytes, status: bytes, tally: Tally) -> None:
        self._request = request
        self._status = b"HTTP/1.1 " + status
        self._tally = tally
        self._answer = b""
        self._sent_at = 0.0
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport) or hasattr(transport, "write")
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not _is_whole(self._answer):
            return
        tally = self._tally
        if tally.is_counting:
            if self._answer.startswith(self._status):
                tally.latencies.append(time.perf_counter() - self._sent_at)
            else:
                tally.refused_count += 1
        self._answer = b""
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._tally.refused_count += self._tally.is_counting


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return len(body) >= int(length)


async def run(
    port: int, path: str, token: str, status: int, body: bytes, connections: int, warm: float, seconds: float
) -> dict:
    """Requests per second and latencies in milliseconds, counted for some seconds after warming up."""
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: Alertmanager/0.25.0",
        f"Content-Length: {len(body)}",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
    ]
    request, tally = "\r\n".join([*lines, "", ""]).encode() + body, Tally()
    loop = asyncio.get_running_loop()
    senders = [
        (await loop.create_connection(lambda: Sender(request, str(status).encode(), tally), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    await asyncio.sleep(warm)
    tally.is_counting = True
    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    tally.is_counting = False
    took, busy = time.perf_counter() - begun, time.process_time() - cpu
    for sender in senders:
        sender.transport.abort()
    ordered = sorted(tally.latencies) or [0.0]
    return {
        "per_second": len(tally.latencies) / took,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[len(ordered) * 99 // 100] * 1000,
        "refused": tally.refused_count,
        "generator_busy": busy / took,
    }


def main() -> None:
    """Arguments as one JSON object; the result as one JSON object."""
    wish = json.loads(sys.argv[1])
    os.sched_setaffinity(0, {wish.pop("core")})
    wish["body"] = Path(wish["body"]).read_bytes()
    print(json.dumps(uvloop.run(run(**wish))))


if __name__ == "__main__":
    main()
