"""What goes wrong with ingestd itself: it dies, it was away for hours, it is sent what nobody can read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingestd.core.names import IncidentState
from ingestd.core.sources import SourceKind
from ingestd.store import inbox
from ingestd.testing.virtual_time import SimulatedCrash
from ingestd.testing.world import World, alertmanager_body

ADA = ("ada", "sms", "page")
POINTS = 42


def is_over(day: World) -> bool:
    return all(incident.state in {IncidentState.RESOLVED, IncidentState.CLOSED} for incident in day.incidents())


def a_night(day: World, step: int) -> None:
    """One step of a small night; the sender repeats what was not accepted."""
    {
        0: lambda: day.receive(alertmanager_body({"alertname": "DiskFull", "host": "db1", "cluster": "a"})),
        1: lambda: day.advance(seconds=40),
        2: lambda: day.acknowledge("INC-1001") if day.incidents() else None,
        3: lambda: day.advance(seconds=40),
        4: lambda: day.receive(
            alertmanager_body(
                {"alertname": "DiskFull", "host": "db1", "cluster": "a", "_ends": day.now().isoformat()},
                status="resolved",
            )
        ),
        5: lambda: day.advance(minutes=3),
    }[step]()


def lives_through_the_night(new_day, dies_at: int) -> tuple[World, int]:
    """The night with one death at the n-th marked point; gives the number of points that were passed."""
    passed = 0

    def at_point(point: str) -> None:
        nonlocal passed
        passed += 1
        if passed == dies_at:
            day.life.loop.crash(point)

    day = new_day()
    day.at_point = at_point
    for step in range(6):
        for _ in range(3):
            try:
                if not day.is_running:
                    day.start()
                a_night(day, step)
            except SimulatedCrash:
                day.life.crash("died")
                day.bury()
                continue
            break
    return day, passed


@pytest.mark.parametrize("dies_at", range(1, POINTS + 1))
def test_a_death_at_any_point_leaves_one_incident_one_ticket_and_nobody_unpaged(new_day, dies_at, nothing_else_arrives):
    day, passed = lives_through_the_night(new_day, dies_at)
    assert passed >= dies_at, "the night has fewer marked points: take this number out"
    day.advance(minutes=30)
    assert [incident.id for incident in day.incidents()] == ["INC-1001"]
    assert is_over(day)
    assert [(ticket.incident, ticket.is_done) for ticket in day.tickets.kept] == [("INC-1001", True)]
    told = day.pages()
    assert told.count(ADA) in {1, 2}
    assert set(told) <= {ADA, ("bo", "sms", "page"), ("ada", "sms", "resolved"), ("bo", "sms", "resolved")}
    assert ("ada", "sms", "resolved") in told
    nothing_else_arrives(day)


def test_the_deaths_above_cover_every_marked_point(new_day):
    _, passed = lives_through_the_night(new_day, POINTS + 1)
    assert passed == POINTS


def test_after_hours_away_the_next_level_is_paged_once(day, nothing_else_arrives):
    day.fires()
    day.kill()
    day.life.virtual.seconds += 4 * 3600
    day.start()
    day.advance(seconds=1)
    assert day.pages() == [ADA, ("bo", "sms", "page")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_after_hours_away_nobody_is_paged_for_what_is_over_by_then(day, arrive_together, nothing_else_arrives):
    """What had been accepted is decided before what is due: its truth is newer."""
    day.fires(cluster="a")
    day.fires(cluster="b")
    arrive_together(
        day,
        *[
            alertmanager_body(
                {"alertname": "DiskFull", "host": "db1", "cluster": cluster, "_ends": day.now().isoformat()},
                status="resolved",
            )
            for cluster in "ab"
        ],
    )
    day.kill()
    day.life.virtual.seconds += 2 * 3600
    day.start()
    day.advance(minutes=2)
    assert is_over(day)
    assert day.pages() == [ADA, ADA, ("ada", "sms", "resolved")]
    assert day.sms.sent[-1].text.also_count == 1
    nothing_else_arrives(day)


def test_a_backlog_of_several_batches_is_decided_before_anybody_is_woken_for_it(
    new_day, arrive_together, nothing_else_arrives
):
    day = new_day(check=lambda _: None)  # to check every promise of so many in every transaction takes seconds
    places = [f"c{number}" for number in range(50)]

    def of(place: str) -> dict[str, str]:
        return {"alertname": "DiskFull", "host": "db1", "cluster": place}

    fires = [alertmanager_body(of(place)) for place in places]
    ends = [alertmanager_body({**of(place), "_ends": day.now().isoformat()}, status="resolved") for place in places[1:]]
    arrive_together(day, *fires, *ends)
    day.kill()
    day.start()
    day.advance(minutes=2)
    assert len(day.incidents()) == 50
    assert day.pages() == [ADA]
    assert day.sms.sent[0].incident == "INC-1001"
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_what_cannot_be_read_is_kept_and_said_once_and_the_line_goes_on(day, nothing_else_arrives):
    bad = day.receive(b'{"version": "4", "status": "firing"}')
    day.fires()
    assert day.envelope(bad).state == inbox.QUARANTINED
    assert [page.incident for page in day.sms.sent] == ["INC-1001", "INC-1002"]
    assert "cannot read" in day.incident(1001).title
    for _ in range(3):
        day.receive(b"nonsense")
        day.advance(minutes=1)
    assert len(day.incidents()) == 2
    for number in (1001, 1002):
        day.acknowledge(f"INC-{number}")
    nothing_else_arrives(day)


def test_the_alert_of_what_cannot_be_read_ends_when_all_has_been_readable_for_a_while(day, nothing_else_arrives):
    """A good body a second later says nothing of what was in the bad one."""
    day.receive(b"nonsense")
    day.advance(seconds=1)
    day.acknowledge("INC-1001")
    day.fires()
    day.acknowledge("INC-1002")
    day.advance(minutes=5)
    assert day.incident(1001).state is IncidentState.ACKNOWLEDGED
    day.advance(minutes=11)
    day.fires()
    day.advance(minutes=2)
    assert day.incident(1001).state is IncidentState.RESOLVED
    assert [page.purpose for page in day.sms.sent if page.incident == "INC-1001"] == ["page", "resolved"]
    nothing_else_arrives(day)


def test_good_and_bad_bodies_in_turn_page_once(day, nothing_else_arrives):
    for _ in range(20):
        day.receive(b"nonsense")
        day.advance(minutes=2)
        day.fires()
        day.advance(minutes=2)
        for incident in day.incidents():
            day.acknowledge(incident.id)
    assert day.pages() == [ADA, ADA]
    nothing_else_arrives(day)


def test_a_bad_body_of_one_source_is_not_forgiven_by_a_good_one_of_another(day, nothing_else_arrives):
    day.receive(b"nonsense", source="grafana", kind=SourceKind.GRAFANA)
    day.advance(seconds=1)
    day.acknowledge("INC-1001")
    day.advance(minutes=20)
    day.fires()
    day.acknowledge("INC-1002")
    day.advance(minutes=5)
    assert day.incident(1001).state is IncidentState.ACKNOWLEDGED
    nothing_else_arrives(day)


def test_an_envelope_that_breaks_the_decision_is_put_aside_and_its_neighbours_are_not(
    day, arrive_together, monkeypatch, nothing_else_arrives
):
    break_on(monkeypatch, "cluster", "c7")
    bodies = [
        alertmanager_body({"alertname": "DiskFull", "host": "db1", "cluster": f"c{number}"}) for number in range(20)
    ]
    arrive_together(day, *bodies)
    day.advance(seconds=10)
    assert len(day.incidents()) == 20
    opened = {member.labels.get("cluster") for incident in day.incidents() for member in day.members(incident.id)}
    assert opened == {f"c{number}" for number in range(20) if number != 7} | {None}
    quarantined = day.database.read_now(lambda c: inbox.reports(c, state=inbox.QUARANTINED, source=None, limit=10))
    assert [(row.reason, row.source) for row in quarantined] == [("internal_error", "alertmanager")]
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)
    monkeypatch.undo()
    assert day.database.run_now(inbox.retry, quarantined[0].id)
    day.engine.wake.processor.ring()
    day.advance(seconds=1)
    assert day.envelope(quarantined[0].id).disposition == "incident"
    day.acknowledge("INC-1021")
    day.advance(minutes=2)
    nothing_else_arrives(day)


def break_on(monkeypatch: pytest.MonkeyPatch, label: str, value: str) -> None:
    """A fault in the code that decides, of a kind that nobody thought of: one label breaks it."""
    from ingestd.core import admit

    sound = admit.member_of

    def broken(alert, incident_id, now):
        if alert.labels.get(label) == value:
            raise ZeroDivisionError("a fault in the code")
        return sound(alert, incident_id, now)

    monkeypatch.setattr(admit, "member_of", broken)


def test_a_clock_that_jumps_an_hour_ahead_pages_the_next_level_once_and_not_all_of_them(day, nothing_else_arrives):
    day.fires()
    day.life.clock.skew += timedelta(hours=1)
    day.engine.wake.timekeeper.ring()
    day.advance(minutes=4)
    assert day.pages() == [ADA, ("bo", "sms", "page")]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)
