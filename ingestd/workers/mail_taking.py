"""A mail that waits in the inbox, taken apart: its alerts go the way of every alert, and everything else that mail can be ends here.

Within the processor's transaction. Whatever a mail brings about is written together with its disposition.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ingestd.core import sources
from ingestd.core.alert import ParsedEnvelope, Unreadable
from ingestd.core.effects import Decision
from ingestd.store.inbox import Envelope
from ingestd.workers.current import Standing


@dataclass(frozen=True, slots=True)
class MailTaken:
    """A mail that brought no alert, or whose alerts are not to be decided: its disposition, why, and what was written for it."""

    disposition: str
    reason: str
    detail: str = ""
    decisions: tuple[Decision, ...] = ()


def take(
    connection: Connection,  # noqa: ARG001 (what the mail belongs to is looked up here)
    envelope: Envelope,
    standing: Standing,
    now: datetime,  # noqa: ARG001 (when it is decided)
) -> ParsedEnvelope | Unreadable | MailTaken:
    """The mail's alerts, why it cannot be read, or what became of it. The same again if it is asked again before the commit."""
    kind = sources.SourceKind(envelope.kind)
    limits, ways = standing.limits_of(envelope.source), standing.ways_of(envelope.source)
    return sources.read(kind, envelope.source, envelope.body, limits, ways, envelope.received_at)
