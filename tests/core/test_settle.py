"""The end of an attempt, for each kind of delivery and outcome; what else follows from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import ContactNews, DropReason, PageReason
from ingestd.core.names import Channel, EffectKind, IncidentState, PersonName
from ingestd.core.policy import Route
from ingestd.core.receipt import settle_receipt
from ingestd.core.settle import (
    NOT_TWICE,
    Blame,
    Outcome,
    OutcomeKind,
    Settlement,
    give_up_page,
    settle,
    settle_word,
)
from ingestd.testing.builders import NOW, delivery, escalation, incident
from ingestd.testing.world import policy

POLICY = policy()
WAITING, LEASED, UNCERTAIN, DONE, DROPPED, PARKED = DeliveryState
WINDOW = 600.0
PAGES = {EffectKind.PAGE, EffectKind.NOTICE}


def ends(kind: EffectKind, outcome: OutcomeKind, *, state=IncidentState.TRIGGERED, after=None, **changes) -> Settlement:
    paged = changes.pop("paged", ())
    return settle(
        delivery(kind, **changes),
        Outcome(outcome, "what the service said", after),
        incident(state, escalation=escalation(paged=paged)),
        POLICY,
        NOW,
        chance=1.0,
        lookup_window_seconds=WINDOW,
    )


def wait(settled: Settlement) -> float:
    return (settled.delivery.due_at - NOW).total_seconds()


def effects(settled: Settlement) -> list[str]:
    return [effect.key for effect in settled.decision.effects]


def reasons(settled: Settlement) -> list[str]:
    return [entry.reason for entry in settled.decision.timeline]


@pytest.mark.parametrize("kind", list(EffectKind))
def test_done_is_done(kind):
    settled = ends(kind, OutcomeKind.DONE)
    assert (settled.delivery.state, settled.delivery.settled_at, settled.delivery.lease_until) == (DONE, NOW, None)
    assert effects(settled) == []


@pytest.mark.parametrize("outcome", [OutcomeKind.REFUSED, OutcomeKind.GONE])
@pytest.mark.parametrize("kind", list(EffectKind))
def test_what_will_never_work_is_parked(kind, outcome):
    settled = ends(kind, outcome)
    assert (settled.delivery.state, settled.delivery.settled_at) == (PARKED, NOW)


@pytest.mark.parametrize("outcome", [OutcomeKind.TRY_LATER, OutcomeKind.CREDENTIALS_REJECTED])
@pytest.mark.parametrize("kind", list(EffectKind))
def test_what_may_work_later_waits(kind, outcome):
    settled = ends(kind, outcome)
    assert (settled.delivery.state, settled.delivery.failed_count) == (WAITING, 1)
    assert wait(settled) == (5 if kind.is_ticket else 3)
    assert settled.delivery.unknown_since is None


@pytest.mark.parametrize("kind", list(EffectKind))
def test_the_wish_of_the_service_is_kept(kind):
    assert wait(ends(kind, OutcomeKind.TRY_LATER, after=120)) == 120


@pytest.mark.parametrize("kind", sorted(NOT_TWICE | {EffectKind.PAGE, EffectKind.WORD}))
def test_an_unknown_outcome_is_looked_up_soon(kind):
    settled = ends(kind, OutcomeKind.UNKNOWN)
    assert (settled.delivery.state, settled.delivery.unknown_since, wait(settled)) == (UNCERTAIN, NOW, 5)


@pytest.mark.parametrize("kind", sorted(set(EffectKind) - NOT_TWICE - {EffectKind.PAGE, EffectKind.WORD}))
def test_an_unknown_outcome_of_what_may_be_repeated_is_repeated(kind):
    settled = ends(kind, OutcomeKind.UNKNOWN)
    assert (settled.delivery.state, settled.delivery.failed_count) == (WAITING, 1)


@pytest.mark.parametrize("kind", sorted(NOT_TWICE))
def test_it_is_looked_up_until_the_index_must_have_caught_up_and_only_then_sent_again(kind):
    first = ends(kind, OutcomeKind.NOT_FOUND, unknown_since=NOW - timedelta(seconds=5))
    assert (first.delivery.state, first.delivery.looked_count, wait(first)) == (UNCERTAIN, 1, 15)
    late = ends(kind, OutcomeKind.NOT_FOUND, unknown_since=NOW - timedelta(seconds=590), looked_count=9)
    assert (late.delivery.state, wait(late)) == (UNCERTAIN, 10), "the last look comes when the window ends, not after"
    over = ends(kind, OutcomeKind.NOT_FOUND, unknown_since=NOW - timedelta(seconds=600), looked_count=9)
    assert (over.delivery.state, over.delivery.unknown_since, wait(over)) == (WAITING, None, 0)


def test_a_look_that_fails_is_made_again_and_nothing_is_sent_meanwhile():
    settled = ends(EffectKind.TICKET_OPEN, OutcomeKind.TRY_LATER, unknown_since=NOW - timedelta(seconds=5))
    assert (settled.delivery.state, settled.delivery.unknown_since) == (UNCERTAIN, NOW - timedelta(seconds=5))


def test_a_second_unknown_outcome_starts_the_window_anew():
    settled = ends(EffectKind.TICKET_OPEN, OutcomeKind.UNKNOWN, unknown_since=NOW - timedelta(hours=1), looked_count=7)
    assert (settled.delivery.unknown_since, settled.delivery.looked_count) == (NOW, 0)


def test_a_page_that_is_not_found_is_sent_again_at_once():
    settled = ends(EffectKind.PAGE, OutcomeKind.NOT_FOUND, unknown_since=NOW - timedelta(seconds=5))
    assert (settled.delivery.state, settled.delivery.unknown_since, wait(settled)) == (WAITING, None, 0)


# ------------------------------------------------------------------ pages


def test_who_was_paged_counts_as_told():
    settled = ends(EffectKind.PAGE, OutcomeKind.DONE)
    (after,) = settled.decision.incidents
    assert after.escalation.paged == ((PersonName("ada"), Channel.SMS),)
    assert reasons(settled) == ["handed_over"]


@pytest.mark.parametrize(
    ("outcome", "failed_count", "fails_over"),
    [
        (OutcomeKind.REFUSED, 0, True),
        (OutcomeKind.GONE, 0, True),
        (OutcomeKind.CREDENTIALS_REJECTED, 0, True),
        (OutcomeKind.TRY_LATER, 0, False),
        (OutcomeKind.TRY_LATER, 1, True),
        (OutcomeKind.UNKNOWN, 0, False),
        (OutcomeKind.UNKNOWN, 1, True),
        (OutcomeKind.NOT_FOUND, 5, False),
        (OutcomeKind.DONE, 5, False),
    ],
)
def test_a_page_that_does_not_get_through_goes_by_the_next_channel(outcome, failed_count, fails_over):
    settled = ends(
        EffectKind.PAGE, outcome, failed_count=failed_count, unknown_since=NOW if outcome == "not_found" else None
    )
    assert effects(settled) == (["INC-1001/mail/page/1"] if fails_over else [])
    assert settled.delivery.is_failed_over is fails_over
    assert [effect.level for effect in settled.decision.effects] == [1] * fails_over


@pytest.mark.parametrize(("after", "fails_over"), [(None, False), (10.0, False), (10.1, True), (3600.0, True)])
def test_a_page_that_is_told_to_wait_long_does_not_wait_to_fail_again(after, fails_over):
    settled = ends(EffectKind.PAGE, OutcomeKind.TRY_LATER, after=after)
    assert settled.delivery.is_failed_over is fails_over
    assert wait(settled) == max(3.0, after or 0)


def test_a_page_fails_over_once():
    settled = ends(EffectKind.PAGE, OutcomeKind.TRY_LATER, failed_count=7, is_failed_over=True)
    assert effects(settled) == []


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (IncidentState.ACKNOWLEDGED, DropReason.ACKNOWLEDGED),
        (IncidentState.RESOLVED, DropReason.RESOLVED),
        (IncidentState.CLOSED, DropReason.CLOSED),
    ],
)
@pytest.mark.parametrize("outcome", [OutcomeKind.TRY_LATER, OutcomeKind.UNKNOWN, OutcomeKind.CREDENTIALS_REJECTED])
def test_a_page_that_fails_after_somebody_answered_is_given_up(state, reason, outcome):
    settled = ends(EffectKind.PAGE, outcome, state=state)
    assert (settled.delivery.state, settled.delivery.detail) == (DROPPED, reason.value)
    told = settled.decision.incidents[0].escalation.paged if settled.decision.incidents else ()
    assert bool(told) is (outcome is OutcomeKind.UNKNOWN), "who may have got the page hears of the end"
    is_told_now = told and not state.is_open
    assert effects(settled) == (["INC-1001/sms/notice/1"] if is_told_now else [])


def test_a_page_that_arrives_after_the_resolve_is_followed_by_its_end():
    settled = ends(EffectKind.PAGE, OutcomeKind.DONE, state=IncidentState.RESOLVED)
    assert effects(settled) == ["INC-1001/sms/notice/1"]


@pytest.mark.parametrize("outcome", [OutcomeKind.DONE, OutcomeKind.UNKNOWN])
@pytest.mark.parametrize("channel", list(Channel))
def test_who_was_paged_before_has_heard_of_the_end_and_hears_of_it_once(channel, outcome):
    told = ((PersonName("ada"), channel),)
    assert effects(ends(EffectKind.PAGE, outcome, state=IncidentState.RESOLVED, paged=told)) == []


@pytest.mark.parametrize(
    ("kind", "changes", "followed_by"),
    [
        (EffectKind.PAGE, {}, ["INC-1001/mail/page/1"]),
        (EffectKind.PAGE, {"is_failed_over": True}, []),
        (EffectKind.NOTICE, {}, []),
    ],
)
def test_a_page_that_cannot_be_addressed_any_more_goes_by_the_next_channel(kind, changes, followed_by):
    given_up = give_up_page(replace(delivery(kind), **changes), incident(), POLICY, NOW)
    assert [effect.key for effect in given_up.effects] == followed_by


# ------------------------------------------------------------------ tickets


def test_a_ticket_that_is_gone_is_opened_anew_while_it_is_needed():
    settled = ends(EffectKind.TICKET_COMMENT, OutcomeKind.GONE)
    assert effects(settled) == ["INC-1001/tickets/ticket-open/2"]
    assert reasons(settled) == ["gone"]


@pytest.mark.parametrize("state", [IncidentState.RESOLVED, IncidentState.CLOSED])
def test_a_ticket_that_is_gone_when_it_is_over_is_let_go(state):
    settled = ends(EffectKind.TICKET_RESOLVE, OutcomeKind.GONE, state=state)
    assert effects(settled) == []
    assert settled.decision.incidents[0].ticket_connector == ""


def test_a_place_for_tickets_that_is_gone_is_a_refusal():
    settled = ends(EffectKind.TICKET_OPEN, OutcomeKind.GONE)
    assert effects(settled) == []
    assert reasons(settled) == ["refused"]
    assert settled.decision.incidents == ()


def test_rejected_credentials_are_said_once_per_delivery():
    assert reasons(ends(EffectKind.TICKET_OPEN, OutcomeKind.CREDENTIALS_REJECTED)) == ["credentials_rejected"]
    assert reasons(ends(EffectKind.TICKET_OPEN, OutcomeKind.CREDENTIALS_REJECTED, failed_count=1)) == []


def test_an_uncertain_ticket_is_said():
    assert reasons(ends(EffectKind.TICKET_OPEN, OutcomeKind.UNKNOWN)) == ["uncertain"]
    assert reasons(ends(EffectKind.TICKET_PRIORITY, OutcomeKind.UNKNOWN)) == []


# ------------------------------------------------------------------ receipts


def receipt(status: str, *, kind=EffectKind.PAGE, **changes) -> Settlement:
    before = replace(delivery(kind, state=DONE, settled_at=NOW), **changes)
    told = escalation(paged=((PersonName("ada"), Channel.SMS),))
    return settle_receipt(before, status, "unreachable handset", incident(escalation=told), POLICY, NOW)


def test_a_delivered_page_is_noted():
    settled = receipt("delivered")
    assert (settled.delivery.state, settled.delivery.receipt_status) == (DONE, "delivered")
    assert reasons(settled) == ["delivered"]
    assert effects(settled) == []


def test_an_undelivered_page_goes_by_the_next_channel_and_its_receiver_was_not_told():
    settled = receipt("failed")
    assert effects(settled) == ["INC-1001/mail/page/1"]
    assert settled.decision.incidents[0].escalation.paged == ()
    assert settled.delivery.is_failed_over


def test_an_undelivered_page_that_has_failed_over_already_is_only_kept():
    settled = receipt("failed", is_failed_over=True)
    assert effects(settled) == []
    assert settled.delivery.receipt_status == "failed"


def test_an_undelivered_notice_pages_nobody():
    settled = receipt("failed", kind=EffectKind.NOTICE)
    assert settled.decision.effects == ()


# ------------------------------------------------------------------ vendors


TWO = replace(POLICY, routes={Channel.SMS: (Route("sms"), Route("sms2")), Channel.EMAIL: (Route("mail"),)})
SECOND, BY_MAIL = "INC-1001/sms2/page/1", "INC-1001/mail/page/1"


def fails(outcome: Outcome, *, known=TWO, kind=EffectKind.PAGE, state=IncidentState.TRIGGERED, **changes) -> Settlement:
    told = incident(state, escalation=escalation())
    before = delivery(kind, **changes)
    return settle(before, outcome, told, known, NOW, chance=1.0, lookup_window_seconds=WINDOW, sent_to="+15550000")


@pytest.mark.parametrize(
    ("outcome", "failed_count", "followed_by"),
    [
        (Outcome(OutcomeKind.REFUSED), 0, [SECOND]),
        (Outcome(OutcomeKind.CREDENTIALS_REJECTED), 0, [SECOND]),
        (Outcome(OutcomeKind.TRY_LATER), 0, []),
        (Outcome(OutcomeKind.TRY_LATER), 1, [SECOND]),
        (Outcome(OutcomeKind.TRY_LATER, after_seconds=30), 0, [SECOND]),
        (Outcome(OutcomeKind.TRY_LATER, after_seconds=5, is_resting=True), 0, [SECOND]),
        (Outcome(OutcomeKind.UNKNOWN), 0, []),
        (Outcome(OutcomeKind.UNKNOWN), 1, [SECOND]),
        (Outcome(OutcomeKind.REFUSED, blame=Blame.CONTACT), 0, [BY_MAIL]),
        (Outcome(OutcomeKind.REFUSED, blame=Blame.DEAD_CONTACT), 0, [BY_MAIL]),
    ],
)
def test_who_is_at_fault_decides_whether_another_vendor_or_another_channel_follows(outcome, failed_count, followed_by):
    settled = fails(outcome, failed_count=failed_count)
    assert effects(settled) == followed_by
    assert settled.delivery.is_failed_over is bool(followed_by)
    causes = [effect.cause for effect in settled.decision.effects]
    assert causes == [PageReason.VENDOR_FAILED if key == SECOND else PageReason.CHANNEL_FAILED for key in followed_by]


def test_after_the_last_vendor_comes_the_next_channel():
    settled = fails(Outcome(OutcomeKind.REFUSED), connector="sms2")
    assert effects(settled) == [BY_MAIL]


def test_a_vendor_that_a_reload_took_away_is_followed_by_the_first_that_is_there():
    settled = fails(Outcome(OutcomeKind.REFUSED), connector="gone")
    assert effects(settled) == ["INC-1001/sms/page/2"]


def test_a_rest_of_the_only_vendor_is_waited_for_if_it_is_short():
    short, long = (Outcome(OutcomeKind.TRY_LATER, after_seconds=wait, is_resting=True) for wait in (5, 40))
    assert effects(fails(short, known=POLICY)) == []
    assert effects(fails(long, known=POLICY)) == [BY_MAIL]


def test_a_dead_contact_is_learnt_with_the_address_that_was_tried():
    settled = fails(Outcome(OutcomeKind.REFUSED, "opted out", blame=Blame.DEAD_CONTACT))
    assert settled.decision.contacts == (ContactNews(PersonName("ada"), Channel.SMS, "+15550000", "opted out"),)
    assert fails(Outcome(OutcomeKind.REFUSED, "blocked", blame=Blame.CONTACT)).decision.contacts == ()


@pytest.mark.parametrize(("kind", "key"), [(EffectKind.NOTICE, "INC-1001/sms2/notice/1")])
def test_the_end_is_told_by_the_next_vendor_and_by_no_other_channel(kind, key):
    over = IncidentState.RESOLVED
    assert effects(fails(Outcome(OutcomeKind.REFUSED), kind=kind, state=over)) == [key]
    assert effects(fails(Outcome(OutcomeKind.REFUSED), kind=kind, state=over, connector="sms2")) == []
    assert effects(fails(Outcome(OutcomeKind.REFUSED), kind=kind, state=over, is_failed_over=True)) == []


@pytest.mark.parametrize(
    ("connector", "outcome", "followed_by"),
    [
        ("sms", Outcome(OutcomeKind.REFUSED), [("word/x/sms2", "sms2")]),
        ("sms2", Outcome(OutcomeKind.REFUSED), [("word/x/email", "mail")]),
        ("sms", Outcome(OutcomeKind.REFUSED, blame=Blame.CONTACT), [("word/x/email", "mail")]),
        ("sms", Outcome(OutcomeKind.TRY_LATER), []),
        ("sms", Outcome(OutcomeKind.DONE), []),
    ],
)
def test_a_word_is_said_by_the_next_vendor_and_then_by_the_next_channel(connector, outcome, followed_by):
    word = replace(delivery(EffectKind.WORD), key="word/x", connector=connector, reason="Hello")
    settled = settle_word(word, outcome, TWO, NOW, chance=1.0)
    assert [(one.key, one.connector) for one in settled.decision.words] == followed_by
