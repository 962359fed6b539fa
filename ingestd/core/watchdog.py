"""The dead man's switch of a source: an alert that always fires, and whose silence says that nobody would tell us of the next problem."""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.core.alert import Alert
from ingestd.core.matchers import Matcher


@dataclass(frozen=True, slots=True)
class Watchdog:
    """Which alerts of a source are its sign of life, and how long it may keep silent. All matchers must hold."""

    match: tuple[Matcher, ...]
    within_seconds: int

    def is_sign_of_life(self, alert: Alert) -> bool:
        """Whether this alert is what the switch waits for, firing or not."""
        return all(matcher.matches(alert) for matcher in self.match)
