"""Keeps the log readable when the same thing goes wrong again and again: one line now, then one line per while with a count."""

from __future__ import annotations

from dataclasses import dataclass, field

INTERVAL_SECONDS = 10.0


@dataclass(slots=True)
class Quiet:
    """Counts what is not logged. Its keys are words of the configuration and of our enumerations, so that it stays small."""

    _last: dict[tuple[str, str], float] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, source: str, reason: str, now: float) -> int | None:
        """How often it has happened since the last line, this time included; None if no line is due. ``now`` in seconds."""
        key = (source, reason)
        seen = self._counts.get(key, 0) + 1
        last = self._last.get(key)
        if last is not None and now - last < INTERVAL_SECONDS:
            self._counts[key] = seen
            return None
        self._last[key] = now
        self._counts[key] = 0
        return seen
