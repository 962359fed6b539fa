"""The system calls of the real daemon: the write-ahead log is on disk before each 202 leaves."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.acceptance import system_calls
from tests.acceptance.daemon import SERVE, config_of, planted
from tests.acceptance.waiting import until

ANSWER_COUNT = 240
SENDER_COUNT = 6


async def post_all(url: str, notification) -> list[str]:
    """The ids of the envelopes that were answered 202, some one after the other and some at the same time."""
    numbers = iter(range(ANSWER_COUNT))
    envelopes: list[str] = []

    async def post(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = notification(instance=f"shop-{number}", severity="none")
            async with session.post(url, data=body) as answer:
                assert answer.status == 202
                envelopes.append((await answer.json())["envelope"])

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for _ in range(SENDER_COUNT):
            group.create_task(post(session))
    return envelopes


@pytest.fixture
def traced(start, require, tmp_path, notification):
    """Runs a daemon under strace, posts, stops it; gives the order of write, sync and answer for each envelope."""

    async def run(command: list[str]) -> list[system_calls.Order]:
        trace = tmp_path / "trace"
        strace = [require("strace"), *system_calls.TRACE_OPTIONS, "-o", str(trace)]
        daemon = await asyncio.to_thread(start, config_of(tmp_path), command=[*strace, *command])
        envelopes = await post_all(daemon.webhook(), notification)
        assert await asyncio.to_thread(daemon.stop) == 0
        await asyncio.to_thread(until, lambda: system_calls.has_ended(trace), 10, "strace has written everything")
        return system_calls.orders(trace, envelopes)

    return run


async def test_every_202_leaves_after_its_envelope_was_synced_to_disk(traced):
    found = await traced(SERVE)
    assert len(found) == ANSWER_COUNT
    assert [order for order in found if not order.is_right] == []


async def test_the_same_look_finds_a_daemon_that_does_not_sync(traced):
    found = await traced(planted("sync-less"))
    wrong = [order for order in found if not order.is_right]
    assert len(wrong) > ANSWER_COUNT * 0.9


def test_a_sync_that_ends_on_a_later_line_counts_from_there():
    lines = [
        '7 pwrite64(5</var/i.db-wal>, "ENV1", 4096, 0) = 4096',
        "7 fdatasync(5</var/i.db-wal> <unfinished ...>",
        '6 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, "ENV1", 9, 0, NULL, 0) = 9',
        "7 <... fdatasync resumed>)              = 0",
    ]
    assert system_calls.sync_ends(lines) == [3]


@pytest.mark.parametrize(
    ("written", "synced", "sent", "is_right"),
    [(1, 2, 3, True), (1, 4, 3, False), (None, 2, 3, False), (1, None, 3, False), (1, 2, None, False)],
)
def test_only_the_order_write_sync_send_is_right(written, synced, sent, is_right):
    assert system_calls.Order("e", written, synced, sent).is_right is is_right
