"""One worker at a time on a real database, with the outside at the height of the ports, in virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingestd.testing.world import World


@pytest.fixture(autouse=True)
def log_lines() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged."""
    with capture_logs() as lines:
        yield lines


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds = []

    def begin(**settings: Any) -> World:  # (fields of a World)
        worlds.append(World(tmp_path / f"{len(worlds)}.db", **settings))
        return worlds[-1]

    yield begin
    for world in worlds:
        world.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world()


@pytest.fixture
def value_of() -> Callable[..., float | None]:
    """``value_of(world, "ingestd_worker_failures_total", worker="processor")``."""
    return lambda world, name, **labels: world.metrics.registry.get_sample_value(name, labels)
