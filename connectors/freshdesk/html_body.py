"""An incident as the HTML that Freshdesk takes: escaped, cut by characters with a pointer to the rest, never an open tag.

Freshdesk documents no limit of its bodies; ours keep well below the 64 KiB of a MySQL text column, and room for people.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from ingestd.ports import AlertView, IncidentView, TicketNote, TimelineLine

SUBJECT_CHARACTERS: Final = 250
_BODY_CHARACTERS: Final = 50_000
_ALERT_CHARACTERS: Final = 8_000
_SUMMARY_CHARACTERS: Final = 4_000
_VALUE_CHARACTERS: Final = 500
_LINE_CHARACTERS: Final = 300
_LINES_PER_NOTE: Final = 25  # of at most 300 characters, each six at worst when escaped: always less than a body
_URL_CHARACTERS: Final = 2_000

# Controls (without tab and newline), marks that reorder text, separators, lone surrogates (JSON cannot carry them), non-characters.
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)


def subject(incident: IncidentView) -> str:
    """The ticket's subject, in one line of at most 250 characters: ``INC-1042: Disk of db1 is full``."""
    return one_line(f"{incident.id}: {incident.title}", SUBJECT_CHARACTERS)


def description(incident: IncidentView, remarks: Sequence[str] = ()) -> str:
    """The whole picture of the incident; ``remarks`` (what Freshdesk refused; the first five) stand at the end."""
    body = _Body(incident)
    if incident.summary.strip():
        body.add(f"<p>{_lines(incident.summary, _SUMMARY_CHARACTERS)}</p>", "the summary")
    body.add(_table(_facts(incident)), "the facts")
    body.add(f"<h3>Alerts: {incident.firing_count} firing of {incident.alert_count}</h3>", "the alerts")
    shown = 0
    while shown < len(incident.alerts) and body.has_room_for(block := _alert(incident.alerts[shown], incident.summary)):
        body.add(block, "an alert")
        shown += 1
    if incident.alert_count > shown:
        body.leave_out(f"{incident.alert_count - shown} more alerts")
    if incident.timeline:
        body.add(f"<h3>History</h3>{_history(incident.timeline)}", "the history")
    return body.html("".join(f"<p><em>{_text(remark, _VALUE_CHARACTERS)}</em></p>" for remark in remarks[:5]))


def note_body(note: TicketNote, marker: str) -> str:
    """The body of a private note; the marker is its last word, so text of an alert cannot stand in its place."""
    body = _Body(note.incident)
    told = note.lines[-_LINES_PER_NOTE:]
    body.add(_history(told) if told else f"<p>The incident is {_text(note.incident.state.value, 100)}.</p>", "the news")
    if len(note.lines) > len(told):
        body.leave_out(f"{len(note.lines) - len(told)} earlier lines")
    return body.html(f"<p>{marker}</p>")


def one_line(text: str, limit: int) -> str:
    """The showable text in one line of at most ``limit`` characters; an ellipsis shows that it was cut."""
    # Cut before cleaning too: a text of a megabyte is not searched for controls that nobody will see.
    line = " ".join(_showable(text[: 4 * limit]).split())
    is_cut = len(line) > limit or len(text) > 4 * limit
    return line[: limit - 1].rstrip() + "…" if is_cut else line


class _Body:
    """Whole blocks of HTML up to a limit; what does not fit is named in one line with a pointer to where it is."""

    def __init__(self, incident: IncidentView) -> None:
        self._incident = incident
        self._blocks: list[str] = []
        self._room = _BODY_CHARACTERS
        self._left_out: list[str] = []

    def has_room_for(self, block: str) -> bool:
        """Whether ``add`` would take the block."""
        return len(block) <= self._room

    def add(self, block: str, what: str) -> None:
        """Take the block if there is room, else remember what is missing."""
        if self.has_room_for(block):
            self._blocks.append(block)
            self._room -= len(block)
        else:
            self.leave_out(what)

    def leave_out(self, what: str) -> None:
        """Remember what the body does not show."""
        self._left_out.append(what)

    def html(self, closing: str) -> str:
        """All blocks, what was left out, and the closing."""
        pointer = _link(self._incident.url) if self._incident.url else f"{_text(self._incident.id, 100)} in ingestd"
        note = f"<p>… left out here: {', '.join(self._left_out)}: see {pointer}</p>" if self._left_out else ""
        return "".join([*self._blocks, note, closing])


