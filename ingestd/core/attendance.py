"""Since when the daemon could hear: what it could not have heard of is not taken for over.

An alert that clears by silence is silent only while somebody listens. ``attend`` keeps the record, which is stored so that it outlives a
death and holds for every daemon of one database; ``Attendance.clears_at`` is what it means for one alert.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

ATTEND_SECONDS: Final = 10
"""How often it is written down that the daemon can hear, while anything clears by silence."""

_BREAK: Final = timedelta(seconds=25)
"""Whoever has written nothing down for so long may have missed something: it was dead, stopped, or could not store."""

_PATIENCE: Final = timedelta(minutes=10)
"""So long after a break at least every sender gets the chance to say again that it still fires, if its alerts are good for so long."""


@dataclass(frozen=True, slots=True)
class Attendance:
    """``at``: when the daemon was last known to hear. ``since``: from when on without a break."""

    at: datetime
    since: datetime
    patient_until: datetime
    """So long at most nothing clears by silence before it was silent since then for as long as it is good for."""

    def clears_at(self, last_seen_at: datetime, expires_at: datetime) -> datetime:
        """When silence counts as the end of an alert that was good until ``expires_at`` when it was last seen.

        After a break it must be silent for as long again as it was good for, but for no longer than the break was, or ten minutes: what was
        missed would be said again by then.
        """
        return max(expires_at, min(self.since + (expires_at - last_seen_at), self.patient_until))


def attend(
    before: Attendance | None, now: datetime, *, has_missed: bool = False, is_reborn: bool = False
) -> Attendance:
    """The record as of now.

    ``has_missed``: something that came could not be stored, or waits undecided, so that it is still unheard. ``is_reborn``: this is the first
    look of the only daemon, so that nobody has listened before it, however short that was.
    """
    if before is None:
        return Attendance(now, now, now + _PATIENCE)
    away = now - before.at
    if not has_missed and not is_reborn and abs(away) <= _BREAK:
        return replace(before, at=now)
    patient_until = max(before.patient_until, now + max(_PATIENCE, away))
    return Attendance(before.at if has_missed else now, now, patient_until)


def is_break(before: Attendance | None, after: Attendance) -> bool:
    """Whether this record begins anew: something may have been missed before it."""
    return before is not None and after.since != before.since
