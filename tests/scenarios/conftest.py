"""A day in a small world; a scenario reads as a time-line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestd.testing.world import World


@pytest.fixture
def day(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "ingestd.db")
    yield world
    world.close()
