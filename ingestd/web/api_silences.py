"""``/api/v1/silences``: what people want to hear nothing of for a while, and what that reaches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web
from sqlalchemy import Connection

from ingestd.config.problems import did_you_mean
from ingestd.core.effects import Decision
from ingestd.core.matchers import Matcher, MatcherError, parse_matcher, parse_selector
from ingestd.core.safe_text import one_line
from ingestd.core.silence import Silence
from ingestd.core.silencing import SilenceFault
from ingestd.core.watch import Release
from ingestd.store import silence_reach, silences, snapshot
from ingestd.store.silence_reach import Reach
from ingestd.store.silences import SilenceState
from ingestd.telemetry import log_events
from ingestd.web import words
from ingestd.web.access import Caller
from ingestd.web.api_alerts import held_line
from ingestd.web.desk import Desk
from ingestd.web.replies import Refusal, as_json, choice_of, limit_of, read_object
from ingestd.web.silence_request import read_request

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

SCANNED_COUNT_MAX = 5000
"""So many silences are looked at for a list of those that have certain matchers."""
HELD_SHOWN_MAX = 500
SELECTOR_CHARS_MAX = 4000

_CURRENT = {SilenceState.ACTIVE, SilenceState.PENDING}
_STATES: dict[str, set[SilenceState]] = {
    "current": _CURRENT,
    **{state.value: {state} for state in SilenceState},
    "all": set(SilenceState),
}


async def list_silences(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/silences``: the newest first; those that are not over, unless ``state`` says otherwise.

    ``match``: a selector such as ``{alertname="DiskFull"}``. Only silences that have, for each matcher of it, one on the same label
    whose value satisfies it.
    """
    states = choice_of(request, "state", _STATES, default="current")
    asked = _selector(request.query.get("match", ""))
    limit, now = limit_of(request), desk.clock.now()
    found = await desk.database.read(silences.listed, states, now, SCANNED_COUNT_MAX if asked else limit)
    chosen = [one for one in found if _has(one, asked)][:limit]
    return as_json({"silences": [silence_line(one, now) for one in chosen]})


async def show_silence(desk: Desk, _caller: Caller, request: web.Request) -> web.Response:
    """``GET /api/v1/silences/{id}``: what it keeps back now, and what it matches of all that fires."""
    silence_id = _id_of(request)
    found = await desk.database.read(_shown, silence_id, desk.clock.now())
    if found is None:
        raise _no_such_silence(silence_id)
    return as_json(found)


def _shown(connection: Connection, silence_id: str, now: datetime) -> dict[str, Any] | None:
    silence = silences.load(connection, silence_id)
    if silence is None:
        return None
    held = silences.held(connection, silence_id, HELD_SHOWN_MAX)
    return {
        "silence": silence_line(silence, now),
        "held_count": silences.held_count(connection, silence_id),
        "held": [held_line(watch, snapshot.known_of(connection, watch.key)) for watch in held],
        "reach": _reach(silence_reach.reach(connection, silence.matchers)),
    }


