"""What storms need to know and to change: what a person was told lately on a channel, what waits for them, and what is told together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, or_, select, update

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import NO_INCIDENT
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, IncidentState, PersonName, Severity
from ingestd.core.throttle import Batch
from ingestd.core.turn import STANDS_IN
from ingestd.store import dialect
from ingestd.store import incidents as incident_store
from ingestd.store.oncall_tables import batches
from ingestd.store.rows import chunks, columns_of, row_of, select_of, value_of
from ingestd.store.schema import incidents, outbox

SENT_MAX = 200
"""So many of the newest messages are looked at: no limit counts further."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A delivery that may be told together with another, and how its incident stands."""

    delivery: Delivery
    state: IncidentState
    severity: Severity
    is_quiet: bool
    is_clearing: bool


def sent_at(connection: Connection, claimed: Delivery, since: datetime) -> list[datetime]:
    """When messages of this kind went to the same person on the same channel, newest first; one on its way counts from when it was claimed.

    Pages count against pages, ends against ends: what tells that something is over takes no page's place, and words take nobody's.
    """
    mine = (
        outbox.c.person == claimed.person,
        outbox.c.channel == claimed.channel,
        outbox.c.kind == claimed.kind,
        outbox.c.folded_into.is_(None),
    )
    done = select(outbox.c.settled_at).where(*mine, outbox.c.settled_at > since, outbox.c.state == DeliveryState.DONE)
    found = connection.scalars(done.order_by(outbox.c.settled_at.desc()).limit(SENT_MAX)).all()
    under_way = select(outbox.c.leased_at).where(
        *mine,
        outbox.c.key != claimed.key,
        outbox.c.connector == claimed.connector,
        outbox.c.state == DeliveryState.LEASED,
        outbox.c.leased_at.is_not(None),
    )
    return sorted([*found, *connection.scalars(under_way.limit(SENT_MAX))], reverse=True)


def recent_count(
    connection: Connection, person: PersonName, channel: Channel, since: datetime, now: datetime, count_max: int
) -> int:
    """How many pages and ends the person was told since then, or is to be told by now; counted no further than ``count_max``."""
    kinds = (EffectKind.PAGE, EffectKind.NOTICE)
    mine = (outbox.c.person == person, outbox.c.channel == channel, outbox.c.kind.in_(kinds))
    told = select(outbox.c.seq).where(*mine, outbox.c.settled_at > since, outbox.c.state == DeliveryState.DONE)
    waits = select(outbox.c.seq).where(*mine, outbox.c.settled_at.is_(None), outbox.c.due_at <= now)
    counted = 0
    for query in (told, waits):
        few = query.limit(count_max - counted).subquery()
        counted += connection.execute(select(func.count()).select_from(few)).scalar_one()
        if counted >= count_max:
            break
    return counted


def companions(connection: Connection, leader: Delivery, now: datetime, limit: int) -> list[Companion]:
    """What waits for the same person on the same way, the worst first: what is due, what is kept back, what failed."""
    columns = (incidents.c.state, incidents.c.severity, incidents.c.quiet, incidents.c.clearing_since)
    marked = [column.label(f"incident_{column.name}") for column in columns]
    query = (
        select(*columns_of(outbox, Delivery), *marked)
        .join(incidents, incidents.c.id == outbox.c.incident_id)
        .where(
            *_waits_with(leader),
            outbox.c.key != leader.key,
            or_(outbox.c.due_at <= now, outbox.c.held_since.is_not(None), outbox.c.is_failed_over.is_(True)),
        )
        .order_by(outbox.c.rank, outbox.c.due_at, outbox.c.seq)
        .limit(limit)
    )
    found = []
    for row in connection.execute(query):
        values = dict(row._mapping)  # noqa: SLF001 (SQLAlchemy's public name for it)
        state, severity, quiet, clearing = (values.pop(column.name) for column in marked)
        found.append(Companion(Delivery(**values), state, severity, bool(quiet), clearing is not None))
    return found


def _waits_with(leader: Delivery) -> tuple[ColumnElement[bool], ...]:
    return (
        outbox.c.person == leader.person,
        outbox.c.channel == leader.channel,
        outbox.c.settled_at.is_(None),
        outbox.c.connector == leader.connector,
        outbox.c.kind == leader.kind,
        outbox.c.state == DeliveryState.WAITING,
        outbox.c.unknown_since.is_(None),
    )


def part(connection: Connection, leader_key: EffectKey) -> None:
    """What an earlier message of this leader was to tell, and was not written down for, does not count as told by its next message."""
    connection.execute(
        update(outbox).where(outbox.c.folded_into == leader_key, outbox.c.settled_at.is_(None)).values(folded_into=None)
    )


def lease(connection: Connection, leader: Delivery, others: Sequence[Delivery], now: datetime) -> tuple[Delivery, ...]:
    """Claim these for as long as their leader is claimed: they are told with it."""
    taken = tuple(
        replace(
            one,
            state=DeliveryState.LEASED,
            fence=one.fence + 1,
            leased_at=now,
            lease_until=leader.lease_until,
            attempt_count=one.attempt_count + 1,
            unknown_since=now if one.state is DeliveryState.LEASED and one.unknown_since is None else one.unknown_since,
            folded_into=leader.key,
        )
        for one in others
    )
    save_many(connection, taken)
    return taken


