"""Silences in the database: made with numbers that are never used again, ended, found by what they reach, forgotten."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection, select, text

from ingestd.core.alert import Alert
from ingestd.core.decide import decide_alerts
from ingestd.core.effects import Verdict
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.silencing import WantedSilence
from ingestd.store import apply, dialect, migrate, silence_reach, silences, snapshot, watches
from ingestd.store import schema as tables
from ingestd.store.silences import SilenceState
from ingestd.testing.world import policy
from ingestd.workers.timekeeper import keep_watches
from tests.store.builders import NOW, after

POLICY = policy()
WANTED = WantedSilence(("alertname = DiskFull", 'host =~ "db.*"'), "new disks", "ada", None, after(hours=2))
Begin = Callable[[], AbstractContextManager[Connection]]


def _add(connection: Connection, now: datetime = NOW, **changes: object) -> str:
    made = silences.add(connection, replace(WANTED, **changes), now)
    assert made is not None
    return made.id


def _alert(number: int = 1, name: str = "DiskFull", **labels: str) -> Alert:
    return Alert(
        source="prod",
        key=AlertKey(f"prod/{number:016x}"),
        status=AlertStatus.FIRING,
        labels={"alertname": name, "host": f"db{number}", **labels},
        rule_name=name,
    )


def _fires(connection: Connection, *alerts: Alert, now: datetime = NOW) -> list[Verdict]:
    sightings, known = snapshot.load(connection, alerts, POLICY, now)
    decision = decide_alerts(sightings, known, POLICY, now)
    apply.write(connection, decision, now)
    return [finding.verdict for finding in decision.findings]


def test_a_silence_comes_back_as_it_was_made(begin: Begin) -> None:
    with begin() as connection:
        assert _add(connection) == "SIL-1"
    with begin() as connection:
        silence = silences.load(connection, "SIL-1")
        assert silence is not None
        assert (silence.matchers, silence.comment, silence.author) == (WANTED.matchers, "new disks", "ada")
        assert (silence.created_at, silence.starts_at, silence.ends_at) == (NOW, NOW, after(hours=2))
        assert watches.silences_in_force(connection, NOW) == (silence,)
        assert silences.load(connection, "SIL-2") is None


def test_the_same_transaction_run_twice_makes_one_silence(begin: Begin) -> None:
    for _ in range(2):
        with begin() as connection:
            assert _add(connection) == "SIL-1"
    with begin() as connection:
        assert _add(connection, comment="another") == "SIL-2"
        assert silences.current_count(connection, NOW) == 2


def test_a_number_is_never_used_again_also_when_its_silence_is_forgotten(begin: Begin) -> None:
    with begin() as connection:
        _add(connection)
        assert _add(connection, comment="newest") == "SIL-2"
    later = after(days=91)
    with begin() as connection:
        assert silences.prune(connection, later, 500) == 2
        assert _add(connection, later, ends_at=after(days=92)) == "SIL-3"


def test_what_ended_long_ago_is_forgotten_a_little_at_a_time_and_nothing_else(connection: Connection) -> None:
    for hours in (1, 2, 3):
        _add(connection, ends_at=after(hours=hours))
    kept = _add(connection, ends_at=after(days=80))
    now = after(days=90, hours=2, seconds=1)
    assert silences.prune(connection, now, 1) == 1
    assert silences.load(connection, "SIL-1") is None
    assert silences.prune(connection, now, 500) == 1
    assert [one.id for one in silences.listed(connection, set(SilenceState), now, 9)] == [kept, "SIL-3"]


def test_silences_are_listed_by_where_they_stand_the_newest_first(connection: Connection) -> None:
    _add(connection, ends_at=after(hours=1))
    _add(connection)
    _add(connection, starts_at=after(hours=90), ends_at=after(hours=91))
    now = after(hours=1)

    def ids(*states: SilenceState) -> list[str]:
        return [one.id for one in silences.listed(connection, set(states), now, 9)]

    assert ids(SilenceState.EXPIRED) == ["SIL-1"]
    assert ids(SilenceState.ACTIVE) == ["SIL-2"]
    assert ids(SilenceState.PENDING) == ["SIL-3"]
    assert ids(SilenceState.ACTIVE, SilenceState.PENDING) == ["SIL-3", "SIL-2"]
    assert ids() == []
    assert len(silences.listed(connection, set(SilenceState), now, 2)) == 2
    for one in silences.listed(connection, set(SilenceState), now, 9):
        assert ids(silences.state_of(one, now)).count(one.id) == 1


def test_a_silence_does_not_begin_before_it_is_made(connection: Connection) -> None:
    silence = silences.load(connection, _add(connection, starts_at=after(hours=-5)))
    assert silence is not None
    assert silence.starts_at == NOW


def test_there_are_only_so_many_that_are_not_over(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silences, "CURRENT_COUNT_MAX", 2)
    _add(connection, comment="1", ends_at=after(hours=1))
    _add(connection, comment="2")
    assert silences.add(connection, WANTED, NOW) is None
    assert silences.add(connection, WANTED, after(hours=1)) is not None, "one of them is over by then"


def test_what_a_silence_keeps_back_is_looked_at_as_soon_as_somebody_ends_it(begin: Begin) -> None:
    with begin() as connection:
        silence_id = _add(connection)
        assert _fires(connection, _alert(1), _alert(2)) == [Verdict.HELD, Verdict.HELD]
        assert [watch.key for watch in silences.held(connection, silence_id, 9)] == [_alert(1).key, _alert(2).key]
    ended_at = after(minutes=10)
    with begin() as connection:
        assert watches.due(connection, ended_at, 9) == []
        expired = silences.expire(connection, silence_id, ended_at)
        assert expired is not None
        assert (expired.is_first, expired.released_count, expired.silence.ends_at) == (True, 2, ended_at)
    with begin() as connection:
        decision = keep_watches(connection, POLICY, ended_at, 50).decision
        assert [finding.verdict for finding in decision.findings] == [Verdict.NEW, Verdict.NEW]
        assert len(decision.incidents) == 1
        assert silences.held_count(connection, silence_id) == 0


def test_what_another_silence_still_covers_stays_back_when_one_is_ended(connection: Connection) -> None:
    first = _add(connection, comment="short", ends_at=after(hours=1))
    second = _add(connection, comment="long")
    _fires(connection, _alert())
    assert silences.held_count(connection, second) == 1
    silences.expire(connection, second, after(minutes=1))
    keep_watches(connection, POLICY, after(minutes=1), 50)
    assert silences.held_count(connection, first) == 1


def test_ending_a_silence_twice_changes_nothing(connection: Connection) -> None:
    silence_id = _add(connection)
    silences.expire(connection, silence_id, after(minutes=1))
    before = silences.load(connection, silence_id)
    again = silences.expire(connection, silence_id, after(minutes=2))
    assert again is not None
    assert (again.is_first, again.silence) == (False, before)
    assert silences.expire(connection, "SIL-99", NOW) is None


def test_a_silence_that_is_ended_before_it_begins_never_begins(connection: Connection) -> None:
    silence_id = _add(connection, starts_at=after(hours=1))
    expired = silences.expire(connection, silence_id, after(minutes=1))
    assert expired is not None
    assert expired.silence.starts_at <= expired.silence.ends_at == after(minutes=1)
    assert _fires(connection, _alert(), now=after(hours=1, minutes=1)) == [Verdict.NEW]


def test_a_resolve_is_never_silenced(connection: Connection) -> None:
    _fires(connection, _alert())
    _add(connection)
    end = replace(_alert(), status=AlertStatus.RESOLVED, ends_at=after(minutes=5))
    assert _fires(connection, end, now=after(minutes=5)) == [Verdict.RESOLVE]


def test_the_reach_of_a_silence_is_what_fires_in_incidents_and_what_is_kept_back(connection: Connection) -> None:
    _fires(connection, _alert(1, cluster="a"), _alert(2, cluster="a"), _alert(3, cluster="b"), _alert(4, "SiteDown"))
    _add(connection, matchers=("host = db5",))
    _fires(connection, _alert(5))
    found = silence_reach.reach(connection, ["alertname = DiskFull"])
    assert [(incident.id, count) for incident, count in found.incidents] == [("INC-1002", 1), ("INC-1001", 2)]
    assert (found.alert_count, found.held_count, found.is_partial) == (4, 1, False)
    one = silence_reach.reach(connection, ["alertname = DiskFull", 'host =~ "db[23]"', "cluster != b"])
    assert [(incident.id, count) for incident, count in one.incidents] == [("INC-1001", 1)]


def test_the_database_sorts_out_nothing_that_matches(connection: Connection) -> None:
    hostile = 'a "quoted" 100% \\back_slash\tüß'
    alert = replace(_alert(1, "DatasourceNoData", path=hostile), rule_name="CPU usage")
    _fires(connection, alert)
    for matcher in ("alertname = DatasourceNoData", 'alert.rule = "CPU usage"', "alert.source = prod", 'team = ""'):
        assert silence_reach.reach(connection, [matcher]).alert_count == 1, matcher
    escaped = hostile.replace("\\", "\\\\").replace('"', '\\"')
    assert silence_reach.reach(connection, [f'path = "{escaped}"']).alert_count == 1


def test_an_alert_that_has_cleared_is_out_of_reach(connection: Connection) -> None:
    _fires(connection, _alert())
    _fires(connection, replace(_alert(), status=AlertStatus.RESOLVED, ends_at=after(minutes=5)), now=after(minutes=5))
    assert silence_reach.reach(connection, ["alertname = DiskFull"]).alert_count == 0


def test_labels_that_no_alert_has_are_told_with_those_that_there_are(connection: Connection) -> None:
    _fires(connection, _alert(1, service="ledger"))
    found = silence_reach.reach(connection, ["servce = ledger", "alertname = DiskFull", "env != prod"])
    assert (found.alert_count, found.unknown_names) == (0, ("servce",))
    assert found.known_names == ("alertname", "host", "service")


def test_what_is_not_kept_of_a_mail_makes_the_reach_partial(connection: Connection) -> None:
    assert silence_reach.reach(connection, ['alert.subject =~ ".*disk.*"']).is_partial


def test_so_many_are_looked_at_and_no_more(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence_reach, "FIRING_COUNT_MAX", 2)
    _fires(connection, *(_alert(number) for number in range(1, 4)))
    found = silence_reach.reach(connection, ["alertname = DiskFull"])
    assert (found.alert_count, found.is_partial) == (2, True)


def test_a_silence_is_stored_with_the_texts_of_its_matchers(connection: Connection) -> None:
    written = ('path = "a, b"', 'name =~ "ü|\\"x\\""')
    _add(connection, matchers=written)
    assert connection.execute(select(tables.silences.c.matchers)).scalar_one() == written


def test_silences_that_two_daemons_make_at_once_have_two_numbers(postgres_url: str) -> None:
    made_by: list[str] = []
    engine = dialect.engine_for(postgres_url)
    with engine.begin() as connection:
        migrate.migrate(connection)

    def make(comment: str) -> None:
        with dialect.engine_for(postgres_url).begin() as connection:
            made_by.append(_add(connection, comment=comment))

    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    with ThreadPoolExecutor() as pool:
        with engine.begin() as first:
            assert _add(first, comment="first") == "SIL-1"
            second = pool.submit(make, "second")
            with engine.connect() as onlooker:
                while not onlooker.execute(waiting).scalar():  # that it never is, the test's time limit finds out
                    onlooker.rollback()
            assert made_by == []
        second.result(10)
    assert made_by == ["SIL-2"]
