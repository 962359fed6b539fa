"""The gate in virtual time, before a database that is as slow or as broken as a disk can be."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ingestd.core.sources import SourceKind
from ingestd.errors import StoreBusy
from ingestd.intake.gate import Gate, QueueFull, Replayed
from ingestd.intake.settings import GateLimits
from ingestd.store import dialect, inbox
from ingestd.store.migrate import migrate
from ingestd.store.signatures import Signature
from ingestd.telemetry.metrics import Metrics
from ingestd.testing.virtual_time import START, VirtualAmbient, run_virtual


class Disk:
    """A database on this loop: real SQLite, whose commits take as long as they are told to, and fail when they are told to."""

    def __init__(self, path) -> None:
        self.connection = dialect.engine_for(f"sqlite:///{path}").connect()
        with self.connection.begin():
            migrate(self.connection)
        self.seconds = 0.01
        self.failures: list[Exception] = []
        self.commits: list[int] = []
        """How many envelopes each commit brought."""

    async def run(self, fn, *args):
        before = self.count()
        await asyncio.sleep(self.seconds)
        if self.failures:
            raise self.failures.pop(0)
        with self.connection.begin():
            result = fn(self.connection, *args)
        self.commits.append(self.count() - before)
        return result

    def count(self) -> int:
        with self.connection.begin():
            return inbox.waiting_count(self.connection)

    def bodies(self) -> list[bytes]:
        with self.connection.begin():
            return [envelope.body for envelope in inbox.oldest_waiting(self.connection, 10_000)]


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path / "gate.db")
    yield made
    made.connection.close()


def at_gate(disk, scenario, limits: GateLimits | None = None):
    """Run ``scenario(gate, ambient, rung)`` in virtual time; ``rung`` counts the calls of ``on_stored``."""

    async def run(ambient: VirtualAmbient):
        rung: list[float] = []
        gate = Gate(
            disk,
            ambient.clock,
            ambient.ids,
            Metrics(),
            lambda: rung.append(ambient.loop.time()),
            limits or GateLimits(),
        )
        return await scenario(gate, ambient, rung)

    return run_virtual(run)


def bring(gate: Gate, body: bytes, **options):
    return gate.receive("am", SourceKind.ALERTMANAGER, body, "192.0.2.1", **options)


async def outcomes(*receiving) -> list[object]:
    return list(await asyncio.gather(*receiving, return_exceptions=True))


def test_nobody_is_answered_before_the_commit(disk):
    async def scenario(gate, ambient, rung):
        receiving = ambient.loop.create_task(bring(gate, b"{}"))
        await asyncio.sleep(disk.seconds / 2)
        assert not receiving.done()
        envelope_id = await receiving
        assert [e.id for e in _stored(disk)] == [envelope_id]
        assert len(rung) == 1

    at_gate(disk, scenario)


def test_what_arrives_during_a_commit_is_committed_together(disk):
    async def scenario(gate, ambient, rung):
        first = ambient.loop.create_task(bring(gate, b"first"))
        await asyncio.sleep(disk.seconds / 2)
        others = [bring(gate, b"%d" % number) for number in range(20)]
        ids = await outcomes(first, *others)
        assert disk.commits == [1, 20]
        assert [e.id for e in _stored(disk)] == ids
        assert len(rung) == 2

    at_gate(disk, scenario)


def test_those_already_at_the_door_share_the_first_commit(disk):
    async def scenario(gate, _ambient, _rung):
        await outcomes(*(bring(gate, b"%d" % number) for number in range(20)))
        assert disk.commits == [20]

    at_gate(disk, scenario)


def test_a_commit_is_bounded_in_rows_and_bytes(disk):
    async def scenario(gate, _ambient, _rung):
        await outcomes(*(bring(gate, b"x" * 10) for _ in range(25)))
        await outcomes(*(bring(gate, b"x" * 60) for _ in range(3)), bring(gate, b"x" * 500))
        assert disk.commits == [10, 10, 5, 1, 1, 1, 1]

    at_gate(disk, scenario, GateLimits(batch_count_max=10, batch_bytes_max=100))


def test_too_many_that_wait_are_sent_away_at_once(disk):
    async def scenario(gate, ambient, _rung):
        told = await outcomes(*(bring(gate, b"{}") for _ in range(8)))
        assert [type(one) for one in told[5:]] == [QueueFull] * 3
        assert ambient.loop.time() == pytest.approx(disk.seconds)
        assert disk.count() == 5
        await bring(gate, b"{}")  # there is room again

    at_gate(disk, scenario, GateLimits(waiting_count_max=5))


def test_too_many_bytes_that_wait_are_sent_away_at_once(disk):
    async def scenario(gate, _ambient, _rung):
        told = await outcomes(bring(gate, b"x" * 90), bring(gate, b"x" * 20), bring(gate, b"x" * 10))
        assert [isinstance(one, QueueFull) for one in told] == [False, True, False]

    at_gate(disk, scenario, GateLimits(waiting_bytes_max=100))


def test_when_the_database_fails_all_of_the_batch_are_told_and_the_next_are_stored(disk):
    async def scenario(gate, _ambient, rung):
        disk.failures = [RuntimeError("disk I/O error")]
        told = await outcomes(*(bring(gate, b"{}") for _ in range(3)))
        assert [(type(one), str(one)) for one in told] == [(StoreBusy, "disk I/O error")] * 3
        assert (disk.count(), rung) == (0, [])
        await bring(gate, b"{}")
        assert disk.count() == 1

    at_gate(disk, scenario)


def test_a_disk_that_hangs_is_answered_for_and_nothing_piles_up_behind_it(disk):
    async def scenario(gate, ambient, _rung):
        disk.seconds = 100.0
        begun = ambient.loop.time()
        first = ambient.loop.create_task(bring(gate, b"first"))
        await asyncio.sleep(1.0)
        told = await outcomes(first, *(bring(gate, b"{}") for _ in range(3)))
        assert [type(one) for one in told] == [StoreBusy] * 4
        assert ambient.loop.time() - begun == pytest.approx(8.0)

        told = await outcomes(bring(gate, b"{}"))
        assert [type(one) for one in told] == [StoreBusy]
        assert ambient.loop.time() - begun == pytest.approx(8.0), "while the disk hangs the answer is at once"

        await asyncio.sleep(100.0)
        disk.seconds = 0.01
        await bring(gate, b"later")
        assert disk.bodies() == [b"first", b"later"], "what was given up in the queue is not stored after all"

    at_gate(disk, scenario, GateLimits(commit_seconds_max=8.0))


def test_who_goes_away_does_not_take_the_neighbours_along(disk):
    async def scenario(gate, ambient, _rung):
        tasks = [ambient.loop.create_task(bring(gate, b"%d" % number)) for number in range(3)]
        await asyncio.sleep(disk.seconds / 2)
        tasks[0].cancel()
        told = await outcomes(*tasks)
        assert isinstance(told[0], asyncio.CancelledError)
        assert disk.bodies() == [b"0", b"1", b"2"]
        assert [e.id for e in _stored(disk)][1:] == told[1:]

    at_gate(disk, scenario)


def test_one_that_cannot_be_answered_does_not_keep_the_others_from_their_answers(disk):
    async def scenario(gate, _ambient, _rung):
        def burst(_id, _error):
            raise RuntimeError("the peer is gone")

        gate.put("am", SourceKind.ALERTMANAGER, b"0", "192.0.2.1", burst)
        await bring(gate, b"1")
        assert disk.bodies() == [b"0", b"1"]

    at_gate(disk, scenario)


def test_a_signature_is_good_once_also_within_one_commit(disk):
    async def scenario(gate, ambient, _rung):
        signature = Signature("am/1", START + timedelta(seconds=300))
        told = await outcomes(
            bring(gate, b"0", signature=signature), bring(gate, b"1", signature=signature), bring(gate, b"2")
        )
        assert [isinstance(one, Replayed) for one in told] == [False, True, False]
        assert disk.bodies() == [b"0", b"2"]
        another = Gate(disk, ambient.clock, ambient.ids, Metrics(), lambda: None)  # as after a restart
        assert isinstance((await outcomes(bring(another, b"3", signature=signature)))[0], Replayed)

    at_gate(disk, scenario)


def test_a_shutdown_waits_for_what_is_on_its_way(disk):
    async def scenario(gate, ambient, _rung):
        receiving = ambient.loop.create_task(bring(gate, b"{}"))
        await asyncio.sleep(0)
        await gate.drain()
        assert disk.count() == 1
        await receiving
        await gate.drain()  # nothing to wait for

    at_gate(disk, scenario)


def _stored(disk) -> list[inbox.Envelope]:
    with disk.connection.begin():
        return inbox.oldest_waiting(disk.connection, 10_000)
