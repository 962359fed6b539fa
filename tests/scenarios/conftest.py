"""A day in a small world; a scenario reads as a time-line and ends in "and nothing else arrived"."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from ingestd.core.invariants import broken
from ingestd.store import audit, inbox
from ingestd.testing.world import World


def _every_promise_holds(connection: Connection) -> None:
    found = broken(audit.facts(connection))
    assert not found, found


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the daemon logged. Printing it would take longer than the scenarios."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def new_day(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """``new_day(policy=..., at_point=...)``: a world whose promises are checked inside every transaction."""
    worlds = []

    def begin(**settings: object) -> World:
        world = World(tmp_path / f"ingestd-{len(worlds)}.db", **{"check": _every_promise_holds, **settings})
        worlds.append(world)
        return world

    yield begin
    for world in worlds:
        world.close()


@pytest.fixture
def day(new_day: Callable[..., World]) -> World:
    return new_day()


@pytest.fixture
def sample(root: Path) -> Callable[[str], bytes]:
    """``sample("alertmanager/03-single-firing")``: a body that a real sender sent, byte for byte."""
    return lambda name: (root / "tests" / "samples" / f"{name}.json").read_bytes()


@pytest.fixture
def arrive_together() -> Callable[..., None]:
    """``arrive_together(day, body, ...)``: alertmanager bodies that are all stored before the engine looks at the first."""

    def store(world: World, *bodies: bytes) -> None:
        ids = world.life.ids
        envelopes = [
            inbox.Envelope(ids.envelope(), "alertmanager", "alertmanager", world.now(), "192.0.2.1", body)
            for body in bodies
        ]
        world.database.run_now(inbox.add, envelopes)
        world.engine.wake.processor.ring()

    return store


def _everything_outside(world: World) -> list[object]:
    tickets = [
        (ticket.incident, ticket.priority, ticket.is_done, tuple(ticket.history), tuple(ticket.comments))
        for ticket in world.tickets.kept
    ]
    return [world.pages(), tickets]


@pytest.fixture
def nothing_else_arrives() -> Callable[..., None]:
    """``nothing_else_arrives(day, hours=3)``: time passes, nobody is told anything more, no ticket changes, nothing is queued.

    A comment that is being gathered may still reach its ticket; a page may not.
    """

    def check(world: World, **duration: float) -> None:
        pages = world.pages()
        world.advance(minutes=1)
        assert world.pages() == pages
        before = _everything_outside(world)
        world.advance(**(duration or {"hours": 3}))
        assert _everything_outside(world) == before
        assert world.unsettled() == []

    return check
