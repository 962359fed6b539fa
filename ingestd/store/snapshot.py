"""Reads what a decision needs, inside the transaction that will write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from ingestd.core import correlate
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.decide import Sighting, needs_classification
from ingestd.core.draft import Snapshot
from ingestd.core.incident import Incident, KnownAlert, Member
from ingestd.core.names import AlertKey, IncidentId, IncidentState
from ingestd.core.policy import Policy
from ingestd.store import dialect
from ingestd.store import incidents as incident_store
from ingestd.store.rows import chunks, columns_of, value_of
from ingestd.store.schema import alerts, incidents, members


def load(
    connection: Connection,
    arrived: Sequence[Alert],
    policy: Policy,
    now: datetime,
    truncated_counts: Sequence[int] | None = None,
) -> tuple[list[Sighting], Snapshot]:
    """The alerts with what the rules say of those that are news, and everything known that bears on them.

    Repeats, by far the most, cost one lookup of the alert and one of its incident; the rules are not asked again.
    No other daemon decides from here to the end of the transaction: what was read stays true until it is written.
    """
    dialect.serialise_decisions(connection)
    known = _known(connection, (alert.key for alert in arrived))
    found = incident_store.load_many(connection, {alert.incident_id for alert in known.values()})
    sightings = []
    dedup_keys: list[str] = []
    correlate_keys: list[str] = []
    for index, alert in enumerate(arrived):
        truncated = truncated_counts[index] if truncated_counts else 0
        before = known.get(alert.key)
        own = found.get(before.incident_id) if before else None
        if not needs_classification(alert, before, own, now, policy):
            sightings.append(Sighting(alert, None, truncated))
            continue
        label = classify(alert, policy.ruleset)
        sightings.append(Sighting(alert, label, truncated))
        dedup_keys.append(correlate.dedup_key_of(alert.key, label))
        if label.correlate_key:
            correlate_keys.append(label.correlate_key)
    found |= _live(connection, incidents.c.dedup_key, dedup_keys)
    found |= _live(connection, incidents.c.correlate_key, correlate_keys)
    parts = _members(connection, {alert.key for alert in arrived}, set(found))
    number = incident_store.next_number(connection)
    return sightings, Snapshot(alerts=known, incidents=found, members=parts, next_number=number)


def _known(connection: Connection, keys: Iterable[AlertKey]) -> dict[AlertKey, KnownAlert]:
    found: dict[AlertKey, KnownAlert] = {}
    for some in chunks(keys):
        query = select(*columns_of(alerts, KnownAlert)).where(alerts.c.key.in_(some))
        for row in connection.execute(query):
            found[row.key] = value_of(KnownAlert, row)
    return found


def _live(connection: Connection, column: Any, keys: Iterable[str]) -> dict[IncidentId, Incident]:  # noqa: ANN401 (a column)
    found: dict[IncidentId, Incident] = {}
    for some in chunks(keys):
        query: Select[Any] = select(*columns_of(incidents, Incident)).where(
            column.in_(some), incidents.c.state != IncidentState.CLOSED
        )
        for row in connection.execute(query):
            found[row.id] = value_of(Incident, row)
    return found


def _members(
    connection: Connection, keys: set[AlertKey], incident_ids: set[IncidentId]
) -> dict[tuple[IncidentId, AlertKey], Member]:
    found: dict[tuple[IncidentId, AlertKey], Member] = {}
    if not incident_ids:
        return found
    for some in chunks(sorted(keys)):
        for ids in chunks(sorted(incident_ids)):
            query = select(*columns_of(members, Member)).where(members.c.incident_id.in_(ids), members.c.key.in_(some))
            for row in connection.execute(query):
                found[row.incident_id, row.key] = value_of(Member, row)
    return found


def known_of(connection: Connection, key: AlertKey) -> KnownAlert | None:
    """An alert as it was last seen; None if it never was."""
    return _known(connection, [key]).get(key)
