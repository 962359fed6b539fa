"""What a text message says: everything that counts in one segment, the number and the link never cut.

Order: severity and number, where, why you, what with its number and since when, how to reply, link. What does not fit goes in this
order: when it escalates, why you, where, how many and since when, how to escalate by reply; then the description is shortened. The code
and the link are whole: only a link that is longer than the segment leaves room for makes a second segment.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final
from urllib.parse import quote, urlsplit

from connectors.sms_pager.gsm7 import PART_SEPTETS, SEGMENT_SEPTETS, is_gsm7, septets, shorten, to_gsm7
from ingestd.core.names import EffectKey
from ingestd.ports import AlertView, IncidentView, PageText

WHAT_MIN: Final = 24
"""Septets of description for which other parts are dropped."""
WORD_PARTS_MAX: Final = 3
"""Segments that a word to a person may take."""
_ASKS: Final = frozenset({"page", "summary"})
"""What asks for an answer."""
_INPUT_MAX: Final = 600
_URL_CHARACTERS: Final = ":/?#[]@!$&'()*+,;=%~"
_SERVICE_LABELS: Final = ("service", "app", "job", "instance")
_PLACE_LABELS: Final = ("env", "environment", "cluster", "namespace")


def compose(text: PageText, key: EffectKey, zone: tzinfo, *, has_link: bool = True) -> str:
    """The message. Never raises, whatever the texts hold; for any purpose that is not known it tells the state."""
    number = marker(text.incident, key)
    if text.purpose == "word":
        return word_of(text.words)
    if text.purpose == "test":
        name = shorten(_clean(text.contact.name or text.contact.person), 40)
        return f"{number if number.startswith('TEST') else f'TEST {number}'}: ingestd reaches {name} by SMS. Nothing is wrong, no answer needed."
    word = "RESOLVED" if text.purpose == "resolved" else str(text.incident.severity).upper()
    level = f" L{text.level}" if text.level > 1 and text.purpose == "page" else ""
    late = f" late {text.delayed_minutes} min" if text.delayed_minutes > 0 else ""
    what = _clean(text.incident.title) or _clean(text.incident.summary) or "no description"
    return _fit(
        head=f"{_TEST if text.incident.is_test else ''}{word} {number}{level}{late}{_also(text)}",
        place="" if text.also_count else _place(text.incident, what),
        reason=shorten(_clean(text.reason), 60) if text.purpose in _ASKS else "",
        what=what,
        facts=_facts(text, zone),
        next_step=_next_step(text, zone),
        reply=_reply_line(text),
        link=_link_line(text, has_link=has_link),
    )


def _also(text: PageText) -> str:
    """`` and 11 more in 15 min:``, where one message tells several incidents; the worst one's title follows."""
    if not text.also_count:
        return ""
    within = f" in {text.window_minutes} min" if text.purpose == "summary" and text.window_minutes else ""
    return f" and {text.also_count} more{within}:"


def word_of(words: str) -> str:
    """A word to one person, which may need several segments: its lines, each in the alphabet."""
    lines = (_clean(line) for line in words[:_INPUT_MAX].splitlines())
    return shorten("\n".join(line for line in lines if line), WORD_PARTS_MAX * PART_SEPTETS) or "?"


def marker(incident: IncidentView, key: EffectKey) -> str:
    """``INC-1042 #3``: what makes this message recognisable, to people and when it is looked up."""
    number = shorten(_clean(incident.id), 24)
    count = key.rpartition("/")[2]
    return f"{number} #{count}" if count.isascii() and count.isdigit() and len(count) <= 6 else number


_TEST = "TEST "
"""What a message about a drill begins with."""


def is_same_page(body: str, text: PageText, key: EffectKey) -> bool:
    """Whether a message that was found says to be this page: same number, same purpose; the rest may have changed since."""
    if text.purpose == "word":
        return body == word_of(text.words)
    first = body.partition("\n")[0]
    if text.incident.is_test:
        if not first.startswith(_TEST):
            return False
        first = first.removeprefix(_TEST)
    word, _, rest = first.partition(" ")
    wanted = {"resolved": "RESOLVED", "test": "TEST"}.get(text.purpose)
    is_purpose = word == wanted if wanted else word not in {"RESOLVED", "TEST"}
    number = marker(text.incident, key)
    return is_purpose and (f"{rest} ".startswith(f"{number} ") or rest.startswith(f"{number}:"))


