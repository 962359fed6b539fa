"""Read, decide, write: what a decision needs is found, and what it says is written whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import IntegrityError

from ingestd.core import invariants
from ingestd.core.alert import Alert
from ingestd.core.decide import Sighting, decide_alerts, decide_deadline
from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import (
    Deadline,
    DeadlineKind,
    Decision,
    Drop,
    DropReason,
    Effect,
    Finding,
    JoinReason,
    PageReason,
)
from ingestd.core.incident import AlertState
from ingestd.core.names import AlertKey, AlertStatus, EffectKey, EffectKind, IncidentId, IncidentState, PersonName
from ingestd.ports import ReceiptNews
from ingestd.store import answers, apply, audit, incidents, outbox, receipts, snapshot, timeline
from ingestd.store.answers import Answer, AnswerAction
from ingestd.store.rows import KEYS_PER_QUERY
from ingestd.store.schema import alerts as alert_table
from ingestd.testing.outside import RANKS
from ingestd.testing.world import policy
from tests.store.builders import NOW, after, claim, delivery, incident, member, put

POLICY = policy()
ID = IncidentId("INC-1001")

Begin = Callable[[], AbstractContextManager[Connection]]


def _alert(host: str = "db1", *, firing: bool = True, cluster: str = "c1", name: str = "DiskFull") -> Alert:
    labels = {"alertname": name, "host": host, "cluster": cluster}
    status = AlertStatus.FIRING if firing else AlertStatus.RESOLVED
    return Alert("prod", AlertKey(f"prod/{name}-{host}"), status, labels, {"summary": f"{name} on {host}"})


def _decide(connection: Connection, *arrived: Alert, now: datetime = NOW) -> tuple[Finding, ...]:
    sightings, known = snapshot.load(connection, arrived, POLICY, now)
    decision = decide_alerts(sightings, known, POLICY, now)
    apply.write(connection, decision, now)
    assert invariants.broken(audit.facts(connection)) == []
    return decision.findings


def _pass_deadline(connection: Connection, kind: DeadlineKind, now: datetime) -> None:
    (due,) = (one for one in incidents.due_deadlines(connection, now, 9) if one.kind is kind)
    found = incidents.load(connection, due.incident_id)
    assert found is not None
    apply.write(connection, decide_deadline(kind, found, POLICY, now), now)
    assert invariants.broken(audit.facts(connection)) == []


# ---------------------------------------------------------------------------------------------- the whole way


def test_a_new_alert_becomes_an_incident_with_a_ticket_and_a_page_on_their_way(connection: Connection) -> None:
    (finding,) = _decide(connection, _alert())
    assert (finding.incident_id, finding.join) == (ID, JoinReason.OPENED)
    assert incidents.next_number(connection) == 1002
    assert [one.key for one in outbox.of_incident(connection, ID)] == [
        "INC-1001/tickets/ticket-open/1",
        "INC-1001/sms/page/1",
    ]
    assert all(one.created_at == NOW for one in outbox.of_incident(connection, ID))
    assert [one.kind for one in incidents.deadlines_of(connection, ID)] == [DeadlineKind.ESCALATE]
    known = snapshot.known_of(connection, _alert().key)
    assert known is not None
    assert (known.state, known.incident_id, known.first_seen_at) == (AlertState.FIRING, ID, NOW)
    assert snapshot.known_of(connection, AlertKey("prod/none")) is None
    assert timeline.last(connection, ID, 9)[0].kind == "opened"


def test_an_incident_lives_from_the_first_alert_to_its_close_by_what_is_stored_alone(begin: Begin) -> None:
    with begin() as connection:
        _decide(connection, _alert("db1"), _alert("db2"))
    with begin() as connection:
        _decide(connection, _alert("db1", firing=False), now=after(minutes=1))
        _decide(connection, _alert("db2", firing=False), now=after(minutes=2))
    with begin() as connection:
        _pass_deadline(connection, DeadlineKind.RESOLVE, after(minutes=4))
        found = incidents.load(connection, ID)
        assert found is not None
        assert found.state is IncidentState.RESOLVED
    with begin() as connection:
        (again,) = _decide(connection, _alert("db2"), now=after(minutes=9))
        assert (again.incident_id, again.join) == (ID, JoinReason.REOPENED)
        _decide(connection, _alert("db2", firing=False), now=after(minutes=10))
        _pass_deadline(connection, DeadlineKind.RESOLVE, after(minutes=20))
        _pass_deadline(connection, DeadlineKind.CLOSE, after(hours=20))
        assert incidents.listed(connection, states=[IncidentState.CLOSED], limit=9)[0].id == ID
        assert incidents.next_deadline_at(connection) is None
    with begin() as connection:
        (fresh,) = _decide(connection, _alert("db2"), now=after(hours=30))
        assert fresh.incident_id == "INC-1002"


def test_an_alert_finds_the_live_incident_of_its_correlation_key_and_no_closed_one(connection: Connection) -> None:
    closed = incident(900, state=IncidentState.CLOSED, closed_at=NOW, correlate_key="default|rule=disk-full,cluster=c1")
    apply.write(connection, Decision(incidents=(closed,)), NOW)
    (first,) = _decide(connection, _alert("db1"))
    (second,) = _decide(connection, _alert("db2"))
    (third,) = _decide(connection, _alert("db3", cluster="c2"))
    assert [one.incident_id for one in (first, second, third)] == ["INC-1001", "INC-1001", "INC-1002"]
    assert second.join is JoinReason.SAME_CORRELATION_KEY


def test_one_body_may_bring_more_alerts_than_one_query_takes(connection: Connection) -> None:
    arrived = [_alert(f"db{n}") for n in range(KEYS_PER_QUERY * 2 + 1)]
    findings = _decide(connection, *arrived)
    assert {one.incident_id for one in findings} == {ID}
    findings = _decide(connection, *arrived, now=after(minutes=1))
    assert {one.verdict for one in findings} == {"repeat"}
    found = incidents.load(connection, ID)
    assert found is not None
    assert found.alert_count == len(arrived)


def test_repeats_cost_the_same_few_statements_whatever_their_number(connection: Connection) -> None:
    arrived = [_alert(f"db{n}") for n in range(100)]
    _decide(connection, *arrived)
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    event.listen(connection, "before_cursor_execute", note)
    sightings, _ = snapshot.load(connection, arrived, POLICY, after(minutes=1))
    few = len(statements)
    snapshot.load(connection, arrived[:1], POLICY, after(minutes=1))
    assert len(statements) == 2 * few
    assert few <= 6
    assert sightings == [Sighting(alert) for alert in arrived]


def test_how_many_alerts_the_sender_left_out_stays_with_each_alert(connection: Connection) -> None:
    sightings, _ = snapshot.load(connection, [_alert("a"), _alert("b")], POLICY, NOW, [0, 7])
    assert [one.truncated_count for one in sightings] == [0, 7]


# ---------------------------------------------------------------------------------------------- writing


def test_nothing_of_a_decision_is_written_if_one_part_fails(begin: Begin) -> None:
    effect = Effect(EffectKey("INC-1001/jira/ticket-open/1"), ID, "jira", EffectKind.TICKET_OPEN, "l", NOW)
    # A number that belongs to another incident breaks a rule of the table.
    broken = Decision(
        incidents=(incident(1001), replace(incident(1002), number=1001)), effects=(effect,), next_number=1003
    )
    with pytest.raises(IntegrityError), begin() as connection:
        apply.write(connection, broken, NOW)
    with begin() as connection:
        assert incidents.listed(connection, states=None, limit=9) == []
        assert outbox.of_incident(connection, ID) == []
        assert incidents.next_number(connection) == 1001


def test_an_effect_whose_key_exists_is_left_as_it_is(connection: Connection) -> None:
    effect = Effect(EffectKey("INC-1001/jira/ticket-open/1"), ID, "jira", EffectKind.TICKET_OPEN, "lane", NOW)
    apply.write(connection, Decision(effects=(effect,)), NOW)
    (held,) = claim(connection)
    apply.write(connection, Decision(effects=(replace(effect, due_at=after(hours=1)),)), after(seconds=1))
    assert outbox.of_incident(connection, ID) == [held]


def test_an_effect_is_queued_with_everything_that_performing_it_needs(connection: Connection) -> None:
    effect = Effect(
        EffectKey("INC-1001/sms/page/2"),
        ID,
        "sms",
        EffectKind.PAGE,
        "INC-1001/sms/ada",
        after(seconds=5),
        person=PersonName("ada"),
        level=2,
        reason="bo did not answer",
        cause=PageReason.NOBODY_ANSWERED,
        share="shop",
        rank=1,
    )
    apply.write(connection, Decision(effects=(effect,)), NOW)
    (queued,) = outbox.of_incident(connection, ID)
    assert queued == delivery(
        "INC-1001/sms/page/2",
        kind=EffectKind.PAGE,
        lane="INC-1001/sms/ada",
        due_at=after(seconds=5),
        person=PersonName("ada"),
        level=2,
        reason="bo did not answer",
        cause=PageReason.NOBODY_ANSWERED,
        share="shop",
        rank=1,
    )


@pytest.mark.parametrize("state", list(DeliveryState))
def test_a_drop_reaches_only_what_has_not_gone_out(connection: Connection, state: DeliveryState) -> None:
    page = delivery("INC-1001/sms/page/1", kind=EffectKind.PAGE, state=state, lease_until=after(hours=1))
    others = delivery("INC-1002/sms/page/1", kind=EffectKind.PAGE)
    ticket = delivery("INC-1001/jira/ticket-open/1")
    put(connection, page, others, ticket)
    drop = Drop(ID, (EffectKind.PAGE, EffectKind.NOTICE), DropReason.ACKNOWLEDGED)
    apply.write(connection, Decision(drops=(drop,)), after(seconds=1))
    was_queued = state in {DeliveryState.WAITING, DeliveryState.UNCERTAIN}
    expected = replace(page, state=DeliveryState.DROPPED, detail="acknowledged", settled_at=after(seconds=1))
    assert outbox.load(connection, page.key) == (expected if was_queued else page)
    assert outbox.load(connection, others.key) == others
    assert outbox.load(connection, ticket.key) == ticket


def test_a_decision_that_drops_and_queues_the_same_kind_keeps_what_it_queues(connection: Connection) -> None:
    put(connection, delivery("INC-1001/sms/page/1", kind=EffectKind.PAGE))
    fresh = Effect(EffectKey("INC-1001/sms/page/2"), ID, "sms", EffectKind.PAGE, "l", NOW)
    drop = Drop(ID, (EffectKind.PAGE,), DropReason.SUPERSEDED)
    apply.write(connection, Decision(effects=(fresh,), drops=(drop,)), NOW)
    states = [one.state for one in outbox.of_incident(connection, ID)]
    assert states == [DeliveryState.DROPPED, DeliveryState.WAITING]


def test_an_empty_decision_writes_nothing(connection: Connection) -> None:
    statements: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda _c, _u, statement, *_rest: statements.append(statement))
    apply.write(connection, Decision(), NOW)
    assert statements == []


# ---------------------------------------------------------------------------------------------- people's answers


def _give(connection: Connection, action: AnswerAction, by: str = "ada", text: str = "", minutes: float = 1):
    return answers.give(connection, Answer(ID, action, by, "cli", text), POLICY, after(minutes=minutes))


def test_an_acknowledgement_drops_what_is_queued_in_the_same_transaction(connection: Connection) -> None:
    _decide(connection, _alert())
    given = _give(connection, AnswerAction.ACKNOWLEDGE)
    assert given is not None
    assert given.is_first
    assert (given.before.state, given.after.state) == (IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED)
    page = outbox.load(connection, EffectKey("INC-1001/sms/page/1"))
    assert page is not None
    assert (page.state, page.detail) == (DeliveryState.DROPPED, "acknowledged")
    assert incidents.deadlines_of(connection, ID) == []
    assert invariants.broken(audit.facts(connection)) == []


def test_the_second_answer_changes_nothing_and_knows_it(connection: Connection) -> None:
    _decide(connection, _alert())
    _give(connection, AnswerAction.ACKNOWLEDGE)
    second = _give(connection, AnswerAction.ACKNOWLEDGE, "bo", minutes=2)
    assert second is not None
    assert not second.is_first
    assert second.after.acknowledged_by == "ada"


def test_a_note_is_on_the_timeline_for_the_ticket(connection: Connection) -> None:
    _decide(connection, _alert())
    given = _give(connection, AnswerAction.NOTE, text="looking at it")
    assert given is not None
    assert given.is_first, "there is nothing that it could be too late for"
    assert given.before.state is given.after.state
    last = timeline.last(connection, ID, 1)[0]
    assert (last.text, last.actor, last.for_ticket) == ("note by ada: looking at it", "ada", True)


def test_an_answer_to_no_incident_is_none(connection: Connection) -> None:
    assert _give(connection, AnswerAction.RESOLVE) is None


# ---------------------------------------------------------------------------------------------- receipts


def _paged(connection: Connection) -> EffectKey:
    _decide(connection, _alert())
    (page,) = claim(connection, "sms")
    done = replace(page, state=DeliveryState.DONE, settled_at=NOW, receipt_id="SM1", lease_until=None)
    outbox.save(connection, done)
    return page.key


def _take(connection: Connection, status: str, receipt_id: str = "SM1") -> Decision | None:
    return receipts.take(
        connection, "sms", ReceiptNews(receipt_id, status, RANKS[status], "unreachable"), POLICY, after(seconds=9)
    )


def test_a_receipt_that_says_failed_reaches_the_person_another_way(connection: Connection) -> None:
    key = _paged(connection)
    assert _take(connection, "failed") is not None
    page = outbox.load(connection, key)
    assert page is not None
    assert (page.receipt_status, page.is_failed_over, page.state) == ("failed", True, DeliveryState.DONE)
    assert [one.key for one in outbox.of_incident(connection, ID)][-1] == "INC-1001/mail/page/1"


@pytest.mark.parametrize("first", ["delivered", "failed"])
@pytest.mark.parametrize("then", ["delivered", "failed", "pending"])
def test_only_the_first_word_about_a_page_counts(connection: Connection, first: str, then: str) -> None:
    key = _paged(connection)
    _take(connection, first)
    before = (outbox.load(connection, key), outbox.of_incident(connection, ID), timeline.last(connection, ID, 99))
    assert _take(connection, then) == Decision()
    assert before == (
        outbox.load(connection, key),
        outbox.of_incident(connection, ID),
        timeline.last(connection, ID, 99),
    )


def test_a_receipt_that_says_nothing_yet_changes_nothing(connection: Connection) -> None:
    key = _paged(connection)
    assert _take(connection, "pending") == Decision()
    page = outbox.load(connection, key)
    assert page is not None
    assert page.receipt_status == ""


def test_a_receipt_of_a_stranger_is_none(connection: Connection) -> None:
    _paged(connection)
    assert _take(connection, "delivered", "SM2") is None
    assert receipts.take(connection, "mail", ReceiptNews("SM1", "delivered", 5), POLICY, NOW) is None
    put(connection, delivery("INC-7/sms/page/1", receipt_id="SM7"))
    assert _take(connection, "delivered", "SM7") is None


# ---------------------------------------------------------------------------------------------- the auditor


def test_the_auditor_sees_what_is_stored(connection: Connection) -> None:
    _decide(connection, _alert("db1"), _alert("db2", cluster="c2"))
    incidents.save_ticket(connection, incidents.Ticket(ID, "tickets", "1", "T-1", "", NOW, 0))
    facts = audit.facts(connection)
    assert [one.id for one in facts.incidents] == ["INC-1002", "INC-1001"]
    assert facts.ticketed == {ID}
    assert facts.deadlines[ID] == {DeadlineKind.ESCALATE}
    assert len(facts.deliveries[ID]) == 2
    assert [one.key for one in facts.members[ID]] == [_alert("db1").key]
    assert [one.id for one in audit.facts(connection, limit=1).incidents] == ["INC-1002"]


def test_the_auditor_finds_what_somebody_broke(connection: Connection) -> None:
    _decide(connection, _alert())
    apply.write(connection, Decision(cleared_deadlines=((ID, DeadlineKind.ESCALATE),)), NOW)
    assert invariants.broken(audit.facts(connection)) == ["A3: INC-1001 is triggered and nothing is due"]
    apply.write(connection, Decision(deadlines=(Deadline(ID, DeadlineKind.ESCALATE, NOW),)), NOW)
    apply.write(connection, Decision(members=(member(9),)), NOW)
    assert invariants.broken(audit.facts(connection)) == [
        "A7: INC-1001 says 1 firing alerts and has 2",
        "A7: INC-1001 says 1 alerts and has 2",
    ]


def test_an_alert_has_one_row_for_ever(connection: Connection) -> None:
    for n in range(6):
        _decide(connection, _alert(firing=n % 2 == 0), now=after(minutes=n))
    assert connection.execute(select(func.count()).select_from(alert_table)).scalar() == 1
