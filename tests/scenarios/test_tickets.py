"""One ticket per incident, whatever happens to the ticket system, and never a page that waits for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.names import IncidentState
from ingestd.store import outbox
from ingestd.testing.outside import Fault
from ingestd.testing.world import World, policy

ADA = ("ada", "sms", "page")


def alive(day: World) -> list[tuple[str, bool]]:
    return [(ticket.incident, ticket.is_done) for ticket in day.tickets.kept if not ticket.is_deleted]


def state_of(day: World, key: str) -> str:
    return day.database.read_now(outbox.load, key).state.value


@pytest.mark.parametrize("lag_seconds", [0, 45, 300])
def test_a_ticket_whose_reply_was_lost_is_found_and_not_opened_twice(day, lag_seconds, nothing_else_arrives):
    day.tickets.index_lag = timedelta(seconds=lag_seconds)
    day.tickets.faults = [Fault.LOSE_REPLY]
    day.fires()
    assert state_of(day, "INC-1001/tickets/ticket-open/1") == "uncertain"
    assert "ticket/uncertain" in day.history()
    day.acknowledge("INC-1001")
    day.advance(minutes=6)
    assert alive(day) == [("INC-1001", False)]
    assert day.history().count("ticket/opened") == 1
    nothing_else_arrives(day)


def test_a_ticket_that_was_never_opened_is_opened_once_the_index_must_have_caught_up(day, nothing_else_arrives):
    """The request was lost on the way there: nothing is found, however long one looks."""
    day.tickets.faults = [Fault.LOSE_REPLY]
    day.fires()
    day.tickets.kept.clear()
    day.acknowledge("INC-1001")
    day.advance(minutes=9)
    assert alive(day) == []
    day.advance(minutes=2)
    assert alive(day) == [("INC-1001", False)]
    nothing_else_arrives(day)


def test_a_comment_whose_reply_was_lost_stands_once(day, nothing_else_arrives):
    day.fires()
    day.advance(seconds=40)
    day.tickets.faults = [Fault.LOSE_REPLY]
    day.acknowledge("INC-1001")
    day.advance(minutes=2)
    assert len(day.tickets.kept[0].comments) == 1
    nothing_else_arrives(day)
    assert len(day.tickets.kept[0].comments) == 1


def test_a_resolve_whose_reply_was_lost_is_repeated_without_harm(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    day.tickets.faults = [Fault.LOSE_REPLY, Fault.LOSE_REPLY]
    day.clears()
    day.advance(minutes=5)
    assert day.tickets.kept[0].history == ["resolved"]
    nothing_else_arrives(day)


def test_a_busy_ticket_system_is_asked_again_until_it_answers(day, nothing_else_arrives):
    day.tickets.is_down = True
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(hours=3)
    assert alive(day) == []
    assert day.pages() == [ADA]
    day.tickets.is_down = False
    day.advance(minutes=11)
    assert alive(day) == [("INC-1001", False)]
    nothing_else_arrives(day)


def test_an_outage_of_the_ticket_system_ends_with_the_truth_of_then(day, nothing_else_arrives):
    """Hours of alerts, answers and resolves: each incident has one ticket, in the state that it has by then."""
    day.tickets.is_down = True
    for cluster in "abc":
        day.fires(cluster=cluster)
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.advance(hours=1)
    day.fires(host="db2", cluster="a", _starts=day.now().isoformat())
    day.clears(cluster="b")
    day.advance(hours=1)
    pages = day.pages()
    day.tickets.is_down = False
    day.advance(minutes=30)
    opened = {incident.id: incident.state for incident in day.incidents()}
    assert sorted(alive(day)) == sorted(
        (incident, state in {IncidentState.RESOLVED, IncidentState.CLOSED}) for incident, state in opened.items()
    )
    assert day.pages() == pages
    for incident in day.incidents():
        day.acknowledge(incident.id)
    nothing_else_arrives(day)


def test_a_ticket_that_is_refused_is_said_and_the_page_goes_all_the_same(day, nothing_else_arrives):
    day.tickets.faults = [Fault.REJECT]
    day.fires()
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=2)
    assert "ticket/refused" in day.history()
    assert state_of(day, "INC-1001/tickets/ticket-open/1") == "parked"
    assert day.pages() == [ADA, ("ada", "sms", "resolved")]
    nothing_else_arrives(day)
    assert alive(day) == []


def test_a_refused_comment_does_not_lose_its_news(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=1)
    day.tickets.faults = [Fault.REJECT]
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    assert day.tickets.kept[0].comments == []
    day.note("INC-1001", "cleaning up")
    day.advance(minutes=1)
    assert [lines for _, lines in day.tickets.kept[0].comments] == [
        ("acknowledged by ada (link)", "note by ada: cleaning up")
    ]
    nothing_else_arrives(day)


def test_a_comment_that_somebody_dropped_by_hand_does_not_silence_the_ticket(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    assert day.database.run_now(outbox.drop, "INC-1001/tickets/ticket-comment/1", "by_hand: test", day.now())
    day.advance(minutes=1)
    assert day.tickets.kept[0].comments == []
    day.note("INC-1001", "cleaning up")
    day.advance(minutes=1)
    assert [lines for _, lines in day.tickets.kept[0].comments] == [
        ("acknowledged by ada (link)", "note by ada: cleaning up")
    ]
    nothing_else_arrives(day)


def test_a_ticket_that_somebody_deleted_is_opened_anew_once(day, nothing_else_arrives):
    day.fires()
    day.advance(minutes=1)
    day.tickets.kept[0].is_deleted = True
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    assert alive(day) == [("INC-1001", False)]
    assert "ticket/gone" in day.history()
    day.clears()
    day.advance(minutes=2)
    assert alive(day) == [("INC-1001", True)]
    nothing_else_arrives(day)
    assert len(day.tickets.kept) == 2


def test_a_ticket_deleted_before_the_resolve_is_opened_anew_only_if_it_comes_back(day, nothing_else_arrives):
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(minutes=1)
    day.tickets.kept[0].is_deleted = True
    day.clears()
    day.advance(minutes=5)
    assert alive(day) == []
    day.fires(_starts=day.now().isoformat())
    assert alive(day) == [("INC-1001", False)]
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_rejected_credentials_stop_the_connector_loudly_and_lose_nothing(day, nothing_else_arrives):
    day.tickets.is_barred = True
    day.fires()
    day.advance(seconds=5)
    assert [page.incident for page in day.sms.sent] == ["INC-1001", "INC-1002"]
    assert "connector “tickets” is refused" in day.incident(1002).title
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.fires(host="db2")
    day.fires(cluster="b")
    day.acknowledge("INC-1003")
    day.advance(hours=2)
    assert len(day.pages()) == 3
    day.tickets.is_barred = False
    day.advance(minutes=15)
    assert sorted(alive(day)) == [("INC-1001", False), ("INC-1002", True), ("INC-1003", False)]
    assert day.incident(1002).state is IncidentState.RESOLVED
    assert day.pages()[3:] == [("ada", "sms", "resolved")]
    nothing_else_arrives(day)


def test_credentials_that_were_mended_by_a_restart_end_the_alert(day, nothing_else_arrives):
    day.tickets.is_barred = True
    day.fires()
    day.advance(minutes=1)
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.kill()
    day.tickets.is_barred = False
    day.start()
    day.advance(minutes=15)
    assert sorted(alive(day)) == [("INC-1001", False), ("INC-1002", True)]
    assert day.incident(1002).state in {IncidentState.RESOLVED, IncidentState.CLOSED}
    nothing_else_arrives(day)


def test_an_account_that_is_known_but_not_allowed_pages_once(day, nothing_else_arrives):
    """The check says yes, each request says no: the alert must not come and go."""
    day.tickets.faults = [Fault.UNAUTHORIZED, *[fault for _ in range(30) for fault in (None, Fault.UNAUTHORIZED)]]
    day.fires()
    day.advance(minutes=1)
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.advance(hours=2)
    assert day.pages() == [ADA, ADA]
    day.tickets.faults.clear()
    day.advance(minutes=15)
    assert day.incident(1002).state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_a_slow_ticket_system_never_delays_a_page(new_day, nothing_else_arrives):
    day = new_day(policy=replace(policy(), limits={}))
    day.tickets.delay_seconds = 80.0
    for cluster in "abcdefgh":
        day.fires(cluster=cluster)
    assert day.pages() == [ADA] * 8
    for incident in day.incidents():
        day.acknowledge(incident.id)
    day.tickets.delay_seconds = 0.0
    day.advance(minutes=10)
    assert len(alive(day)) == 8
    nothing_else_arrives(day)


def test_a_request_that_never_ends_is_given_up_and_looked_up(day, nothing_else_arrives):
    day.tickets.delay_seconds = 10_000.0
    day.fires()
    day.acknowledge("INC-1001")
    day.advance(minutes=2)
    assert day.database.read_now(outbox.load, "INC-1001/tickets/ticket-open/1").unknown_since is not None
    day.tickets.delay_seconds = 0.0
    day.advance(minutes=15)
    assert alive(day) == [("INC-1001", False)]
    nothing_else_arrives(day)


def test_a_lease_that_ran_out_is_taken_over_and_the_late_holder_changes_nothing(day, nothing_else_arrives):
    """The machine slept for ten minutes in the middle of a request: the clock jumped, the request comes back."""
    day.tickets.delay_seconds = 60.0
    day.fires()
    day.acknowledge("INC-1001")
    day.life.clock.skew += timedelta(minutes=10)
    day.engine.wake.dispatchers["tickets"].ring()
    day.advance(seconds=1)
    held = day.database.read_now(outbox.load, "INC-1001/tickets/ticket-open/1")
    assert (held.fence, held.unknown_since is not None) == (2, True)
    day.tickets.delay_seconds = 0.0
    day.advance(minutes=15)
    stale = day.metrics.registry.get_sample_value("ingestd_deliveries_stale_total", {"connector": "tickets"})
    assert stale == 1
    assert alive(day) == [("INC-1001", False)]
    nothing_else_arrives(day)


def test_the_ticket_is_told_what_happened_while_it_was_being_opened(day, nothing_else_arrives):
    day.tickets.delay_seconds = 50.0
    day.fires(host="db1")
    day.fires(host="db2")
    day.acknowledge("INC-1001")
    day.tickets.delay_seconds = 0.0
    day.advance(minutes=3)
    told = [line for _, lines in day.tickets.kept[0].comments for line in lines]
    assert told == ["alert fired: DiskFull on db2", "acknowledged by ada (link)"]
    nothing_else_arrives(day)


def test_everything_goes_in_order_open_first_resolve_last(new_day, nothing_else_arrives):
    said = []
    day = new_day(at_point=lambda point: said.append(point) if point.startswith("before tickets") else None)
    day.tickets.delay_seconds = 20.0
    day.fires(host="db1")
    day.fires(host="db2")
    day.clears(host="db1")
    day.clears(host="db2")
    day.acknowledge("INC-1001")
    day.tickets.delay_seconds = 5.0
    day.advance(minutes=5)
    assert said == ["before tickets open", "before tickets comment", "before tickets resolve"]
    nothing_else_arrives(day)
