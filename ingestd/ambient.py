"""What the rest of ingestd may not ask the operating system itself: the time of day, new ids, and chance.

Tests and the simulator pass their own. Waiting needs no port: it is ``asyncio.sleep``, and the simulator's event loop
makes it virtual.
"""

from __future__ import annotations

import base64
import random
import secrets
import time
from datetime import UTC, datetime
from typing import Protocol

from ingestd.core.names import EnvelopeId

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """This instant, aware, in UTC. Read once per unit of work and passed down as a value."""
        ...


class IdSource(Protocol):
    """Names for new things."""

    def envelope(self) -> EnvelopeId:
        """A new envelope id; sorts after the ids made before it, to the millisecond."""
        ...

    def token(self) -> str:
        """A new secret of 72 random bits, 12 URL-safe characters: small enough for one SMS."""
        ...


class Chance(Protocol):
    """A source of jitter."""

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """This instant, aware, in UTC."""
        return datetime.now(UTC)


class SystemIds:
    """Time-ordered random ids, as ULIDs are made: 48 bits of milliseconds, 80 bits of chance."""

    def envelope(self) -> EnvelopeId:
        """A new envelope id."""
        number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        return EnvelopeId("env_" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5)))

    def token(self) -> str:
        """A new secret of 72 random bits."""
        return base64.urlsafe_b64encode(secrets.token_bytes(9)).decode()


class SystemChance:
    """Unseeded jitter."""

    def __init__(self) -> None:
        self._random = random.Random()

    def uniform(self, low: float, high: float) -> float:
        """A number between the two."""
        return self._random.uniform(low, high)
