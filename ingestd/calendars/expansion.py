"""Works calendars out in a process of its own: one that can be ended, and that takes no time from the event loop."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from ingestd.calendars.entries import BYTES_MAX, CalendarRefused, Entry, Fault, Reading

SECONDS_MAX: Final = 30.0
"""How long it may take, with the start of the process; 5,000 events take about five seconds."""
_MODULE: Final = "ingestd.calendars.expanding"

Expand = Callable[[bytes, datetime, datetime, ZoneInfo], Awaitable[Reading]]


async def expand(
    body: bytes, begin: datetime, end: datetime, zone: ZoneInfo, *, seconds_max: float = SECONDS_MAX
) -> Reading:
    """As ``reading.read``, but ends: raises ``CalendarRefused`` also for what takes too long or too much memory."""
    if len(body) > BYTES_MAX:
        raise CalendarRefused(f"it is larger than {BYTES_MAX >> 20} MiB")
    words = [begin.astimezone(UTC).isoformat(), end.astimezone(UTC).isoformat(), zone.key]
    # -P: what lies in the folder where the daemon was started is no module of ours.
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", _MODULE, *words, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(seconds_max):
            said, _ = await process.communicate(body)
    except TimeoutError:
        raise CalendarRefused(f"to work it out takes longer than {seconds_max:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _read(said)


def _read(said: bytes) -> Reading:
    try:
        report = json.loads(said)
        if "refused" in report:
            raise CalendarRefused(report["refused"])
        return Reading(
            tuple(Entry(uid, title, _at(starts), _at(ends)) for uid, title, starts, ends in report["entries"]),
            tuple(Fault(*words) for words in report["faults"]),
        )
    except (ValueError, KeyError, TypeError):
        raise CalendarRefused("to work it out takes more time or memory than a calendar of shifts may need") from None


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
