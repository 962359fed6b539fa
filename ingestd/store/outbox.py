"""Deliveries: what the outside must do, who does it now, and how it went.

A claim takes a lease with a rising fence. Only the holder of the newest fence may settle; anything else changes nothing and is
counted. An expired lease means that the claimer died: what it sent may have taken effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, zip_longest

from sqlalchemy import Connection, bindparam, case, exists, func, or_, select, text, update

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId
from ingestd.store import dialect
from ingestd.store.rows import columns_of, row_of, select_of, value_of
from ingestd.store.schema import HAS_RECEIPT, incidents, is_open, is_unsettled, outbox

__all__ = [
    "UNSETTLED",
    "Delivery",
    "DeliveryState",
    "OutboxCount",
    "Turns",
    "by_receipt",
    "by_receipt_on",
    "claim",
    "counts",
    "drop",
    "has_later_in_lane",
    "holds",
    "is_told_otherwise",
    "listed",
    "load",
    "make_due",
    "next_due_at",
    "of_incident",
    "release_leases",
    "save",
]

UNSETTLED = (DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.UNCERTAIN)
_OPEN = {*UNSETTLED, DeliveryState.PARKED}

_earlier = outbox.alias("earlier")
_IS_FIRST_IN_LANE = ~exists().where(
    _earlier.c.lane == outbox.c.lane, _earlier.c.seq < outbox.c.seq, is_unsettled(_earlier)
)


@dataclass(frozen=True, slots=True)
class OutboxCount:
    """How many deliveries a connector has in a state."""

    connector: str
    state: DeliveryState
    count: int


class Turns:
    """Whose turn it was last among the shares of a rank. Forgotten with the process: then they begin anew, which harms nobody."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def in_turn(self, shares: Sequence[str]) -> list[str]:
        """The shares of one rank, sorted, from the one after that which was served last."""
        last = self._last.get(shares[0][:1], "")
        return [*(one for one in shares if one > last), *(one for one in shares if one <= last)]

    def note(self, share: str) -> None:
        """This share has been served."""
        self._last[share[:1]] = share


def claim(
    connection: Connection,
    connector: str,
    now: datetime,
    *,
    lease_seconds: float,
    limit: int,
    turns: Turns | None = None,
) -> list[Delivery]:
    """Lease what is due for a connector: of each lane the oldest unsettled delivery; by rank, its shares in turn, soonest due first.

    A delivery whose lease ran out comes back as one with unknown outcome, unless it was only being looked up.
    """
    turns = turns or Turns()
    due = connection.scalars(_DUE_SHARES, {"connector": connector, "now": now}).all()
    found: list[Delivery] = []
    for _, shares in groupby(due, key=lambda share: share[:1]):
        if len(found) >= limit:
            break
        found += _one_after_the_other(connection, connector, turns.in_turn(list(shares)), now, limit - len(found))
    taken = [_leased(one, now, lease_seconds) for one in found]
    for one in taken:
        turns.note(one.share)
    if taken:
        connection.execute(_LEASE, [{f"new_{name}": getattr(one, name) for name in _LEASED_NAMES} for one in taken])
    return taken


_STATES = ", ".join(f"'{state}'" for state in UNSETTLED)
# From each share straight to the next one by the index: what is asked of the database grows with the shares, not with what they queue.
_DUE_SHARES = text(
    f"""
    WITH RECURSIVE shares (share) AS (
        SELECT (
            SELECT o.share FROM outbox AS o
            WHERE o.connector = :connector AND o.state IN ({_STATES}) ORDER BY o.share LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT o.share FROM outbox AS o
            WHERE o.connector = :connector AND o.share > shares.share AND o.state IN ({_STATES}) ORDER BY o.share LIMIT 1
        )
        FROM shares WHERE shares.share IS NOT NULL
    )
    SELECT shares.share FROM shares
    WHERE shares.share IS NOT NULL AND (
        SELECT min(o.due_at) FROM outbox AS o
        WHERE o.connector = :connector AND o.share = shares.share AND o.state IN ({_STATES})
    ) <= :now
    ORDER BY shares.share
    """  # noqa: S608 (our own names of states)
).bindparams(bindparam("now", type_=outbox.c.due_at.type))


def _one_after_the_other(
    connection: Connection, connector: str, shares: Sequence[str], now: datetime, limit: int
) -> list[Delivery]:
    """At most ``limit`` deliveries: the first of each share, then the second of each, and so on."""
    queues: list[list[Delivery]] = []
    for share in shares:
        if len(queues) >= limit:
            break
        if queue := _due_of_share(connection, connector, share, now, limit):
            queues.append(queue)
    rounds = zip_longest(*queues)
    return [one for this_round in rounds for one in this_round if one is not None][:limit]


