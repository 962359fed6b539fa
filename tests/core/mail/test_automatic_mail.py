"""What programs write: alerts, answers by themselves, lists and bounces told apart, and bounces read."""

from __future__ import annotations

import pytest

from ingestd.core.mail.automatic import AutomaticKind, kind_of
from ingestd.core.mail.bounce import Bounce, BouncedRecipient, BounceKind, read_bounce
from ingestd.core.mail.letter import LetterLimits
from ingestd.core.mail.message import read

LIMITS = LetterLimits()


def kind(
    more: str = "", *, subject: str = "Disk full", sender: str = "asha@example.com", null: bool = False
) -> AutomaticKind:
    raw = f"From: {sender}\nSubject: {subject}\n{more}\nwords\n".encode()
    return kind_of(read(raw, LIMITS), is_null_sender=null)


@pytest.mark.parametrize(
    "more",
    [
        "",
        "Auto-Submitted: no\n",
        "X-Auto-Response-Suppress: All\n",
        "Precedence: first-class\n",
        "Return-Path: <a@b>\n",
        "X-Autoreply: no\n",
    ],
)
def test_a_persons_mail_is_a_persons(more):
    assert kind(more) is AutomaticKind.NONE


@pytest.mark.parametrize(
    "subject",
    [
        "Out of office calendar is broken",
        "Auto: backup failed",
        "Automatic replies do not work",
        "Urlaub und Vertretung",
        "Undeliverable parcels in room 3",
        "Mail delivery is slow",
        "Oof, that hurts",
    ],
)
def test_a_person_may_write_of_absence_and_of_mail(subject):
    assert kind(subject=subject) is AutomaticKind.NONE


@pytest.mark.parametrize(
    ("more", "sender", "null"),
    [
        ("Auto-Submitted: auto-generated\n", "a@b", False),
        ("Auto-Submitted: Auto-Generated (cron)\n", "a@b", False),
        ("Auto-Submitted: auto-notified; owner-email=x\n", "a@b", False),
        ("Precedence: bulk\n", "a@b", False),
        ("Return-Path: <>\n", "a@b", False),
        ("", "a@b", True),
        ("", "no-reply@example.com", False),
        ("", "donotreply+x@example.com", False),
        ("", "Postmaster@example.com", False),
        ("Content-Type: multipart/report; report-type=feedback-report; boundary=x\n", "a@b", False),
    ],
)
def test_what_a_machine_sends_of_its_own_accord_is_an_alert_as_likely_as_anything(more, sender, null):
    assert kind(more, sender=sender, null=null) is AutomaticKind.MACHINE


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: auto-replied\n",
        "Auto-Submitted: auto-replied (vacation)\n",
        "X-Autoreply: yes\n",
        "X-Autorespond: x\n",
        "Precedence: auto_reply\n",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=x\n",
        "List-Id: <x>\nAuto-Submitted: auto-replied\n",
    ],
)
def test_what_answers_by_itself_is_known_by_its_headers(more):
    assert kind(more) is AutomaticKind.ABSENCE


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Disk",
        "Autoreply: Disk",
        "Out of Office",
        "Out of Office: Disk",
        "Out of the office - back on Monday",
        "I am out of office.",
        "OOO: back on Monday",
        "Automatische Antwort: Disk",
        "Abwesenheitsnotiz: Disk",
        "=?utf-8?q?R=C3=A9ponse_automatique_=3A?= Disk",
        "Risposta automatica: Disk",
        "Respuesta automática: Disk",
        "Resposta automática: Disk",
        "Automatisch antwoord: Disk",
        "Autosvar: Disk",
        "Odpowiedź automatyczna: Disk",
        "Автоответ: Disk",
        "自动回复: Disk",
        "Auto: Re: Disk",
    ],
)
def test_and_by_its_subject(subject):
    assert kind(subject=subject) is AutomaticKind.ABSENCE
    assert kind("Auto-Submitted: auto-generated\n", subject=subject) is AutomaticKind.ABSENCE


