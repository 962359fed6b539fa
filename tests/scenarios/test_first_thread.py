"""The main job, as a time-line."""

from __future__ import annotations

from ingestd.core.names import IncidentState
from ingestd.testing.world import World


def test_one_alert_is_one_incident_one_ticket_and_one_page_and_its_end_is_told(day: World) -> None:
    envelope = day.fires()
    assert day.envelope(envelope).disposition == "incident"
    assert [ticket.incident for ticket in day.tickets.kept] == ["INC-1001"]
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    day.advance(minutes=30)
    day.clears()
    day.advance(minutes=2)
    assert day.incident().state is IncidentState.RESOLVED
    assert day.tickets.kept[0].history == ["resolved"]
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    day.advance(hours=2)
    assert day.incident().state is IncidentState.CLOSED
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    assert day.unsettled() == []


def test_an_unanswered_page_reaches_the_second_and_the_third_person(day: World) -> None:
    day.fires()
    day.advance(minutes=5)
    assert day.pages() == [("ada", "sms", "page"), ("bo", "sms", "page")]
    day.advance(minutes=5)
    assert day.pages()[2:] == [("cy", "sms", "page")]
    day.acknowledge("INC-1001", by="cy")
    day.advance(hours=3)
    assert len(day.pages()) == 3
