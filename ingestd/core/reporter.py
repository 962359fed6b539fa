"""Whoever reported an incident from outside: answered once with its number, and told when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

REPORTERS_MAX = 200
"""So many are told of one incident's end; further ones are only counted."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Where the answer to one report goes. Everything is text, made storable and cut by whoever read the report."""

    address: str
    name: str = ""
    connector: str = ""
    """The pager that writes to them; empty if nobody does."""
    message_id: str = ""
    """Of the report, which the answer refers to; may be empty."""
    subject: str = ""
    reply_to: str = ""
    """Where their next mail shall go; empty for the connector's own."""
    source: str = ""
    reported_at: datetime | None = None
    """When the report was taken into its incident; None before."""


@dataclass(frozen=True, slots=True)
class ReportedTicket:
    """The ticket by which something was reported: its incident takes it for its own instead of opening another."""

    connector: str
    id: str
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class AttachmentRef:
    """A file that came with an alert: where its content lies, and what it is called."""

    envelope_id: str
    index: int
    name: str
    content_type: str
    size_bytes: int
