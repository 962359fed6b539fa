"""How long the daemon's event loop stood still, and how much memory it took, seen from outside.

A probe asks ``/-/healthy`` over and over on one connection. What it waits is what anybody else would have waited. Time in which
the machine let other programs run (Linux counts it per thread: ``schedstat``) is not the daemon's fault and does not count.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROBE = b"GET /-/healthy HTTP/1.1\r\nHost: ingestd\r\n\r\n"
_PAUSE_SECONDS = 0.002


@dataclass
class Watch:
    """What was seen while something was going on."""

    stall_seconds: float = 0.0
    longest_answer_seconds: float = 0.0
    """With what the machine took."""
    grown_bytes: int = 0
    probe_count: int = 0


def _waits(tasks: Path) -> dict[str, int]:
    """For how many nanoseconds each thread was ready to run and was not let."""
    found = {}
    for task in tasks.iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            found[task.name] = int((task / "schedstat").read_text().split()[1])
    return found


def _others_took_seconds(tasks: Path, before: dict[str, int]) -> float:
    """The longest that one of these threads was kept waiting by the machine since then."""
    return max((waited - before.get(name, waited) for name, waited in _waits(tasks).items()), default=0) / 1e9


def _memory_bytes(process: int, field: str) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"Linux tells no {field}")


class _Probe(threading.Thread):
    def __init__(self, process: int, port: int, watch: Watch) -> None:
        super().__init__(name="probe")
        self._tasks = Path(f"/proc/{process}/task")
        self._own_tasks = Path("/proc/self/task")
        self._port = port
        self._watch = watch
        self.is_over = threading.Event()
        self.error: OSError | None = None

    def run(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self._port), timeout=30) as line:
                is_last = False
                while not is_last:
                    is_last = self.is_over.is_set()
                    self._ask(line)
                    time.sleep(_PAUSE_SECONDS)
        except OSError as error:
            self.error = error

    def _ask(self, line: socket.socket) -> None:
        of_daemon, of_probe = _waits(self._tasks), _waits(self._own_tasks)
        began = time.monotonic()
        line.sendall(_PROBE)
        answer = line.recv(4096)
        seconds = time.monotonic() - began
        if not answer:
            raise ConnectionError("the daemon closed the probe's connection")
        self._watch.longest_answer_seconds = max(self._watch.longest_answer_seconds, seconds)
        seconds -= _others_took_seconds(self._tasks, of_daemon) + _others_took_seconds(self._own_tasks, of_probe)
        self._watch.stall_seconds = max(self._watch.stall_seconds, seconds)
        self._watch.probe_count += 1


@contextlib.contextmanager
def watching(process: int, port: int) -> Iterator[Watch]:
    """The longest stall, and how far the memory rose above what it was at the beginning."""
    watch = Watch()
    Path(f"/proc/{process}/clear_refs").write_text("5")  # the high-water mark begins anew: proc(5)
    before = _memory_bytes(process, "VmRSS")
    probe = _Probe(process, port, watch)
    probe.start()
    try:
        yield watch
    finally:
        probe.is_over.set()
        probe.join()
        watch.grown_bytes = _memory_bytes(process, "VmHWM") - before
    if probe.error is not None:
        raise probe.error
