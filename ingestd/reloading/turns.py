"""One reload at a time, and no change is lost: whoever asks while one runs waits for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Runs ``act`` for everybody who asks. All who ask while a turn runs share the one after it."""

    def __init__(self, act: Callable[[], Awaitable[T]]) -> None:
        self._act = act
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[T] | None = None
        self._running: asyncio.Task[T] | None = None

    async def ask(self) -> T:
        """What a turn gave that began after this was called. Raises what it raised. A caller that goes away stops no turn."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._turn())
        return await asyncio.shield(self._next)

    async def _turn(self) -> T:
        async with self._lock:
            # From here on files are read: whoever asks now may have changed one that has been read already.
            self._running, self._next = self._next, None
            return await self._act()

    async def close(self) -> None:
        """Give up the turn that runs and the one that waits."""
        for task in (self._next, self._running):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
