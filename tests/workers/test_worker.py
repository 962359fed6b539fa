"""How a worker lives: bells, pauses, errors, crews; in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from ingestd.core.effects import Deadline, DeadlineKind, Decision
from ingestd.telemetry.metrics import Metrics
from ingestd.testing.builders import INC, NOW
from ingestd.testing.virtual_time import VirtualAmbient, run_virtual
from ingestd.workers.circuit import FAILURES_TO_OPEN, Circuit
from ingestd.workers.wake import Wake
from ingestd.workers.worker import Bell, Crew, Worker


def now() -> float:
    return asyncio.get_running_loop().time()


def live(worker: Worker, seconds: float, meanwhile=None) -> None:
    async def run(_: VirtualAmbient) -> None:
        task = asyncio.get_running_loop().create_task(worker.run())
        if meanwhile is not None:
            await meanwhile()
        await asyncio.sleep(seconds)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run_virtual(run)


def worker_of(step, idle=3600.0, **settings) -> Worker:
    async def idle_seconds() -> float:
        return idle

    return Worker("tester", step, idle_seconds, Metrics(), **settings)


def test_a_bell_that_rang_before_anybody_waited_is_heard_once():
    async def run(_: VirtualAmbient) -> list[float]:
        bell, heard = Bell(), []
        bell.ring()
        bell.ring()
        for _ in range(2):
            await bell.wait(10)
            heard.append(now())
        return heard

    assert run_virtual(run) == [0, 10]


def test_a_worker_that_has_more_to_do_does_not_wait_and_one_that_has_not_does():
    steps = []

    async def step() -> bool:
        steps.append(now())
        return len(steps) % 3 != 0

    live(worker_of(step, idle=4), 9)
    assert steps == [0, 0, 0, 4, 4, 4, 8, 8, 8]


def test_a_worker_looks_by_itself_after_a_while_whatever_it_was_told():
    steps = []

    async def step() -> bool:
        steps.append(now())
        return False

    live(worker_of(step, idle=3600), 11)
    assert steps == [0, 5, 10]


def test_a_bell_wakes_it_at_once():
    steps = []

    async def step() -> bool:
        steps.append(now())
        return False

    worker = worker_of(step, idle_seconds_max=100)

    async def ring() -> None:
        await asyncio.sleep(2)
        worker.bell.ring()

    live(worker, 1, ring)
    assert steps == [0, 2]


def test_a_worker_outlives_every_error_with_growing_pauses_up_to_half_a_minute():
    steps = []

    async def step() -> bool:
        steps.append(now())
        raise ZeroDivisionError

    worker = worker_of(step)
    live(worker, 100)
    assert steps == [0, 1, 3, 7, 15, 31, 61, 91]
    assert worker.cycle_count == len(steps)


def test_an_error_of_asking_how_long_to_idle_is_survived_too():
    async def step() -> bool:
        return False

    async def idle_seconds() -> float:
        raise ZeroDivisionError

    worker = Worker("tester", step, idle_seconds, Metrics())
    live(worker, 4)
    assert worker.cycle_count == 3


def test_one_success_ends_the_growing_of_the_pauses():
    steps = []

    async def step() -> bool:
        steps.append(now())
        if len(steps) in {1, 2, 4}:
            raise ZeroDivisionError
        return len(steps) == 3

    live(worker_of(step, idle=1000, idle_seconds_max=1000), 20)
    assert steps == [0, 1, 3, 3, 4]


def test_a_crew_tells_that_a_place_is_free_when_it_is():
    async def run(_: VirtualAmbient) -> list[int]:
        free: list[int] = []
        crew = Crew(2, on_free=lambda: free.append(crew.free_count))

        async def work(seconds: float) -> None:
            await asyncio.sleep(seconds)

        crew.start(work(1))
        crew.start(work(1))
        assert crew.free_count == 0
        await crew.finish()
        return free

    assert run_virtual(run) == [1, 2]


def test_a_crew_takes_nobody_without_a_place():
    async def run(_: VirtualAmbient) -> None:
        crew = Crew(1)
        crew.start(asyncio.sleep(1))
        second = asyncio.sleep(1)
        try:
            with pytest.raises(AssertionError, match="only start what has a place"):
                crew.start(second)
        finally:
            second.close()
        await crew.finish()

    run_virtual(run)


def test_work_that_fails_is_logged_and_its_place_is_free(log_lines):
    async def run(_: VirtualAmbient) -> int:
        crew = Crew(1)

        async def work() -> None:
            raise ZeroDivisionError("a fault")

        crew.start(work())
        await crew.finish()
        return crew.free_count

    assert run_virtual(run) == 1
    assert [(line["event"], line["worker"]) for line in log_lines] == [("worker_failed", "crew")]


def test_a_crew_that_is_cancelled_ends_and_complains_of_nothing(log_lines):
    async def run(_: VirtualAmbient) -> int:
        crew = Crew(3)
        for _ in range(3):
            crew.start(asyncio.sleep(1000))
        await asyncio.sleep(1)
        await crew.cancel()
        return crew.free_count

    assert run_virtual(run) == 3
    assert log_lines == []


# ------------------------------------------------------------------ the circuit


def test_a_circuit_opens_after_failures_in_a_row_and_rests_longer_each_time_up_to_a_minute():
    circuit, rests, at = Circuit(), [], 0.0
    for _ in range(FAILURES_TO_OPEN - 1):
        assert not circuit.note(at, failed=True)
        assert circuit.rest_seconds(at) == 0
    for _ in range(6):
        assert circuit.note(at, failed=True)
        rests.append(circuit.rest_seconds(at))
        at += rests[-1]
        assert circuit.rest_seconds(at) == 0
    assert rests == [5, 10, 20, 40, 60, 60]


def test_one_success_closes_the_circuit():
    circuit = Circuit()
    for _ in range(FAILURES_TO_OPEN):
        circuit.note(0, failed=True)
    assert not circuit.note(1, failed=False)
    assert circuit.rest_seconds(1) == 0
    assert not circuit.note(2, failed=True)


def test_a_refused_account_is_probed_and_asked_about_only_now_and_then():
    circuit = Circuit()
    assert [at for at in range(0, 100, 10) if circuit.may_probe(at)] == [0, 30, 60, 90]
    assert [at for at in range(0, 150, 10) if circuit.may_check(at)] == [0, 60, 120]
    circuit.check_soon()
    assert circuit.may_check(131)


# ------------------------------------------------------------------ who is woken


def test_only_those_are_woken_whom_a_decision_concerns():
    async def run(_: VirtualAmbient) -> list[str]:
        wake, woken = Wake(), []
        wake.dispatchers = {"sms": Bell(), "mail": Bell()}

        async def listen(name: str, bell: Bell) -> None:
            await bell.wait(50)
            if now() < 50:
                woken.append(name)

        bells = {"timekeeper": wake.timekeeper, "processor": wake.processor, **wake.dispatchers}
        tasks = [asyncio.get_running_loop().create_task(listen(name, bell)) for name, bell in bells.items()]
        await asyncio.sleep(1)
        wake.after({"sms", "a connector that a reload removed"}, has_deadlines=False)
        wake.after_decision(Decision(deadlines=(Deadline(INC, DeadlineKind.CLOSE, NOW),)))
        await asyncio.gather(*tasks)
        return sorted(woken)

    assert run_virtual(run) == ["sms", "timekeeper"]
