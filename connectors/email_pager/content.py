"""What a mail says, before it is text or HTML: both parts are made from the same content, so they cannot differ.

The order follows what a person who was just woken needs: what, since when, who else knows and until when, how to answer,
runbook, links, history, labels. The opening alone is enough to decide; phones show no more of a mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from connectors.email_pager.safe_text import clock, duration, lines_of, one_line, sentence, web_link
from connectors.email_pager.settings import AckInEmail
from ingestd.ports import AlertView, IncidentView, PageText

TITLE_MAX: Final = 150
ALERTS_MAX: Final = 10
LABELS_MAX: Final = 40
TIMELINE_MAX: Final = 5
LINKS_MAX: Final = 20
WORD_LINES_MAX: Final = 60
WORD_WIDTH_MAX: Final = 500
LETTER_CHARS_MAX: Final = 10_000
ASKS: Final = frozenset({"page", "summary"})
"""What asks for an answer."""
_ID_MAX: Final = 40
_LINK_NAMES: Final = ("dashboard", "panel", "silence", "generator", "runbook")


@dataclass(frozen=True, slots=True)
class Line:
    """One line; ``url`` is empty or a link that is safe to follow."""

    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its lines, at least one."""

    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Content:
    """All text of a mail, each piece on one line and free of control characters."""

    subject: str
    headline: str
    situation: str
    action: Line
    sections: tuple[Section, ...]
    letter: tuple[str, ...] = ()
    """The lines of a letter, blank ones among them. It stands in place of everything but the subject."""


def content_of(text: PageText, zone: tzinfo, ack_in_email: AckInEmail) -> Content:
    """The content for any purpose; one that is not known is told as an update that needs no answer."""
    if text.purpose == "word":
        return _word_alone(text)
    if text.purpose == "answer":
        return _letter(text)
    incident = text.incident
    number = one_line(incident.id, _ID_MAX)
    title = (
        one_line(incident.title, TITLE_MAX) or one_line(incident.summary, TITLE_MAX) or "an incident without a title"
    )
    word = f"TEST {_word(text)}" if incident.is_test else _word(text)
    if text.purpose == "test":
        return _test(text, number)
    more = f" and {text.also_count} more" if text.also_count else ""
    sections = (
        _reply(text),
        _also(text),
        _what(incident, title),
        _who(text, zone),
        _meeting(incident),
        _runbook(incident),
        _links(incident),
        _timeline(text, zone),
        *_alerts(incident, zone),
    )
    return Content(
        subject=f"[{word}] {title} ({number}{more})",
        headline=f"{word} {number}{more}: {title}",
        situation=_situation(text, zone),
        action=_action(text, ack_in_email, number),
        sections=tuple(section for section in sections if section.lines),
    )


def _word(text: PageText) -> str:
    if text.purpose == "resolved":
        return "RESOLVED"
    return str(text.incident.severity).upper()


def _also(text: PageText) -> Section:
    """The other incidents that the same mail tells, the worst first."""
    within = f" within {text.window_minutes} min" if text.purpose == "summary" and text.window_minutes else ""
    lines = [Line(_listed(one), web_link(one.url)) for one in text.also]
    if text.also_count > len(lines):
        lines.append(Line(f"and {text.also_count - len(lines)} more, not shown here."))
    return Section(f"Together with this one{within}", tuple(lines) if text.also_count else ())


def _listed(incident: IncidentView) -> str:
    title = one_line(incident.title, TITLE_MAX) or "without a title"
    return f"{str(incident.severity).upper()} {one_line(incident.id, _ID_MAX)}: {title}"


def _word_alone(text: PageText) -> Content:
    """A word to one person: its first line is the subject, and no answer is asked for."""
    lines = lines_of(text.words, count=WORD_LINES_MAX, width=WORD_WIDTH_MAX) or ["A word from ingestd"]
    page = web_link(text.incident.url)
    rest = Section("Further", tuple(Line(line) for line in lines[2:]))
    return Content(
        subject=one_line(lines[0], TITLE_MAX),
        headline=lines[0],
        situation=lines[1] if len(lines) > 1 else "",
        action=Line("Details:", page) if page else Line(""),
        sections=(rest,) if rest.lines else (),
    )


def _letter(text: PageText) -> Content:
    """What somebody outside is told: the words as they are, and nothing of the incident but its number in the subject."""
    lines = tuple(one_line(line, WORD_WIDTH_MAX) for line in text.words[:LETTER_CHARS_MAX].splitlines())
    subject = one_line(text.subject, TITLE_MAX) or one_line(text.incident.id, _ID_MAX)
    return Content(subject=subject, headline="", situation="", action=Line(""), sections=(), letter=lines or (subject,))


def _reply(text: PageText) -> Section:
    """How the mail itself can be answered, where that comes back."""
    if not text.reply_token or text.purpose not in ASKS:
        return Section("Answer this mail", ())
    words = "The first line of your answer may say: ack, escalate, close or unack. Anything else becomes a note."
    return Section("Answer this mail", (Line(words),))


def _test(text: PageText, number: str) -> Content:
    name = one_line(text.contact.name, 80) or one_line(text.contact.person, 80)
    return Content(
        subject=f"[TEST] ingestd reaches you by email ({number})",
        headline=f"{number if number.startswith('TEST') else f'TEST {number}'}: ingestd reaches {name} by email".replace(
            "  ", " "
        ),
        situation="Nothing is wrong. Somebody tests whether pages by email arrive.",
        action=Line("No answer is needed."),
        sections=(),
    )


