"""What the incident page says, as plain strings in the order in which somebody who was just woken needs them.

All text of strangers is cut and freed of controls here; the templates escape it. The page is bounded whatever an alert holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingestd import telling
from ingestd.core.conduct import ResolveOn
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.names import EffectKind, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.safe_text import one_line, plain_block
from ingestd.store.outbox import Delivery, DeliveryState
from ingestd.web import plain, words
from ingestd.web.case import Case
from ingestd.web.next_page import display_name, next_page

TITLE_CHARS_MAX = 150
SUMMARY_CHARS_MAX = 400
PAGED_MAX = 12
_RESOLVED_BY_HAND = "by hand only, whatever its alerts say"
_LINK_NAMES = ("runbook", "dashboard", "panel", "silence", "generator")


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of the lists is shown; a page that grows too large is made again with less."""

    alerts_max: int
    labels_max: int
    text_chars_max: int
    lines_max: int


FULL = Detail(alerts_max=10, labels_max=16, text_chars_max=200, lines_max=10)
SHORT = Detail(alerts_max=5, labels_max=6, text_chars_max=120, lines_max=5)
BARE = Detail(alerts_max=3, labels_max=0, text_chars_max=80, lines_max=3)
DETAILS = (FULL, SHORT, BARE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is safe to follow: only ``http`` and ``https``."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert."""

    name: str
    summary: str
    state: str
    since: str
    value: str
    labels: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Something that happened: the instant for machines, for people, and in words."""

    at: datetime
    clock: str
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One incident as one page."""

    id: str
    severity: str
    state: str
    is_waiting: bool
    """Nobody has answered: the button makes sense."""
    is_open: bool
    is_mine: bool
    """The reader has acknowledged it, and can take that back."""
    is_test: bool
    """A drill: nothing is wrong."""
    position: str
    """Where the escalation stands: it is only moved on from where its reader saw it."""
    title: str
    opened_at: datetime
    since: str
    standing: str
    """Who has it, or that nobody has, in one sentence."""
    as_of: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    alerts: tuple[AlertRow, ...]
    alerts_left: int
    counts: str
    paged: tuple[Line, ...]
    next_step: str
    in_charge: str
    bridge: Link | None
    runbook: Link | None
    runbook_text: str
    ticket: Link | None
    ticket_text: str
    lines: tuple[Line, ...]


def sheet_of(case: Case, policy: Policy, now: datetime, *, reader: str = "", detail: Detail = FULL) -> Sheet:
    """The page of an incident as ``reader`` (the key of a person, or empty) sees it now."""
    incident = case.incident
    shown = case.members[: detail.alerts_max]
    ticket = case.tickets[0] if case.tickets else None
    return Sheet(
        id=incident.id,
        severity=incident.severity.value,
        state=incident.state.value,
        is_waiting=incident.state is IncidentState.TRIGGERED,
        is_open=incident.state.is_open,
        is_mine=incident.state is IncidentState.ACKNOWLEDGED and incident.acknowledged_by == reader != "",
        is_test=incident.conduct.is_test,
        position=position_of(incident),
        title=one_line(incident.title, TITLE_CHARS_MAX) or "an incident without a title",
        opened_at=incident.opened_at,
        since=f"{words.clock(incident.opened_at, now)}, {words.ago(incident.opened_at, now)}",
        standing=standing_of(incident, policy, now, reader),
        as_of=words.clock(now, now),
        summary=plain_block(incident.summary, min(SUMMARY_CHARS_MAX, detail.text_chars_max * 3)),
        facts=tuple((term, one_line(text, 80)) for term, text in _facts(incident) if text),
        alerts=tuple(_alert(member, now, detail) for member in shown),
        alerts_left=max(0, incident.alert_count - len(shown)),
        counts=f"{incident.firing_count} of {words.counted(incident.alert_count, 'alert')} firing",
        paged=_paged(case, policy, now, detail),
        next_step=next_page(case, policy, now),
        in_charge=display_name(incident.assignee, policy) if incident.assignee else "",
        bridge=_link("Join the meeting", telling.bridge_of(incident, policy)),
        runbook=_link("Runbook", incident.runbook),
        runbook_text=one_line(incident.runbook, detail.text_chars_max),
        ticket=_link(ticket.label, ticket.url) if ticket else None,
        ticket_text=one_line(ticket.label, 80) if ticket else "",
        lines=tuple(
            Line(line.at, words.clock(line.at, now), one_line(line.text, detail.text_chars_max))
            for line in case.lines[-detail.lines_max :][::-1]
        ),
    )


def position_of(incident: Incident) -> str:
    """Where the escalation stands, as a word that changes with every step."""
    at = incident.escalation
    moved = f"{at.loops_done}.{at.step_index}.{at.repeats_done}.{int(at.is_exhausted)}" if at else "none"
    return f"{incident.state}.{moved}"


def standing_of(incident: Incident, policy: Policy, now: datetime, reader: str) -> str:
    """Who has the incident, or that nobody has, in one sentence."""
    if incident.state is IncidentState.TRIGGERED:
        return "Nobody has acknowledged it yet."
    if incident.state is IncidentState.ACKNOWLEDGED and incident.acknowledged_at:
        mine = reader and incident.acknowledged_by == reader
        who = "You" if mine else display_name(incident.acknowledged_by, policy)
        return f"{who} acknowledged it {words.since(incident.acknowledged_at, now)}."
    how = f"by {display_name(incident.resolved_by, policy)}" if incident.resolved_by else "because its alerts cleared"
    when = f", {words.since(incident.resolved_at, now)}" if incident.resolved_at else ""
    return f"It is over: {incident.state} {how}{when}."


def _facts(incident: Incident) -> tuple[tuple[str, str], ...]:
    return (
        ("Impact", incident.impact.value),
        ("Urgency", incident.urgency.value),
        ("Category", incident.category),
        ("Team", incident.team),
        ("Rule", incident.rule),
        ("Explained by", incident.parent_id or ""),
        ("Resolved", _RESOLVED_BY_HAND if incident.conduct.resolve_on is ResolveOn.NEVER else ""),
    )


def _alert(member: Member, now: datetime, detail: Detail) -> AlertRow:
    began = words.clock(member.joined_at, now)
    if member.state is AlertState.CLEARED:
        since = f"cleared {words.clock(member.cleared_at, now)}" if member.cleared_at else "cleared"
    else:
        since = f"{member.state} since {began}"
    links = (_link(name, member.links[name]) for name in _LINK_NAMES if name in member.links)
    return AlertRow(
        name=one_line(member.name, 80),
        summary=one_line(member.summary, detail.text_chars_max),
        state=member.state.value,
        since=since,
        value=one_line(member.value, 40),
        labels=tuple(
            (one_line(name, 40), one_line(value, 100))
            for name, value in list(member.labels.items())[: detail.labels_max]
        ),
        links=tuple(link for link in links if link),
    )


def _link(text: str, url: str) -> Link | None:
    clean = one_line(url, 1000)
    if clean != url or " " in clean or not clean.lower().startswith(("https://", "http://")):
        return None
    return Link(one_line(text, 80), clean)


def _paged(case: Case, policy: Policy, now: datetime, detail: Detail) -> tuple[Line, ...]:
    pages = [row for row in case.deliveries if row.kind is EffectKind.PAGE and row.person and row.channel]
    shown = pages[-min(PAGED_MAX, detail.lines_max) :]
    return tuple(Line(row.created_at, words.clock(row.created_at, now), _page_text(row, policy)) for row in shown)


def _page_text(row: Delivery, policy: Policy) -> str:
    how = {
        DeliveryState.WAITING: "not sent yet",
        DeliveryState.LEASED: "being sent",
        DeliveryState.UNCERTAIN: "uncertain whether it was sent: being looked up",
        DeliveryState.DONE: "sent",
        DeliveryState.DROPPED: "not sent: no longer needed",
        DeliveryState.PARKED: "could not be sent",
    }[plain.shown_state(row)]
    if row.receipt_status in {"delivered", "failed"}:
        how = "delivered" if row.receipt_status == "delivered" else "not delivered"
    return f"{display_name(row.person or '', policy)} (L{row.level}) by {row.channel}: {how}"
