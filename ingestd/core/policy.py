"""What the daemon is told to do, as values: people, escalation policies and the numbers that time things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingestd.core.names import Channel, PersonName
from ingestd.core.rota import Schedule
from ingestd.core.ruleset import Ruleset


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be paged. ``channels`` are tried in order; each with its address (email or E.164)."""

    name: PersonName
    display_name: str
    channels: tuple[tuple[Channel, str], ...]

    def address_of(self, channel: Channel) -> str | None:
        """The person's address on a channel, or None."""
        return next((address for known, address in self.channels if known is channel), None)


@dataclass(frozen=True, slots=True)
class Step:
    """One level of an escalation: who is paged, and how long to wait for an answer before the next level."""

    people: tuple[PersonName, ...]
    """Words of ``core.target``: people, and schedules whose person of the moment is meant."""
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """Levels in order. After the last one the steps run again, ``loop_count`` times in all."""

    name: str
    steps: tuple[Step, ...]
    loop_count: int = 1


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


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that ``decide`` may consult besides the facts. One value; a reload makes a new one."""

    ruleset: Ruleset
    people: Mapping[PersonName, Person] = field(default_factory=dict)
    escalations: Mapping[str, EscalationPolicy] = field(default_factory=dict)
    channel_connectors: Mapping[Channel, str] = field(default_factory=dict)
    """Which connector serves a channel."""
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)
    keep_vanished: frozenset[str] = frozenset()
    """Sources whose vanished series keep their incident open (Grafana's MissingSeries, Paused, RuleDeleted, Updated)."""
