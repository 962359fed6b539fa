"""The answer to whoever reported something: a plain letter in their own thread, and nothing of the inside."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.email_pager.content import content_of
from connectors.email_pager.message import Letterhead, write_message
from ingestd.core.names import Channel, EffectKey, PersonName
from ingestd.ports import Contact
from tests.connectors.pagers.conftest import PAGE, hostile_page_texts, texts

KEY = EffectKey("INC-1042/mail/answer/1")
LETTERHEAD = Letterhead("Help desk", "ingestd@example.com", reply_to="ack@example.com")
ANSWER = replace(
    PAGE,
    purpose="answer",
    contact=Contact(PersonName(""), "Ann Lee", Channel.EMAIL, "ann@cust.example"),
    link="",
    words="Thank you. We have your report, it is INC-1042.\n\nTo add something,\nanswer this mail.",
    subject="Re: The webshop is broken [INC-1042]",
    in_reply_to="<ann-1@cust.example>",
    reply_to="help+shop@example.com",
)


def write(text=ANSWER) -> bytes:
    return write_message(text, content_of(text, ZoneInfo("UTC"), "link"), KEY, LETTERHEAD, "ann@cust.example")


def parse(raw: bytes):
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_it_stands_in_their_thread_and_comes_back_to_where_they_wrote():
    mail = parse(write())
    assert mail["Subject"] == "Re: The webshop is broken [INC-1042]"
    assert mail["In-Reply-To"] == mail["References"] == "<ann-1@cust.example>"
    assert mail["Reply-To"] == "help+shop@example.com"
    assert mail["To"] == "Ann Lee <ann@cust.example>"


def test_programs_see_that_a_program_wrote_it():
    mail = parse(write())
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    assert mail["Importance"] is None


def test_it_is_the_words_alone_with_their_paragraphs():
    plain, html = parse(write()).iter_parts()
    assert plain.get_content().replace("\r\n", "\n") == ANSWER.words + "\n"
    assert "<p>To add something,<br>answer this mail.</p>" in html.get_content()


def test_nothing_of_the_incident_is_in_it():
    whole = write().decode()
    for inside in (PAGE.incident.title, PAGE.incident.team, "payments", "i.example.com", "atlassian", "fact 7", "asha"):
        assert inside not in whole


@pytest.mark.parametrize(
    "message_id", ["", "ann-1@cust.example", "<a b@c>", "<a>\r\nBcc: x@y.example", "<é@x>", f"<{'x' * 999}>"]
)
def test_a_message_id_that_is_none_is_left_out(message_id):
    mail = parse(write(replace(ANSWER, in_reply_to=message_id)))
    assert (mail["In-Reply-To"], mail["References"], mail["Bcc"]) == (None, None, None)


@pytest.mark.parametrize(
    "address", ["", "no address", "a@b.example\r\nBcc: x@y.example", "two@a.example, three@b.example"]
)
def test_an_address_that_is_none_leaves_the_connectors_own(address):
    mail = parse(write(replace(ANSWER, reply_to=address)))
    assert (mail["Reply-To"], mail["Bcc"]) == ("ack@example.com", None)


def test_a_second_answer_has_another_message_id_and_a_repeat_the_same():
    other = EffectKey("INC-1042/mail/answer/2")
    content = content_of(ANSWER, ZoneInfo("UTC"), "link")
    again = write_message(ANSWER, content, other, LETTERHEAD, "ann@cust.example")
    assert parse(write())["Message-ID"] == parse(write())["Message-ID"] != parse(again)["Message-ID"]


def test_no_header_tells_how_a_connector_is_called_or_how_many_were_answered():
    content = content_of(ANSWER, ZoneInfo("UTC"), "link")
    head = write_message(ANSWER, content, EffectKey("INC-1042/vault/answer/37"), LETTERHEAD, "ann@cust.example")
    head = head.partition(b"\r\n\r\n")[0]
    assert b"vault" not in head
    assert b".37." not in head
    assert b"/37" not in head
    assert parse(head)["Message-ID"].startswith("<inc-1042.answer.")


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(hostile_page_texts(), texts, texts, texts, st.sampled_from(["", "<a@b.example>", "<\r\nBcc: x>"]))
def test_whatever_stands_in_it_is_one_mail_with_the_headers_that_are_ours(page, words, subject, reply_to, message_id):
    answer = replace(page, purpose="answer", words=words, subject=subject, reply_to=reply_to, in_reply_to=message_id)
    raw = write(answer)
    raw.decode("ascii")
    mail = email.message_from_bytes(raw)
    assert set(mail.keys()) <= {
        *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"),
        *("X-Auto-Response-Suppress", "X-Ingestd-Incident", "MIME-Version", "Content-Type"),
    }
    assert [part.get_content_type() for part in mail.get_payload()] == ["text/plain", "text/html"]
