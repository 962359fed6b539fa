"""Starts ingestd with a fault planted, to show that the acceptance tests notice it. The product knows nothing of this.

Called as ``python launch_planted.py FAULT serve --config.file=...``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from ingestd.intake import gate
from ingestd.store import dialect
from ingestd.workers import dispatcher, jobs


def sync_less() -> None:
    """Commits that return before they are on disk."""
    engine_for = dialect.engine_for

    def careless(url: str, **options: object) -> object:
        return engine_for(url, **{**options, "synchronous": "NORMAL"})

    dialect.engine_for = careless


def never_look_up() -> None:
    """What may have been sent is sent again without looking for it."""
    take = jobs.take

    def hasty(*arguments: object) -> jobs.Take:
        taken = take(*arguments)
        sent_again = tuple(jobs.replace(job, is_lookup=False) for job in taken.jobs)
        return jobs.Take(sent_again, taken.dropped)

    dispatcher.jobs.take = hasty


def stand_still() -> None:
    """A fifth of a second of work on the event loop for each envelope, in one go."""
    put = gate.Gate.put

    def busy(*arguments: object, **named: object) -> None:
        end = time.thread_time() + 0.2
        while time.thread_time() < end:
            pass
        put(*arguments, **named)

    gate.Gate.put = busy


FAULTS: dict[str, Callable[[], None]] = {
    "no-fault": lambda: None,
    "sync-less": sync_less,
    "never-look-up": never_look_up,
    "stand-still": stand_still,
}


def main() -> None:
    fault = sys.argv.pop(1)
    FAULTS[fault]()
    from ingestd.cli import main as ingestd

    ingestd()


if __name__ == "__main__":
    main()
