"""What a severity sets in motion: whether it pages and when, how soon somebody must answer, what is written about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ingestd.core.names import Severity


class PageWhen(StrEnum):
    """Whether an incident of a severity pages people, and when."""

    NOW = "now"
    OFFICE_HOURS = "office-hours"
    NEVER = "never"


class ReportNeed(StrEnum):
    """Whether an incident of a severity ends with a report."""

    REQUIRED = "required"
    ON_REQUEST = "on-request"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Response:
    """What one severity sets in motion. Times in seconds; None means that there is none."""

    page: PageWhen = PageWhen.NOW
    ack_within_seconds: int | None = None
    """How soon somebody must have acknowledged; later the incident says so."""
    update_every_seconds: int | None = None
    """How often those who wait are told how it stands."""
    report: ReportNeed = ReportNeed.NONE


DEFAULT_RESPONSES: Mapping[Severity, Response] = dict.fromkeys(Severity, Response())
"""Where no rule file has a ``response:``, every severity pages at once, if its rule or team names a policy."""
