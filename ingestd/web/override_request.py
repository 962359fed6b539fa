"""The bodies that ask for an override and for a swap, read with everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic_core import PydanticCustomError

from ingestd.config.problems import did_you_mean
from ingestd.config.quantities import parse_duration
from ingestd.core.names import PersonName
from ingestd.core.policy import Policy
from ingestd.core.safe_text import one_line
from ingestd.core.taking_over import (
    AUTHOR_CHARS_MAX,
    WHY_CHARS_MAX,
    OverrideFault,
    WantedOverride,
    WantedSwap,
    faults_of,
    faults_of_swap,
)
from ingestd.web.access import LOCAL_NAME, Caller

_OVERRIDE_FIELDS: Final = ("schedule", "person", "starts_at", "ends_at", "duration", "why", "author")
_SWAP_FIELDS: Final = ("schedule", "one", "other", "starts_at", "why", "author")
_INSTANT: Final = "write 2026-03-29T03:30:00Z, with Z or an offset"
_NAME_CHARS_MAX: Final = 80


def read_override(
    body: Mapping[str, Any], caller: Caller, policy: Policy, now: datetime
) -> WantedOverride | list[OverrideFault]:
    """Read ``schedule``, ``person``, ``ends_at`` or ``duration``, and if they are there ``starts_at``, ``why`` and ``author``.

    The author is the token's owner. Only who calls from this machine without a token may give a name.
    """
    faults = _strangers(body, _OVERRIDE_FIELDS)
    schedule = _needed(body, "schedule", faults)
    person = PersonName(_needed(body, "person", faults))
    why = one_line(_text(body, "why", faults), WHY_CHARS_MAX + 1).strip()
    author = _author(body, caller, faults)
    starts_at = _instant(body, "starts_at", faults)
    ends_at = _end(body, starts_at, now, faults)
    # What could not be read has been told; a stand-in keeps the rest from being told wrongly.
    standing_in = ends_at or max(now, starts_at or now) + timedelta(seconds=1)
    wanted = WantedOverride(schedule, person, starts_at, standing_in, why, author)
    return _with_more(faults, faults_of(wanted, policy, now)) or wanted


def read_swap(
    body: Mapping[str, Any], caller: Caller, policy: Policy, now: datetime
) -> WantedSwap | list[OverrideFault]:
    """Read ``schedule``, ``one`` and ``other``, and if they are there ``starts_at`` (now), ``why`` and ``author``."""
    faults = _strangers(body, _SWAP_FIELDS)
    schedule = _needed(body, "schedule", faults)
    one, other = PersonName(_needed(body, "one", faults)), PersonName(_needed(body, "other", faults))
    why = one_line(_text(body, "why", faults), WHY_CHARS_MAX + 1).strip()
    author = _author(body, caller, faults)
    starts_at = _instant(body, "starts_at", faults) or now
    wanted = WantedSwap(schedule, one, other, starts_at, why, author)
    return _with_more(faults, faults_of_swap(wanted, policy, now)) or wanted


def plain_faults(faults: Sequence[OverrideFault]) -> list[dict[str, str]]:
    """What is wrong, with what was meant where a name is not known."""
    return [
        {"field": one.field, "text": one.text, "hint": one.hint or did_you_mean(one.word, one.known)} for one in faults
    ]


def _with_more(read: list[OverrideFault], judged: list[OverrideFault]) -> list[OverrideFault]:
    told = {fault.field for fault in read}
    return [*read, *(fault for fault in judged if fault.field not in told)]


def _strangers(body: Mapping[str, Any], fields: Sequence[str]) -> list[OverrideFault]:
    shown = [one_line(name, 60) for name in body if name not in fields]
    return [OverrideFault(name, "there is no such field", did_you_mean(name, fields)) for name in shown]


def _needed(body: Mapping[str, Any], name: str, faults: list[OverrideFault]) -> str:
    value = one_line(_text(body, name, faults), _NAME_CHARS_MAX).strip()
    if not value and all(fault.field != name for fault in faults):
        faults.append(OverrideFault(name, "this is needed"))
    return value


def _text(body: Mapping[str, Any], name: str, faults: list[OverrideFault]) -> str:
    value = body.get(name)
    if value is None or isinstance(value, str):
        return value or ""
    faults.append(OverrideFault(name, "this must be a text"))
    return ""


def _author(body: Mapping[str, Any], caller: Caller, faults: list[OverrideFault]) -> str:
    given = one_line(_text(body, "author", faults), AUTHOR_CHARS_MAX + 1).strip()
    if caller.name == LOCAL_NAME:
        return given or caller.name
    if given and given != caller.name:
        hint = f'the author is the token\'s owner, "{caller.name}": leave it out'
        faults.append(OverrideFault("author", "nobody can make an override in another's name", hint))
    return caller.name


def _instant(body: Mapping[str, Any], name: str, faults: list[OverrideFault]) -> datetime | None:
    value = body.get(name)
    if value is None:
        return None
    at = instant_of(value)
    if at is None:
        faults.append(OverrideFault(name, "this is not an instant", _INSTANT))
    return at


def instant_of(value: object) -> datetime | None:
    """The aware instant that a text stands for; None for anything else."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None and 1971 <= at.year <= 9000 else None


def _end(
    body: Mapping[str, Any], starts_at: datetime | None, now: datetime, faults: list[OverrideFault]
) -> datetime | None:
    has_duration = body.get("duration") is not None
    if has_duration == (body.get("ends_at") is not None):
        text = "give an end or a duration, not both" if has_duration else "an override needs an end"
        faults.append(OverrideFault("ends_at", text, 'send "ends_at", or "duration": "4h"'))
        return None
    if not has_duration:
        return _instant(body, "ends_at", faults)
    try:
        return max(now, starts_at or now) + timedelta(seconds=parse_duration(body["duration"]))
    except PydanticCustomError as exc:
        context = exc.context or {}
        faults.append(OverrideFault("ends_at", str(context.get("text", "")), str(context.get("hint", ""))))
    except OverflowError:
        faults.append(OverrideFault("ends_at", "the calendar ends before that", "write 30m, 4h or 1d"))
    return None
