"""``/api/v1/oncall/feeds``: secret addresses under which calendars find somebody's shifts, or those of a schedule."""

from __future__ import annotations

from typing import Any

import structlog
from aiohttp import web

from ingestd.config.problems import did_you_mean
from ingestd.core.policy import Policy
from ingestd.core.safe_text import one_line
from ingestd.core.target import PERSON_PREFIX, SCHEDULE_PREFIX
from ingestd.store import feeds
from ingestd.store.feeds import Feed
from ingestd.telemetry import log_events
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.replies import Refusal, as_json, read_object, text_field

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def list_feeds(desk: Desk, _caller: Caller, _request: web.Request) -> web.Response:
    """``GET /api/v1/oncall/feeds``: all of them, the newest first, without their addresses, which are not known any more."""
    return as_json({"feeds": [_line(one) for one in await desk.database.read(feeds.listed)]})


async def add_feed(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/oncall/feeds`` with ``{"subject": "person:asha"}``: 201 with the address, which is told this once."""
    subject = _subject(text_field(await read_object(request), "subject"), desk.policy())
    token = desk.new_token()
    feed = Feed(feeds.hash_of(token), subject, caller.name, desk.clock.now())
    if not await desk.database.run(feeds.add, feed):
        text = f"there are {feeds.FEEDS_MAX} feeds, which is the most"
        raise Refusal(409, text, hint="revoke some: ingestd oncall feed list, ingestd oncall feed revoke ID")
    log.info(log_events.FEED_MADE, feed=feed.id, subject=subject, by=caller.name)
    hint = "" if desk.external_url else "put the daemon's own address before it: server.external_url is not set"
    url = f"{desk.external_url}/calendars/{token}.ics"
    return as_json({"feed": _line(feed), "url": url, "hint": hint}, status=201)


async def revoke_feed(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``DELETE /api/v1/oncall/feeds/{id}``: its address leads nowhere from now on."""
    feed_id = one_line(request.match_info["id"], 40).lower()
    feed = await desk.database.run(feeds.revoke, feed_id)
    if feed is None:
        raise Refusal(404, f"there is no feed {feed_id}", hint="they are listed by: ingestd oncall feed list")
    log.info(log_events.FEED_REVOKED, feed=feed.id, subject=feed.subject, by=caller.name)
    return as_json({"feed": _line(feed), "text": f"the address of {feed.id} ({feed.subject}) leads nowhere now"})


def _subject(text: str, policy: Policy) -> str:
    text = one_line(text, 100)
    for prefix, known in ((PERSON_PREFIX, policy.people), (SCHEDULE_PREFIX, policy.schedules)):
        if text.startswith(prefix):
            name = text.removeprefix(prefix)
            names = {str(one) for one in known}
            if name not in names:
                raise Refusal(404, f'there is no {prefix[:-1]} "{name}"', hint=did_you_mean(name, names))
            return text
    raise Refusal(400, f'"{text}" is neither a person nor a schedule', hint="write person:asha or schedule:first-line")


def _line(feed: Feed) -> dict[str, Any]:
    return {"id": feed.id, "subject": feed.subject, "author": feed.author, "created_at": feed.created_at}