@pytest.mark.parametrize("more", ["List-Id: <ops.example.com>\n", "Precedence: list\n", "Mailing-List: list x\n"])
def test_what_a_list_passed_on_is_a_lists(more):
    assert kind(more) is AutomaticKind.LIST


# ------------------------------------------------------------------------------------------- bounces


def report(*recipients: str, original: str = "message/rfc822", more: str = "") -> bytes:
    blocks = "\n".join(recipients)
    return (
        (
            "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.com (Mail Delivery System)\nSubject: Undelivered Mail\nAuto-Submitted: auto-replied\n"
            'Content-Type: multipart/report; report-type=delivery-status;\n boundary="B/1"\n\nThis is MIME.\n\n--B/1\n\nIn words.\n\n'
            f"--B/1\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n{more}\n{blocks}\n--B/1\n"
            f"Content-Type: {original}\n\nReceived: x\nMessage-ID: <inc-1@example.com>\nX-Ingestd-Id: INC-1/mail/page/1\n"
            "In-Reply-To: <root@x>\nReferences: <root@x>\n <reply.abc@x>\nTo: asha@example.com\n\nour page\n--B/1--\n"
        )
        .replace("\n", "\r\n")
        .encode()
    )


def block(action: str, status: str, address: str = "asha@example.com", diagnostic: str = "") -> str:
    said = f"Diagnostic-Code: smtp; {diagnostic}\n" if diagnostic else ""
    return f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n{said}"


def bounce(raw: bytes) -> Bounce:
    letter = read(raw, LIMITS)
    assert kind_of(letter) is AutomaticKind.BOUNCE
    found = read_bounce(letter)
    assert found is not None
    return found


@pytest.mark.parametrize("original", ["message/rfc822", "text/rfc822-headers", "message/global"])
def test_a_report_names_the_mail_that_it_is_about(original):
    found = bounce(report(block("failed", "5.1.1"), original=original))
    assert (found.message_id, found.ingestd_id) == ("<inc-1@example.com>", "INC-1/mail/page/1")
    assert found.references == ("<root@x>", "<reply.abc@x>")


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "expected"),
    [
        ("failed", "5.1.1", "550 no", BounceKind.PERMANENT),
        ("Failed", "5.1.10 (x)", "", BounceKind.PERMANENT),
        ("failed (bounced)", "5.1.2", "", BounceKind.PERMANENT),
        ("failed", "5.2.1", "", BounceKind.PERMANENT),
        ("failed", "5.0.0", "550 User unknown", BounceKind.PERMANENT),
        ("failed", "", "550 5.1.1 no", BounceKind.PERMANENT),
        ("failed", "5.2.2", "552 mailbox full", BounceKind.FAILED),
        ("failed", "5.7.1", "550 refused for spam", BounceKind.FAILED),
        ("failed", "5.1.8", "550 sender address rejected", BounceKind.FAILED),
        ("failed", "4.4.7", "time ran out, user unknown", BounceKind.FAILED),
        ("failed", "", "", BounceKind.FAILED),
        ("delayed", "4.4.1", "connection timed out", BounceKind.DELAYED),
        ("delayed", "5.1.1", "", BounceKind.DELAYED),
        ("delivered", "2.0.0", "", BounceKind.DELIVERED),
        ("relayed", "2.0.0", "", BounceKind.DELIVERED),
        ("expanded", "2.0.0", "", BounceKind.DELIVERED),
        ("", "4.0.0", "", BounceKind.DELAYED),
        ("", "5.3.0", "", BounceKind.FAILED),
    ],
)
def test_only_what_failed_is_a_failure_and_only_an_address_that_is_gone_is_permanent(
    action, status, diagnostic, expected
):
    assert bounce(report(block(action, status, diagnostic=diagnostic))).recipients[0].kind is expected


def test_each_recipient_is_told_apart():
    text = f"Original-Recipient: rfc822;First@Example.com\n{block('failed', '5.1.1', diagnostic='550 5.1.1 <a@b>: user')} unknown\n"
    found = bounce(report(text, "\n\nprose between\n\n" + block("delayed", "4.4.1", "ben@example.com")))
    assert found.recipients == (
        BouncedRecipient(
            "asha@example.com", BounceKind.PERMANENT, "5.1.1", "550 5.1.1 <a@b>: user unknown", "first@example.com"
        ),
        BouncedRecipient("ben@example.com", BounceKind.DELAYED, "4.4.1"),
    )
    assert found.worst.address == "asha@example.com"


