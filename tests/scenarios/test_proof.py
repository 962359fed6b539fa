"""Proof that paging works: a source that falls silent, the auditor and its heartbeat, drills."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC

import pytest
from sqlalchemy import Connection, text

from ingestd.core.matchers import parse_matcher
from ingestd.core.names import PersonName
from ingestd.core.policy import Step
from ingestd.core.watchdog import Watchdog
from ingestd.core.windows import TimeWindow
from ingestd.store import auditing
from ingestd.testing.world import World
from ingestd.testing.world import policy as make_policy
from ingestd.workers.current import HeartbeatPlan, ScheduledDrill

WATCHED = replace(
    make_policy(), watchdogs={"alertmanager": Watchdog((parse_matcher("alertname = Watchdog"),), within_seconds=300)}
)


def _beats(day: World, minutes: int) -> None:
    """Once a minute, for so long."""
    for _ in range(minutes):
        day.fires("Watchdog", host="prometheus")
        day.advance(seconds=59)


def test_a_watchdog_that_is_heard_opens_nothing_and_its_envelope_says_so(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(policy=WATCHED)
    envelope = day.fires("Watchdog", host="prometheus")
    report = day.envelope(envelope)
    assert report.disposition == "heartbeat"
    assert [finding["reason"] for finding in report.findings or []] == ["heard"]
    _beats(day, 60)
    assert (day.incidents(), day.pages()) == ([], [])
    nothing_else_arrives(day, minutes=2)


def test_a_watchdog_that_stops_pages_once_and_its_return_ends_it(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(policy=WATCHED)
    _beats(day, 10)
    day.advance(minutes=3, seconds=58)
    assert day.pages() == []
    day.advance(seconds=5)
    assert day.pages() == [("ada", "sms", "page")]
    assert day.sms.sent[0].text.incident.title.startswith("IngestdSourceSilent")
    day.acknowledge("INC-1001")
    day.advance(hours=1)
    assert day.pages() == [("ada", "sms", "page")]
    _beats(day, 5)
    assert day.incident().state == "resolved"
    assert day.pages() == [("ada", "sms", "page"), ("ada", "sms", "resolved")]
    nothing_else_arrives(day, minutes=2)


def test_a_source_that_was_never_heard_is_missing_from_the_start(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(policy=WATCHED)
    day.advance(minutes=4, seconds=59)
    assert day.pages() == []
    day.advance(seconds=2)
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_while_the_daemon_was_down_nobody_could_be_heard(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(policy=WATCHED)
    _beats(day, 3)
    day.kill()
    day.advance(hours=2)
    day.start()
    day.advance(minutes=4, seconds=50)
    assert day.pages() == []
    _beats(day, 30)
    assert day.pages() == []
    nothing_else_arrives(day, minutes=2)


def test_the_end_of_a_watchdog_is_no_sign_of_life(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    """Prometheus has died: Alertmanager gives its alerts up after a while, and says that they are over."""
    day = new_day(policy=WATCHED)
    _beats(day, 3)
    for _ in range(5):
        day.clears("Watchdog", host="prometheus")
        day.advance(minutes=1)
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_a_watchdog_that_is_not_configured_any_more_is_not_missed(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(policy=WATCHED)
    day.advance(minutes=6)
    assert day.pages() == [("ada", "sms", "page")]
    day.reload(make_policy())
    day.advance(hours=1)
    assert day.incident().state == "closed"
    nothing_else_arrives(day)


# ---------------------------------------------------------------------------------------------- the auditor and the heartbeat


SECRET_URL = "https://watcher.example/ping/5e1f"
AUDITED = {"audit_seconds": 60.0, "heartbeat": HeartbeatPlan(SECRET_URL, 60)}


def _break(day: World, statement: str) -> None:
    """A promise is broken behind the daemon's back: no code of ours writes this."""
    day.database.run_now(lambda connection: connection.execute(text(statement)))


def _nothing_is_checked(_connection: Connection) -> None:
    """The promises are broken on purpose here; it is the auditor who is to notice."""


