"""Each promise is noticed when it is broken, and only then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import DeadlineKind
from ingestd.core.incident import AlertState
from ingestd.core.invariants import Facts, broken
from ingestd.core.names import EffectKey, EffectKind, IncidentId, IncidentState
from ingestd.testing.builders import INC, NOW, delivery, escalation, incident, member

ESCALATE, RESOLVE, CLOSE = DeadlineKind.ESCALATE, DeadlineKind.RESOLVE, DeadlineKind.CLOSE
TRIGGERED, ACKNOWLEDGED, RESOLVED, CLOSED = IncidentState
CLEARED = member(state=AlertState.CLEARED)


def judged(one=None, *, members=None, due=(ESCALATE,), deliveries=(), ticketed=True) -> list[str]:
    one = one or incident()
    facts = Facts(
        incidents=(one,),
        members={one.id: (member(),) if members is None else members},
        deadlines={one.id: frozenset(due)},
        deliveries={one.id: tuple(deliveries)},
        ticketed=frozenset({one.id}) if ticketed else frozenset(),
    )
    return broken(facts)


@pytest.mark.parametrize(
    ("one", "due", "members"),
    [
        (incident(), [ESCALATE], (member(),)),
        (incident(escalation=None), [], (member(),)),
        (incident(escalation=escalation(is_exhausted=True)), [], (member(),)),
        (incident(ACKNOWLEDGED), [], (member(),)),
        (incident(clearing_since=NOW, firing_count=0), [RESOLVE], (CLEARED,)),
        (incident(clearing_since=NOW, firing_count=0), [RESOLVE, ESCALATE], (CLEARED,)),
        (incident(RESOLVED), [CLOSE], (CLEARED,)),
        (incident(CLOSED), [], (CLEARED,)),
    ],
)
def test_what_is_well_is_not_complained_of(one, due, members):
    assert judged(one, due=due, members=members) == []


def test_nothing_at_all_is_well():
    assert broken(Facts()) == []


@pytest.mark.parametrize(
    ("one", "due", "members", "promise"),
    [
        (incident(), [], (member(),), "A3"),
        (incident(clearing_since=NOW, firing_count=0), [ESCALATE], (CLEARED,), "A3"),
        (incident(), [ESCALATE, RESOLVE], (member(),), "A3"),
        (incident(firing_count=0), [ESCALATE], (CLEARED,), "A3"),
        (incident(clearing_since=NOW), [ESCALATE, RESOLVE], (member(),), "A3"),
        (incident(ACKNOWLEDGED, firing_count=0), [], (CLEARED,), "A3"),
        (incident(RESOLVED), [], (CLEARED,), "A3"),
        (incident(RESOLVED), [CLOSE, ESCALATE], (CLEARED,), "A3"),
        (incident(CLOSED), [CLOSE], (CLEARED,), "A3"),
        (incident(firing_count=2), [ESCALATE], (member(),), "A7"),
        (incident(alert_count=2), [ESCALATE], (member(),), "A7"),
        (incident(), [ESCALATE], (), "A7"),
    ],
)
def test_a_broken_promise_is_named(one, due, members, promise):
    found = judged(one, due=due, members=members)
    assert found
    assert all(sentence.startswith(f"{promise}: ") for sentence in found), found
    assert all(INC in sentence for sentence in found)


def test_two_open_incidents_for_one_thing_are_noticed():
    other = replace(incident(), id=IncidentId("INC-1002"), escalation=None)
    facts = Facts(incidents=(incident(escalation=None), other))
    assert any("both open" in sentence for sentence in broken(facts))
    over = replace(other, state=RESOLVED)
    assert not any("both open" in sentence for sentence in broken(Facts(incidents=(incident(), over))))


@pytest.mark.parametrize("state", [ACKNOWLEDGED, RESOLVED, CLOSED])
@pytest.mark.parametrize("page_state", list(DeliveryState))
def test_a_page_that_is_queued_after_somebody_answered_is_noticed(state, page_state):
    due = [CLOSE] if state is RESOLVED else []
    members = (member(),) if state is ACKNOWLEDGED else (CLEARED,)
    page = delivery(EffectKind.PAGE, state=page_state)
    found = judged(incident(state), due=due, members=members, deliveries=[page])
    assert bool(found) is (page_state in {DeliveryState.WAITING, DeliveryState.UNCERTAIN})
    assert all(sentence.startswith("A4: ") for sentence in found)


@pytest.mark.parametrize(
    ("states", "ticketed", "is_broken"),
    [
        ([], True, False),
        ([], False, True),
        (["waiting"], False, False),
        (["leased"], False, False),
        (["uncertain"], False, False),
        (["parked"], False, False),
        (["dropped"], False, False),
        (["done"], False, True),
        (["done"], True, False),
        (["done", "waiting"], False, False),
        (["waiting", "waiting"], False, True),
    ],
)
def test_a_wanted_ticket_exists_or_is_on_its_way_and_never_twice(states, ticketed, is_broken):
    opening = [
        delivery(state=DeliveryState(state), key=EffectKey(f"{INC}/tickets/ticket-open/{n}"))
        for n, state in enumerate(states)
    ]
    found = judged(deliveries=opening, ticketed=ticketed)
    assert bool(found) is is_broken
    assert all(sentence.startswith("A6: ") for sentence in found)


def test_an_incident_that_wants_no_ticket_needs_none():
    assert judged(incident(ticket_connector=""), ticketed=False) == []


def test_news_that_no_comment_will_carry_is_noticed():
    waiting = incident(is_comment_waiting=True)
    comment = delivery(EffectKind.TICKET_COMMENT, state=DeliveryState.WAITING)
    assert judged(waiting, deliveries=[comment]) == []
    worded = replace(comment, noted_up_to=7)
    dropped = replace(comment, state=DeliveryState.DROPPED)
    for gone in ([], [worded], [dropped]):
        assert any(sentence.startswith("A2: ") for sentence in judged(waiting, deliveries=gone))
