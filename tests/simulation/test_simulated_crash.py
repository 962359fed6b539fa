import asyncio
import gc
import sys
from datetime import timedelta

import pytest

from ingestd.testing.virtual_time import START, LoopLife, SimulatedCrash


class Disk:
    """What survives a process: it refuses the dead, as a kernel does."""

    def __init__(self):
        self.lines = []

    def write(self, ambient, line):
        ambient.loop.require_alive()
        self.lines.append((ambient.loop.time(), line))


class TestCrash:
    def test_the_next_life_begins_at_the_instant_of_the_crash(self):
        disk = Disk()

        async def daemon(ambient):
            disk.write(ambient, "start")
            await asyncio.sleep(90)
            if len(disk.lines) == 1:
                ambient.loop.crash("before commit")
            disk.write(ambient, "commit")
            return ambient.clock.now()

        with LoopLife(seed=1) as life:
            with pytest.raises(SimulatedCrash, match="before commit"):
                life.run(daemon)
            assert life.run(daemon) == START + timedelta(seconds=180)
            assert life.deaths == ["before commit"]
        assert disk.lines == [(0, "start"), (90, "start"), (180, "commit")]

    def test_ids_go_on_in_the_next_life(self):
        made = []

        async def daemon(ambient):
            made.append(ambient.ids.token())
            if len(made) < 3:
                ambient.loop.crash("after the token")

        with LoopLife() as life:
            for _ in range(2):
                with pytest.raises(SimulatedCrash):
                    life.run(daemon)
            life.run(daemon)
        assert len(set(made)) == 3

    def test_no_other_task_takes_another_step_or_cleans_up(self, caplog):
        ran = []

        async def bystander(number):
            try:
                await asyncio.sleep(5)
                ran.append(number)
            finally:
                ran.append(f"clean-up {number}")

        async def daemon(ambient):
            tasks = [asyncio.create_task(bystander(number)) for number in range(3)]
            ambient.loop.call_at(5, ambient.loop.crash, "at five")  # set first, so due before the third sleeper
            await asyncio.gather(*tasks)

        with LoopLife() as life:
            with pytest.raises(SimulatedCrash, match="at five"):
                life.run(daemon)
            del daemon
            gc.collect()
            before = list(ran)
            life.run(lambda _: asyncio.sleep(3600))
            gc.collect()
            assert ran == before == []
        assert caplog.records == []

    def test_the_doors_are_shut_for_the_stack_that_unwinds(self):
        disk = Disk()
        unwound = []

        async def daemon(ambient):
            try:
                try:
                    ambient.loop.crash("between the two commits")
                finally:
                    unwound.append("finally")
                    disk.write(ambient, "released the lease")
            except BaseException:  # noqa: BLE001  # code that catches too much is the case under test
                unwound.append("except")
                await asyncio.sleep(1)
                unwound.append("awaited")

        with LoopLife() as life, pytest.raises(SimulatedCrash, match="between the two commits"):
            life.run(daemon)
        assert unwound == ["finally", "except"]
        assert disk.lines == []

    def test_code_that_swallows_its_own_death_is_dead_all_the_same(self):
        ran = []

        async def daemon(ambient):
            ambient.loop.call_soon(ran.append, "ready before the crash")
            await asyncio.sleep(0)
            ambient.loop.call_soon(ran.append, "set before the crash")
            try:
                ambient.loop.crash("swallowed")
            except BaseException:  # noqa: BLE001  # code that catches too much is the case under test
                return "survived"

        with LoopLife() as life:
            with pytest.raises(SimulatedCrash, match="swallowed"):
                life.run(daemon)
            assert life.deaths == ["swallowed"]
        assert ran == ["ready before the crash"]

    def test_what_was_ready_in_the_same_turn_does_not_run(self):
        ran = []

        async def daemon(ambient):
            ambient.loop.call_at(5, ran.append, "before")
            ambient.loop.call_at(5, ambient.loop.kill, "by a neighbour")
            ambient.loop.call_at(5, ran.append, "after")
            await asyncio.sleep(5)

        with LoopLife() as life, pytest.raises(SimulatedCrash, match="by a neighbour"):
            life.run(daemon)
        assert ran == ["before"]

    def test_a_crash_inside_a_task_group_does_not_wait_for_the_siblings(self):
        disk = Disk()

        async def sibling(ambient):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                disk.write(ambient, "cancelled")
                raise

        async def daemon(ambient):
            async with asyncio.TaskGroup() as group:
                group.create_task(sibling(ambient))
                await asyncio.sleep(1)
                ambient.loop.crash("in the group")

        with LoopLife() as life:
            with pytest.raises(SimulatedCrash, match="in the group"):
                life.run(daemon)
            assert life.virtual.seconds == 1
        assert disk.lines == []

    def test_a_plain_raise_of_simulated_crash_ends_the_run_too(self):
        async def worker():
            await asyncio.sleep(2)
            raise SimulatedCrash("in a worker")

        async def daemon(_):
            await asyncio.gather(worker(), asyncio.sleep(60))

        with LoopLife() as life:
            with pytest.raises(SimulatedCrash, match="in a worker"):
                life.run(daemon)
            assert life.virtual.seconds == 2
            assert life.deaths == ["in a worker"]

    def test_a_life_can_be_killed_between_two_runs(self):
        async def daemon(ambient):
            asyncio.create_task(asyncio.sleep(10_000), name="worker")  # noqa: RUF006  # the loop holds it
            await asyncio.sleep(1)
            return [task.get_name() for task in ambient.loop.pending_tasks()]

        async def what_is_there(ambient):
            return [task.get_name() for task in ambient.loop.pending_tasks()]

        with LoopLife() as life:
            assert life.run(daemon) == ["Task-1", "worker"]
            assert life.run(what_is_there)[0] == "worker"
            life.crash("power cut")
            assert life.run(what_is_there) == ["Task-1"]
            assert life.deaths == ["power cut"]

    def test_the_dead_are_dropped_without_a_word_whatever_they_hold(self, caplog, recwarn, monkeypatch):
        unraisable = []
        monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
        estate = Estate()

        async def daemon(ambient):
            failed = ambient.loop.create_future()
            failed.set_exception(LookupError("nobody asks"))
            async with asyncio.TaskGroup() as group:
                group.create_task(estate.awaits_in_clean_up())
                group.create_task(estate.starts_tasks_in_clean_up())
                group.create_task(estate.iterates())
                group.create_task(estate.holds_a_generator())
                group.create_task(estate.nests())
                await asyncio.sleep(10)
                group.create_task(estate.helper())  # never takes its first step
                ambient.loop.crash("now")

        with LoopLife() as life, pytest.raises(SimulatedCrash):
            life.run(daemon)
        del life
        gc.collect()
        assert estate.reached == []
        assert caplog.records == []
        assert [str(warning.message) for warning in recwarn] == []
        assert unraisable == []


class Estate:
    """Coroutines that hold what is awkward to drop; ``reached`` lists what none of them may reach after death."""

    def __init__(self):
        self.reached = []

    async def helper(self):
        self.reached.append("a new task ran")

    async def awaits_in_clean_up(self):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            await asyncio.sleep(1)
            self.reached.append("slept")

    async def starts_tasks_in_clean_up(self):
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.create_task(self.helper())

    async def generate(self):
        try:
            while True:
                yield
                await asyncio.sleep(1)
        finally:
            await asyncio.sleep(1)
            self.reached.append("generator")

    async def iterates(self):
        async for _ in self.generate():
            pass

    async def holds_a_generator(self):
        async for _ in self.generate():
            await asyncio.Event().wait()

    async def nests(self):
        async with asyncio.TaskGroup() as group, asyncio.Lock():
            group.create_task(self.awaits_in_clean_up())
            await asyncio.wait_for(asyncio.Event().wait(), 600)
