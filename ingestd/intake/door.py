"""A source's door: what is prepared once for each source, and what its senders must bring."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from ingestd.core.sources import SourceKind
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
        self.takes_list = settings.kind is SourceKind.ALERTMANAGER_API
        """Whether nothing but a list can be meant: Alertmanager's API says so at once."""
        self.status = HTTPStatus.OK if self.takes_list else HTTPStatus.ACCEPTED
        """What its senders take for success: Alertmanager's API answers 200."""
        self.status_line = f"{self.status.value} {self.status.phrase}"

    def refusal(self, headers: Headers, remote: str, now: datetime) -> Refusal | None:
        """Why this sender may not send, as far as address and headers tell; None if it may."""
        if self.settings.allowed_networks and not is_within(remote, self.settings.allowed_networks):
            return Refusal.NETWORK
        if headers.getall("Origin", ()):  # a page in somebody's browser must not be able to invent alerts on localhost
            return Refusal.BROWSER
        if not self.checker.admits(headers, now):
            return Refusal.UNAUTHENTICATED
        return None
