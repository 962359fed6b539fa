"""``/api/v1/oncall/overrides`` and ``/swaps``: who takes over for whom, made from anywhere in one step, ended as easily."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Final

import structlog
from aiohttp import web
from sqlalchemy import Connection

from ingestd.core.policy import Policy
from ingestd.core.rota import Shift, on_clock, shifts
from ingestd.core.safe_text import one_line
from ingestd.core.taking_over import OverrideFault
from ingestd.store import overrides, roster
from ingestd.store.overrides import MadeOverride, OverrideState, Swapped
from ingestd.telemetry import log_events
from ingestd.web import words
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.override_request import plain_faults, read_override, read_swap
from ingestd.web.replies import Refusal, as_json, choice_of, limit_of, read_object

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_CURRENT: Final = {OverrideState.ACTIVE, OverrideState.PENDING}
_STATES: Final[Mapping[str, set[OverrideState]]] = {
    "current": _CURRENT,
    **{state.value: {state} for state in OverrideState},
    "all": set(OverrideState),
}
_ID: Final = re.compile(r"(?:OVR-)?([0-9]{1,18})", re.IGNORECASE)


async def list_overrides(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/oncall/overrides``: the newest first; those that are not over, unless ``state`` says otherwise.

    Those of the configuration are not among them: they stand in the shifts of a schedule.
    """
    states = choice_of(request, "state", _STATES, default="current")
    limit, now = limit_of(request), desk.clock.now()
    found = await desk.database.read(overrides.listed, states, request.query.get("schedule"), now, limit)
    return as_json({"overrides": [override_line(one, desk.policy(), now) for one in found]})


async def add_override(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/oncall/overrides``: 201 with the override and what it changes, or 400 with everything that is wrong with it."""
    body, now, policy = await read_object(request), desk.clock.now(), desk.policy()
    wanted = read_override(body, caller, policy, now)
    if isinstance(wanted, list):
        return _refused(wanted)
    made = await desk.database.run(overrides.add, wanted, now)
    if made is None:
        raise _too_many()
    _log_made(made)
    desk.nudge()
    text = f"{_taken(made, policy)} ({made.id})"
    held_back = await desk.database.read(_others_within, made, policy)
    if held_back:
        text += f"; but an override of the configuration wins: {_told(held_back, policy, made.schedule)}"
    return as_json({"override": override_line(made, policy, now), "text": text}, status=201)


async def swap_shifts(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/oncall/swaps``: 201 with the two overrides and the shifts that were exchanged, or 400 with what is wrong."""
    body, now, policy = await read_object(request), desk.clock.now(), desk.policy()
    wanted = read_swap(body, caller, policy, now)
    if isinstance(wanted, list):
        return _refused(wanted)
    swapped = await desk.database.run(overrides.swap, wanted, policy, now)
    if swapped is None:
        raise _too_many()
    if isinstance(swapped, list):
        return _refused(swapped)
    for made in swapped.overrides:
        _log_made(made)
    desk.nudge()
    return as_json(
        {
            "overrides": [override_line(one, policy, now) for one in swapped.overrides],
            "text": _told_swap(swapped, policy),
        },
        status=201,
    )


async def end_override(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``DELETE /api/v1/oncall/overrides/{id}``: it ends now. A second time changes nothing."""
    override_id, now, policy = _id_of(request), desk.clock.now(), desk.policy()
    ended = await desk.database.run(overrides.end, override_id, caller.name, now)
    if ended is None:
        hint = "they are forgotten 90 days after their end; see: ingestd oncall overrides --all"
        raise Refusal(404, f"there is no override {override_id}", hint=hint)
    if ended.is_first:
        log.info(log_events.OVERRIDE_ENDED, override=override_id, schedule=ended.override.schedule, by=caller.name)
        desk.nudge()
        merged = await desk.database.read(roster.effective, policy, now)
        schedule = merged.schedules.get(ended.override.schedule)
        following = shifts(schedule, now, now + overrides.KEPT)[0].person if schedule is not None else None
        text = f"{override_id} has ended; on “{ended.override.schedule}” {following or 'nobody'} is on call now"
    else:
        text = f"{override_id} was over already, {words.since(ended.override.ends_at, now)}; nothing changed"
    line = override_line(ended.override, policy, now)
    return as_json({"override": line, "is_first": ended.is_first, "text": text})


def override_line(made: MadeOverride, policy: Policy, now: datetime) -> dict[str, Any]:
    """An override as the API shows it; times are also told on the clock of its schedule."""
    return {
        "id": made.id,
        "state": overrides.state_of(made, now),
        "schedule": made.schedule,
        "zone": str(_zone(policy, made.schedule)),
        "person": made.person,
        "starts_at": made.starts_at,
        "ends_at": made.ends_at,
        "why": made.why,
        "author": made.author,
        "created_at": made.created_at,
        "ended_by": made.ended_by,
    }


def _others_within(connection: Connection, made: MadeOverride, policy: Policy) -> list[Shift]:
    """Stretches within the override at which somebody else is on call all the same."""
    schedule = roster.merge(connection, policy, made.starts_at).schedules.get(made.schedule)
    if schedule is None:
        return []
    return [one for one in shifts(schedule, made.starts_at, made.ends_at) if one.person != made.person]


def _taken(made: MadeOverride, policy: Policy) -> str:
    return (
        f"{made.person} is on call on “{made.schedule}” {_stretch(made.starts_at, made.ends_at, policy, made.schedule)}"
    )


def _told(found: Sequence[Shift], policy: Policy, schedule: str) -> str:
    return "; ".join(
        f"{one.person or 'nobody'} {_stretch(one.starts_at, one.ends_at, policy, schedule)}" for one in found[:3]
    )


def _told_swap(swapped: Swapped, policy: Policy) -> str:
    lines = [
        f"{made.person} takes the shift of {shift.person} on “{made.schedule}” "
        f"{_stretch(made.starts_at, made.ends_at, policy, made.schedule)} ({made.id})"
        for made, shift in zip(swapped.overrides, (swapped.first, swapped.second), strict=True)
    ]
    return "; ".join(lines)


def _stretch(begin: datetime, end: datetime, policy: Policy, schedule: str) -> str:
    zone = _zone(policy, schedule)
    return f"from {on_clock(begin, zone)} until {on_clock(end, zone)}"


def _zone(policy: Policy, schedule: str) -> tzinfo:
    known = policy.schedules.get(schedule)
    return known.zone if known is not None else UTC


def _log_made(made: MadeOverride) -> None:
    log.info(
        log_events.OVERRIDE_MADE,
        override=made.id,
        schedule=made.schedule,
        person=made.person,
        by=made.author,
        starts_at=made.starts_at.isoformat(),
        ends_at=made.ends_at.isoformat(),
        why=made.why,
    )


def _refused(faults: Sequence[OverrideFault]) -> web.Response:
    problems = plain_faults(faults)
    said = "; ".join(f"{one['field']}: {one['text']}" for one in problems)
    hint = next((one["hint"] for one in problems if one["hint"]), "")
    return as_json({"error": said, "hint": hint, "problems": problems}, status=400)


def _too_many() -> Refusal:
    text = f"there are {overrides.CURRENT_COUNT_MAX} overrides that are not over, which is the most"
    return Refusal(
        409, text, hint="end some: ingestd oncall overrides, ingestd oncall end; or write them into the file"
    )


def _id_of(request: web.Request) -> str:
    """``OVR-12`` from that, ``ovr-12`` or ``12``."""
    text = one_line(request.match_info["id"], 40)
    found = _ID.fullmatch(text.strip())
    return f"OVR-{int(found[1])}" if found else text
