"""The process that works a calendar out: ``python -m ingestd.calendars.expanding BEGIN END ZONE``, the calendar on standard input.

One JSON object on standard output. Bounded in time and memory by the system: what a calendar asks for cannot be bounded from within.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

CPU_SECONDS_MAX: Final = 15
MEMORY_BYTES_MAX: Final = 1 << 30
NICENESS: Final = 10
"""Alerts go first."""


def _bound() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(NICENESS)


def report_on(body: bytes, begin: datetime, end: datetime, zone: ZoneInfo) -> dict[str, object]:
    """What ``expansion`` makes a ``Reading`` of; or ``refused`` alone, with the reason."""
    # Loaded only when the bounds are set.
    from ingestd.calendars.entries import CalendarRefused  # noqa: PLC0415 (see above)
    from ingestd.calendars.reading import read  # noqa: PLC0415 (see above)

    try:
        reading = read(body, begin, end, zone)
    except CalendarRefused as refused:
        return {"refused": str(refused)}
    except MemoryError:
        return {"refused": f"it needs more than {MEMORY_BYTES_MAX >> 20} MiB of memory"}
    return {
        "entries": [
            [one.uid, one.title, one.starts_at.timestamp(), one.ends_at.timestamp()] for one in reading.entries
        ],
        "faults": [[one.uid, one.on, one.text] for one in reading.faults],
    }


def main() -> int:
    """Say what the calendar means; the exit code."""
    _bound()
    begin, end, zone = sys.argv[1:4]
    report = report_on(
        sys.stdin.buffer.read(), datetime.fromisoformat(begin), datetime.fromisoformat(end), ZoneInfo(zone)
    )
    sys.stdout.buffer.write(json.dumps(report, ensure_ascii=False).encode("utf-8", "replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
