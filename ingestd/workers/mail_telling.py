"""Tells the operator what became of mail that brought no alert: counts each one, and writes few lines, since strangers send it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog

from ingestd.core.mail.mail_words import MailReason
from ingestd.store.inbox import Envelope
from ingestd.store.reply_taking import ReplyResult, Taken
from ingestd.telemetry import log_events
from ingestd.telemetry.metrics import Metrics
from ingestd.workers.mail_taking import MailTaken

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

ONE_LINE_EACH: Final = timedelta(hours=1)
"""For each source and reason."""

_STRANGE: Final = frozenset({MailReason.FOREIGN_BOUNCE, MailReason.TOO_MANY_HOPS})
"""What ought not to come, though nothing is to be done for the single mail."""


class MailTelling:
    """Counts and logs. It remembers one instant for each source and reason: both are words of ours and of the configuration."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._since: dict[tuple[str, str], tuple[datetime | None, int]] = {}

    def tell(self, envelope: Envelope, taken: MailTaken, now: datetime) -> None:
        """One mail has its disposition."""
        source, metrics = envelope.source, self._metrics
        metrics.dispositions.labels(source, taken.disposition).inc()
        if taken.reply is not None:
            self._tell_reply(taken.connector, taken.reply)
            return
        metrics.mails.labels(source, taken.disposition, taken.reason).inc()
        if taken.is_put_aside:
            metrics.quarantined.labels(source, taken.reason).inc()
        count = self._due(source, taken.reason, now) if taken.is_put_aside or taken.reason in _STRANGE else 0
        event = log_events.ENVELOPE_QUARANTINED if taken.is_put_aside else log_events.MAIL_IGNORED
        write = log.warning if count else log.debug
        fields = {"envelope": envelope.id, "source": source, "disposition": taken.disposition, "reason": taken.reason}
        write(event, **fields, **({"count": count} if count > 1 else {}))

    def _due(self, source: str, reason: str, now: datetime) -> int:
        """How many there were since the last line, this one included; 0 if no line is due."""
        since, count = self._since.get((source, reason), (None, 0))
        count += 1
        is_due = since is None or now - since >= ONE_LINE_EACH
        self._since[source, reason] = (now, 0) if is_due else (since, count)
        return count if is_due else 0

    def _tell_reply(self, connector: str, reply: Taken) -> None:
        self._metrics.replies.labels(connector, reply.result.value).inc()
        if reply.result is ReplyResult.ACTED and reply.act is not None:
            self._metrics.answers.labels(reply.act.value, "email").inc()
        log.info(
            log_events.REPLY_RECEIVED,
            connector=connector,
            result=reply.result.value,
            action=reply.act.value if reply.act else "",
            by=reply.person or "",
            incidents=list(reply.incidents),
            is_answered=reply.is_answered,
        )
