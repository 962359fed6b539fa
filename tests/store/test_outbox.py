"""Deliveries: claimed once, in the order of their lane, settled only by who holds them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Connection

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, PersonName
from ingestd.store import outbox
from tests.store.builders import NOW, after, claim, delivery, put


def _keys(found: list[Delivery]) -> list[str]:
    return [one.key for one in found]


def _settle(connection: Connection, held: Delivery, state: DeliveryState = DeliveryState.DONE) -> None:
    settled_at = NOW if state.is_settled else None
    outbox.save(connection, replace(held, state=state, settled_at=settled_at, lease_until=None, leased_at=None))


def test_a_delivery_comes_back_whole(connection: Connection) -> None:
    whole = delivery(
        "INC-1001/sms/page/1",
        kind=EffectKind.PAGE,
        person=PersonName("ada"),
        channel=Channel.SMS,
        level=2,
        reason="ben did not answer",
        fence=3,
        attempt_count=4,
        failed_count=2,
        looked_count=1,
        unknown_since=after(seconds=-5),
        is_failed_over=True,
        noted_up_to=2**40,
        detail="timed out",
        receipt_id="SM1",
        receipt_status="delivered",
        settled_at=NOW,
        state=DeliveryState.DONE,
    )
    put(connection, whole)
    assert outbox.load(connection, whole.key) == whole
    assert outbox.load(connection, EffectKey("none")) is None


# ---------------------------------------------------------------------------------------------- claiming


def test_a_claim_takes_a_lease_with_the_next_fence(connection: Connection) -> None:
    put(connection, delivery())
    (taken,) = claim(connection)
    assert taken == replace(
        delivery(),
        state=DeliveryState.LEASED,
        fence=1,
        leased_at=NOW,
        lease_until=after(seconds=120),
        attempt_count=1,
    )
    assert outbox.load(connection, taken.key) == taken
    assert claim(connection) == []


def test_only_what_is_due_for_this_connector_is_claimed_soonest_first(connection: Connection) -> None:
    put(
        connection,
        delivery("INC-1/jira/ticket-open/1", due_at=after(seconds=-1)),
        delivery("INC-2/jira/ticket-open/1", due_at=after(seconds=-9)),
        delivery("INC-3/jira/ticket-open/1", due_at=after(microseconds=1)),
        delivery("INC-4/freshdesk/ticket-open/1"),
        delivery("INC-5/jira/ticket-open/1", due_at=NOW),
        delivery("INC-6/jira/ticket-open/1", due_at=NOW),
    )
    assert _keys(claim(connection, limit=3)) == [f"INC-{n}/jira/ticket-open/1" for n in (2, 1, 5)]
    assert _keys(claim(connection)) == ["INC-6/jira/ticket-open/1"]
    assert _keys(claim(connection, "freshdesk")) == ["INC-4/freshdesk/ticket-open/1"]


@pytest.mark.parametrize("ahead", [DeliveryState.WAITING, DeliveryState.LEASED, DeliveryState.UNCERTAIN])
def test_what_is_behind_something_unsettled_in_its_lane_waits(connection: Connection, ahead: DeliveryState) -> None:
    first = delivery(state=ahead, due_at=after(hours=1), lease_until=after(hours=1))
    put(connection, first, delivery("INC-1001/jira/ticket-comment/1"), delivery("INC-1001/freshdesk/ticket-open/1"))
    assert claim(connection) == []
    assert len(claim(connection, "freshdesk")) == 1


@pytest.mark.parametrize("ahead", [DeliveryState.DONE, DeliveryState.DROPPED, DeliveryState.PARKED])
def test_what_is_settled_does_not_stand_in_the_way(connection: Connection, ahead: DeliveryState) -> None:
    put(connection, delivery(state=ahead, settled_at=NOW), delivery("INC-1001/jira/ticket-comment/1"))
    assert _keys(claim(connection)) == ["INC-1001/jira/ticket-comment/1"]


def test_a_lane_gives_one_at_a_time_in_the_order_of_the_decisions_whatever_is_due_first(connection: Connection) -> None:
    keys = ["INC-1001/jira/ticket-open/1", "INC-1001/jira/ticket-comment/1", "INC-1001/jira/ticket-resolve/1"]
    put(connection, *(delivery(key, due_at=after(seconds=-n)) for n, key in enumerate(keys)))
    seen = []
    while taken := claim(connection):
        seen.append(_keys(taken))
        _settle(connection, taken[0])
    assert seen == [[key] for key in keys]


def test_a_lease_that_ran_out_comes_back_as_one_with_unknown_outcome(connection: Connection) -> None:
    put(connection, delivery())
    (first,) = claim(connection)
    assert claim(connection, now=after(seconds=119)) == []
    (second,) = claim(connection, now=after(seconds=120))
    assert second.fence == 2
    assert second.attempt_count == 2
    assert second.unknown_since == after(seconds=120)
    assert outbox.holds(connection, first) is None


def test_a_lease_that_ran_out_during_a_look_up_keeps_the_instant_of_the_request(connection: Connection) -> None:
    sent_at = after(seconds=-30)
    put(connection, delivery(state=DeliveryState.UNCERTAIN, unknown_since=sent_at))
    claim(connection)
    (again,) = claim(connection, now=after(seconds=300))
    assert again.unknown_since == sent_at


def test_what_waits_again_after_a_failure_is_not_unknown(connection: Connection) -> None:
    put(connection, delivery())
    (held,) = claim(connection)
    _settle(connection, held, DeliveryState.WAITING)
    (again,) = claim(connection, now=after(seconds=1))
    assert again.unknown_since is None
    assert again.fence == 2


def test_a_stale_fence_settles_nothing(connection: Connection) -> None:
    put(connection, delivery())
    (stale,) = claim(connection)
    (newer,) = claim(connection, now=after(hours=1))
    assert outbox.holds(connection, stale) is None
    assert outbox.holds(connection, newer) == newer
    _settle(connection, newer)
    assert outbox.holds(connection, newer) is None


def test_leases_of_a_dead_process_are_released_at_once(connection: Connection) -> None:
    put(connection, delivery("INC-1/jira/ticket-open/1"), delivery("INC-2/jira/ticket-open/1", due_at=after(hours=9)))
    claim(connection)
    assert outbox.release_leases(connection, after(seconds=1)) == 1
    assert outbox.release_leases(connection, after(seconds=1)) == 0
    (back,) = claim(connection, now=after(seconds=1))
    assert back.unknown_since == after(seconds=1)
    waiting = outbox.load(connection, EffectKey("INC-2/jira/ticket-open/1"))
    assert waiting == delivery("INC-2/jira/ticket-open/1", due_at=after(hours=9))


# ---------------------------------------------------------------------------------------------- when to look again


def test_nothing_is_due_next_when_nothing_is_unsettled(connection: Connection) -> None:
    assert outbox.next_due_at(connection, "jira") is None
    put(connection, delivery(state=DeliveryState.PARKED, settled_at=NOW), delivery("INC-2/sms/page/1"))
    assert outbox.next_due_at(connection, "jira") is None


@pytest.mark.parametrize(
    ("unsettled", "expected"),
    [
        ([delivery(due_at=after(seconds=9)), delivery("INC-2/jira/ticket-open/1", due_at=after(seconds=5))], 5),
        ([delivery(due_at=after(seconds=9), state=DeliveryState.UNCERTAIN)], 9),
        ([delivery(state=DeliveryState.LEASED, lease_until=after(seconds=60))], 60),
        # What waits behind the first of its lane cannot be claimed before that one.
        ([delivery(due_at=after(seconds=9)), delivery("INC-1001/jira/ticket-comment/1", due_at=NOW)], 9),
        (
            [
                delivery(state=DeliveryState.LEASED, lease_until=after(seconds=60)),
                delivery("INC-1001/jira/ticket-comment/1", due_at=NOW),
                delivery("INC-2/jira/ticket-open/1", due_at=after(seconds=70)),
            ],
            60,
        ),
    ],
)
def test_a_connector_sleeps_until_something_can_be_claimed(
    connection: Connection, unsettled: list[Delivery], expected: float
) -> None:
    put(connection, *unsettled)
    next_at = outbox.next_due_at(connection, "jira")
    assert next_at == after(seconds=expected)
    assert claim(connection, now=_just_before(next_at)) == []
    assert claim(connection, now=next_at) != []


def _just_before(instant: datetime) -> datetime:
    return instant - (after(microseconds=1) - NOW)


# ---------------------------------------------------------------------------------------------- looking


def test_a_receipt_finds_the_delivery_of_its_own_connector(connection: Connection) -> None:
    mine = delivery("INC-1/sms/page/1", receipt_id="SM1")
    put(connection, mine, delivery("INC-1/vonage/page/1", receipt_id="SM1"), delivery("INC-2/sms/page/1"))
    assert outbox.by_receipt(connection, "sms", "SM1") == mine
    assert outbox.by_receipt(connection, "sms", "SM2") is None
    assert outbox.by_receipt(connection, "sms", "") is None


def test_a_later_delivery_of_the_same_kind_supersedes(connection: Connection) -> None:
    first = delivery("INC-1/jira/ticket-priority/1", kind=EffectKind.TICKET_PRIORITY)
    second = delivery("INC-1/jira/ticket-priority/2", kind=EffectKind.TICKET_PRIORITY)
    put(connection, first, delivery("INC-1/jira/ticket-comment/1", kind=EffectKind.TICKET_COMMENT))
    assert not outbox.has_later_in_lane(connection, first, NOW)
    put(connection, second)
    assert outbox.has_later_in_lane(connection, first, NOW)
    assert not outbox.has_later_in_lane(connection, second, NOW)
    assert not outbox.has_later_in_lane(connection, first, NOW - timedelta(seconds=1)), "it is not to go yet"
    _settle(connection, second, DeliveryState.DROPPED)
    assert not outbox.has_later_in_lane(connection, first, NOW)


def test_lists_are_by_incident_oldest_first_and_by_state_newest_first(connection: Connection) -> None:
    states = list(DeliveryState)
    rows = [
        delivery(f"INC-1/jira/ticket-comment/{n}", state=state, settled_at=NOW if state.is_settled else None)
        for n, state in enumerate(states)
    ]
    put(connection, *rows, delivery("INC-2/jira/ticket-open/1"))
    assert outbox.of_incident(connection, IncidentId("INC-1")) == rows
    for state, row in zip(states[1:], rows[1:], strict=True):
        assert outbox.listed(connection, states=[state], limit=5) == [row]
    everything = outbox.listed(connection, states=DeliveryState, limit=99)
    assert _keys(everything) == ["INC-2/jira/ticket-open/1", *reversed(_keys(rows))]
    unsettled = outbox.listed(connection, states=outbox.UNSETTLED, limit=2)
    assert _keys(unsettled) == ["INC-2/jira/ticket-open/1", "INC-1/jira/ticket-comment/2"]


def test_counts_are_of_what_is_not_over(connection: Connection) -> None:
    put(connection, *(delivery(f"INC-{n}/jira/ticket-open/1") for n in range(3)), delivery("INC-9/sms/page/1"))
    claim(connection, limit=1)
    rows = {
        "INC-4/jira/ticket-open/1": DeliveryState.PARKED,
        "INC-5/jira/ticket-open/1": DeliveryState.DONE,
        "INC-6/jira/ticket-open/1": DeliveryState.DROPPED,
        "INC-7/jira/ticket-open/1": DeliveryState.UNCERTAIN,
    }
    put(connection, *(delivery(key, state=state) for key, state in rows.items()))
    found = {(row.connector, row.state): row.count for row in outbox.counts(connection)}
    assert found == {
        ("jira", DeliveryState.WAITING): 2,
        ("jira", DeliveryState.LEASED): 1,
        ("jira", DeliveryState.UNCERTAIN): 1,
        ("jira", DeliveryState.PARKED): 1,
        ("sms", DeliveryState.WAITING): 1,
    }
    assert all(isinstance(state, DeliveryState) for _, state in found)


# ---------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    ("before", "becomes"),
    [
        (DeliveryState.WAITING, DeliveryState.WAITING),
        (DeliveryState.UNCERTAIN, DeliveryState.UNCERTAIN),
        (DeliveryState.PARKED, DeliveryState.WAITING),
    ],
)
def test_a_delivery_can_be_tried_at_once(connection: Connection, before: DeliveryState, becomes: DeliveryState) -> None:
    row = delivery(state=before, due_at=after(hours=9), failed_count=7, settled_at=NOW if before.is_settled else None)
    put(connection, row)
    assert outbox.make_due(connection, row.key, after(seconds=1))
    expected = replace(row, state=becomes, due_at=after(seconds=1), failed_count=0, settled_at=None)
    assert outbox.load(connection, row.key) == expected
    assert _keys(claim(connection, now=after(seconds=1))) == [row.key]


@pytest.mark.parametrize("state", [DeliveryState.LEASED, DeliveryState.DONE, DeliveryState.DROPPED])
def test_what_is_on_its_way_or_over_cannot_be_tried(connection: Connection, state: DeliveryState) -> None:
    row = delivery(state=state, lease_until=after(hours=1))
    put(connection, row)
    assert not outbox.make_due(connection, row.key, NOW)
    assert outbox.load(connection, row.key) == row
    assert not outbox.make_due(connection, EffectKey("none"), NOW)


@pytest.mark.parametrize("state", list(DeliveryState))
def test_a_delivery_that_is_not_on_its_way_can_be_dropped(connection: Connection, state: DeliveryState) -> None:
    row = delivery(state=state, lease_until=after(hours=1))
    put(connection, row)
    may_be_dropped = state in {DeliveryState.WAITING, DeliveryState.UNCERTAIN, DeliveryState.PARKED}
    assert outbox.drop(connection, row.key, "by_hand: told by phone", after(seconds=1)) is may_be_dropped
    dropped = replace(row, state=DeliveryState.DROPPED, detail="by_hand: told by phone", settled_at=after(seconds=1))
    assert outbox.load(connection, row.key) == (dropped if may_be_dropped else row)
    assert not outbox.drop(connection, EffectKey("none"), "", NOW)
