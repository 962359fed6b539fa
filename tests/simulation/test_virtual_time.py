import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
import tenacity

from ingestd.ambient import SystemIds
from ingestd.testing import virtual_loop
from ingestd.testing.virtual_time import (
    START,
    Deadlock,
    Livelock,
    RealWorldRefused,
    SeededChance,
    SeededIds,
    VirtualClock,
    VirtualTime,
    VirtualTimeLoop,
    run_virtual,
)

YEAR_SECONDS = 365 * 86_400


class OutOfTime(BaseException):
    """As the time limit of a test: meant for nobody within."""


class TestTimeLimit:
    def test_what_hits_a_forgotten_task_and_is_for_nobody_within_ends_the_run(self):
        """asyncio would keep it in the task, and the simulation would go on for ever."""

        async def worker():
            await asyncio.sleep(5)
            raise OutOfTime

        async def scenario(_ambient):
            asyncio.create_task(worker())  # noqa: RUF006 (the loop holds it)
            await asyncio.sleep(YEAR_SECONDS)

        with pytest.raises(OutOfTime):
            run_virtual(scenario)

    def test_what_hits_a_callback_does_so_too(self):
        def strike():
            raise OutOfTime

        async def scenario(ambient):
            ambient.loop.call_later(5, strike)
            await asyncio.sleep(YEAR_SECONDS)

        with pytest.raises(OutOfTime):
            run_virtual(scenario)


class TestTime:
    def test_a_year_passes_at_once_and_exactly(self):
        async def scenario(ambient):
            await asyncio.sleep(YEAR_SECONDS)
            return ambient.loop.time(), ambient.clock.now()

        assert run_virtual(scenario) == (YEAR_SECONDS, START + timedelta(seconds=YEAR_SECONDS))

    def test_timers_fire_in_the_order_of_their_instants_and_see_them_exactly(self):
        chance = SeededChance(1)
        instants = [10 ** chance.uniform(-3, 7) for _ in range(60)]  # from a millisecond to four months

        async def scenario(ambient):
            seen = []
            for instant in instants:
                ambient.loop.call_at(instant, lambda: seen.append(ambient.loop.time()))
            await asyncio.sleep(YEAR_SECONDS)
            return seen

        assert run_virtual(scenario) == sorted(instants)

    def test_timers_of_one_instant_fire_in_the_order_in_which_they_were_set(self):
        async def scenario(ambient):
            seen = []
            timers = [ambient.loop.call_at(60, seen.append, number) for number in range(300)]
            for timer in timers[::2]:
                timer.cancel()
            await asyncio.sleep(61)
            return seen

        assert run_virtual(scenario) == list(range(1, 300, 2))

    def test_a_timer_still_fires_ninety_years_on(self):
        async def scenario(ambient):
            await asyncio.sleep(90 * YEAR_SECONDS)
            for _ in range(1000):
                await asyncio.sleep(0.001)
            return ambient.loop.time() - 90 * YEAR_SECONDS

        assert run_virtual(scenario) == pytest.approx(1.0, abs=0.002)

    def test_wait_for_ends_at_its_timeout_and_not_before(self):
        async def scenario(ambient):
            assert await asyncio.wait_for(asyncio.sleep(29.9, "in time"), 30) == "in time"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.sleep(30.1), 30)
            return ambient.loop.time()

        assert run_virtual(scenario) == pytest.approx(59.9)

    def test_a_timeout_block_ends_at_its_deadline(self):
        async def scenario(ambient):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout_at(7200):
                    await asyncio.Event().wait()
            return ambient.loop.time()

        assert run_virtual(scenario) == 7200

    def test_a_task_group_takes_as_long_as_its_slowest_task(self):
        async def scenario(ambient):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(asyncio.sleep(hours * 3600, hours)) for hours in (3, 1, 2)]
            return ambient.loop.time(), [task.result() for task in tasks]

        assert run_virtual(scenario) == (3 * 3600, [3, 1, 2])

    def test_tenacity_waits_between_its_attempts_in_virtual_time(self):
        async def scenario(ambient):
            attempts = []

            @tenacity.retry(wait=tenacity.wait_exponential(min=1), stop=tenacity.stop_after_attempt(6), reraise=True)
            async def call():
                attempts.append(ambient.loop.time())
                raise ConnectionError

            with pytest.raises(ConnectionError):
                await call()
            return attempts

        assert run_virtual(scenario) == [0, 1, 3, 7, 15, 31]

    def test_asyncio_runner_can_use_the_loop(self):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            assert runner.run(asyncio.sleep(YEAR_SECONDS, "later")) == "later"


