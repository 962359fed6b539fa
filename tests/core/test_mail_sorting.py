"""What kind of mail it is: ours, a bounce, a program's answer, an answer to a page, or content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.mail_words import MailDisposition, MailReason
from ingestd.core.mail.message import read
from ingestd.core.mail.sorting import HOPS_MAX, MailWay, sort
from ingestd.core.mail.trust import Trust

TOKEN = "abcdefghij23456"
PROVED = Arrival("smtp", sender="ada@example.com", is_trusted_network=True)


def sorted_of(*head: str, text: str = "help", how: Arrival = PROVED, sender: str = "ada@example.com"):
    lines = "\r\n".join((f"From: {sender}", "Message-ID: <a1@example.com>", *head))
    raw = f"{lines}\r\n\r\n{text}\r\n".encode()
    return sort(read(raw, LetterLimits()), how, Trust())


def ended(*head: str, **rest: object) -> tuple[MailDisposition | None, MailReason | None]:
    found = sorted_of(*head, **rest)
    assert found.way is MailWay.ENDED
    return found.disposition, found.reason


def test_plain_mail_is_content():
    found = sorted_of("Subject: disk full")
    assert (found.way, found.refusal, found.tokens) == (MailWay.CONTENT, None, ())


@pytest.mark.parametrize("head", ["X-Ingestd-Id: INC-1001/mail/page/1", "x-ingestd-incident: INC-1001"])
def test_what_an_ingestd_wrote_opens_nothing(head):
    assert ended(head, "Subject: [HIGH] Disk full") == (MailDisposition.OWN, MailReason.OWN_PAGE)


def test_a_message_id_as_ours_are_tells_our_own_mail():
    raw = b"From: a@example.com\r\nMessage-ID: <inc-1001.mail.page.1.0123456789abcdef@example.com>\r\n\r\nhelp\r\n"
    assert sort(read(raw, LetterLimits()), PROVED, Trust()).reason is MailReason.OWN_PAGE


@pytest.mark.parametrize("name", ["inc-1001@example.com", "0123456789abcdef@example.com", "inc.0123456789abcdef@a.b"])
def test_other_message_ids_do_not(name):
    raw = f"From: a@example.com\r\nMessage-ID: <{name}>\r\n\r\nhelp\r\n".encode()
    assert sort(read(raw, LetterLimits()), PROVED, Trust()).way is MailWay.CONTENT


@pytest.mark.parametrize(
    "text",
    [
        "A private note was added.\r\n\r\n[ingestd-0123456789abcdef0123]",
        "Disk full\r\n\r\nKept up to date by ingestd. Marker: ingestd-0123456789abcdef0123",
        "ada acknowledged\r\n[ingestd INC-1001/jira/ticket-comment/2]",
    ],
)
def test_what_a_ticket_system_writes_of_our_own_ticket_opens_nothing(text):
    assert ended("Subject: [JIRA] Disk full", text=text) == (MailDisposition.OWN, MailReason.OWN_TICKET)


def test_a_person_may_quote_such_a_ticket_in_a_report():
    text = "it is back!\r\n\r\nOn Monday, Jira <jira@example.com> wrote:\r\n> [ingestd INC-1001/jira/ticket-comment/2]"
    assert sorted_of("Subject: again", text=text).way is MailWay.CONTENT
    assert sorted_of("Subject: what is this", text="there is ingestd-0123 in my ticket").way is MailWay.CONTENT


def test_what_goes_round_in_a_circle_ends():
    hop = "Received: from a by b; Mon, 2 Mar 2026 02:00:00 +0000"
    assert sorted_of(*[hop] * HOPS_MAX).way is MailWay.CONTENT
    assert ended(*[hop] * (HOPS_MAX + 1)) == (MailDisposition.OWN, MailReason.TOO_MANY_HOPS)


@pytest.mark.parametrize(
    "head", ["Auto-Submitted: auto-replied", "Subject: Out of Office: Re: [HIGH] Disk full", "X-Autoreply: yes"]
)
def test_an_absence_note_is_no_answer_and_no_alert(head):
    assert ended(head) == (MailDisposition.ABSENCE, MailReason.ABSENCE_NOTE)
    assert ended(head, f"To: ack+{TOKEN}@example.com") == (MailDisposition.ABSENCE, MailReason.ABSENCE_NOTE)


@pytest.mark.parametrize("head", ["Auto-Submitted: auto-generated", "Precedence: bulk"])
def test_a_program_of_its_own_accord_is_content_but_answers_no_page(head):
    assert sorted_of(head).way is MailWay.CONTENT
    assert ended(head, f"To: ack+{TOKEN}@example.com") == (MailDisposition.ABSENCE, MailReason.AUTOMATIC_REPLY)


def test_an_accepted_invitation_answers_no_page():
    heads = (f"References: <reply.{TOKEN}@example.com>", "Content-Type: text/calendar; method=REPLY")
    assert ended(*heads) == (MailDisposition.ABSENCE, MailReason.AUTOMATIC_REPLY)


@pytest.mark.parametrize(
    ("head", "how"),
    [
        (f"To: ack+{TOKEN}@example.com", PROVED),
        (f"References: <a@b> <reply.{TOKEN}@example.com>", PROVED),
        ("To: ack@example.com", Arrival("smtp", sender="a@b.example", recipients=(f"ack+{TOKEN}@example.com",))),
    ],
)
def test_a_token_makes_it_an_answer_to_a_page(head, how):
    found = sorted_of(head, how=how)
    assert (found.way, found.tokens) == (MailWay.REPLY, (TOKEN,))


def test_an_answer_that_nobody_proves_is_sorted_with_what_speaks_against_it():
    found = sorted_of(f"To: ack+{TOKEN}@example.com", how=Arrival("smtp", sender="ada@example.com"))
    assert found.proof is None
    assert found.refusal is not None
    assert found.refusal.reason is MailReason.UNAUTHENTICATED


def test_a_bounce_is_one_whoever_sent_it():
    heads = ('Content-Type: multipart/report; report-type=delivery-status; boundary="b"',)
    text = "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--"
    found = sorted_of(*heads, text=text, how=Arrival("smtp"), sender="MAILER-DAEMON@example.com")
    assert found.way is MailWay.BOUNCE
    assert found.bounce is not None


@given(st.binary(max_size=400), st.sampled_from(["smtp", "imap"]), st.text(max_size=40))
def test_whatever_comes_is_sorted(raw, door, sender):
    found = sort(read(raw, LetterLimits()), Arrival(door, sender=sender), Trust())
    assert (found.way is MailWay.ENDED) is (found.disposition is not None)
    assert found.way is not MailWay.CONTENT or found.refusal is not None