def test_a_watcher_outside_hears_of_every_minute_in_which_all_is_well(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(**AUDITED)
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(hours=1)
    assert len(day.watcher.beats) in {60, 61}
    assert day.watcher.urls == {SECRET_URL}
    nothing_else_arrives(day)


def test_a_broken_promise_silences_the_heartbeat_and_pages_and_both_end_when_it_is_mended(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(**AUDITED, check=_nothing_is_checked)
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(minutes=10)
    _break(day, "UPDATE incidents SET firing_count = 2 WHERE id = 'INC-1001'")
    before = len(day.watcher.beats)
    day.advance(minutes=10)
    assert len(day.watcher.beats) == before
    assert day.incident(1002).title.startswith(
        "IngestdAuditFailed: ingestd does not keep what it promises: A7: INC-1001"
    )
    assert day.pages()[1] == ("ada", "sms", "page")
    day.acknowledge("INC-1002")
    assert day.engine.auditor.status["result"] == "broken"
    _break(day, "UPDATE incidents SET firing_count = 1 WHERE id = 'INC-1001'")
    day.advance(minutes=10)
    assert len(day.watcher.beats) >= before + 8
    assert day.incident(1002).state == "resolved"
    assert day.engine.auditor.status["result"] == "passed"
    nothing_else_arrives(day)


BROKEN = {
    "an envelope that nobody decides": (["UPDATE inbox SET state = 'done', disposition = NULL"], "A2: envelope"),
    "an incident that nothing will page for": (
        ["DELETE FROM deadlines"],
        "A3: INC-1001 is triggered and nothing is due",
    ),
    "a page that is queued though it is acknowledged": (
        [
            "UPDATE incidents SET state = 'acknowledged'",
            "DELETE FROM deadlines",
            "UPDATE outbox SET state = 'waiting', due_at = 1900000000000000 WHERE kind = 'page'",
        ],
        "A4: INC-1001/sms/page/1 is queued although INC-1001 is acknowledged",
    ),
    "a ticket that is gone": (["DELETE FROM tickets"], "A6: INC-1001 wants a ticket, has none and none is on its way"),
    "a count that is wrong": (["UPDATE incidents SET alert_count = 7"], "A7: INC-1001 says 7 alerts and has 1"),
    "a lease that nobody takes up": (
        ["UPDATE outbox SET state = 'leased', connector = 'nobody', lease_until = 1 WHERE kind = 'page'"],
        "A7: the lease of INC-1001/sms/page/1 has been over",
    ),
    "an alert that is kept back and forgotten": (["UPDATE alerts SET state = 'held'"], "A2: alertmanager/"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_the_auditor_notices(new_day: Callable[..., World], what: str) -> None:
    statements, said = BROKEN[what]
    day = new_day(**AUDITED, check=_nothing_is_checked)
    day.fires()
    for statement in statements:
        _break(day, statement)
    day.advance(minutes=9)
    told = day.engine.auditor.status["broken"]
    assert any(line.startswith(said) for line in told), told
    assert day.engine.auditor.status["result"] == "broken"


def test_what_nobody_has_answered_silences_the_heartbeat_but_pages_nobody_more(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(**AUDITED)
    day.fires()
    day.advance(minutes=20)
    assert len(day.pages()) == 3
    assert day.engine.auditor.status["unanswered"] == ["A3: nobody has answered INC-1001, and nobody is left to page"]
    before = len(day.watcher.beats)
    nothing_else_arrives(day)
    assert len(day.watcher.beats) == before
    day.acknowledge("INC-1001")
    day.advance(minutes=5)
    assert len(day.watcher.beats) > before


def test_an_auditor_that_cannot_look_is_told_and_paging_goes_on(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(**AUDITED)
    day.advance(minutes=5)
    before = len(day.watcher.beats)
    asked = day.database.read

    async def breaks(fn, *args):
        if fn.__module__ == auditing.__name__:
            raise RuntimeError("the disk of the auditor")
        return await asked(fn, *args)

    day.engine.auditor._database.read = breaks
    day.fires()
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    day.advance(minutes=5)
    assert day.incident(1002).title.startswith(
        "IngestdAuditFailed: ingestd does not keep what it promises: the auditor"
    )
    assert len(day.watcher.beats) == before
    day.acknowledge("INC-1002")
    del day.engine.auditor._database.read
    day.advance(minutes=5)
    assert day.incident(1002).state == "resolved"
    assert len(day.watcher.beats) > before
    nothing_else_arrives(day)


def test_an_auditor_that_is_slow_holds_nobody_up_and_counts_as_one_that_cannot_look(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(**AUDITED)
    asked = day.database.read

    async def dawdles(fn, *args):
        if fn.__module__ == auditing.__name__:
            await asyncio.sleep(300)
        return await asked(fn, *args)

    day.engine.auditor._database.read = dawdles
    day.watcher.beats.clear()
    day.advance(minutes=2)
    day.fires()
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001")
    day.advance(minutes=5)
    assert day.watcher.beats == []
    assert "TimeoutError" in day.incident(1002).title
    day.acknowledge("INC-1002")
    nothing_else_arrives(day, minutes=30)


def test_a_watcher_that_cannot_be_reached_pages_nobody(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    day = new_day(**AUDITED)
    day.watcher.is_reachable = False
    day.watcher.beats.clear()
    nothing_else_arrives(day)
    assert (day.watcher.beats, day.incidents()) == ([], [])
    assert day.engine.auditor.status["heartbeat_problem"] == "the watcher does not answer"
    day.watcher.is_reachable = True
    day.advance(minutes=2)
    assert len(day.watcher.beats) in {1, 2}


# ---------------------------------------------------------------------------------------------- drills


def test_a_drill_pages_as_in_earnest_and_ends_when_it_is_answered(
    day: World, nothing_else_arrives: Callable[..., None]
) -> None:
    drill = day.drill()
    page = day.sms.sent[0].text
    assert (day.pages(), page.incident.is_test, page.link != "") == ([("ada", "sms", "page")], True, True)
    assert page.incident.title.startswith("TEST")
    day.advance(minutes=5)
    assert day.pages()[-1] == ("bo", "sms", "page")
    day.acknowledge("INC-1001", by="bo")
    day.advance(seconds=10)
    assert (day.incident().state, day.incident().acknowledged_by) in {("resolved", "bo"), ("closed", "bo")}
    assert day.result_of(drill) == "answered"
    assert sorted(day.pages()[2:]) == [("ada", "sms", "resolved"), ("bo", "sms", "resolved")]
    assert day.tickets.kept == []
    nothing_else_arrives(day)


def test_a_drill_that_nobody_answers_goes_through_all_levels_and_ends_by_itself(
    day: World, nothing_else_arrives: Callable[..., None]
) -> None:
    drill = day.drill()
    day.advance(minutes=14, seconds=50)
    assert day.pages() == [("ada", "sms", "page"), ("bo", "sms", "page"), ("cy", "sms", "page")]
    assert (day.incident().state, day.result_of(drill)) == ("triggered", "")
    day.advance(seconds=20)
    assert day.result_of(drill) == "unanswered"
    assert "drill/unanswered" in day.history()
    nothing_else_arrives(day)


def test_a_drill_gives_the_last_resort_its_time(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    plain = make_policy(steps=[Step((PersonName("ada"),), 300)])
    policy = replace(
        plain,
        escalations={"default": replace(plain.escalations["default"], last_resort=(PersonName("cy"),))},
    )
    day = new_day(policy=policy)
    drill = day.drill()
    day.advance(minutes=5, seconds=10)
    assert day.pages() == [("ada", "sms", "page"), ("cy", "sms", "page")]
    day.acknowledge("INC-1001", by="cy")
    day.advance(seconds=10)
    assert day.result_of(drill) == "answered"
    nothing_else_arrives(day)


def test_a_drill_with_a_ticket_opens_and_resolves_it(day: World, nothing_else_arrives: Callable[..., None]) -> None:
    day.drill(has_ticket=True)
    assert len(day.tickets.kept) == 1
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    assert day.tickets.kept[0].is_done
    nothing_else_arrives(day)


def test_a_drill_and_an_incident_have_nothing_to_do_with_each_other(
    day: World, nothing_else_arrives: Callable[..., None]
) -> None:
    day.fires()
    first = day.drill()
    second = day.drill()
    day.fires(host="db2")
    assert len(day.incidents()) == 3
    assert [incident.conduct.is_test for incident in day.incidents()] == [False, True, True]
    assert day.incident().alert_count == 2
    for number in (1001, 1002, 1003):
        day.acknowledge(f"INC-{number}")
    day.advance(minutes=5)
    assert [day.incident(number).state for number in (1001, 1002, 1003)] == ["acknowledged", "closed", "closed"]
    assert [day.result_of(first), day.result_of(second)] == ["answered", "answered"]
    nothing_else_arrives(day)


MONDAYS = TimeWindow(UTC, weekdays=((0, 0),), times=((180, 185),))


def test_a_scheduled_drill_runs_once_over_restarts_and_says_that_nobody_answered(
    new_day: Callable[..., World], nothing_else_arrives: Callable[..., None]
) -> None:
    """It is Monday, two o'clock; the window opens at three."""
    day = new_day(drills=(ScheduledDrill("default", MONDAYS),))
    day.advance(minutes=59)
    assert day.incidents() == []
    day.advance(minutes=2)
    assert day.pages() == [("ada", "sms", "page")]
    for _ in range(3):
        day.kill()
        day.start()
        day.advance(seconds=40)
    assert len(day.incidents()) == 1
    day.advance(minutes=20)
    told = [incident.title for incident in day.incidents()]
    assert told[1:] == [
        "IngestdDrillUnanswered: nobody answered the drill of policy “default”: would anybody answer a page?"
    ]
    day.acknowledge("INC-1002")
    day.advance(days=6, hours=23, minutes=40)
    assert len(day.incidents()) == 3
    day.acknowledge("INC-1003")
    day.advance(minutes=5)
    assert day.incident(1002).state == "resolved"
    nothing_else_arrives(day)
