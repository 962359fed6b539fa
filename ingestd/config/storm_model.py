"""How many messages one person may get on a channel, as the configuration says it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

from ingestd.config.quantities import DurationSeconds, duration_range, fault, parse_duration
from ingestd.config.section import Section
from ingestd.core.names import Channel
from ingestd.core.throttle import DEFAULT_LIMITS, Batching, ChannelLimits, Limit

_PATTERN: Final = r"^([1-9][0-9]{0,4}) in (\S+)$"
_WITHIN_MAX: Final = 86_400


def _limit(value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
    if isinstance(value, Limit):
        return value
    hint = "write  5 in 15m"
    found = re.fullmatch(_PATTERN, value) if isinstance(value, str) else None
    if found is None:
        raise fault("limit", "this is not a number of messages and a time", hint)
    seconds = parse_duration(found[2])
    if not 1 <= seconds <= _WITHIN_MAX:
        raise fault("limit", "messages are counted in a time from 1s to 1d", hint)
    return Limit(int(found[1]), seconds)


WrittenLimit = Annotated[Limit, BeforeValidator(_limit, json_schema_input_type=Annotated[str, Field(pattern=_PATTERN)])]


def _distinct(limits: tuple[Limit, ...]) -> tuple[Limit, ...]:
    if len({limit.within_seconds for limit in limits}) != len(limits):
        raise fault("limit", "two limits count in the same time", "keep the smaller one")
    return limits


class BatchSection(Section):
    """When pages of a burst go in batches. See ``core.throttle.Batching``."""

    above: Annotated[int, Field(ge=2, le=10_000)] = Batching().above
    within_seconds: Annotated[DurationSeconds, duration_range("1s", "1h")] = Field(
        default=Batching().within_seconds, alias="within"
    )
    critical_every_seconds: Annotated[DurationSeconds, duration_range("5s", "10m")] = Field(
        default=Batching().critical_seconds, alias="critical_every"
    )
    every_seconds: Annotated[DurationSeconds, duration_range("5s", "1h")] = Field(
        default=Batching().other_seconds, alias="every"
    )
    quiet_seconds: Annotated[DurationSeconds, duration_range("10s", "1d")] = Field(
        default=Batching().quiet_seconds, alias="quiet"
    )


class LimitSection(Section):
    """What one person gets at most on one channel."""

    most: Annotated[tuple[WrittenLimit, ...], Field(max_length=8), AfterValidator(_distinct)] | None = None
    """``5 in 15m``; an empty list is no limit, left out is the channel's own."""
    batch: BatchSection = BatchSection()


def limits_of(sections: dict[Channel, LimitSection]) -> dict[Channel, ChannelLimits]:
    """The limits of every channel: what is not said is as it is by default."""
    return {channel: _of_channel(channel, sections.get(channel, LimitSection())) for channel in Channel}


def _of_channel(channel: Channel, section: LimitSection) -> ChannelLimits:
    batch = section.batch
    windows = DEFAULT_LIMITS[channel].windows if section.most is None else section.most
    batching = Batching(
        batch.above, batch.within_seconds, batch.critical_every_seconds, batch.every_seconds, batch.quiet_seconds
    )
    return ChannelLimits(windows, batching)
