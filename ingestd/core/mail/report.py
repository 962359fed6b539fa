"""How the mail of a person becomes a report: impact and urgency from its words, its sender and the service that it names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """What a source makes of reports by people."""

    connector: str = ""
    """The email pager that answers; empty if nobody is answered."""