class TestAmbient:
    def test_the_wall_clock_can_jump_without_moving_the_timers(self):
        async def scenario(ambient):
            ambient.clock.skew = timedelta(hours=-2)
            await asyncio.sleep(60)
            return ambient.loop.time(), ambient.clock.now()

        at = datetime(2025, 3, 30, 0, 30, tzinfo=UTC)
        assert run_virtual(scenario, start_at=at) == (60, at - timedelta(hours=2) + timedelta(seconds=60))

    def test_a_start_without_a_zone_is_refused(self):
        with pytest.raises(ValueError, match="no time zone"):
            VirtualClock(VirtualTime(), datetime(2025, 1, 1))  # noqa: DTZ001 (a naive instant is what must be refused)

    def test_ids_have_the_form_of_real_ones_and_sort_by_time(self):
        virtual = VirtualTime()
        ids = SeededIds(1, VirtualClock(virtual))
        made = []
        for second in range(50):
            virtual.seconds = second
            made.append(ids.envelope())
        assert made == sorted(made)
        assert {len(i) for i in made} == {len(SystemIds().envelope())}
        assert len(ids.token()) == len(SystemIds().token())
        assert len(set(made)) == 50

    def test_one_more_envelope_does_not_change_the_tokens(self):
        one, other = (SeededIds(3, VirtualClock(VirtualTime())) for _ in range(2))
        other.envelope()
        assert one.token() == other.token()
        assert one.token() != one.token()

    def test_chance_repeats_for_a_seed_and_children_are_independent(self):
        one, other = SeededChance(5), SeededChance(5)
        assert [one.uniform(0, 1) for _ in range(3)] == [other.uniform(0, 1) for _ in range(3)]
        assert one.child("dispatcher").uniform(0, 1) == SeededChance(5).child("dispatcher").uniform(0, 1)
        assert one.child("dispatcher").uniform(0, 1) != one.child("processor").uniform(0, 1)
        assert SeededChance(5).uniform(0, 1) != SeededChance(6).uniform(0, 1)


class TestTheRealWorldIsRefused:
    @pytest.mark.parametrize(
        ("ask", "named"),
        [
            (lambda loop: loop.run_in_executor(None, print), "run_in_executor: there are no threads"),
            (lambda _: asyncio.to_thread(print), "run_in_executor: there are no threads"),
            (lambda loop: loop.getaddrinfo("localhost", 80), "getaddrinfo: there are no threads"),
            (lambda _: asyncio.open_connection("127.0.0.1", 80), "create_connection: there are no sockets"),
            (lambda _: asyncio.start_server(print, "127.0.0.1", 0), "create_server: there are no sockets"),
            (lambda _: asyncio.open_unix_connection("x"), "create_unix_connection: there are no sockets"),
            (lambda loop: loop.sock_recv(socket.socket, 1), "sock_recv: there are no sockets"),
            (lambda loop: loop.add_reader(0, print), "add_reader: there are no sockets"),
            (lambda _: asyncio.create_subprocess_exec("true"), "subprocess_exec: there are no processes"),
            (lambda loop: loop.add_signal_handler(signal.SIGTERM, print), "add_signal_handler: there are no signals"),
        ],
    )
    def test_each_door_says_which_it_is(self, ask, named):
        async def scenario(ambient):
            await ask(ambient.loop)

        with pytest.raises(RealWorldRefused, match=named):
            run_virtual(scenario)

    def test_every_method_of_a_loop_either_works_or_names_itself(self):
        abstract = {name for name in vars(asyncio.AbstractEventLoop) if not name.startswith("_")}
        missing = {
            name for name in abstract if getattr(VirtualTimeLoop, name) is getattr(asyncio.AbstractEventLoop, name)
        }
        assert missing == set()

    def test_call_soon_threadsafe_works_in_the_loops_own_thread(self):
        async def scenario(ambient):
            done = asyncio.Event()
            ambient.loop.call_soon_threadsafe(done.set)
            await done.wait()
            return ambient.loop.time()

        assert run_virtual(scenario) == 0

    def test_call_soon_threadsafe_is_refused_in_another_thread(self):
        refusals = []

        async def scenario(ambient):
            def elsewhere():
                try:
                    ambient.loop.call_soon_threadsafe(print)
                except RealWorldRefused as refused:
                    refusals.append(str(refused))

            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()

        run_virtual(scenario)
        assert len(refusals) == 1
        assert "another thread" in refusals[0]

    def test_another_kind_of_task_is_refused(self):
        loop = VirtualTimeLoop()
        with pytest.raises(NotImplementedError, match="makes its own tasks"):
            loop.set_task_factory(None)
        loop.close()


