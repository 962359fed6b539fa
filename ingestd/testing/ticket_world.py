"""The world behind a ticket connector, as its author describes it for ``connector_contract``, and what the checks send into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol

from ingestd.core.names import IncidentId, IncidentState, Level, Severity
from ingestd.errors import CredentialsRejected, DeliveryError, OutcomeUnknown, ReplyUnreadable, TryLater
from ingestd.ports import AlertView, IncidentView, TicketFile, TicketRef, TicketSystem, TimelineLine

OPENED_AT: Final = datetime(2026, 1, 5, 3, 12, tzinfo=UTC)
"""When the incident of the checks opened; a world's clock starts here."""

HOSTILE_TEXTS: Final = (
    "",
    " \n\t\r\n ",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "<!-- never closed",
    "javascript://x/%0aalert(1)",
    "https://x.example/' onmouseover='alert(1)\" onclick=\"alert(1)",
    "</td></table><h1>closed by the vendor</h1>",
    "{code}{color:red}h1. x{color}{code} [click|https://evil.example] !https://evil.example/x.png!",
    "# x\n---\nstatus: resolved\n---\n[click](https://evil.example) ![x](https://evil.example/x.png)",
    "\x00\x01\x1b[31m\x7f\x85\u2028\u2029\ufeff\uffff",
    "a lone surrogate \ud83d and a reversed \u202egnp.exe",
    "\N{PILE OF POO}" * 300,
    "&" * 5_000,
    "word " * 250_000,
)
"""Alert texts that have broken somebody: markup of each kind, controls, what UTF-8 cannot say, and a megabyte."""


FILE: Final = TicketFile("report.pdf", "application/pdf", b"%PDF-1.4\r\n--\r\n" + bytes(range(256)) * 8)
"""A file with every byte in it, and what looks like the end of a form."""

HOSTILE_NAMES: Final = (
    "",
    "..",
    "../../etc/passwd",
    "C:\\Windows\\x.exe",
    "a\r\nContent-Type: text/html\r\n\r\n<script>",
    'a"; filename="b.exe',
    "](javascript:alert(1)) <img src=x>.png",
    "\u202egnp.exe",
    "INC-1042.md",
    "con.txt",
    "\N{PILE OF POO}" * 200 + ".pdf",
    "a\0b.pdf",
)
"""Names that leave their folder, their header or their line, or pose as something else."""


class Mishap(StrEnum):
    """What can befall one write request on its way."""

    BUSY_503 = "busy-503"
    RATE_LIMIT_429 = "rate-limit-429"
    LOSE_REPLY_AFTER_EFFECT = "lose-reply-after-effect"
    REFUSE_CONNECTION = "refuse-connection"
    UNAUTHORIZED = "unauthorized"
    HTML_LOGIN = "html-login"
    GARBAGE_2XX = "garbage-2xx"


MAY_RAISE: Final[Mapping[Mishap, tuple[type[DeliveryError], ...]]] = {
    # Whether a busy service took the request is the connector's to judge; it may be more careful than need be.
    Mishap.BUSY_503: (TryLater, OutcomeUnknown),
    Mishap.RATE_LIMIT_429: (TryLater,),
    Mishap.LOSE_REPLY_AFTER_EFFECT: (OutcomeUnknown,),
    Mishap.REFUSE_CONNECTION: (TryLater,),
    Mishap.UNAUTHORIZED: (CredentialsRejected,),
    Mishap.HTML_LOGIN: (CredentialsRejected, OutcomeUnknown),
    Mishap.GARBAGE_2XX: (ReplyUnreadable, OutcomeUnknown),
}
"""What opening a ticket may raise when this befalls it. Anything else would lose the ticket or make it twice."""


class TicketWorld(Protocol):
    """A connector together with the model of the service behind it. Each check gets a new one."""

    system: TicketSystem
    options: Mapping[str, Any]
    """The rule's ``ticket:`` mapping that suits the model."""
    secrets: Sequence[str]
    """Texts that no error may hold: passwords, tokens."""

    def tickets(self) -> Sequence[Mapping[str, Any]]:
        """All tickets: ``title``, ``description``, ``priority``, ``is_done`` and ``comments`` (texts, oldest first)."""
        ...

    def pass_time(self, seconds: float) -> None:
        """Let time pass for the service."""
        ...

    def make_search_late(self, seconds: float) -> None:
        """Let the service's search see what is written only after so long."""
        ...

    def break_next_write(self, mishap: Mishap) -> bool:
        """Let this befall the next write request. False if it cannot happen in this world."""
        ...

    def edit_by_hand(self, ref: TicketRef) -> None:
        """Change the ticket as people do: text, assignee, labels."""
        ...

    def human_part(self, ref: TicketRef) -> object:
        """All that belongs to people (text, assignee, labels), to be compared."""
        ...

    def remove(self, ref: TicketRef) -> None:
        """Delete the ticket as people do."""
        ...

    def files(self) -> Sequence[tuple[str, bytes]]:
        """Name and content of every file at the tickets; asked only of connectors that are ``Attaching``."""
        ...

    def foreign_markup(self) -> Sequence[str]:
        """What in the tickets would be shown as markup, link or image that no connector puts there."""
        ...


_DISK_FULL = AlertView(
    name="DiskFull",
    summary="/var on db1 is 97% full",
    is_firing=True,
    labels={"alertname": "DiskFull", "instance": "db1"},
    annotations={"description": "free some space"},
    links={"generator": "http://prometheus.example/graph?g0.expr=up&g0.tab=1"},
    source="alertmanager",
    first_seen_at=OPENED_AT,
    value="97",
)
INCIDENT: Final = IncidentView(
    id=IncidentId("INC-1042"),
    title="Disk of db1 is full",
    summary="Two disks are affected.\nBackups will fail.",
    state=IncidentState.TRIGGERED,
    severity=Severity.HIGH,
    impact=Level.HIGH,
    urgency=Level.MEDIUM,
    category="storage",
    team="databases",
    rule="disk-full",
    opened_at=OPENED_AT,
    alerts=(_DISK_FULL,),
    firing_count=1,
    alert_count=1,
    runbook="https://wiki.example/disk-full",
    url="https://ingestd.example/incidents/INC-1042",
    assignee="asha",
    bridge="https://meet.example/databases",
)
"""An ordinary incident with one alert."""


def hostile_incident(text: str) -> IncidentView:
    """``INCIDENT`` with this text wherever an alert's text can get to."""
    pairs = {text: text, "instance": text}
    alert = replace(
        _DISK_FULL, name=text, summary=text, labels=pairs, annotations=pairs, links=pairs, source=text, value=text
    )
    line = TimelineLine(1, OPENED_AT, text)
    return replace(
        INCIDENT,
        title=text,
        summary=text,
        category=text,
        team=text,
        rule=text,
        runbook=text,
        acknowledged_by=text,
        assignee=text,
        bridge=text,
        alerts=(alert,) * 3,
        firing_count=3,
        alert_count=70,
        timeline=(line,) * 10,
    )