_SAVED = (
    "state",
    "due_at",
    "fence",
    "leased_at",
    "lease_until",
    "attempt_count",
    "failed_count",
    "looked_count",
    "unknown_since",
    "is_failed_over",
    "detail",
    "receipt_status",
    "settled_at",
    "held_since",
    "folded_into",
)
_SAVE = (
    update(outbox)
    .where(outbox.c.key == bindparam("saved_key"))
    .values({name: bindparam(f"saved_{name}") for name in _SAVED})
)


def save_many(connection: Connection, deliveries: Iterable[Delivery]) -> None:
    """Write what an attempt changes, in one statement for all."""
    rows = [{f"saved_{name}": getattr(one, name) for name in ("key", *_SAVED)} for one in deliveries]
    if rows:
        connection.execute(_SAVE, rows)


def hold(connection: Connection, leader: Delivery, until: datetime, now: datetime) -> None:
    """What waits for the same person on the same way is not looked at before then.

    What matters more than ``leader`` is left alone, and so is what stands in for a page that failed: no limit holds that.
    """
    connection.execute(
        update(outbox)
        .where(
            *_waits_with(leader),
            outbox.c.due_at <= now,
            or_(outbox.c.rank >= leader.rank, outbox.c.rank.is_(None)),
            or_(outbox.c.cause.not_in(STANDS_IN), outbox.c.cause.is_(None)),
        )
        .values(due_at=until, held_since=func.coalesce(outbox.c.held_since, _instant(now)))
    )


def _instant(at: datetime) -> object:
    return bindparam("held_now", at, type_=outbox.c.held_since.type)


def folded(connection: Connection, leader: EffectKey) -> list[Delivery]:
    """Everything that was told, or is being told, in the message of this delivery besides itself; the worst first."""
    query = select_of(outbox, Delivery).where(outbox.c.folded_into == leader).order_by(outbox.c.rank, outbox.c.seq)
    return [value_of(Delivery, row) for row in connection.execute(query)]


def folded_incidents(connection: Connection, leader: EffectKey) -> list[IncidentId]:
    """The incidents of ``folded``, each once: what a person answers who answers the whole message."""
    return list(dict.fromkeys(one.incident_id for one in folded(connection, leader) if one.incident_id != NO_INCIDENT))


def told_together(connection: Connection, delivery: EffectKey) -> list[Incident]:
    """The incidents that the message of this delivery told besides its own and that nobody has answered yet, the worst first."""
    known = incident_store.load_many(connection, set(folded_incidents(connection, delivery)))
    waiting = [one for one in known.values() if one.state is IncidentState.TRIGGERED]
    return sorted(waiting, key=lambda one: (one.severity.rank, one.number))


def still_held(connection: Connection, taken: Sequence[Delivery]) -> list[Delivery]:
    """Those whose claim is still the newest, as they are now."""
    fences = {one.key: one.fence for one in taken}
    found = []
    for keys in chunks(fences):
        query = select_of(outbox, Delivery).where(outbox.c.key.in_(keys), outbox.c.state == DeliveryState.LEASED)
        found += [value_of(Delivery, row) for row in connection.execute(query.with_for_update())]
    return [one for one in found if one.fence == fences[one.key]]


def incidents_of(connection: Connection, ids: Iterable[IncidentId]) -> dict[IncidentId, Incident]:
    """These incidents."""
    return incident_store.load_many(connection, set(ids))


def batch_of(connection: Connection, person: PersonName, channel: Channel) -> Batch | None:
    """The batch mode of a person on a channel; None if pages go one by one."""
    query = select_of(batches, Batch).where(batches.c.person == person, batches.c.channel == channel)
    row = connection.execute(query).first()
    return value_of(Batch, row) if row else None


def save_batch(connection: Connection, before: Batch | None, after: Batch | None) -> None:
    """Write what has become of the batch mode."""
    if after is not None and after != before:
        dialect.upsert(connection, batches, ["person", "channel"], [row_of(after)])
    elif before is not None and after is None:
        mine = and_(batches.c.person == before.person, batches.c.channel == before.channel)
        connection.execute(delete(batches).where(mine))


def page_waits(
    connection: Connection,
    incident_id: IncidentId,
    people: Sequence[PersonName],
    level: int,
    now: datetime,
    longest: timedelta,
) -> bool:
    """Whether a page of this level waits for one of these people and none has left: held back, or its turn has not come.

    One that has been waiting for longer than ``longest`` does not count: somebody must be told at last. Nor does one that was tried.
    """
    newest: dict[PersonName, Delivery] = {}
    query = select_of(outbox, Delivery).where(outbox.c.incident_id == incident_id, outbox.c.kind == EffectKind.PAGE)
    for row in connection.execute(query.order_by(outbox.c.seq)):
        one = value_of(Delivery, row)
        is_of_step = one.person in people and one.level == level and not one.lane.endswith("/later")
        if one.person is not None and is_of_step:
            newest[one.person] = one
    return bool(newest) and all(_has_not_left(one, now, longest) for one in newest.values())


def _has_not_left(delivery: Delivery, now: datetime, longest: timedelta) -> bool:
    if delivery.state is not DeliveryState.WAITING or now - delivery.created_at > longest:
        return False
    return delivery.attempt_count == 0 or (delivery.held_since is not None and delivery.due_at > now)
