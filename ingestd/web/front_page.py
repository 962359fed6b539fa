"""The first page: what is open, the worst first, and who is on call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from ingestd.core.incident import Incident
from ingestd.core.names import IncidentState
from ingestd.core.policy import Policy
from ingestd.core.rota import who
from ingestd.core.safe_text import one_line
from ingestd.store import incidents, roster
from ingestd.web import words
from ingestd.web.next_page import display_name
from ingestd.web.sheet import TITLE_CHARS_MAX, standing_of

SHOWN_MAX: Final = 50
_OPEN: Final = (IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Row:
    """One open incident."""

    id: str
    severity: str
    state: str
    is_test: bool
    title: str
    opened_at: datetime
    since: str
    standing: str
    in_charge: str


@dataclass(frozen=True, slots=True)
class OnCall:
    """Who is on call on one schedule; ``person`` is empty if nobody is."""

    schedule: str
    person: str


@dataclass(frozen=True, slots=True)
class Front:
    """All that the page says."""

    rows: tuple[Row, ...]
    more_count: int
    on_call: tuple[OnCall, ...]
    as_of: str


def read(connection: Connection, policy: Policy, now: datetime) -> Front:
    """The page as it is now: at most ``SHOWN_MAX`` incidents, those that wait for an answer before those that somebody has."""
    policy = roster.effective(connection, policy, now)
    found = incidents.listed(connection, states=_OPEN, limit=500)
    found.sort(key=lambda one: (one.severity.rank, one.state is not IncidentState.TRIGGERED, one.opened_at))
    return Front(
        rows=tuple(_row(incident, policy, now) for incident in found[:SHOWN_MAX]),
        more_count=max(0, len(found) - SHOWN_MAX),
        on_call=tuple(
            OnCall(one_line(name, 80), display_name(person, policy) if (person := who(schedule, now)) else "")
            for name, schedule in policy.schedules.items()
        )[:SHOWN_MAX],
        as_of=words.clock(now, now),
    )


def _row(incident: Incident, policy: Policy, now: datetime) -> Row:
    return Row(
        id=incident.id,
        severity=incident.severity.value,
        state=incident.state.value,
        is_test=incident.conduct.is_test,
        title=one_line(incident.title, TITLE_CHARS_MAX) or "an incident without a title",
        opened_at=incident.opened_at,
        since=f"{words.clock(incident.opened_at, now)}, {words.ago(incident.opened_at, now)}",
        standing=standing_of(incident, policy, now, ""),
        in_charge=display_name(incident.assignee, policy) if incident.assignee else "",
    )
