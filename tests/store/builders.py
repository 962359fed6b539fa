"""Plain values to put into a database, and the two steps that most tests begin with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.names import AlertKey, EffectKey, EffectKind, EnvelopeId, IncidentId, IncidentState, Level, Severity
from ingestd.store import dialect, outbox
from ingestd.store.inbox import Envelope
from ingestd.store.rows import row_of
from ingestd.store.schema import outbox as outbox_table

NOW = datetime(2026, 3, 2, 2, 0, 0, 123456, tzinfo=UTC)


def after(**units: float) -> datetime:
    """An instant so much later than ``NOW``."""
    return NOW + timedelta(**units)


def envelope(number: int = 1, **changes: Any) -> Envelope:
    plain = Envelope(EnvelopeId(f"env_{number:026}"), "prod", "alertmanager", NOW, "192.0.2.1", b'{"alerts": []}')
    return replace(plain, **changes)


def delivery(key: str = "INC-1001/jira/ticket-open/1", **changes: Any) -> Delivery:
    incident_id, connector, *_ = key.split("/")
    plain = Delivery(
        key=EffectKey(key),
        incident_id=IncidentId(incident_id),
        connector=connector,
        kind=EffectKind.TICKET_OPEN,
        lane=f"{incident_id}/{connector}",
        state=DeliveryState.WAITING,
        due_at=NOW,
        created_at=NOW,
    )
    return replace(plain, **changes)


def incident(number: int = 1001, **changes: Any) -> Incident:
    plain = Incident(
        id=IncidentId(f"INC-{number}"),
        number=number,
        state=IncidentState.TRIGGERED,
        severity=Severity.HIGH,
        impact=Level.MEDIUM,
        urgency=Level.HIGH,
        category="disk",
        team="default",
        rule="disk-full",
        title="Disk full on db1",
        summary="It is full.",
        runbook="",
        dedup_key=f"prod/{number}",
        correlate_key="default|cluster=c1",
        correlate_within_seconds=1800,
        reopen_within_seconds=1800,
        opened_at=NOW,
        last_alert_at=NOW,
    )
    return replace(plain, **changes)


def member(number: int = 1, **changes: Any) -> Member:
    plain = Member(
        incident_id=IncidentId("INC-1001"),
        key=AlertKey(f"prod/{number:016x}"),
        state=AlertState.FIRING,
        source="prod",
        name="DiskFull",
        summary="Disk full on db1",
        labels={"host": "db1"},
        annotations={},
        links={},
        value="",
        joined_at=NOW,
    )
    return replace(plain, **changes)


def put(connection: Connection, *deliveries: Delivery) -> None:
    """Queue deliveries, in this order."""
    for one in deliveries:
        dialect.insert_new(connection, outbox_table, "key", [row_of(one)])


def claim(connection: Connection, connector: str = "jira", now: datetime = NOW, limit: int = 10) -> list[Delivery]:
    return outbox.claim(connection, connector, now, lease_seconds=120.0, limit=limit)
