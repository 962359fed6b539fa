"""Reads what a decision needs, inside the transaction that will write it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from ingestd.core import expiry
from ingestd.core.alert import Alert
from ingestd.core.draft import Snapshot
from ingestd.core.incident import Incident, KnownAlert, Member
from ingestd.core.names import AlertKey, AlertStatus, IncidentId, IncidentState
from ingestd.core.needs import needs_of
from ingestd.core.policy import AssignBy, Policy
from ingestd.core.sighting import Cause, Sighting, sight
from ingestd.core.watch import Watch
from ingestd.store import attendance, dialect, explaining, watches
from ingestd.store import incidents as incident_store
from ingestd.store.rows import chunks, select_of, value_of
from ingestd.store.schema import alerts, incidents, members


def load(
    connection: Connection,
    arrived: Sequence[Alert],
    policy: Policy,
    now: datetime,
    truncated_counts: Sequence[int] | None = None,
) -> tuple[list[Sighting], Snapshot]:
    """The alerts with what the rules say of those that are news, and everything known that bears on them.

    Repeats, by far the most, cost one lookup of the alert and one of its incident; the rules are not asked again, unless its labels have changed.
    No other daemon decides from here to the end of the transaction: what was read stays true until it is written.
    """
    counts = truncated_counts or [0] * len(arrived)
    return _load(
        connection, [(alert, count, Cause.ARRIVED) for alert, count in zip(arrived, counts, strict=True)], policy, now
    )


def load_due(
    connection: Connection, due: Sequence[Watch], policy: Policy, now: datetime
) -> tuple[list[Sighting], Snapshot]:
    """The same for alerts whose watch is due."""
    sightings, known = _load(connection, [(watch.alert, 0, Cause.WATCH_DUE) for watch in due], policy, now)
    return sightings, replace(known, attendance=attendance.load(connection))


def _load(
    connection: Connection, asked: Sequence[tuple[Alert, int, Cause]], policy: Policy, now: datetime
) -> tuple[list[Sighting], Snapshot]:
    dialect.serialise_decisions(connection)
    known = _known(connection, (alert.key for alert, _, _ in asked))
    found = incident_store.load_many(connection, {alert.incident_id for alert in known.values()})
    times = Counter(alert.key for alert, _, _ in asked)
    keys = set(times)
    parts = _members(connection, keys, set(found))
    own_ids = set(found)
    sightings = []
    for alert, truncated, cause in asked:
        before = known.get(alert.key)
        own = found.get(before.incident_id) if before else None
        again = times[alert.key] > 1
        member = parts.get((own.id, alert.key)) if own else None
        more: dict[str, Any] = {"truncated_count": truncated, "cause": cause, "comes_again": again, "member": member}
        sightings.append(sight(alert, before, own, policy, now, **more))
    needs = needs_of((sighting.alert, sighting.label) for sighting in sightings)
    found |= _live(connection, incidents.c.dedup_key, needs.dedup_keys)
    found |= _live(connection, incidents.c.correlate_key, needs.correlate_keys)
    found |= explaining.with_those_above(connection, _live(connection, incidents.c.collects_key, needs.collects_keys))
    young, young_members = explaining.explained(connection, needs.collectors, now)
    found |= {incident.id: incident for incident in young}
    parts |= {(member.incident_id, member.key): member for member in young_members}
    parts |= _members(connection, keys, set(found) - own_ids)
    snapshot = Snapshot(
        alerts=known,
        incidents=found,
        members=parts,
        next_number=incident_store.next_number(connection),
        watches=_watches(connection, sightings, known, needs.threshold_keys, [member.key for member in young_members]),
        silences=watches.silences_in_force(connection, now) if any(one.label for one in sightings) else (),
        firing=explaining.inhibitors(connection, needs.inhibitions),
        **_charges(connection, sightings, policy),
    )
    return sightings, snapshot


def _charges(connection: Connection, sightings: Sequence[Sighting], policy: Policy) -> dict[str, Any]:
    """Who is in charge of how much, and who was chosen last: read where a team that divides its work may be given some."""
    teams = {one.label.team for one in sightings if one.label is not None}
    dividing = [policy.teams[name] for name in teams if name in policy.teams]
    wanted = [team for team in dividing if team.assign in {AssignBy.ROUND_ROBIN, AssignBy.LEAST_LOADED}]
    if not wanted:
        return {}
    last = {team.name: name for team in wanted if (name := incident_store.last_assigned(connection, team.name))}
    return {"loads": incident_store.open_by_assignee(connection), "last_assigned": last}


def _watches(
    connection: Connection,
    sightings: Sequence[Sighting],
    known: dict[AlertKey, KnownAlert],
    threshold_keys: set[str],
    explained: Sequence[AlertKey],
) -> dict[AlertKey, Watch]:
    """The watches on what is not a mere repeat, on all that counts for a threshold, and on what may be taken in by a major incident."""
    keys = set(explained) | {
        one.alert.key
        for one in sightings
        if one.cause is Cause.WATCH_DUE or (one.alert.key in known and _bears_on_watch(one, known[one.alert.key]))
    }
    return watches.of_alerts(connection, keys) | watches.of_things(connection, threshold_keys)


def _bears_on_watch(sighting: Sighting, known: KnownAlert) -> bool:
    alert = sighting.alert
    return sighting.label is not None or alert.status is AlertStatus.RESOLVED or expiry.is_sooner(alert, known)


def _known(connection: Connection, keys: Iterable[AlertKey]) -> dict[AlertKey, KnownAlert]:
    found: dict[AlertKey, KnownAlert] = {}
    for some in chunks(keys):
        query = select_of(alerts, KnownAlert).where(alerts.c.key.in_(some))
        for row in connection.execute(query):
            found[row.key] = value_of(KnownAlert, row)
    return found


def _live(connection: Connection, column: Any, keys: Iterable[str]) -> dict[IncidentId, Incident]:  # noqa: ANN401 (a column)
    found: dict[IncidentId, Incident] = {}
    for some in chunks(keys):
        query: Select[Any] = select_of(incidents, Incident).where(
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
            query = select_of(members, Member).where(members.c.incident_id.in_(ids), members.c.key.in_(some))
            for row in connection.execute(query):
                found[row.incident_id, row.key] = value_of(Member, row)
    return found


def keys_with(connection: Connection, prefix: str) -> list[AlertKey]:
    """The keys of the alerts that begin so, in order."""
    query = select(alerts.c.key).where(alerts.c.key.startswith(prefix, autoescape=True)).order_by(alerts.c.key)
    return [AlertKey(key) for key in connection.execute(query).scalars()]


def known_of(connection: Connection, key: AlertKey) -> KnownAlert | None:
    """An alert as it was last seen; None if it never was."""
    return _known(connection, [key]).get(key)
