"""What is remembered of people's addresses: deaths, revivals, whom somebody was told of; and what the policy makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from ingestd.core.effects import ContactNews, Decision
from ingestd.core.names import Channel, PersonName
from ingestd.store import apply, contacts, roster
from ingestd.testing.world import policy
from tests.store.builders import NOW, after, delivery

ADA, BO = PersonName("ada"), PersonName("bo")
PHONE, MAIL = "+15550000", "ada@example.com"
POLICY = policy()
DEAD = ContactNews(ADA, Channel.SMS, PHONE, "answered STOP")


def _row(connection: Connection, address: str = PHONE, channel: Channel = Channel.SMS) -> contacts.ContactRow:
    found = contacts.load(connection, ADA, channel, address)
    assert found is not None
    return found


def _channels(connection: Connection, name: PersonName = ADA) -> list[Channel]:
    return [channel for channel, _ in roster.effective(connection, POLICY, NOW).people[name].channels]


def test_a_death_takes_the_address_out_of_the_policy_and_waits_to_be_told(connection: Connection) -> None:
    apply.write(connection, Decision(contacts=(DEAD,)), NOW)
    assert contacts.dead(connection) == {(ADA, Channel.SMS, PHONE)}
    assert _row(connection).dead_since == NOW
    assert [row.person for row in contacts.untold(connection)] == [ADA]
    assert _channels(connection) == [Channel.EMAIL]
    assert _channels(connection, BO) == [Channel.SMS, Channel.EMAIL]


def test_a_second_death_changes_nothing(connection: Connection) -> None:
    contacts.write(connection, [DEAD], NOW)
    contacts.mark_told(connection, _row(connection))
    contacts.write(connection, [replace(DEAD, dead_because="something else")], after(minutes=5))
    row = _row(connection)
    assert (row.dead_since, row.reason, row.is_told) == (NOW, "answered STOP", True)


def test_the_end_of_a_death_that_was_told_is_told_and_of_one_that_was_not_is_not(connection: Connection) -> None:
    contacts.write(connection, [DEAD], NOW)
    assert contacts.revive(connection, ADA, Channel.SMS, PHONE)
    assert contacts.untold(connection) == []
    contacts.write(connection, [DEAD], after(minutes=1))
    contacts.mark_told(connection, _row(connection))
    assert contacts.revive(connection, ADA, Channel.SMS, PHONE)
    assert [row.dead_since for row in contacts.untold(connection)] == [None]
    assert not contacts.revive(connection, ADA, Channel.SMS, PHONE), "it works already"
    assert _channels(connection) == [Channel.SMS, Channel.EMAIL]


@pytest.mark.parametrize(("sent_minutes", "is_alive"), [(None, True), (-1, False), (0, False), (1, True)])
def test_only_what_left_after_the_death_proves_life(
    connection: Connection, sent_minutes: int | None, is_alive: bool
) -> None:
    contacts.write(connection, [DEAD], NOW)
    sent_at = None if sent_minutes is None else after(minutes=sent_minutes)
    contacts.write(connection, [ContactNews(ADA, Channel.SMS, PHONE, "", sent_at)], after(minutes=9))
    assert (_row(connection).dead_since is None) is is_alive
    assert _row(connection).reached_at == after(minutes=9)


def test_an_answer_to_a_page_says_that_it_reached_its_receiver(connection: Connection) -> None:
    contacts.answered(connection, None, NOW)
    contacts.answered(connection, delivery("INC-1/tickets/ticket-open/1"), NOW)
    assert contacts.listed(connection) == []
    page = delivery("INC-1/sms/page/1", person=ADA, channel=Channel.SMS, address=PHONE, settled_at=NOW)
    contacts.answered(connection, page, after(minutes=2))
    assert _row(connection).reached_at == after(minutes=2)


def test_an_opt_out_concerns_everybody_with_the_number_and_no_stranger(connection: Connection) -> None:
    shared = replace(POLICY.people[BO], channels=((Channel.SMS, PHONE),))
    both = replace(POLICY, people={**POLICY.people, BO: shared})
    news = contacts.opt_out(connection, Channel.SMS, PHONE, both, NOW, is_out=True)
    assert sorted(one.person for one in news) == [ADA, BO]
    assert contacts.opt_out(connection, Channel.SMS, "+19990000", both, NOW, is_out=True) == ()
    assert len(contacts.dead(connection)) == 2
    contacts.opt_out(connection, Channel.SMS, PHONE, both, NOW, is_out=False)
    assert contacts.dead(connection) == frozenset()


def test_the_last_contact_stays_in_the_policy(connection: Connection) -> None:
    contacts.write(connection, [DEAD, ContactNews(ADA, Channel.EMAIL, MAIL, "bounced")], NOW)
    assert _channels(connection) == [Channel.SMS, Channel.EMAIL]


def test_addresses_that_were_corrected_are_forgotten(connection: Connection) -> None:
    contacts.write(connection, [DEAD, ContactNews(ADA, Channel.EMAIL, MAIL), ContactNews(BO, Channel.SMS, "+1")], NOW)
    assert contacts.forget_strangers(connection, POLICY) == []
    moved = replace(POLICY.people[ADA], channels=((Channel.SMS, "+15559999"), (Channel.EMAIL, MAIL)))
    gone = contacts.forget_strangers(connection, replace(POLICY, people={**POLICY.people, ADA: moved}))
    assert [row.address for row in gone] == [PHONE]
    assert [row.address for row in contacts.listed(connection)] == [MAIL]
