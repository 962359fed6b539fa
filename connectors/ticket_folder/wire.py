"""A ticket as a file's text, both ways, without I/O: front matter, the picture of the incident, dated comments, markers.

What a person wrote is never rewritten: a change replaces the value of one line of the front matter or appends at the end.
"""

from __future__ import annotations

import json
import re
from datetime import UTC
from typing import Final
from urllib.parse import quote

from connectors.ticket_folder.markdown import code, instant, link, one_line, paragraph, prose, showable
from ingestd.core.names import EffectKey
from ingestd.ports import AlertView, IncidentView, TicketNote

STATUS_OPEN: Final = "open"
STATUS_RESOLVED: Final = "resolved"
_DONE_STATUSES: Final = frozenset({"resolved", "closed", "done"})
_TITLE_CHARACTERS: Final = 200
_SUMMARY_CHARACTERS: Final = 4000
_VALUE_CHARACTERS: Final = 300
_LABELS_PER_ALERT: Final = 40
_LINES_PER_COMMENT: Final = 100

_FRONT_MATTER = re.compile(r"\A---[ \t]*\r?\n(?P<fields>.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)


def new_ticket(incident: IncidentView, key: EffectKey) -> str:
    """The text of a new ticket file for the incident."""
    fields = {
        "incident": incident.id,
        "title": incident.title,
        "status": STATUS_OPEN,
        "priority": incident.severity.value,
        "severity": incident.severity.value,
        "impact": incident.impact.value,
        "urgency": incident.urgency.value,
        "category": incident.category,
        "team": incident.team,
        "rule": incident.rule,
        "opened_at": incident.opened_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "effect_key": key,
    }
    front_matter = "\n".join(f"{name}: {_scalar(value)}" for name, value in fields.items())
    return f"---\n{front_matter}\n---\n\n" + "\n\n".join(_picture(incident)) + "\n"


def is_opened_by(text: str, key: EffectKey) -> bool:
    """Whether the front matter names this key as the one that the ticket was opened with."""
    return _field(text, "effect_key") == one_line(key, _TITLE_CHARACTERS)


def status_of(text: str) -> str:
    """The status in lower case; ``open`` if the front matter does not say."""
    return _field(text, "status").lower() or STATUS_OPEN


def is_done(text: str) -> bool:
    """Whether the status says that nothing is left to do: resolved, closed or done, in any case of letters."""
    return status_of(text) in _DONE_STATUSES


def assignee_of(text: str) -> str:
    """Whom a person wrote down under ``assignee``; may be empty."""
    return _field(text, "assignee")


def has_comment(text: str, key: EffectKey) -> bool:
    """Whether the comment marked with this key stands in the file."""
    # The marker is a line of its own. Foreign text never begins a line with an angle bracket, so it cannot forge one.
    marker = _marker(key)
    return any(line.rstrip() == marker for line in text.splitlines())


def with_comment(text: str, note: TicketNote, key: EffectKey) -> str:
    """The text with the note appended as a dated section; unchanged if it is there already."""
    if has_comment(text, key):
        return text
    told = note.lines[-_LINES_PER_COMMENT:]
    lines = [f"- {instant(line.at)}: {prose(line.text, _VALUE_CHARACTERS)}" for line in told]
    if len(note.lines) > len(told):
        lines.insert(0, f"- … {len(note.lines) - len(told)} earlier lines are left out")
    heading = f"## {instant(told[-1].at)}" if told else "## Update"
    section = "\n".join([heading, _marker(key), "", *(lines or [f"- The incident is {note.incident.state.value}."])])
    return f"{text.rstrip()}\n\n{section}\n"


def with_file(text: str, name: str, path: str, key: EffectKey) -> str:
    """The text with a link to a file that lies at a path beside it; unchanged if it is there already."""
    if has_comment(text, key):
        return text
    section = "\n".join(["## File", _marker(key), "", f"- [{prose(name, _TITLE_CHARACTERS)}]({quote(path)})"])
    return f"{text.rstrip()}\n\n{section}\n"


def with_status(text: str, status: str) -> str:
    """The text with this status and nothing else changed."""
    return _with_field(text, "status", status)


def with_priority(text: str, incident: IncidentView) -> str:
    """The text with the priority that the incident's severity asks for and nothing else changed."""
    return _with_field(text, "priority", incident.severity.value)


# ---------------------------------------------------------------------------------------------- front matter


def _scalar(value: str) -> str:
    line = one_line(value, _TITLE_CHARACTERS)
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", line) and line.lower() not in {
        "yes",
        "no",
        "on",
        "off",
        "y",
        "n",
        "true",
        "false",
        "null",
    }
    # A JSON string is a YAML scalar; characters beyond ASCII stay readable, and `showable` has removed what YAML refuses.
    return line if is_plain else json.dumps(line, ensure_ascii=False)


