"""What follows from a receipt, in any order, and from none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import ContactNews, PageReason
from ingestd.core.names import Channel, EffectKind, IncidentState, PersonName
from ingestd.core.receipt import settle_receipt, settle_silence
from ingestd.testing.builders import NOW, delivery, escalation, incident
from ingestd.testing.world import policy

POLICY = policy()
ADA = PersonName("ada")
SENT_AT = NOW - timedelta(seconds=60)
PAGE = replace(
    delivery(EffectKind.PAGE, state=DeliveryState.DONE),
    settled_at=SENT_AT,
    receipt_id="R-1",
    receipt_due_at=NOW,
    address="+15550000",
)
TOLD = incident(escalation=escalation(paged=((ADA, Channel.SMS),)))


def said(status, rank, before=PAGE, *, is_dead=False):
    return settle_receipt(before, status, "30005", TOLD, POLICY, NOW, rank=rank, is_contact_dead=is_dead)


@pytest.mark.parametrize("status", ["delivered", "failed"])
def test_a_last_word_ends_the_wait(status):
    after = said(status, 5).delivery
    assert (after.receipt_due_at, after.receipt_status, after.receipt_rank) == (None, status, 5)


def test_a_word_in_between_does_not_end_the_wait():
    after = said("pending", 4).delivery
    assert (after.receipt_due_at, after.receipt_status, after.receipt_rank) == (NOW, "", 4)


@pytest.mark.parametrize(("status", "rank"), [("pending", 4), ("delivered", 5), ("failed", 5)])
def test_what_does_not_rank_above_what_is_known_changes_nothing(status, rank):
    known = said("delivered", 5).delivery
    again = said(status, rank, known)
    assert again.delivery == known
    assert again.decision == said("pending", 4, known).decision
    assert again.decision.timeline == ()


def test_a_later_word_of_higher_rank_counts():
    known = said("failed", 5).delivery
    again = said("delivered", 6, known)
    assert again.delivery.receipt_status == "delivered"
    assert [entry.reason for entry in again.decision.timeline] == ["delivered"]


def test_delivered_says_that_the_address_works_as_of_when_the_page_left():
    assert said("delivered", 5).decision.contacts == (ContactNews(ADA, Channel.SMS, "+15550000", "", SENT_AT),)


def test_a_dead_number_is_learnt_where_the_page_went_and_not_where_the_person_is_now():
    moved = replace(PAGE, address="+15551111")
    (news,) = said("failed", 5, moved, is_dead=True).decision.contacts
    assert (news.address, news.dead_because) == ("+15551111", "30005")


def test_a_failure_on_the_way_says_nothing_of_the_number():
    assert said("failed", 5).decision.contacts == ()


def test_silence_pages_by_the_next_channel_once():
    settled = settle_silence(PAGE, TOLD, POLICY, NOW)
    assert [(one.key, one.cause) for one in settled.decision.effects] == [
        ("INC-1001/mail/page/1", PageReason.NO_RECEIPT)
    ]
    assert (settled.delivery.receipt_due_at, settled.delivery.is_failed_over) == (None, True)
    assert settle_silence(settled.delivery, TOLD, POLICY, NOW).decision.effects == ()


@pytest.mark.parametrize("state", [IncidentState.ACKNOWLEDGED, IncidentState.RESOLVED, IncidentState.CLOSED])
def test_silence_about_what_is_answered_is_let_be(state):
    settled = settle_silence(PAGE, replace(TOLD, state=state), POLICY, NOW)
    assert settled.decision.effects == ()
    assert settled.delivery.receipt_due_at is None
    assert settled.delivery.is_failed_over, "what the same message told besides is looked at all the same"


def test_silence_about_what_has_become_quiet_is_let_be():
    assert settle_silence(PAGE, replace(TOLD, quiet="silenced"), POLICY, NOW).decision.effects == ()


def test_silence_of_the_only_channel_does_not_hurry_the_next_level():
    person = replace(POLICY.people[ADA], channels=((Channel.SMS, "+15550000"),))
    alone = replace(POLICY, people={**POLICY.people, ADA: person})
    settled = settle_silence(PAGE, TOLD, alone, NOW)
    assert settled.decision.effects == ()
    assert settled.decision.deadlines == ()
    assert [entry.reason for entry in settled.decision.timeline] == ["no_receipt"]
