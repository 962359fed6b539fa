"""What the daemon is told to do, as values: people, escalation policies and the numbers that time things."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum

from ingestd.core.names import Channel, PersonName, Severity
from ingestd.core.rota import Schedule
from ingestd.core.ruleset import Ruleset
from ingestd.core.throttle import DEFAULT_LIMITS, ChannelLimits
from ingestd.core.watchdog import Watchdog
from ingestd.core.windows import OneOff, TimeWindow


class Profile(StrEnum):
    """In which of two ways a person wants to be paged. ``auto``: urgent for what is critical or high."""

    AUTO = "auto"
    URGENT = "urgent"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of paging a person, ``after_seconds`` after the first.

    In the first stage (after 0 s) the channels are tried in order, the next one where one fails; a later stage uses all of its channels.
    """

    channels: tuple[Channel, ...]
    after_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be paged. ``channels`` are tried in order; each with its address (email, E.164, or what a chat connector takes)."""

    name: PersonName
    display_name: str
    channels: tuple[tuple[Channel, str], ...]
    urgent: tuple[Stage, ...] = ()
    """How to page what is urgent; empty: by ``channels`` in order."""
    normal: tuple[Stage, ...] = ()
    """How to page the rest; empty: as what is urgent."""
    quiet: TimeWindow | None = None
    """When what is not urgent waits, on the person's own clock."""
    zone: tzinfo | None = None
    """The person's clock; None if not even the configuration says which."""
    has_own_zone: bool = False
    """Whether it is the person's own, and not that of the configuration."""
    skills: frozenset[str] = frozenset()
    away: tuple[OneOff, ...] = ()
    """When nothing is assigned to this person."""
    known_as: tuple[str, ...] = ()
    """Words besides the name by which a calendar may name this person."""
    is_address: bool = False
    """Whether it is the address of a last resort, and nobody who could take a shift."""

    @property
    def clock(self) -> tzinfo:
        """The clock on which times are told to this person."""
        return self.zone or UTC

    def address_of(self, channel: Channel) -> str | None:
        """The person's address on a channel, or None."""
        return next((address for known, address in self.channels if known is channel), None)

    def stages_for(self, *, is_urgent: bool) -> tuple[Stage, ...]:
        """The stages in order; the first one holds every channel, those that the profile leaves out last: a page must get through."""
        known = tuple(channel for channel, _ in self.channels)
        chosen = self.urgent if is_urgent else self.normal or self.urgent
        if not known:
            return ()
        if not chosen:
            return (Stage(known),)
        first = tuple(dict.fromkeys((*(c for c in chosen[0].channels if c in known), *known)))
        later = tuple(
            Stage(usable, stage.after_seconds)
            for stage in chosen[1:]
            if (usable := tuple(c for c in stage.channels if c in known))
        )
        return (Stage(first), *later)


@dataclass(frozen=True, slots=True)
class Step:
    """One level of an escalation: who is paged, and how long to wait for an answer before the next level."""

    people: tuple[PersonName, ...]
    """Words of ``core.target``: people, teams, and schedules whose person of the moment is meant."""
    wait_seconds: int
    repeat_count: int = 1
    """How often the step is paged, each time with the wait, before the next one."""
    level: int = 0
    """L1, L2, ...; 0: the number of the step."""
    profile: Profile = Profile.AUTO
    only: TimeWindow | OneOff | None = None
    """When the step is passed over outside of it."""


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """Levels in order. After the last one the steps run again, ``loop_count`` times in all; then the last resort is told."""

    name: str
    steps: tuple[Step, ...]
    loop_count: int = 1
    last_resort: tuple[PersonName, ...] = ()
    """Whom to tell when nobody has answered, or nobody could be reached: words as in a step."""
    ack_expires_seconds: int | None = None
    """Acknowledged, and then nothing is heard for so long: page again."""

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits that stand for all that the policy says."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:12]


class AssignBy(StrEnum):
    """How an incident of a team gets somebody who is in charge of it."""

    SCHEDULE = "schedule"
    ROUND_ROBIN = "round-robin"
    LEAST_LOADED = "least-loaded"


