"""Drills are remembered by name, so that one that runs by itself begins once."""

from __future__ import annotations

from ingestd.core.drill import DrillOrder
from ingestd.core.names import EnvelopeId, IncidentId
from ingestd.store import drills, heartbeats, inbox
from tests.store.builders import NOW, after

ORDER = DrillOrder("scheduled/default/2026-03-02T10:05Z", "default", "the schedule")


def test_a_drill_begins_once_and_stores_its_envelope(connection):
    assert drills.begin_scheduled(connection, ORDER, EnvelopeId("env_1"), NOW)
    assert not drills.begin_scheduled(connection, ORDER, EnvelopeId("env_2"), after(minutes=1))
    (waiting,) = inbox.oldest_waiting(connection, 10)
    assert (waiting.id, waiting.source, waiting.kind) == ("env_1", "ingestd", "drill")
    assert drills.has_begun(connection, ORDER.id)


def test_a_drill_ends_once(connection):
    drills.begin(connection, ORDER, EnvelopeId("env_1"), NOW)
    drills.opened(connection, ORDER.id, IncidentId("INC-7"))
    assert [one.incident_id for one in drills.running(connection)] == ["INC-7"]
    assert drills.end(connection, ORDER.id, "answered", after(minutes=2))
    assert not drills.end(connection, ORDER.id, "unanswered", after(minutes=3))
    found = drills.load(connection, ORDER.id)
    assert found is not None
    assert (found.result, found.ended_at, found.is_scheduled) == ("answered", after(minutes=2), False)
    assert drills.running(connection) == []


def test_waiting_for_a_source_does_not_forget_when_it_was_heard(connection):
    heartbeats.wait_for(connection, "prod", NOW)
    heartbeats.wait_for(connection, "prod", after(hours=1))
    assert heartbeats.heard_at(connection) == {"prod": NOW}
    heartbeats.forget(connection, "prod")
    assert heartbeats.heard_at(connection) == {}
