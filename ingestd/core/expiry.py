"""When silence counts as the end of an alert: by its rule (``auto_resolve_after``), or by what its sender or its source says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from ingestd.core.alert import Alert
from ingestd.core.attendance import Attendance
from ingestd.core.incident import KnownAlert
from ingestd.core.watch import Watch

_MUCH_SOONER: Final = timedelta(minutes=1)


def clears_at(known: KnownAlert, watch: Watch, attendance: Attendance | None) -> datetime | None:
    """When the alert counts as cleared unless it is said again before; None if only news end it.

    Counted from when it was last seen, so each repeat puts it off, and with the patience that ``attendance`` asks for.
    """
    seconds = watch.auto_resolve_seconds
    by_rule = None if seconds is None else known.last_seen_at + timedelta(seconds=seconds)
    expires_at = min((at for at in (by_rule, known.expires_at) if at is not None), default=None)
    if expires_at is None or attendance is None:
        return expires_at
    return attendance.clears_at(known.last_seen_at, expires_at)


def is_sooner(alert: Alert, known: KnownAlert) -> bool:
    """Whether the alert, said again, expires before its watch would notice: it did not expire before, or much later.

    Of two replicas that say the same, the clock of one may be behind: a minute is not worth a look for each repeat.
    """
    if alert.expires_at is None:
        return False
    return known.expires_at is None or known.expires_at - alert.expires_at > _MUCH_SOONER
