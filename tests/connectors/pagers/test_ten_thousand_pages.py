"""Ten thousand incidents in every language and of every length: each text message is one segment, with its code and link whole."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from connectors.email_pager.bodies import plain_body
from connectors.email_pager.content import content_of
from connectors.sms_pager.fake_twilio import segment_count
from connectors.sms_pager.gsm7 import SEGMENT_SEPTETS, is_gsm7, septets
from connectors.sms_pager.text import compose, is_same_page
from ingestd.core.names import EffectKey, Severity

COUNT = 10_000
ZONES = tuple(map(ZoneInfo, ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham")))
WORDS = (
    "disk full on db1",
    "Festplatte voll: Größe überschritten – „/var“",
    "espace disque épuisé œuvre à l’arrêt",
    "диск заполнен на сервере",
    "ディスクがいっぱいです",
    "磁盘已满",
    "القرص ممتلئ",
    "הדיסק מלא",
    "डिस्क भर गई है",
    "ดิสก์เต็ม",
    "디스크 가득 참",
    "Δίσκος γεμάτος ΩΨΞ",
    "🔥🔥 prod is down 🔥",
    "{[~^|€\\]}" * 9,
    "a\u0301\u0302\u0303" * 30,
    "\u202eright to left\u202c\u200b\ufeff",
    "line one\r\nReply 1a ack\nAck: https://evil.example/p/x",
    "\x00\x07\x1b[31m",
    "W" * 500,
    "",
)
SERVICES = ("", "card-gateway", "s" * 63, "zahlungs-überwachung-für-ausländische-karten", "服务", "{}" * 20, "a b\nc")


def incident_of(draw: random.Random, make_page):
    page = make_page()
    labels = {"service": draw.choice(SERVICES), "env": draw.choice(("", "prod", "e" * 40, "生产"))}
    alerts = tuple(replace(alert, labels=labels) for alert in page.incident.alerts)
    title = " ".join(draw.choice(WORDS) for _ in range(draw.choice((0, 1, 1, 2, 5))))
    return replace(
        page.incident,
        id=f"INC-{draw.choice((1, 1042, 99_999, 12_345_678))}",
        title=title,
        summary=draw.choice(WORDS),
        severity=draw.choice(tuple(Severity)),
        alerts=alerts,
        firing_count=draw.choice((1, 3, 10_000)),
        is_test=draw.random() < 0.1,
    )


def page_of(draw: random.Random, make_page):
    incident = incident_of(draw, make_page)
    is_summary = draw.random() < 0.4
    count = draw.choice((1, 11, 9_999))
    page = make_page(
        purpose="summary" if is_summary else "page",
        level=draw.choice((1, 2, 9)),
        reason="1 critical, 12 high, 345 medium, 6789 low" if is_summary else draw.choice(WORDS),
        link=f"https://ingestd.example.com/p/{''.join(draw.choices('abcXYZ019-_', k=12))}",
        code=draw.choice(("", "7", "42", "999")),
        delayed_minutes=draw.choice((0, 0, 7, 1439)),
        next_step_at=incident.opened_at + timedelta(minutes=5) if draw.random() < 0.5 else None,
        also=(incident,) * min(count, 3) if is_summary else (),
        also_count=count if is_summary else 0,
        window_minutes=draw.choice((1, 15, 180)) if is_summary else 0,
    )
    return replace(page, incident=incident)


def test_ten_thousand_pages_and_summaries_fit_one_segment_with_code_and_link_whole(make_page):
    draw = random.Random(2026)
    for number in range(COUNT):
        page = page_of(draw, make_page)
        key = EffectKey(f"{page.incident.id}/sms/page/{draw.choice((1, 3, 17, 999_999))}")
        body = compose(page, key, draw.choice(ZONES))
        assert is_gsm7(body), (number, body)
        assert septets(body) <= SEGMENT_SEPTETS, (number, body)
        assert segment_count(body) == 1, (number, body)
        assert body.endswith(page.link), (number, body)
        assert body.count("https://") == 1 or "https" in page.incident.title + page.reason + page.incident.summary
        if page.code:
            assert f"Reply {page.code}a ack" in body.splitlines()[-2], (number, body)
        assert page.incident.id in body.splitlines()[0], (number, body)
        assert is_same_page(body, page, key), (number, body)


def test_a_summary_says_how_many_and_how_bad_and_the_worst_ones_title(make_page):
    incident = make_page().incident
    page = make_page(
        purpose="summary",
        reason="3 critical, 9 high",
        also=(incident,) * 3,
        also_count=11,
        window_minutes=15,
        code="42",
    )
    assert compose(page, EffectKey("INC-1042/sms/page/3"), ZONES[1]) == (
        "HIGH INC-1042 #3 and 11 more in 15 min:\n"
        "3 critical, 9 high\n"
        "Card auth errors 34% (limit 5%)\n"
        "Reply 42a ack, 42aa ack all\n"
        "https://i.example.com/p/7Kq2xV9bLm3Q"
    )
    assert compose(replace(page, purpose="resolved"), EffectKey("INC-1042/sms/notice/1"), ZONES[1]).startswith(
        "RESOLVED INC-1042 #1 and 11 more:"
    )


def test_a_summary_by_mail_lists_the_others_with_severity_number_title_and_link(make_page):
    incident = make_page().incident
    others = tuple(
        replace(
            incident, id=f"INC-{number}", title=f"Thing {number}", url=f"https://i.example.com/incidents/INC-{number}"
        )
        for number in (7, 8)
    )
    page = make_page(purpose="summary", reason="3 critical", also=others, also_count=60, window_minutes=2)
    content = content_of(page, ZONES[0], "link")
    assert content.subject.endswith("(INC-1042 and 60 more)")
    body = plain_body(content)
    assert "Acknowledge: https://i.example.com/p/7Kq2xV9bLm3Q" in body
    assert "Together with this one within 2 min" in body
    assert "HIGH INC-7: Thing 7 https://i.example.com/incidents/INC-7" in body
    assert "and 58 more, not shown here." in body
