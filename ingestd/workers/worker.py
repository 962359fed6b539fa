"""How a worker lives: step after step, woken by a bell or by the time when something is due, never dying of an error.

A worker takes no input: it reads what there is to do, so a restart and a nudge take the same path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

IDLE_SECONDS_MAX = 5.0
"""How long a worker waits at most before it looks again, whatever it was told."""
_PAUSE_AFTER_ERROR_SECONDS = 1.0
_PAUSE_SECONDS_MAX = 30.0


class Bell:
    """Wakes one worker. Ringing twice before it wakes is ringing once."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Make the worker look now."""
        self._event.set()

    async def wait(self, seconds_max: float) -> None:
        """Return when rung, or after the time."""
        try:
            async with asyncio.timeout(seconds_max):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


class Worker:
    """Repeats ``step`` (true: there may be more to do at once) and waits ``idle_seconds`` in between. ``cycle_count`` proves progress."""

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[bool]],
        idle_seconds: Callable[[], Awaitable[float]],
        metrics: Metrics,
        *,
        idle_seconds_max: float = IDLE_SECONDS_MAX,
    ) -> None:
        self.name = name
        self.bell = Bell()
        self.cycle_count = 0
        self._step = step
        self._idle_seconds = idle_seconds
        self._metrics = metrics
        self._idle_seconds_max = idle_seconds_max
        self._failures_in_a_row = 0

    async def run(self) -> None:
        """Live until cancelled."""
        while True:
            try:
                has_more = await self._step()
                idle = 0.0 if has_more else min(await self._idle_seconds(), self._idle_seconds_max)
                self._failures_in_a_row = 0
            except Exception as error:  # noqa: BLE001 (a worker must outlive whatever one step meets; it is logged and counted)
                idle = self._note_failure(error)
            self.cycle_count += 1
            if idle > 0:
                await self.bell.wait(idle)
            else:
                await asyncio.sleep(0)

    def _note_failure(self, error: Exception) -> float:
        self._failures_in_a_row += 1
        self._metrics.worker_failures.labels(self.name).inc()
        log.error(log_events.WORKER_FAILED, worker=self.name, in_a_row=self._failures_in_a_row, exc_info=error)
        return min(_PAUSE_AFTER_ERROR_SECONDS * 2.0 ** min(self._failures_in_a_row - 1, 10), _PAUSE_SECONDS_MAX)


class Crew:
    """Runs coroutines side by side, at most ``size`` at once. ``on_free`` is called after each end, when its place is free."""

    def __init__(self, size: int, on_free: Callable[[], None] = lambda: None) -> None:
        self.size = size
        self._on_free = on_free
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._number = 0

    @property
    def free_count(self) -> int:
        """How many more may start now."""
        return self.size - len(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it beside the others."""
        assert self.free_count > 0, "only start what has a place"
        self._number += 1
        number = self._number
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[number] = task
        task.add_done_callback(lambda _: self._end(number, task))

    def _end(self, number: int, task: asyncio.Task[None]) -> None:
        del self._tasks[number]
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its row stays leased: when the lease ends, what became of it is looked up.
            log.error(log_events.WORKER_FAILED, worker="crew", exc_info=error)
        self._on_free()

    async def finish(self) -> None:
        """Wait until all that were started have ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def cancel(self) -> None:
        """Stop all of them. What they had sent is looked up by the next life."""
        for task in self._tasks.values():
            task.cancel()
        await self.finish()
