"""Since when anybody listens, as a row that outlives a death and holds for all daemons of one database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from ingestd.core.alert import Alert
from ingestd.core.attendance import ATTEND_SECONDS, Attendance
from ingestd.core.incident import AlertState, KnownAlert
from ingestd.core.names import AlertKey, AlertStatus, IncidentId
from ingestd.core.watch import Watch
from ingestd.store import attendance, dialect, inbox, watches
from ingestd.store.rows import row_of
from ingestd.store.schema import alerts
from ingestd.testing.world import policy
from ingestd.workers.timekeeper import keep_watches
from tests.store.builders import NOW, after, envelope

LOOK_SECONDS = 20

POLICY = policy()
KEY = AlertKey("prom/1")


def expires(connection: Connection, at: datetime | None, *, seen_at: datetime = NOW) -> None:
    """An alert that fires is good until then, and its watch looks at it then."""
    known = KnownAlert(KEY, AlertState.FIRING, IncidentId(""), NOW, seen_at, NOW, None, None, at)
    dialect.upsert(connection, alerts, ["key"], [row_of(known)])
    said = Alert("prom", KEY, AlertStatus.FIRING, {"alertname": "Up"}, starts_at=NOW, expires_at=at)
    watches.save(connection, [Watch(KEY, at or after(days=1), said, "r", "d", None, "", NOW)], [])


def keep(connection: Connection, at: datetime, **said: bool) -> Attendance | None:
    _, now = attendance.keep(connection, at, **{"has_missed": False, "is_reborn": False, **said})
    return now


def state_at(engine: Engine, at: datetime, **said: bool) -> str:
    with engine.begin() as connection:
        keep_watches(connection, POLICY, at, 50, **said)
    with engine.begin() as connection:
        return str(connection.execute(text("SELECT state FROM alerts")).scalar())


def test_nothing_is_kept_while_nothing_clears_by_silence(connection: Connection) -> None:
    assert attendance.keep(connection, NOW, has_missed=False, is_reborn=True) == (None, None)
    expires(connection, after(minutes=4))
    assert keep(connection, NOW) == Attendance(NOW, NOW, after(minutes=10))
    connection.execute(text("UPDATE alerts SET expires_at = NULL"))
    assert keep(connection, after(minutes=1)) is None
    assert attendance.load(connection) is None


def test_a_rule_that_clears_by_silence_counts_as_well(connection: Connection) -> None:
    expires(connection, None)
    assert not attendance.anything_expires(connection)
    (watch,) = watches.of_alerts(connection, [KEY]).values()
    watches.save(connection, [replace(watch, auto_resolve_seconds=60)], [])
    assert attendance.anything_expires(connection)


def test_it_is_written_no_more_often_than_need_be(connection: Connection) -> None:
    expires(connection, after(minutes=4))
    first = keep(connection, NOW)
    assert keep(connection, after(seconds=ATTEND_SECONDS - 1)) == first == attendance.load(connection)
    later = keep(connection, after(seconds=ATTEND_SECONDS))
    assert later == attendance.load(connection)
    assert later is not None
    assert (later.at, later.since) == (after(seconds=ATTEND_SECONDS), NOW)


def test_what_waits_undecided_for_long_is_unheard(connection: Connection) -> None:
    expires(connection, after(minutes=4))
    keep(connection, NOW)
    inbox.add(connection, [envelope(received_at=NOW)])
    steady = keep(connection, after(seconds=15))
    assert steady is not None
    assert steady.since == NOW
    behind = keep(connection, after(seconds=25))
    assert behind is not None
    assert (behind.at, behind.since) == (after(seconds=15), after(seconds=25))


def test_silence_ends_an_alert_while_somebody_listens(engine: Engine) -> None:
    with engine.begin() as connection:
        expires(connection, after(minutes=4))
    for second in range(0, 240, LOOK_SECONDS):
        assert state_at(engine, after(seconds=second)) == "firing"
    assert state_at(engine, after(minutes=4)) == "cleared"


def test_after_a_break_it_is_waited_for_as_long_again(engine: Engine) -> None:
    with engine.begin() as connection:
        expires(connection, after(minutes=4))
    assert state_at(engine, NOW) == "firing"
    back = 3600
    for second in range(back, back + 240, LOOK_SECONDS):
        assert state_at(engine, after(seconds=second)) == "firing"
    assert state_at(engine, after(seconds=back + 240)) == "cleared"


def test_another_daemon_that_listens_leaves_no_break(engine: Engine) -> None:
    """One of two dies and comes back after minutes: the other has kept the record, and knows that nobody said it again."""
    with engine.begin() as connection:
        expires(connection, after(minutes=4))
    for second in range(0, 240, LOOK_SECONDS):
        assert state_at(engine, after(seconds=second)) == "firing"
    assert state_at(engine, after(seconds=241)) == "cleared"


@pytest.mark.parametrize("said", [{"has_missed": True}, {"is_reborn": True}])
def test_one_daemon_that_missed_something_holds_it_for_all(engine: Engine, said: dict[str, bool]) -> None:
    with engine.begin() as connection:
        expires(connection, after(minutes=4))
    for second in range(0, 230, LOOK_SECONDS):
        state_at(engine, after(seconds=second))
    assert state_at(engine, after(seconds=235), **said) == "firing"
    for second in range(240, 470, LOOK_SECONDS):
        assert state_at(engine, after(seconds=second)) == "firing"
    assert state_at(engine, after(seconds=480)) == "cleared"


def test_an_alert_that_was_said_again_is_looked_at_when_it_is_to_end_now(engine: Engine) -> None:
    """Its watch was made for its first end; each repeat only changed the alert."""
    with engine.begin() as connection:
        expires(connection, after(minutes=4))
        connection.execute(alerts.update().values(expires_at=after(minutes=9), last_seen_at=after(minutes=5)))
    for second in range(0, 540, LOOK_SECONDS):
        assert state_at(engine, after(seconds=second)) == "firing"
        with engine.begin() as connection:
            due = watches.next_due_at(connection)
        assert due is not None
        assert due - after(seconds=second) > timedelta(0), "a look that changes nothing is not due at once again"
    assert state_at(engine, after(minutes=9)) == "cleared"
