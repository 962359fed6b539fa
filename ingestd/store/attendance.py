"""Keeps the record of since when the daemon could hear, for all daemons of the database, as long as anything clears by silence."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, select

from ingestd.core.attendance import ATTEND_SECONDS, Attendance, attend
from ingestd.store import dialect
from ingestd.store.columns import compact, instant_from, microseconds_of
from ingestd.store.schema import alerts, inbox, settings, watches

_NAME: Final = "attendance"
_BEHIND: Final = timedelta(seconds=20)
"""What waits undecided for so long may be what says that an alert still fires."""

_RECORD = select(settings.c.value).where(settings.c.name == _NAME)
# Worded as their indexes are: both are mostly empty, and asked whenever the timekeeper looks.
_BY_SENDER = select(alerts.c.key).where(alerts.c.expires_at.is_not(None)).limit(1)
_BY_RULE = select(watches.c.key).where(watches.c.auto_resolve_seconds.is_not(None)).limit(1)
_WAITS_SINCE = select(inbox.c.received_at).where(inbox.c.state == "new").order_by(inbox.c.seq).limit(1)


def load(connection: Connection) -> Attendance | None:
    """The record as it was written last; None if nothing cleared by silence then."""
    value = connection.execute(_RECORD).scalar()
    return None if value is None else Attendance(*(instant_from(at) for at in json.loads(value)))


def keep(
    connection: Connection, now: datetime, *, has_missed: bool, is_reborn: bool
) -> tuple[Attendance | None, Attendance | None]:
    """Bring the record up to date; gives it as it was and as it is, None where nothing clears by silence.

    Writes at most every ``ATTEND_SECONDS``, unless something was missed: a write that succeeds is the proof that what comes can be stored.
    """
    before = load(connection)
    if not anything_expires(connection):
        if before is not None:
            connection.execute(delete(settings).where(settings.c.name == _NAME))
        return before, None
    after = attend(before, now, has_missed=has_missed or _is_behind(connection, now), is_reborn=is_reborn)
    is_new = before is None or after.since != before.since
    if before is not None and not is_new and abs(after.at - before.at) < timedelta(seconds=ATTEND_SECONDS):
        return before, before
    value = compact([microseconds_of(at) for at in (after.at, after.since, after.patient_until)])
    dialect.upsert(connection, settings, ["name"], [{"name": _NAME, "value": value}])
    return before, after


def anything_expires(connection: Connection) -> bool:
    """Whether any alert clears by silence."""
    return any(connection.execute(query).first() is not None for query in (_BY_SENDER, _BY_RULE))


def _is_behind(connection: Connection, now: datetime) -> bool:
    since = connection.execute(_WAITS_SINCE).scalar()
    return since is not None and now - since > _BEHIND
