"""Transactions to ask a database for, and ways of asking."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection

from ingestd.errors import StoreBusy
from ingestd.store import dialect, inbox
from ingestd.store.database import ThreadedDatabase
from tests.store.builders import envelope


def add(connection: Connection, number: int) -> int:
    inbox.add(connection, [envelope(number)])
    return number


def numbers(connection: Connection) -> list[int]:
    return [int(one.id[4:]) for one in inbox.oldest_waiting(connection, 9999)]


def fail(connection: Connection, number: int) -> None:
    inbox.add(connection, [envelope(number)])
    raise ZeroDivisionError(number)


@asynccontextmanager
async def writer_busy(database: ThreadedDatabase) -> AsyncIterator[None]:
    """What is asked for in here waits, and is done together at the end."""
    begun, may_end = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        begun.set()
        may_end.wait()

    holding = asyncio.create_task(database.run(hold))
    await asyncio.to_thread(begun.wait)
    try:
        yield
    finally:
        may_end.set()
        await holding


async def ask(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    task = asyncio.create_task(coroutine)
    await asyncio.sleep(0)
    return task


async def fails_busy(coroutine: Coroutine[Any, Any, Any]) -> str:
    with pytest.raises(StoreBusy) as caught:
        await coroutine
    assert dialect.is_trouble(caught.value)
    return str(caught.value)
