"""From envelopes to decisions: slices, dispositions, and faults that must not stop the line."""

from __future__ import annotations

import contextlib

import pytest

from ingestd.core import admit
from ingestd.core.decide import decide_alerts
from ingestd.core.sources import SourceKind
from ingestd.errors import StoreBusy
from ingestd.store import inbox
from ingestd.store.database import Database
from ingestd.testing.virtual_time import SimulatedCrash
from ingestd.testing.world import World, alertmanager_body
from ingestd.workers import processor
from ingestd.workers.processor import SLICE_ALERTS, disposition_of


def body(count: int, **labels: str) -> bytes:
    return alertmanager_body(
        *[{"alertname": "DiskFull", "host": f"h{n}", "cluster": "a", **labels} for n in range(count)]
    )


def words(world: World, envelope: str) -> tuple[str, str | None, int | None]:
    found = world.envelope(envelope)
    return found.state, found.disposition, found.alert_count


def test_a_large_envelope_is_decided_in_slices_and_ends_in_one_disposition(world):
    count = 2 * SLICE_ALERTS + 7
    large = world.receive(body(count))
    world.advance(seconds=1)
    assert words(world, large) == ("done", "incident", count)
    findings = world.envelope(large).findings
    assert len(findings) == count
    assert len({finding["alert"] for finding in findings}) == count
    assert world.incident().firing_count == count
    assert len(world.sms.sent) == 1


def test_a_large_envelope_is_parsed_for_its_first_slice_alone(world, monkeypatch):
    read, bodies = processor.sources.read, []

    def counted(kind, source, raw, *rest):
        bodies.append(raw)
        return read(kind, source, raw, *rest)

    monkeypatch.setattr(processor.sources, "read", counted)
    world.receive(body(2 * SLICE_ALERTS + 7))
    world.advance(seconds=1)
    assert len(bodies) == 1


def test_a_death_between_slices_costs_nothing(new_world):
    commits = []

    def die_at_the_third_commit(point: str) -> None:
        if point == "after commit" and len(commits) < 4:
            commits.append(point)
            if len(commits) == 4:
                world.life.loop.crash(point)

    world = new_world()
    world.at_point = die_at_the_third_commit
    with contextlib.suppress(SimulatedCrash):
        world.receive(body(SLICE_ALERTS * 3))
        world.advance(seconds=1)
    assert world.life.deaths == ["after commit"]
    world.bury()
    world.start()
    world.advance(minutes=1)
    assert world.incident().firing_count == SLICE_ALERTS * 3
    (listed,) = world.database.read_now(lambda c: inbox.reports(c, state=None, source=None, limit=9))
    report = world.envelope(listed.id)
    assert (report.state, len(report.findings)) == ("done", SLICE_ALERTS * 3)


@pytest.mark.parametrize(
    ("findings", "word"),
    [
        ([], "empty"),
        ([("stale", None)], "ignored"),
        ([("stale", None), ("repeat", None)], "duplicate"),
        ([("repeat", None), ("vanished", None)], "vanished"),
        ([("vanished", None), ("resolve", None)], "resolved"),
        ([("resolve", None), ("new", "same_alert")], "joined"),
        ([("new", "same_correlation_key"), ("new", "opened")], "incident"),
        ([("new", "reopened"), ("repeat", None)], "incident"),
    ],
)
def test_the_disposition_is_the_most_that_any_alert_brought_about(findings, word):
    assert disposition_of([{"verdict": verdict, "join": join} for verdict, join in findings]) == word


def test_an_envelope_without_alerts_is_done_and_empty(world):
    envelope = world.receive(b'{"version": "4", "status": "firing", "alerts": []}')
    world.advance(seconds=1)
    assert words(world, envelope) == ("done", "empty", 0)


def test_envelopes_are_counted_by_what_became_of_them(world, value_of):
    for sent in (body(1), body(1), b"nonsense"):
        world.receive(sent)
        world.advance(seconds=1)
    for disposition in ("incident", "duplicate", "quarantined"):
        assert value_of(world, "ingestd_envelopes_disposed_total", source="alertmanager", disposition=disposition) == 1
    verdicts = {"source": "alertmanager", "verdict": "repeat", "reason": "still_firing"}
    assert value_of(world, "ingestd_alerts_received_total", **verdicts) == 1


def test_a_retry_after_a_fix_is_read_again(world, monkeypatch):
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(processor, "decide_alerts", breaks)
    envelope = world.receive(body(1))
    world.advance(seconds=1)
    assert words(world, envelope)[:2] == ("quarantined", "quarantined")
    monkeypatch.setattr(processor, "decide_alerts", decide_alerts)
    world.database.run_now(inbox.retry, envelope)
    world.engine.wake.processor.ring()
    world.advance(seconds=1)
    assert words(world, envelope) == ("done", "incident", 1)


def test_what_breaks_even_our_own_alert_still_cannot_stop_the_line(world, monkeypatch, value_of):
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as fault:
        fault.setattr(admit, "member_of", breaks)
        first = world.receive(body(1))
        world.advance(seconds=5)
        assert words(world, first)[0] == "quarantined"
    world.receive(body(1))
    world.advance(seconds=1)
    assert len(world.sms.sent) == 1
    assert value_of(world, "ingestd_worker_failures_total", worker="processor") == 2


def test_trouble_with_the_database_is_nobodys_fault_and_puts_nothing_aside(world, monkeypatch):
    """A full disk is no reason to quarantine an alert."""
    calls = []

    def busy(self: Database, fn, *args):
        if fn is processor.process_batch and len(calls) < 5:
            calls.append(fn)
            raise StoreBusy("the disk is full")
        return sound(self, fn, *args)

    sound = type(world.database).run_now
    monkeypatch.setattr(type(world.database), "run_now", busy)
    envelope = world.receive(body(1))
    world.advance(seconds=60)
    assert len(calls) == 5
    assert words(world, envelope) == ("done", "incident", 1)


def test_a_body_of_another_sender_is_said_to_be_one(world):
    envelope = world.receive(body(1), source="grafana", kind=SourceKind.GRAFANA)
    world.advance(seconds=1)
    report = world.envelope(envelope)
    assert (report.state, report.reason) == ("quarantined", "not_this_kind")
    assert "kind: alertmanager" in report.detail