class TestNothingMoves:
    def test_a_deadlock_names_each_pending_task_and_where_it_waits(self):
        async def wait_for_nobody():
            await asyncio.Event().wait()

        async def scenario(_):
            await asyncio.sleep(12.5)
            async with asyncio.TaskGroup() as group:
                group.create_task(wait_for_nobody(), name="dispatcher")
                group.create_task(asyncio.sleep(0), name="finished")

        with pytest.raises(Deadlock) as caught:
            run_virtual(scenario)
        first, count, main, dispatcher, advice = str(caught.value).splitlines()
        assert first == (
            "nothing can ever run again at 12.5 s of virtual time: no callback is ready and no timer is set"
        )
        assert count == "pending tasks: 2"
        assert main.startswith("  Task-1: TestNothingMoves.")
        assert "scenario (test_virtual_time.py:" in main
        assert dispatcher.startswith("  dispatcher: ")
        assert "wait_for_nobody (test_virtual_time.py:" in dispatcher
        assert " > Event.wait (locks.py:" in dispatcher
        assert advice.startswith("Look for ")

    def test_sleeping_for_ever_is_a_deadlock(self):
        with pytest.raises(Deadlock):
            run_virtual(lambda _: asyncio.sleep(float("inf")))

    def test_polling_without_sleeping_is_a_livelock(self, monkeypatch):
        monkeypatch.setattr(virtual_loop, "TURNS_WITHOUT_TIME", 500)

        async def spin(_):
            while True:  # noqa: ASYNC110  # this is the fault that is to be found
                await asyncio.sleep(0)

        with pytest.raises(Livelock, match=r"turned 500 times at 0 s(?s:.*)spin \(test_virtual_time"):
            run_virtual(spin)


class TestTheEndOfARun:
    def test_leftovers_are_cancelled_oldest_first_and_may_clean_up(self):
        ended = []

        async def background(number):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)
                ended.append(number)

        async def scenario(_):
            scenario.tasks = [asyncio.create_task(background(number)) for number in range(20)]
            await asyncio.sleep(1)
            return "result"

        assert run_virtual(scenario) == "result"
        assert ended == list(range(20))

    def test_a_task_that_ignores_its_cancellation_is_named(self):
        async def stubborn():
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)

        async def scenario(_):
            scenario.task = asyncio.create_task(stubborn(), name="stubborn")
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match=r"1 tasks were cancelled and still run(?s:.*)  stubborn: "):
            run_virtual(scenario)

    def test_the_error_of_the_scenario_comes_out(self):
        async def scenario(_):
            raise LookupError("here")

        with pytest.raises(LookupError, match="here"):
            run_virtual(scenario)

    def test_a_task_that_nobody_holds_is_not_lost(self):
        async def forgotten(seen):
            await asyncio.get_running_loop().create_future()
            seen.append("woken")

        async def scenario(ambient):
            asyncio.create_task(forgotten([]))  # noqa: RUF006  # this is the case under test
            await asyncio.sleep(0)
            gc.collect()
            return [task.get_name() for task in ambient.loop.pending_tasks()]

        assert run_virtual(scenario) == ["Task-1", "Task-2"]


TRACE_SCRIPT = """
import asyncio, random, sys
from ingestd.testing.virtual_time import run_virtual

async def scenario(ambient):
    trace = []
    chance = ambient.chance.child("workload")

    async def worker(name):
        try:
            while True:
                await asyncio.sleep(chance.uniform(0, 5))
                trace.append(f"{ambient.loop.time()!r} {name} {ambient.ids.envelope()} {ambient.ids.token()}")
        except asyncio.CancelledError:
            trace.append(f"{name} cancelled as {asyncio.current_task().get_name()}")
            raise

    async def fail():
        await asyncio.sleep(chance.uniform(20, 30))
        raise ConnectionError

    class Squatter(asyncio.Future):  # as large as the loop's own futures, which will live in the holes that these leave
        pass

    squatters = [Squatter(loop=ambient.loop) for _ in range(500)]
    random.Random(sys.argv[2]).shuffle(squatters)
    while squatters:
        squatters.pop()
    for _ in range(2):
        try:
            async with asyncio.TaskGroup() as group:
                for name in {"freshdesk": 1, "jira": 2, "mail": 3, "sms": 4, "web": 5, "clock": 6, "audit": 7}:
                    group.create_task(worker(name))
                group.create_task(fail())
        except* ConnectionError:
            pass
    futures = [ambient.loop.create_future() for _ in range(9)]
    for number, future in enumerate(futures):
        future.add_done_callback(lambda _, number=number: trace.append(f"future {number}"))
    for future in set(futures):
        future.set_result(None)
    await asyncio.sleep(0)
    return trace

print("\\n".join(run_virtual(scenario, seed=int(sys.argv[1]))))
"""


def trace_of(seed, *, hash_seed, addresses):
    done = subprocess.run(
        [sys.executable, "-c", TRACE_SCRIPT, str(seed), str(addresses)],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_seed_gives_the_same_trace_in_every_process():
    first = trace_of(7, hash_seed=1, addresses=1)
    assert len([line for line in first if "cancelled" in line]) == 14
    assert trace_of(7, hash_seed=999, addresses=2) == first
    assert trace_of(8, hash_seed=1, addresses=1) != first
