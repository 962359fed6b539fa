"""``/calendars/TOKEN.ics``: shifts for whoever knows the address, for calendars to subscribe to. Nothing is changed by it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from aiohttp import web
from sqlalchemy import Connection

from ingestd.calendars.writing import FeedShift, write
from ingestd.core.names import PersonName
from ingestd.core.policy import Policy
from ingestd.core.rota import Schedule, shifts
from ingestd.core.target import PERSON_PREFIX, SCHEDULE_PREFIX
from ingestd.store import feeds, roster
from ingestd.store.feeds import Feed
from ingestd.web.desk import Desk

MONTHS_BACK: Final = 1
MONTHS_AHEAD: Final = 13
SHIFTS_MAX: Final = 3_000
TOKEN_CHARS_MAX: Final = 200
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


async def show_feed(desk: Desk, request: web.Request) -> web.Response:
    """``GET|HEAD /calendars/{token}.ics``: the calendar; 304 if it is the one that the caller has; 404 for any other token."""
    token = request.match_info["token"][:TOKEN_CHARS_MAX]
    now = desk.clock.now()
    found = await desk.database.read(_found, token, desk.policy(), now)
    # A year of hourly shifts takes most of a second: neither the event loop nor those who read the database wait for it.
    body = None if found is None else await asyncio.to_thread(calendar_of, *found, now)
    if body is None:
        desk.metrics.api_refused.labels("feed_unknown").inc()
        headers = {**_HEADERS, "Cache-Control": "no-store"}
        return web.Response(status=404, text="there is no such calendar\n", headers=headers)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {**_HEADERS, "Cache-Control": "private, max-age=300", "ETag": tag}
    known = {one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")}
    if tag in known or "*" in known:
        return web.Response(status=304, headers=headers)
    headers["Content-Disposition"] = 'inline; filename="on-call.ics"'
    return web.Response(body=body, content_type="text/calendar", charset="utf-8", headers=headers)


def _found(connection: Connection, token: str, policy: Policy, now: datetime) -> tuple[Feed, Policy] | None:
    feed = feeds.find(connection, token)
    return None if feed is None else (feed, roster.merge(connection, policy, _month(now, -MONTHS_BACK)))


def calendar_of(feed: Feed, policy: Policy, now: datetime) -> bytes | None:
    """The shifts of a feed, from the beginning of last month to thirteen months ahead; None if there is no such person or schedule now.

    The edges are those of months, so that it is the same calendar all month if nobody changes anything. At most 3,000 shifts.
    """
    begin, end = _month(now, -MONTHS_BACK), _month(now, MONTHS_AHEAD)
    if feed.subject.startswith(PERSON_PREFIX):
        person = policy.people.get(PersonName(feed.subject.removeprefix(PERSON_PREFIX)))
        if person is None:
            return None
        found = [
            one
            for schedule in policy.schedules.values()
            for one in _shifts(schedule, policy, begin, end)
            if one.person == person.name
        ]
        mine = [
            FeedShift(one.schedule, one.person, f"On call: {one.schedule}", one.description, one.starts_at, one.ends_at)
            for one in sorted(found, key=lambda one: (one.starts_at, one.schedule))[:SHIFTS_MAX]
        ]
        return write(f"{person.display_name} on call", str(person.clock), mine, begin)
    schedule = policy.schedules.get(feed.subject.removeprefix(SCHEDULE_PREFIX))
    if schedule is None:
        return None
    return write(
        f"On call: {schedule.name}",
        str(schedule.zone),
        islice(_shifts(schedule, policy, begin, end), SHIFTS_MAX),
        begin,
    )


def _shifts(schedule: Schedule, policy: Policy, begin: datetime, end: datetime) -> Iterator[FeedShift]:
    """Named by the person's own name in ingestd, so that another ingestd could read it back."""
    for one in shifts(schedule, begin, end):
        if one.person is not None:
            person = policy.people.get(one.person)
            full = person.display_name if person is not None else one.person
            yield FeedShift(
                schedule.name,
                one.person,
                one.person,
                f"{full} is on call for {schedule.name}",
                one.starts_at,
                one.ends_at,
            )


def _month(at: datetime, months: int) -> datetime:
    """The beginning of a month, so many months away, in UTC."""
    at = at.astimezone(UTC)
    number = at.year * 12 + at.month - 1 + months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)
