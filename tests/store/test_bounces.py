"""What a mail server says of a mail of ours: which mail it was, and what follows."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection

from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import Decision
from ingestd.core.mail.bounce import Bounce, BouncedRecipient, BounceKind
from ingestd.core.mail.mail_words import MailReason
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, PersonName
from ingestd.store import apply, bounces, contacts, outbox, replies, timeline
from ingestd.store.bounces import BounceTaken
from ingestd.store.links import PageLink
from ingestd.testing.world import policy
from tests.store.builders import NOW, after, delivery, incident, put

POLICY = policy()
ID, ADA = IncidentId("INC-1001"), PersonName("ada")
PAGE = EffectKey("INC-1001/mail/page/1")
MESSAGE_ID = "<inc-1001.mail.page.1.0123456789abcdef@example.com>"
TOKEN = "abcdefghij23456"


@pytest.fixture(autouse=True)
def a_page_by_mail(connection: Connection) -> None:
    apply.write(connection, Decision(incidents=(incident(1001),)), NOW)
    page = {"kind": EffectKind.PAGE, "person": ADA, "channel": Channel.EMAIL, "state": DeliveryState.DONE}
    put(connection, delivery(PAGE, receipt_id=MESSAGE_ID, address="ada@example.com", settled_at=NOW, **page))
    replies.bind(connection, TOKEN, PageLink("", ID, ADA, PAGE, after(hours=72)))


def bounce(
    kind: BounceKind = BounceKind.FAILED, *references: str, message_id: str = "", address: str = "ada@example.com"
) -> Bounce:
    return Bounce((BouncedRecipient(address, kind, "5.1.1", "no such user"),), message_id, references=references)


def take(connection: Connection, one: Bounce) -> BounceTaken:
    return bounces.take(connection, one, POLICY, after(minutes=1))


def by_token() -> str:
    return f"<reply.{TOKEN}@example.com>"


@pytest.mark.parametrize(
    "one", [bounce(BounceKind.FAILED, by_token()), bounce(message_id=MESSAGE_ID)], ids=["token", "message-id"]
)
def test_a_page_that_bounced_is_found_and_counts_as_not_delivered(connection: Connection, one: Bounce) -> None:
    taken = take(connection, one)
    assert taken.reason is MailReason.PAGE_BOUNCED
    page = outbox.load(connection, PAGE)
    assert page is not None
    assert (page.receipt_status, page.is_failed_over) == ("failed", True)
    texts = [line.text for line in timeline.last(connection, ID, 9)]
    assert "not delivered to ada by email: 5.1.1 no such user" in texts
    assert take(connection, one).reason is MailReason.BOUNCE_REPEATED


@pytest.mark.parametrize(
    "one",
    [
        bounce(BounceKind.PERMANENT, "<reply.zzzzzzzzzzzzzzz@example.com>"),
        bounce(BounceKind.PERMANENT, message_id="<inc-1001.mail.page.1.fedcba9876543210@example.com>"),
        bounce(BounceKind.PERMANENT, f"<{TOKEN}@example.com>"),
        Bounce((BouncedRecipient("ada@example.com", BounceKind.PERMANENT),), ingestd_id=PAGE),
        bounce(BounceKind.PERMANENT),
    ],
)
def test_who_does_not_know_the_mail_makes_nothing_bounce(connection: Connection, one: Bounce) -> None:
    assert take(connection, one) == BounceTaken(MailReason.FOREIGN_BOUNCE)
    page = outbox.load(connection, PAGE)
    assert page is not None
    assert page.receipt_status == ""
    assert contacts.listed(connection) == []


@pytest.mark.parametrize("kind", [BounceKind.DELAYED, BounceKind.DELIVERED])
def test_a_mail_that_is_late_or_has_arrived_changes_nothing(connection: Connection, kind: BounceKind) -> None:
    before = outbox.load(connection, PAGE)
    assert take(connection, bounce(kind, by_token())).reason is MailReason.NOT_FAILED
    assert outbox.load(connection, PAGE) == before


def test_after_being_late_it_may_still_fail(connection: Connection) -> None:
    take(connection, bounce(BounceKind.DELAYED, by_token()))
    assert take(connection, bounce(BounceKind.FAILED, by_token())).reason is MailReason.PAGE_BOUNCED


@pytest.mark.parametrize(
    ("kind", "address", "is_dead"),
    [
        (BounceKind.PERMANENT, "ADA@example.com", True),
        (BounceKind.PERMANENT, "", True),
        (BounceKind.PERMANENT, "ada@old.example", False),
        (BounceKind.FAILED, "ada@example.com", False),
    ],
)
def test_only_the_address_that_we_wrote_to_can_be_dead(
    connection: Connection, kind: BounceKind, address: str, is_dead: bool
) -> None:
    take(connection, bounce(kind, by_token(), address=address))
    assert [(row.person, row.channel) for row in contacts.listed(connection)] == ([(ADA, Channel.EMAIL)] * is_dead)


def test_the_address_that_we_wrote_to_may_be_named_as_the_original_one(connection: Connection) -> None:
    there = BouncedRecipient("ada@old.example", BounceKind.PERMANENT, original_address="ada@example.com")
    take(connection, Bounce((there,), references=(by_token(),)))
    assert [row.person for row in contacts.listed(connection)] == [ADA]


def test_an_answer_to_a_reporter_that_bounces_is_noted_once(connection: Connection) -> None:
    name = "<inc-1001.mail.answer.1.0123456789abcdef@example.com>"
    told = {"kind": EffectKind.ANSWER, "channel": Channel.EMAIL, "state": DeliveryState.DONE, "receipt_id": name}
    put(connection, delivery("INC-1001/mail/answer/1", address="ann@cust.example", **told))
    one = bounce(BounceKind.PERMANENT, message_id=name, address="ann@cust.example")
    assert take(connection, one).reason is MailReason.ANSWER_BOUNCED
    take(connection, one)
    lines = [line.text for line in timeline.last(connection, ID, 9)]
    assert lines == ["what was told to ann@cust.example did not arrive: 5.1.1 no such user"]
    assert contacts.listed(connection) == []
