"""An incident as people read it: the values that a ticket, a page or a post is worded from. Text in them is raw: each sink sanitises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ingestd.core.names import IncidentId, IncidentState, Level, Severity


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert of an incident as people read it."""

    name: str
    summary: str
    is_firing: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    links: Mapping[str, str]
    source: str
    first_seen_at: datetime
    cleared_at: datetime | None = None
    value: str = ""


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One fact of an incident's history, in words."""

    number: int
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident as it is now: everything that a ticket or a page may tell. Text is raw: each sink sanitises."""

    id: IncidentId
    title: str
    summary: str
    state: IncidentState
    severity: Severity
    impact: Level
    urgency: Level
    category: str
    team: str
    rule: str
    opened_at: datetime
    alerts: tuple[AlertView, ...]
    firing_count: int
    alert_count: int
    """Of all alerts; ``alerts`` holds at most 50, firing ones first."""
    runbook: str = ""
    url: str = ""
    """The incident's page in ingestd; empty if no external URL is configured."""
    ticket_url: str = ""
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    timeline: tuple[TimelineLine, ...] = ()
    """The last ten lines, oldest first; all of them, up to 200, where it is handed over."""
    assignee: str = ""
    """Who is in charge of it; empty if nobody is."""
    bridge: str = ""
    """A link to the meeting in which it is worked on; empty if there is none."""
    is_test: bool = False
    """It is a drill: nothing is wrong, and whatever is said of it must say so first."""
