"""Why a reload was refused: a named reason, and everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingestd.errors import IngestdError


class ReloadReason(StrEnum):
    """The same word in log, metric, API and docs."""

    INVALID = "invalid"
    """The configuration or the rules have errors."""
    TESTS_FAILED = "tests_failed"
    TESTS_UNFINISHED = "tests_unfinished"
    """They took longer than they may."""
    TESTS_NOT_RUN = "tests_not_run"
    """The process that runs them could not be started, or broke."""
    UNSTEADY = "unsteady"
    """The files changed again and again while they were read."""
    BROKEN = "broken"
    """Something that is no problem of a file: a connector that raises, a certificate that does not fit its key."""


class Refused(IngestdError):
    """What is on disk cannot be taken over. ``problems`` is everything that is wrong, each a text of one or more lines; never empty."""

    def __init__(self, reason: ReloadReason, problems: Iterable[str]) -> None:
        self.reason = reason
        self.problems = list(problems)
        super().__init__(self.problems[0])


@dataclass(frozen=True, slots=True)
class RefusedReload:
    """That what is on disk was refused, since when, and why. Holds until a reload is taken over."""

    at: datetime
    reason: ReloadReason
    problems: tuple[str, ...]
