"""What a ticket or comment shows, before it becomes ADF or wiki text: blocks of clean text and links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.jira.text import clean_block, clean_line, instant, safe_link
from ingestd.ports import AlertView, IncidentView, TimelineLine

_MOST_LABELS = 40
_LINE = 300


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text in one line: clean, never empty. ``href`` is a safe link or empty."""

    text: str
    href: str = ""
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines that belong together."""

    lines: tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A title inside the text; clean, not empty."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """A table of two columns: what, and its value. Never empty."""

    rows: tuple[tuple[str, tuple[Piece, ...]], ...]


@dataclass(frozen=True, slots=True)
class Verbatim:
    """Lines to be shown as they are; clean, not empty."""

    text: str


Block = Paragraph | Heading | Facts | Verbatim


def line(text: str, limit: int = _LINE, *, is_strong: bool = False) -> tuple[Piece, ...]:
    """The text as one piece, or nothing if nothing printable is left."""
    cleaned = clean_line(text, limit)
    return (Piece(cleaned, is_strong=is_strong),) if cleaned else ()


def link(text: str, url: str) -> tuple[Piece, ...]:
    """A link called ``text``; the bare address as text if nobody should be sent there."""
    href = safe_link(url)
    if not href:
        return line(url)
    return (Piece(clean_line(text, _LINE) or href, href=href),)


def summary_of(incident: IncidentView) -> tuple[Block, ...]:
    """What the incident is about, in the words of the rule."""
    lines = tuple((Piece(text),) for text in (clean_line(one, 2000) for one in _split(incident.summary)) if text)
    return (Paragraph(lines),) if lines else ()


def _split(text: str) -> list[str]:
    return clean_block(text, 2000).split("\n")


def facts_of(incident: IncidentView) -> Facts:
    """Since when, how bad, whose: one row for each thing that is known."""
    severity = f"{incident.severity} (impact {incident.impact}, urgency {incident.urgency})"
    acknowledged = incident.acknowledged_by
    if acknowledged and incident.acknowledged_at is not None:
        acknowledged += f", {instant(incident.acknowledged_at)}"
    rows = (
        ("Incident", link(incident.id, incident.url) if incident.url else line(incident.id)),
        ("Since", line(instant(incident.opened_at))),
        ("Severity", line(severity)),
        ("Category", line(incident.category)),
        ("Team", line(incident.team)),
        ("Rule", line(incident.rule)),
        ("In charge", line(incident.assignee)),
        ("Meeting", link(incident.bridge, incident.bridge) if incident.bridge else ()),
        ("Runbook", link(incident.runbook, incident.runbook) if incident.runbook else ()),
        ("Acknowledged", line(acknowledged)),
    )
    return Facts(tuple((name, value) for name, value in rows if value))


def alert_of(alert: AlertView) -> tuple[Block, ...]:
    """One alert: state, name, what it says, since when, its links, its labels."""
    title = line(f"{'Firing' if alert.is_firing else 'Cleared'}: {alert.name}", is_strong=True)
    times = f"since {instant(alert.first_seen_at)}"
    if alert.cleared_at is not None:
        times += f", cleared {instant(alert.cleared_at)}"
    lines = [
        title,
        line(alert.summary),
        line(f"{times}, from {alert.source}"),
        line(f"value {alert.value}" if alert.value else ""),
    ]
    description = alert.annotations.get("description", "")
    if description.strip() != alert.summary.strip():
        lines.append(line(description, 600))
    lines.append(_links(alert.links))
    blocks: list[Block] = [Paragraph(tuple(one for one in lines if one))]
    labels = _labels(alert.labels)
    if labels:
        blocks.append(Verbatim(labels))
    return tuple(blocks)


def _links(links: Mapping[str, str]) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for name, url in list(links.items())[:10]:
        target = link(name, url)
        if target and pieces:
            pieces.append(Piece(" · "))
        pieces.extend(target)
    return tuple(pieces)


def _labels(labels: Mapping[str, str]) -> str:
    lines = [
        f"{clean_line(name, 100)}={clean_line(value, 200)}" for name, value in sorted(labels.items())[:_MOST_LABELS]
    ]
    if len(labels) > _MOST_LABELS:
        lines.append(f"… and {len(labels) - _MOST_LABELS} more labels")
    return clean_block("\n".join(lines), 3000)


def news_of(entry: TimelineLine) -> tuple[Block, ...]:
    """One line of an incident's history."""
    return (Paragraph((line(f"{instant(entry.at)}  {entry.text}", 1000),)),)


def standing_of(incident: IncidentView) -> tuple[Block, ...]:
    """Where the incident stands, in one line."""
    text = f"{incident.id} is {incident.state}, severity {incident.severity}: {incident.firing_count} of {incident.alert_count} alerts firing."
    return (Paragraph((line(text),)),)


def pointer(text: str, incident: IncidentView) -> tuple[Block, ...]:
    """Says what was left out, and where to read it."""
    where = (
        link("see the incident", incident.url) if incident.url else line(f"see: ingestd incident show {incident.id}")
    )
    return (Paragraph(((*line(text), Piece(" — "), *where),)),)