def _field(text: str, name: str) -> str:
    front_matter = _FRONT_MATTER.match(text)
    found = front_matter and re.search(rf"^{name}:[ \t]*(.*?)[ \t]*\r?$", front_matter["fields"], re.MULTILINE)
    if not found:
        return ""
    value = found.group(1)
    if value.startswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:  # a person's YAML that is not JSON
            return value.strip('"')
    return re.sub(r"\s+#.*$", "", value).strip("'")


def _with_field(text: str, name: str, value: str) -> str:
    front_matter = _FRONT_MATTER.match(text)
    if not front_matter:  # a person removed it; the ticket must still say where it stands
        return f"---\n{name}: {value}\n---\n\n{text}"
    if _field(text, name) == value:
        return text
    fields = front_matter["fields"]
    line = re.compile(rf"^{name}:[^\r\n#]*?(?=[ \t]*(?:#[^\r\n]*)?\r?$)", re.MULTILINE)  # a person's remark stays
    changed = line.sub(f"{name}: {value}", fields, count=1) if line.search(fields) else f"{fields}{name}: {value}\n"
    return text[: front_matter.start("fields")] + changed + text[front_matter.end("fields") :]


def _marker(key: EffectKey) -> str:
    return f"<!-- ingestd: {showable(key).replace('>', '&gt;')} -->"


# ---------------------------------------------------------------------------------------------- the picture


def _picture(incident: IncidentView) -> list[str]:
    blocks = [f"# {incident.id}: {prose(incident.title, _TITLE_CHARACTERS)}"]
    if incident.summary.strip():
        blocks.append(paragraph(incident.summary, _SUMMARY_CHARACTERS))
    blocks.append("\n".join(f"- **{name}:** {value}" for name, value in _facts(incident)))
    blocks.append(f"## Alerts: {incident.firing_count} firing of {incident.alert_count}")
    blocks.extend(_alert(number, alert, incident.summary) for number, alert in enumerate(incident.alerts, 1))
    if incident.alert_count > len(incident.alerts):
        where = f": see {link(incident.url)}" if incident.url else " in ingestd"
        blocks.append(f"… and {incident.alert_count - len(incident.alerts)} more{where}")
    if incident.timeline:
        history = [f"- {instant(line.at)}: {prose(line.text, _VALUE_CHARACTERS)}" for line in incident.timeline]
        blocks.append("## History\n\n" + "\n".join(history))
    return blocks


def _facts(incident: IncidentView) -> list[tuple[str, str]]:
    severity = f"{incident.severity.value} (impact {incident.impact.value}, urgency {incident.urgency.value})"
    facts = [("Severity", severity), ("Since", instant(incident.opened_at))]
    named = (
        ("Category", incident.category),
        ("Team", incident.team),
        ("Rule", incident.rule),
        ("In charge", incident.assignee),
    )
    facts += [(name, prose(value, _VALUE_CHARACTERS)) for name, value in named if value.strip()]
    if incident.acknowledged_by:
        facts.append(("Acknowledged by", prose(incident.acknowledged_by, _VALUE_CHARACTERS)))
    linked = (("Meeting", incident.bridge), ("Runbook", incident.runbook), ("In ingestd", incident.url))
    return facts + [(name, link(url)) for name, url in linked if url.strip()]


def _alert(number: int, alert: AlertView, incident_summary: str) -> str:
    name = prose(alert.name, _TITLE_CHARACTERS) or "an alert without a name"
    state = "firing" if alert.is_firing else "cleared"
    lines = [f"### {number}. {name} ({state})", ""]
    if alert.summary.strip():
        lines += [paragraph(alert.summary, _SUMMARY_CHARACTERS), ""]
    lines.append(f"- since {instant(alert.first_seen_at)}, seen by {prose(alert.source, _VALUE_CHARACTERS)}")
    if alert.cleared_at:
        lines.append(f"- cleared {instant(alert.cleared_at)}")
    if alert.value.strip():
        lines.append(f"- value: {code(alert.value, _VALUE_CHARACTERS)}")
    # Said above, by the alert or by the incident.
    said = {alert.summary.strip(), incident_summary.strip()}
    annotations = {name: text for name, text in alert.annotations.items() if text.strip() not in said}
    for pairs in (alert.labels, annotations):
        shown = list(pairs.items())[:_LABELS_PER_ALERT]
        lines += [f"- {code(pair_name, 100)}: {code(value, _VALUE_CHARACTERS)}" for pair_name, value in shown]
        if len(pairs) > len(shown):
            lines.append(f"- … and {len(pairs) - len(shown)} more")
    lines += [
        f"- {code(link_name, 100)}: {link(url)}" for link_name, url in list(alert.links.items())[:_LABELS_PER_ALERT]
    ]
    return "\n".join(lines)