def sendable_link(url: str) -> str:
    """The link in characters that the alphabet has: as it is if it can be, else percent-encoded and its host in IDNA."""
    if not url or (url.isascii() and is_gsm7(url) and url.isprintable() and " " not in url):
        return url
    try:
        netloc = urlsplit(url).netloc
        url = url.replace(netloc, netloc.encode("idna").decode("ascii"), 1)
    except ValueError:
        pass  # percent-encoded whole: better a link that may not open than a page that does not leave
    return quote(url, safe=_URL_CHARACTERS, errors="replace")


def _fit(*, head: str, place: str, reason: str, what: str, facts: str, next_step: str, reply: str, link: str) -> str:
    def written(what: str) -> str:
        first = f"{head} {place}" if place else head
        third = ", ".join(filter(None, (what, facts, next_step)))
        return "\n".join(filter(None, (first, reason, third, reply, link)))

    # Each round leaves out one more of what can be spared.
    for spared in ("", "next_step", "reason", "place", "facts", "escalate"):
        next_step = "" if spared == "next_step" else next_step
        reason = "" if spared == "reason" else reason
        place = "" if spared == "place" else place
        facts = "" if spared == "facts" else facts
        reply = reply.partition(",")[0] if spared == "escalate" else reply
        room = SEGMENT_SEPTETS - septets(written("x")) + 1
        if room >= min(septets(what), WHAT_MIN):
            return written(shorten(what, room))
    return written(shorten(what, room))


def _facts(text: PageText, zone: tzinfo) -> str:
    incident = text.incident
    if text.purpose == "summary":
        return ""  # how many and how bad they are all together says more
    if text.purpose == "resolved":
        by = shorten(_clean(incident.acknowledged_by), 30)
        over = f"over {_clock(incident.resolved_at, zone)}" if incident.resolved_at else ""
        return ", ".join(filter(None, (over, f"ack by {by}" if by else "")))
    count = f"{incident.firing_count} alerts, " if incident.firing_count > 1 else ""
    return f"{count}since {_clock(incident.opened_at, zone)}"


def _next_step(text: PageText, zone: tzinfo) -> str:
    if text.purpose != "page" or text.next_step_at is None:
        return ""
    return f"next level {_clock(text.next_step_at, zone)}"


def _reply_line(text: PageText) -> str:
    """``Reply 42a ack, 42e escalate``; nothing where replies do not come back."""
    if text.purpose not in _ASKS or not (text.code.isascii() and text.code.isdigit()):
        return ""
    if text.purpose == "summary":
        return f"Reply {text.code}a ack, {text.code}aa ack all"
    return f"Reply {text.code}a ack, {text.code}e escalate"


def _link_line(text: PageText, *, has_link: bool) -> str:
    if text.purpose not in _ASKS:
        return ""
    has_reply = bool(_reply_line(text))
    if has_link and text.link:
        return sendable_link(text.link) if has_reply else f"Ack: {sendable_link(text.link)}"
    return "" if has_reply else "Ack in ingestd"


def _place(incident: IncidentView, what: str) -> str:
    """``card-gateway/prod`` where all alerts agree on it and the description does not say it already."""
    parts = (_agreed(incident.alerts, names) for names in (_SERVICE_LABELS, _PLACE_LABELS))
    return "/".join(part for part in parts if part and part.lower() not in what.lower())


def _agreed(alerts: tuple[AlertView, ...], names: tuple[str, ...]) -> str:
    for name in names:
        values = {alert.labels.get(name, "") for alert in alerts}
        if len(values) == 1 and (value := values.pop()):
            return shorten(_clean(value), 24)
    return ""


def _clock(at: datetime, zone: tzinfo) -> str:
    try:
        here = at.astimezone(zone)
        return to_gsm7(f"{here:%H:%M} {here.tzname()}")
    except (OverflowError, ValueError):  # the first and last hours of the calendar
        return f"{at:%H:%M}"


def _clean(text: str) -> str:
    # Cut first: a megabyte of label must not cost a second.
    return to_gsm7(text[:_INPUT_MAX])
