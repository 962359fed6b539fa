"""The finished mail, read back by Python's two parsers: what stands in it, and that nothing can be smuggled into it."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import UTC, datetime
from email.header import decode_header, make_header
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.email_pager.content import content_of
from connectors.email_pager.message import Letterhead, header_text, message_id, thread_id, write_message
from ingestd.core.names import EffectKey, Severity

KEY = EffectKey("INC-1042/email/page/3")
LETTERHEAD = Letterhead("ingestd", "ingestd@example.com")
HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-Ingestd-Id",
    "X-Ingestd-Incident",
    "MIME-Version",
    "Content-Type",
}


def write(text, letterhead=LETTERHEAD, zone="UTC") -> bytes:
    return write_message(text, content_of(text, ZoneInfo(zone), "link"), KEY, letterhead, "asha@example.com")


def parse(raw: bytes):
    return email.message_from_bytes(raw, policy=email.policy.default)


def subject_of(raw: bytes) -> str:
    return str(make_header(decode_header(email.message_from_bytes(raw)["Subject"])))


def test_the_subject_says_severity_title_and_number(make_page):
    assert parse(write(make_page()))["Subject"] == "[HIGH] Card auth errors 34% (limit 5%) (INC-1042)"


def test_a_title_in_any_script_arrives_in_the_subject(make_page):
    title = "Žluťoučký kůň — 漢字 😀 " * 5
    assert subject_of(write(make_page(incident={"title": title}))) == f"[HIGH] {title.strip()} (INC-1042)"


def test_a_long_title_never_costs_the_number(make_page):
    subject = subject_of(write(make_page(incident={"title": "ü" * 5000})))
    assert subject.startswith("[HIGH] ü")
    assert subject.endswith("… (INC-1042)")


def test_text_comes_first_and_html_second(make_page):
    message = parse(write(make_page()))
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_machines_are_asked_not_to_answer(make_page):
    message = parse(write(make_page()))
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["X-Ingestd-Id"] == KEY


def test_only_a_page_for_a_critical_incident_is_marked_important(make_page):
    critical = {"severity": Severity.CRITICAL}
    assert parse(write(make_page(incident=critical)))["Importance"] == "high"
    assert parse(write(make_page(incident=critical, purpose="resolved")))["Importance"] is None
    assert parse(write(make_page()))["Importance"] is None


def test_the_date_is_the_one_that_the_page_carries(make_page):
    assert parse(write(make_page()))["Date"].datetime == datetime(2026, 11, 21, 2, 10, tzinfo=UTC)
    assert "Date" not in parse(write(make_page(sent_at=None)))


def test_replies_go_where_the_settings_say(make_page):
    raw = write(make_page(), Letterhead('Ops "night" Ünit', "ops@example.com", "answers@example.com"))
    message = parse(raw)
    assert message["Reply-To"] == "answers@example.com"
    assert message["From"].addresses[0].display_name == 'Ops "night" Ünit'


def test_all_mails_of_an_incident_hang_on_one_root(make_page):
    first, second = parse(write(make_page())), parse(write(make_page(purpose="resolved", delayed_minutes=5)))
    assert first["References"] == first["In-Reply-To"] == second["References"]
    assert first["References"] != first["Message-ID"]


def test_a_repeat_carries_the_same_message_id_however_the_text_changed(make_page):
    before = message_id(make_page(), KEY, "example.com")
    after = message_id(make_page(delayed_minutes=9, incident={"title": "worse", "firing_count": 9}), KEY, "example.com")
    assert before == after
    assert before.startswith("<inc-1042.email.page.3.")
    assert message_id(make_page(), EffectKey("INC-1042/email/page/4"), "example.com") != before


def test_a_new_database_that_counts_from_one_again_does_not_repeat_message_ids(make_page):
    other = make_page(incident={"opened_at": datetime(2026, 12, 1, tzinfo=UTC)})
    assert message_id(make_page(), KEY, "example.com") != message_id(other, KEY, "example.com")
    assert thread_id(make_page().incident, "example.com") != thread_id(other.incident, "example.com")


def test_a_mail_in_plain_english_can_be_read_with_cat(make_page):
    raw = write(make_page())
    assert b"Acknowledge: https://i.example.com/p/7Kq2xV9bLm3Q\r\n" in raw


class Tags(HTMLParser):
    """What a browser would make of the HTML part."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.targets: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.targets += [value for name, value in attrs if name == "href"]
        assert {name for name, _ in attrs} <= {"href", "style", "lang", "charset", "name", "content"}


