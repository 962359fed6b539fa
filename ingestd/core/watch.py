"""Alerts that are looked at again although no message comes: what is held back, and what clears by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ingestd.core.alert import Alert
from ingestd.core.names import AlertKey


class HoldReason(StrEnum):
    """Why an alert that fires brings about nothing, or less than its rule says."""

    MAINTENANCE = "maintenance"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    HOLD = "hold"
    THRESHOLD = "threshold"
    MONITOR = "monitor"
    PARENT = "parent"


@dataclass(frozen=True, slots=True)
class Restraint:
    """What keeps an alert back. ``by`` names it: the window, the silence, the alert that inhibits, the incident that explains it, the rule.

    ``until`` is when the alert is looked at again; None if only news of it, or the end of what keeps it back, changes anything.
    """

    reason: HoldReason
    by: str
    until: datetime | None = None

    @property
    def text(self) -> str:
        """In words: ``maintenance “patching” until 2026-03-29 02:00 UTC``; with seconds where it does not end on the minute."""
        precision = "%Y-%m-%d %H:%M:%S" if self.until and self.until.second else "%Y-%m-%d %H:%M"
        until = f" until {self.until:{precision}} UTC" if self.until else ""
        return {
            HoldReason.MAINTENANCE: f"maintenance “{self.by}”{until}",
            HoldReason.SILENCED: f"silence {self.by}{until}",
            HoldReason.INHIBITED: f"inhibited by the alert {self.by}",
            HoldReason.HOLD: f"rule “{self.by}” waits{until}",
            HoldReason.THRESHOLD: f"rule “{self.by}” waits for more of them",
            HoldReason.MONITOR: f"rule “{self.by}” only monitors",
            HoldReason.PARENT: f"explained by {self.by}",
        }[self.reason]


@dataclass(frozen=True, slots=True)
class Watch:
    """One alert that is looked at again at ``due_at``, with its words as last received. One row per alert.

    ``held`` says what keeps it back, None if nothing does: it is only waited for its end. ``fired_at`` are the instants at which it
    fired lately, for rules with a threshold. ``auto_resolve_seconds`` counts from when it was last seen.
    """

    key: AlertKey
    due_at: datetime
    alert: Alert
    rule: str
    dedup_key: str
    held: HoldReason | None
    by: str
    since: datetime
    """When the alert began to be held back, or to be watched."""
    fired_at: tuple[datetime, ...] = ()
    auto_resolve_seconds: int | None = None

    def fired_since(self, now: datetime, within_seconds: int) -> int:
        """How often it fired in the last ``within_seconds``."""
        begin = now - timedelta(seconds=within_seconds)
        return sum(at > begin for at in self.fired_at)


@dataclass(frozen=True, slots=True)
class Release:
    """What is held back by ``by`` is looked at again at ``due_at``: that which kept it back has ended."""

    by: str
    due_at: datetime
