"""One reload at a time, and none is lost."""

from __future__ import annotations

import asyncio

import pytest

from ingestd.reloading.turns import Turns


class Acts:
    """What is done in turns: each waits until it is let go, and gives its number."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.gate = asyncio.Semaphore(0)

    async def act(self) -> int:
        self.begun += 1
        number, self.at_once = self.begun, self.at_once + 1
        assert self.at_once == 1, "one at a time"
        await self.gate.acquire()
        self.at_once -= 1
        return number


async def settle() -> None:
    """Let everything happen that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_asks_while_one_runs_gets_what_the_next_one_gives() -> None:
    acts = Acts()
    turns = Turns(acts.act)
    first = asyncio.create_task(turns.ask())
    await settle()
    late = [asyncio.create_task(turns.ask()) for _ in range(3)]
    await settle()
    assert acts.begun == 1
    for _ in range(2):
        acts.gate.release()
    assert [await first, *[await one for one in late]] == [1, 2, 2, 2]
    assert acts.begun == 2
    acts.gate.release()
    assert await turns.ask() == 3


async def test_a_caller_that_goes_away_stops_no_turn_that_others_wait_for() -> None:
    acts = Acts()
    turns = Turns(acts.act)
    impatient, patient = asyncio.create_task(turns.ask()), asyncio.create_task(turns.ask())
    await settle()
    impatient.cancel()
    await settle()
    acts.gate.release()
    assert await patient == 1


async def test_a_turn_that_fails_fails_for_its_callers_and_leaves_room_for_the_next() -> None:
    outcomes = [OSError("the disk is gone"), None]

    async def act() -> str:
        if error := outcomes.pop(0):
            raise error
        return "done"

    turns = Turns(act)
    with pytest.raises(OSError, match="gone"):
        await turns.ask()
    assert await turns.ask() == "done"


async def test_at_the_end_what_runs_and_what_waits_is_given_up() -> None:
    acts = Acts()
    turns = Turns(acts.act)
    runs = asyncio.create_task(turns.ask())
    await settle()
    waits = asyncio.create_task(turns.ask())
    await settle()
    await turns.close()
    for asked in (runs, waits):
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert acts.begun == 1
