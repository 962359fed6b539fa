"""Envelopes: kept as received, decided once, kept or forgotten afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from ingestd.core.names import EnvelopeId
from ingestd.store import inbox
from tests.store.builders import NOW, after, envelope


def _done(connection: Connection, envelope_id: EnvelopeId, **changes: object) -> None:
    values = {"disposition": "incident", "alert_count": 1, "findings": [{"alert": "a"}], "now": after(seconds=1)}
    inbox.mark_done(connection, envelope_id, **(values | changes))


def test_an_envelope_comes_back_as_it_was_received(connection: Connection) -> None:
    one = envelope(body=bytes(range(256)) * 1000, remote="2001:db8::1")
    empty = envelope(2, body=b"")
    inbox.add(connection, [one, empty])
    assert inbox.oldest_waiting(connection, 10) == [one, empty]
    assert inbox.body(connection, one.id) == one.body
    assert inbox.body(connection, EnvelopeId("env_none")) is None


def test_the_oldest_wait_first_in_the_order_in_which_they_were_stored(connection: Connection) -> None:
    later = envelope(1, received_at=after(hours=1))
    inbox.add(connection, [later])
    inbox.add(connection, [envelope(3), envelope(2)])
    assert [one.id for one in inbox.oldest_waiting(connection, 2)] == [later.id, envelope(3).id]


def test_an_envelope_that_is_stored_again_after_a_lost_reply_is_there_once(connection: Connection) -> None:
    inbox.add(connection, [envelope(1)])
    inbox.mark_progress(connection, envelope(1).id, next_alert=3, findings=[])
    inbox.add(connection, [envelope(1), envelope(2)])
    waiting = inbox.oldest_waiting(connection, 10)
    assert [(one.id, one.next_alert) for one in waiting] == [(envelope(1).id, 3), (envelope(2).id, 0)]


def test_two_envelopes_with_the_same_bytes_are_two(connection: Connection) -> None:
    inbox.add(connection, [envelope(1), envelope(2)])
    assert inbox.waiting_count(connection) == 2


def test_what_is_decided_waits_no_longer_and_has_one_disposition(connection: Connection) -> None:
    assert not inbox.has_waiting(connection)
    inbox.add(connection, [envelope()])
    assert inbox.has_waiting(connection)
    _done(connection, envelope().id, disposition="joined", alert_count=7)
    assert not inbox.has_waiting(connection)
    assert inbox.waiting_count(connection) == 0
    report = inbox.report(connection, envelope().id)
    assert report == inbox.EnvelopeReport(
        id=envelope().id,
        source="prod",
        kind="alertmanager",
        received_at=NOW,
        remote="192.0.2.1",
        state=inbox.DONE,
        alert_count=7,
        disposition="joined",
        reason=None,
        detail=None,
        findings=[{"alert": "a"}],
        processed_at=after(seconds=1),
    )
    assert inbox.report(connection, EnvelopeId("env_none")) is None


def test_a_large_envelope_is_decided_in_slices_and_remembers_what_it_found(connection: Connection) -> None:
    inbox.add(connection, [envelope()])
    inbox.mark_progress(connection, envelope().id, next_alert=200, findings=[{"n": 1}])
    inbox.mark_progress(connection, envelope().id, next_alert=400, findings=[{"n": 2}])
    (waiting,) = inbox.oldest_waiting(connection, 1)
    assert waiting.next_alert == 400
    assert inbox.findings_of(connection, envelope().id) == [{"n": 1}, {"n": 2}]
    assert inbox.findings_of(connection, EnvelopeId("env_none")) == []


def test_what_cannot_be_read_is_kept_with_the_reason_until_somebody_asks_for_it(connection: Connection) -> None:
    inbox.add(connection, [envelope(1), envelope(2)])
    inbox.quarantine(connection, envelope(1).id, reason="not_json", detail="at byte 0", now=after(seconds=1))
    assert [one.id for one in inbox.oldest_waiting(connection, 9)] == [envelope(2).id]
    (report,) = inbox.reports(connection, state=inbox.QUARANTINED, source=None, limit=9)
    assert (report.disposition, report.reason, report.detail) == ("quarantined", "not_json", "at byte 0")
    assert inbox.retry(connection, envelope(1).id)
    assert inbox.oldest_waiting(connection, 1) == [envelope(1)]
    again = inbox.report(connection, envelope(1).id)
    assert again is not None
    assert (again.disposition, again.reason, again.detail, again.findings, again.processed_at) == (None,) * 5


def test_an_envelope_of_which_only_a_part_could_be_read_is_listed_with_the_quarantined(connection: Connection) -> None:
    inbox.add(connection, [envelope()])
    _done(connection, envelope().id, unread=("bad_alert", "alert 3 has no labels"))
    (report,) = inbox.reports(connection, state=inbox.QUARANTINED, source=None, limit=9)
    assert (report.disposition, report.reason, report.alert_count) == ("incident", "bad_alert", 1)
    assert inbox.retry(connection, envelope().id)
    assert inbox.oldest_waiting(connection, 1) == [envelope()]


@pytest.mark.parametrize("state", ["new", "done", "unknown"])
def test_only_what_is_quarantined_is_read_once_more(connection: Connection, state: str) -> None:
    inbox.add(connection, [envelope()])
    if state == "done":
        _done(connection, envelope().id)
    asked = EnvelopeId("env_none") if state == "unknown" else envelope().id
    assert not inbox.retry(connection, asked)


def test_reports_are_newest_first_and_can_be_narrowed(connection: Connection) -> None:
    inbox.add(connection, [envelope(1), envelope(2, source="test"), envelope(3)])
    _done(connection, envelope(1).id)

    def ids(**narrowed: str | None) -> list[int]:
        found = inbox.reports(connection, **({"state": None, "source": None} | narrowed), limit=2)
        return [int(one.id[-1]) for one in found]

    assert ids() == [3, 2]
    assert ids(source="prod") == [3, 1]
    assert [one.findings for one in inbox.reports(connection, state="done", source=None, limit=2)] == [None]
    assert ids(state="done") == [1]
    assert ids(state="new", source="test") == [2]
    assert ids(source="none") == []


def test_old_decided_envelopes_are_forgotten_a_few_at_a_time_oldest_first(connection: Connection) -> None:
    inbox.add(connection, [envelope(n, received_at=after(minutes=-n)) for n in range(1, 7)])
    for n in range(1, 5):
        _done(connection, envelope(n).id)
    inbox.quarantine(connection, envelope(5).id, reason="r", detail="d", now=NOW)

    def kept() -> set[int]:
        return {int(one.id[-1]) for one in inbox.reports(connection, state=None, source=None, limit=99)}

    assert inbox.prune(connection, after(minutes=-2), 1) == 1
    assert kept() == {1, 2, 3, 5, 6}
    assert inbox.prune(connection, after(minutes=-2), 9) == 1
    # Number 2 is exactly as old as the limit and stays; quarantined and waiting ones stay however old they are.
    assert kept() == {1, 2, 5, 6}
    assert inbox.prune(connection, NOW - timedelta(minutes=2), 9) == 0


def test_large_bodies_come_a_few_at_a_time_and_one_that_is_too_large_comes_alone(connection: Connection) -> None:
    half = inbox.BATCH_BYTES_MAX // 2
    sizes = (inbox.BATCH_BYTES_MAX + 1, half, half, 1)
    inbox.add(connection, [envelope(n, body=b"x" * size) for n, size in enumerate(sizes, start=1)])
    assert [one.id for one in inbox.oldest_waiting(connection, 10)] == [envelope(1).id]
    inbox.quarantine(connection, envelope(1).id, reason="r", detail="d", now=NOW)
    assert [one.id for one in inbox.oldest_waiting(connection, 10)] == [envelope(2).id, envelope(3).id]