QMAIL = """Return-Path: <>
From: MAILER-DAEMON@q.example.com
Subject: failure notice

Hi. This is the qmail-send program at q.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ben@example.org>:
192.0.2.1 does not like recipient.
Remote host said: 550 no such user

--- Below this line is a copy of the message.

Return-Path: <ingestd@example.com>
Message-ID: <inc-2@example.com>
X-Ingestd-Id: INC-2/mail/page/1
References: <root@x>
 <reply.abc@x>
To: other@example.org

page
"""
EXIM = """Return-path: <>
X-Failed-Recipients: ben@example.org, eve@example.org
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@exim.example.com>
Subject: Mail delivery failed: returning message to sender

A message that you sent could not be delivered to one or more of its recipients.

  ben@example.org
    host mx.example.org [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<ben@example.org>:
    552 5.2.2 mailbox full

------ This is a copy of the message, including all the headers. ------

Message-ID: <inc-3@example.com>
To: ben@example.org

page
"""
EXCHANGE = """From: postmaster@exchange.example.org
Subject: Undeliverable: [HIGH] Disk full (INC-4)
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Your message to ben@example.org couldn't be delivered.
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found'

--b
Content-Type: message/rfc822

Message-ID: <inc-4@example.com>
X-Ingestd-Id: INC-4/mail/page/1
To: Ben <ben@example.org>

page
--b--
"""
LATE = """From: Mailer-Daemon@exim.example.com
Return-Path: <>
Subject: Warning: message 1abc delayed 24 hours
X-Failed-Recipients: ben@example.org

A message that you sent has not yet been delivered. No action is required on your part. Delivery attempts will continue.
"""


@pytest.mark.parametrize(
    ("text", "message_id", "addresses", "expected"),
    [
        (QMAIL, "<inc-2@example.com>", ["ben@example.org"], BounceKind.PERMANENT),
        (EXIM, "<inc-3@example.com>", ["ben@example.org", "eve@example.org"], BounceKind.FAILED),
        (EXCHANGE, "<inc-4@example.com>", ["ben@example.org"], BounceKind.PERMANENT),
        (LATE, "", ["ben@example.org"], BounceKind.DELAYED),
    ],
)
def test_a_bounce_in_prose_is_read_as_far_as_it_is_plain(text, message_id, addresses, expected):
    found = bounce(text.encode())
    assert found.message_id == message_id
    assert [one.address for one in found.recipients] == addresses
    assert {one.kind for one in found.recipients} == {expected}


def test_the_original_below_prose_has_its_references():
    found = bounce(QMAIL.encode())
    assert (found.ingestd_id, found.references) == ("INC-2/mail/page/1", ("<reply.abc@x>", "<root@x>"))


@pytest.mark.parametrize(
    "raw",
    [
        b"From: asha@example.com\nSubject: Undeliverable: Disk\n\nuser unknown",
        b"From: asha@example.com\nSubject: Fwd: Undelivered Mail\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nsee\n--c\n"
        b"Content-Type: message/rfc822\n\n" + report(block("failed", "5.1.1")) + b"\n--c--\n",
        b"From: postmaster@example.com\nSubject: Queue on mx1 has 5000 mails\n\n550 5.1.1 user unknown",
        b"From: monitor@example.com\nSubject: Mail delivery failed on mx1\nAuto-Submitted: auto-generated\n\nx",
        b"Content-Type: multipart/report; report-type=disposition-notification; boundary=c\n\n--c\n\nread\n--c--\n",
    ],
)
def test_what_only_speaks_of_bounces_is_none(raw):
    assert read_bounce(read(raw, LIMITS)) is None


def test_a_report_that_says_nothing_is_still_a_bounce():
    found = bounce(b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n")
    assert found == Bounce((BouncedRecipient("", BounceKind.FAILED),))
