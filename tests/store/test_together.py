"""Several daemons on one PostgreSQL, at the same instant: real connections, real locks."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from ingestd.core.alert import Alert
from ingestd.core.decide import decide_alerts
from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import Finding, JoinReason, Verdict
from ingestd.core.names import AlertKey, AlertStatus, EffectKey, IncidentState
from ingestd.store import answers, apply, dialect, inbox, incidents, migrate, outbox, signatures, snapshot
from ingestd.store.answers import Answer, AnswerAction
from ingestd.testing.world import policy
from tests.store.builders import NOW, after, claim, delivery, envelope, put

POLICY = policy()


@pytest.fixture
def engine(postgres_url: str) -> Engine:
    made = dialect.engine_for(postgres_url)
    with made.begin() as connection:
        migrate.migrate(connection)
    return made


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def _until_somebody_waits_for_a_lock(engine: Engine) -> None:
    """Asks until it is so; that it never is, the test's time limit finds out."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with engine.connect() as connection:
        while not connection.execute(waiting).scalar():
            connection.rollback()


def _in_a_transaction(engine: Engine, fn: Callable[..., object], *args: object) -> object:
    with engine.begin() as connection:
        return fn(connection, *args)


# ---------------------------------------------------------------------------------------------- claims


def test_two_claims_at_once_share_what_is_due_and_neither_waits(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, *(delivery(f"INC-{n}/jira/ticket-open/1", due_at=after(seconds=-n)) for n in range(5)))
    with engine.begin() as first, engine.begin() as second:
        second.execute(text("SET LOCAL lock_timeout = '1ms'"))
        mine = claim(first, limit=2)
        others = claim(second, limit=10)
        assert [one.key[:5] for one in mine] == ["INC-4", "INC-3"]
        assert [one.key[:5] for one in others] == ["INC-2", "INC-1", "INC-0"]


def test_a_lane_whose_first_is_being_claimed_gives_nothing_to_another(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, delivery(), delivery("INC-1001/jira/ticket-comment/1"))
    with engine.begin() as first, engine.begin() as second:
        assert len(claim(first)) == 1
        assert claim(second) == []
    with engine.begin() as third:
        assert claim(third) == []


def test_a_claim_that_is_rolled_back_leaves_the_delivery_to_the_next(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, delivery())
    with engine.connect() as dying:
        dying.begin()
        assert len(claim(dying)) == 1
    with engine.begin() as next_one:
        (taken,) = claim(next_one)
        assert (taken.fence, taken.unknown_since) == (1, None)


def test_a_daemon_that_slept_through_its_lease_cannot_settle(engine: Engine) -> None:
    with engine.begin() as connection:
        put(connection, delivery())
    with engine.begin() as sleeper:
        (stale,) = claim(sleeper)
    with engine.begin() as other:
        (newer,) = claim(other, now=after(minutes=5))
        assert newer.unknown_since == after(minutes=5)
    with engine.begin() as sleeper:
        assert outbox.holds(sleeper, stale) is None
    with engine.begin() as other:
        assert outbox.holds(other, newer) == newer


def test_who_settles_makes_the_next_claim_wait_for_nothing_and_see_all_or_nothing(
    engine: Engine, elsewhere: ThreadPoolExecutor
) -> None:
    """While one daemon settles, another whose lease on it is long over asks whether it still holds it: it waits, and does not."""
    with engine.begin() as connection:
        put(connection, delivery())
        (held,) = claim(connection)
    with engine.begin() as settling:
        assert outbox.holds(settling, held) == held
        asked: Future[object] = elsewhere.submit(_in_a_transaction, engine, outbox.holds, held)
        _until_somebody_waits_for_a_lock(engine)
        outbox.save(settling, replace(held, state=DeliveryState.DONE, settled_at=NOW))
    assert asked.result() is None


def test_a_retry_by_hand_cannot_undo_a_claim_that_is_being_made(engine: Engine, elsewhere: ThreadPoolExecutor) -> None:
    with engine.begin() as connection:
        put(connection, delivery())
    with engine.begin() as claiming:
        (held,) = claim(claiming)
        by_hand: Future[object] = elsewhere.submit(
            _in_a_transaction, engine, outbox.make_due, held.key, after(seconds=1)
        )
        _until_somebody_waits_for_a_lock(engine)
    assert by_hand.result() is False
    with engine.begin() as connection:
        assert outbox.holds(connection, held) == held


DAEMONS, LANES, PER_LANE = 4, 12, 8


def test_under_load_each_delivery_is_performed_once_and_every_lane_in_its_order(
    engine: Engine, elsewhere: ThreadPoolExecutor
) -> None:
    keys = [f"INC-{lane}/jira/ticket-comment/{n}" for n in range(PER_LANE) for lane in range(LANES)]
    with engine.begin() as connection:
        put(connection, *(delivery(key) for key in keys))
    performed: list[EffectKey] = []
    guard = threading.Lock()

    def daemon() -> None:
        idle = 0
        while idle < 50:
            with engine.begin() as connection:
                taken = claim(connection, limit=3)
            idle = 0 if taken else idle + 1
            for one in taken:
                with guard:
                    performed.append(one.key)
                with engine.begin() as connection:
                    held = outbox.holds(connection, one)
                    assert held == one
                    outbox.save(connection, replace(held, state=DeliveryState.DONE, settled_at=NOW))
            with guard:
                if len(performed) >= len(keys):
                    return

    for running in [elsewhere.submit(daemon) for _ in range(DAEMONS)]:
        running.result()
    assert Counter(performed) == dict.fromkeys(map(EffectKey, keys), 1)
    order = defaultdict(list)
    for key in performed:
        incident_id, _, _, n = key.split("/")
        order[incident_id].append(int(n))
    assert all(seen == list(range(PER_LANE)) for seen in order.values())