def _situation(text: PageText, zone: tzinfo) -> str:
    incident = text.incident
    is_single = incident.alert_count == 1
    began = clock(incident.opened_at, zone, beside=text.sent_at)
    late = f"This mail is {text.delayed_minutes} min late" if text.delayed_minutes > 0 else ""
    if text.purpose == "resolved":
        over = "The alert is over" if is_single else f"All {incident.alert_count} alerts are over"
        end = incident.resolved_at or text.sent_at
        lasted = f"It lasted {duration(end - incident.opened_at)}" if end else ""
        return sentence((over, lasted, f"It began at {began}", _acknowledged(text, zone), late))
    count = "Firing" if is_single else f"{incident.firing_count} of {_alerts_counted(incident.alert_count)} firing"
    return sentence(
        (f"{count} since {began}", late, _level_and_reason(text), _escalates(text, zone), _acknowledged(text, zone))
    )


def _alerts_counted(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


def _level_and_reason(text: PageText) -> str:
    reason = one_line(text.reason, 150)
    if text.level > 1:
        return f"Level {text.level}: {reason}" if reason else f"You are level {text.level}"
    return reason[:1].upper() + reason[1:]


def _escalates(text: PageText, zone: tzinfo) -> str:
    if text.purpose not in ASKS or text.next_step_at is None:
        return ""
    return f"If nobody answers, the next level is paged at {clock(text.next_step_at, zone, beside=text.sent_at)}"


def _acknowledged(text: PageText, zone: tzinfo) -> str:
    incident = text.incident
    if not incident.acknowledged_by:
        return ""
    at = f" at {clock(incident.acknowledged_at, zone, beside=text.sent_at)}" if incident.acknowledged_at else ""
    return f"Acknowledged by {one_line(incident.acknowledged_by, 80)}{at}"


def _action(text: PageText, ack_in_email: AckInEmail, number: str) -> Line:
    page = web_link(text.incident.url)
    if text.purpose not in ASKS:
        return Line("Details:", page) if page else Line("No answer is needed.")
    link = web_link(text.link)
    if link and ack_in_email == "link":
        return Line("Acknowledge:", link)
    if page and ack_in_email != "off":
        return Line("Open and acknowledge:", page)
    return Line(f"Acknowledge on the server: ingestd incident ack {number}")


def _what(incident: IncidentView, title: str) -> Section:
    summary = [line for line in lines_of(incident.summary, count=12, width=300) if line != title]
    facts = [
        f"{name}: {one_line(value, 120)}"
        for name, value in (
            ("Impact", f"{incident.impact}, urgency: {incident.urgency}, severity: {incident.severity}"),
            ("Category", incident.category),
            ("Team", incident.team),
            ("In charge", incident.assignee),
            ("Rule", incident.rule),
        )
        if value
    ]
    return Section("What", tuple(Line(line) for line in (*summary, *facts)))


def _who(text: PageText, zone: tzinfo) -> Section:
    lines = [one_line(words, 200) for words in text.earlier[:10]]
    if len(text.earlier) > 10:
        lines.append(f"and {len(text.earlier) - 10} more")
    if not lines and text.purpose in ASKS:
        lines.append("Nobody before you.")
    lines.append(_escalates(text, zone))
    return Section("Who was paged", tuple(Line(line) for line in lines if line))


def _meeting(incident: IncidentView) -> Section:
    link = web_link(incident.bridge)
    return Section("Meeting", (Line("Join:", link),) if link else ())


def _runbook(incident: IncidentView) -> Section:
    link = web_link(incident.runbook)
    words = "" if link else one_line(incident.runbook, 300)
    return Section("Runbook", (Line(words, link),) if link or words else ())


def _links(incident: IncidentView) -> Section:
    lines = [Line(name, web_link(url)) for name, url in (("Incident", incident.url), ("Ticket", incident.ticket_url))]
    lines += [
        Line(name.capitalize(), web_link(alert.links.get(name, "")))
        for name in _LINK_NAMES
        for alert in incident.alerts
    ]
    known = {web_link(incident.runbook), web_link(incident.bridge), ""}
    distinct = {line.url: line for line in reversed(lines) if line.url not in known}
    return Section("Links", tuple(reversed(distinct.values()))[:LINKS_MAX])


def _timeline(text: PageText, zone: tzinfo) -> Section:
    last = text.incident.timeline[-TIMELINE_MAX:]
    lines = (Line(f"{clock(line.at, zone, beside=text.sent_at)}  {one_line(line.text, 200)}") for line in last)
    return Section("Last on the timeline", tuple(lines))


def _alerts(incident: IncidentView, zone: tzinfo) -> list[Section]:
    sections = [Section(_alert_heading(alert), _alert_lines(alert, zone)) for alert in incident.alerts[:ALERTS_MAX]]
    hidden = incident.alert_count - len(sections)
    if sections and hidden > 0:
        sections.append(Section("Further alerts", (Line(f"{_alerts_counted(hidden)} more, not shown here."),)))
    return sections


def _alert_heading(alert: AlertView) -> str:
    return f"Alert {one_line(alert.name, 120) or 'without a name'} ({'firing' if alert.is_firing else 'over'})"


def _alert_lines(alert: AlertView, zone: tzinfo) -> tuple[Line, ...]:
    lines = [one_line(alert.summary, 300), f"value: {one_line(alert.value, 100)}" if alert.value else ""]
    seen = f"first seen {clock(alert.first_seen_at, zone)} from {one_line(alert.source, 80)}"
    cleared = f", over {clock(alert.cleared_at, zone)}" if alert.cleared_at else ""
    lines.append(seen + cleared)
    labels = sorted(alert.labels.items())
    lines += [f"{one_line(name, 100)} = {one_line(value, 300)}" for name, value in labels[:LABELS_MAX]]
    if len(labels) > LABELS_MAX:
        lines.append(f"and {len(labels) - LABELS_MAX} more labels")
    return tuple(Line(line) for line in lines if line)
