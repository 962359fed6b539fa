"""A circuit breaker: a service that keeps failing is given a rest, which grows while it does not recover.

By hand, because nothing well kept fits: it must run in virtual time, and its state is only a hint (the outbox holds the truth).
"""

from __future__ import annotations

FAILURES_TO_OPEN = 5
REST_SECONDS_FIRST = 5.0
REST_SECONDS_MAX = 60.0
PROBE_SECONDS = 30.0
CHECK_SECONDS = 60.0


class Circuit:
    """Counts failures in a row. Times are seconds of the event loop's clock."""

    def __init__(self) -> None:
        self._failures = 0
        self._rest = 0.0
        self._open_until = 0.0
        self._probe_at = 0.0
        self._check_at = 0.0

    def rest_seconds(self, now: float) -> float:
        """How long nothing should be asked of the service; 0 if it may be asked."""
        return max(0.0, self._open_until - now)

    def note(self, now: float, *, failed: bool) -> bool:
        """An attempt ended; true if this opened the circuit."""
        if not failed:
            self._failures, self._rest, self._open_until = 0, 0.0, 0.0
            return False
        self._failures += 1
        if self._failures < FAILURES_TO_OPEN:
            return False
        self._rest = min(REST_SECONDS_MAX, self._rest * 2 or REST_SECONDS_FIRST)
        self._open_until = now + self._rest
        return True

    def may_probe(self, now: float) -> bool:
        """Whether one attempt may be made although the service refuses us; at most one in a while."""
        if now < self._probe_at:
            return False
        self._probe_at = now + PROBE_SECONDS
        return True

    def may_check(self, now: float) -> bool:
        """Whether the account may be asked about; at most once in a while, since some services lock who knocks too often."""
        if now < self._check_at:
            return False
        self._check_at = now + CHECK_SECONDS
        return True

    def check_soon(self) -> None:
        """The settings are new: the account may be asked about at once."""
        self._check_at = 0.0