# ---------------------------------------------------------------------------------------------- decisions


def _decide(connection: Connection, alert: Alert) -> Finding:
    """As a worker does it: read, decide and write in one transaction."""
    sightings, known = snapshot.load(connection, [alert], POLICY, NOW)
    decision = decide_alerts(sightings, known, POLICY, NOW)
    apply.write(connection, decision, NOW)
    return decision.findings[0]


def _alert(host: str = "db1", cluster: str = "c1") -> Alert:
    labels = {"alertname": "DiskFull", "host": host, "cluster": cluster}
    return Alert("prod", AlertKey(f"prod/{host}"), AlertStatus.FIRING, labels, {"summary": f"Disk full on {host}"})


def test_two_daemons_that_decide_the_same_alert_at_once_open_one_incident(
    engine: Engine, elsewhere: ThreadPoolExecutor
) -> None:
    with engine.begin() as first:
        mine = _decide(first, _alert())
        others: Future[object] = elsewhere.submit(_in_a_transaction, engine, _decide, _alert())
        _until_somebody_waits_for_a_lock(engine)
    theirs = others.result()
    assert isinstance(theirs, Finding)
    assert (mine.verdict, mine.join) == (Verdict.NEW, JoinReason.OPENED)
    assert (theirs.verdict, theirs.incident_id) == (Verdict.REPEAT, mine.incident_id)
    with engine.begin() as connection:
        assert len(incidents.listed(connection, states=None, limit=9)) == 1


def test_many_daemons_that_decide_different_alerts_give_every_incident_its_own_number(
    engine: Engine, elsewhere: ThreadPoolExecutor
) -> None:
    alerts = [_alert(f"db{n}", f"c{n % 5}") for n in range(20)]
    for future in [elsewhere.submit(_in_a_transaction, engine, _decide, one) for one in alerts]:
        future.result()
    with engine.begin() as connection:
        found = incidents.listed(connection, states=None, limit=99)
    assert [one.number for one in found] == [1005, 1004, 1003, 1002, 1001]
    assert {one.alert_count for one in found} == {4}


def test_of_two_people_who_acknowledge_at_once_one_is_first_and_the_other_learns_who(
    engine: Engine, elsewhere: ThreadPoolExecutor
) -> None:
    with engine.begin() as connection:
        found = _decide(connection, _alert())
    assert found.incident_id is not None

    def by(name: str) -> Answer:
        assert found.incident_id is not None
        return Answer(found.incident_id, AnswerAction.ACKNOWLEDGE, name, "link")

    with engine.begin() as first:
        ada = answers.give(first, by("ada"), POLICY, after(minutes=1))
        waiting: Future[object] = elsewhere.submit(
            _in_a_transaction, engine, answers.give, by("bo"), POLICY, after(minutes=1)
        )
        _until_somebody_waits_for_a_lock(engine)
    bo = waiting.result()
    assert ada is not None
    assert isinstance(bo, answers.Answered)
    assert (ada.is_first, bo.is_first) == (True, False)
    assert bo.after.acknowledged_by == "ada"
    assert bo.after.state is IncidentState.ACKNOWLEDGED


# ---------------------------------------------------------------------------------------------- the rest


def test_a_signed_message_that_two_daemons_get_at_once_is_stored_by_one(
    engine: Engine, elsewhere: ThreadPoolExecutor
) -> None:
    proof = signatures.Signature("grafana:abc", NOW + timedelta(minutes=5))
    with engine.begin() as first:
        assert signatures.add(first, proof, NOW)
        other: Future[object] = elsewhere.submit(_in_a_transaction, engine, signatures.add, proof, NOW)
        _until_somebody_waits_for_a_lock(engine)
    assert other.result() is False


def test_an_envelope_that_commits_late_is_not_passed_over(engine: Engine) -> None:
    with engine.begin() as slow:
        inbox.add(slow, [envelope(1)])
        with engine.begin() as quick:
            inbox.add(quick, [envelope(2)])
        with engine.begin() as connection:
            assert [one.id for one in inbox.oldest_waiting(connection, 9)] == [envelope(2).id]
            inbox.mark_done(connection, envelope(2).id, disposition="d", alert_count=1, findings=[], now=NOW)
    with engine.begin() as connection:
        assert [one.id for one in inbox.oldest_waiting(connection, 9)] == [envelope(1).id]


def test_of_two_daemons_that_start_on_an_empty_database_one_makes_the_tables(
    postgres_url: str, elsewhere: ThreadPoolExecutor
) -> None:
    made = dialect.engine_for(postgres_url)
    with made.begin() as first:
        reached = migrate.migrate(first)
        other: Future[object] = elsewhere.submit(_in_a_transaction, made, migrate.migrate)
        _until_somebody_waits_for_a_lock(made)
    assert reached == list(range(1, migrate.SCHEMA_VERSION + 1))
    assert other.result() == []
