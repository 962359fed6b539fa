"""Reports by people, from their first mail to the word that it is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.config.report_model import ReportSection
from ingestd.core.conduct import ManyReports, Mode
from ingestd.core.mail.arrival import Arrival
from ingestd.core.mail.source import MailSource
from ingestd.core.names import IncidentState, Level, Severity
from ingestd.core.rule_draft import RuleDraft
from ingestd.core.silencing import WantedSilence
from ingestd.core.sources import SourceWays
from ingestd.store import silences
from ingestd.testing.outside import Fault
from ingestd.testing.world import RULES, World, policy

HELP = "help@example.com"
TRUSTED = Arrival("smtp", recipients=(HELP,), is_trusted_network=True)

REPORTS = (
    RuleDraft(
        name="user-report",
        match=("alert.rule = UserReport", 'service != ""'),
        impact_from="impact",
        urgency_from="urgency",
        many_reports=ManyReports(5, 1800, Level.HIGH, Level.HIGH),
        correlate_by=("service",),
        correlate_within_seconds=7200,
    ),
    RuleDraft(
        name="user-report-unclear",
        match=("alert.rule = UserReport",),
        impact_from="impact",
        urgency_from="urgency",
        correlate_by=(),
    ),
    RuleDraft(
        name="probe",
        match=("alertname = ProbeFailed",),
        impact=Level.MEDIUM,
        urgency=Level.HIGH,
        correlate_by=("service",),
        correlate_within_seconds=7200,
    ),
)


def plan_of(**changes: object) -> SourceWays:
    section = ReportSection.model_validate({"answer": "mail", "services": {"shop": ["webshop"], "vpn": []}, **changes})
    return SourceWays(mail=MailSource(recipients=(HELP,), reports=section.as_plan([HELP])))


def mail(
    sender: str = "ann@cust.example",
    subject: str = "The webshop is broken",
    text: str = "I cannot pay.",
    message_id: str = "",
    **headers: str,
) -> bytes:
    name = sender.partition("@")[0]
    lines = [
        f"From: {name.title()} <{sender}>",
        f"To: {HELP}",
        f"Subject: {subject}",
        f"Message-ID: <{message_id or f'{name}-1@cust.example'}>",
        "Date: Mon, 02 Mar 2026 02:00:00 +0000",
        *(f"{key.replace('_', '-')}: {value}" for key, value in headers.items()),
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
        "",
    ]
    return "\r\n".join(lines).encode()


def write(day: World, how: Arrival = TRUSTED, **parts: str) -> str:
    """Somebody writes; gives the disposition of their mail."""
    envelope = day.mail_in(mail(**parts), how, source="help")
    return day.envelope(envelope).disposition or ""


def answers(day: World) -> list[tuple[str, str]]:
    """Every answer that left: to whom, and its first line."""
    return [
        (sent.text.contact.address, sent.text.words.partition("\n")[0])
        for sent in day.mail.sent
        if sent.purpose == "answer"
    ]


@pytest.fixture
def helpdesk(new_day: Callable[..., World]) -> World:
    """A world whose source ``help`` takes reports."""
    return new_day(policy=policy((*REPORTS, *RULES)), ways={"help": plan_of()})


RECEIVED = "Thank you. We have your report, it is INC-1001."
OVER = "INC-1001, which you reported, is over."
BACK = "INC-1001, which you reported, has come back. We are working on it again."


def test_a_report_opens_an_incident_and_is_answered_once(helpdesk, nothing_else_arrives):
    assert write(helpdesk) == "incident"
    incident = helpdesk.incident()
    assert (incident.severity, incident.rule, incident.conduct.service) == (Severity.MEDIUM, "user-report", "shop")
    assert [one.address for one in incident.reporters] == ["ann@cust.example"]
    assert answers(helpdesk) == [("ann@cust.example", RECEIVED)]
    sent = next(one for one in helpdesk.mail.sent if one.purpose == "answer")
    assert sent.text.subject == "Re: The webshop is broken [INC-1001]"
    assert sent.text.in_reply_to == "<ann-1@cust.example>"
    assert sent.text.reply_to == HELP
    assert len(helpdesk.tickets.kept) == 1
    helpdesk.acknowledge("INC-1001")
    nothing_else_arrives(helpdesk)


def test_an_answer_holds_nothing_of_the_inside(helpdesk):
    write(helpdesk)
    helpdesk.note("INC-1001", "ada suspects the vendor")
    helpdesk.resolve_by_hand("INC-1001", by="ada")
    helpdesk.advance(seconds=5)
    for sent in (one for one in helpdesk.mail.sent if one.purpose == "answer"):
        told = sent.text
        assert not told.incident.timeline
        assert not told.incident.alerts
        assert (told.incident.url, told.incident.ticket_url, told.link, told.incident.title) == ("", "", "", "")
        assert "ada" not in told.words
        assert "http" not in told.words


def test_five_people_report_one_outage(helpdesk, nothing_else_arrives):
    for name in ("ann", "ben", "cas", "dee"):
        write(helpdesk, sender=f"{name}@cust.example")
        helpdesk.advance(minutes=2)
    assert helpdesk.incident().severity is Severity.MEDIUM
    assert write(helpdesk, sender="eli@cust.example") == "joined"
    assert len(helpdesk.incidents()) == 1
    assert helpdesk.incident().severity is Severity.CRITICAL
    assert [address for address, _ in answers(helpdesk)] == [
        f"{name}@cust.example" for name in ("ann", "ben", "cas", "dee", "eli")
    ]
    assert "report/many_reports" in helpdesk.history()
    helpdesk.acknowledge("INC-1001")
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(seconds=20)
    assert [line for _, line in answers(helpdesk)[5:]] == [OVER] * 5
    nothing_else_arrives(helpdesk)


def test_five_mails_of_one_person_are_one_report(helpdesk, nothing_else_arrives):
    for number in range(6):
        write(helpdesk, message_id=f"again-{number}@cust.example")
        helpdesk.advance(minutes=1)
    assert helpdesk.incident().severity is Severity.MEDIUM
    assert helpdesk.incident().alert_count == 6
    assert len(answers(helpdesk)) == 1
    helpdesk.acknowledge("INC-1001")
    nothing_else_arrives(helpdesk)


def test_five_reports_over_two_hours_are_no_outage(helpdesk):
    for name in ("ann", "ben", "cas", "dee", "eli"):
        write(helpdesk, sender=f"{name}@cust.example")
        helpdesk.advance(minutes=20)
    assert len(helpdesk.incidents()) == 1
    assert helpdesk.incident().severity is Severity.MEDIUM


def test_words_and_vips_tell_how_bad_it_is(new_day, nothing_else_arrives):
    vip = [{"senders": ["@board.example"], "impact": "high", "urgency": "high"}]
    day = new_day(policy=policy((*REPORTS, *RULES)), ways={"help": plan_of(vip=vip)})
    write(day, subject="webshop down", text="All users are affected, nobody can order.")
    write(day, sender="bob@cust.example", subject="A question about the VPN", text="No hurry.")
    write(day, sender="cyn@board.example", subject="My screen", text="It flickers.")
    assert [one.severity for one in day.incidents()] == [Severity.CRITICAL, Severity.LOW, Severity.CRITICAL]
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_reports_join_the_incident_of_a_machine_where_its_rule_says_so(helpdesk, nothing_else_arrives):
    helpdesk.fires("ProbeFailed", service="shop")
    assert write(helpdesk) == "joined"
    assert len(helpdesk.incidents()) == 1
    assert answers(helpdesk) == [("ann@cust.example", RECEIVED)]
    helpdesk.acknowledge("INC-1001")
    helpdesk.clears("ProbeFailed", service="shop")
    helpdesk.advance(minutes=30)
    assert helpdesk.incident().state is IncidentState.ACKNOWLEDGED, "whoever reported it has not said that it is over"
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(seconds=20)
    nothing_else_arrives(helpdesk)
    assert answers(helpdesk)[-1] == ("ann@cust.example", OVER)


@pytest.mark.parametrize(
    "later",
    [
        {"In_Reply_To": "<ann-1@cust.example>", "subject": "Re: The webshop is broken"},
        {"References": "<x@y.example> <ann-1@cust.example>", "subject": "more of it"},
        {"subject": "Re: The webshop is broken [INC-1001]"},
    ],
    ids=["in-reply-to", "references", "number"],
)
def test_a_later_mail_of_the_thread_is_a_note_and_is_not_answered(helpdesk, nothing_else_arrives, later):
    write(helpdesk)
    helpdesk.acknowledge("INC-1001")
    assert write(helpdesk, message_id="ann-2@cust.example", text="Now the basket is empty too.", **later) == "noted"
    helpdesk.advance(minutes=1)
    assert helpdesk.history()[-1] == "note/reporter"
    assert any("basket is empty" in line for _, lines in helpdesk.tickets.kept[0].comments for line in lines)
    assert len(helpdesk.incidents()) == 1
    assert len(answers(helpdesk)) == 1
    nothing_else_arrives(helpdesk)


def test_a_number_in_the_subject_of_a_stranger_is_a_report_of_its_own(helpdesk):
    write(helpdesk)
    assert write(helpdesk, sender="eve@other.example", subject="[INC-1001] vpn is broken") == "incident"
    assert len(helpdesk.incidents()) == 2


def test_a_note_of_a_reporter_is_no_sign_that_somebody_works_on_it(new_day, nothing_else_arrives):
    shown = policy((*REPORTS, *RULES))
    hurried = replace(shown.escalations["default"], ack_expires_seconds=3600)
    day = new_day(policy=replace(shown, escalations={"default": hurried}), ways={"help": plan_of()})
    write(day)
    day.acknowledge("INC-1001")
    day.advance(minutes=50)
    write(day, message_id="ann-2@cust.example", subject="Hello? [INC-1001]", text="Is anybody there?")
    day.advance(minutes=12)
    assert "triggered/ack_expired" in day.history()
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=20)
    nothing_else_arrives(day)


def test_what_comes_back_is_told_once_and_its_end_once_more(helpdesk, nothing_else_arrives):
    helpdesk.fires("ProbeFailed", service="shop")
    write(helpdesk)
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(minutes=5)
    write(
        helpdesk, message_id="ann-2@cust.example", subject="Re: The webshop is broken [INC-1001]", text="It is broken."
    )
    assert len(helpdesk.incidents()) == 1
    assert helpdesk.incident().state is IncidentState.TRIGGERED
    helpdesk.advance(minutes=1)
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(seconds=20)
    nothing_else_arrives(helpdesk)
    assert [line for _, line in answers(helpdesk)] == [RECEIVED, OVER, BACK, OVER]


def test_thanks_after_the_end_open_nothing(helpdesk, nothing_else_arrives):
    write(helpdesk)
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(minutes=5)
    said = write(helpdesk, message_id="ann-2@cust.example", subject="Re: [INC-1001]", text="Thank you, works again!")
    assert said == "noted"
    assert helpdesk.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(helpdesk)


def test_a_mail_to_a_closed_incident_is_a_new_report_that_names_the_old_one(helpdesk, nothing_else_arrives):
    write(helpdesk)
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(hours=8)
    assert helpdesk.incident().state is IncidentState.CLOSED
    assert (
        write(helpdesk, message_id="ann-2@cust.example", subject="Re: webshop [INC-1001]", text="Broken.") == "incident"
    )
    assert helpdesk.incident(1002).summary.startswith("Follows INC-1001, which is over.")
    assert answers(helpdesk)[-1] == ("ann@cust.example", "Thank you. We have your report, it is INC-1002.")
    helpdesk.acknowledge("INC-1002")
    nothing_else_arrives(helpdesk)


def test_an_end_while_the_answer_waits_leaves_one_mail(helpdesk, nothing_else_arrives):
    helpdesk.mail.is_down = True
    write(helpdesk)
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.mail.is_down = False
    helpdesk.advance(minutes=10)
    assert answers(helpdesk) == [("ann@cust.example", OVER)]
    nothing_else_arrives(helpdesk)


def test_an_end_that_did_not_hold_while_mail_was_down_is_not_told(helpdesk, nothing_else_arrives):
    write(helpdesk)
    helpdesk.mail.is_down = True
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(seconds=30)
    write(helpdesk, sender="ben@cust.example")
    helpdesk.mail.is_down = False
    helpdesk.advance(minutes=10)
    assert answers(helpdesk) == [("ann@cust.example", RECEIVED), ("ben@cust.example", RECEIVED)]
    helpdesk.acknowledge("INC-1001")
    nothing_else_arrives(helpdesk)


def test_a_lost_reply_of_the_mail_server_answers_nobody_twice(helpdesk, nothing_else_arrives):
    helpdesk.mail.faults = [Fault.LOSE_REPLY]
    helpdesk.sms.can_find = True
    write(helpdesk)
    helpdesk.acknowledge("INC-1001")
    helpdesk.advance(minutes=15)
    assert answers(helpdesk) == [("ann@cust.example", RECEIVED)]
    nothing_else_arrives(helpdesk)


def test_a_program_that_writes_hears_nothing(helpdesk, nothing_else_arrives):
    write(helpdesk, sender="robot@cust.example", subject="webshop", Auto_Submitted="auto-generated")
    write(helpdesk, sender="pat@cust.example", message_id="2@c", subject="Out of office", Auto_Submitted="auto-replied")
    write(helpdesk, sender="no-reply@cust.example", message_id="3@c", subject="webshop")
    assert answers(helpdesk) == []
    for incident in helpdesk.incidents():
        helpdesk.acknowledge(incident.id)
    nothing_else_arrives(helpdesk)
    assert answers(helpdesk) == []


def test_what_comes_by_a_mailing_list_is_a_report_and_is_not_answered(helpdesk, nothing_else_arrives):
    assert write(helpdesk, List_Id="<office.cust.example>", subject="webshop") == "incident"
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(seconds=20)
    nothing_else_arrives(helpdesk)
    assert answers(helpdesk) == []


def test_the_ticket_tells_who_reported_it_and_how_many_they_are(helpdesk, nothing_else_arrives):
    write(helpdesk)
    write(helpdesk, sender="ben@cust.example")
    write(helpdesk, sender="ben@cust.example", message_id="ben-2@cust.example")
    write(helpdesk, sender="cas@cust.example")
    helpdesk.acknowledge("INC-1001")
    helpdesk.advance(minutes=2)
    told = [line for _, lines in helpdesk.tickets.kept[0].comments for line in lines if "reported by" in line]
    assert [line.partition("reported by ")[2] for line in told] == [
        "Ben <ben@cust.example>; 2 people so far: I cannot pay.",
        "Cas <cas@cust.example>; 3 people so far: I cannot pay.",
    ]
    nothing_else_arrives(helpdesk)


def test_who_reported_it_where_nobody_answers_is_answered_where_somebody_does(new_day, nothing_else_arrives):
    ways = {"desk": plan_of(answer="none"), "help": plan_of()}
    day = new_day(policy=policy((*REPORTS, *RULES)), ways=ways)
    day.mail_in(mail(), TRUSTED, source="desk")
    assert answers(day) == []
    assert write(day, message_id="ann-2@cust.example") == "joined"
    write(day, message_id="ann-3@cust.example")
    assert answers(day) == [("ann@cust.example", RECEIVED)]
    assert len(day.incident().reporters) == 1
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=20)
    nothing_else_arrives(day)
    assert answers(day) == [("ann@cust.example", RECEIVED), ("ann@cust.example", OVER)]


def test_five_who_report_it_anew_after_its_end_are_five(helpdesk, nothing_else_arrives):
    names = ("ann", "ben", "cas", "dee", "eli")
    for name in names[:4]:
        write(helpdesk, sender=f"{name}@cust.example")
    helpdesk.advance(minutes=50)
    helpdesk.resolve_by_hand("INC-1001")
    helpdesk.advance(minutes=5)
    for name in names:
        write(helpdesk, sender=f"{name}@cust.example", message_id=f"{name}-2@cust.example")
        helpdesk.advance(minutes=1)
    assert len(helpdesk.incidents()) == 1
    assert helpdesk.incident().severity is Severity.CRITICAL
    helpdesk.acknowledge("INC-1001")
    nothing_else_arrives(helpdesk)


def test_a_report_without_proof_opens_nothing_and_hears_nothing(helpdesk, nothing_else_arrives):
    assert write(helpdesk, Arrival("smtp", recipients=(HELP,))) != "incident"
    assert helpdesk.incidents() == []
    nothing_else_arrives(helpdesk)
    assert answers(helpdesk) == []


def test_a_report_that_is_silenced_is_answered_when_it_is_taken_in(helpdesk, nothing_else_arrives):
    ends_at = helpdesk.now() + timedelta(hours=1)
    wanted = WantedSilence(("alertname = UserReport",), "we know", "ada", None, ends_at)
    helpdesk.database.run_now(silences.add, wanted, helpdesk.now())
    assert write(helpdesk) == "held"
    helpdesk.advance(minutes=30)
    assert answers(helpdesk) == []
    helpdesk.advance(minutes=31)
    assert answers(helpdesk) == [("ann@cust.example", RECEIVED)]
    helpdesk.acknowledge("INC-1001")
    nothing_else_arrives(helpdesk)


def test_one_address_is_answered_so_often_a_day_and_no_more(helpdesk):
    for number in range(25):
        write(helpdesk, message_id=f"{number}@robot.example", subject=f"trouble number {number}", text="help")
        helpdesk.advance(minutes=30)
    assert len(helpdesk.incidents()) == 25
    assert len(answers(helpdesk)) == 20
    assert "dropped/answered_enough" in helpdesk.history(1025)
    helpdesk.resolve_by_hand("INC-1020")
    helpdesk.advance(minutes=1)
    assert answers(helpdesk)[-1] == ("ann@cust.example", "INC-1020, which you reported, is over.")


@pytest.mark.parametrize("unanswered", [{}, {"answer": "none"}], ids=["not-said", "none"])
def test_nobody_is_answered_where_no_connector_is_named(new_day, nothing_else_arrives, unanswered):
    section = ReportSection.model_validate({"services": {"shop": ["webshop"]}, **unanswered})
    ways = SourceWays(mail=MailSource(recipients=(HELP,), reports=section.as_plan([HELP])))
    day = new_day(policy=policy((*REPORTS, *RULES)), ways={"help": ways})
    write(day)
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=20)
    nothing_else_arrives(day)
    assert answers(day) == []


def test_a_death_between_the_answer_and_its_books_answers_nobody_anew(helpdesk, nothing_else_arrives):
    write(helpdesk)
    helpdesk.acknowledge("INC-1001")
    helpdesk.kill()
    helpdesk.start()
    helpdesk.advance(minutes=10)
    assert answers(helpdesk) == [("ann@cust.example", RECEIVED)]
    nothing_else_arrives(helpdesk)


def test_what_is_only_monitored_answers_nobody(new_day, nothing_else_arrives):
    drafts = tuple(replace(one, mode=Mode.MONITOR) for one in REPORTS)
    day = new_day(policy=policy((*drafts, *RULES)), ways={"help": plan_of()})
    assert write(day) == "held"
    nothing_else_arrives(day)
    assert answers(day) == []
