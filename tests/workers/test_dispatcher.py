"""Deliveries: what an attempt's end is taken for, faults of connectors and of ours, restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestd.core.names import IncidentId
from ingestd.core.settle import OutcomeKind
from ingestd.errors import (
    CredentialsRejected,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.store import outbox, timeline
from ingestd.telemetry.log_masking import Mask
from ingestd.testing.outside import Fault, OutsideTickets
from ingestd.testing.world import World
from ingestd.workers import jobs
from ingestd.workers.dispatcher import CONCURRENT_COUNT, _outcome_of

OPEN = "INC-1001/tickets/ticket-open/1"


def row(world: World, key: str = OPEN) -> outbox.Delivery:
    found = world.database.read_now(outbox.load, key)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("error", "is_lookup", "kind"),
    [
        (CredentialsRejected("401"), False, OutcomeKind.CREDENTIALS_REJECTED),
        (CredentialsRejected("401"), True, OutcomeKind.CREDENTIALS_REJECTED),
        (TryLater("429", after_seconds=7), False, OutcomeKind.TRY_LATER),
        (OutcomeUnknown("lost"), False, OutcomeKind.UNKNOWN),
        (OutcomeUnknown("lost"), True, OutcomeKind.TRY_LATER),
        (ReplyUnreadable("?"), False, OutcomeKind.UNKNOWN),
        (ReplyUnreadable("?"), True, OutcomeKind.TRY_LATER),
        (RequestRejected("422"), False, OutcomeKind.REFUSED),
        (RequestRejected("404", is_gone=True), False, OutcomeKind.GONE),
        (ZeroDivisionError("a fault"), False, OutcomeKind.UNKNOWN),
    ],
)
def test_every_error_of_a_connector_means_one_thing(error, is_lookup, kind):
    outcome = _outcome_of(error, is_lookup=is_lookup)
    assert (outcome.kind, outcome.after_seconds) == (kind, 7 if isinstance(error, TryLater) else None)


def test_a_connector_with_a_bug_is_an_unknown_outcome_and_its_queue_goes_on(world, monkeypatch, log_lines):
    sound = world.tickets.open_ticket
    calls = []

    async def breaks_once(draft, key):
        calls.append(key)
        if len(calls) == 1:
            raise ZeroDivisionError("a fault of the connector")
        return await sound(draft, key)

    monkeypatch.setattr(world.tickets, "open_ticket", breaks_once)
    world.fires(cluster="a")
    world.fires(cluster="b")
    assert row(world).state is outbox.DeliveryState.UNCERTAIN
    assert row(world).detail == "the connector failed: ZeroDivisionError"
    assert [ticket.incident for ticket in world.tickets.kept] == ["INC-1002"]
    assert "connector_broken" in {line["event"] for line in log_lines}
    world.advance(minutes=11)
    assert [ticket.incident for ticket in world.tickets.kept] == ["INC-1002", "INC-1001"]


def test_a_delivery_that_cannot_be_put_together_is_parked_and_the_others_go(world, monkeypatch, log_lines, value_of):
    sound = jobs.view.build

    def breaks_for_one(connection, incident, *rest):
        if incident.id == "INC-1001":
            raise ZeroDivisionError("a fault of ours")
        return sound(connection, incident, *rest)

    monkeypatch.setattr(jobs.view, "build", breaks_for_one)
    world.fires(cluster="a")
    world.fires(cluster="b")
    assert (row(world).state, row(world).detail) == (
        outbox.DeliveryState.PARKED,
        "a fault of ingestd: ZeroDivisionError",
    )
    assert [ticket.incident for ticket in world.tickets.kept] == ["INC-1002"]
    assert [page.incident for page in world.sms.sent] == ["INC-1002"]
    assert {line["delivery"] for line in log_lines if line["event"] == "delivery_broken"} == {
        OPEN,
        "INC-1001/sms/page/1",
    }
    assert value_of(world, "ingestd_worker_failures_total", worker="dispatcher:tickets") == 1
    monkeypatch.undo()
    assert world.database.run_now(outbox.make_due, OPEN, world.now())
    world.engine.wake.dispatchers["tickets"].ring()
    world.advance(seconds=1)
    assert [ticket.incident for ticket in world.tickets.kept] == ["INC-1002", "INC-1001"]


def test_never_more_than_the_crew_at_once(world):
    at_once, most = 0, 0

    sound = world.tickets._before

    async def counting(what):
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return await sound(what)
        finally:
            at_once -= 1

    world.tickets._before = counting
    world.tickets.delay_seconds = 10.0
    for number in range(3 * CONCURRENT_COUNT):
        world.fires(cluster=f"c{number}")
    world.advance(minutes=2)
    assert most == CONCURRENT_COUNT
    assert len(world.tickets.kept) == 3 * CONCURRENT_COUNT


def test_what_was_under_way_at_a_death_is_looked_up_by_the_next_life(world):
    world.tickets.delay_seconds = 60.0
    world.fires()
    world.kill()
    world.tickets.delay_seconds = 0.0
    world.start()
    world.advance(seconds=1)
    assert row(world).unknown_since is not None
    assert (row(world).fence, row(world).state) == (2, outbox.DeliveryState.UNCERTAIN)
    world.advance(minutes=11)
    assert len(world.tickets.kept) == 1


def test_a_stop_waits_for_what_is_under_way_and_takes_nothing_more(world):
    world.tickets.delay_seconds = 5.0
    world.fires()

    async def stop(_ambient):
        await world.engine.stop(seconds_max=30)

    world.life.run(stop)
    assert len(world.tickets.kept) == 1
    assert row(world).state is outbox.DeliveryState.DONE


def test_a_stop_does_not_wait_for_ever(world):
    world.tickets.delay_seconds = 80.0
    world.fires()
    before = world.now()

    async def stop(_ambient):
        await world.engine.stop(seconds_max=10)

    world.life.run(stop)
    assert (world.now() - before).total_seconds() == 10
    assert row(world).state is outbox.DeliveryState.LEASED


def test_a_reload_hires_for_a_new_connector_and_goes_on_with_the_old_settings_where_it_has_begun(world):
    world.fires()
    world.acknowledge("INC-1001")
    fresh = OutsideTickets("tickets", world.now)
    other = OutsideTickets("more", world.now)

    async def reload(_ambient):
        world.engine.use({"tickets": fresh, "more": other})

    world.life.run(reload)
    assert set(world.engine.dispatchers) == {"tickets", "sms", "mail", "more"}
    assert "dispatcher:more" in world.engine.cycle_counts
    world.fires(cluster="b")
    assert [ticket.incident for ticket in fresh.kept] == ["INC-1002"]


def test_what_a_service_will_never_accept_is_a_warning_in_the_log(world, log_lines):
    world.tickets.faults = [Fault.REJECT]
    world.fires()
    settled = {line["delivery"]: line for line in log_lines if line["event"] == "delivery_settled"}
    assert (settled[OPEN]["log_level"], settled[OPEN]["outcome"]) == ("warning", "refused")
    assert settled["INC-1001/sms/page/1"]["log_level"] == "info"


def test_what_a_service_repeats_of_our_secrets_is_neither_stored_nor_told(world, monkeypatch):
    world.current.standing = replace(world.current.standing, hide=Mask(["hush-hush"]).text)

    async def repeats(_draft, _key):
        raise RequestRejected("HTTP 400: you sent Authorization: Basic aHVzaC1odXNo and hush-hush")

    monkeypatch.setattr(world.tickets, "open_ticket", repeats)
    world.fires()
    assert row(world).detail == "HTTP 400: you sent Authorization: Basic *** and ***"
    told = [line.text for line in world.database.read_now(timeline.last, IncidentId("INC-1001"), 99)]
    assert any("you sent" in text for text in told)
    assert not any("hush" in text or "aHVz" in text for text in told)
