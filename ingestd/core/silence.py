"""Silences: made at run time by a person, for some alerts, with a comment and an end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from ingestd.core.alert import Alert
from ingestd.core.matchers import Matcher, parse_matcher


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that satisfy all ``matchers`` from ``starts_at`` until ``ends_at`` bring about nothing. ``id`` is ``SIL-12``.

    The matchers are kept as they were written; whoever makes a silence has parsed them (``parse_matcher`` raises).
    """

    id: str
    number: int
    matchers: tuple[str, ...]
    comment: str
    author: str
    created_at: datetime
    starts_at: datetime
    ends_at: datetime

    def covers(self, alert: Alert, now: datetime) -> bool:
        """Whether the alert is silenced now. A silence without matchers covers nothing."""
        if not self.matchers or not self.starts_at <= now < self.ends_at:
            return False
        return all(_parsed(text).matches(alert) for text in self.matchers)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Matcher:
    return parse_matcher(text)
