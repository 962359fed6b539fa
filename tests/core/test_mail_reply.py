"""A reply by mail out of the raw message: bound how, from whom, and which words are the person's own. Nothing hostile stalls it."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestd.core.mail_reply import MESSAGE_BYTES_MAX, read

TOKEN = "abcdefghij23456"
HEAD = "From: Asha Rao <asha@example.com>\nTo: ack+{token}@example.com\nSubject: Re: [HIGH] Disk full (INC-1042)\n"
QUOTE = "\n\nOn Mon, 2 Mar 2026 at 03:09, ingestd <ingestd@example.com> wrote:\n> HIGH INC-1042: Disk full\n> close\n"


def mail(text: str = "ack", *, head: str = HEAD, more: str = "") -> bytes:
    return f"{head.format(token=TOKEN)}{more}\n{text}".replace("\n", "\r\n").encode()


def multipart(*parts: tuple[str, str], kind: str = "alternative") -> bytes:
    body = "".join(f"--b\nContent-Type: {content_type}\n\n{text}\n" for content_type, text in parts)
    return mail(f"preamble\n{body}--b--\n", more=f'Content-Type: multipart/{kind};\n boundary="b"\n')


# ------------------------------------------------------------------------------------------- which page


def test_the_token_stands_in_the_address_that_it_was_sent_to():
    assert read(mail()).tokens == (TOKEN,)


@pytest.mark.parametrize("separator", ["+", "=", "_", "-", "."])
@pytest.mark.parametrize("name", ["To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To", "delivered-to"])
def test_any_separator_and_any_header_of_a_recipient_will_do(separator, name):
    head = f"From: asha@example.com\n{name}: <ACK{separator}{TOKEN.upper()}@Example.com>\n"
    assert read(mail(head=head)).tokens == (TOKEN,)


@pytest.mark.parametrize("name", ["In-Reply-To", "References"])
def test_where_the_address_bears_none_it_stands_among_the_references(name):
    head = (
        f"From: asha@example.com\nTo: ack@example.com\n{name}: <root@example.com>\n <reply.{TOKEN}@example.com> <x@y>\n"
    )
    assert read(mail(head=head)).tokens == (TOKEN,)


def test_what_the_server_says_of_the_envelope_comes_before_what_the_sender_wrote():
    other = "zzzzzzzzzz22222"
    head = f"To: ack+{other}@example.com\nDelivered-To: ack+{TOKEN}@example.com\nFrom: asha@example.com\n"
    assert read(mail(head=head)).tokens == (TOKEN, other)


def test_of_several_references_the_newest_comes_first():
    newer = "zzzzzzzzzz22222"
    head = f"From: a@example.com\nReferences: <reply.{TOKEN}@example.com> <reply.{newer}@example.com>\n"
    assert read(mail(head=head)).tokens == (newer, TOKEN)


@pytest.mark.parametrize(
    "to", ["ack@example.com", "ack+short@example.com", f"ack+{TOKEN}1@example.com", f"x{TOKEN}@e.com", ""]
)
def test_what_is_no_token_is_none(to):
    assert read(mail(head=f"From: a@example.com\nTo: {to}\n")).tokens == ()


# ------------------------------------------------------------------------------------------- from whom


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("asha@example.com", "asha@example.com"),
        ("<Asha@Example.com>", "asha@example.com"),
        ("Asha Rao <asha@example.com>", "asha@example.com"),
        ('"Rao, Asha" <asha@example.com>', "asha@example.com"),
        ("=?utf-8?q?Ash=C3=A1?= <asha@example.com>", "asha@example.com"),
        ('"asha@example.com" <mallory@example.net>', "mallory@example.net"),
        ("asha@example.com <mallory@example.net>", "mallory@example.net"),
        ("asha@example.com, mallory@example.net", ""),
        ("<asha@example.com> <mallory@example.net>", ""),
        ("asha", ""),
        ("", ""),
    ],
)
def test_the_sender_is_the_one_address_and_never_a_name_that_looks_like_one(value, sender):
    assert read(mail(head=f"From: {value}\nTo: x@example.com\n")).sender == sender


def test_two_senders_are_none():
    assert read(mail(more="From: mallory@example.net\n")).sender == ""
    assert read(mail(head="To: x@example.com\n")).sender == ""


# ------------------------------------------------------------------------------------------- which words


@pytest.mark.parametrize("after", ["", QUOTE, "\n\n--\nAsha Rao\nclose\n", "\n\n-----Original Message-----\nclose\n"])
def test_the_persons_own_words_are_what_stands_above_quote_and_signature(after):
    assert read(mail(f"ack{after}")).text == "ack"


@pytest.mark.parametrize(
    "quote",
    [
        "> ack\n> close\n",
        "On Mon, 2 Mar 2026 at 03:09, ingestd <ingestd@example.com> wrote:\n> ack\n",
        "On Mon, 2 Mar 2026 at 03:09, ingestd <ingestd@example.com>\nwrote:\n> ack\n",
        "Am 02.03.26 um 03:09 schrieb ingestd:\n> ack\n",
        "Le lun. 2 mars 2026 à 03:09, ingestd <ingestd@example.com> a écrit :\n> ack\n",
        "-----Original Message-----\nFrom: ingestd\nack\n",
        "________________________________\nFrom: ingestd <ingestd@example.com>\nSent: Monday\n\nack\n",
        "From: ingestd <ingestd@example.com>\nSent: Monday\nTo: Asha\n\nack\n",
        "Von: ingestd <ingestd@example.com>\nGesendet: Montag\n\nack\n",
        "\n\n\n",
    ],
)
def test_of_a_quote_alone_nothing_is_the_persons_own(quote):
    assert read(mail(quote)).text == ""


def test_what_stands_below_a_quote_is_their_own_too():
    assert read(mail(f"{QUOTE}\nclose it later\n")).text == "close it later"


def test_the_plain_part_is_read_and_the_html_left_alone():
    raw = multipart(("text/plain; charset=utf-8", "ack"), ("text/html", "<p>close</p>"))
    assert read(raw).text == "ack"


def test_html_alone_is_read_as_text_up_to_its_quote():
    html = (
        "<html><head><style>p {x: y}</style><title>close</title></head><body><div>ack<br>it&#39;s me</div>"
        '<div class="gmail_quote">On Monday<blockquote>close</blockquote></div></body></html>'
    )
    assert read(mail(html, more="Content-Type: text/html; charset=utf-8\n")).text == "ack\nit's me"
    assert read(multipart(("text/html", html))).text == "ack\nit's me"


def test_a_part_within_a_part_is_found_and_an_attachment_is_not_read():
    inner = "--c\nContent-Type: text/plain\n\nack\n--c--\n"
    raw = multipart(('multipart/alternative; boundary="c"', inner), ("text/plain", "close"), kind="mixed")
    assert read(raw).text == "ack"
    attached = multipart(("text/plain\nContent-Disposition: attachment; filename=x", "close"), ("text/plain", "ack"))
    assert read(attached).text == "ack"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("quoted-printable", "Gr=C3=BC=\nn =3D ok"),
        ("base64", base64.b64encode("Grün = ok".encode()).decode()),
        ("BASE64", base64.encodebytes("Grün = ok".encode()).decode() + "trailing words of a mailing list"),
        ("8bit", "Grün = ok"),
        ("x-unknown", "Grün = ok"),
    ],
)
def test_it_is_decoded_as_it_says(encoding, body):
    more = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: {encoding}\n"
    assert read(mail(body, more=more)).text == "Grün = ok"


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", '"ISO-8859-1"'])
def test_a_charset_of_mail_is_believed(charset):
    raw = mail("x", more=f"Content-Type: text/plain; charset={charset}\n") + "Grün".encode("latin-1")
    assert read(raw).text == "xGrün"


@pytest.mark.parametrize(
    "charset", ["punycode", "unicode_escape", "zip", "idna", "undefined", "hex", "no-such-thing", "\x00"]
)
def test_a_codec_that_is_no_charset_is_not_asked(charset):
    raw = mail("ack \\x41", more=f"Content-Type: text/plain; charset={charset}\n")
    assert read(raw).text == "ack \\x41"


# ------------------------------------------------------------------------------------------- who must not act


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: auto-replied\n",
        "Auto-Submitted: auto-generated (vacation)\n",
        "AUTO-SUBMITTED: Auto-Notified; x=y\n",
        "X-Autoreply: yes\n",
        "X-Autorespond: x\n",
        "Precedence: bulk\n",
        "Precedence: auto_reply\n",
        "List-Id: <ops.example.com>\n",
        "Return-Path: <>\n",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n",
        "Content-Type: text/calendar\n",
    ],
)
def test_what_a_program_wrote_is_known_by_its_headers(more):
    assert read(mail(more=more)).is_automatic


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: [HIGH] Disk full",
        "Auto: Re: Disk",
        "Out of Office",
        "Out of the office: x",
        "OOO: back on Monday",
        "Abwesenheitsnotiz: x",
        "Automatische Antwort: x",
        "=?utf-8?q?R=C3=A9ponse_automatique?= : x",
        "Undeliverable: [HIGH] Disk full",
        "Delivery Status Notification (Failure)",
    ],
)
def test_and_by_its_subject(subject):
    assert read(mail(head=f"From: asha@example.com\nTo: a@example.com\nSubject: {subject}\n")).is_automatic


@pytest.mark.parametrize(
    "sender", ["MAILER-DAEMON@example.com", "postmaster@example.com", "no-reply@example.com", "noreply+x@e.com"]
)
def test_and_by_its_sender(sender):
    assert read(mail(head=f"From: {sender}\nTo: a@example.com\n")).is_automatic


@pytest.mark.parametrize(
    "more",
    [
        "Auto-Submitted: no\n",
        "X-Auto-Response-Suppress: All\n",
        "Precedence: first-class\n",
        "Return-Path: <asha@example.com>\n",
    ],
)
def test_a_persons_mail_is_not_taken_for_a_programs(more):
    assert not read(mail(more=more)).is_automatic


# ------------------------------------------------------------------------------------------- the same again


def test_a_copy_is_recognised_whatever_relays_added():
    raw = mail(more="Message-ID: <1@example.com>\nDate: Mon, 2 Mar 2026 03:10:00 +0100\n")
    assert read(raw).id == read(b"Received: from a by b\r\n" + raw).id
    assert read(raw).id != read(raw.replace(b"<1@", b"<2@")).id


def test_without_a_message_id_the_words_tell_two_apart():
    assert read(mail("ack")).id == read(mail("ack")).id != read(mail("close")).id


# ------------------------------------------------------------------------------------------- the hostile


HOSTILE = {
    "nothing": b"",
    "zeros": b"\0" * MESSAGE_BYTES_MAX,
    "line-feeds": b"\n" * MESSAGE_BYTES_MAX,
    "one-line": b"a" * MESSAGE_BYTES_MAX,
    "headers": b"A: b\r\n" * 20_000,
    "folds": b"Subject: x\r\n" + b" y\r\n" * 20_000,
    "long-from": b"From: " + b"a@b, " * 20_000 + b"\r\n\r\nack",
    "quotes": b'From: "' + b'\\"' * 30_000 + b"\r\n\r\nack",
    "angles": b"From: " + b"<" * 60_000 + b"\r\n\r\nack",
    "at-signs": b"From: " + b"@" * 60_000 + b"\r\n\r\nack",
    "encoded-words": b"Subject: " + b"=?utf-8?q?=41?= " * 4000 + b"\r\n\r\nack",
    "half-words": b"Subject: " + b"=?" * 30_000 + b"\r\n\r\nack",
    "references": b"References: " + b"<reply.abcdefghij23456@x> " * 3000 + b"\r\n\r\nack",
    "half-references": b"References: " + b"<reply." * 9000 + b"\r\n\r\nack",
    "parameters": b"Content-Type: text/plain" + b"; charset=" * 6000 + b"\r\n\r\nack",
    "parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n\r\n" * 6000,
    "nested": b"".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n".encode() for n in range(1200)),
    "same-boundary": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 1200,
    "tags": b"Content-Type: text/html\r\n\r\n" + b"<" * 65_000,
    "open-tags": b"Content-Type: text/html\r\n\r\n" + b"<div " * 13_000,
    "styles": b"Content-Type: text/html\r\n\r\n" + b"<style>" * 9000,
    "entities": b"Content-Type: text/html\r\n\r\n" + b"&#x41" * 10_000,
    "equals": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 65_000,
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"A" * 65_000,
    "bad-base64": b"Content-Transfer-Encoding: base64\r\n\r\nA",
    "attributions": b"From: a@b\r\n\r\n" + b"On the other hand\r\n" * 3500,
    "one-attribution": b"From: a@b\r\n\r\nOn " + b"wrote " * 10_000,
    "angle-lines": b"From: a@b\r\n\r\n" + b"<<<<<<<<<<<<<<<<<<<<\r\n" * 3000,
    "iso-2022": b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B" * 20_000,
    "surrogates": b"\xed\xa0\x80: \xed\xa0\x80\r\n\r\n\xed\xa0\x80ack",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_hostile_stalls_the_reader_for_a_tenth_of_a_second(name):
    begin = time.process_time()
    read(HOSTILE[name])
    assert time.process_time() - begin < 0.1


def test_what_stands_behind_the_bound_is_not_looked_at():
    begin = time.process_time()
    found = read(mail("ack" + QUOTE) + b"x" * 50_000_000)
    assert time.process_time() - begin < 0.2
    assert found.text.startswith("ack\n\nx")


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_as_something(raw):
    found = read(raw)
    assert len(found.id) == 32
    found.text.encode()


_LINES = [
    b"From: asha@example.com",
    b"To: ack+abcdefghij23456@example.com",
    b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: text/html; charset=utf-7",
    b"Content-Type: text/plain",
    b"Content-Transfer-Encoding: base64",
    b"Auto-Submitted: no",
    b"--b",
    b"--b--",
    b"",
    b"ack",
    b"> ack",
    b"On Monday ingestd wrote:",
    b"<blockquote>",
    b"\xff\xfe",
]


@given(st.lists(st.sampled_from(_LINES), max_size=30).map(b"\r\n".join))
def test_any_order_of_lines_that_mails_are_made_of_is_read_and_no_quoted_line_is_their_own(raw):
    found = read(raw)
    assert not any(line.startswith(">") for line in found.text.split("\n"))


@pytest.mark.parametrize("subject", ["=?utf-8?b?a?=", "=?utf-8?b?aé=?=", "=?x?q?=?=", "=?utf-8?b?a?= =?utf-8?b?YQ==?="])
def test_a_subject_that_cannot_be_decoded_costs_nobody_their_answer(subject):
    found = read(mail(head=f"From: asha@example.com\nTo: ack+{TOKEN}@example.com\nSubject: {subject}\n"))
    assert (found.text, found.tokens, found.is_automatic) == ("ack", (TOKEN,), False)


def test_a_character_by_a_number_of_thousands_of_digits_is_none():
    text = f"ack&#{'9' * 5000};<br>&#228;&#0000065;"
    assert read(mail(text, more="Content-Type: text/html\n")).text == "ack\ufffd\näA"
