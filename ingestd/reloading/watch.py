"""Looks whether the rules on disk have changed, and reloads when they have come to rest.

It looks by itself once a second, at sizes, times and file numbers. The kernel could tell (inotify), but not on network file systems and not
for the links of a Kubernetes volume, and a machine that has run out of watches tells nothing at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from ingestd.config.rule_files import rule_paths, test_paths
from ingestd.telemetry import log_events

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""Files count as at rest when two looks in a row see the same."""

Stamp = tuple[tuple[str, int, int, int], ...]


def stamp(path: Path) -> Stamp:
    """Equal as long as no rule or test file comes, goes or changes. ``path`` is a folder or a file; a missing one is empty."""
    found = []
    try:
        paths = sorted({*rule_paths(path), *test_paths(path)})
    except OSError:
        return ()
    for one in paths:
        try:
            seen = one.stat()
        except OSError:
            found.append((one.name, 0, 0, 0))
        else:
            found.append((one.name, seen.st_size, seen.st_mtime_ns, seen.st_ino))
    return tuple(found)


class RuleWatch:
    """The step of a worker. ``path`` gives where the rules are, None if they are not watched; ``taken`` the stamp at the last reload."""

    def __init__(
        self,
        path: Callable[[], Path | None],
        taken: Callable[[], Stamp],
        reload: Callable[[], Awaitable[object]],
    ) -> None:
        self._path = path
        self._taken = taken
        self._reload = reload
        self._last: Stamp | None = None

    async def run_once(self) -> bool:
        """Look; reload if the files are not those of the last reload, whatever came of it, and are at rest."""
        path = self._path()
        if path is None:
            self._last = None
            return False
        now = await asyncio.to_thread(stamp, path)
        is_at_rest, self._last = now == self._last, now
        if is_at_rest and now != self._taken():
            log.info(log_events.RULES_CHANGED, path=str(path))
            await self._reload()
        return False

    async def idle_seconds(self) -> float:
        """Until the next look."""
        return LOOK_SECONDS
