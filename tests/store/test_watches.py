"""Watches as rows: kept, released, found when they are due, quickly among very many."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from time import perf_counter

import pytest
from sqlalchemy import Connection, Engine, insert, inspect, text

from ingestd.core.alert import Alert
from ingestd.core.conduct import Conduct
from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.watch import HoldReason, Release, Watch
from ingestd.store import dialect, incidents, migrate, watches
from ingestd.store.migrations import STEPS
from ingestd.store.rows import row_of
from ingestd.store.schema import watches as table
from tests.store.builders import NOW, after


def _watch(number: int = 1, **changes) -> Watch:
    labels = {"alertname": "Ü%_\"'", "host": "\\n"}
    said = Alert(
        "prod", AlertKey(f"prod/{number}"), AlertStatus.FIRING, labels, {"summary": "a\nb"}, starts_at=NOW, value="1 %"
    )
    plain = Watch(AlertKey(f"prod/{number}"), after(minutes=5), said, "lag", "thing", HoldReason.HOLD, "lag", NOW)
    return replace(plain, **changes)


def test_what_is_saved_is_read_back_as_it_was(connection: Connection) -> None:
    made = [
        _watch(1, fired_at=(NOW, after(seconds=1)), auto_resolve_seconds=60),
        _watch(2, held=None, by=""),
        _watch(
            3, due_at=after(seconds=-1), alert=replace(_watch().alert, ends_at=NOW, subject="s", body="b", sender="c")
        ),
    ]
    watches.save(connection, made, [])
    assert watches.of_alerts(connection, [one.key for one in made]) == {one.key: one for one in made}
    assert [one.key for one in watches.due(connection, NOW, 9)] == ["prod/3"]
    assert watches.next_due_at(connection) == after(seconds=-1)


def test_saving_replaces_and_ending_removes(connection: Connection) -> None:
    watches.save(connection, [_watch(1), _watch(2)], [])
    watches.save(
        connection, [_watch(1, held=HoldReason.SILENCED, by="SIL-1")], [AlertKey("prod/2"), AlertKey("never/was")]
    )
    assert watches.of_things(connection, ["thing"]) == {"prod/1": _watch(1, held=HoldReason.SILENCED, by="SIL-1")}


def test_they_are_due_in_order_of_time_and_only_so_many(connection: Connection) -> None:
    watches.save(connection, [_watch(n, due_at=after(seconds=-n)) for n in range(1, 6)], [])
    assert [one.key for one in watches.due(connection, NOW, 3)] == ["prod/5", "prod/4", "prod/3"]


def test_a_release_brings_forward_what_that_held_back_and_puts_nothing_off(connection: Connection) -> None:
    watches.save(connection, [_watch(1, by="x"), _watch(2, by="x", due_at=after(seconds=1)), _watch(3, by="y")], [])
    watches.release(connection, [Release("x", after(minutes=1))])
    found = watches.of_things(connection, ["thing"])
    assert [found[f"prod/{n}"].due_at for n in (1, 2, 3)] == [after(minutes=1), after(seconds=1), after(minutes=5)]


def test_what_is_listed_is_held_back_the_latest_first(connection: Connection) -> None:
    watches.save(connection, [_watch(1), _watch(2, since=after(minutes=1)), _watch(3, held=None, by="")], [])
    assert [one.key for one in watches.listed(connection, 9)] == ["prod/2", "prod/1"]


def _plan(connection: Connection, query: str) -> str:
    word = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    return " ".join(str(row) for row in connection.execute(text(word + query)))


@pytest.mark.timeout(120)
def test_among_a_hundred_thousand_what_is_due_is_found_by_the_index(engine: Engine) -> None:
    row = row_of(_watch())
    rows = [
        {**row, "key": f"prod/{n}", "due_at": NOW + timedelta(seconds=n), "by": f"b{n % 1000}", "dedup_key": f"d{n}"}
        for n in range(100_000)
    ]
    with engine.begin() as connection:
        connection.execute(insert(table), rows)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE watches"))
        began = perf_counter()
        assert len(watches.due(connection, after(seconds=20), 50)) == 21
        assert watches.next_due_at(connection) == NOW
        watches.release(connection, [Release("b7", NOW)])
        assert len(watches.of_things(connection, ["d5", "d6"])) == 2
        assert perf_counter() - began < 1.0, "a scan would take far longer"
        for query, index in (
            ("SELECT * FROM watches WHERE due_at <= 1 ORDER BY due_at LIMIT 50", "ix_watches_due_at"),
            ("SELECT * FROM watches WHERE dedup_key IN ('a', 'b')", "ix_watches_dedup_key"),
            ("UPDATE watches SET due_at = 1 WHERE \"by\" = 'x' AND due_at > 1", "ix_watches_by"),
        ):
            assert index in _plan(connection, query)


# ------------------------------------------------------------------ a database of the first version


def _old_row(connection: Connection) -> dict[str, object]:
    """An incident as the first release stored it, with whatever its columns need."""
    times = {"opened_at": 1_767_000_000_000_000, "last_alert_at": 1_767_000_000_000_000}
    words = {"id": "INC-1001", "state": "triggered", "severity": "high", "impact": "medium", "urgency": "high"}
    row: dict[str, object] = {}
    for column in inspect(connection).get_columns("incidents"):
        name = column["name"]
        if column["nullable"]:
            continue
        kind = str(column["type"]).upper()
        row[name] = times.get(name, words.get(name, "{}" if "TEXT" in kind else False if "BOOL" in kind else 1))
    return {**row, "number": 1001, "team": "default", "rule": "r", "title": "t", "dedup_key": "d"}


def test_an_incident_of_the_first_version_reads_well_after_the_migration(url: str) -> None:
    engine = dialect.engine_for(url)
    with engine.begin() as connection:
        STEPS[0](connection)
        row = _old_row(connection)
        names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO incidents ({names}) VALUES ({places})"), row)  # noqa: S608 (names of columns)
        rows = [{"name": "schema_version", "value": "1"}, {"name": "compat_version", "value": "1"}]
        for one in rows:
            connection.execute(text("INSERT INTO settings (name, value) VALUES (:name, :value)"), one)
    with engine.begin() as connection:
        assert migrate.migrate(connection)[0] == 2
        (found,) = incidents.listed(connection, states=None, limit=9)
    assert (found.conduct, found.fired_at, found.quiet, found.parent_id) == (Conduct(), (), None, None)
    assert (found.collects_key, found.awaiting_policy, found.number) == (None, None, 1001)
    with engine.begin() as connection:
        watches.save(connection, [_watch()], [])
        assert watches.listed(connection, 9) == [_watch()]
