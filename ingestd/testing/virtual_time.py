"""Virtual time for tests: a year passes at once, the same seed gives the same run, and a process can crash.

``run_virtual(scenario)`` is the door for most tests; ``LoopLife`` is for those in which the process dies and is started
again. Both hand the scenario a ``VirtualAmbient``: the clock, the ids and the chance that the daemon is built with.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar

from ingestd.ambient import Clock
from ingestd.core.names import EnvelopeId
from ingestd.testing.virtual_loop import (
    Deadlock,
    Livelock,
    RealWorldRefused,
    SimulatedCrash,
    VirtualTime,
    VirtualTimeLoop,
)

__all__ = [
    "START",
    "Deadlock",
    "Livelock",
    "LoopLife",
    "RealWorldRefused",
    "SeededChance",
    "SeededIds",
    "SimulatedCrash",
    "VirtualAmbient",
    "VirtualClock",
    "VirtualTime",
    "VirtualTimeLoop",
    "run_virtual",
]

T = TypeVar("T")

START = datetime(2024, 1, 1, tzinfo=UTC)
"""When a simulation begins unless told otherwise: a Monday, midnight."""

CLEAN_UP_SECONDS = 3600.0
"""How long, in virtual time, a cancelled task may take to end."""

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


class VirtualClock:
    """An ``ambient.Clock`` that reads ``start_at`` plus the virtual time plus ``skew``.

    Set ``skew`` to make the wall clock jump, backwards too, while timers keep their course: what a time server does to
    a machine.
    """

    def __init__(self, virtual: VirtualTime, start_at: datetime = START) -> None:
        if start_at.tzinfo is None:
            raise ValueError(f"start_at {start_at.isoformat()} has no time zone; give it one, as in tzinfo=UTC")
        self._virtual = virtual
        self._start_at = start_at.astimezone(UTC)
        self.skew = timedelta(0)

    def now(self) -> datetime:
        """This instant, aware, in UTC, to the microsecond."""
        return self._start_at + timedelta(seconds=self._virtual.seconds) + self.skew


class SeededIds:
    """An ``ambient.IdSource`` that repeats for a seed.

    Each kind of id has its own stream, so that one more of one kind does not change the others. It belongs to the
    simulation, not to one life of the daemon: a second source with the same seed would hand out the same tokens again.
    """

    def __init__(self, seed: int, clock: Clock) -> None:
        self._clock = clock
        self._envelopes = _stream(seed, "ids/envelope")
        self._tokens = _stream(seed, "ids/token")

    def envelope(self) -> EnvelopeId:
        """A new envelope id, in the form and the order of ``ambient.SystemIds``."""
        milliseconds = int(self._clock.now().timestamp() * 1000)
        number = milliseconds << 80 | self._envelopes.getrandbits(80)
        return EnvelopeId("env_" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5)))

    def token(self) -> str:
        """A new token of 72 bits: 12 URL-safe characters."""
        return base64.urlsafe_b64encode(self._tokens.randbytes(9)).decode()


class SeededChance:
    """An ``ambient.Chance`` that repeats for a seed."""

    def __init__(self, seed: int, purpose: str = "chance") -> None:
        self._seed = seed
        self._purpose = purpose
        self._random = _stream(seed, purpose)

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        return self._random.uniform(low, high)

    def child(self, purpose: str) -> SeededChance:
        """A stream of its own for ``purpose``: how often others draw does not change it. The same name starts anew."""
        return SeededChance(self._seed, f"{self._purpose}/{purpose}")


@dataclass(frozen=True, slots=True)
class VirtualAmbient:
    """What one life of the daemon is built with. Only ``loop`` is new in the next life."""

    loop: VirtualTimeLoop
    clock: VirtualClock
    ids: SeededIds
    chance: SeededChance


class LoopLife:
    """Runs a process in virtual time, lets it die, and starts it again at the same instant.

    ::

        with LoopLife(seed=7) as life:
            while True:
                try:
                    return life.run(daemon)
                except SimulatedCrash:
                    continue

    Within the process, ``ambient.loop.crash("before commit")`` is death. Nothing of that life runs afterwards: its
    tasks stay suspended, with all that they hold, until ``close``. Only the stack that called ``crash`` unwinds, which
    is why each door to the outside must call ``ambient.loop.require_alive()`` first. Files and connections that the
    dead life held are still open: whoever owns them (an inline database) closes them, as an operating system would.
    """

    def __init__(self, *, seed: int = 0, start_at: datetime = START) -> None:
        self.virtual = VirtualTime()
        self.clock = VirtualClock(self.virtual, start_at)
        self.ids = SeededIds(seed, self.clock)
        self.chance = SeededChance(seed)
        self.loop = VirtualTimeLoop(self.virtual)
        self.deaths: list[str] = []
        """Where the process died, each time, in order."""
        self._dead: list[VirtualTimeLoop] = []

    def run(self, coro_factory: Callable[[VirtualAmbient], Coroutine[Any, Any, T]]) -> T:
        """Run until that coroutine ends and return what it returns; raises ``SimulatedCrash`` when the process dies.

        Other tasks that it started stay pending and go on in the next ``run``, unless the process died: then the
        next ``run`` begins a new life.
        """
        if self.loop in self._dead:
            self.loop = VirtualTimeLoop(self.virtual)
        loop = self.loop
        coro = coro_factory(VirtualAmbient(loop, self.clock, self.ids, self.chance))
        try:
            result = loop.run_until_complete(coro)
            loop.require_whole()
            loop.require_alive()
        except SimulatedCrash as crash:
            self.crash(str(crash))
            raise
        except RuntimeError:
            loop.require_whole()
            if loop.died_at is None:
                raise
            # The stack that crashed swallowed its own death, and asyncio complains that the loop was stopped.
            self.crash(loop.died_at)
            raise SimulatedCrash(loop.died_at) from None
        return result

    def crash(self, where: str = "killed from outside") -> None:
        """Kill the process between two runs, as ``kill -9`` does."""
        self.loop.kill(where)
        if self.loop not in self._dead:
            self._dead.append(self.loop)
            self.deaths.append(str(self.loop.died_at))

    def close(self) -> None:
        """End the simulation: cancel what still lives and wait for it; then drop what died, silently."""
        try:
            if self.loop.died_at is None:
                _cancel_leftovers(self.loop)
        finally:
            for loop in [*self._dead, self.loop]:
                loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run_virtual(
    coro_factory: Callable[[VirtualAmbient], Coroutine[Any, Any, T]], *, seed: int = 0, start_at: datetime = START
) -> T:
    """Run one coroutine to its end on a loop of its own and return its result, as ``asyncio.run`` does.

    Whatever else is still pending is cancelled, oldest first, and awaited. Raises ``Deadlock`` when nothing can run.
    """
    with LoopLife(seed=seed, start_at=start_at) as life:
        return life.run(coro_factory)


def _stream(seed: int, purpose: str) -> random.Random:
    """Seeded by text, which is hashed by SHA-512 and so does not depend on PYTHONHASHSEED."""
    return random.Random(f"{seed}/{purpose}")  # it must repeat


def _cancel_leftovers(loop: VirtualTimeLoop) -> None:
    leftovers = loop.pending_tasks()
    for task in leftovers:
        task.cancel()
    if leftovers:
        patience = loop.call_later(CLEAN_UP_SECONDS, loop.stop)
        asyncio.gather(*leftovers, return_exceptions=True).add_done_callback(lambda _: loop.stop())
        loop.run_forever()
        patience.cancel()
    if stubborn := [task for task in leftovers if not task.done()]:
        raise RuntimeError(
            f"{len(stubborn)} tasks were cancelled and still run after {CLEAN_UP_SECONDS:g} s of virtual time\n"
            f"{loop.describe_tasks()}\nLook for an except clause that swallows asyncio.CancelledError."
        )
    for task in leftovers:
        if not task.cancelled() and (error := task.exception()) is not None:
            loop.call_exception_handler(
                {"message": "a task failed while the simulation closed", "exception": error, "task": task}
            )
    loop.run_until_complete(loop.shutdown_asyncgens())
