"""Deadlines: kept in time, late ones first, and never stopped by one that breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from ingestd.core.effects import Deadline, DeadlineKind, Decision
from ingestd.core.names import IncidentId
from ingestd.store import apply, incidents
from ingestd.testing.world import policy
from ingestd.workers import timekeeper
from ingestd.workers.timekeeper import BATCH_COUNT, POSTPONED


def open_many(world, count):
    for number in range(count):
        world.fires(cluster=f"c{number}")


def test_more_deadlines_than_one_batch_are_kept_at_once(new_world):
    world = new_world(policy=replace(policy(), limits={}))
    open_many(world, 3)
    world.kill()
    with_deadlines = BATCH_COUNT + 10
    world.start()
    for number in range(3, with_deadlines):
        world.fires(cluster=f"c{number}")
    world.kill()
    world.life.virtual.seconds += 600
    world.start()
    world.advance(seconds=1)
    told = [page.person for page in world.sms.sent]
    assert (told.count("ada"), told.count("bo")) == (with_deadlines, with_deadlines)


def test_a_deadline_that_breaks_is_put_off_and_the_others_are_kept(new_world, monkeypatch, value_of, log_lines):
    world = new_world(policy=replace(policy(), limits={}))
    open_many(world, 3)
    sound = timekeeper.decide_deadline

    def breaks_for_one(kind, incident, *rest, **options):
        if incident.id == "INC-1001":
            raise ZeroDivisionError("a fault")
        return sound(kind, incident, *rest, **options)

    monkeypatch.setattr(timekeeper, "decide_deadline", breaks_for_one)
    world.advance(minutes=5)
    assert sorted(page.incident for page in world.sms.sent if page.person == "bo") == ["INC-1002", "INC-1003"]
    (due,) = world.database.read_now(incidents.deadlines_of, IncidentId("INC-1001"))
    assert due.kind is DeadlineKind.ESCALATE
    assert timedelta(0) < due.due_at - world.now() <= POSTPONED
    assert [line["incident"] for line in log_lines if line["event"] == "deadline_postponed"] == ["INC-1001"]
    monkeypatch.setattr(timekeeper, "decide_deadline", sound)
    world.advance(minutes=5)
    assert "INC-1001" in [page.incident for page in world.sms.sent if page.person == "bo"]


def test_a_deadline_that_another_of_its_incident_put_off_is_not_kept_early(world):
    """Office hours and the wait of a step end at one instant: the first page of the morning is not followed by the second at once."""
    world.fires()
    incident = replace(world.incident(), awaiting_policy="default")
    passed = world.now() - timedelta(seconds=1)
    due = [Deadline(incident.id, kind, passed) for kind in (DeadlineKind.PAGE, DeadlineKind.ESCALATE)]
    both = Decision(incidents=(incident,), deadlines=(replace(due[0], due_at=passed - timedelta(seconds=1)), due[1]))
    world.database.run_now(apply.write, both, world.now())
    world.engine.wake.timekeeper.ring()
    world.advance(seconds=2)
    assert [page.person for page in world.sms.sent] == ["ada", "ada"]


def test_a_deadline_of_an_incident_that_is_gone_is_forgotten(world):
    world.fires()
    world.database.run_now(
        lambda c: c.exec_driver_sql("UPDATE deadlines SET incident_id = 'INC-9', due_at = 0").rowcount
    )
    world.engine.wake.timekeeper.ring()
    world.advance(seconds=1)
    assert world.database.read_now(incidents.next_deadline_at) is None
