"""``/api/v1/oncall``: who is on call, now and later, as it holds with what was changed at run time; and where nobody is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web
from sqlalchemy import Connection

from ingestd.config.problems import did_you_mean
from ingestd.core.policy import Policy
from ingestd.core.rota import Schedule
from ingestd.core.rota_gaps import all_gaps
from ingestd.core.safe_text import one_line
from ingestd.store import roster
from ingestd.web.access import Caller
from ingestd.web.desk import Desk
from ingestd.web.oncall_lines import gap_line, oncall_line, shift_lines
from ingestd.web.override_request import instant_of
from ingestd.web.replies import Refusal, as_json

SHOWN: Final = timedelta(days=14)
SHOWN_MAX: Final = timedelta(days=400)
GAPS_SHOWN: Final = timedelta(days=30)


async def list_oncall(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/oncall``: for each schedule who is on call, until when, and who is next; ``at`` another instant than now."""
    at = _instant(request, "at", desk.clock.now())
    names = request.query.getall("schedule", [])
    return as_json({"oncall": await desk.database.read(_oncall, desk.policy(), names, at)})


def _oncall(connection: Connection, policy: Policy, names: list[str], at: datetime) -> list[dict[str, Any]]:
    merged = roster.merge(connection, policy, at)
    return [oncall_line(one, policy.people, at) for one in _chosen(merged, names)]


async def list_shifts(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/oncall/shifts?schedule=NAME``: its shifts from ``from`` (now) to ``to`` (14 days later)."""
    begin = _instant(request, "from", desk.clock.now())
    end = _instant(request, "to", begin + SHOWN)
    _check_stretch(begin, end)
    name = request.query.get("schedule", "")
    return as_json(await desk.database.read(_shifts, desk.policy(), name, begin, end))


def _shifts(connection: Connection, policy: Policy, name: str, begin: datetime, end: datetime) -> dict[str, Any]:
    (schedule,) = _chosen(roster.merge(connection, policy, begin), [name])
    lines = shift_lines(schedule, policy.people, begin, end)
    return {"schedule": schedule.name, "zone": str(schedule.zone), "shifts": lines}


async def list_gaps(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/oncall/gaps``: what is wrong from ``from`` (now) to ``to`` (30 days later); with ``schedule`` of these alone."""
    now = desk.clock.now()
    begin = _instant(request, "from", now)
    end = _instant(request, "to", begin + GAPS_SHOWN)
    _check_stretch(begin, end)
    names = request.query.getall("schedule", [])
    found = await desk.database.read(_gaps, desk.policy(), names, begin, end)
    return as_json({"from": begin, "to": end, "gaps": found})


def _gaps(
    connection: Connection, policy: Policy, names: list[str], begin: datetime, end: datetime
) -> list[dict[str, Any]]:
    merged = roster.merge(connection, policy, begin)
    facts = roster.contact_facts(connection, policy)
    chosen = _chosen(merged, names)
    found = all_gaps(merged, chosen, begin, end, with_policies=not names, facts=facts)
    return [gap_line(one, merged) for one in found]


def _chosen(policy: Policy, names: list[str]) -> list[Schedule]:
    for name in names:
        if name not in policy.schedules:
            raise _no_such_schedule(name, policy)
    return [policy.schedules[name] for name in names or policy.schedules]


def _no_such_schedule(name: str, policy: Policy) -> Refusal:
    """404 with what was meant."""
    shown = one_line(name, 80)
    hint = did_you_mean(shown, policy.schedules) or "see: ingestd oncall who"
    return Refusal(404, f"there is no schedule “{shown}”", hint=hint)


def _instant(request: web.Request, name: str, default: datetime) -> datetime:
    text = request.query.get(name)
    if text is None:
        return default
    at = instant_of(text)
    if at is None:
        raise Refusal(400, f'"{name}" must be an instant with its zone', hint="2026-03-02T02:00:00Z")
    return at


def _check_stretch(begin: datetime, end: datetime) -> None:
    if not begin < end <= begin + SHOWN_MAX:
        raise Refusal(400, f'"to" must be after "from", and within {SHOWN_MAX.days} days')
