"""The daemon itself: its status, probes, metrics, a reload, a test page."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from ingestd.core.names import Channel, PersonName
from ingestd.store import inbox, incidents, migrate, outbox
from ingestd.telemetry.exposition import CONTENT_TYPE, exposition
from ingestd.web.access import Caller
from ingestd.web.calendar_status import calendar_lines
from ingestd.web.desk import Desk
from ingestd.web.replies import SAFE_HEADERS, Refusal, as_json, as_text, read_object, text_field

DATABASE_SECONDS_MAX = 2.0
"""How long the database may take to answer a probe."""


def _counts(connection: Connection) -> dict[str, Any]:
    return {
        "incidents": [
            {"state": state, "severity": severity, "count": count}
            for (state, severity), count in incidents.open_counts(connection).items()
        ],
        "outbox": [
            {"connector": row.connector, "state": row.state, "count": row.count} for row in outbox.counts(connection)
        ],
        "inbox_waiting": inbox.waiting_count(connection),
        "schema_version": migrate.version(connection),
    }


async def show_status(desk: Desk, _caller: Caller, _request: web.Request) -> web.Response:
    """``GET /api/v1/status``: what the daemon says of itself, and how much waits."""
    counts = await desk.database.read(_counts)
    shifts = await desk.database.read(calendar_lines, desk.policy())
    return as_json({**counts, "calendars": shifts, "not_ready": desk.readiness.missing(), **desk.status()})


async def page_for_test(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/pages/test``: whether a person can be reached. Opens no incident."""
    body = await read_object(request)
    person = PersonName(text_field(body, "person"))
    people = desk.policy().people
    if person not in people:
        raise Refusal(
            404, "there is no such person in the configuration", hint=f"there are: {', '.join(sorted(people)[:20])}"
        )
    channel: Channel | None = None
    if body.get("by") is not None:
        word = text_field(body, "by")
        if word not in tuple(Channel):
            raise Refusal(400, f'"by" must be one of: {", ".join(Channel)}')
        channel = Channel(word)
    return as_json({"results": [dict(result) for result in await desk.test_page(person, channel)]})


async def reload(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``POST /-/reload``: take over the configuration on disk, or keep the old one and say why. In words, or as JSON if that is asked for."""
    problems = list(await desk.reload())
    wants_json = "application/json" in request.headers.get("Accept", "")
    if not problems:
        text = "the configuration is in force"
        return as_json({"text": text, "problems": []}) if wants_json else as_text(f"{text}\n")
    sentence = "the configuration on disk was refused: the old one stays in force"
    if wants_json:
        return as_json(
            {"error": sentence, "hint": "mend what problems says, and reload again", "problems": problems}, status=422
        )
    return as_text("\n\n".join([sentence, *problems]) + "\n", status=422)


async def healthy(_desk: Desk, _request: web.Request) -> web.Response:
    """``/-/healthy``: the event loop answers."""
    return as_text("ingestd is healthy\n")


async def ready(desk: Desk, _request: web.Request) -> web.Response:
    """``/-/ready``: 200 when everything stands, else 503 with a line for each thing that does not."""
    missing = [*await _database_missing(desk), *desk.readiness.missing()]
    if not missing:
        return as_text("ingestd is ready\n")
    return as_text("".join(f"not ready: {line}\n" for line in missing), status=503)


async def _database_missing(desk: Desk) -> list[str]:
    try:
        async with asyncio.timeout(DATABASE_SECONDS_MAX):
            version = await desk.database.read(migrate.version)
    except TimeoutError:
        return [f"database: no answer within {DATABASE_SECONDS_MAX:.0f} s"]
    except Exception as error:  # noqa: BLE001 (whatever is wrong with it, the answer is the same)
        return [f"database: cannot be read ({type(error).__name__})"]
    if version is None or version < migrate.SCHEMA_VERSION:
        return [f"database: schema {version or 'none'}, needs {migrate.SCHEMA_VERSION}"]
    return []


async def metrics(desk: Desk, _request: web.Request) -> web.Response:
    """``/metrics`` for Prometheus. Holds names from the configuration and counts, never text of alerts."""
    body = exposition(desk.metrics)
    return web.Response(body=body, headers={**SAFE_HEADERS, "Content-Type": CONTENT_TYPE})
