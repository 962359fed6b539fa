"""The body that asks for a silence, read with everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import PydanticCustomError

from ingestd.config.problems import did_you_mean
from ingestd.config.quantities import parse_duration
from ingestd.core.safe_text import one_line, plain_block
from ingestd.core.silencing import AUTHOR_CHARS_MAX, COMMENT_CHARS_MAX, SilenceFault, WantedSilence, faults_of
from ingestd.web.access import LOCAL_NAME, Caller

_FIELDS = ("matchers", "comment", "author", "starts_at", "ends_at", "duration")
_INSTANT = "write 2026-03-29T03:30:00Z, with Z or an offset"
_MATCHERS = 'send a list of texts: ["alertname = DiskFull", "env = prod"]'


@dataclass(slots=True)
class SilenceRequest:
    """What was asked for, as far as it can be read. It may be made if ``faults`` is empty; ``wanted`` is there then."""

    wanted: WantedSilence | None = None
    faults: list[SilenceFault] = field(default_factory=list)


def read_request(body: Mapping[str, Any], caller: Caller, now: datetime) -> SilenceRequest:
    """Read ``matchers``, ``comment``, ``ends_at`` or ``duration``, and if they are there ``starts_at`` and ``author``.

    The author is the token's owner. Only who calls from this machine without a token may give a name.
    """
    request = SilenceRequest()
    faults = request.faults
    for name in body:
        if name not in _FIELDS:
            shown = one_line(name, 60)
            faults.append(SilenceFault(shown, "there is no such field", did_you_mean(shown, _FIELDS)))
    matchers = _matchers(body, faults)
    comment = plain_block(_text(body, "comment", faults), COMMENT_CHARS_MAX + 1)
    author = _author(body, caller, faults)
    starts_at = _instant(body, "starts_at", faults)
    ends_at = _end(body, starts_at, now, faults)
    # What could not be read has been told; a stand-in keeps the rest from being told wrongly.
    standing_in = ends_at or max(now, starts_at or now) + timedelta(seconds=1)
    wanted = WantedSilence(matchers or (), comment, author, starts_at, standing_in)
    unread = {fault.field for fault in faults}
    faults.extend(fault for fault in faults_of(wanted, now) if fault.field not in unread)
    if not faults:
        request.wanted = wanted
    return request


def _matchers(body: Mapping[str, Any], faults: list[SilenceFault]) -> tuple[str, ...]:
    value = body.get("matchers")
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        faults.append(SilenceFault("matchers", "matchers are needed, as a list of texts", _MATCHERS))
        return ()
    return tuple(value)


def _text(body: Mapping[str, Any], name: str, faults: list[SilenceFault]) -> str:
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    faults.append(SilenceFault(name, f"the {name} must be a text"))
    return ""


def _author(body: Mapping[str, Any], caller: Caller, faults: list[SilenceFault]) -> str:
    given = one_line(_text(body, "author", faults), AUTHOR_CHARS_MAX + 1).strip()
    if caller.name == LOCAL_NAME:
        return given or caller.name
    if given and given != caller.name:
        hint = f'the author is the token\'s owner, "{caller.name}": leave it out'
        faults.append(SilenceFault("author", "nobody can make a silence in another's name", hint))
    return caller.name


def _instant(body: Mapping[str, Any], name: str, faults: list[SilenceFault]) -> datetime | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or not 1971 <= at.year <= 9000:
        faults.append(SilenceFault(name, "this is not an instant", _INSTANT))
        return None
    return at


def _end(
    body: Mapping[str, Any], starts_at: datetime | None, now: datetime, faults: list[SilenceFault]
) -> datetime | None:
    has_duration = body.get("duration") is not None
    if has_duration == (body.get("ends_at") is not None):
        text = "give an end or a duration, not both" if has_duration else "a silence needs an end"
        faults.append(SilenceFault("ends_at", text, 'send "ends_at", or "duration": "2h"'))
        return None
    if not has_duration:
        return _instant(body, "ends_at", faults)
    try:
        seconds = parse_duration(body["duration"])
        return max(now, starts_at or now) + timedelta(seconds=seconds)
    except PydanticCustomError as exc:
        context = exc.context or {}
        faults.append(SilenceFault("ends_at", str(context.get("text", "")), str(context.get("hint", ""))))
    except OverflowError:
        faults.append(SilenceFault("ends_at", "the calendar ends before that", "write 30m, 2h or 1d"))
    return None