# What is leased was due when it was claimed, so one range of the index holds both. Made once, like all that is asked for each delivery.
# By the instant alone, as the index is sorted: with a second key PostgreSQL sorts all that is due before it gives the first one.
_DUE_OF_SHARE = (
    select_of(outbox, Delivery)
    .where(
        outbox.c.connector == bindparam("connector"),
        outbox.c.share == bindparam("share"),
        outbox.c.due_at <= bindparam("now"),
        is_unsettled(outbox),
        or_(outbox.c.state != DeliveryState.LEASED, outbox.c.lease_until <= bindparam("now")),
        _IS_FIRST_IN_LANE,
    )
    .order_by(outbox.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)


def _due_of_share(connection: Connection, connector: str, share: str, now: datetime, limit: int) -> list[Delivery]:
    asked = {"connector": connector, "share": share, "now": now, "most": limit}
    return [value_of(Delivery, row) for row in connection.execute(_DUE_OF_SHARE, asked)]


_LEASED_NAMES = ("key", "state", "fence", "leased_at", "lease_until", "attempt_count", "unknown_since")
_LEASE = (
    update(outbox)
    .where(outbox.c.key == bindparam("new_key"))
    .values({name: bindparam(f"new_{name}") for name in _LEASED_NAMES[1:]})
)


def _leased(before: Delivery, now: datetime, lease_seconds: float) -> Delivery:
    unknown_since = before.unknown_since
    if before.state is DeliveryState.LEASED and unknown_since is None:
        unknown_since = now
    return replace(
        before,
        state=DeliveryState.LEASED,
        fence=before.fence + 1,
        leased_at=now,
        lease_until=now + timedelta(seconds=lease_seconds),
        attempt_count=before.attempt_count + 1,
        unknown_since=unknown_since,
    )


def save(connection: Connection, delivery: Delivery) -> None:
    """Write the row whole."""
    connection.execute(_SAVE, {f"new_{name}": value for name, value in row_of(delivery).items()})


_SAVE = (
    update(outbox)
    .where(outbox.c.key == bindparam("new_key"))
    .values({column.name: bindparam(f"new_{column.name}") for column in columns_of(outbox, Delivery)})
)


def holds(connection: Connection, delivery: Delivery) -> Delivery | None:
    """The row if this claim still holds it, else None: another claim has a newer fence, or it is settled."""
    row = connection.execute(_HELD, {"key": delivery.key, "fence": delivery.fence}).first()
    return value_of(Delivery, row) if row else None


_HELD = (
    select_of(outbox, Delivery)
    .where(
        outbox.c.key == bindparam("key"),
        outbox.c.fence == bindparam("fence"),
        outbox.c.state == DeliveryState.LEASED,
    )
    .with_for_update()
)


def load(connection: Connection, key: EffectKey) -> Delivery | None:
    """One delivery."""
    row = connection.execute(select_of(outbox, Delivery).where(outbox.c.key == key)).first()
    return value_of(Delivery, row) if row else None


def by_receipt(connection: Connection, connector: str, receipt_id: str) -> Delivery | None:
    """The delivery that the service knows by this id."""
    query = select_of(outbox, Delivery).where(
        outbox.c.receipt_id == receipt_id, HAS_RECEIPT, outbox.c.connector == connector
    )
    row = connection.execute(query).first()
    return value_of(Delivery, row) if row else None


def by_receipt_on(connection: Connection, channel: Channel, receipt_id: str) -> Delivery | None:
    """The delivery of any connector of a channel that is known by this id."""
    query = select_of(outbox, Delivery).where(
        outbox.c.receipt_id == receipt_id, HAS_RECEIPT, outbox.c.channel == channel
    )
    row = connection.execute(query).first()
    return value_of(Delivery, row) if row else None


def has_later_in_lane(connection: Connection, delivery: Delivery, now: datetime) -> bool:
    """Whether something newer of the same kind, which was to go already, waits behind this delivery."""
    asked = {"key": delivery.key, "lane": delivery.lane, "kind": delivery.kind, "now": now}
    return connection.execute(_LATER_IN_LANE, asked).first() is not None


_LATER_IN_LANE = (
    select(outbox.c.seq)
    .where(
        outbox.c.lane == bindparam("lane"),
        outbox.c.kind == bindparam("kind"),
        outbox.c.seq > select(outbox.c.seq).where(outbox.c.key == bindparam("key")).scalar_subquery(),
        outbox.c.due_at <= bindparam("now"),
        is_unsettled(outbox),
    )
    .limit(1)
)


def is_told_otherwise(connection: Connection, delivery: Delivery) -> bool:
    """Whether another vendor of the same channel has meanwhile told the person what this delivery was to tell; of a word: anybody has."""
    if delivery.kind is EffectKind.WORD:
        said = select(outbox.c.seq).where(
            outbox.c.person == delivery.person,
            outbox.c.state == DeliveryState.DONE,
            outbox.c.key.startswith(f"{delivery.key}/", autoescape=True),
        )
        return connection.execute(said.limit(1)).first() is not None
    query = select(outbox.c.seq).where(
        outbox.c.incident_id == delivery.incident_id,
        outbox.c.kind == delivery.kind,
        outbox.c.person == delivery.person,
        outbox.c.channel == delivery.channel,
        outbox.c.connector != delivery.connector,
        outbox.c.settled_at >= delivery.created_at,
        outbox.c.state == DeliveryState.DONE,
    )
    return connection.execute(query.limit(1)).first() is not None


def of_incident(connection: Connection, incident_id: IncidentId) -> list[Delivery]:
    """All deliveries of an incident, oldest first."""
    query = select_of(outbox, Delivery).where(outbox.c.incident_id == incident_id).order_by(outbox.c.seq)
    return [value_of(Delivery, row) for row in connection.execute(query)]


def listed(connection: Connection, *, states: Iterable[DeliveryState], limit: int) -> list[Delivery]:
    """Deliveries in these states, newest first."""
    asked = set(states)
    query = select_of(outbox, Delivery).where(outbox.c.state.in_(sorted(asked)))
    if asked <= _OPEN:
        query = query.where(is_open(outbox))
    query = query.order_by(outbox.c.seq.desc()).limit(limit)
    return [value_of(Delivery, row) for row in connection.execute(query)]


def next_due_at(connection: Connection, connector: str) -> datetime | None:
    """When something may be claimed next for a connector; None if nothing is unsettled. What waits behind another does not count."""
    queries = (_NEXT_WAITING, _NEXT_LEASE_OVER)
    found = [
        at for query in queries if (at := connection.execute(query, {"connector": connector}).scalar()) is not None
    ]
    return min(found) if found else None


_FIRST_OF_CONNECTOR = (outbox.c.connector == bindparam("connector"), _IS_FIRST_IN_LANE)
_NEXT_WAITING = (
    select(outbox.c.due_at)
    .where(*_FIRST_OF_CONNECTOR, is_unsettled(outbox), outbox.c.state != DeliveryState.LEASED)
    .order_by(outbox.c.due_at)
    .limit(1)
)
_NEXT_LEASE_OVER = (
    select(outbox.c.lease_until)
    .where(*_FIRST_OF_CONNECTOR, outbox.c.state == DeliveryState.LEASED)
    .order_by(outbox.c.lease_until)
    .limit(1)
)


def release_leases(connection: Connection, now: datetime) -> int:
    """This process is the only daemon and has just started: whoever held a lease is dead."""
    freed = connection.execute(
        update(outbox).where(outbox.c.state == DeliveryState.LEASED, outbox.c.lease_until > now).values(lease_until=now)
    )
    return freed.rowcount


def counts(connection: Connection) -> list[OutboxCount]:
    """How many deliveries are not over (waiting, leased, uncertain, parked), by connector and state.

    Those that are done or dropped are not counted: they only grow, and counting them would take longer every day.
    """
    query = (
        select(outbox.c.connector, outbox.c.state, func.count())
        .where(is_open(outbox))
        .group_by(outbox.c.connector, outbox.c.state)
    )
    return [OutboxCount(connector, state, count) for connector, state, count in connection.execute(query)]


def make_due(connection: Connection, key: EffectKey, now: datetime) -> bool:
    """Try a waiting, uncertain or parked delivery at once. False if there is no such one.

    One statement, so that it cannot undo a claim that another daemon makes meanwhile.
    """
    state = case((outbox.c.state == DeliveryState.PARKED, DeliveryState.WAITING.value), else_=outbox.c.state)
    changed = connection.execute(
        update(outbox)
        .where(
            outbox.c.key == key,
            outbox.c.state.in_([DeliveryState.WAITING, DeliveryState.UNCERTAIN, DeliveryState.PARKED]),
        )
        .values(state=state, due_at=now, settled_at=None, failed_count=0)
    )
    return changed.rowcount == 1


def drop(connection: Connection, key: EffectKey, reason: str, now: datetime) -> bool:
    """Never perform a delivery that is not on its way. False if there is no such one. The news of a comment rides with the next."""
    dialect.serialise_decisions(connection)
    before = load(connection, key)
    changed = connection.execute(
        update(outbox)
        .where(
            outbox.c.key == key,
            outbox.c.state.in_([DeliveryState.WAITING, DeliveryState.UNCERTAIN, DeliveryState.PARKED]),
        )
        .values(state=DeliveryState.DROPPED, detail=reason, settled_at=now)
    )
    if before is None or changed.rowcount != 1:
        return False
    if before.kind is EffectKind.TICKET_COMMENT and before.noted_up_to is None:
        connection.execute(
            update(incidents).where(incidents.c.id == before.incident_id).values(is_comment_waiting=False)
        )
    return True
