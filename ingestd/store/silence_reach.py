"""What a silence reaches: the alerts that fire now and satisfy its matchers, and the incidents that they are part of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, select, type_coerce

from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.matchers import Matcher, MatchOp, parse_matcher
from ingestd.core.names import IncidentId
from ingestd.core.restraint import alert_of
from ingestd.core.watch import Watch
from ingestd.store import incidents as incident_store
from ingestd.store.rows import select_of, value_of
from ingestd.store.schema import alerts, members, watches

FIRING_COUNT_MAX = 5000
"""So many alerts that fire and may match are looked at, and so many that are kept back."""

_NAMED_COUNT = 300
_OF_MAIL = frozenset({"alert.sender", "alert.subject", "alert.body"})
"""What is not kept of an alert once it is part of an incident."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which alerts that fire now a silence matches.

    ``incidents`` are those that they are part of, each with how many; ``held_count`` alerts are kept back already, by whatever it is.
    ``is_partial``: there may be more. ``unknown_names`` are labels that the silence asks for while no alert that was looked at has
    them, and ``known_names`` those that there are; they are only looked for if nothing matches.
    """

    incidents: tuple[tuple[Incident, int], ...]
    held_count: int
    is_partial: bool
    unknown_names: tuple[str, ...] = ()
    known_names: tuple[str, ...] = ()

    @property
    def alert_count(self) -> int:
        """How many alerts in all."""
        return self.held_count + sum(count for _, count in self.incidents)


def reach(connection: Connection, texts: Sequence[str]) -> Reach:
    """What matchers reach, whatever the time; they can be parsed, and there is at least one."""
    matchers = [parse_matcher(text) for text in texts]
    looked_at = 0
    found: Counter[IncidentId] = Counter()
    for row in connection.execute(_firing(matchers)):
        looked_at += 1
        member = value_of(Member, row)
        alert = alert_of(member)
        if all(matcher.matches(alert) for matcher in matchers):
            found[member.incident_id] += 1
    held = [watch for watch in _held(connection) if all(matcher.matches(watch.alert) for matcher in matchers)]
    by_id = incident_store.load_many(connection, found)
    concerned = sorted(by_id.values(), key=lambda one: one.number, reverse=True)
    is_partial = looked_at >= FIRING_COUNT_MAX or any(one.field.name in _OF_MAIL for one in matchers)
    unknown, known = ((), ()) if found or held else _names(connection, matchers)
    return Reach(tuple((one, found[one.id]) for one in concerned), len(held), is_partial, unknown, known)


def _firing(matchers: Sequence[Matcher]) -> Select[tuple[Member]]:
    """Alerts that fire and are part of an incident; the database sorts out most by the texts that must be there."""
    wanted = [_has(one) for one in matchers if one.field.is_label and one.op is MatchOp.EQUAL and one.value]
    return (
        select_of(members, Member)
        .join(alerts, and_(alerts.c.key == members.c.key, alerts.c.incident_id == members.c.incident_id))
        .where(members.c.state == AlertState.FIRING, alerts.c.state == AlertState.FIRING, *wanted)
        .limit(FIRING_COUNT_MAX)
    )


def _has(matcher: Matcher) -> ColumnElement[bool]:
    """That the stored labels hold this text; what holds it elsewhere is sorted out by the matcher."""
    pair = f"{json.dumps(matcher.field.name, ensure_ascii=False)}:{json.dumps(matcher.value, ensure_ascii=False)}"
    return type_coerce(members.c.labels, Text).contains(pair, autoescape=True)


def _held(connection: Connection) -> Iterator[Watch]:
    query = (
        select_of(watches, Watch)
        .join(alerts, alerts.c.key == watches.c.key)
        .where(watches.c.held.is_not(None), alerts.c.state == AlertState.HELD)
        .order_by(watches.c.since.desc())
        .limit(FIRING_COUNT_MAX)
    )
    return (value_of(Watch, row) for row in connection.execute(query))


def _names(connection: Connection, matchers: Sequence[Matcher]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    asked = {one.field.name for one in matchers if one.field.is_label and not one.accepts("")}
    rows = connection.execute(select(members.c.labels).order_by(members.c.joined_at.desc()).limit(_NAMED_COUNT))
    known = {name for row in rows for name in row.labels}
    return (tuple(sorted(asked - known)), tuple(sorted(known))) if known else ((), ())
