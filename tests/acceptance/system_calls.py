"""What strace saw: whether each answer left after the commit that it speaks of was on disk.

Three instants are found for each envelope id: the first write of a page with the id into the write-ahead log, the end of the
next sync of that file, and the beginning of the call that sends the id to a socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TRACE_OPTIONS = [
    *("-f", "-D", "-yy", "--seccomp-bpf", "-s", "8192"),
    *("-e", "trace=fdatasync,fsync,pwrite64,write,writev,sendto,sendmsg"),
]
"""``-D``: the traced program stays our own child, so that signals and exit codes are its own. ``-yy``: what a descriptor is."""
_CALL = re.compile(r"^(?P<thread>\d+)\s+(?P<name>\w+)\((?P<handle>\d+)<(?P<what>[^>]*(?:->[^>]*)?)>")
_RESUMED = re.compile(r"^(?P<thread>\d+)\s+<\.\.\. (?P<name>\w+) resumed>")


@dataclass(frozen=True, slots=True)
class Order:
    """Line numbers of the trace; None for what never happened."""

    envelope: str
    written: int | None
    synced: int | None
    sent: int | None

    @property
    def is_right(self) -> bool:
        """Written, then synced, then sent."""
        if self.written is None or self.synced is None or self.sent is None:
            return False
        return self.written < self.synced < self.sent


def has_ended(trace: Path) -> bool:
    """Whether strace has written all that it saw."""
    return trace.exists() and "+++ exited with" in trace.read_text(errors="replace")[-400:]


def orders(trace: Path, envelopes: Iterable[str]) -> list[Order]:
    """For each envelope what came when."""
    lines = trace.read_text(errors="replace").splitlines()
    syncs = sync_ends(lines)
    return [_order(envelope, lines, syncs) for envelope in envelopes]


def sync_ends(lines: list[str]) -> list[int]:
    """Where syncs of the write-ahead log ended."""
    ends = []
    syncing: set[str] = set()
    for number, line in enumerate(lines):
        call = _CALL.match(line)
        if call and call["name"] in {"fdatasync", "fsync"} and call["what"].endswith("-wal"):
            if "<unfinished" in line:
                syncing.add(call["thread"])
            elif line.endswith("= 0"):
                ends.append(number)
        resumed = _RESUMED.match(line)
        if resumed and resumed["name"] in {"fdatasync", "fsync"} and resumed["thread"] in syncing:
            syncing.discard(resumed["thread"])
            if line.endswith("= 0"):
                ends.append(number)
    return ends


def _order(envelope: str, lines: list[str], syncs: list[int]) -> Order:
    written = sent = None
    for number, line in enumerate(lines):
        if envelope not in line:
            continue
        call = _CALL.match(line)
        if call is None:
            continue
        if written is None and call["name"] == "pwrite64" and call["what"].endswith("-wal"):
            written = number
        if sent is None and call["what"].startswith("TCP"):
            sent = number
    synced = None if written is None else next((end for end in syncs if end > written), None)
    return Order(envelope, written, synced, sent)
