"""What the web needs of the daemon, handed over by the composition root as one value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ingestd.ambient import Clock, SystemIds
from ingestd.core.effects import Decision
from ingestd.core.names import Channel, EnvelopeId, PersonName
from ingestd.core.policy import Policy
from ingestd.ports import Pager
from ingestd.store.database import Database
from ingestd.store.explanations import WaysOf, no_ways
from ingestd.telemetry.health import Readiness
from ingestd.telemetry.metrics import Metrics


class Role(StrEnum):
    """What a caller may do; each role may also do what those before it may."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether this role is enough for what needs ``needed``."""
        order = tuple(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A secret that stands for a caller. The secret is in no repr."""

    name: str
    role: Role
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the API. ``loopback_without_token``: callers on this machine may do everything without one."""

    tokens: Sequence[ApiToken] = ()
    loopback_without_token: bool = False


def _nothing_to_say() -> str:
    return ""


def _ring_nobody() -> None:
    """The workers look by themselves after a few seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The daemon as the web sees it. What a reload may change is asked for at each request."""

    database: Database
    clock: Clock
    metrics: Metrics
    readiness: Readiness
    access: Callable[[], Access]
    policy: Callable[[], Policy]
    external_url: str
    """Where people and services reach the daemon, without a slash at the end; may be empty."""
    pagers: Mapping[str, Pager]
    """By the connector's name in the configuration."""
    after_decision: Callable[[Decision], None]
    """Wakes whoever has work from a decision that was just committed."""
    reload: Callable[[], Awaitable[Sequence[str]]]
    """Takes over the configuration file; gives the problems as text if it is refused, nothing if it is in force."""
    status: Callable[[], Mapping[str, Any]]
    """Version, start, connectors, workers: plain values and instants. Counts from the database are added here."""
    test_page: Callable[[PersonName, Channel | None], Awaitable[Sequence[Mapping[str, Any]]]]
    """Sends a test page by one channel or all; a mapping per channel: channel, connector, address_masked, ok, text."""
    ways_of: WaysOf = no_ways
    """How the bodies of a source are read now."""
    notice: Callable[[], str] = _nothing_to_say
    """What whoever looks after the daemon should know before they read on; usually empty."""
    new_token: Callable[[], str] = field(default_factory=lambda: SystemIds().token)
    """A new secret of 72 random bits for an address."""
    nudge: Callable[[], None] = _ring_nobody
    """Wakes every worker: something was made due by hand."""
    new_envelope: Callable[[], EnvelopeId] = SystemIds().envelope
    """Ids for what the API itself puts into the inbox."""
