"""A new Freshdesk ticket, as an automation rule posts it with “Trigger webhook”: a person's report, and the incident's ticket at once.

Freshdesk signs nothing, and in the advanced form it fills a template of the admin without escaping: a quote or a line break in a subject
makes the body no JSON any more. So what is no JSON is read by the keys of our template, in the order in which it has them: what a
requester writes stands last and cannot speak for what stands before it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.fingerprint import alert_key
from ingestd.core.mail.html_text import from_html
from ingestd.core.mail.report import ReportPlan, ReportWords, alert_from
from ingestd.core.names import Level
from ingestd.core.reporter import ReportedTicket, Reporter
from ingestd.core.safe_text import one_line
from ingestd.core.sources.limits import ReadLimits
from ingestd.core.sources.quarantine import QuarantineReason, quoted, unreadable
from ingestd.core.sources.strict_json import load_object
from ingestd.core.sources.texts import read_link
from ingestd.core.sources.ways import TicketReports

KEYS: Final = ("ticket_id", "url", "priority", "tags", "email", "name", "subject", "description")
"""Of our template, in its order: what Freshdesk itself knows stands before what somebody wrote."""
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "ticket_id": ("ticket_id", "id"),
    "url": ("url", "ticket_url", "ticket_public_url"),
    "priority": ("priority", "ticket_priority"),
    "tags": ("tags", "ticket_tags"),
    "email": ("email", "ticket_requester_email", "ticket_from_email"),
    "name": ("name", "ticket_requester_name"),
    "subject": ("subject", "ticket_subject"),
    "description": ("description", "ticket_description"),
}
"""How our template calls it, and how the simple form does, which Freshdesk writes itself."""
_KEY_OF: Final = {key: re.compile(rf'"{key}"\s{{0,20}}:\s{{0,20}}') for key in KEYS}
_TICKET: Final = re.compile(r"#?(\d{1,18})")
_ADDRESS: Final = re.compile(r"[^\s<>()\",;:@]{1,64}@[^\s<>()\",;:@]{1,255}")
_URGENT: Final = frozenset({"urgent", "high", "4", "3"})
_TEXT_CHARS: Final = 100_000
_TAGS: Final = 20_000
_NAME_CHARS: Final = 200
_PRIORITY_CHARS: Final = 40
_HTML_SIGN: Final = re.compile(r"<(?:p|div|br|span|html|body|ul|ol|table|a|b|strong|em)\b", re.IGNORECASE)


def read_freshdesk_ticket(
    body: bytes, source: str, limits: ReadLimits, tickets: TicketReports | None
) -> ParsedEnvelope | Unreadable:
    """The report that a ticket makes; no alert for a ticket that we opened ourselves. Never raises, whatever the bytes."""
    if tickets is None:
        return unreadable(QuarantineReason.NOT_THIS_KIND, f"the source {quoted(source)} has no section `tickets` now")
    found = _fields(body, limits)
    if isinstance(found, Unreadable):
        return found
    number = _TICKET.fullmatch(found.get("ticket_id", "").strip())
    if number is None:
        return unreadable(
            QuarantineReason.NOT_THIS_KIND,
            f"there is no number of a ticket in `ticket_id`: {quoted(found.get('ticket_id'))}; see docs/howto/user-reports.md",
        )
    address = found.get("email", "").strip().lower()
    address = address if _ADDRESS.fullmatch(address) else ""
    if _is_own(found, address, tickets):
        return ParsedEnvelope(())
    ref = ReportedTicket(
        connector=tickets.connector,
        id=str(int(number[1])),
        label=f"#{int(number[1])}",
        url=read_link(found.get("url", "").strip()),
    )
    said = _report_of(found, address)
    return ParsedEnvelope((_alert_of(ref, said, found.get("priority", ""), source, limits, tickets.plan),))


def _report_of(found: Mapping[str, str], address: str) -> ReportWords:
    description = found.get("description", "")
    if _HTML_SIGN.search(description[:20_000]):
        description = from_html(description, _TEXT_CHARS, _TAGS).text
    return ReportWords(
        sender=address,
        sender_name=one_line(found.get("name", ""), _NAME_CHARS),
        subject=one_line(html.unescape(found.get("subject", "")), _NAME_CHARS * 2),
        text=description,
    )


def _alert_of(
    ref: ReportedTicket, said: ReportWords, priority: str, source: str, limits: ReadLimits, plan: ReportPlan
) -> Alert:
    reporter = Reporter(
        address=said.sender,
        name=said.sender_name,
        connector=plan.connector,
        subject=said.subject,
        reply_to=plan.reply_to,
        source=source,
    )
    key = alert_key(source, f"ticket:{ref.id}")
    alert = alert_from(said, plan, key, source, limits, reporter if said.sender else None)
    labels = {**alert.labels, "ticket_priority": one_line(priority, _PRIORITY_CHARS)}
    if priority.strip().lower() in _URGENT:
        labels["urgency"] = Level.HIGH.value
    return replace(alert, labels={name: value for name, value in labels.items() if value}, ticket=ref)


def _is_own(found: Mapping[str, str], address: str, tickets: TicketReports) -> bool:
    """Whether we opened the ticket: it would otherwise report the incident that it belongs to."""
    tags = {tag.strip(" []\"'").lower() for tag in found.get("tags", "").split(",")}
    return bool(tags & tickets.own_tags) or address in tickets.own_requesters


def _fields(body: bytes, limits: ReadLimits) -> dict[str, str] | Unreadable:
    document = load_object(body, limits)
    if isinstance(document, Unreadable):
        return _from_template(body) or document
    inner = document.get("freshdesk_webhook") if len(document) == 1 else None
    plain = inner if isinstance(inner, dict) else document
    # What is filled into our template may add a name to it, so nothing but its own names counts there.
    is_template = inner is None and KEYS[0] in document
    names_of = {key: (key,) for key in KEYS} if is_template else _NAMES
    found = {key: next((plain[name] for name in names if plain.get(name)), None) for key, names in names_of.items()}
    return {key: _as_text(value) for key, value in found.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value if isinstance(one, str | int))
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _from_template(body: bytes) -> dict[str, str]:
    """The values of our template where what was filled in broke it; empty if it is not our template."""
    text = body.decode("utf-8", "replace")
    starts: list[tuple[str, int, int]] = []
    place = 0
    for key in KEYS:
        found = _KEY_OF[key].search(text, place)
        if found is not None:
            starts.append((key, found.start(), found.end()))
            place = found.end()
    if not starts or starts[0][0] != KEYS[0]:
        return {}
    ends = [start for _, start, _ in starts[1:]] + [len(text)]
    return {key: _unquoted(text[begin:end]) for (key, _, begin), end in zip(starts, ends, strict=True)}


def _unquoted(written: str) -> str:
    value = written.strip().rstrip("}").rstrip().rstrip(",").rstrip()
    if value.startswith('"'):
        value = value[1:].removesuffix('"')
    return value.replace("\\n", "\n").replace('\\"', '"')
