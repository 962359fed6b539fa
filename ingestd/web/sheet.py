"""What the incident page says, as plain strings in the order in which somebody who was just woken needs them.

All text of strangers is cut and freed of controls here; the templates escape it. The page is bounded whatever an alert holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestd.core.conduct import ResolveOn
from ingestd.core.effects import DeadlineKind
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.names import EffectKind, IncidentState, PersonName
from ingestd.core.policy import Person
from ingestd.core.safe_text import one_line, plain_block
from ingestd.store.outbox import Delivery, DeliveryState
from ingestd.web import plain, words
from ingestd.web.case import Case

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
    runbook: Link | None
    runbook_text: str
    ticket: Link | None
    ticket_text: str
    lines: tuple[Line, ...]


def sheet_of(
    case: Case, people: Mapping[PersonName, Person], now: datetime, *, reader: str = "", detail: Detail = FULL
) -> Sheet:
    """The page of an incident as ``reader`` (the key of a person, or empty) sees it now."""
    incident = case.incident
    shown = case.members[: detail.alerts_max]
    ticket = case.tickets[0] if case.tickets else None
    return Sheet(
        id=incident.id,
        severity=incident.severity.value,
        state=incident.state.value,
        is_waiting=incident.state is IncidentState.TRIGGERED,
        title=one_line(incident.title, TITLE_CHARS_MAX) or "an incident without a title",
        opened_at=incident.opened_at,
        since=f"{words.clock(incident.opened_at, now)}, {words.ago(incident.opened_at, now)}",
        standing=standing_of(incident, people, now, reader),
        as_of=words.clock(now, now),
        summary=plain_block(incident.summary, min(SUMMARY_CHARS_MAX, detail.text_chars_max * 3)),
        facts=tuple((term, one_line(text, 80)) for term, text in _facts(incident) if text),
        alerts=tuple(_alert(member, now, detail) for member in shown),
        alerts_left=max(0, incident.alert_count - len(shown)),
        counts=f"{incident.firing_count} of {words.counted(incident.alert_count, 'alert')} firing",
        paged=_paged(case, people, now, detail),
        next_step=_next_step(case, people, now),
        runbook=_link("Runbook", incident.runbook),
        runbook_text=one_line(incident.runbook, detail.text_chars_max),
        ticket=_link(ticket.label, ticket.url) if ticket else None,
        ticket_text=one_line(ticket.label, 80) if ticket else "",
        lines=tuple(
            Line(line.at, words.clock(line.at, now), one_line(line.text, detail.text_chars_max))
            for line in case.lines[-detail.lines_max :][::-1]
        ),
    )


def standing_of(incident: Incident, people: Mapping[PersonName, Person], now: datetime, reader: str) -> str:
    """Who has the incident, or that nobody has, in one sentence."""
    if incident.state is IncidentState.TRIGGERED:
        return "Nobody has acknowledged it yet."
    if incident.state is IncidentState.ACKNOWLEDGED and incident.acknowledged_at:
        mine = reader and incident.acknowledged_by == reader
        who = "You" if mine else name_of(incident.acknowledged_by, people)
        return f"{who} acknowledged it {words.since(incident.acknowledged_at, now)}."
    how = f"by {name_of(incident.resolved_by, people)}" if incident.resolved_by else "because its alerts cleared"
    when = f", {words.since(incident.resolved_at, now)}" if incident.resolved_at else ""
    return f"It is over: {incident.state} {how}{when}."


def name_of(name: str, people: Mapping[PersonName, Person]) -> str:
    """What a person is called; the key itself if nobody of that name is configured."""
    person = people.get(PersonName(name))
    return one_line(person.display_name if person and person.display_name else name, 60)


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


def _paged(case: Case, people: Mapping[PersonName, Person], now: datetime, detail: Detail) -> tuple[Line, ...]:
    pages = [row for row in case.deliveries if row.kind is EffectKind.PAGE and row.person and row.channel]
    shown = pages[-min(PAGED_MAX, detail.lines_max) :]
    return tuple(Line(row.created_at, words.clock(row.created_at, now), _page_text(row, people)) for row in shown)


def _page_text(row: Delivery, people: Mapping[PersonName, Person]) -> str:
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
    return f"{name_of(row.person or '', people)} (L{row.level}) by {row.channel}: {how}"


def _next_step(case: Case, people: Mapping[PersonName, Person], now: datetime) -> str:
    """Who is paged next and when, or why nobody is."""
    incident, escalation = case.incident, case.incident.escalation
    if incident.state is not IncidentState.TRIGGERED:
        return "Nobody else is paged."
    if incident.quiet:
        return one_line(f"Nobody is paged: {incident.quiet}.", 200)
    page_at = case.due_at(DeadlineKind.PAGE)
    if page_at is not None:
        return f"Nobody is paged before office hours: {words.clock(page_at, now)}."
    if escalation is None:
        return "Nobody is paged: no policy applies."
    if escalation.is_exhausted:
        return "Every step has run and nobody answered: nobody else is paged."
    if escalation.is_held:
        return "The next page is held back: all alerts have cleared."
    due_at = case.due_at(DeadlineKind.ESCALATE)
    if due_at is None:
        return "Nobody else is paged."
    index = escalation.step_index + 1
    if index < len(escalation.steps):
        step = escalation.steps[index]
    elif escalation.loops_done + 1 < escalation.loop_count:
        step = escalation.steps[0]
    else:
        return f"Nobody is left to page; the last wait ends {words.clock(due_at, now)}."
    names = ", ".join(name_of(person, people) for person in step.people[:5])
    more = f" and {len(step.people) - 5} more" if len(step.people) > 5 else ""
    left = due_at - now
    when = f"in {words.duration(left)}" if left > timedelta() else "now"
    return f"{names}{more} at {words.clock(due_at, now)} ({when}), unless somebody acknowledges."
