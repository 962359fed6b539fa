"""What is known of people's addresses: which are dead and why, and when each last reached its owner.

An address that is dead is left out of the policy (``roster``), so that pages go by what works. Somebody must hear of it: ``is_told`` is
false until the person and the admin have been told of a death, or its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, delete, select

from ingestd.core.delivery import Delivery
from ingestd.core.effects import ContactNews
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Policy
from ingestd.store import dialect, roster
from ingestd.store.rows import row_of, select_of, value_of
from ingestd.store.schema import contacts

STOPPED = "answered STOP"
"""Why an address is dead whose owner told the service so."""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One address of one person. ``dead_since`` is None while it may be used."""

    person: PersonName
    channel: Channel
    address: str
    dead_since: datetime | None = None
    reason: str = ""
    reached_at: datetime | None = None
    is_told: bool = True


def load(connection: Connection, person: PersonName, channel: Channel, address: str) -> ContactRow | None:
    """What is known of an address; None if nothing is."""
    query = select_of(contacts, ContactRow).where(
        contacts.c.person == person, contacts.c.channel == channel, contacts.c.address == address
    )
    row = connection.execute(query).first()
    return value_of(ContactRow, row) if row else None


def listed(connection: Connection) -> list[ContactRow]:
    """Everything that is known, by person and channel. At most an address each, and those that a configuration had before."""
    query = select_of(contacts, ContactRow).order_by(contacts.c.person, contacts.c.channel, contacts.c.address)
    return [value_of(ContactRow, row) for row in connection.execute(query)]


def dead(connection: Connection) -> frozenset[tuple[PersonName, Channel, str]]:
    """The addresses that are not to be used."""
    query = select(contacts.c.person, contacts.c.channel, contacts.c.address).where(contacts.c.dead_since.is_not(None))
    return frozenset((PersonName(row.person), row.channel, row.address) for row in connection.execute(query))


def untold(connection: Connection) -> list[ContactRow]:
    """Deaths, and ends of them, of which nobody has been told yet."""
    query = select_of(contacts, ContactRow).where(contacts.c.is_told.is_(False))
    return [value_of(ContactRow, row) for row in connection.execute(query.order_by(contacts.c.person))]


def write(connection: Connection, news: Iterable[ContactNews], now: datetime) -> None:
    """Remember what was learnt, in the caller's transaction.

    A death that is known stays as it is; an address is alive by which somebody was reached with what left after its death.
    """
    for one in news:
        before = load(connection, one.person, one.channel, one.address)
        row = before or ContactRow(one.person, one.channel, one.address)
        if not one.dead_because:
            is_proof = row.dead_since is None or one.sent_at is None or one.sent_at > row.dead_since
            row = replace(_revived(row) if is_proof else row, reached_at=now)
        elif row.dead_since is None:
            row = replace(row, dead_since=now, reason=one.dead_because, is_told=False)
        if row != before:
            _save(connection, row)
        if (before is not None and before.dead_since is not None) != (row.dead_since is not None):
            roster.raise_revision(connection)


def answered(connection: Connection, delivery: Delivery | None, now: datetime) -> None:
    """Somebody answered a page, which therefore reached them where it went."""
    if delivery is None or not delivery.person or not delivery.channel or not delivery.address:
        return
    sent_at = delivery.settled_at or delivery.created_at
    write(connection, [ContactNews(delivery.person, delivery.channel, delivery.address, "", sent_at)], now)


def revive(connection: Connection, person: PersonName, channel: Channel, address: str) -> bool:
    """Use the address again; False if it is not dead."""
    dialect.serialise_decisions(connection)
    row = load(connection, person, channel, address)
    if row is None or row.dead_since is None:
        return False
    _save(connection, _revived(row))
    roster.raise_revision(connection)
    return True


def opt_out(
    connection: Connection, channel: Channel, address: str, policy: Policy, now: datetime, *, is_out: bool
) -> tuple[ContactNews, ...]:
    """Whoever has this address answered STOP (``is_out``) or START: it is dead, or alive. Gives what was learnt; nothing for strangers."""
    dialect.serialise_decisions(connection)
    owners = [one.name for one in policy.people.values() if one.address_of(channel) == address]
    news = tuple(ContactNews(name, channel, address, STOPPED if is_out else "") for name in owners)
    write(connection, news, now)
    return news


def mark_told(connection: Connection, row: ContactRow) -> None:
    """Somebody has been told."""
    _save(connection, replace(row, is_told=True))


def forget_strangers(connection: Connection, policy: Policy) -> list[ContactRow]:
    """Forget the addresses that the configuration does not hold any more: a corrected number begins anew. Gives those that were dead."""
    known = {(one.name, channel, address) for one in policy.people.values() for channel, address in one.channels}
    gone = [row for row in listed(connection) if (row.person, row.channel, row.address) not in known]
    for row in gone:
        connection.execute(
            delete(contacts).where(
                contacts.c.person == row.person,
                contacts.c.channel == row.channel,
                contacts.c.address == row.address,
            )
        )
    return [row for row in gone if row.dead_since is not None]


def _revived(row: ContactRow) -> ContactRow:
    """Alive; told of only if the death was told of."""
    if row.dead_since is None:
        return row
    return replace(row, dead_since=None, reason="", is_told=not row.is_told)


def _save(connection: Connection, row: ContactRow) -> None:
    dialect.upsert(connection, contacts, ["person", "channel", "address"], [row_of(row)])
