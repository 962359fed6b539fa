"""What a mail says and in which order: the first three lines alone are enough to act on."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from connectors.email_pager.bodies import html_body, plain_body
from connectors.email_pager.content import content_of
from connectors.email_pager.safe_text import clock, one_line, web_link


def plain(text, zone="Europe/Berlin", ack="link") -> str:
    return plain_body(content_of(text, ZoneInfo(zone), ack))


def opening(text, **options) -> list[str]:
    return plain(text, **options).splitlines()[:3]


def test_the_first_three_lines_say_what_since_when_and_how_to_answer(make_page):
    assert opening(make_page(next_step_at=datetime(2026, 11, 21, 2, 15, tzinfo=UTC))) == [
        "HIGH INC-1042: Card auth errors 34% (limit 5%)",
        "3 of 3 alerts firing since 03:09 CET. If nobody answers, the next level is paged at 03:15 CET.",
        "Acknowledge: https://i.example.com/p/7Kq2xV9bLm3Q",
    ]


def test_the_next_level_reads_who_did_not_answer(make_page):
    page = make_page(level=2, reason="asha did not answer in 5 min", earlier=("asha by sms at 03:10", "asha by email"))
    text = plain(page)
    assert "Level 2: asha did not answer in 5 min." in text.splitlines()[1]
    assert "Who was paged\n  asha by sms at 03:10\n  asha by email" in text


def test_a_single_alert_is_not_counted(make_page):
    one = {"alert_count": 1, "firing_count": 1}
    assert opening(make_page(incident=one))[1].startswith("Firing since 03:09 CET.")
    assert opening(make_page(purpose="resolved", incident=one))[1].startswith("The alert is over.")


def test_a_late_page_says_how_late_it_is(make_page):
    assert "This mail is 12 min late." in opening(make_page(delayed_minutes=12))[1]


def test_the_body_follows_the_order_that_a_woken_person_needs(make_page):
    text = plain(make_page(earlier=("ben by email",)))
    headings = [line for line in text.splitlines()[3:] if line and not line.startswith(" ")]
    assert headings == [
        "What",
        "Who was paged",
        "Runbook",
        "Links",
        "Last on the timeline",
        "Alert CardAuthErrors (firing)",
        "Further alerts",
    ]
    assert "  https://wiki.example.com/runbooks/card-gateway\n" in text
    assert "  Dashboard https://grafana.example.com/d/abc\n" in text
    assert "fact 3" in text
    assert "fact 2" not in text
    assert "  service = card-gateway\n" in text


def test_a_resolve_says_how_long_it_lasted_and_asks_for_nothing(make_page):
    page = make_page(
        purpose="resolved",
        link="",
        sent_at=datetime(2026, 11, 21, 2, 46, tzinfo=UTC),
        incident={
            "resolved_at": datetime(2026, 11, 21, 2, 45, tzinfo=UTC),
            "acknowledged_by": "asha",
            "acknowledged_at": datetime(2026, 11, 21, 2, 14, tzinfo=UTC),
        },
    )
    assert opening(page) == [
        "RESOLVED INC-1042: Card auth errors 34% (limit 5%)",
        "All 3 alerts are over. It lasted 36 min. It began at 03:09 CET. Acknowledged by asha at 03:14 CET.",
        "Details: https://i.example.com/incidents/INC-1042",
    ]


def test_a_test_says_that_nothing_is_wrong(make_page):
    text = plain(make_page(purpose="test", link=""))
    assert "Nothing is wrong." in text
    assert "CardAuthErrors" not in text


@pytest.mark.parametrize(
    ("ack", "incident_url", "action"),
    [
        ("link", "https://i.example.com/incidents/7", "Acknowledge: https://i.example.com/p/7Kq2xV9bLm3Q"),
        ("page-only", "https://i.example.com/incidents/7", "Open and acknowledge: https://i.example.com/incidents/7"),
        ("page-only", "", "Acknowledge on the server: ingestd incident ack INC-1042"),
        ("off", "https://i.example.com/incidents/7", "Acknowledge on the server: ingestd incident ack INC-1042"),
    ],
)
def test_the_admin_decides_what_a_mail_can_acknowledge(make_page, ack, incident_url, action):
    page = make_page(incident={"url": incident_url})
    assert opening(page, ack=ack)[2] == action
    if ack != "link":
        content = content_of(page, ZoneInfo("UTC"), ack)
        assert page.link not in plain_body(content) + html_body(content)


def test_without_any_link_the_page_names_the_command(make_page):
    page = make_page(link="", incident={"url": ""})
    assert opening(page)[2] == "Acknowledge on the server: ingestd incident ack INC-1042"


def test_html_says_the_same_escaped_and_loads_nothing(make_page):
    html = html_body(content_of(make_page(incident={"title": "<b>x</b> & co"}), ZoneInfo("UTC"), "link"))
    assert "&lt;b&gt;x&lt;/b&gt; &amp; co" in html
    assert 'href="https://i.example.com/p/7Kq2xV9bLm3Q"' in html
    assert "<img" not in html
    assert "src=" not in html


def test_a_mail_of_many_alerts_stays_bounded(make_page):
    page = make_page(
        incident={"alerts": make_page().incident.alerts * 50, "alert_count": 700, "summary": "x\n" * 100_000}
    )
    text = plain(page)
    assert "690 alerts more, not shown here." in text
    assert len(text) < 20_000


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x?y=%20z#f", "https://a.example/x?y=%20z#f"),
        ('https://a.example/explore?left={"a":"b|c"}', "https://a.example/explore?left=%7B%22a%22:%22b%7Cc%22%7D"),
        ("https://münchen.example:8443/ü", "https://xn--mnchen-3ya.example:8443/%C3%BC"),
        ("http://[::1]:9090/graph", "http://[::1]:9090/graph"),
        ("javascript:alert(1)", ""),
        ("https://bank.example@evil.example/", ""),
        ("https://a.example/\r\nX: y", ""),
        ("https://a.example/\u202egpj", ""),
        ("//a.example", ""),
        ("https://[", ""),
        ("https://" + "a" * 3000, ""),
        ("", ""),
    ],
)
def test_only_links_that_are_safe_to_follow_are_shown(url, shown):
    assert web_link(url) == shown


def test_a_cut_text_says_so():
    assert one_line("a" * 11, 10) == "a" * 9 + "…"
    assert one_line("a" * 10, 10) == "a" * 10
    assert one_line(" " * 50 + "a", 10) == "…"


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_the_ends_of_the_calendar_can_be_told(at, zone):
    assert clock(at, ZoneInfo(zone), beside=at)


def test_the_meeting_and_who_is_in_charge_stand_in_the_mail(make_page):
    bridge = "https://teams.microsoft.com/l/meetup-join/19%3ameeting"
    content = content_of(make_page(incident={"bridge": bridge, "assignee": "ben"}), ZoneInfo("UTC"), "link")
    [meeting] = [section for section in content.sections if section.heading == "Meeting"]
    assert [(line.text, line.url) for line in meeting.lines] == [("Join:", bridge)]
    assert "In charge: ben" in [line.text for section in content.sections for line in section.lines]


def test_a_meeting_that_is_no_link_is_left_out(make_page):
    content = content_of(make_page(incident={"bridge": "javascript:alert(1)"}), ZoneInfo("UTC"), "link")
    assert "Meeting" not in [section.heading for section in content.sections]
