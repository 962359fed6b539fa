"""Incidents and what belongs to them: members, tickets, deadlines, their number, and the view that people are given."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from ingestd import telling
from ingestd.core.effects import Deadline, DeadlineKind, Decision, TimelineEntry
from ingestd.core.incident import AlertState, Escalation
from ingestd.core.names import Channel, IncidentId, IncidentState, PersonName, Severity
from ingestd.core.policy import Step
from ingestd.ports import TicketRef
from ingestd.store import apply, incidents, view
from ingestd.store.incidents import Ticket
from tests.store.builders import NOW, after, incident, member

ID = IncidentId("INC-1001")


def _write(connection: Connection, **parts: object) -> None:
    apply.write(connection, Decision(**parts), NOW)


def _ticket(number: int = 1001, connector: str = "jira", **changes: object) -> Ticket:
    plain = Ticket(IncidentId(f"INC-{number}"), connector, "10001", "OPS-1", "https://jira.example/OPS-1", NOW, 4)
    return replace(plain, **changes)


def test_an_incident_comes_back_whole(connection: Connection) -> None:
    whole = incident(
        state=IncidentState.RESOLVED,
        firing_count=3,
        alert_count=9,
        clearing_since=after(seconds=1),
        acknowledged_at=after(seconds=2),
        acknowledged_by="ada",
        resolved_at=after(seconds=3),
        resolved_by="bo",
        closed_at=after(seconds=4),
        reopen_count=2,
        ticket_connector="jira",
        ticket_options={"project": "OPS", "labels": ["a", "b"], "deep": {"x": None, "y": 1.5, "z": True}},
        is_comment_waiting=True,
        escalation=Escalation(
            "default", "v", (Step((PersonName("ada"),), 300),), 2, paged=((PersonName("ada"), Channel.SMS),)
        ),
        effect_counts={"jira/ticket-open": 1},
    )
    _write(connection, incidents=(whole, incident(1002)))
    assert incidents.load(connection, ID) == whole
    assert incidents.load(connection, IncidentId("INC-9")) is None


def test_a_decision_replaces_what_was_known_of_the_incident(connection: Connection) -> None:
    _write(connection, incidents=(incident(), incident(1002)))
    changed = incident(severity=Severity.CRITICAL, firing_count=7, acknowledged_by="ada")
    _write(connection, incidents=(changed,))
    assert incidents.load_many(connection, [ID, IncidentId("INC-1002"), IncidentId("INC-9")]) == {
        ID: changed,
        IncidentId("INC-1002"): incident(1002),
    }


def test_more_incidents_can_be_asked_for_than_one_query_takes(connection: Connection) -> None:
    many = tuple(incident(n) for n in range(1, 1002))
    _write(connection, incidents=many)
    assert len(incidents.load_many(connection, [one.id for one in many])) == 1001
    assert incidents.load_many(connection, []) == {}


def test_incidents_are_listed_newest_first_and_by_state(connection: Connection) -> None:
    states = [IncidentState.CLOSED, IncidentState.TRIGGERED, IncidentState.RESOLVED, IncidentState.TRIGGERED]
    _write(connection, incidents=tuple(incident(n, state=state) for n, state in enumerate(states, 1001)))

    def numbers(*asked: IncidentState, limit: int = 9) -> list[int]:
        return [one.number for one in incidents.listed(connection, states=asked or None, limit=limit)]

    assert numbers() == [1004, 1003, 1002, 1001]
    assert numbers(limit=2) == [1004, 1003]
    assert numbers(IncidentState.TRIGGERED) == [1004, 1002]
    assert numbers(IncidentState.CLOSED, IncidentState.RESOLVED) == [1003, 1001]
    assert numbers(IncidentState.ACKNOWLEDGED) == []


def test_open_incidents_are_counted_by_state_and_severity(connection: Connection) -> None:
    assert incidents.open_counts(connection) == {}
    _write(
        connection,
        incidents=(
            incident(1),
            incident(2),
            incident(3, severity=Severity.LOW),
            incident(4, state=IncidentState.RESOLVED),
            incident(5, state=IncidentState.CLOSED),
        ),
    )
    assert incidents.open_counts(connection) == {
        ("triggered", "high"): 2,
        ("triggered", "low"): 1,
        ("resolved", "high"): 1,
    }


def test_alerts_that_fire_are_shown_first_then_the_oldest(connection: Connection) -> None:
    parts = (
        member(1, state=AlertState.CLEARED, cleared_at=after(seconds=9)),
        member(2, joined_at=after(seconds=2)),
        member(3, joined_at=after(seconds=1), state=AlertState.VANISHED),
        member(4, joined_at=after(seconds=2)),
        member(5, incident_id=IncidentId("INC-2")),
    )
    _write(connection, members=parts)
    assert incidents.members_of(connection, ID, 9) == [parts[2], parts[1], parts[3], parts[0]]
    assert len(incidents.members_of(connection, ID, 2)) == 2


# ---------------------------------------------------------------------------------------------- numbers


def test_the_first_incident_is_number_1001_and_the_next_is_remembered(connection: Connection) -> None:
    assert incidents.next_number(connection) == 1001
    _write(connection, next_number=1003)
    assert incidents.next_number(connection) == 1003
    _write(connection)
    assert incidents.next_number(connection) == 1003


# ---------------------------------------------------------------------------------------------- deadlines


def test_deadlines_are_kept_one_of_each_kind_and_come_due_oldest_first(connection: Connection) -> None:
    assert incidents.next_deadline_at(connection) is None
    escalate = Deadline(ID, DeadlineKind.ESCALATE, after(seconds=30))
    close = Deadline(ID, DeadlineKind.CLOSE, after(seconds=10))
    other = Deadline(IncidentId("INC-2"), DeadlineKind.ESCALATE, after(seconds=20))
    _write(connection, deadlines=(escalate, close, other))
    moved = replace(escalate, due_at=after(seconds=15))
    _write(connection, deadlines=(moved,))
    assert incidents.deadlines_of(connection, ID) == [close, moved]
    assert incidents.next_deadline_at(connection) == after(seconds=10)
    assert incidents.due_deadlines(connection, after(seconds=9.999999), 9) == []
    assert incidents.due_deadlines(connection, after(seconds=15), 9) == [close, moved]
    assert incidents.due_deadlines(connection, after(seconds=60), 2) == [close, moved]
    incidents.forget_deadline(connection, close)
    assert incidents.due_deadlines(connection, after(seconds=60), 9) == [moved, other]


def test_a_deadline_that_a_decision_clears_is_gone_and_one_that_it_sets_anew_stays(connection: Connection) -> None:
    escalate = Deadline(ID, DeadlineKind.ESCALATE, after(seconds=30))
    resolve = Deadline(ID, DeadlineKind.RESOLVE, after(seconds=30))
    _write(connection, deadlines=(escalate, resolve))
    _write(connection, deadlines=(), cleared_deadlines=((ID, DeadlineKind.ESCALATE), (ID, DeadlineKind.CLOSE)))
    assert incidents.deadlines_of(connection, ID) == [resolve]


# ---------------------------------------------------------------------------------------------- tickets


def test_an_incident_has_one_ticket_per_connector(connection: Connection) -> None:
    assert incidents.ticket_of(connection, ID, "jira") is None
    incidents.save_ticket(connection, _ticket())
    incidents.save_ticket(connection, _ticket(connector="freshdesk", ref_id="7"))
    replaced = _ticket(ref_id="10002", label="OPS-2")
    incidents.save_ticket(connection, replaced)
    assert incidents.ticket_of(connection, ID, "jira") == replaced
    assert replaced.ref == TicketRef("10002", "OPS-2", "https://jira.example/OPS-1")
    incidents.forget_ticket(connection, ID, "jira")
    assert incidents.ticket_of(connection, ID, "jira") is None
    assert incidents.ticket_of(connection, ID, "freshdesk") == _ticket(connector="freshdesk", ref_id="7")


def test_what_a_ticket_was_told_never_goes_backwards(connection: Connection) -> None:
    incidents.save_ticket(connection, _ticket(noted_up_to=4))
    for told, expected in ((9, 9), (5, 9), (9, 9), (2**40, 2**40)):
        incidents.ticket_was_told(connection, ID, "jira", told)
        found = incidents.ticket_of(connection, ID, "jira")
        assert found is not None
        assert found.noted_up_to == expected


def test_tickets_are_listed_newest_first(connection: Connection) -> None:
    for n in (2, 3, 1):
        incidents.save_ticket(connection, _ticket(n, opened_at=after(seconds=n)))
    assert [one.incident_id for one in incidents.tickets_listed(connection, 2)] == ["INC-3", "INC-2"]


# ---------------------------------------------------------------------------------------------- the view


def _note(text: str) -> TimelineEntry:
    return TimelineEntry(ID, NOW, "note", "api", text)


def test_the_view_is_the_incident_as_it_is_now(connection: Connection) -> None:
    parts = tuple(member(n, joined_at=after(seconds=n)) for n in range(60))
    cleared = replace(parts[0], state=AlertState.CLEARED, cleared_at=after(seconds=99))
    whole = incident(ticket_connector="jira", firing_count=59, alert_count=60, acknowledged_by="ada")
    _write(
        connection,
        incidents=(whole,),
        members=(cleared, *parts[1:]),
        timeline=tuple(_note(f"line {n}") for n in range(15)),
    )
    incidents.save_ticket(connection, _ticket())
    seen = view.build(connection, whole, "https://ingestd.example")
    assert (seen.id, seen.title, seen.severity, seen.acknowledged_by) == (ID, whole.title, whole.severity, "ada")
    assert (seen.firing_count, seen.alert_count, len(seen.alerts)) == (59, 60, telling.ALERTS_SHOWN_MAX)
    assert all(alert.is_firing for alert in seen.alerts)
    assert seen.alerts[0].first_seen_at == after(seconds=1)
    assert seen.url == "https://ingestd.example/incidents/INC-1001"
    assert seen.ticket_url == "https://jira.example/OPS-1"
    assert [line.text for line in seen.timeline] == [f"line {n}" for n in range(5, 15)]


def test_without_an_external_url_or_a_ticket_the_view_has_no_links(connection: Connection) -> None:
    _write(connection, incidents=(incident(),), members=(member(state=AlertState.CLEARED, cleared_at=NOW),))
    seen = view.build(connection, incident(), "")
    assert (seen.url, seen.ticket_url, seen.timeline) == ("", "", ())
    assert not seen.alerts[0].is_firing


@pytest.mark.parametrize("connector", ["", "freshdesk"])
def test_a_ticket_of_another_connector_is_not_the_incidents_own(connection: Connection, connector: str) -> None:
    incidents.save_ticket(connection, _ticket())
    assert view.build(connection, incident(ticket_connector=connector), "").ticket_url == ""
