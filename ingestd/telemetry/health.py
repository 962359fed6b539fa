"""Whether the daemon can do its work: what must have happened before it is ready, and whether the engine turns.

Nothing here asks the network. A service that is down does not make the daemon unready: a restart would not mend it, and webhooks must
still be stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

WORKER_STILL_SECONDS_MAX = 120.0
"""How long one worker may take for a turn: the longest attempt to reach a service, and the longest pause after a failure."""
ENGINE_STILL_SECONDS_MAX = 45.0
"""How long all of them together may stand still: then it is not a service that is slow, it is the daemon that hangs."""


@dataclass(slots=True)
class _Turn:
    count: int
    seen_at: float


class EngineWatch:
    """Sees from the growing counts of the workers' turns whether the engine makes progress. Counts live in the workers."""

    def __init__(
        self, cycle_counts: Callable[[], Mapping[str, int]], *, now_seconds: Callable[[], float] | None = None
    ) -> None:
        self._cycle_counts = cycle_counts
        self._now_seconds = now_seconds or _loop_seconds
        self._turns: dict[str, _Turn] = {}

    def stalled(self) -> list[str]:
        """Why the engine counts as stalled, in words; empty while it turns. Compares with what earlier calls saw."""
        now = self._now_seconds()
        counts = self._cycle_counts()
        if not counts:
            return ["engine: no worker runs"]
        for name, count in counts.items():
            turn = self._turns.get(name)
            if turn is None or count != turn.count:
                self._turns[name] = _Turn(count, now)
        still = {name: now - self._turns[name].seen_at for name in counts}
        if min(still.values()) > ENGINE_STILL_SECONDS_MAX:
            return [f"engine: no worker has turned for {min(still.values()):.0f} s"]
        return [
            f"engine: {name} has not turned for {seconds:.0f} s"
            for name, seconds in still.items()
            if seconds > WORKER_STILL_SECONDS_MAX
        ]

    def not_started(self) -> list[str]:
        """Workers that have not finished one turn yet, in words."""
        return [f"engine: {name} has not turned yet" for name, count in self._cycle_counts().items() if count == 0]


class Readiness:
    """What the daemon waits for before it is ready. Each part is unready from the start until it is marked."""

    def __init__(self, parts: Iterable[str] = (), *, engine: EngineWatch | None = None) -> None:
        self._missing: dict[str, str] = dict.fromkeys(parts, "not yet")
        self._engine = engine

    def watch(self, engine: EngineWatch) -> None:
        """From now on a stalled engine counts as unready."""
        self._engine = engine

    def ready(self, part: str) -> None:
        """This part stands."""
        self._missing.pop(part, None)

    def unready(self, part: str, why: str) -> None:
        """This part does not stand (any more): ``why`` is shown."""
        self._missing[part] = why

    def missing(self) -> list[str]:
        """What is not ready, each as ``part: why``; empty when all is."""
        found = [f"{part}: {why}" for part, why in self._missing.items()]
        if self._engine is not None:
            found += [*self._engine.not_started(), *self._engine.stalled()]
        return found


def _loop_seconds() -> float:
    return asyncio.get_running_loop().time()
