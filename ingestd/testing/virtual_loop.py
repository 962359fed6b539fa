"""An asyncio event loop whose timers jump, and which can die as a process dies.

Three properties matter, and each is a feature of a simulator rather than a limit:

- It never waits. When nothing is ready, the time becomes that of the next timer.
- It has no door to the real world. Sockets, threads, processes and signals raise ``RealWorldRefused``.
- It repeats itself. Tasks and futures hash by the order in which they were made, not by their address, so that
  libraries which iterate a set of them (``asyncio.TaskGroup`` does, when it cancels) do so in the same order each time.

A run repeats for the same seed, commit and minor version of Python: asyncio takes a different number of turns for the
same code from one minor version to the next.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import threading
from asyncio import _get_running_loop, _set_running_loop
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextvars import Context
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, NoReturn, TypeVar, TypeVarTuple

from ingestd.testing.numbered import Awaited, NumberedFuture, NumberedTask, NumberedTimer

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

HORIZON_SECONDS = 100 * 365.25 * 86_400
"""A timer set later than this counts as one that never fires: past it a double cannot hold a microsecond."""

TURNS_WITHOUT_TIME = 1_000_000
"""How many turns the loop may take at one instant before ``Livelock``."""

_CLOCK_RESOLUTION_SECONDS = 1e-6


class Deadlock(RuntimeError):
    """Nothing can run, no timer is set, and somebody still waits. The message names who, and where."""


class Livelock(RuntimeError):
    """The loop turned a million times and its time stood still: somebody polls without sleeping."""


class RealWorldRefused(NotImplementedError):
    """Code under virtual time asked for a socket, a thread, a process or a signal."""


class SimulatedCrash(SystemExit):
    """The process died here. A ``SystemExit``, because asyncio lets only that leave the loop at once from any task.

    Nobody catches it but the one who runs the simulation; whoever does catch it finds a loop that runs nothing more.
    """


@dataclass
class VirtualTime:
    """How much time has passed, in seconds since the start of the simulation. Outlives the loops that share it."""

    seconds: float = 0.0


class _Jump:
    """Stands where asyncio has its selector: where another loop would wait, the time moves instead."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._turns = 0

    def select(self, timeout: float | None) -> list[Any]:
        """Move the time to the next timer, unless something is ready (a time-out of 0). Never reports input.

        The size of a time-out is ignored: asyncio caps it at a day, while the timer's own instant is exact.
        """
        if timeout == 0:
            self._turns += 1
            if self._turns > TURNS_WITHOUT_TIME:
                raise Livelock(self._loop.explain_livelock())
            return []
        when = self._loop.next_timer()
        if when is None:
            raise Deadlock(self._loop.explain_deadlock())
        self._turns = 0
        self._loop.virtual.seconds = max(when, self._loop.virtual.seconds)
        return []


