"""What all connections of the listener for mail share: who may hand in what for whom, and the way to the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import structlog

from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.mail.recipients import Recipients
from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceKind
from ingestd.errors import StoreBusy
from ingestd.intake.authenticate import Digests, is_within
from ingestd.intake.gate import Gate, QueueFull, StoreFull
from ingestd.intake.quiet import Quiet
from ingestd.intake.refusal import NO_SOURCE
from ingestd.intake.smtp_collector import Collector
from ingestd.intake.smtp_floor import SmtpFloor
from ingestd.intake.smtp_refusal import SmtpRefusal
from ingestd.intake.smtp_settings import SmtpSettings
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class SmtpDesk:
    """One listener's desk. ``replace`` takes over new settings while connections are open: they hold from their next command on."""

    def __init__(self, gate: Gate, settings: SmtpSettings, metrics: Metrics) -> None:
        self._gate = gate
        self._metrics = metrics
        self._quiet = Quiet()
        self.floor = SmtpFloor(settings.limits, asyncio.get_running_loop().time)
        self.replace(settings)

    def replace(self, settings: SmtpSettings) -> None:
        """From now on these hold."""
        self.settings = settings
        self.floor.limits = settings.limits
        self._recipients = Recipients(settings.sources)
        self._users = {
            user.username: Digests([secret.raw for secret in user.passwords]) for user in reversed(settings.users)
        }

    def is_allowed(self, remote: str) -> bool:
        """Whether this address may connect at all."""
        return not self.settings.allowed_networks or is_within(remote, self.settings.allowed_networks)

    def is_trusted(self, remote: str) -> bool:
        """Whether it is a relay of ours."""
        return is_within(remote, self.settings.trusted_networks)

    def knows(self, username: str, password: bytes) -> bool:
        """Whether this is a user's password; takes as long for a name that there is not."""
        return self._users.get(username, _NOBODY).holds(password)

    def source_of(self, recipient: str, remote: str) -> str | SmtpRefusal:
        """The source that takes mail for this recipient from this address, or why none does."""
        source = self._recipients.source_of(recipient)
        if source is None:
            return SmtpRefusal.RECIPIENT
        networks = self.settings.source_networks.get(source, ())
        if networks and not is_within(remote, networks):
            return SmtpRefusal.SOURCE_NETWORK
        return source

    async def store(
        self, arrival: Arrival, recipients: Mapping[str, Sequence[str]], message: Collector
    ) -> list[EnvelopeId] | SmtpRefusal:
        """Store the message for each of the sources; the envelopes when all of them are on disk, else why not.

        Of several sources some may have it already when another cannot: the sender comes again, and the copy is known by its identity.
        """
        stored: list[EnvelopeId] = []
        for left, (source, addresses) in zip(range(len(recipients), 0, -1), recipients.items(), strict=True):
            head = joined(replace(arrival, recipients=tuple(addresses)), b"")
            body = message.after(head, is_last=left == 1)
            try:
                stored.append(await self._gate.receive(source, SourceKind.EMAIL, body, arrival.remote))
            except StoreBusy as error:
                return _why(error)
            self._metrics.envelopes.labels(source).inc()
        return stored

    def note(self, reason: SmtpRefusal, remote: str, source: str = NO_SOURCE) -> None:
        """Count that something was refused; log it, unless it happens by itself every day."""
        self._metrics.refused.labels(source, reason.value).inc()
        if reason in _USUAL:
            return
        if (count := self._quiet.count(source, reason, asyncio.get_running_loop().time())) is not None:
            log.warning(log_events.MAIL_REFUSED, source=source, reason=reason.value, remote=remote, count=count)

    def count_connections(self) -> None:
        """Tell the metrics how many there are."""
        self._metrics.smtp_connections.set(len(self.floor.guests))


_NOBODY = Digests(())
_USUAL = {SmtpRefusal.STOPPING, SmtpRefusal.COMMAND_TIMEOUT}


def _why(error: StoreBusy) -> SmtpRefusal:
    match error:
        case QueueFull():
            return SmtpRefusal.QUEUE_FULL
        case StoreFull():
            return SmtpRefusal.DISK_FULL
        case _:
            return SmtpRefusal.STORE_BUSY
