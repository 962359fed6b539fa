"""Finds what bears on an alert without sharing a key with it: alerts that inhibit it, incidents that it may explain."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, type_coerce

from ingestd.core.alert import Alert
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.matchers import Field, MatchOp
from ingestd.core.names import IncidentId, IncidentState
from ingestd.core.restraint import inhibits
from ingestd.core.ruleset import Collects, Inhibition
from ingestd.store import incidents as incident_store
from ingestd.store.rows import select_of, value_of
from ingestd.store.schema import alerts, incidents, members

INHIBITORS_COUNT_WANTED = 3
"""So many that inhibit an alert are read: one of them may clear in the same decision."""

INHIBITORS_COUNT_MAX = 2000
"""So many alerts that fire and look like what an inhibition means are looked at."""

EXPLAINED_COUNT_MAX = 500
"""So many incidents are looked at when a major one opens, and so many firing alerts of theirs times four."""

LEVELS_COUNT_MAX = 10
"""So far up is looked for what explains the incidents that would explain an alert."""

_RULE_NAMES = frozenset({"alertname", "alert.rule"})
_STAND_INS = frozenset({"DatasourceNoData", "DatasourceError"})
"""Alert names that Grafana gives to alerts of another rule: their members bear the name of that rule."""


def inhibitors(connection: Connection, asked: Sequence[tuple[Inhibition, Alert]]) -> tuple[Member, ...]:
    """For each pair some of the alerts that fire in an incident that is not closed, and that the inhibition means.

    The database sorts out most by the texts that must be there, the matchers decide.
    """
    found: dict[tuple[IncidentId, str], Member] = {}
    is_any_there: dict[int, bool] = {}
    for inhibition, alert in asked:
        # Mostly nothing inhibits: that is asked once for all alerts of the same rule, not for each.
        known = is_any_there.get(id(inhibition))
        if known is None:
            known = connection.execute(_firing(_fixed(inhibition)).limit(1)).first() is not None
            is_any_there[id(inhibition)] = known
        if not known:
            continue
        query = _firing(_must_hold(inhibition, alert)).limit(INHIBITORS_COUNT_MAX)
        count = 0
        for row in connection.execute(query):
            member = value_of(Member, row)
            if inhibits(member, inhibition, alert):
                found[member.incident_id, member.key] = member
                count += 1
                if count == INHIBITORS_COUNT_WANTED:
                    break
    return tuple(found.values())


def _firing(conditions: Iterable[ColumnElement[bool]]) -> Select[tuple[Member]]:
    """Alerts that fire in an incident that is not closed, as far as these conditions hold."""
    return (
        select_of(members, Member)
        .join(alerts, and_(alerts.c.key == members.c.key, alerts.c.incident_id == members.c.incident_id))
        .join(incidents, incidents.c.id == members.c.incident_id)
        .where(
            incidents.c.state != IncidentState.CLOSED,
            members.c.state == AlertState.FIRING,
            alerts.c.state == AlertState.FIRING,
            *conditions,
        )
    )


def _fixed(inhibition: Inhibition) -> Iterable[ColumnElement[bool]]:
    """What must hold of everything that the inhibition means, whichever alert it is about."""
    for one in inhibition.match:
        if one.op is MatchOp.EQUAL and one.value:
            yield from _is_equal(one.field, one.value)


def _must_hold(inhibition: Inhibition, alert: Alert) -> Iterable[ColumnElement[bool]]:
    """What the database can tell of the equalities that are asked for."""
    yield from _fixed(inhibition)
    for field in inhibition.equal:
        if value := field.read(alert):
            yield from _is_equal(field, value)


def _is_equal(field: Field, value: str) -> Iterable[ColumnElement[bool]]:
    if field.name in _RULE_NAMES and value not in _STAND_INS:
        yield members.c.name == value
    elif field.name == "alert.source":
        yield members.c.source == value
    elif field.is_label:
        part = f"{json.dumps(field.name, ensure_ascii=False)}:{json.dumps(value, ensure_ascii=False)}"
        yield type_coerce(members.c.labels, Text).contains(part, autoescape=True)


def with_those_above(connection: Connection, found: dict[IncidentId, Incident]) -> dict[IncidentId, Incident]:
    """These incidents, and what explains them in turn."""
    known = dict(found)
    above = found
    for _ in range(LEVELS_COUNT_MAX):
        ids = {one.parent_id for one in above.values() if one.parent_id and one.parent_id not in known}
        if not ids:
            break
        above = incident_store.load_many(connection, ids)
        known |= above
    return known


def explained(
    connection: Connection, asked: Sequence[tuple[Collects, Alert]], now: datetime
) -> tuple[list[Incident], list[Member]]:
    """Incidents that nobody has acknowledged and that are young enough for one of these, with their alerts that have not cleared."""
    within = max((collects.within_seconds for collects, _ in asked), default=0)
    if not asked:
        return [], []
    query = (
        select_of(incidents, Incident)
        .where(
            incidents.c.state == IncidentState.TRIGGERED,
            incidents.c.state != IncidentState.CLOSED,  # said in so many words, the index of live incidents is found
            incidents.c.opened_at >= now - timedelta(seconds=within),
            incidents.c.quiet.is_(None),
        )
        .order_by(incidents.c.number.desc())
        .limit(EXPLAINED_COUNT_MAX)
    )
    young = [value_of(Incident, row) for row in connection.execute(query)]
    ids = [incident.id for incident in young]
    parts = (
        select_of(members, Member)
        .where(members.c.incident_id.in_(ids), members.c.state != AlertState.CLEARED)
        .limit(4 * EXPLAINED_COUNT_MAX)
    )
    return young, [value_of(Member, row) for row in connection.execute(parts)] if ids else []
