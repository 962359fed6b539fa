"""What a text message says: one segment, whatever the alert says, and never without number and link."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.sms_pager.fake_twilio import segment_count
from connectors.sms_pager.text import compose, is_same_page, sendable_link
from ingestd.core.names import EffectKey
from ingestd.core.reply import ReplyAct, read

KEY = EffectKey("INC-1042/sms/page/3")
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_page_says_severity_number_place_what_since_when_and_link(make_page):
    assert compose(make_page(), KEY, BERLIN) == (
        "HIGH INC-1042 #3 card-gateway/prod\n"
        "Card auth errors 34% (limit 5%), 3 alerts, since 03:09 CET\n"
        "Ack: https://i.example.com/p/7Kq2xV9bLm3Q"
    )


def test_the_next_level_reads_who_did_not_answer(make_page):
    page = make_page(level=2, reason="asha did not answer in 5 min")
    body = compose(page, KEY, BERLIN)
    assert body == (
        "HIGH INC-1042 #3 L2 card-gateway/prod\n"
        "asha did not answer in 5 min\n"
        "Card auth errors 34%..., 3 alerts, since 03:09 CET\n"
        "Ack: https://i.example.com/p/7Kq2xV9bLm3Q"
    )
    assert segment_count(body) == 1


def test_where_replies_come_back_the_page_says_how_to_answer(make_page):
    body = compose(make_page(code="42"), KEY, BERLIN)
    assert body == (
        "HIGH INC-1042 #3 card-gateway/prod\n"
        "Card auth errors 34% (limit 5%), 3 alerts, since 03:09 CET\n"
        "Reply 42a ack, 42e escalate\n"
        "https://i.example.com/p/7Kq2xV9bLm3Q"
    )
    assert segment_count(body) == 1


def test_for_the_code_the_next_level_does_without_who_did_not_answer(make_page):
    page = make_page(level=2, reason="asha did not answer in 5 min", code="42")
    body = compose(page, KEY, BERLIN)
    assert body == (
        "HIGH INC-1042 #3 L2 card-gateway/prod\n"
        "Card auth errors 34% (limit..., 3 alerts, since 03:09 CET\n"
        "Reply 42a ack, 42e escalate\n"
        "https://i.example.com/p/7Kq2xV9bLm3Q"
    )
    assert segment_count(body) == 1


def test_where_links_are_dropped_the_code_is_the_way(make_page):
    body = compose(make_page(code="7"), KEY, BERLIN, has_link=False)
    assert body.endswith("\nReply 7a ack, 7e escalate")


def test_before_the_code_is_cut_the_word_of_escalating_goes(make_page):
    link = f"https://ingestd.{'o' * 65}.example.com/p/7Kq2xV9bLm3Q"
    body = compose(make_page(code="42", link=link), KEY, BERLIN)
    assert body == f"HIGH INC-1042 #3\nCard auth errors...\nReply 42a ack\n{link}"
    assert segment_count(body) == 1


def test_a_resolve_asks_for_no_reply(make_page):
    assert "Reply" not in compose(make_page(purpose="resolved", code="42"), KEY, BERLIN)


def test_a_word_is_sent_as_it_is_in_the_alphabet(make_page):
    page = make_page(purpose="word", words="Chloé was first – at 03:14.\n\nNothing changed.")
    body = compose(page, KEY, BERLIN)
    assert body == "Chloé was first - at 03:14.\nNothing changed."
    assert is_same_page(body, page, KEY)
    assert not is_same_page(body + "!", page, KEY)


@given(words=st.text(max_size=2000))
def test_a_word_takes_three_segments_at_most_and_never_none(make_page, words):
    body = compose(make_page(purpose="word", words=words), KEY, BERLIN)
    assert 1 <= segment_count(body) <= 3
    assert body.strip()


def test_a_late_page_says_how_late_it_is(make_page):
    assert compose(make_page(delayed_minutes=12), KEY, BERLIN).startswith("HIGH INC-1042 #3 late 12 min")


def test_there_is_room_for_when_it_escalates_in_a_short_page(make_page):
    page = make_page(incident={"title": "disk full"}, next_step_at=datetime(2026, 11, 21, 2, 15, tzinfo=UTC))
    assert "next level 03:15 CET" in compose(page, KEY, BERLIN)


def test_a_resolve_has_no_link_and_says_when_it_was_over(make_page):
    page = make_page(
        purpose="resolved",
        incident={"resolved_at": datetime(2026, 11, 21, 2, 45, tzinfo=UTC), "acknowledged_by": "asha"},
    )
    assert compose(page, EffectKey("INC-1042/sms/notice/1"), BERLIN) == (
        "RESOLVED INC-1042 #1 card-gateway/prod\nCard auth errors 34% (limit 5%), over 03:45 CET, ack by asha"
    )


def test_a_test_says_that_nothing_is_wrong(make_page):
    body = compose(make_page(purpose="test"), KEY, BERLIN)
    assert body.startswith("TEST INC-1042 #3: ingestd reaches Asha Rao by SMS. Nothing is wrong")
    assert "https://" not in body


def test_the_description_is_shortened_and_nothing_else(make_page):
    body = compose(make_page(incident={"title": "word " * 100}), KEY, BERLIN)
    head, what, link = body.split("\n")
    assert head == "HIGH INC-1042 #3 card-gateway/prod"
    assert what.endswith("..., 3 alerts, since 03:09 CET")
    assert link == "Ack: https://i.example.com/p/7Kq2xV9bLm3Q"
    assert len(body) in range(155, 161)


def test_what_the_title_says_is_not_said_again_as_place(make_page):
    body = compose(make_page(incident={"title": "card-gateway in prod is down"}), KEY, BERLIN)
    assert body.startswith("HIGH INC-1042 #3\n")


def test_alerts_that_disagree_have_no_place(make_page):
    [alert] = make_page().incident.alerts
    other = replace(alert, labels={**alert.labels, "service": "ledger", "instance": "b", "env": "test"})
    body = compose(make_page(incident={"alerts": (alert, other)}), KEY, BERLIN)
    assert body.startswith("HIGH INC-1042 #3\n")


def test_where_links_are_dropped_by_carriers_the_page_leaves_without_one(make_page):
    body = compose(make_page(), KEY, BERLIN, has_link=False)
    assert body.endswith("\nAck in ingestd")
    assert "https://" not in body


def test_a_link_that_is_too_long_for_one_segment_is_still_whole(make_page):
    link = "https://" + "very-long-host-name." * 9 + "example.com/p/7Kq2xV9bLm3Q"
    body = compose(make_page(link=link), KEY, BERLIN)
    assert body.startswith("HIGH INC-1042 #3\n")
    assert body.endswith(f"Ack: {link}")
    assert segment_count(body) == 2


@pytest.mark.parametrize(
    ("link", "sent"),
    [
        ("https://i.example.com/p/a_b-c~d", "https://i.example.com/p/a_b-c~d"),
        ("https://münchen.example/p/x", "https://xn--mnchen-3ya.example/p/x"),
        ("https://i.example.com/p/ü?a=`b`", "https://i.example.com/p/%C3%BC?a=%60b%60"),
        ("", ""),
    ],
)
def test_a_link_is_sent_in_characters_that_do_not_break_the_segment(link, sent):
    assert sendable_link(link) == sent


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_every_text_of_a_stranger_leaves_one_segment_with_number_and_link(hostile_pages, data):
    text = data.draw(hostile_pages)
    body = compose(text, KEY, ZoneInfo("America/New_York"))
    assert segment_count(body) == 1
    assert "INC-1042 #3" in body.split("\n", maxsplit=1)[0]
    assert body.endswith(f"\nAck: {text.link}") == (text.purpose == "page")
    assert len(body.split("\n")) <= 4
    assert is_same_page(body, text, KEY)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_code_and_link_are_whole_and_what_comes_back_of_the_page_is_no_command(hostile_pages, data):
    """Phones send a quoted page back when somebody taps a thumb below it."""
    text = replace(data.draw(hostile_pages), code=str(data.draw(st.integers(1, 9999))))
    body = compose(text, KEY, BERLIN)
    assert segment_count(body) == 1
    if text.purpose == "page":
        assert body.endswith(f"\n{text.link}")
        assert f"\nReply {text.code}a ack" in body
    for quoted in (body, f"Liked “{body}”", f"“{body}”", *(f"> {line}" for line in body.split("\n"))):
        assert read(quoted).act is ReplyAct.NOT_UNDERSTOOD


@given(path=st.text(alphabet="abcXYZ019-_~.%", min_size=12, max_size=40))
def test_a_link_of_usual_length_is_intact(make_page, path):
    link = f"https://ingestd.example.com/p/{path}"
    assert compose(make_page(link=link), KEY, BERLIN).endswith(f"\nAck: {link}")


@pytest.mark.parametrize(
    ("body", "is_same"),
    [
        ("HIGH INC-1042 #3 card-gateway/prod\nx", True),
        ("CRITICAL INC-1042 #3 late 4 min\nx", True),
        ("HIGH INC-1042 #31\nx", False),
        ("HIGH INC-1042 #4\nx", False),
        ("HIGH INC-10421 #3\nx", False),
        ("RESOLVED INC-1042 #3\nx", False),
        ("TEST INC-1042 #3: ingestd reaches you", False),
        ("HIGH INC-7 #1\nINC-1042 #3", False),
        ("", False),
    ],
)
def test_a_page_is_recognised_by_its_number_and_purpose_alone(make_page, body, is_same):
    assert is_same_page(body, make_page(), KEY) is is_same
