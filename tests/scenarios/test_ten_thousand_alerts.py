"""Ten thousand alerts within a minute: everybody hears of everything critical within seconds, by a handful of messages."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection, func, select

from ingestd.core.delivery import DeliveryState
from ingestd.core.names import EffectKind, PersonName, Severity
from ingestd.core.policy import Step
from ingestd.store.schema import incidents, outbox
from ingestd.testing.world import alertmanager_body, policy

SECONDS = 60
SITES_A_SECOND, DISKS_A_SECOND = 12, 30
PER_CLUSTER = 4
"""Alerts of one incident."""


def told_at(connection: Connection, person: str, severity: Severity) -> list[tuple[datetime, datetime | None]]:
    """Of each incident: when it was opened, and when the first message left that told the person of it."""
    page = select(outbox.c.incident_id, func.min(outbox.c.settled_at).label("at")).where(
        outbox.c.kind == EffectKind.PAGE, outbox.c.person == person, outbox.c.state == DeliveryState.DONE
    )
    told = page.group_by(outbox.c.incident_id).subquery()
    query = select(incidents.c.opened_at, told.c.at).join(told, told.c.incident_id == incidents.c.id, isouter=True)
    return [tuple(row) for row in connection.execute(query.where(incidents.c.severity == severity))]


@pytest.mark.slow
def test_everybody_is_told_of_everything_critical_within_seconds_by_a_handful_of_messages(new_day):
    base = policy()
    both = Step((PersonName("ada"), PersonName("bo")), 3600)
    plan = replace(base.escalations["default"], steps=(both,))
    day = new_day(policy=replace(base, escalations={"default": plan}), check=lambda _connection: None)
    for second in range(SECONDS):
        for name, count in (("SiteDown", SITES_A_SECOND), ("DiskFull", DISKS_A_SECOND)):
            clusters = [f"{name}-{second}-{n}" for n in range(count)]
            alerts = [{"alertname": name, "host": f"h{h}", "cluster": c} for c in clusters for h in range(PER_CLUSTER)]
            day.receive(alertmanager_body(*alerts))
        day.advance(seconds=1)
    day.advance(seconds=20)
    assert len(day.incidents()) == SECONDS * (SITES_A_SECOND + DISKS_A_SECOND)
    for person in ("ada", "bo"):
        rows = day.database.read_now(told_at, person, Severity.CRITICAL)
        assert len(rows) == SECONDS * SITES_A_SECOND
        assert all(told is not None for _, told in rows)
        waits = sorted(told - opened for opened, told in rows)
        print(f"{person}: p50 {waits[len(waits) // 2]}, p99 {waits[len(waits) * 99 // 100]}, worst {waits[-1]}")
        assert waits[len(waits) * 99 // 100] <= timedelta(seconds=15)
        messages = [page for page in day.sms.sent if page.person == person]
        assert len(messages) <= 12
    day.advance(minutes=2)
    for person in ("ada", "bo"):
        assert all(told is not None for _, told in day.database.read_now(told_at, person, Severity.HIGH))
        assert len([page for page in day.sms.sent if page.person == person]) <= 14
