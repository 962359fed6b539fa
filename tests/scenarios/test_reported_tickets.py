"""A new ticket of the help desk is a report, and the incident's ticket at once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from ingestd.config.report_model import TicketReportSection
from ingestd.core.conduct import ManyReports
from ingestd.core.names import EffectKey, IncidentState, Level, Severity
from ingestd.core.rule_draft import RuleDraft
from ingestd.core.sources import SourceKind, SourceWays
from ingestd.testing.outside import KeptTicket
from ingestd.testing.world import RULES, World, policy

REPORTS = (
    RuleDraft(
        name="user-report",
        match=("alert.rule = UserReport",),
        impact_from="impact",
        urgency_from="urgency",
        many_reports=ManyReports(2, 1800, Level.HIGH, Level.HIGH),
        correlate_by=("service",),
        correlate_within_seconds=7200,
    ),
)


def ways(**reports: object) -> SourceWays:
    section = {"connector": "tickets", "reports": {"services": {"shop": ["webshop"]}, **reports}}
    return SourceWays(tickets=TicketReportSection.model_validate(section).as_reports())


@pytest.fixture
def desk(new_day: Callable[..., World]) -> Callable[..., World]:
    """``desk(answer="mail")``: a world whose source ``desk`` takes new tickets for reports."""
    return lambda **reports: new_day(policy=policy((*REPORTS, *RULES)), ways={"desk": ways(**reports)})


def comes_in(day: World, number: int = 77, subject: str = "The webshop is broken", **changes: str) -> str:
    """Somebody writes to the help desk, whose rule posts the new ticket; gives the disposition."""
    if not any(ticket.id == str(number) for ticket in day.tickets.kept):
        day.tickets.kept.append(KeptTicket(str(number), EffectKey(""), "", day.now(), "low"))
    body = {
        "ticket_id": str(number),
        "url": f"https://example.freshdesk.com/a/tickets/{number}",
        "priority": "Low",
        "tags": "",
        "email": "ann@cust.example",
        "name": "Ann",
        "subject": subject,
        "description": "<div>I cannot pay.</div>",
        **changes,
    }
    envelope = day.receive(json.dumps(body).encode(), source="desk", kind=SourceKind.FRESHDESK_TICKET)
    day.advance(seconds=1)
    return day.envelope(envelope).disposition or ""


def told(day: World, number: int = 77) -> list[str]:
    """What the ticket was told in comments."""
    ticket = next(one for one in day.tickets.kept if one.id == str(number))
    return [line for _, lines in ticket.comments for line in lines]


def test_the_incident_takes_the_ticket_for_its_own_and_opens_no_other(desk, nothing_else_arrives):
    day = desk()
    assert comes_in(day) == "incident"
    day.acknowledge("INC-1001")
    day.advance(minutes=2)
    assert [ticket.id for ticket in day.tickets.kept] == ["77"]
    assert any("INC-1001 is worked on in this ticket, #77" in line for line in told(day))
    day.resolve_by_hand("INC-1001")
    day.advance(minutes=1)
    assert day.tickets.kept[0].is_done
    nothing_else_arrives(day)
    assert [page for page in day.pages() if page[2] == "answer"] == [], "the help desk answers its requesters itself"


def test_the_same_ticket_posted_again_changes_nothing(desk, nothing_else_arrives):
    day = desk()
    comes_in(day)
    day.acknowledge("INC-1001")
    day.advance(minutes=5)
    assert comes_in(day) == "duplicate"
    day.advance(minutes=25)
    assert comes_in(day) == "duplicate"
    assert len(day.incidents()) == 1
    nothing_else_arrives(day)


def test_a_second_ticket_of_one_outage_is_told_in_the_first(desk, nothing_else_arrives):
    day = desk()
    comes_in(day)
    day.advance(minutes=2)
    assert comes_in(day, 78, email="ben@cust.example") == "joined"
    day.acknowledge("INC-1001")
    day.advance(minutes=2)
    assert len(day.incidents()) == 1
    assert day.incident().severity is Severity.CRITICAL
    assert any("ticket #78 reports it too: https://example.freshdesk.com/a/tickets/78" in line for line in told(day))
    assert told(day, 78) == []
    assert [ticket.id for ticket in day.tickets.kept] == ["77", "78"]
    nothing_else_arrives(day)


def test_a_ticket_joins_the_incident_that_a_machine_opened(desk, nothing_else_arrives):
    day = desk()
    day.reload(
        policy((RuleDraft(name="probe", match=("alertname = ProbeFailed",), correlate_by=("service",)), *REPORTS))
    )
    day.fires("ProbeFailed", service="shop")
    day.advance(minutes=1)
    assert comes_in(day) == "joined"
    day.acknowledge("INC-1001")
    day.advance(minutes=2)
    assert [ticket.id for ticket in day.tickets.kept] == ["T-1", "77"]
    assert any("ticket #77 reports it too" in line for line in told_by(day, "T-1"))
    nothing_else_arrives(day)


def told_by(day: World, ticket_id: str) -> list[str]:
    """What a ticket with this id was told."""
    return [line for one in day.tickets.kept if one.id == ticket_id for _, lines in one.comments for line in lines]


@pytest.mark.parametrize("tags", ["ingestd", "urgent, Ingestd", '["ingestd"]'])
def test_a_ticket_that_we_opened_is_no_report(desk, nothing_else_arrives, tags):
    day = desk()
    assert comes_in(day, tags=tags) == "empty"
    assert day.incidents() == []
    nothing_else_arrives(day)


def test_the_requester_is_answered_by_mail_where_that_is_wanted(desk, nothing_else_arrives):
    day = desk(answer="mail", reply_to="help@example.com")
    comes_in(day)
    day.acknowledge("INC-1001")
    day.resolve_by_hand("INC-1001")
    day.advance(seconds=20)
    sent = [one.text for one in day.mail.sent if one.purpose == "answer"]
    assert [(one.contact.address, one.subject, one.in_reply_to, one.reply_to) for one in sent] == [
        ("ann@cust.example", "Re: The webshop is broken [INC-1001]", "", "help@example.com")
    ] * len(sent)
    assert [one.words.partition(",")[0] for one in sent] == ["Thank you. We have your report", "INC-1001"]
    day.advance(minutes=1)
    nothing_else_arrives(day)


def test_a_ticket_that_is_deleted_is_replaced_by_one_of_our_own(desk, nothing_else_arrives):
    day = desk()
    comes_in(day)
    day.acknowledge("INC-1001")
    day.tickets.kept[0].is_deleted = True
    day.advance(minutes=3)
    assert [ticket.id for ticket in day.tickets.kept] == ["77", "T-2"]
    assert day.incident().state is IncidentState.ACKNOWLEDGED
    nothing_else_arrives(day)
