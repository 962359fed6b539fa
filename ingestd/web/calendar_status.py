"""What the status says of imported calendars."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from ingestd.core.policy import Policy
from ingestd.store import calendars
from ingestd.store.calendars import CalendarCopy

_SHOWN_MAX: Final = 20


def calendar_lines(connection: Connection, policy: Policy) -> list[Mapping[str, Any]]:
    """For each: when it was last read, why not since, and which of its events say nothing to us."""
    return [_line(copy, policy) for copy in calendars.every(connection) if copy.schedule in policy.schedules]


def _line(copy: CalendarCopy, policy: Policy) -> Mapping[str, Any]:
    listed, zone = copy.listed, policy.schedules[copy.schedule].zone
    strange = [
        {"uid": uid, "on": f"{datetime.fromtimestamp(begins, zone):%Y-%m-%d}", "text": f'nobody is called "{title}"'}
        for uid, title, begins, _ in calendars.unknown(listed, policy.people)
    ]
    unusable = [{"uid": uid, "on": on, "text": text} for uid, on, text in copy.left_out]
    return {
        "schedule": copy.schedule,
        "read_at": copy.fetched_at,
        "tried_at": copy.tried_at,
        "failing_since": copy.failing_since,
        "problem": copy.problem,
        "event_count": len(listed),
        "left_out_count": len(strange) + len(unusable),
        "left_out": [*strange, *unusable][:_SHOWN_MAX],
    }
