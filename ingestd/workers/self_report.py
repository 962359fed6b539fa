"""The daemon's own alerts: what an operator must hear of goes the way that every alert goes, through the rules.

Source ``ingestd``; an admin can match it as ``alert.source = ingestd``. The alerts resolve by themselves when the cause is gone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from ingestd.core.alert import Alert, Unreadable
from ingestd.core.decide import decide_alerts
from ingestd.core.effects import Decision
from ingestd.core.incident import AlertState
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.policy import Policy
from ingestd.store import apply, dialect, roster, snapshot
from ingestd.store.inbox import Envelope
from ingestd.store.snapshot import known_of

SOURCE = "ingestd"

QUIET = timedelta(minutes=15)
"""How long a source must have sent nothing unreadable before its alert ends: a good body says nothing of what was in the bad one."""


def unreadable(connection: Connection, envelope: Envelope, bad: Unreadable, policy: Policy, now: datetime) -> Decision:
    """A source sends what cannot be read: an alert may be hidden in it."""
    alert = Alert(
        source=SOURCE,
        key=_quarantine_key(envelope.source),
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdUnreadableEnvelope", "intake": envelope.source, "reason": bad.reason},
        annotations={
            "summary": f"source “{envelope.source}” sends what ingestd cannot read ({bad.reason}): alerts may be missing",
            "description": f"{bad.detail}. See: ingestd envelope list --quarantined; first: ingestd explain {envelope.id}",
        },
        rule_name="IngestdUnreadableEnvelope",
    )
    return _decide(connection, alert, policy, now)


def readable(connection: Connection, source: str, policy: Policy, now: datetime) -> Decision:
    """A source can be read (again): nothing happens unless its quarantine alert fires and has not been repeated for a while."""
    known = known_of(connection, _quarantine_key(source))
    if known is None or now - known.last_seen_at < QUIET:
        return Decision()
    return _end(connection, _quarantine_key(source), policy, now)


def connector_refused(connection: Connection, connector: str, detail: str, policy: Policy, now: datetime) -> Decision:
    """A connector's credentials are rejected: its deliveries wait."""
    alert = Alert(
        source=SOURCE,
        key=_connector_key(connector),
        status=AlertStatus.FIRING,
        labels={"alertname": "IngestdConnectorRefused", "connector": connector},
        annotations={
            "summary": f"connector “{connector}” is refused: its credentials are rejected, deliveries wait",
            "description": f"{detail}. Nothing is lost: mend the credentials, then reload ingestd.",
        },
        rule_name="IngestdConnectorRefused",
    )
    return _decide(connection, alert, policy, now)


def is_connector_refused(connection: Connection, connector: str) -> bool:
    """Whether our own alert of a connector fires."""
    return _is_firing(connection, _connector_key(connector))


def connector_accepted(connection: Connection, connector: str, policy: Policy, now: datetime) -> Decision:
    """A connector works again."""
    return _end(connection, _connector_key(connector), policy, now)


def _quarantine_key(source: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/quarantine:{source}")


def _connector_key(connector: str) -> AlertKey:
    return AlertKey(f"{SOURCE}/connector:{connector}")


def _is_firing(connection: Connection, key: AlertKey) -> bool:
    known = known_of(connection, key)
    return known is not None and known.state is not AlertState.CLEARED


def _end(connection: Connection, key: AlertKey, policy: Policy, now: datetime) -> Decision:
    if not _is_firing(connection, key):
        return Decision()
    over = Alert(source=SOURCE, key=key, status=AlertStatus.RESOLVED, labels={"alertname": "resolved"})
    return _decide(connection, over, policy, now)


def _decide(connection: Connection, alert: Alert, policy: Policy, now: datetime) -> Decision:
    dialect.serialise_decisions(connection)
    policy = roster.effective(connection, policy, now)
    sightings, known = snapshot.load(connection, [alert], policy, now)
    decision = decide_alerts(sightings, known, policy, now)
    apply.write(connection, decision, now)
    return decision
