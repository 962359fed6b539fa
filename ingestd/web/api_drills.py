"""``/api/v1/drills``: whether a page reaches somebody who answers, tried from end to end."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ingestd.config.problems import did_you_mean
from ingestd.core.drill import DrillOrder
from ingestd.core.safe_text import one_line
from ingestd.store import drills
from ingestd.store.drills import Drill
from ingestd.web.access import Caller
from ingestd.web.api_incidents import BY_CHARS_MAX
from ingestd.web.desk import Desk
from ingestd.web.replies import Refusal, as_json, read_object, text_field

_RUNNING_MAX = 20


async def begin_drill(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/drills``: pages by ``policy`` as in earnest, marked TEST; gives the drill's id before anybody is paged."""
    body = await read_object(request)
    name = text_field(body, "policy")
    known = desk.policy().escalations
    if name not in known:
        hint = did_you_mean(name, known) or f"there are: {', '.join(sorted(known)[:20])}"
        raise Refusal(404, f"there is no policy {one_line(name, BY_CHARS_MAX)!r}", hint=hint)
    by = one_line(text_field(body, "by", default=caller.name), BY_CHARS_MAX) or caller.name
    has_ticket = body.get("ticket", False)
    if not isinstance(has_ticket, bool):
        raise Refusal(400, '"ticket" must be true or false')
    running = await desk.database.read(drills.running)
    if any(one.policy == name for one in running) or len(running) >= _RUNNING_MAX:
        which = next((one.incident_id for one in running if one.policy == name), "")
        raise Refusal(409, "a drill of this policy runs already", hint=f"wait for its end, or acknowledge {which}")
    envelope = desk.new_envelope()
    order = DrillOrder(f"by-hand/{envelope}", name, by, has_ticket)
    await desk.database.run(drills.begin, order, envelope, desk.clock.now())
    desk.nudge()
    return as_json({"id": order.id, "envelope": envelope, "policy": name}, status=202)


async def show_drill(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/drills?id=...``: how far a drill has come; its incident says the rest. Without ``id``: those that run."""
    wanted = request.query.get("id")
    if wanted is None:
        return as_json({"drills": [_plain(one) for one in await desk.database.read(drills.running)]})
    found = await desk.database.read(drills.load, wanted)
    if found is None:
        raise Refusal(404, "there is no such drill")
    return as_json({"drill": _plain(found)})


def _plain(drill: Drill) -> dict[str, Any]:
    return {
        "id": drill.id,
        "policy": drill.policy,
        "author": drill.author,
        "started_at": drill.started_at,
        "incident_id": drill.incident_id,
        "is_scheduled": drill.is_scheduled,
        "ended_at": drill.ended_at,
        "result": drill.result,
    }
