"""How an incident is handled from its first alert to its end: words that rules use and incidents keep."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ingestd.core.names import Level
from ingestd.core.response import PageWhen


class ResolveOn(StrEnum):
    """When an incident counts as clearing: all its alerts have cleared, any one has, or only a person says so."""

    ALL = "all"
    ANY = "any"
    NEVER = "never"


class Mode(StrEnum):
    """``monitor``: the rule decides and is recorded, and nothing comes of it."""

    ACTIVE = "active"
    MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class Flap:
    """What fired ``count`` times within this time is flapping: it counts as over only when it has been quiet as long."""

    count: int
    within_seconds: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """Nothing happens before the ``count``-th fire of the same thing within this time."""

    count: int
    within_seconds: int


@dataclass(frozen=True, slots=True)
class ManyReports:
    """When ``count`` people have reported the same within this time, it matters at least so much; None leaves a level as it is."""

    count: int
    within_seconds: int
    impact: Level | None = None
    urgency: Level | None = None


@dataclass(frozen=True, slots=True)
class Conduct:
    """What the rules said of handling, kept from when the incident opened. ``rules_version`` is that of the ruleset that decided."""

    resolve_on: ResolveOn = ResolveOn.ALL
    flap: Flap | None = None
    page_when: PageWhen = PageWhen.NOW
    rules_version: str = ""
    service: str = ""
    """The service that the incident is about; empty if no label names one."""
    skill: str = ""
    """What whoever is assigned must know; empty if the rule names nothing."""
    is_test: bool = False
    """It is a drill: whatever is said of it is marked TEST."""
