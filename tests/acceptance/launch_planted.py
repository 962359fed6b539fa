"""Starts ingestd with a fault planted, to show that the acceptance tests notice it. The product knows nothing of this.

Called as ``python launch_planted.py FAULT serve --config.file=...``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ingestd.intake.mailbox_reader import MailboxReader
from ingestd.store import dialect
from ingestd.workers import jobs
from ingestd.workers.worker import Bell

_STALL_SECONDS = 0.2


def sync_less() -> None:
    """Commits that return before they are on disk."""
    engine_for: Callable[..., Any] = dialect.engine_for

    def careless(url: str, **options: Any) -> Any:
        return engine_for(url, **{**options, "synchronous": "NORMAL"})

    _plant(dialect, "engine_for", careless)


def never_look_up() -> None:
    """What may have been sent is sent again without looking for it."""
    take: Callable[..., jobs.Take] = jobs.take

    def hasty(*arguments: Any, **options: Any) -> jobs.Take:
        taken = take(*arguments, **options)
        return jobs.Take(tuple(replace(job, is_lookup=False) for job in taken.jobs), taken.dropped)

    _plant(jobs, "take", hasty)


def stand_still() -> None:
    """Work on the event loop, in one go, whenever a worker is woken; an envelope wakes one."""
    ring = Bell.ring

    def busy(bell: Bell) -> None:
        end = time.thread_time() + _STALL_SECONDS
        while time.thread_time() < end:
            pass
        ring(bell)

    _plant(Bell, "ring", busy)


def die_before_marking() -> None:
    """The process ends once mail of a mailbox is committed, and before it is marked there."""

    def die(*_arguments: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    _plant(MailboxReader, "_mark", die)


def _plant(place: object, name: str, fault: object) -> None:
    assert hasattr(place, name), f"{place} has no {name} any more: the fault must be planted elsewhere"
    setattr(place, name, fault)


FAULTS: dict[str, Callable[[], None]] = {
    "no-fault": lambda: None,
    "sync-less": sync_less,
    "never-look-up": never_look_up,
    "stand-still": stand_still,
    "die-before-marking": die_before_marking,
}


def main() -> None:
    """Plant the fault that the first argument names, then be ``ingestd`` with the others."""
    fault = sys.argv.pop(1)
    FAULTS[fault]()
    from ingestd.cli import main as ingestd

    ingestd()


if __name__ == "__main__":
    main()
