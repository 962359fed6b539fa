"""What every test may ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

# Debian keeps servers where a user's PATH does not look.
_SERVER_PLACES = ["/usr/sbin", "/sbin", *(str(place) for place in sorted(Path("/usr/lib/postgresql").glob("*/bin")))]


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def require() -> Callable[[str], str]:
    """``require("initdb")`` is the program's path. Without the program the test is skipped, and in CI it fails.

    CI sets INGESTD_TEST_REQUIRE_ALL=1, so a test that quietly stopped running cannot pass for one that holds.
    """

    def find(program: str) -> str:
        path = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *_SERVER_PLACES]))
        if path:
            return path
        if os.environ.get("INGESTD_TEST_REQUIRE_ALL") == "1":
            pytest.fail(f"{program} is not installed, and INGESTD_TEST_REQUIRE_ALL=1 asks for every test to run")
        pytest.skip(f"{program} is not installed")

    return find


# Tests that start whole processes or a database server share one worker: side by side they would fight over the two cores
# that their deadlines are made for.
_TOGETHER = ("acceptance", "store")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests run one after the other when several workers run the suite."""
    for item in items:
        folder = item.path.relative_to(Path(__file__).parent).parts[0]
        if folder in _TOGETHER:
            item.add_marker(pytest.mark.xdist_group(folder))
