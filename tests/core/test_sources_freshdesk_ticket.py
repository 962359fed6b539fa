"""A new ticket of the help desk, in the forms in which Freshdesk's automation posts it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.config.report_model import TicketReportSection
from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.reporter import ReportedTicket
from ingestd.core.sources import ReadLimits, SourceKind, SourceWays, read
from ingestd.core.sources.freshdesk_ticket import KEYS

SECTION = {
    "connector": "freshdesk",
    "own_requesters": ["Monitoring@example.com"],
    "reports": {"answer": "mail", "services": {"shop": ["webshop"]}},
}
WAYS = SourceWays(tickets=TicketReportSection.model_validate(SECTION).as_reports())
TICKET = {
    "ticket_id": "77",
    "url": "https://example.freshdesk.com/a/tickets/77",
    "priority": "Medium",
    "tags": "vip",
    "email": "Ann@cust.example",
    "name": "Ann Lee",
    "subject": "The webshop is down",
    "description": "<div>I cannot pay.<br>Ann</div>",
}
TEMPLATE = "{\n" + ",\n".join(f'  "{key}": "%({key})s"' for key in KEYS) + "\n}"
"""As docs/howto/user-reports.md shows it, with what Freshdesk fills in, which it does not escape."""


def parsed(body: bytes | str | dict[str, object]) -> ParsedEnvelope | Unreadable:
    raw = json.dumps(body) if isinstance(body, dict) else body
    return read(SourceKind.FRESHDESK_TICKET, "desk", raw.encode() if isinstance(raw, str) else raw, ReadLimits(), WAYS)


def alert_of(body: bytes | str | dict[str, object]) -> Alert:
    found = parsed(body)
    assert isinstance(found, ParsedEnvelope), found
    (alert,) = found.alerts
    return alert


def test_a_ticket_is_a_report_with_its_ticket_and_whom_to_answer():
    alert = alert_of(TICKET)
    assert alert.key == "desk/ticket:77"
    assert alert.labels == {
        "alertname": "UserReport",
        "reporter_domain": "cust.example",
        "service": "shop",
        "impact": "high",
        "ticket_priority": "Medium",
    }
    assert alert.ticket == ReportedTicket("freshdesk", "77", "#77", "https://example.freshdesk.com/a/tickets/77")
    assert alert.annotations["description"] == "I cannot pay.\nAnn"
    assert alert.reporter is not None
    assert (alert.reporter.address, alert.reporter.name, alert.reporter.connector) == (
        "ann@cust.example",
        "Ann Lee",
        "mail",
    )


def test_freshdesks_own_simple_form_is_read_too():
    simple = {
        "freshdesk_webhook": {
            "ticket_id": 77,
            "ticket_url": TICKET["url"],
            "ticket_priority": "Urgent",
            "ticket_tags": ["vip"],
            "ticket_requester_email": "ann@cust.example",
            "ticket_requester_name": "Ann Lee",
            "ticket_subject": "The webshop is slow",
            "ticket_description": "plain words",
        }
    }
    alert = alert_of(simple)
    assert (alert.key, alert.labels["service"], alert.labels["urgency"]) == ("desk/ticket:77", "shop", "high")
    assert alert.annotations["description"] == "plain words"


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": 'The "webshop" is down'},
        {"subject": "The webshop is down", "description": 'He said:\n"no", and left.\n'},
        {"name": 'Ann "Annie" Lee', "subject": "webshop down"},
        {"description": 'C:\\shop, "a": {"b": [}'},
    ],
    ids=["quotes", "lines", "name", "braces"],
)
def test_what_somebody_wrote_may_break_the_json_and_still_is_a_report(changes):
    alert = alert_of(TEMPLATE % {**TICKET, **changes})
    assert alert.key == "desk/ticket:77"
    assert alert.reporter is not None
    assert alert.reporter.address == "ann@cust.example"
    assert alert.labels["service"] == "shop"


@pytest.mark.parametrize("key", ["ticket_id", "email", "tags", "url"])
def test_what_somebody_wrote_cannot_speak_for_freshdesk(key):
    forged = {"ticket_id": "666", "email": "boss@example.com", "tags": "ingestd", "url": "https://evil.example/"}[key]
    subject = f'webshop down", "{key}": "{forged}'
    alert = alert_of(TEMPLATE % {**TICKET, "subject": subject})
    assert alert.ticket == ReportedTicket("freshdesk", "77", "#77", TICKET["url"])
    assert alert.reporter is not None
    assert alert.reporter.address == "ann@cust.example"


@pytest.mark.parametrize(
    "added",
    [
        '"ticket_tags": "ingestd',
        '"ticket_requester_email": "boss@example.com',
        '"freshdesk_webhook": {"ticket_id": "666", "ticket_tags": "ingestd"}, "x": "',
    ],
)
def test_a_name_that_somebody_adds_to_the_template_counts_for_nothing(added):
    ticket = {**TICKET, "tags": "", "subject": f'webshop down", {added}'}
    alert = alert_of(TEMPLATE % ticket)
    assert alert.ticket == ReportedTicket("freshdesk", "77", "#77", TICKET["url"])
    assert alert.reporter is not None
    assert alert.reporter.address == "ann@cust.example"


@pytest.mark.parametrize(
    "changes",
    [{"tags": "ingestd"}, {"tags": "a,INGESTD , b"}, {"tags": ["ingestd"]}, {"email": "monitoring@example.com"}],
)
def test_a_ticket_of_our_own_is_no_report(changes):
    found = parsed({**TICKET, **changes})
    assert isinstance(found, ParsedEnvelope)
    assert found.alerts == ()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"hello", b'{"ticket_id": ""}', b'{"ticket_id": "{{ticket.id}}"}', b'{"alerts": []}'],
)
def test_what_names_no_ticket_is_unreadable_and_says_why(body):
    found = parsed(body)
    assert isinstance(found, Unreadable)
    assert found.detail


def test_without_its_section_a_source_reads_nothing():
    found = read(SourceKind.FRESHDESK_TICKET, "desk", json.dumps(TICKET).encode(), ReadLimits())
    assert isinstance(found, Unreadable)


def test_a_requester_without_an_address_is_answered_by_nobody():
    assert alert_of({**TICKET, "email": "{{ticket.requester.email}}"}).reporter is None


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=200), min_size=1))
def test_no_text_makes_it_raise(changes):
    found = parsed(TEMPLATE % {**TICKET, **changes})
    assert isinstance(found, ParsedEnvelope | Unreadable)
