"""Whether a calendar and its events can be used at all, before anything is worked out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

from ingestd.calendars.entries import BYTES_MAX, TEXT_CHARS_MAX, CalendarRefused
from ingestd.core.safe_text import one_line

COMPONENTS_MAX: Final = 20_000
EVENTS_MAX: Final = 5_000
_FREQUENCIES: Final = frozenset({"HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_TIMES: Final = ("DTSTART", "DTEND", "RECURRENCE-ID")
_END: Final = re.compile(r"^END:VCALENDAR\s*\Z", re.IGNORECASE | re.MULTILINE)
_BEGIN: Final = re.compile(r"^BEGIN:(\S+)", re.IGNORECASE | re.MULTILINE)


def checked_text(body: bytes) -> str:
    """The text of a calendar file. Raises ``CalendarRefused`` for what is none, is cut off or is too large."""
    if len(body) > BYTES_MAX:
        raise CalendarRefused(f"it is larger than {BYTES_MAX >> 20} MiB")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CalendarRefused("it is not UTF-8 text") from None
    kinds = [kind.upper() for kind in _BEGIN.findall(text)]
    if kinds[:1] != ["VCALENDAR"]:
        raise CalendarRefused("it is no iCalendar: it does not begin with BEGIN:VCALENDAR")
    if not _END.search(text):
        raise CalendarRefused("it is cut off: it does not end with END:VCALENDAR")
    if len(kinds) > COMPONENTS_MAX or kinds.count("VEVENT") > EVENTS_MAX:
        raise CalendarRefused(f"it has more than {EVENTS_MAX} events")
    return text


def wrong_with(event: Any) -> str:  # noqa: ANN401 (a component has every kind of property)
    """Why an event cannot be used; empty if it can. What the parser could not read it has dropped: a rule, then, would be none."""
    if event.errors:
        name, text = event.errors[0]
        what = f"its {name}" if name else "a line of it"
        return f"{what} cannot be read: {one_line(str(text), TEXT_CHARS_MAX)}"
    return _wrong_times(event) or next(filter(None, map(_wrong_rule, _rules(event))), "")


def _wrong_times(event: Any) -> str:  # noqa: ANN401 (see wrong_with)
    for name in _TIMES:
        given = event.get(name)
        if isinstance(given, list):
            return f"it has more than one {name}"
        zone = given.params.get("TZID") if given is not None else None
        if zone and isinstance(given.dt, datetime) and given.dt.tzinfo is None:
            return f'its time zone "{one_line(str(zone), 60)}" is not known, and the calendar does not say what it is'
    if "DTSTART" not in event:
        return "it has no start"
    start = event["DTSTART"].dt
    if "DTEND" in event:
        return _wrong_end(start, event["DTEND"].dt)
    return "it has no end" if "DURATION" not in event and isinstance(start, datetime) else ""


def _wrong_end(start: date, end: date) -> str:
    """The library turns an event round that ends before it begins."""
    if isinstance(start, datetime) != isinstance(end, datetime):
        return "its start and its end are not both days, or both times"
    if isinstance(start, datetime) and isinstance(end, datetime) and (start.tzinfo is None) != (end.tzinfo is None):
        return "its start and its end are not both in a zone"
    return "it ends when it begins, or before" if end <= start else ""


def _wrong_rule(rule: Any) -> str:  # noqa: ANN401 (see wrong_with)
    frequency = str((rule.get("FREQ") or [""])[0]).upper()
    if frequency not in _FREQUENCIES:
        return f"it recurs {frequency or 'in no known way'}: no shift does"
    if len(rule.get("BYSECOND") or ()) > 1 or len(rule.get("BYMINUTE") or ()) > 1:
        return "it recurs several times an hour: no shift does"
    return ""


def _rules(event: Any) -> Iterator[Any]:  # noqa: ANN401 (see wrong_with)
    for name in ("RRULE", "EXRULE"):
        given = event.get(name)
        yield from given if isinstance(given, list) else [given] if given is not None else []
