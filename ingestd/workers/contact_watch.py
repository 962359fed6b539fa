"""Tells of addresses that are dead: their owner by another channel, the admin by an alert of our own; and when they work again."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection

from ingestd.ambient import Clock
from ingestd.core.effects import Decision, PersonalWord
from ingestd.core.names import EffectKey
from ingestd.core.policy import Policy
from ingestd.core.safe_text import masked_address
from ingestd.store import apply, contacts, dialect, roster
from ingestd.store.contacts import ContactRow
from ingestd.store.database import Database
from ingestd.telemetry import log_events
from ingestd.workers import self_report
from ingestd.workers.current import Current
from ingestd.workers.wake import Wake

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ContactWatch:
    """The worker's step."""

    def __init__(self, database: Database, current: Current, clock: Clock, wake: Wake) -> None:
        self._database = database
        self._current = current
        self._clock = clock
        self._wake = wake
        self._looked_through: Policy | None = None
        """The policy whose addresses have been compared with those that are known."""

    async def run_once(self) -> bool:
        """Tell what nobody has been told yet."""
        policy = self._current.policy
        if policy is not self._looked_through:
            for decision in await self._database.run(forget_strangers, policy, self._clock.now()):
                self._wake.after_decision(decision)
            self._looked_through = policy
        if not await self._database.read(contacts.untold):
            return False
        for row, decision in await self._database.run(tell, policy, self._clock.now()):
            write = log.info if row.dead_since is None else log.warning
            name = log_events.CONTACT_REVIVED if row.dead_since is None else log_events.CONTACT_DEAD
            write(name, person=row.person, channel=row.channel.value, reason=row.reason)
            self._wake.after_decision(decision)
        return False

    async def idle_seconds(self) -> float:
        """Until somebody rings."""
        return 3600.0


def forget_strangers(connection: Connection, policy: Policy, now: datetime) -> list[Decision]:
    """Forget addresses that the configuration does not hold any more; alerts about them end."""
    dialect.serialise_decisions(connection)
    gone = contacts.forget_strangers(connection, policy)
    if gone:
        roster.raise_revision(connection)
    still_dead = {(person, channel) for person, channel, _ in contacts.dead(connection)}
    return [
        self_report.contact_works(connection, row.person, row.channel, policy, now)
        for row in gone
        if (row.person, row.channel) not in still_dead
    ]


def tell(connection: Connection, policy: Policy, now: datetime) -> list[tuple[ContactRow, Decision]]:
    """Tell of everything that nobody has been told, in the caller's transaction; what was told of, with what follows."""
    dialect.serialise_decisions(connection)
    told = []
    for row in contacts.untold(connection):
        contacts.mark_told(connection, row)
        if row.dead_since is None:
            decision = self_report.contact_works(connection, row.person, row.channel, policy, now)
            told.append((row, decision))
            continue
        word = word_to_owner(row, roster.effective(connection, policy, now), now)
        apply.write(connection, Decision(words=(word,) if word else ()), now)
        alert = self_report.contact_dead(connection, row, policy, now, is_last=word is None)
        told += [(row, alert), (row, Decision(words=(word,)))] if word else [(row, alert)]
    return told


def word_to_owner(row: ContactRow, effective: Policy, now: datetime) -> PersonalWord | None:
    """What the owner is told, by the first of their channels that still works; None if there is none."""
    person = effective.people.get(row.person)
    for channel, address in person.channels if person else ():
        connectors = effective.connectors_of(channel, address)
        if (channel, address) == (row.channel, row.address) or not connectors:
            continue
        text = (
            f"ingestd no longer pages you by {row.channel}\n"
            f"What was sent to {masked_address(row.address)} failed for good: {row.reason}. From now on you are paged by {channel}.\n"
            f"{cure(row)}"
        )
        assert row.dead_since is not None, "only of a death is anybody told"
        key = EffectKey(f"word/contact/{row.person}/{row.channel}/{int(row.dead_since.timestamp())}")
        return PersonalWord(key, connectors[0], row.person, channel, text, now)
    return None


def cure(row: ContactRow) -> str:
    """What brings the address back, as a sentence."""
    start = "Send START to the number that the pages came from; or let" if row.channel.value == "sms" else "Let"
    return f"{start} an admin correct the address, or run: ingestd contact revive {row.person} {row.channel}"
