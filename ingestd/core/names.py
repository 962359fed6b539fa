"""The vocabulary: ids and enumerations, one word per concept in code, YAML, metrics, logs and docs."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

EnvelopeId = NewType("EnvelopeId", str)
"""``env_`` and 26 characters that sort by time."""

AlertKey = NewType("AlertKey", str)
"""The identity of an alert: ``{source}/{fingerprint}``. Never contains a start time or a group key."""

IncidentId = NewType("IncidentId", str)
"""What people say aloud: ``INC-1042``."""

EffectKey = NewType("EffectKey", str)
"""``{incident}/{connector}/{kind}/{n}``: derived, never random; primary key of the outbox."""

PersonName = NewType("PersonName", str)
"""The key of a person in the configuration."""


class AlertStatus(StrEnum):
    """What the sender says of one alert."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How bad an incident is; from impact and urgency by the matrix in the rules."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the worst; sorts the worst first."""
        return _SEVERITY_ORDER.index(self)

    def is_worse_than(self, other: Severity) -> bool:
        """Whether this one needs a human sooner than the other."""
        return self.rank < other.rank


_SEVERITY_ORDER = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


class Level(StrEnum):
    """Impact or urgency: the two axes of the severity matrix."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class IncidentState(StrEnum):
    """Where the machine's part of an incident stands."""

    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        """Whether it still needs somebody."""
        return self in {IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED}


class EffectKind(StrEnum):
    """What the outside world must do."""

    TICKET_OPEN = "ticket-open"
    TICKET_COMMENT = "ticket-comment"
    TICKET_PRIORITY = "ticket-priority"
    TICKET_RESOLVE = "ticket-resolve"
    TICKET_REOPEN = "ticket-reopen"
    TICKET_ATTACH = "ticket-attach"
    """A file that came with an alert goes to the ticket."""
    PAGE = "page"
    NOTICE = "notice"
    POST = "post"
    """A team's room is told how the incident stands."""
    WORD = "word"
    """A word to one person that is about no incident, or answers what they said: a shift begins, a reply was understood."""
    ANSWER = "answer"
    """Who reported it from outside hears its number, and that it is over."""

    @property
    def is_ticket(self) -> bool:
        """Whether a ticket system performs it; otherwise a pager does."""
        return self.value.startswith("ticket-")


class Channel(StrEnum):
    """How a person is reached."""

    EMAIL = "email"
    SMS = "sms"
    CHAT = "chat"
