"""What is known of one alert, put together from all places that keep a part of it; and what came in lately. Reads only, all bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from sqlalchemy import Connection, Text, func, or_, select, type_coerce

from ingestd.core import sources
from ingestd.core.alert import Alert, ParsedEnvelope
from ingestd.core.incident import AlertState, KnownAlert, Member
from ingestd.core.matchers import Matcher, MatchOp
from ingestd.core.names import AlertKey, EnvelopeId, IncidentId
from ingestd.core.restraint import alert_of
from ingestd.core.sources import ReadLimits, SourceKind, SourceWays
from ingestd.core.watch import Watch
from ingestd.store import watches
from ingestd.store.rows import chunks, select_of, value_of
from ingestd.store.schema import alerts, inbox, members, tickets
from ingestd.store.schema import watches as watch_table

ENVELOPES_COUNT_MAX = 500
"""So many of the newest envelopes before an instant are looked through for one alert."""

BODIES_COUNT_MAX = 200
BODIES_BYTES_MAX = 16 * 1024 * 1024
"""So much of what came in last is read again when an alert is looked for by its labels."""

CANDIDATES_COUNT_MAX = 2000
"""So many alerts of each kind are compared with labels that are asked for, the latest first."""


_WORD_FOR_WORD = frozenset({SourceKind.ALERTMANAGER, SourceKind.GRAFANA})
"""Kinds whose labels stand in the body as they are; a mapping may add some, and mail is written in many ways."""

WaysOf: TypeAlias = Callable[[str], SourceWays]
"""How the bodies of a source are read, by its name: some can only be read as the configuration says."""


def no_ways(_source: str) -> SourceWays:
    """Nothing is known of any source."""
    return SourceWays()


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """What was decided about one alert of one envelope, as it was written down then."""

    envelope_id: EnvelopeId
    received_at: datetime
    finding: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert as it stands. ``alert`` has its words; None if they are forgotten."""

    known: KnownAlert
    alert: Alert | None
    watch: Watch | None
    member: Member | None
    """Its part in the incident that it was last part of."""
    decided: StoredFinding | None
    """The last message of it that the rules were asked about; None if that is forgotten."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An envelope with what was decided about its alerts; ``findings`` is None while nothing was."""

    id: EnvelopeId
    source: str
    received_at: datetime
    state: str
    reason: str | None
    findings: list[Mapping[str, Any]] | None


def alert_facts(connection: Connection, key: AlertKey, ways_of: WaysOf = no_ways) -> AlertFacts | None:
    """Everything that is known of an alert; None if it was never seen, or is forgotten."""
    row = connection.execute(select_of(alerts, KnownAlert).where(alerts.c.key == key)).first()
    if row is None:
        return None
    known = value_of(KnownAlert, row)
    watch = watches.of_alerts(connection, [key]).get(key)
    member = _member(connection, key, known.incident_id)
    decided = _decided(connection, known, watch, member)
    alert = watch.alert if watch else alert_of(member) if member and known.state is not AlertState.HELD else None
    if alert is None:
        found = decided or next(_findings_of(connection, key, known.last_seen_at), None)
        alert = _from_body(connection, found.envelope_id, key, ways_of) if found else None
    return AlertFacts(known, alert or (alert_of(member) if member else None), watch, member, decided)


def _member(connection: Connection, key: AlertKey, incident_id: IncidentId) -> Member | None:
    query = select_of(members, Member).where(members.c.incident_id == incident_id, members.c.key == key)
    row = connection.execute(query).first()
    return value_of(Member, row) if row else None


def _decided(
    connection: Connection, known: KnownAlert, watch: Watch | None, member: Member | None
) -> StoredFinding | None:
    """The newest finding with a rule: near when it was last seen, else near when it was last decided about."""
    anchors = [known.last_seen_at, watch.since if watch else None, member.joined_at if member else None]
    for at in dict.fromkeys(at for at in anchors if at is not None):
        for found in _findings_of(connection, known.key, at):
            if found.finding.get("rule"):
                return found
    return None


def _findings_of(connection: Connection, key: AlertKey, until: datetime) -> Iterator[StoredFinding]:
    """What was decided about an alert in the envelopes before an instant, the newest first."""
    newest = (
        select(inbox.c.seq)
        .where(inbox.c.state == "done", inbox.c.received_at <= until)
        .order_by(inbox.c.received_at.desc())
        .limit(ENVELOPES_COUNT_MAX)
    )
    query = (
        select(inbox.c.id, inbox.c.received_at, inbox.c.findings)
        .where(inbox.c.seq.in_(newest.scalar_subquery()), _mentions(key))
        .order_by(inbox.c.seq.desc())
        .limit(ENVELOPES_COUNT_MAX)
    )
    for row in connection.execute(query):
        for finding in row.findings or ():
            if finding.get("alert") == key:
                yield StoredFinding(row.id, row.received_at, finding)


def _mentions(key: AlertKey) -> Any:  # noqa: ANN401 (an expression)
    # As the text of the column has it: what JSON escapes is not looked for, the loop above is exact.
    plain = max(key.replace("\\", '"').split('"'), key=len)
    text = plain if plain.isascii() and plain.isprintable() else ""
    return type_coerce(inbox.c.findings, Text).contains(text, autoescape=True)


