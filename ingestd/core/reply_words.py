"""What somebody who replied is told: what happened, or who did it first and when, or what could have been meant.

Times are those of the reader's own zone. No line of these is a command to ``core.reply``: robots send back what they get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from ingestd.core.incident import Incident
from ingestd.core.names import IncidentState
from ingestd.core.reply import ReplyAct
from ingestd.core.safe_text import one_line

LISTED_MAX = 4
_SUBJECT_CHARS = 40


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page that waits for an answer, as it is told to whoever asks. ``code`` is 0 where there are no codes."""

    code: int
    incident: Incident


def about(incident: Incident) -> str:
    """``INC-1042 (card-gateway)``: the number and, in short, what it is about."""
    subject = incident.conduct.service or incident.title or incident.rule
    short = one_line(subject, _SUBJECT_CHARS)
    return f"{incident.id} ({short})" if short else str(incident.id)


def done(act: ReplyAct, before: Incident, paged: Sequence[str], zone: tzinfo, now: datetime) -> str:
    """What an answer brought about. ``paged`` is who is paged now."""
    what = about(before)
    if act is ReplyAct.ACKNOWLEDGE:
        if before.conduct.is_test:
            return f"The drill {what} is answered. Thank you, that was all."
        return f"Acknowledged {what}. Pages to others have stopped."
    if act is ReplyAct.RESOLVE:
        return f"Resolved {what}. Everybody who was paged is told."
    if act is ReplyAct.NOTE:
        return f"Your note is on the timeline of {what}."
    if act is ReplyAct.UNACKNOWLEDGE:
        when = clock(before.acknowledged_at, zone, now) if before.acknowledged_at else ""
        whose = f"that {before.acknowledged_by} gave at {when}" if when else f"of {before.acknowledged_by}"
        return f"Taken back: the acknowledgement of {what} {whose}. {_paged(paged)}"
    return f"Escalated {what}. {_paged(paged)}"


def _paged(names: Sequence[str]) -> str:
    if not names:
        return "There is nobody further to page."
    return f"Paged now: {', '.join(names[:LISTED_MAX])}{' and others' if len(names) > LISTED_MAX else ''}."


def late(act: ReplyAct, incident: Incident, by: str, zone: tzinfo, now: datetime) -> str:
    """Why an answer changed nothing: who was first and when, or that it is over."""
    what = about(incident)
    if incident.state is IncidentState.ACKNOWLEDGED:
        when = f" at {clock(incident.acknowledged_at, zone, now)}" if incident.acknowledged_at else ""
        if incident.acknowledged_by == by:
            return f"You have acknowledged {what} already{when}. Nothing changed."
        return f"{incident.acknowledged_by} was first and acknowledged {what}{when}. Nothing changed."
    if incident.state is IncidentState.TRIGGERED:
        word = "acknowledged" if act is ReplyAct.UNACKNOWLEDGE else "changed"
        return f"{what} was not {word}: it waits for an answer. Nothing changed."
    how = f"by {incident.resolved_by}" if incident.resolved_by else "since its alerts cleared"
    when = f" at {clock(incident.resolved_at, zone, now)}" if incident.resolved_at else ""
    return f"{what} is over: resolved {how}{when}. Nothing changed."


def done_for_all(taken: Sequence[Incident], subject: str, left_count: int = 0) -> str:
    """What came of acknowledging all pages of one service; ``left_count`` of them were too many for one reply."""
    short = one_line(subject, _SUBJECT_CHARS)
    if not taken:
        return f"Nothing of {short} waits for you. Nothing changed."
    ids = [str(incident.id) for incident in taken[:LISTED_MAX]]
    more = f" and {len(taken) - LISTED_MAX} more" if len(taken) > LISTED_MAX else ""
    again = f" {left_count} more wait: reply the same again." if left_count else " Pages to others have stopped."
    return f"Acknowledged {len(taken)} of {short}: {', '.join(ids)}{more}.{again}"


def unknown(named: str, pages: Sequence[OpenPage]) -> str:
    """The reply names a page that was not sent there, or is forgotten."""
    return f"{named} is no page of yours. Nothing changed. {listed(pages)}"


def help_for(pages: Sequence[OpenPage], newest: int, *, is_understood: bool) -> str:
    """How to answer, with the code of the newest page that waits, else of the newest one; 0 where there are no codes."""
    code = str((pages[0].code if pages else newest) or "")
    how = f"Reply {code}a to acknowledge, {code}e escalate, {code}c close, {code}u take back, {code}n with a note, {code}aa all of its service."
    return " ".join(filter(None, ("" if is_understood else "Not understood, nothing changed.", how, listed(pages))))


def listed(pages: Sequence[OpenPage]) -> str:
    """Which pages wait for an answer."""
    if not pages:
        return "No page waits for you."
    names = [f"{page.code}: {about(page.incident)}" if page.code else about(page.incident) for page in pages]
    more = f" and {len(pages) - LISTED_MAX} more" if len(pages) > LISTED_MAX else ""
    return f"Open: {', '.join(names[:LISTED_MAX])}{more}."


def clock(at: datetime, zone: tzinfo, now: datetime) -> str:
    """``03:14 CET``, with the day in front unless it is today's; on the reader's clock."""
    here = at.astimezone(zone)
    time = f"{here:%H:%M} {here.tzname()}"
    return time if here.date() == now.astimezone(zone).date() else f"{here.day} {here:%b} {time}"
