"""What a reader must know of its source besides the limits."""

from __future__ import annotations

from dataclasses import dataclass

from ingestd.core.mail.report import ReportPlan
from ingestd.core.mail.source import MailSource
from ingestd.core.sources.mapping import JsonMapping


@dataclass(frozen=True, slots=True)
class TicketReports:
    """What is made of tickets that are reports: the incident takes the ticket in ``connector``'s system for its own."""

    connector: str
    plan: ReportPlan
    own_tags: frozenset[str] = frozenset({"ingestd"})
    """Tags of tickets that we opened ourselves, in lower case: those are no reports."""
    own_requesters: frozenset[str] = frozenset()
    """Requesters in whose name we open tickets, in lower case."""


@dataclass(frozen=True, slots=True)
class SourceWays:
    """How the bodies of one source are to be read, as its configuration says."""

    mapping: JsonMapping | None = None
    """Of a source of JSON that is no webhook we know."""
    mail: MailSource | None = None
    tickets: TicketReports | None = None
    """Of a source whose tickets are reports."""
    auto_resolve_seconds: int | None = None
    """An alert of this source that is not repeated for so long counts as cleared; None if only news end it."""

    @property
    def reports(self) -> ReportPlan | None:
        """What is made of reports by people; None if this source takes none."""
        if self.mail is not None:
            return self.mail.reports
        return self.tickets.plan if self.tickets is not None else None