def assert_html_is_ours(html: str) -> None:
    tags = Tags()
    tags.feed(html)
    assert tags.seen <= {"html", "head", "meta", "title", "body", "p", "strong", "a", "h3", "ul", "li"}
    assert all(target.startswith(("http://", "https://")) for target in tags.targets)


def assert_nothing_was_smuggled(raw: bytes, allowed: set[str]) -> None:
    """Both parsers see each allowed header at most once and no other, one recipient, two parts; also after writing it anew."""
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    for policy in (email.policy.compat32, email.policy.default, email.policy.SMTP):
        message = email.message_from_bytes(raw, policy=policy)
        for _ in range(2):
            names = message.keys()
            assert len(names) == len(set(names))
            assert set(names) <= allowed
            assert set(names) >= allowed - {"Date", "Importance"}
            assert not message.defects
            plain, html = message.get_payload()
            assert not plain.defects
            assert not html.defects
            assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
            message = email.message_from_bytes(message.as_bytes(), policy=policy)
    parsed = parse(raw)
    assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]", raw.decode("ascii"))
    bodies = [part.get_content() for part in parsed.iter_parts()]
    assert not re.search(
        r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", "".join(bodies).replace("\r\n", "\n")
    )
    assert_html_is_ours(bodies[1])
    assert [address.addr_spec for address in parsed["To"].addresses] == ["asha@example.com"]
    assert [address.addr_spec for address in parsed["From"].addresses] == ["ingestd@example.com"]


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_no_text_of_a_stranger_adds_a_header_a_recipient_or_a_part(hostile_pages, data):
    text = data.draw(hostile_pages)
    raw = write(text)
    assert_nothing_was_smuggled(raw, HEADERS | {"Importance"})
    plain, html = parse(raw).iter_parts()
    if text.purpose == "page":
        assert text.link in plain.get_content()
        assert text.link in html.get_content()


def test_every_known_trick_fails_in_every_place(make_page, nasty):
    for trick in nasty:
        page = make_page(reason=trick, earlier=(trick,), incident={"title": trick, "summary": trick, "team": trick})
        assert_nothing_was_smuggled(write(page, Letterhead(trick, "ingestd@example.com")), HEADERS)


@given(text=st.text(max_size=400))
def test_a_header_reads_back_as_one_line_of_what_was_written(text):
    value = header_text(text)
    parsed = email.message_from_bytes(f"Subject: {value}\r\nX-End: 1\r\n\r\n".encode("ascii"))
    assert parsed.keys() == ["Subject", "X-End"]
    read = str(make_header(decode_header(parsed["Subject"].replace("\r\n", ""))))
    assert "\n" not in read
    assert "=?" not in read
    assert all(len(line) <= 78 for line in value.split("\r\n")[1:])


@pytest.mark.parametrize(
    "word", ["=?UTF-8?Q?=0A?=Bcc: x@example.com", "=?=?utf-8?q?=41?=?=", "=\u200b?UTF-8?Q?=0A?=Bcc:", "=\x00?"]
)
def test_an_encoded_word_of_a_stranger_is_never_decoded(word, make_page):
    message = parse(write(make_page(incident={"title": word})))
    assert "Bcc" not in message
    assert "=?" not in message["Subject"]
