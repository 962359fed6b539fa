"""One observation by a monitoring system, in the form that every source is read into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ingestd.core.names import AlertKey, AlertStatus
from ingestd.core.reporter import AttachmentRef, ReportedTicket, Reporter


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one envelope. ``labels`` identify it, ``annotations`` only describe it.

    All text has been made storable (no NUL, no lone surrogates) and cut to the limits of the source reader; identity was
    computed before the cut. ``key`` is ``{source}/{fingerprint}``. Instants are aware UTC; ``None`` means that
    the sender did not say. ``state_reason`` is Grafana's ``grafana_state_reason`` (why a state changed without the
    rule's own condition changing), else empty. ``rule_name`` is the sender's rule: the label ``alertname``, or for Grafana's
    ``DatasourceNoData``/``DatasourceError`` the label ``rulename``; may be empty.
    """

    source: str
    key: AlertKey
    status: AlertStatus
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    """Link name (``generator``, ``silence``, ``dashboard``, ``panel``, ``image``, ``runbook``) to http(s) URL."""
    state_reason: str = ""
    rule_name: str = ""
    value: str = ""
    """What was measured, as the sender words it; may be empty."""
    sender: str = ""
    """Of mail: the address that sent it."""
    subject: str = ""
    """Of mail: its subject, on one line."""
    body: str = ""
    """Of mail: its text."""
    expires_at: datetime | None = None
    """When it counts as cleared unless its sender has said again by then that it fires; None if only news end it."""
    reporter: Reporter | None = None
    """Of a report by a person: whom to answer."""
    ticket: ReportedTicket | None = None
    """Of a report by a ticket: which one."""
    attachments: tuple[AttachmentRef, ...] = ()
    """Files that belong to it, for its ticket."""

    @property
    def summary(self) -> str:
        """The best one-line description that the sender gave; never empty, and never white space alone."""
        for name in ("summary", "title", "message", "description"):
            text = self.annotations.get(name, "").strip()
            if text:
                return text.splitlines()[0]
        names = (self.subject, self.rule_name, self.labels.get("alertname", ""))
        return next((name for name in names if name.strip()), "an alert without a name")


@dataclass(frozen=True, slots=True)
class ParsedEnvelope:
    """What a source reader made of a raw body: its alerts in order, and what it could not see.

    ``truncated_count`` is how many alerts the sender says it left out (never delivered: their state is unknown).
    ``cut_count`` is how many texts were cut to a limit. ``refused`` tells of each alert that could not be read while its
    neighbours could: they are processed, the envelope is listed for what it lost.
    """

    alerts: tuple[Alert, ...]
    truncated_count: int = 0
    cut_count: int = 0
    refused: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a body, or one alert of it, cannot be read. If nothing could be read the envelope goes to quarantine with this.

    ``reason`` is one of the words in ``QuarantineReason``; ``detail`` tells a person what to look at.
    """

    reason: str
    detail: str
