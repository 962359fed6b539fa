"""How many messages one person gets on one channel: limits in sliding windows, and batches while pages come in a burst.

A limit holds back further pages, never the first one of a critical incident, nor one that stands in for a page that failed; what it holds
back is told together, in one message, when there is room again. A burst of pages brings batch mode: a message tells everything that has come since the one before it, the first
pages of critical incidents too, so that thousands of incidents become a few messages that can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ingestd.core.names import Channel, PersonName, Severity

FIRST_RANK: Final = 0
"""The rank of a page that no limit holds back: the first that somebody gets of a critical incident."""
HELD_SECONDS_MAX: Final = 600
"""A page that a limit would hold back longer goes by the person's next channel as well."""
ALONE_SECONDS_MAX: Final[Mapping[Severity, int]] = {
    Severity.CRITICAL: HELD_SECONDS_MAX,
    Severity.HIGH: HELD_SECONDS_MAX,
    Severity.MEDIUM: 1200,
    Severity.LOW: 1200,
}
"""Whoever has no other channel gets a page that a limit holds back no later than this, with all that waits by then."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many messages in any stretch of this length."""

    count: int
    within_seconds: int


@dataclass(frozen=True, slots=True)
class Batching:
    """When pages go in batches, and when they go one by one again.

    More than ``above`` pages within ``within_seconds`` begin it; ``quiet_seconds`` without such a burst end it. Meanwhile a message
    leaves no sooner than ``critical_seconds`` after the one before it, and ``other_seconds`` if nothing in it is the first page of a critical
    incident.
    """

    above: int = 10
    within_seconds: int = 60
    critical_seconds: int = 10
    other_seconds: int = 60
    quiet_seconds: int = 300


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """What one person gets at most on one channel."""

    windows: tuple[Limit, ...] = ()
    batching: Batching = Batching()

    @property
    def memory_seconds(self) -> int:
        """How far back messages count."""
        return max([limit.within_seconds for limit in self.windows], default=0) + self.batching.other_seconds


DEFAULT_LIMITS: Final[Mapping[Channel, ChannelLimits]] = {
    Channel.SMS: ChannelLimits((Limit(5, 900), Limit(11, 3600), Limit(21, 10_800))),
    Channel.EMAIL: ChannelLimits((Limit(1, 60),)),
    Channel.CHAT: ChannelLimits((Limit(30, 60),)),
}
"""Carriers block senders beyond such rates; mail is a digest from the second message of a minute on."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A person gets pages on this channel in batches: since when, and when the last burst was seen."""

    person: PersonName
    channel: Channel
    since: datetime
    burst_at: datetime


def follow(
    batch: Batch | None, person: PersonName, channel: Channel, recent_count: int, batching: Batching, now: datetime
) -> Batch | None:
    """Whether pages go in batches from now on. ``recent_count``: pages that were told, or came due, within the window that ends now."""
    if recent_count > batching.above:
        return Batch(person, channel, batch.since if batch else now, now)
    if batch is None or now - batch.burst_at >= timedelta(seconds=batching.quiet_seconds):
        return None
    return batch


def free_at(sent: Sequence[datetime], windows: Sequence[Limit], now: datetime) -> datetime:
    """The first instant, from now on, at which one more message keeps every limit. ``sent``: when there were messages, newest first."""
    at = now
    for limit in windows:
        if len(sent) >= limit.count:
            at = max(at, sent[limit.count - 1] + timedelta(seconds=limit.within_seconds))
    return at


def leaves_at(
    sent: Sequence[datetime],
    limits: ChannelLimits,
    batch: Batch | None,
    now: datetime,
    *,
    is_first: bool,
    is_stand_in: bool = False,
) -> datetime:
    """When the next message may leave: now, or later. ``is_first``: it holds the first page of a critical incident.

    ``is_stand_in``: it holds what another channel or vendor failed to deliver. A batch keeps that back, a limit does not.
    """
    at = now if is_first or is_stand_in else free_at(sent, limits.windows, now)
    if batch is None or not sent:
        return at
    pause = limits.batching.critical_seconds if is_first else limits.batching.other_seconds
    return max(at, sent[0] + timedelta(seconds=pause))
