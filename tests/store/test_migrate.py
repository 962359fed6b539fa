"""From any schema to that of this release, in one transaction; and from a newer one nowhere, with the version to use."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Engine, Integer, MetaData, Table, inspect, select, text
from sqlalchemy.schema import CreateIndex, CreateTable

from ingestd import __version__
from ingestd.errors import SchemaTooNew
from ingestd.store import dialect, inbox, migrate
from ingestd.store.schema import metadata, settings
from tests.store.builders import envelope


def _shape(engine: Engine) -> dict[str, object]:
    """Tables with columns, types, keys and indexes, as the database has them."""
    seen = inspect(engine)
    return {
        name: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in seen.get_columns(name)],
            seen.get_pk_constraint(name)["constrained_columns"],
            sorted(tuple(one["column_names"]) for one in seen.get_unique_constraints(name)),
            sorted((one["name"], tuple(one["column_names"]), bool(one["unique"])) for one in seen.get_indexes(name)),
        )
        for name in sorted(seen.get_table_names())
    }


def _settings(engine: Engine) -> dict[str, str]:
    with engine.begin() as connection:
        return {row.name: row.value for row in connection.execute(select(settings))}


def _set(engine: Engine, **values: str) -> None:
    with engine.begin() as connection:
        rows = [{"name": name, "value": value} for name, value in values.items()]
        dialect.upsert(connection, settings, ["name"], rows)


def test_an_empty_database_becomes_that_of_this_release(url: str) -> None:
    engine = dialect.engine_for(url)
    with engine.begin() as connection:
        assert migrate.version(connection) is None
        assert migrate.migrate(connection) == list(range(1, migrate.SCHEMA_VERSION + 1))
        assert migrate.version(connection) == migrate.SCHEMA_VERSION
    assert _settings(engine) == {
        "schema_version": str(migrate.SCHEMA_VERSION),
        "compat_version": str(migrate.COMPAT_VERSION),
        "written_by": f"ingestd {__version__}",
    }


def test_a_database_that_is_up_to_date_is_left_alone(engine: Engine) -> None:
    _set(engine, written_by="ingestd 0.0.1")
    with engine.begin() as connection:
        assert migrate.migrate(connection) == []
    assert _settings(engine)["written_by"] == "ingestd 0.0.1"


def test_what_migrations_make_is_what_the_code_knows(
    engine: Engine, url: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if dialect.is_sqlite(url):
        fresh = f"sqlite:///{tmp_path / 'fresh.db'}"
    else:
        fresh = request.getfixturevalue("postgres").create()
    created = dialect.engine_for(fresh)
    with created.begin() as connection:
        metadata.create_all(connection)
    assert _shape(engine) == _shape(created)
    assert set(_shape(engine)) == set(metadata.tables)


def test_a_database_with_a_newer_schema_is_refused_with_the_version_to_use(engine: Engine) -> None:
    _set(engine, schema_version="99", compat_version="98", written_by="ingestd 7.3.0")
    with pytest.raises(SchemaTooNew) as caught, engine.begin() as connection:
        migrate.migrate(connection)
    assert "99" in str(caught.value)
    assert "ingestd 7.3.0" in caught.value.hint
    assert "backup" in caught.value.hint


def test_a_newer_schema_that_does_not_say_who_wrote_it_is_refused_too(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(settings.delete())
        dialect.upsert(connection, settings, ["name"], [{"name": "schema_version", "value": "99"}])
    with pytest.raises(SchemaTooNew) as caught, engine.begin() as connection:
        migrate.migrate(connection)
    assert "a newer release" in caught.value.hint


def test_a_newer_schema_that_says_that_older_code_may_use_it_is_used_and_not_changed(engine: Engine) -> None:
    newer = {"schema_version": "99", "compat_version": str(migrate.SCHEMA_VERSION), "written_by": "ingestd 7.3.0"}
    _set(engine, **newer)
    with engine.begin() as connection:
        assert migrate.migrate(connection) == []
        assert migrate.version(connection) == 99
        inbox.add(connection, [envelope()])
    assert _settings(engine) == newer


Steps = tuple[Callable[[Connection], None], ...]


@pytest.fixture
def with_later_steps(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """As if the release had more steps."""

    def extend(*more: Callable[[Connection], None]) -> None:
        steps: Steps = (*migrate.STEPS, *more)
        monkeypatch.setattr(migrate, "STEPS", steps)
        monkeypatch.setattr(migrate, "SCHEMA_VERSION", len(steps))

    return extend


def _add_table(connection: Connection) -> None:
    Table("later", MetaData(), Column("a", Integer, primary_key=True)).create(connection)


def _add_column(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE later ADD COLUMN b INTEGER"))


def test_only_the_steps_that_are_missing_are_run_and_what_is_stored_stays(
    engine: Engine, with_later_steps: Callable[..., None]
) -> None:
    with engine.begin() as connection:
        inbox.add(connection, [envelope()])
    first = migrate.SCHEMA_VERSION + 1
    with_later_steps(_add_table, _add_column)
    with engine.begin() as connection:
        assert migrate.migrate(connection) == [first, first + 1]
        assert inbox.oldest_waiting(connection, 9) == [envelope()]
    assert [column["name"] for column in inspect(engine).get_columns("later")] == ["a", "b"]
    assert _settings(engine)["schema_version"] == str(first + 1)


def test_a_migration_that_fails_halfway_leaves_the_schema_as_it_was(
    engine: Engine, with_later_steps: Callable[..., None]
) -> None:
    def fail(_connection: Connection) -> None:
        raise ZeroDivisionError

    before = (_shape(engine), _settings(engine))
    with_later_steps(_add_table, fail)
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:
        migrate.migrate(connection)
    assert (_shape(engine), _settings(engine)) == before


_DIES = textwrap.dedent("""\
    import os, signal, sys
    from sqlalchemy import event
    from ingestd.store import dialect, migrate

    url, survives = sys.argv[1], int(sys.argv[2])
    engine = dialect.engine_for(url)
    done = 0

    @event.listens_for(engine, "after_cursor_execute")
    def count(_connection, _cursor, statement, *_rest):
        global done
        done += statement.lstrip().startswith(("CREATE", "INSERT"))
        if done > survives:
            os.kill(os.getpid(), signal.SIGKILL)

    with engine.begin() as connection:
        migrate.migrate(connection)
""")


def _statement_count(engine: Engine) -> int:
    makes = [CreateTable(table) for table in metadata.tables.values()]
    makes += [CreateIndex(index) for table in metadata.tables.values() for index in table.indexes]
    return len([str(one.compile(engine)) for one in makes]) + 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_a_migration_that_is_killed_is_begun_again_by_the_next_start(url: str, share: float) -> None:
    engine = dialect.engine_for(url)
    survives = int(share * (_statement_count(engine) - 1))
    ended = subprocess.run([sys.executable, "-c", _DIES, url, str(survives)], check=False, cwd="/")
    assert ended.returncode == -signal.SIGKILL
    with engine.begin() as connection:
        assert migrate.version(connection) is None
        assert inspect(connection).get_table_names() == []
        assert migrate.migrate(connection) == list(range(1, migrate.SCHEMA_VERSION + 1))
        inbox.add(connection, [envelope()])
    assert set(_shape(engine)) == set(metadata.tables)
