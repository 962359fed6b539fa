"""How a mailbox is doing, as its reader says it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MailboxState:
    """One mailbox at this moment."""

    account: str
    place: str
    """Which folder of whom on which host, for people."""
    good_at: datetime
    """When it last was read to the end, or gave something; before that happened, when its reader began."""
    rest_seconds: float = 0.0
    """How long it may be between two looks, when all is well."""
    has_been_read: bool = False
    problem: str = ""
    """Why it cannot be read now; empty if nothing is known to be wrong."""
    reason: str = ""
    """The same in one word."""
    trouble_at: datetime | None = None
    """When that began; None if nothing is known to be wrong."""
