"""What is made of the mail of a person: labels from its words, its sender and where it was sent; and whom to answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.config.report_model import ReportSection
from ingestd.core.alert import Alert
from ingestd.core.mail import report
from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.letter import Letter
from ingestd.core.mail.report_words import AnswerTexts, filled, first_place, spoken, unknown_placeholders
from ingestd.core.names import IncidentId, Level
from ingestd.core.reporter import Reporter
from ingestd.core.sources.limits import ReadLimits

HELP = "help@example.com"
PLAN = ReportSection.model_validate(
    {
        "answer": "mail",
        "services": {"shop": ["webshop", "check-out"], "mail": ["outlook", "e-mail"], "vpn": []},
        "impact": {"high": ["störung", "全員"]},
        "vip": [
            {"senders": ["boss@example.com"], "urgency": "high"},
            {"senders": ["@Board.example"], "impact": "high"},
        ],
    }
).as_plan([HELP])


def said(subject: str = "", text: str = "", sender: str = "ann@cust.example", to: str = HELP, **more: object) -> Alert:
    letter = Letter({}, sender=sender, subject=subject, own_text=text, digest="d1", **more)
    return report.alert_of(letter, Arrival("smtp", recipients=(to,)), PLAN, "help", ReadLimits())


def levels(subject: str, text: str = "", **more: str) -> tuple[str | None, str | None]:
    labels = said(subject, text, **more).labels
    return labels.get("impact"), labels.get("urgency")


@pytest.mark.parametrize(
    ("subject", "text", "expected"),
    [
        ("the shop is DOWN", "", ("high", None)),
        ("trouble", "Nobody can log in since this morning", ("high", "high")),
        ("cannot work", "", (None, "high")),
        ("I can’t work", "", (None, "high")),
        ("a question", "", ("low", "low")),
        ("minor thing", "but all users see it", ("high", "low")),
        ("printer", "it is not urgent", (None, "low")),
        ("download", "the downtown office", (None, None)),
        ("it is not down, it is slow", "", (None, "medium")),
        ("not down? it is down", "", ("high", None)),
        ("Störung", "", ("high", None)),
        ("全員が入れません", "", ("high", None)),
        ("", "", (None, None)),
    ],
)
def test_words_tell_impact_and_urgency(subject, text, expected):
    assert levels(subject, text) == expected


@pytest.mark.parametrize(
    ("subject", "text", "to", "service"),
    [
        ("Webshop", "", HELP, "shop"),
        ("check out fails", "", HELP, "shop"),
        ("my e-mail and the webshop", "", HELP, "mail"),
        ("it is broken", "the VPN, and outlook too", HELP, "vpn"),
        ("it is broken", "", "help+shop@example.com", "shop"),
        ("outlook", "", "help+Shop@example.com", "shop"),
        ("outlook", "", "help+payroll@example.com", "mail"),
        ("workshop", "", HELP, None),
    ],
)
def test_the_service_is_told_by_the_address_or_else_by_the_word_that_comes_first(subject, text, to, service):
    assert said(subject, text, to=to.lower()).labels.get("service") == service


def test_the_word_of_some_senders_weighs_more():
    assert levels("the screen flickers", sender="boss@example.com") == (None, "high")
    assert levels("a question", sender="eve@board.example") == ("high", "low")
    assert said("x", sender="eve@board.example").labels["vip"] == "yes"
    assert levels("the screen flickers", sender="eve@notboard.example") == (None, None)


def test_a_report_is_one_alert_of_its_message():
    alert = said(
        "Re: AW: [INC-7] Webshop down", "Nothing goes.\n\nAnn", sender_name="Ann Lee", message_id="<1@cust.example>"
    )
    assert alert.key == report.key_of("help", "d1")
    assert alert.labels == {
        "alertname": "UserReport",
        "reporter_domain": "cust.example",
        "service": "shop",
        "impact": "high",
    }
    assert alert.rule_name == "UserReport"
    assert alert.summary == "Webshop down"
    assert alert.annotations["description"] == "Nothing goes.\n\nAnn"
    assert alert.annotations["reporter"] == "Ann Lee <ann@cust.example>"
    assert alert.reporter == Reporter(
        address="ann@cust.example",
        name="Ann Lee",
        connector="mail",
        message_id="<1@cust.example>",
        subject="Re: AW: [INC-7] Webshop down",
        reply_to=HELP,
        source="help",
    )


@pytest.mark.parametrize(
    ("to", "answered_from"),
    [
        ("help+shop@example.com", "help+shop@example.com"),
        ("hidden@elsewhere.example", HELP),
        ("helper@example.com", HELP),
    ],
)
def test_what_is_answered_comes_back_to_an_address_of_ours(to, answered_from):
    reporter = said("x", to=to).reporter
    assert reporter is not None
    assert reporter.reply_to == answered_from


def test_who_cannot_be_told_from_the_mail_is_not_answered():
    reporter = said("x", sender="").reporter
    assert reporter is not None
    assert (reporter.address, reporter.connector) == ("", "")


@pytest.mark.parametrize(
    ("subject", "bare"),
    [
        ("Re: Fwd: it is down", "it is down"),
        ("AW: WG: Störung [INC-1042]", "Störung"),
        ("Re[2]: help", "help"),
        ("回复\uff1a转发\uff1a邮件坏了", "邮件坏了"),
        ("RIF: Re(3): rete giù", "rete giù"),
        ("Reply needed", "Reply needed"),
        ("re:re:re:", ""),
        ("Re: Your report [INC-12]", "Your report"),
    ],
)
def test_the_subject_without_what_mail_programs_put_before_it(subject, bare):
    assert report.own_subject(subject) == bare


def test_the_numbers_that_a_subject_names():
    assert report.numbers_in("Re: down [INC-12] [inc-0013] [INC-12] INC-14") == (
        IncidentId("INC-12"),
        IncidentId("INC-13"),
    )


@pytest.mark.parametrize(
    ("text", "is_thanks"),
    [
        ("Thank you, works again!", True),
        ("thanks", True),
        ("Thanks, but it is still down", False),
        ("Thanks! And when will the VPN work?", False),
        ("It is broken again.", False),
        ("Great. " + "And something else. " * 20, False),
        ("", False),
    ],
)
def test_a_thank_you_is_a_short_one_without_a_but(text, is_thanks):
    assert report.is_thanks(text, PLAN) is is_thanks


def test_a_report_that_follows_names_what_it_follows():
    alert = report.following(said("down", "Again."), IncidentId("INC-7"))
    assert alert.annotations["description"] == "Follows INC-7, which is over.\n\nAgain."
    assert alert.annotations["follows"] == "INC-7"


def test_what_is_filled_in_is_not_read_again():
    assert (
        filled("{number}: {subject} {what}", {"number": "INC-1", "subject": "{name}", "name": "x"})
        == "INC-1: {name} {what}"
    )
    assert unknown_placeholders("{number} {title} {x1}") == ("title",)
    for text in (AnswerTexts().received, AnswerTexts().resolved, AnswerTexts().reopened):
        assert unknown_placeholders(text) == ()


def test_whole_words_alone_count():
    assert first_place(spoken("Download it"), ("down",)) is None
    assert first_place(spoken("it is (down)!"), ("down",)) is not None
    assert first_place(spoken("anything"), ("", " ")) is None


def test_the_words_that_are_shipped_can_be_left_out():
    bare = ReportSection.model_validate({"shipped_words": False, "urgency": {"high": ["eilt"]}}).as_plan()
    assert bare.impact_words[Level.HIGH] == ()
    assert bare.urgency_words[Level.HIGH] == ("eilt",)
    assert bare.thanks == ()


def test_a_megabyte_is_read_as_fast_as_it_is_long():
    alert = said("down " * 100_000, "not down " * 100_000)
    assert len(alert.annotations["description"]) <= ReadLimits().annotation_chars_max


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=60), st.text(max_size=60))
def test_no_mail_makes_it_raise_or_say_what_cannot_be_stored(subject, text, sender, to):
    alert = said(subject, text, sender=sender, to=to, message_id=subject[:50], sender_name=text[:50])
    for value in (*alert.labels.values(), *alert.annotations.values(), alert.subject, alert.body):
        assert "\0" not in value
        value.encode()
    assert alert.summary.strip()
