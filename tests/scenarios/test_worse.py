"""A machine says that its trouble has become worse: the same identity, another state. That is news, and whatever else it repeats is not."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert

from ingestd.config.mail_profiles import chosen
from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.mail.source import MailSource
from ingestd.core.names import IncidentState, Level, Severity
from ingestd.core.rule_draft import RuleDraft
from ingestd.core.silence import Silence
from ingestd.core.sources import SourceKind, SourceWays
from ingestd.core.sources.mapping import JsonMapping, text_source
from ingestd.store import inbox
from ingestd.store.rows import row_of
from ingestd.store.schema import silences
from ingestd.testing.world import World, policy

RELAY = Arrival("smtp", remote="10.0.0.1", is_trusted_network=True)
RULES = (
    RuleDraft(name="critical", match=("severity = critical",), impact=Level.HIGH, urgency=Level.HIGH),
    RuleDraft(name="warning", match=("severity = warning",), impact=Level.MEDIUM, urgency=Level.MEDIUM, has_page=True),
)
PAGED, TOLD = ("ada", "sms", "page"), ("ada", "sms", "resolved")


@pytest.fixture
def day(new_day) -> World:
    mail = MailSource(recipients=("alerts@example.com",), profiles=chosen(None, {}))
    mapping = JsonMapping("json", identity=(text_source("host"),), labels={"severity": text_source("level")})
    return new_day(policy=policy(RULES), ways={"post": SourceWays(mail=mail), "jobs": SourceWays(mapping=mapping)})


def nagios(state: str, word: str = "PROBLEM", output: str = "") -> bytes:
    subject = f"** {word} Service Alert: db1/Disk is {state} **"
    return (
        f"From: nagios@mon.example.com\r\nTo: alerts@example.com\r\nSubject: {subject}\r\n\r\n"
        f"Host: db1\r\nState: {state}\r\n\r\nAdditional Info:\r\n\r\nDISK {state} {output}\r\n"
    ).encode()


def says(day: World, state: str, word: str = "PROBLEM", output: str = "") -> str:
    envelope = day.mail_in(nagios(state, word, output), RELAY)
    day.advance(minutes=1)
    return day.envelope(envelope).disposition


def silenced(day: World, **duration: float) -> None:
    now = day.now()
    made = Silence("SIL-1", 1, ("host = db1",), "so", "ada", now, now, now + timedelta(**duration))
    day.database.run_now(lambda connection: connection.execute(insert(silences), [row_of(made)]))


def test_a_warning_that_becomes_critical_pages_and_one_recovery_ends_both(day, nothing_else_arrives):
    assert says(day, "WARNING", output="20% free") == "incident"
    assert (day.pages(), day.severity_of_ticket()) == ([], Severity.MEDIUM)
    assert says(day, "WARNING", output="19% free") == "duplicate"
    assert says(day, "CRITICAL", output="3% free") == "joined"
    assert (day.pages(), day.severity_of_ticket()) == ([PAGED], Severity.CRITICAL)
    incident = day.incident()
    assert (incident.severity, incident.alert_count, incident.firing_count) == (Severity.CRITICAL, 1, 1)
    assert "CRITICAL" in day.sms.sent[-1].text.incident.title
    assert says(day, "CRITICAL", output="2% free") == "duplicate"
    day.acknowledge("INC-1001")
    assert says(day, "OK", "RECOVERY") == "resolved"
    day.advance(minutes=5)
    assert day.incident().state is IncidentState.RESOLVED
    assert day.pages() == [PAGED, TOLD]
    (ticket,) = day.tickets.kept
    (_, comment), *_ = ticket.comments
    assert comment == (
        "alert is worse: Disk on db1 is CRITICAL: DISK CRITICAL 3% free",
        "severity raised from medium to critical by rule “critical”",
    )
    nothing_else_arrives(day)


def test_critical_that_becomes_a_warning_is_still_what_it_was(day, nothing_else_arrives):
    says(day, "CRITICAL")
    day.acknowledge("INC-1001")
    assert says(day, "WARNING") == "duplicate"
    assert says(day, "CRITICAL") == "duplicate"
    assert (day.incident().severity, day.pages()) == (Severity.CRITICAL, [PAGED])
    nothing_else_arrives(day)


@pytest.mark.parametrize("does", ["acknowledge", "resolve_by_hand"])
def test_who_has_dealt_with_a_warning_has_not_dealt_with_what_is_critical(day, does, nothing_else_arrives):
    says(day, "WARNING")
    getattr(day, does)("INC-1001")
    assert says(day, "WARNING") == "duplicate"
    assert day.pages() == []
    says(day, "CRITICAL")
    incident = day.incident()
    assert (incident.state, incident.severity, incident.firing_count) == (
        IncidentState.TRIGGERED,
        Severity.CRITICAL,
        1,
    )
    assert day.pages() == [PAGED]
    day.acknowledge("INC-1001")
    says(day, "OK", "RECOVERY")
    day.advance(minutes=5)
    assert [one.state for one in day.incidents()] == [IncidentState.RESOLVED]
    assert day.pages() == [PAGED, TOLD]
    nothing_else_arrives(day)


def test_what_becomes_worse_while_it_is_silenced_pages_when_the_silence_is_over(day, nothing_else_arrives):
    says(day, "WARNING")
    silenced(day, hours=1)
    assert says(day, "CRITICAL") == "duplicate"
    assert (day.pages(), day.incident().severity) == ([], Severity.MEDIUM)
    day.advance(hours=1)
    assert (day.pages(), day.incident().severity) == ([PAGED], Severity.CRITICAL)
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


@pytest.mark.parametrize(("state", "word"), [("WARNING", "PROBLEM"), ("OK", "RECOVERY")])
def test_what_was_worse_only_while_it_was_silenced_pages_nobody(day, state, word, nothing_else_arrives):
    says(day, "WARNING")
    silenced(day, hours=1)
    says(day, "CRITICAL")
    says(day, state, word)
    day.advance(hours=2)
    assert day.pages() == []
    nothing_else_arrives(day)


def test_both_mails_in_one_decision_are_one_critical_incident(day, nothing_else_arrives):
    ids = day.life.ids
    both = [
        inbox.Envelope(ids.envelope(), "post", SourceKind.EMAIL, day.now(), "10.0.0.1", joined(RELAY, nagios(state)))
        for state in ("WARNING", "CRITICAL")
    ]
    day.database.run_now(inbox.add, both)
    day.engine.wake.processor.ring()
    day.advance(minutes=1)
    assert [one.severity for one in day.incidents()] == [Severity.CRITICAL]
    assert day.pages() == [PAGED]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_so_it_is_with_mapped_json_whose_identity_is_not_all_its_labels(day, nothing_else_arrives):
    for level in ("warning", "warning", "critical", "critical", "warning"):
        day.receive(json.dumps({"host": "db1", "level": level}).encode(), source="jobs", kind=SourceKind.JSON)
        day.advance(minutes=1)
    assert [one.severity for one in day.incidents()] == [Severity.CRITICAL]
    assert day.pages() == [PAGED]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)
