"""What proves who wrote a mail: the login, the network, or our own mail server; and who may send where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.mail_words import MailReason
from ingestd.core.mail.message import read
from ingestd.core.mail.proof import Proof, is_among, proof_of, refusal_of, unproved_words
from ingestd.core.mail.trust import Trust

OURS = "mx.example.com"
BY_US = f"Authentication-Results: {OURS}; dmarc=pass header.from=example.com"
BY_SERVER = Trust(authserv_id=OURS)
STRANGER = Arrival("smtp", sender="ada@example.com", remote="203.0.113.9")
RELAY = Arrival("smtp", sender="ada@example.com", remote="10.0.0.1", is_trusted_network=True)
MAILBOX = Arrival("imap", sender="ada@example.com", account="ops")


def letter(*head: str, sender: str = "Ada <ada@example.com>"):
    lines = "\r\n".join((*head, f"From: {sender}", "Subject: disk full"))
    return read(f"{lines}\r\n\r\nhelp\r\n".encode(), LetterLimits())


def test_a_name_and_a_password_of_ours_prove_it_whatever_else_is_configured():
    how = replace(STRANGER, user="nagios")
    assert proof_of(letter(), how, Trust()) is Proof.LOGIN
    assert proof_of(letter(), how, BY_SERVER) is Proof.LOGIN


def test_a_trusted_machine_vouches_for_what_it_hands_in():
    assert proof_of(letter(), RELAY, Trust()) is Proof.NETWORK
    assert proof_of(letter(), STRANGER, Trust()) is None


def test_where_mail_of_anybody_is_taken_a_relay_that_hands_it_in_vouches_for_nobody():
    open_to_all = Trust(takes_unauthenticated=True)
    assert proof_of(letter(), RELAY, open_to_all) is None
    assert "email.authserv_id" in unproved_words(letter(), RELAY, open_to_all)
    assert "no trusted network" not in unproved_words(letter(), RELAY, open_to_all)
    assert proof_of(letter(), replace(RELAY, user="nagios"), open_to_all) is Proof.LOGIN
    assert proof_of(letter(BY_US), RELAY, replace(open_to_all, authserv_id=OURS)) is Proof.DMARC


def test_with_our_servers_name_a_trusted_machine_vouches_for_nothing_by_itself():
    assert proof_of(letter(), RELAY, BY_SERVER) is None
    assert proof_of(letter(BY_US), RELAY, BY_SERVER) is Proof.DMARC


@pytest.mark.parametrize("how", [RELAY, MAILBOX])
@pytest.mark.parametrize(
    "head",
    [
        (),
        ("Authentication-Results: mx.evil.example; dmarc=pass header.from=example.com",),
        (f"Authentication-Results: {OURS}; dmarc=fail header.from=example.com", BY_US),
        (f"Authentication-Results: {OURS}; none", BY_US),
        ("Authentication-Results: mx.evil.example; dmarc=pass header.from=example.com", BY_US),
        (f"Authentication-Results: {OURS}; dmarc=pass header.from=evil.example",),
        (f"Authentication-Results: {OURS}; spf=pass smtp.mailfrom=bounces@evil.example",),
        (f"Authentication-Results: {OURS}; dkim=pass header.d=evil.example",),
        (f"Authentication-Results: {OURS}; dkim=fail (dmarc=pass header.from=example.com)",),
        (f"X-Authentication-Results: {OURS}; dmarc=pass header.from=example.com",),
        (f"ARC-Authentication-Results: i=1; {OURS}; dmarc=pass header.from=example.com",),
    ],
)
def test_only_the_topmost_result_of_our_server_about_the_domain_in_from_counts(head, how):
    assert proof_of(letter(*head), how, BY_SERVER) is None


def test_results_that_a_stranger_hands_in_himself_count_for_nothing():
    assert proof_of(letter(BY_US), STRANGER, BY_SERVER) is None
    refused = refusal_of(letter(BY_US), STRANGER, BY_SERVER, None)
    assert refused is not None
    assert "203.0.113.9 is in no trusted network" in refused.detail


def test_a_mailbox_without_the_name_of_its_server_proves_nothing():
    assert proof_of(letter(BY_US), MAILBOX, Trust()) is None
    assert proof_of(letter(BY_US), MAILBOX, BY_SERVER) is Proof.DMARC


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "ada@example.com, eve@evil.example",
        '"ada@example.com" <eve@evil.example>',
        "ada@example.com <eve@evil.example>",
        "ada(<eve@evil.example>)@example.com",
        "eve@evil.example)ada@example.com",
    ],
)
def test_a_name_that_looks_like_an_address_is_never_the_one_that_is_proved(sender):
    taken = letter(BY_US, sender=sender)
    assert taken.sender != "ada@example.com"
    assert proof_of(taken, MAILBOX, BY_SERVER) is None


def test_what_somebody_let_through_by_hand_is_proved_by_that():
    assert proof_of(letter(), STRANGER, Trust(), is_released=True) is Proof.BY_HAND
    only_others = Trust(senders=("bo@example.com",))
    assert refusal_of(letter(), STRANGER, only_others, Proof.BY_HAND) is None


def test_without_proof_it_is_refused_in_words_that_say_what_would_pass():
    refused = refusal_of(letter(), STRANGER, Trust(), None)
    assert refused is not None
    assert refused.reason is MailReason.UNAUTHENTICATED
    assert "trusted_networks" in refused.detail
    assert "auth: none" in refused.detail
    at_mailbox = refusal_of(letter(), MAILBOX, Trust(), None)
    assert at_mailbox is not None
    assert "authserv_id" in at_mailbox.detail


def test_machine_mail_without_proof_is_taken_where_that_is_written_out():
    assert refusal_of(letter(), STRANGER, Trust(takes_unauthenticated=True), None) is None


@pytest.mark.parametrize(
    ("senders", "envelope", "is_taken"),
    [
        (("ada@example.com",), "ada@example.com", True),
        (("@example.com",), "ada@example.com", True),
        (("ada@example.com",), "", True),
        (("@example.com",), "bounce@mailer.example.net", False),
        (("@example.com", "@mailer.example.net"), "bounce@mailer.example.net", True),
        (("@mailer.example.net",), "bounce@mailer.example.net", False),
        (("bo@example.com",), "ada@example.com", False),
    ],
)
def test_both_from_and_the_envelope_must_be_listed(senders, envelope, is_taken):
    how = replace(RELAY, sender=envelope)
    refused = refusal_of(letter(), how, Trust(senders=senders), Proof.NETWORK)
    assert (refused is None) is is_taken
    if refused is not None:
        assert refused.reason is MailReason.SENDER_NOT_ALLOWED


def test_a_list_of_senders_also_narrows_what_is_taken_without_proof():
    trust = Trust(senders=("@example.com",), takes_unauthenticated=True)
    assert refusal_of(letter(), STRANGER, trust, None) is None
    nobody = refusal_of(letter(sender=""), replace(STRANGER, sender=""), trust, None)
    assert nobody is not None
    assert nobody.reason is MailReason.NO_SENDER
    other = refusal_of(letter(sender="eve@evil.example"), STRANGER, trust, None)
    assert other is not None
    assert "eve@evil.example" in other.detail


@pytest.mark.parametrize(
    ("address", "is_listed"),
    [
        ("ada@example.com", True),
        ("ADA@Example.Com", True),
        ("ada@sub.example.com", False),
        ("ada@notexample.com", False),
        ("@example.com", False),
        ("example.com", False),
        ("", False),
        ("ada@example.com.evil.example", False),
    ],
)
def test_a_domain_is_listed_with_an_at_sign_and_means_itself_alone(address, is_listed):
    assert is_among(address, ("@example.com",)) is is_listed


def test_what_strangers_wrote_stands_on_one_line_and_is_cut():
    sender = "a" * 60 + "@" + ".".join(["b" * 60] * 4)
    refused = refusal_of(letter(sender=sender), STRANGER, Trust(), None)
    assert refused is not None
    assert "\n" not in refused.detail
    assert len(refused.detail) < 700
