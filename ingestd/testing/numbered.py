"""Tasks, futures and timers that carry a number, so that a run of a ``VirtualTimeLoop`` repeats.

The number stands in for the address of an object, which orders a set and differs from process to process, and settles
which of two timers of one instant fires first, which asyncio leaves to its heap.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeAlias, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Awaited: TypeAlias = Generator[Any, None, T] | Coroutine[Any, Any, T]
"""What a task can be made of."""

_REFUSALS_OF_THE_END = 100  # how often a coroutine may answer its GeneratorExit with another bare yield


class NumberedTask(asyncio.Task[T]):
    """A task whose place in a set does not depend on its address."""

    def __init__(
        self,
        coro: Awaited[T],
        *,
        number: int,
        loop: asyncio.AbstractEventLoop,
        name: str,
        context: Context | None,
    ) -> None:
        self._number = number  # before super(), which already puts the task into a WeakSet
        super().__init__(coro, loop=loop, name=name, context=context)

    def __hash__(self) -> int:
        return self._number

    def abandon(self) -> None:
        """Unwind the suspended coroutine without the loop, whatever its clean-up raises or tries to await."""
        coro = self.get_coro()
        for _ in range(_REFUSALS_OF_THE_END):
            with contextlib.suppress(Exception, SystemExit, asyncio.CancelledError, GeneratorExit):
                coro.close()
            if getattr(coro, "cr_frame", None) is None:
                return


class NumberedFuture(asyncio.Future[T]):
    """A future whose place in a set does not depend on its address."""

    def __init__(self, *, number: int, loop: asyncio.AbstractEventLoop) -> None:
        self._number = number
        super().__init__(loop=loop)

    def __hash__(self) -> int:
        return self._number


class NumberedTimer(asyncio.TimerHandle):
    """A timer that fires after those set before it for the same instant.

    asyncio leaves their order to its heap. On a real clock two instants are hardly ever the same; here they often are.
    """

    __slots__ = ("_number",)

    def __init__(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        args: tuple[*Ts],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
        *,
        number: int,
    ) -> None:
        super().__init__(when, callback, args, loop, context)
        self._number = number
        self._scheduled = True  # so that a cancellation is counted, as BaseEventLoop.call_at does

    def __lt__(self, other: asyncio.TimerHandle) -> bool:
        if isinstance(other, NumberedTimer):
            return (self.when(), self._number) < (other.when(), other._number)
        return NotImplemented