class VirtualTimeLoop(asyncio.BaseEventLoop):
    """An event loop in virtual time; see the module for what it guarantees.

    ``time()`` starts at 0, or where the loop before it stopped when both are given the same ``VirtualTime``.
    Tasks are held until they are done, so a task that everybody forgot is still there, whatever the garbage
    collector does.
    """

    # Names that BaseEventLoop keeps to itself and that every subclass outside asyncio relies on (3.11 to 3.13).
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _thread_id: int | None

    def __init__(self, virtual: VirtualTime | None = None) -> None:
        super().__init__()
        self.virtual = virtual if virtual is not None else VirtualTime()
        # Must exceed the spacing of doubles at the latest instant (4e-9 after a year, 5e-7 at the horizon), or a timer
        # that is due is never "before now plus the resolution" and the loop spins.
        self._clock_resolution = _CLOCK_RESOLUTION_SECONDS
        self._selector = _Jump(self)
        self._numbers = itertools.count(1)
        self._task_names = itertools.count(1)
        self._tasks: dict[NumberedTask[Any], None] = {}
        self._died_at: str | None = None
        self._torn_by: BaseException | None = None

    def time(self) -> float:
        """Seconds of virtual time since the simulation began."""
        return self.virtual.seconds

    # --- what asyncio asks of its loop

    def create_future(self) -> asyncio.Future[Any]:
        """A future that hashes by its number. In a dead loop: ``SimulatedCrash``."""
        self.require_alive()
        return NumberedFuture(number=next(self._numbers), loop=self)

    def create_task(self, coro: Awaited[T], *, name: object = None, context: Context | None = None) -> asyncio.Task[T]:
        """A task named ``Task-N`` unless told otherwise; N counts from 1 in each loop, not in each process."""
        if self._died_at is not None:
            coro.close()
            raise SimulatedCrash(self._died_at)
        chosen = f"Task-{next(self._task_names)}" if name is None else str(name)
        task = NumberedTask(coro, number=next(self._numbers), loop=self, name=chosen, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def set_task_factory(self, factory: object) -> NoReturn:
        """Refused: another kind of task would hash by its address, and the run would not repeat."""
        raise NotImplementedError("a VirtualTimeLoop makes its own tasks: sets of them must iterate in the same order")

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call ``callback`` in the next turn. A dead loop forgets it."""
        if self._died_at is not None:
            return self._stillborn()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call ``callback`` at that virtual time, after what was set earlier for the same instant. A dead loop forgets it."""
        if self._died_at is not None:
            return self._stillborn()
        timer = NumberedTimer(when, callback, args, self, context, number=next(self._numbers))
        heapq.heappush(self._scheduled, timer)
        return timer

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """As ``call_soon``, for libraries that always use this one. From another thread: ``RealWorldRefused``."""
        if self._thread_id not in {None, threading.get_ident()}:
            raise RealWorldRefused(_refusal("loop.call_soon_threadsafe, called from another thread", "threads"))
        return self.call_soon(callback, *args, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As asyncio does, except that a dead loop says nothing."""
        self._tear(context.get("exception"))
        if self._died_at is None:
            super().call_exception_handler(context)

    def remove_signal_handler(self, _sig: int) -> bool:
        """False: there never was one."""
        return False

    def _process_events(self, event_list: list[Any]) -> None:
        """There is no input to process."""

    def _write_to_self(self) -> None:
        """Nothing sleeps that would need to be woken."""

    def _asyncgen_finalizer_hook(self, agen: AsyncGenerator[object, object]) -> None:
        # A generator of a dead process is dropped where it stands; asyncio would run its clean-up in a new task.
        if self._died_at is None:
            super()._asyncgen_finalizer_hook(agen)  # type: ignore[misc]  # typeshed does not list asyncio's own hook

    # --- death

    @property
    def died_at(self) -> str | None:
        """Where the process died, or None while it lives."""
        return self._died_at

    def require_alive(self) -> None:
        """Raise ``SimulatedCrash`` when this loop is dead.

        Each door to the outside (database, network, trace) calls it first: the stack that crashed still unwinds through
        its ``finally`` blocks, and what they do must not reach a world that a dead process cannot touch.
        """
        if self._died_at is not None:
            raise SimulatedCrash(self._died_at)

    def crash(self, where: str) -> NoReturn:
        """Die here: no callback that is ready, and none set later, will run. Raises ``SimulatedCrash(where)``."""
        self.kill(where)
        raise SimulatedCrash(self._died_at)

    def kill(self, where: str) -> None:
        """Die without raising, for one who stands outside the process. The first death counts."""
        if self._died_at is not None:
            return
        self._died_at = where
        for handle in self._ready:  # cancelled, not cleared: the turn that is under way counts them
            handle.cancel()
        self.stop()

    def close(self) -> None:
        """Close the loop; what is still pending is dropped without a word.

        CPython cannot forget a suspended coroutine: sooner or later it throws ``GeneratorExit`` into it and runs its
        ``finally`` blocks, at a moment of the garbage collector's choosing. So they run here, in the order in which
        their tasks were made, in a dead loop in which nothing can be awaited, scheduled or logged.
        """
        if self.is_running() or self.is_closed():
            super().close()
            return
        self.kill("closed")
        around = _get_running_loop()
        _set_running_loop(self)  # clean-up that asks for the running loop must find this dead one, not make another
        try:
            for task in [task for task in self._tasks if not task.done()]:
                task.abandon()
        finally:
            _set_running_loop(around)
        self._tasks.clear()
        super().close()

    # --- what the simulation asks

    def pending_tasks(self) -> list[asyncio.Task[Any]]:
        """The tasks that are not done, oldest first."""
        return [task for task in self._tasks if not task.done()]

    def next_timer(self) -> float | None:
        """The instant of the next timer within the horizon, or None."""
        return next((timer.when() for timer in self._scheduled[:1] if timer.when() <= HORIZON_SECONDS), None)

    def explain_deadlock(self) -> str:
        """What ``Deadlock`` says."""
        return (
            f"nothing can ever run again at {self.time():g} s of virtual time: no callback is ready and no timer is set"
            f"\n{self.describe_tasks()}\n"
            "Look for a future that nobody completes, an event that nobody sets, or a queue that nobody fills."
        )

    def explain_livelock(self) -> str:
        """What ``Livelock`` says."""
        return (
            f"the loop turned {TURNS_WITHOUT_TIME} times at {self.time():g} s of virtual time without moving on"
            f"\n{self.describe_tasks()}\n"
            "Look for a loop that awaits sleep(0), or a timer that is set again for an instant that has passed."
        )

    def describe_tasks(self) -> str:
        """One line for each pending task: its name and the chain of calls in which it waits."""
        lines = [f"  {task.get_name()}: {_where(task.get_coro())}" for task in self.pending_tasks()]
        return "\n".join([f"pending tasks: {len(lines)}", *lines])

    def _forget(self, task: NumberedTask[Any]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled():
            self._tear(task._exception)  # noqa: SLF001 (to ask for it in public would say that somebody has seen it)

    def _tear(self, error: BaseException | None) -> None:
        """What is meant for the one who runs the whole, as a test's time limit is, stops the loop; asyncio keeps it in the task."""
        if error is not None and not isinstance(error, Exception | SystemExit | asyncio.CancelledError | GeneratorExit):
            self._torn_by = error
            self.stop()

    def require_whole(self) -> None:
        """Raise what a task was hit by that no task can answer: the time limit of a test, an interrupt."""
        if self._torn_by is not None:
            raise self._torn_by

    def _stillborn(self) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.time(), lambda: None, (), self)
        handle.cancel()
        return handle


def _where(coro: object) -> str:
    """``outer (file.py:1) > inner (file.py:2)``: file names without folders, so that a trace repeats elsewhere."""
    calls: list[str] = []
    step = coro
    while (frame := getattr(step, "cr_frame", None)) is not None:
        code = frame.f_code
        calls.append(f"{code.co_qualname} ({PurePath(code.co_filename).name}:{frame.f_lineno})")
        step = getattr(step, "cr_await", None)
    return " > ".join(calls) or repr(coro)


def _refusal(what: str, kind: str) -> str:
    return f"{what}: there are no {kind} in virtual time; give the code under test a fake of the port it uses"


def _refuse(name: str, kind: str) -> Callable[..., NoReturn]:
    def refused(_self: VirtualTimeLoop, *_args: object, **_options: object) -> NoReturn:
        raise RealWorldRefused(_refusal(f"loop.{name}", kind))

    refused.__name__ = name
    refused.__doc__ = "Refused: raises ``RealWorldRefused``."
    return refused


_REFUSED = {
    "threads": "run_in_executor set_default_executor getaddrinfo getnameinfo",
    "sockets": (
        "add_reader remove_reader add_writer remove_writer sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into "
        "sock_sendall sock_sendto sock_connect sock_accept sock_sendfile sendfile start_tls create_connection "
        "create_server create_unix_connection create_unix_server create_datagram_endpoint connect_accepted_socket"
    ),
    "processes": "connect_read_pipe connect_write_pipe subprocess_exec subprocess_shell",
    "signals": "add_signal_handler",
}
for _kind, _names in _REFUSED.items():
    for _name in _names.split():
        setattr(VirtualTimeLoop, _name, _refuse(_name, _kind))