@dataclass(frozen=True, slots=True)
class Team:
    """People who answer for something together."""

    name: str
    members: tuple[PersonName, ...] = ()
    assign: AssignBy | None = None
    schedule: str | None = None
    """From which somebody is assigned, if assigned by schedule."""
    room: str | None = None
    """Where the team talks: an address of the chat channel."""
    bridges: Mapping[Severity | None, str] = field(default_factory=dict)
    """Links to meetings by severity; None is for those that have none of their own."""

    def bridge_for(self, severity: Severity) -> str:
        """The meeting in which an incident of this severity is worked on; empty if there is none."""
        return self.bridges.get(severity) or self.bridges.get(None) or ""


@dataclass(frozen=True, slots=True)
class Route:
    """One connector that serves a channel; only for addresses that begin with one of ``prefixes`` (``+49``), if there are any."""

    connector: str
    prefixes: tuple[str, ...] = ()

    def serves(self, address: str) -> bool:
        """Whether this connector is for the address."""
        return not self.prefixes or address.startswith(self.prefixes)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things wait. Seconds."""

    resolve_grace_seconds: int = 60
    """All alerts have cleared: how long to wait before the incident counts as resolved."""
    reopen_within_seconds: int = 1800
    """After a resolve: how long a re-fire opens the same incident again; then it is closed."""
    comment_delay_seconds: int = 30
    """How long ticket comments are gathered into one."""
    late_fire_seconds: int = 60
    """How long after a resolve an older firing message is taken for a late delivery.

    Longer than Alertmanagers of one cluster race (15 s per peer), shorter than their group interval: of two Prometheus servers that
    disagree, the one that still fires keeps the older start, and its message is not said again for hours.
    """
    receipt_seconds: int = 60
    """How long a service may take to say that a page has arrived, before the next channel is tried; 0: nobody waits for that."""


@dataclass(frozen=True, slots=True)
class RosterWords:
    """What people are told of schedules though nothing is wrong with any service."""

    shift_words: bool = False
    """Whether people hear of the beginning and the end of their shifts."""
    gap_words: bool = False
    """Whether those concerned hear of stretches to come with nobody who can be reached."""
    warn: tuple[PersonName, ...] = ()
    """Who else hears of those."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that ``decide`` may consult besides the facts. One value; a reload makes a new one."""

    ruleset: Ruleset
    people: Mapping[PersonName, Person] = field(default_factory=dict)
    escalations: Mapping[str, EscalationPolicy] = field(default_factory=dict)
    channel_connectors: Mapping[Channel, str] = field(default_factory=dict)
    """Which connector serves a channel first."""
    routes: Mapping[Channel, tuple[Route, ...]] = field(default_factory=dict)
    """All connectors of a channel in order, where it has more than one, or one that is not for every address."""
    teams: Mapping[str, Team] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    roster: RosterWords = field(default_factory=RosterWords)
    timing: Timing = field(default_factory=Timing)
    keep_vanished: frozenset[str] = frozenset()
    """Sources whose vanished series keep their incident open (Grafana's MissingSeries, Paused, RuleDeleted, Updated)."""
    limits: Mapping[Channel, ChannelLimits] = field(default_factory=lambda: DEFAULT_LIMITS)
    """How many messages one person gets on a channel; on one that is not listed each page goes by itself."""
    watchdogs: Mapping[str, Watchdog] = field(default_factory=dict)
    """By source: whose silence is a problem."""

    def connectors_of(self, channel: Channel, address: str) -> tuple[str, ...]:
        """The connectors that can reach an address, in the order in which they are tried: those of its country first."""
        routes = self.routes.get(channel)
        if routes is None:
            connector = self.channel_connectors.get(channel)
            return () if connector is None else (connector,)
        # A vendor of the wrong country may still get through; nobody at all certainly does not.
        usable = [route for route in routes if route.serves(address)] or routes
        own = [route.connector for route in usable if route.prefixes]
        return tuple(dict.fromkeys((*own, *(route.connector for route in usable))))
