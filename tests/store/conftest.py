"""A database of each kind. Every test that asks for ``url``, or for what is made of it, runs on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from ingestd.store import dialect, migrate
from ingestd.store.database import ThreadedDatabase
from tests.store.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def postgres(require: Callable[[str], str]) -> Iterator[PostgresServer]:
    server = PostgresServer(require("initdb"))
    yield server
    server.remove()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.create()
    yield url
    postgres.give_back(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ingestd.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database."""
    found = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    assert isinstance(found, str)
    return found


@pytest.fixture
def engine(url: str) -> Engine:
    """A database with all tables, opened as the writer opens it."""
    made = dialect.engine_for(url)
    with made.begin() as connection:
        migrate.migrate(connection)
    return made


@pytest.fixture
def begin(engine: Engine) -> Callable[[], AbstractContextManager[Connection]]:
    """``with begin() as connection:`` is one transaction."""
    return engine.begin


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One open transaction."""
    with engine.begin() as found:
        yield found


@pytest.fixture
def database(url: str, engine: Engine) -> Iterator[ThreadedDatabase]:
    """The database as the daemon has it."""
    made = ThreadedDatabase(url)
    yield made
    made.close()
