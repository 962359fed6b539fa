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
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_PAIR_SHIFTS = range(120, -1, -10)


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
    """Time-ordered random ids, as ULIDs are made: 48 bits of milliseconds, 80 bits of chance.

    An envelope id is a name and no secret, so its chance comes from a generator that the system seeded: asking the system for each would
    cost a change of threads, since Python lets others run meanwhile. A token is a secret, and the system's.
    """

    def __init__(self) -> None:
        self._random = random.Random(secrets.randbits(256))

    def envelope(self) -> EnvelopeId:
        """A new envelope id."""
        number = (time.time_ns() // 1_000_000) << 80 | self._random.getrandbits(80)
        return EnvelopeId("env_" + "".join([_PAIRS[(number >> shift) & 1023] for shift in _PAIR_SHIFTS]))

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
