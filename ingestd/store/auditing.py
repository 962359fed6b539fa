"""What the online auditor reads: bounded questions, whatever the history and however much is open.

What concerns the whole database is asked of the head of an index. Incidents that are not closed, and alerts that are kept back, are looked
at in pieces: each look goes on where the one before ended. ``core.invariants`` judges what was read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import Deadline, DeadlineKind
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.invariants import Facts, broken
from ingestd.core.names import IncidentId, IncidentState
from ingestd.core.watch import Watch
from ingestd.store.audit import BEARS_ON_A_PROMISE
from ingestd.store.inbox import NEW
from ingestd.store.rows import chunks, select_of, value_of
from ingestd.store.schema import alerts, deadlines, inbox, incidents, is_unsettled, members, outbox, tickets, watches

UNDECIDED_SECONDS = 60
"""How long an envelope may wait for its disposition."""
OVERDUE_SECONDS = 180
"""How late what is due may be decided, or a page be attempted."""
LEASE_OVERDUE_SECONDS = 300
"""How long a lease may be over without anybody having taken it up."""

PIECE_INCIDENTS = 100
PIECE_MEMBERS = 1000
"""Alerts of the incidents of one piece; one incident that has more of them is not counted, and all else of it is looked at."""
PIECE_KEPT_BACK = 500
_FOUND_MAX = 10
_NEWEST = 200


@dataclass(frozen=True, slots=True)
class Piece:
    """What one look at a piece found. ``unanswered``: every level was paged, and nobody has answered."""

    broken: tuple[str, ...]
    unanswered: tuple[str, ...]
    count: int
    """How many were looked at."""
    reached: int | None
    """The number of the last incident of the piece; None if it was the last piece."""


def overall(connection: Connection, pagers: Sequence[str], since: datetime, now: datetime) -> list[str]:
    """What is overdue in the whole database, in words. ``since``: when this life began; what waited before then begins to count there."""
    return [
        *_undecided(connection, since, now),
        *_without_disposition(connection),
        *_overdue(connection, since, now),
        *_overdue_pages(connection, pagers, since, now),
        *_leases(connection, since, now),
    ]


def _late(due_at: datetime, since: datetime, now: datetime, seconds: int) -> str:
    """For how long, in words; empty if it is not late."""
    late = now - max(due_at, since)
    return f"{late.total_seconds():.0f} s" if late > timedelta(seconds=seconds) else ""


def _undecided(connection: Connection, since: datetime, now: datetime) -> Iterator[str]:
    query = select(inbox.c.id, inbox.c.source, inbox.c.received_at).where(inbox.c.state == NEW).order_by(inbox.c.seq)
    for row in connection.execute(query.limit(1)):
        if late := _late(row.received_at, since, now, UNDECIDED_SECONDS):
            yield f"A2: envelope {row.id} of source “{row.source}” has waited for a decision for {late}"


def _without_disposition(connection: Connection) -> Iterator[str]:
    last = connection.execute(select(func.max(inbox.c.seq))).scalar() or 0
    newest = select(inbox.c.id, inbox.c.state, inbox.c.disposition, inbox.c.next_alert, inbox.c.alert_count)
    for row in connection.execute(newest.where(inbox.c.seq > last - _NEWEST)):
        if row.state == NEW:
            continue
        if row.disposition is None:
            yield f"A2: envelope {row.id} is done with, and nothing says what became of it"
        elif row.alert_count is not None and row.next_alert < row.alert_count:
            yield f"A2: envelope {row.id} is done with, and only {row.next_alert} of its {row.alert_count} alerts were decided"


def _overdue(connection: Connection, since: datetime, now: datetime) -> Iterator[str]:
    limit = now - timedelta(seconds=OVERDUE_SECONDS)
    due = select_of(deadlines, Deadline).where(deadlines.c.due_at < limit).order_by(deadlines.c.due_at)
    for row in connection.execute(due.limit(_FOUND_MAX)):
        if late := _late(row.due_at, since, now, OVERDUE_SECONDS):
            yield f"A3: “{row.kind}” of {row.incident_id} has been due for {late}"
    looks = select(watches.c.key, watches.c.due_at).where(watches.c.due_at < limit).order_by(watches.c.due_at)
    for row in connection.execute(looks.limit(_FOUND_MAX)):
        if late := _late(row.due_at, since, now, OVERDUE_SECONDS):
            yield f"A3: a look at the alert {row.key} has been due for {late}"


def _overdue_pages(connection: Connection, pagers: Sequence[str], since: datetime, now: datetime) -> Iterator[str]:
    limit = now - timedelta(seconds=OVERDUE_SECONDS)
    for connector in pagers:
        query = (
            select(outbox.c.key, outbox.c.due_at, outbox.c.state)
            .where(outbox.c.connector == connector, outbox.c.due_at < limit, is_unsettled(outbox))
            .order_by(outbox.c.due_at)
            .limit(_FOUND_MAX)
        )
        for row in connection.execute(query):
            if row.state is DeliveryState.WAITING and (late := _late(row.due_at, since, now, OVERDUE_SECONDS)):
                yield f"A3: {row.key} ought to have left {late} ago"


def _leases(connection: Connection, since: datetime, now: datetime) -> Iterator[str]:
    limit = now - timedelta(seconds=LEASE_OVERDUE_SECONDS)
    query = (
        select(outbox.c.key, outbox.c.lease_until)
        .where(outbox.c.state == DeliveryState.LEASED, outbox.c.lease_until < limit)
        .limit(_FOUND_MAX)
    )
    for row in connection.execute(query):
        if late := _late(row.lease_until, since, now, LEASE_OVERDUE_SECONDS):
            yield f"A7: the lease of {row.key} has been over for {late}, and nobody looks what became of it"


# ---------------------------------------------------------------------------------------------- incidents, piece by piece


def piece(connection: Connection, after: int) -> Piece:
    """The next incidents that are not closed, those with a number above ``after``."""
    chosen, is_last = _chosen(connection, after)
    if not chosen:
        return Piece((), (), 0, None)
    rows = [row for some in chunks(chosen) for row in connection.execute(_incidents(some))]
    found = tuple(value_of(Incident, row) for row in rows)
    facts = _facts(connection, found)
    wrong = (*broken(facts), *_doubles(connection, found))
    reached = None if is_last else max(incident.number for incident in found)
    return Piece(wrong, tuple(_unanswered(facts)), len(found), reached)


def _chosen(connection: Connection, after: int) -> tuple[list[IncidentId], bool]:
    """The ids of the next incidents, and whether none is left after them. One with very many alerts comes alone."""
    query = (
        select(incidents.c.id, incidents.c.alert_count)
        .where(incidents.c.state != IncidentState.CLOSED, incidents.c.number > after)
        .order_by(incidents.c.number)
        .limit(PIECE_INCIDENTS)
    )
    rows = connection.execute(query).all()
    chosen: list[IncidentId] = []
    room = PIECE_MEMBERS
    for row in rows:
        room -= row.alert_count
        if chosen and room < 0:
            break
        chosen.append(row.id)
    return chosen, len(chosen) == len(rows) and len(rows) < PIECE_INCIDENTS


def _incidents(ids: Sequence[IncidentId]) -> Select[Any]:
    return select_of(incidents, Incident).where(incidents.c.id.in_(ids)).order_by(incidents.c.number)


def _facts(connection: Connection, found: tuple[Incident, ...]) -> Facts:
    ids = [incident.id for incident in found]
    uncounted = frozenset(incident.id for incident in found if incident.alert_count > PIECE_MEMBERS)
    counted = [incident.id for incident in found if incident.id not in uncounted and incident.state.is_open]
    parts = _members(connection, counted)
    quiet = {incident.id for incident in found if incident.quiet}
    keys = [member.key for owner in quiet for member in parts.get(owner, ())]
    looks = select_of(watches, Watch)
    kept = [row for some in chunks(keys) for row in connection.execute(looks.where(watches.c.key.in_(some)))]
    states = select(alerts.c.key, alerts.c.state)
    known = [row for some in chunks(keys) for row in connection.execute(states.where(alerts.c.key.in_(some)))]
    due: dict[IncidentId, set[DeadlineKind]] = defaultdict(set)
    for row in connection.execute(select_of(deadlines, Deadline).where(deadlines.c.incident_id.in_(ids))):
        due[row.incident_id].add(row.kind)
    ticketed = connection.execute(select(tickets.c.incident_id).where(tickets.c.incident_id.in_(ids))).scalars()
    return Facts(
        incidents=found,
        members=parts,
        deadlines={key: frozenset(kinds) for key, kinds in due.items()},
        deliveries=_deliveries(connection, ids),
        ticketed=frozenset(IncidentId(one) for one in ticketed),
        watches={row.key: value_of(Watch, row) for row in kept},
        alerts={row.key: row.state for row in known},
        uncounted=uncounted,
    )


def _members(connection: Connection, ids: Sequence[IncidentId]) -> dict[IncidentId, tuple[Member, ...]]:
    """Without what people read: labels and texts are most of a row."""
    found: dict[IncidentId, list[Member]] = defaultdict(list)
    columns = (members.c.incident_id, members.c.key, members.c.state, members.c.source, members.c.joined_at)
    for row in connection.execute(select(*columns).where(members.c.incident_id.in_(ids))):
        light = Member(row.incident_id, row.key, row.state, row.source, "", "", {}, {}, {}, "", row.joined_at)
        found[row.incident_id].append(light)
    return {key: tuple(values) for key, values in found.items()}


_LIGHT = ("key", "incident_id", "connector", "kind", "lane", "state", "due_at", "created_at", "noted_up_to")


def _deliveries(connection: Connection, ids: Sequence[IncidentId]) -> dict[IncidentId, tuple[Delivery, ...]]:
    found: dict[IncidentId, list[Delivery]] = defaultdict(list)
    columns = [outbox.c[name] for name in _LIGHT]
    for row in connection.execute(select(*columns).where(outbox.c.incident_id.in_(ids), BEARS_ON_A_PROMISE)):
        found[row.incident_id].append(Delivery(**row._mapping))  # noqa: SLF001 (SQLAlchemy's public name for it)
    return {key: tuple(values) for key, values in found.items()}


def _doubles(connection: Connection, found: tuple[Incident, ...]) -> Iterator[str]:
    """Open incidents outside the piece that are about the same thing as one of the piece."""
    own = {incident.dedup_key: incident.id for incident in found if incident.state.is_open}
    ids = [incident.id for incident in found]
    for some in chunks(own):
        query = select(incidents.c.id, incidents.c.dedup_key, incidents.c.state).where(
            incidents.c.dedup_key.in_(some), incidents.c.state != IncidentState.CLOSED
        )
        for row in connection.execute(query):
            if row.state.is_open and row.id not in ids:
                yield f"A2: {own[row.dedup_key]} and {row.id} are both open for {row.dedup_key}"


def _unanswered(facts: Facts) -> Iterator[str]:
    """A3: an escalation that has come to its end is an alarm. Not one about ingestd itself: it says what is said here."""
    for incident in facts.incidents:
        escalation = incident.escalation
        if incident.state is not IncidentState.TRIGGERED or escalation is None or not escalation.is_exhausted:
            continue
        sources = {member.source for member in facts.members.get(incident.id, ())}
        if not incident.conduct.is_test and sources != {"ingestd"}:
            yield f"A3: nobody has answered {incident.id}, and nobody is left to page"


# ---------------------------------------------------------------------------------------------- what is kept back, piece by piece


@dataclass(frozen=True, slots=True)
class KeptBack:
    """What one look at alerts that are kept back found, and where it ended; empty where it came to the end."""

    broken: tuple[str, ...]
    alert: str
    watch: str


def kept_back(connection: Connection, after_alert: str, after_watch: str) -> KeptBack:
    """The next alerts that are kept back, and the next watches: each belongs to one of the other."""
    held = connection.execute(
        select(alerts.c.key, watches.c.key.label("watched"))
        .select_from(alerts.outerjoin(watches, watches.c.key == alerts.c.key))
        .where(alerts.c.state == AlertState.HELD, alerts.c.key > after_alert)
        .order_by(alerts.c.key)
        .limit(PIECE_KEPT_BACK)
    ).all()
    kept = connection.execute(
        select(watches.c.key, watches.c.held, watches.c.by, alerts.c.state)
        .select_from(watches.outerjoin(alerts, alerts.c.key == watches.c.key))
        .where(watches.c.key > after_watch)
        .order_by(watches.c.key)
        .limit(PIECE_KEPT_BACK)
    ).all()
    wrong = [f"A2: {row.key} is kept back and nothing will look at it again" for row in held if row.watched is None]
    wrong += [f"A2: there is a watch on {row.key}, of which nothing is known" for row in kept if row.state is None]
    wrong += [
        f"A2: {row.key} has cleared and is still kept back by {row.held} {row.by}"
        for row in kept
        if row.held is not None and row.state is AlertState.CLEARED
    ]
    return KeptBack(
        tuple(wrong),
        held[-1].key if len(held) == PIECE_KEPT_BACK else "",
        kept[-1].key if len(kept) == PIECE_KEPT_BACK else "",
    )