async def add_silence(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``POST /api/v1/silences``: 201 with the silence and what it reaches, or 400 with everything that is wrong with it."""
    body, now = await read_object(request), desk.clock.now()
    asked = read_request(body, caller, now)
    if asked.wanted is None:
        return _refused(asked.faults)
    silence = await desk.database.run(silences.add, asked.wanted, now)
    if silence is None:
        text = f"there are {silences.CURRENT_COUNT_MAX} silences that are not over, which is the most"
        raise Refusal(409, text, hint="end some: ingestd silence query, ingestd silence expire; or match more with one")
    log.info(log_events.SILENCE_MADE, silence=silence.id, by=silence.author, until=silence.ends_at.isoformat())
    reach = await desk.database.read(silence_reach.reach, silence.matchers)
    answer = {"silence": silence_line(silence, now), "reach": _reach(reach), "text": _said(silence, reach, now)}
    return as_json(answer, status=201)


async def expire_silence(desk: Desk, caller: Caller, request: web.Request) -> web.Response:
    """``DELETE /api/v1/silences/{id}``: it ends now, and what it kept back is looked at. A second time changes nothing."""
    silence_id, now = _id_of(request), desk.clock.now()
    expired = await desk.database.run(silences.expire, silence_id, now)
    if expired is None:
        raise _no_such_silence(silence_id)
    if expired.is_first:
        desk.after_decision(Decision(releases=(Release(silence_id, now),)))
        log.info(log_events.SILENCE_ENDED, silence=silence_id, by=caller.name, released=expired.released_count)
        count = expired.released_count
        text = f"{silence_id} has ended; it kept back {words.counted(count, 'alert')}" + (
            ", looked at now" if count else ""
        )
    else:
        text = f"{silence_id} was over already, {words.since(expired.silence.ends_at, now)}; nothing changed"
    return as_json(
        {
            "silence": silence_line(expired.silence, now),
            "is_first": expired.is_first,
            "released_count": expired.released_count,
            "text": text,
        }
    )


def silence_line(silence: Silence, now: datetime) -> dict[str, Any]:
    """A silence as the API shows it."""
    return {
        "id": silence.id,
        "state": silences.state_of(silence, now),
        "matchers": silence.matchers,
        "comment": silence.comment,
        "author": silence.author,
        "created_at": silence.created_at,
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
    }


def _reach(reach: Reach) -> dict[str, Any]:
    return {
        "alert_count": reach.alert_count,
        "held_count": reach.held_count,
        "is_partial": reach.is_partial,
        "incidents": [
            {"id": one.id, "state": one.state, "title": one.title, "alert_count": count}
            for one, count in reach.incidents
        ],
        "unknown_labels": [
            {"name": name, "hint": did_you_mean(name, reach.known_names)} for name in reach.unknown_names
        ],
    }


def _said(silence: Silence, reach: Reach, now: datetime) -> str:
    when = "from now" if silence.starts_at <= now else f"from {silence.starts_at:%Y-%m-%d %H:%M} UTC"
    least = "at least " if reach.is_partial else ""
    match = "matches" if reach.alert_count == 1 else "match"
    return (
        f"{silence.id} holds {when} until {silence.ends_at:%Y-%m-%d %H:%M} UTC; {least}{words.counted(reach.alert_count, 'alert')} "
        f"that {'fires' if reach.alert_count == 1 else 'fire'} now {match} it"
    )


def _refused(faults: Sequence[SilenceFault]) -> web.Response:
    problems = [
        {
            "field": fault.field,
            "text": fault.text,
            "hint": fault.hint or did_you_mean(fault.word, fault.known),
            "matcher": one_line(fault.written, 200),
            "offset": fault.offset,
            "length": fault.length,
        }
        for fault in faults
    ]
    said = "; ".join(
        f"{one['field']}: {one['text']}" + (f" (in {one['matcher']})" if one["matcher"] else "") for one in problems
    )
    hint = next((str(one["hint"]) for one in problems if one["hint"]), "")
    return as_json({"error": said, "hint": hint, "problems": problems}, status=400)


def _selector(text: str) -> tuple[Matcher, ...]:
    if not text:
        return ()
    if len(text) > SELECTOR_CHARS_MAX:
        raise Refusal(400, f'"match" may have {SELECTOR_CHARS_MAX} characters')
    try:
        return parse_selector(text)
    except MatcherError as exc:
        hint = exc.hint or did_you_mean(exc.word, exc.known)
        raise Refusal(400, f'"match", character {exc.offset + 1}: {exc}', hint=hint) from None


def _has(silence: Silence, asked: Sequence[Matcher]) -> bool:
    """Whether the silence speaks of what is asked for: its own values are looked at as if they were those of an alert."""
    if not asked:
        return True
    own: dict[str, list[str]] = {}
    for text in silence.matchers:
        matcher = parse_matcher(text)
        own.setdefault(matcher.field.name, []).append(matcher.value)
    return all(any(one.accepts(value) for value in own.get(one.field.name, [""])) for one in asked)


def _id_of(request: web.Request) -> str:
    """``SIL-12`` from that, ``sil-12`` or ``12``."""
    text = one_line(request.match_info["id"], 40).upper()
    return f"SIL-{text}" if text.isascii() and text.isdigit() else text


def _no_such_silence(silence_id: str) -> Refusal:
    hint = "they are forgotten 90 days after their end; see: ingestd silence query --expired"
    return Refusal(404, f"there is no silence {silence_id}", hint=hint)
