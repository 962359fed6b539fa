"""A day under rules that use the whole language, on a real database: what the workers do around the store, in the caller's time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, update

from ingestd.core import invariants
from ingestd.core.alert import Alert
from ingestd.core.decide import Answer, decide_alerts
from ingestd.core.delivery import DeliveryState
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind
from ingestd.core.policy import Policy
from ingestd.core.silence import Silence
from ingestd.core.watch import Watch
from ingestd.store import answers, apply, attendance, audit, incidents, snapshot, watches
from ingestd.store.columns import compact, microseconds_of
from ingestd.store.rows import columns_of, row_of, value_of
from ingestd.store.schema import outbox, settings
from ingestd.store.schema import silences as silence_table
from ingestd.store.schema import watches as watch_table
from ingestd.workers.timekeeper import keep_deadlines, keep_watches

Begin = Callable[[], AbstractContextManager[Connection]]


class StoredDay:
    """Every step is one transaction, after which every promise holds."""

    def __init__(self, begin: Begin, policy: Policy, now: datetime) -> None:
        self.begin, self.policy, self.now = begin, policy, now

    def receive(self, *arrived: Alert) -> None:
        with self.begin() as connection:
            sightings, known = snapshot.load(connection, arrived, self.policy, self.now)
            apply.write(connection, decide_alerts(sightings, known, self.policy, self.now), self.now)
            self._listen(connection)
        self.check()

    def silence(self, made: Silence) -> None:
        with self.begin() as connection:
            connection.execute(insert(silence_table), [row_of(made)])

    def answer(self, answer: Answer) -> None:
        with self.begin() as connection:
            answers.give(connection, answer, self.policy, self.now)
        self.check()

    def pass_time(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while True:
            with self.begin() as connection:
                deadline_at, watch_at = incidents.next_deadline_at(connection), watches.next_due_at(connection)
                first = min((at for at in (deadline_at, watch_at) if at is not None), default=None)
                if first is None or first > until:
                    break
                self.now = max(self.now, first)
                self._listen(connection)
                # Pages leave as soon as they are queued: what waits for a service is no part of this day.
                is_waiting = (outbox.c.kind == EffectKind.PAGE, outbox.c.state == DeliveryState.WAITING)
                connection.execute(update(outbox).where(*is_waiting).values(attempt_count=1))
                if deadline_at is not None and deadline_at <= self.now:
                    keep_deadlines(connection, self.policy, self.now, 1)
                else:
                    keep_watches(connection, self.policy, self.now, 50)
            self.check()
        self.now = until

    def _listen(self, connection: Connection) -> None:
        """Somebody has listened all the time: the daemon would write that down every ten seconds."""
        before = attendance.load(connection)
        if before is not None:
            heard = compact([microseconds_of(at) for at in (self.now, before.since, before.patient_until)])
            connection.execute(update(settings).where(settings.c.name == "attendance").values(value=heard))
        attendance.keep(connection, self.now, has_missed=False, is_reborn=False)

    def check(self) -> None:
        with self.begin() as connection:
            assert invariants.broken(audit.facts(connection)) == []

    def incidents(self) -> list[Incident]:
        """All of them, the oldest first."""
        with self.begin() as connection:
            return incidents.listed(connection, states=None, limit=1000)[::-1]

    def watches(self) -> dict[str, Watch]:
        with self.begin() as connection:
            rows: Iterable[Watch] = [
                value_of(Watch, row)
                for row in connection.execute(watch_table.select().with_only_columns(*columns_of(watch_table, Watch)))
            ]
            return {one.key: one for one in rows}