def _facts(incident: IncidentView) -> list[tuple[str, str]]:
    severity = f"{incident.severity.value} (impact {incident.impact.value}, urgency {incident.urgency.value})"
    facts = [("Severity", severity), ("Since", _instant(incident.opened_at))]
    named = (
        ("Category", incident.category),
        ("Team", incident.team),
        ("Rule", incident.rule),
        ("In charge", incident.assignee),
        ("Acknowledged by", incident.acknowledged_by),
    )
    facts += [(name, _text(value, _VALUE_CHARACTERS)) for name, value in named if value.strip()]
    linked = (("Meeting", incident.bridge), ("Runbook", incident.runbook), ("In ingestd", incident.url))
    return facts + [(name, _link(url)) for name, url in linked if url.strip()]


def _alert(alert: AlertView, incident_summary: str) -> str:
    state = f"firing since {_instant(alert.first_seen_at)}"
    if not alert.is_firing:
        state = f"cleared {_instant(alert.cleared_at)}" if alert.cleared_at else "cleared"
    summary = f"<br>{_lines(alert.summary, _SUMMARY_CHARACTERS // 4)}" if alert.summary.strip() else ""
    rows = [("value", _text(alert.value, _VALUE_CHARACTERS))] if alert.value.strip() else []
    # Said above, by the alert or by the incident.
    said = {alert.summary.strip(), incident_summary.strip()}
    annotations = {name: text for name, text in alert.annotations.items() if text.strip() not in said}
    rows += _rows(alert.labels) + _rows(annotations)
    rows += [(_text(name, 100), _link(url)) for name, url in list(alert.links.items())[:20]]
    kept: list[tuple[str, str]] = []
    room = _ALERT_CHARACTERS
    for name, value in rows:
        room -= len(name) + len(value)
        if room >= 0:
            kept.append((name, value))
    more = len(rows) - len(kept) + _beyond(alert.labels) + _beyond(annotations)
    left_out = [("…", f"{more} more")] if more else []
    head = f"<strong>{_text(alert.name, 200) or 'an alert without a name'}</strong> ({state}, from {_text(alert.source, 100)})"
    return f"<p>{head}{summary}</p>{_table(kept + left_out)}"


def _rows(pairs: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(_text(name, 100), _text(value, _VALUE_CHARACTERS)) for name, value in list(pairs.items())[:40]]


def _beyond(pairs: Mapping[str, str]) -> int:
    return max(0, len(pairs) - 40)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """A table of rows that are HTML already."""
    return "<table>" + "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows) + "</table>"


def _history(lines: Iterable[TimelineLine]) -> str:
    return (
        "<ul>"
        + "".join(f"<li>{_instant(line.at)}: {_text(line.text, _LINE_CHARACTERS)}</li>" for line in lines)
        + "</ul>"
    )


def _link(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an unclosed bracket of an IPv6 host
        return _text(url, _VALUE_CHARACTERS)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.netloc
        or len(url) > _URL_CHARACTERS
        or _UNSHOWABLE.search(url)
    ):
        return _text(url, _VALUE_CHARACTERS)
    escaped = html.escape(url)
    return f'<a href="{escaped}" rel="noreferrer">{escaped}</a>'


def _lines(text: str, limit: int) -> str:
    cut = _showable(text[:limit]).strip()
    more = f"<br>… {len(text) - limit:,} characters more" if len(text) > limit else ""
    return "<br>".join(html.escape(line.strip()) for line in cut.split("\n")) + more


def _text(text: str, limit: int) -> str:
    return html.escape(one_line(text, limit))


def _showable(text: str) -> str:
    return _UNSHOWABLE.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
