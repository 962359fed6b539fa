"""Runs the tests of who is on call: each says an instant, and by schedule the person who must be on call then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ingestd.config.load import Loaded
from ingestd.config.schedules import build_schedules
from ingestd.config.validation import locate
from ingestd.core.rota import who


@dataclass(frozen=True, slots=True)
class OncallDifference:
    """A schedule on which somebody else is on call; None is nobody."""

    schedule: str
    expected: str | None
    actual: str | None


@dataclass(frozen=True, slots=True)
class OncallTestResult:
    """One test. ``name`` is its instant as it is written, ``at`` that instant in UTC."""

    name: str
    at: datetime
    file: str
    line: int
    differences: tuple[OncallDifference, ...]

    @property
    def has_passed(self) -> bool:
        """Whether everybody is on call who must be."""
        return not self.differences


def run_oncall_tests(loaded: Loaded) -> list[OncallTestResult]:
    """Every test of a configuration, in the order of the file."""
    config = loaded.config
    schedules = build_schedules(config)
    results = []
    for number, test in enumerate(config.oncall_tests):
        at = test.at.within(config.timezone)
        found = ((name, expected, who(schedules[name], at)) for name, expected in test.who.items())
        span = locate(loaded.document.root, ("oncall_tests", number))
        results.append(
            OncallTestResult(
                f"{test.at.at:%Y-%m-%d %H:%M%z} {test.at.zone or ''}".strip(),
                at,
                loaded.document.file,
                span.line if span is not None else 0,
                _differences(found),
            )
        )
    return results


def _differences(found: Iterable[tuple[str, str | None, str | None]]) -> tuple[OncallDifference, ...]:
    return tuple(OncallDifference(*one) for one in found if one[1] != one[2])
