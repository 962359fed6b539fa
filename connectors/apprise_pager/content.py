"""What a chat message says, before it is a card or text: every form is made from the same content.

The order follows what somebody needs who reads two lines of it on a locked phone: what, since when, who has it, then the links.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final
from urllib.parse import urlsplit

from ingestd.chat import ChatTone
from ingestd.core.names import IncidentState, Severity
from ingestd.core.safe_text import one_line, plain_block
from ingestd.ports import IncidentView, PageText

_URL_MAX: Final = 1000
_UNSAFE_IN_URL: Final = frozenset("<>|\"'\\^`{} ()")
ALSO_SHOWN_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Content:
    """All text of a message, free of control characters; links are ``http`` or ``https``."""

    title: str
    lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    tone: ChatTone


def content_of(text: PageText, zone: tzinfo, *, is_room: bool, room_for: float = 1.0) -> Content:
    """The content for any purpose; one that is not known is told as a post. ``room_for`` below 1 makes every text shorter.

    The acknowledge link is one person's: a message for a room (``is_room``, or a ``post``) never holds it.
    """
    if text.purpose == "word":
        return _word(text, room_for)
    if text.purpose == "test":
        return _test(text)
    incident = text.incident
    title = f"{_label(text)} {one_line(incident.id, 40)}: {_title(incident, room_for)}"
    if text.purpose == "summary":
        title = f"{_label(text)} {text.also_count + 1} incidents, the worst: {title.partition(' ')[2]}"
    if incident.is_test:
        title = f"TEST {title}"
    return Content(
        title=one_line(title, 250),
        lines=tuple(one_line(line, int(300 * room_for)) for line in _lines(text, zone, room_for) if line),
        facts=tuple((name, one_line(value, int(200 * room_for))) for name, value in _facts(text) if value),
        links=_links(text, is_room=is_room),
        tone=_tone(text),
    )


def _title(incident: IncidentView, room_for: float) -> str:
    chars = int(150 * room_for)
    return one_line(incident.title, chars) or one_line(incident.summary, chars) or "an incident without a title"


def _label(text: PageText) -> str:
    state = text.incident.state
    severity = str(text.incident.severity).upper()
    if text.purpose == "resolved" or (text.purpose == "post" and not state.is_open):
        return "RESOLVED"
    if text.purpose == "post" and state is IncidentState.ACKNOWLEDGED:
        return f"ACKNOWLEDGED {severity}"
    return severity


def _tone(text: PageText) -> ChatTone:
    if text.purpose == "resolved" or not text.incident.state.is_open:
        return ChatTone.GOOD
    return ChatTone.BAD if text.incident.severity in {Severity.CRITICAL, Severity.HIGH} else ChatTone.WARNING


def _word(text: PageText, room_for: float) -> Content:
    first, _, rest = plain_block(text.words.strip(), int(3000 * room_for)).partition("\n")
    lines = tuple(line for line in (one_line(part, 500) for part in rest.split("\n")[:30]) if line)
    return Content(one_line(first, 250) or "A word from ingestd", lines, (), (), ChatTone.PLAIN)


def _test(text: PageText) -> Content:
    name = one_line(text.contact.name, 80) or one_line(text.contact.person, 80)
    lines = ("Nothing is wrong. Somebody tests whether messages arrive here. No answer is needed.",)
    return Content(f"TEST: ingestd reaches {name} by chat", lines, (), (), ChatTone.PLAIN)


def _lines(text: PageText, zone: tzinfo, room_for: float) -> list[str]:
    incident = text.incident
    began = clock(incident.opened_at, zone, text.sent_at)
    late = f"This message is {text.delayed_minutes} min late." if text.delayed_minutes > 0 else ""
    reason = one_line(text.reason, 200)
    if text.purpose == "resolved" or not incident.state.is_open:
        end = incident.resolved_at or text.sent_at
        lasted = f", lasted {duration(end - incident.opened_at)}" if end else ""
        return [_sentence(reason), f"It began at {began}{lasted}.", late]
    count = f"{incident.firing_count} of {incident.alert_count} alerts firing"
    lines = [f"{'Firing' if incident.alert_count == 1 else count} since {began}.", _sentence(reason), late]
    if text.purpose == "page" and text.level > 1:
        lines[1] = f"Level {text.level}. {lines[1]}".strip()
    if text.purpose == "summary":
        within = f" within {text.window_minutes} min" if text.window_minutes else ""
        lines.append(f"{text.also_count} more incidents{within}:")
        lines += [_also(one, room_for) for one in text.also[:ALSO_SHOWN_MAX]]
        hidden = text.also_count - min(len(text.also), ALSO_SHOWN_MAX)
        lines.append(f"and {hidden} more" if hidden > 0 else "")
    if incident.state is IncidentState.TRIGGERED and text.next_step_at is not None:
        lines.append(f"If nobody answers, the next level is paged at {clock(text.next_step_at, zone, text.sent_at)}.")
    return lines


def _also(incident: IncidentView, room_for: float) -> str:
    return f"{str(incident.severity).upper()} {one_line(incident.id, 40)}: {_title(incident, room_for)}"


def _facts(text: PageText) -> list[tuple[str, str]]:
    incident = text.incident
    paged = [one_line(words, 60) for words in text.earlier[:8]]
    more = f" and {len(text.earlier) - 8} more" if len(text.earlier) > 8 else ""
    acknowledged = one_line(incident.acknowledged_by, 60)
    return [
        ("State", incident.state.value),
        ("Severity", incident.severity.value),
        ("Team", incident.team),
        ("In charge", one_line(incident.assignee, 60) or ("nobody yet" if incident.state.is_open else "")),
        ("Acknowledged", f"by {acknowledged}" if acknowledged else ""),
        ("Paged", ", ".join(paged) + more),
    ]


def _links(text: PageText, *, is_room: bool) -> tuple[tuple[str, str], ...]:
    incident = text.incident
    is_personal = not is_room and text.purpose in {"page", "summary"}
    named = (
        ("Acknowledge", text.link if is_personal else ""),
        ("Incident", incident.url),
        ("Ticket", incident.ticket_url),
        ("Runbook", incident.runbook),
        ("Join the meeting", incident.bridge),
    )
    return tuple((name, url) for name, written in named if (url := web_link(written)))


def web_link(url: str) -> str:
    """The URL if it is one that a reader may follow, else nothing: whole, ASCII, and without what a card would take for its own."""
    if not url or len(url) > _URL_MAX or not url.isascii() or not url.isprintable() or set(url) & _UNSAFE_IN_URL:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:  # such as an unclosed bracket of an IPv6 host
        return ""
    return url if parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc else ""


def clock(at: datetime, zone: tzinfo, beside: datetime | None) -> str:
    """``03:09 CET``; with the date in front unless it is the day of ``beside``."""
    try:
        here = at.astimezone(zone)
        is_same_day = beside is not None and beside.astimezone(zone).date() == here.date()
    except (OverflowError, ValueError):  # the first and last hours of the calendar, which some senders use for "never"
        return at.replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")
    return f"{here:%H:%M} {here.tzname()}" if is_same_day else f"{here:%Y-%m-%d %H:%M} {here.tzname()}"


def duration(span: timedelta) -> str:
    """``36 min`` or ``2 h 05 min``; never negative."""
    minutes = max(0, round(span.total_seconds() / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _sentence(words: str) -> str:
    if not words:
        return ""
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith(('.', '…')) else '.'}"
