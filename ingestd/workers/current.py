"""What the workers go by at this moment. A reload puts in another value; whoever has begun finishes with the one it began with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from ingestd.core.policy import Policy
from ingestd.core.sources import ReadLimits, SourceWays
from ingestd.core.windows import OneOff, TimeWindow


@dataclass(frozen=True, slots=True)
class HeartbeatPlan:
    """Who is told that all is well, and how often at most. The address is a secret."""

    url: str = field(repr=False)
    every_seconds: int = 60


@dataclass(frozen=True, slots=True)
class ScheduledDrill:
    """A drill by itself: of which policy, once each time that the window is open."""

    policy: str
    when: TimeWindow | OneOff


@dataclass(frozen=True, slots=True)
class CalendarPlan:
    """Where the calendar of a schedule comes from: an address, which is a secret, or a file. Its days are on the clock of ``zone``."""

    schedule: str
    zone: ZoneInfo
    every_seconds: int
    url: str = field(default="", repr=False)
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The policy and the settings that workers need."""

    policy: Policy
    external_url: str = ""
    read_limits: Mapping[str, ReadLimits] = field(default_factory=dict)
    """By source; a source that is not listed has the defaults."""
    ways: Mapping[str, SourceWays] = field(default_factory=dict)
    """How the bodies of each source are read; of one that is not listed nothing needs to be known."""
    keep_envelopes_seconds: int = 30 * 86_400
    hide: Callable[[str], str] = str
    """Takes our secrets out of what a service said: some repeat the request in their errors, and what they say is stored and shown."""

    heartbeat: HeartbeatPlan | None = None
    drills: tuple[ScheduledDrill, ...] = ()
    calendars: tuple[CalendarPlan, ...] = ()

    def ways_of(self, source: str) -> SourceWays:
        """How the bodies of this source are read."""
        return self.ways.get(source) or SourceWays()

    def limits_of(self, source: str) -> ReadLimits:
        """How much of a body from this source is read."""
        return self.read_limits.get(source) or ReadLimits()


class Current:
    """The holder of the one standing value."""

    def __init__(self, standing: Standing) -> None:
        self.standing = standing

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.standing.policy
