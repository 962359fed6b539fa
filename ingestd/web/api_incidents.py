"""``/api/v1/incidents``: what is going on, and what people say to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from ingestd.config.problems import did_you_mean
from ingestd.core.answers import level_of
from ingestd.core.incident import Incident
from ingestd.core.names import IncidentId, IncidentState, PersonName
from ingestd.core.safe_text import one_line, plain_block
from ingestd.core.target import ASSIGNEE, PERSON_PREFIX, is_known
from ingestd.store import incidents
from ingestd.store.answers import Answer, AnswerAction
from ingestd.web import answering, case, plain
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.replies import NOTE_CHARS_MAX, Refusal, as_json, choice_of, limit_of, read_object, text_field

BY_CHARS_MAX = 80
TO_CHARS_MAX = 100
_WITH_RECEIVER = frozenset({AnswerAction.HAND_OVER, AnswerAction.ASSIGN})
_WITH_REASON = frozenset({AnswerAction.ESCALATE, *_WITH_RECEIVER})
_STATES: dict[str, tuple[IncidentState, ...] | None] = {
    "open": (IncidentState.TRIGGERED, IncidentState.ACKNOWLEDGED),
    **{state.value: (state,) for state in IncidentState},
    "all": None,
}


def _listed(connection: Connection, states: Sequence[IncidentState] | None, limit: int) -> list[dict[str, Any]]:
    found = incidents.listed(connection, states=states, limit=limit)
    return [plain.incident_line(incident, case.ticket_of(connection, incident)) for incident in found]


def _about(connection: Connection, dedup_key: str, correlate_key: str) -> list[dict[str, Any]]:
    found = incidents.live_about(connection, dedup_key, correlate_key)
    return [plain.incident_line(incident, case.ticket_of(connection, incident)) for incident in found]


async def list_incidents(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/incidents``: the newest first, open ones unless ``state`` says otherwise.

    With ``dedup_key`` or ``correlate_key``: those that are not closed and share one of them, the oldest first.
    """
    keys = [request.query.get(name, "") for name in ("dedup_key", "correlate_key")]
    if any(keys):
        return as_json({"incidents": await desk.database.read(_about, *keys)})
    states = choice_of(request, "state", _STATES, default="open")
    found = await desk.database.read(_listed, states, limit_of(request))
    return as_json({"incidents": found})


async def show_incident(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/incidents/{id}``: everything about one."""
    incident_id = incident_id_of(request)
    found = await desk.database.read(case.load, incident_id)
    if found is None:
        raise no_such_incident(incident_id)
    return as_json(
        {
            "incident": plain.incident_whole(found, desk.external_url),
            "alerts": [plain.alert(member) for member in found.members],
            "timeline": [plain.line(entry) for entry in found.lines],
            "deliveries": [plain.delivery(row) for row in found.deliveries],
            "deadlines": [{"kind": due.kind, "due_at": due.due_at} for due in found.deadlines],
            "tickets": [plain.ticket(row) for row in found.tickets],
        }
    )


async def acknowledge(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST .../ack``: paging stops. The second one changes nothing and reads who was first."""
    return await _answer(desk, caller, request, AnswerAction.ACKNOWLEDGE)


async def resolve(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST .../resolve``: it is over, whatever its alerts say."""
    return await _answer(desk, caller, request, AnswerAction.RESOLVE)


async def note(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST .../note``: a line for the timeline and the ticket."""
    return await _answer(desk, caller, request, AnswerAction.NOTE)


async def unacknowledge(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST .../unack``: as if nobody had acknowledged; paging begins anew."""
    return await _answer(desk, caller, request, AnswerAction.UNACKNOWLEDGE)


async def escalate(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST .../escalate``: the next level is paged now, with the reason (``text``)."""
    return await _answer(desk, caller, request, AnswerAction.ESCALATE)


async def hand_over(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST .../handover``: ``to`` a level (L3), schedule:NAME, team:NAME or a person; they are paged with the whole timeline."""
    return await _answer(desk, caller, request, AnswerAction.HAND_OVER)


async def assign(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST .../assign``: ``to`` is in charge from now on, and is told."""
    return await _answer(desk, caller, request, AnswerAction.ASSIGN)


def _receiver(desk: Desk, action: AnswerAction, to: str) -> str:
    """To whom it goes; refused if there is no such person, level, schedule or team."""
    policy = desk.policy()
    if action is AnswerAction.ASSIGN:
        name = to.removeprefix(PERSON_PREFIX)
        if PersonName(name) not in policy.people:
            raise Refusal(400, f"there is no person {to!r}", hint=did_you_mean(name, policy.people))
        return name
    if level_of(to) is None and (to == ASSIGNEE or not is_known(to, policy)):
        known = ["L2", "L3", *policy.people, *(f"schedule:{one}" for one in policy.schedules)]
        known += [f"team:{name}" for name, team in policy.teams.items() if team.members]
        raise Refusal(400, f"there is nobody called {to!r} to hand over to", hint=did_you_mean(to, known))
    return to


def _check_level(to: str, incident: Incident | None) -> None:
    """Refuse a level that the incident's escalation does not have: nobody would be paged by it."""
    escalation = incident.escalation if incident is not None else None
    level = level_of(to)
    if escalation is None or level is None:
        return
    known = sorted({step.level or number for number, step in enumerate(escalation.steps, start=1)})
    if level not in known:
        hint = f"its levels: {', '.join(f'L{one}' for one in known)}"
        raise Refusal(400, f"there is no level {to} in policy “{escalation.policy_name}”", hint=hint)


async def _answer(desk: Desk, caller: Caller, request: web.Request, action: AnswerAction) -> web.Response:
    body = await read_object(request)
    via = text_field(body, "via", default="api")
    if via not in {"api", "cli"}:
        raise Refusal(400, '"via" must be one of: api, cli')
    by = one_line(text_field(body, "by", default=caller.name), BY_CHARS_MAX) or caller.name
    text = ""
    if action is AnswerAction.NOTE or (action in _WITH_REASON and body.get("text")):
        text = plain_block(text_field(body, "text"), NOTE_CHARS_MAX)
    to = _receiver(desk, action, one_line(text_field(body, "to"), TO_CHARS_MAX)) if action in _WITH_RECEIVER else ""
    incident_id = incident_id_of(request)
    if action is AnswerAction.HAND_OVER:
        _check_level(to, await desk.database.read(incidents.load, incident_id))
    told = await answering.give(desk, Answer(incident_id, action, by, via, text, to))
    if told is None:
        raise no_such_incident(incident_id)
    return as_json(
        {"incident": told.incident.id, "state": told.incident.state, "is_first": told.is_first, "text": told.text}
    )


def incident_id_of(request: web.Request) -> IncidentId:
    """The incident that the path names: ``INC-1042``, ``inc-1042`` or ``1042``."""
    text = one_line(request.match_info["id"], 40).upper()
    return IncidentId(f"INC-{text}" if text.isascii() and text.isdigit() else text)


def no_such_incident(incident_id: IncidentId) -> Refusal:
    """The answer to an id that nothing has."""
    return Refusal(404, f"there is no incident {incident_id}", hint="see: ingestd incident list --state all")