def _from_body(connection: Connection, envelope_id: EnvelopeId, key: AlertKey, ways_of: WaysOf) -> Alert | None:
    row = connection.execute(
        select(inbox.c.kind, inbox.c.source, inbox.c.body, inbox.c.received_at).where(inbox.c.id == envelope_id)
    ).first()
    if row is None:
        return None
    return next((one for one in _read(*row, ways_of) if one.key == key), None)


def _read(kind: str, source: str, body: bytes, received_at: datetime, ways_of: WaysOf) -> tuple[Alert, ...]:
    if kind not in tuple(SourceKind):
        return ()
    parsed = sources.read(SourceKind(kind), source, bytes(body), ReadLimits(), ways_of(source), received_at)
    return parsed.alerts if isinstance(parsed, ParsedEnvelope) else ()


def matching_keys(
    connection: Connection, matchers: Sequence[Matcher], limit: int, ways_of: WaysOf = no_ways
) -> list[AlertKey]:
    """Alerts that satisfy all of these, the one that was seen last first: of those held, those in incidents, those of the newest envelopes."""
    candidates = _candidates(connection, matchers, ways_of)
    found = {alert.key for alert in candidates if all(one.matches(alert) for one in matchers)}
    seen: dict[AlertKey, datetime] = {}
    for some in chunks(sorted(found)):
        rows = connection.execute(select(alerts.c.key, alerts.c.last_seen_at).where(alerts.c.key.in_(some)))
        seen |= {row.key: row.last_seen_at for row in rows}
    return sorted(seen, key=lambda key: (seen[key], key), reverse=True)[:limit]


def _candidates(connection: Connection, matchers: Sequence[Matcher], ways_of: WaysOf) -> Iterator[Alert]:
    query = select_of(watch_table, Watch).order_by(watch_table.c.since.desc()).limit(CANDIDATES_COUNT_MAX)
    for row in connection.execute(query):
        yield value_of(Watch, row).alert
    plain = [one.value for one in matchers if one.op is MatchOp.EQUAL and one.value.isascii() and one.value.isalnum()]
    parts = select_of(members, Member).order_by(members.c.joined_at.desc()).limit(CANDIDATES_COUNT_MAX)
    for word in plain:
        text = type_coerce(members.c.labels, Text).contains(word, autoescape=True)
        in_annotations = type_coerce(members.c.annotations, Text).contains(word, autoescape=True)
        parts = parts.where(or_(text, in_annotations, members.c.name == word, members.c.source == word))
    for row in connection.execute(parts):
        yield alert_of(value_of(Member, row))
    yield from _from_newest_bodies(connection, [word.encode() for word in plain], ways_of)


def _from_newest_bodies(connection: Connection, words: Sequence[bytes], ways_of: WaysOf) -> Iterator[Alert]:
    sizes = select(inbox.c.seq, func.length(inbox.c.body).label("size")).order_by(inbox.c.seq.desc())
    room = BODIES_BYTES_MAX
    chosen: list[int] = []
    for row in connection.execute(sizes.limit(BODIES_COUNT_MAX)).all():
        room -= row.size
        if room < 0:
            break
        chosen.append(row.seq)
    query = select(inbox.c.kind, inbox.c.source, inbox.c.body, inbox.c.received_at).where(inbox.c.seq.in_(chosen))
    for kind, source, body, received_at in connection.execute(query):
        if kind not in _WORD_FOR_WORD or all(word in body or word == source.encode() for word in words):
            yield from _read(kind, source, body, received_at, ways_of)


def incident_of_ticket(connection: Connection, word: str) -> IncidentId | None:
    """The incident of the ticket with this label or id, whatever the case of its letters; of several the newest."""
    query = (
        select(tickets.c.incident_id)
        .where(or_(func.lower(tickets.c.label) == word.lower(), func.lower(tickets.c.ref_id) == word.lower()))
        .order_by(tickets.c.opened_at.desc())
        .limit(1)
    )
    found = connection.execute(query).scalar()
    return IncidentId(found) if found else None


def watches_of_incident(connection: Connection, incident_id: IncidentId, limit: int) -> list[Watch]:
    """The watches on the alerts that are part of an incident now, soonest due first."""
    query = (
        select_of(watch_table, Watch)
        .join(alerts, alerts.c.key == watch_table.c.key)
        .where(alerts.c.incident_id == incident_id)
        .order_by(watch_table.c.due_at, watch_table.c.key)
        .limit(limit)
    )
    return [value_of(Watch, row) for row in connection.execute(query)]


def known_alerts(connection: Connection, keys: Iterable[AlertKey]) -> dict[AlertKey, KnownAlert]:
    """These alerts as they were last seen; what was never seen is left out."""
    found: dict[AlertKey, KnownAlert] = {}
    for some in chunks(sorted(keys)):
        for row in connection.execute(select_of(alerts, KnownAlert).where(alerts.c.key.in_(some))):
            found[row.key] = value_of(KnownAlert, row)
    return found


def arrivals_since(connection: Connection, since: datetime, limit: int) -> list[Arrival]:
    """The envelopes since an instant among the newest so many, the newest first."""
    # Without the instant in the query: there is no index of it alone, and a quiet hour would walk through the whole table.
    query = select_of(inbox, Arrival).order_by(inbox.c.seq.desc()).limit(limit)
    found = (value_of(Arrival, row) for row in connection.execute(query))
    return [arrival for arrival in found if arrival.received_at >= since]
