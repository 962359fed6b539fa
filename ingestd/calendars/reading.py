"""What an iCalendar text means: every event within a stretch of time, with its recurrences worked out.

The libraries that do it follow whatever rule they are given, one that fires every second since 1970 included. So the daemon calls this
in a process of its own, which can be ended: see ``expansion``.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

import recurring_ical_events
from icalendar import Calendar, Component
from icalendar.prop import vDDDTypes

from ingestd.calendars.entries import TEXT_CHARS_MAX, TEXTS_BYTES_MAX, CalendarRefused, Entry, Fault, Reading
from ingestd.calendars.vetting import checked_text, wrong_with
from ingestd.core.safe_text import one_line
from ingestd.core.windows import instant_of

OCCURRENCES_MAX: Final = 5_000
FAULTS_MAX: Final = 100


def read(body: bytes, begin: datetime, end: datetime, zone: tzinfo) -> Reading:
    """Every occurrence that lies in [begin, end), if only in part. Days, and times without a zone, are on the clock of ``zone``.

    Cancelled events do not count. Raises ``CalendarRefused``. May take very long for a calendar that means harm.
    """
    faults: list[Fault] = []
    entries: set[Entry] = set()
    for calendar in _parse(checked_text(body)):
        usable: list[Component] = []
        for component in calendar.subcomponents:
            text = wrong_with(component) if component.name == "VEVENT" else ""
            if text:
                faults.append(_fault(component, text))
            else:
                usable.append(component)
        calendar.subcomponents = usable
        for event in _occurrences(calendar, begin, end):
            found = _entry(event, zone)
            if isinstance(found, Fault):
                faults.append(found)
            elif found is not None and found.starts_at < end and found.ends_at > begin:
                entries.add(found)
    if len(entries) > OCCURRENCES_MAX:
        span = f"from {begin:%Y-%m-%d} to {end:%Y-%m-%d}"
        raise CalendarRefused(f"it has {len(entries)} events {span}, and {OCCURRENCES_MAX} are the most")
    if sum(len(f"{one.uid}{one.title}".encode()) for one in entries) > TEXTS_BYTES_MAX:
        raise CalendarRefused(f"its UIDs and titles are longer than {TEXTS_BYTES_MAX >> 20} MiB together")
    ordered = sorted(entries, key=lambda one: (one.starts_at, one.ends_at, one.title, one.uid))
    return Reading(tuple(ordered), tuple(dict.fromkeys(faults))[:FAULTS_MAX])


def _parse(text: str) -> list[Any]:
    try:
        return list(Calendar.from_ical(text, multiple=True))
    except Exception as error:  # noqa: BLE001 (the library raises of every kind, and what it cannot read is refused)
        raise CalendarRefused(f"it cannot be read: {_said(error)}") from None


def _occurrences(calendar: Any, begin: datetime, end: datetime) -> list[Any]:  # noqa: ANN401 (a component has every kind of property)
    # A day more on each side: a day, or a time without a zone, is another instant elsewhere.
    margin = timedelta(days=1)
    try:
        return list(recurring_ical_events.of(calendar).between(begin - margin, end + margin))
    except Exception as error:  # noqa: BLE001 (see above)
        raise CalendarRefused(f"its recurrences cannot be worked out: {_said(error)}") from None


def _said(error: Exception) -> str:
    return one_line(str(error), TEXT_CHARS_MAX) or type(error).__name__


def _entry(event: Any, zone: tzinfo) -> Entry | Fault | None:  # noqa: ANN401 (see _occurrences)
    """What an occurrence stands for; None if it was cancelled."""
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return None
    title = one_line(str(event.get("SUMMARY", "")), TEXT_CHARS_MAX)
    if not title:
        return _fault(event, "it has no title: nobody knows whom it names")
    starts_at, ends_at = (_instant(event[name].dt, zone) for name in ("DTSTART", "DTEND"))
    if ends_at <= starts_at:
        return _fault(event, "it ends when it begins, or before")
    return Entry(one_line(str(event.get("UID", "")), TEXT_CHARS_MAX), title, starts_at, ends_at)


def _instant(at: date, zone: tzinfo) -> datetime:
    if not isinstance(at, datetime):
        return instant_of(datetime.combine(at, time.min), zone)
    return at.astimezone(UTC) if at.tzinfo is not None else instant_of(at, zone)


def _fault(event: Any, text: str) -> Fault:  # noqa: ANN401 (see _occurrences)
    start = event.get("DTSTART")
    on = f"{start.dt:%Y-%m-%d}" if isinstance(start, vDDDTypes) and isinstance(start.dt, date) else ""
    return Fault(one_line(str(event.get("UID", "")), TEXT_CHARS_MAX), on, text)
