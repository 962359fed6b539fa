"""A source's door: what is prepared once for each source, and what its senders must bring."""

from __future__ import annotations

from datetime import datetime

from ingestd.intake.authenticate import Headers, checker_for, is_within
from ingestd.intake.refusal import Refusal
from ingestd.intake.settings import SourceDoor
from ingestd.telemetry.metrics import Metrics


class Door:
    """One source while it is configured as it is."""

    def __init__(self, settings: SourceDoor, metrics: Metrics) -> None:
        self.settings = settings
        self.checker = checker_for(settings.name, settings.auth)
        self.stored = metrics.envelopes.labels(settings.name)

    def refusal(self, headers: Headers, remote: str, now: datetime) -> Refusal | None:
        """Why this sender may not send, as far as address and headers tell; None if it may."""
        if self.settings.allowed_networks and not is_within(remote, self.settings.allowed_networks):
            return Refusal.NETWORK
        if headers.getall("Origin", ()):  # a page in somebody's browser must not be able to invent alerts on localhost
            return Refusal.BROWSER
        if not self.checker.admits(headers, now):
            return Refusal.UNAUTHENTICATED
        return None
