"""Values of the core with everything filled in, for tests that care about one or two fields."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestd.core.alert import Alert
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.fingerprint import alert_key, label_fingerprint
from ingestd.core.incident import AlertState, Escalation, Incident, KnownAlert, Member
from ingestd.core.names import (
    AlertKey,
    AlertStatus,
    Channel,
    EffectKey,
    EffectKind,
    IncidentId,
    IncidentState,
    Level,
    PersonName,
    Severity,
)
from ingestd.core.policy import Step
from ingestd.core.ruleset import Classification, TicketPlan

NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
INC = IncidentId("INC-1001")


def alert(status: str = "firing", **changes: Any) -> Alert:  # noqa: ANN401 (fields of an Alert)
    """``DiskFull`` on db1, firing since a minute ago; ``labels`` are added to its own."""
    labels = {"alertname": "DiskFull", "host": "db1", "cluster": "a", **changes.pop("labels", {})}
    made = Alert(
        source="alertmanager",
        key=alert_key("alertmanager", label_fingerprint(labels)),
        status=AlertStatus(status),
        labels=labels,
        annotations={"summary": f"{labels['alertname']} on {labels['host']}"},
        starts_at=NOW - MINUTE,
        ends_at=NOW if status == "resolved" else None,
        rule_name=labels["alertname"],
    )
    return replace(made, **changes)


def known(state: AlertState = AlertState.FIRING, **changes: Any) -> KnownAlert:  # noqa: ANN401 (fields of a KnownAlert)
    """``alert()`` as it is remembered in that state."""
    cleared = state is AlertState.CLEARED
    made = KnownAlert(
        key=alert().key,
        state=state,
        incident_id=INC,
        first_seen_at=NOW - MINUTE,
        last_seen_at=NOW - MINUTE,
        starts_at=NOW - MINUTE,
        ended_at=NOW if cleared else None,
        cleared_seen_at=NOW if cleared else None,
    )
    return replace(made, **changes)


def member(key: AlertKey | None = None, **changes: Any) -> Member:  # noqa: ANN401 (fields of a Member)
    """``alert()`` as a part of INC-1001."""
    made = Member(
        incident_id=INC,
        key=key or alert().key,
        state=AlertState.FIRING,
        source="alertmanager",
        name="DiskFull",
        summary="DiskFull on db1",
        labels=alert().labels,
        annotations={},
        links={},
        value="",
        joined_at=NOW - MINUTE,
    )
    return replace(made, **changes)


def label(**changes: Any) -> Classification:  # noqa: ANN401 (fields of a Classification)
    """High, for the cluster, with a ticket and the policy ``default``."""
    made = Classification(
        rule="disk-full",
        impact=Level.MEDIUM,
        urgency=Level.HIGH,
        severity=Severity.HIGH,
        category="",
        team="default",
        dedup_by=(),
        dedup_key=str(alert().key),
        reopen_within_seconds=None,
        correlate_key="default|cluster=a",
        correlate_within_seconds=1800,
        title="DiskFull on db1",
        summary="",
        ticket=TicketPlan("tickets"),
        policy="default",
    )
    return replace(made, **changes)


def escalation(**changes: Any) -> Escalation:  # noqa: ANN401 (fields of an Escalation)
    """ada, then bo, then cy, five minutes apart; ada has been paged."""
    steps = tuple(Step((PersonName(name),), 300) for name in ("ada", "bo", "cy"))
    made = Escalation("default", "test", steps, 1, paged=((PersonName("ada"), Channel.SMS),))
    return replace(made, **changes)


def incident(state: IncidentState = IncidentState.TRIGGERED, **changes: Any) -> Incident:  # noqa: ANN401 (fields of an Incident)
    """INC-1001 in that state, opened a minute ago by ``alert()``, with a ticket and a running escalation."""
    is_over = not state.is_open
    made = Incident(
        id=INC,
        number=1001,
        state=state,
        severity=Severity.HIGH,
        impact=Level.MEDIUM,
        urgency=Level.HIGH,
        category="",
        team="default",
        rule="disk-full",
        title="DiskFull on db1",
        summary="",
        runbook="",
        dedup_key=str(alert().key),
        correlate_key="default|cluster=a",
        correlate_within_seconds=1800,
        reopen_within_seconds=1800,
        opened_at=NOW - MINUTE,
        last_alert_at=NOW - MINUTE,
        firing_count=0 if is_over else 1,
        alert_count=1,
        acknowledged_at=NOW if state is IncidentState.ACKNOWLEDGED else None,
        acknowledged_by="ada" if state is IncidentState.ACKNOWLEDGED else "",
        resolved_at=NOW if is_over else None,
        closed_at=NOW if state is IncidentState.CLOSED else None,
        ticket_connector="tickets",
        escalation=escalation(),
        effect_counts={"tickets/ticket-open": 1, "sms/page": 1},
    )
    return replace(made, **changes)


def delivery(kind: EffectKind = EffectKind.TICKET_OPEN, **changes: Any) -> Delivery:  # noqa: ANN401 (fields of a Delivery)
    """The first delivery of that kind for INC-1001, claimed now; a page or notice is for ada by SMS."""
    connector = "tickets" if kind.is_ticket else "sms"
    made = Delivery(
        key=EffectKey(f"{INC}/{connector}/{kind}/1"),
        incident_id=INC,
        connector=connector,
        kind=kind,
        lane=f"{INC}/{connector}",
        state=DeliveryState.LEASED,
        due_at=NOW,
        created_at=NOW,
        person=None if kind.is_ticket else PersonName("ada"),
        channel=None if kind.is_ticket else Channel.SMS,
        level=0 if kind.is_ticket else 1,
        fence=1,
        leased_at=NOW,
        lease_until=NOW + timedelta(minutes=2),
        attempt_count=1,
    )
    return replace(made, **changes)
