"""A running escalation as it is stored: how far it has come, and its copy of the policy. What older releases left out has its default."""

from __future__ import annotations

import json
from datetime import tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from ingestd.core.incident import Escalation
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Profile, Step
from ingestd.core.windows import OneOff, TimeWindow
from ingestd.store.columns import compact, instant_from, microseconds_of

_RANGES = ("weekdays", "days_of_month", "months", "years", "times")
_PLAIN = (
    "policy_name",
    "ruleset_version",
    "loop_count",
    "step_index",
    "loops_done",
    "is_held",
    "is_exhausted",
    "repeats_done",
    "policy_version",
    "ack_expires_seconds",
    "has_tried",
)


class EscalationJson(TypeDecorator[Escalation]):
    """A running escalation with its copy of the policy."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Escalation | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """To JSON."""
        if value is None:
            return None
        plain: dict[str, Any] = {name: getattr(value, name) for name in _PLAIN}
        plain["steps"] = [_plain_step(step) for step in value.steps]
        plain["paged"] = [[person, str(channel)] for person, channel in value.paged]
        plain["tried"] = [[person, str(channel)] for person, channel in value.tried]
        plain["unreached"] = list(value.unreached)
        plain["last_resort"] = list(value.last_resort)
        if value.on_call is not None:
            plain["on_call"] = list(value.on_call)
        return compact(plain)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Escalation | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """From JSON."""
        if value is None:
            return None
        plain = json.loads(value)
        plain["steps"] = tuple(_step(step) for step in plain["steps"])
        for name in ("paged", "tried"):
            plain[name] = tuple((PersonName(person), Channel(channel)) for person, channel in plain.get(name, ()))
        for name in ("unreached", "last_resort"):
            plain[name] = _names(plain.get(name, ()))
        if "on_call" in plain:
            plain["on_call"] = _names(plain["on_call"])
        return Escalation(**plain)


def _names(words: list[str]) -> tuple[PersonName, ...]:
    return tuple(PersonName(word) for word in words)


def _plain_step(step: Step) -> list[Any]:
    plain = [list(step.people), step.wait_seconds]
    rest: dict[str, Any] = {}
    if step.repeat_count != 1:
        rest["repeat_count"] = step.repeat_count
    if step.level:
        rest["level"] = step.level
    if step.profile is not Profile.AUTO:
        rest["profile"] = step.profile.value
    if step.only is not None:
        rest["only"] = _plain_window(step.only)
    return [*plain, rest] if rest else plain


def _step(plain: list[Any]) -> Step:
    people, wait_seconds, *more = plain
    rest = dict(more[0]) if more else {}
    if "profile" in rest:
        rest["profile"] = Profile(rest["profile"])
    if "only" in rest:
        rest["only"] = _window(rest["only"])
    return Step(_names(people), wait_seconds, **rest)


def _plain_window(window: TimeWindow | OneOff) -> dict[str, Any]:
    if isinstance(window, OneOff):
        return {"from": microseconds_of(window.starts_at), "to": microseconds_of(window.ends_at)}
    ranges = {name: [list(one) for one in getattr(window, name)] for name in _RANGES if getattr(window, name)}
    return {"zone": _zone_name(window.zone), **ranges}


def _window(plain: dict[str, Any]) -> TimeWindow | OneOff:
    if "zone" not in plain:
        return OneOff(instant_from(plain["from"]), instant_from(plain["to"]))
    ranges = {name: tuple((first, last) for first, last in plain.get(name, ())) for name in _RANGES}
    return TimeWindow(ZoneInfo(plain["zone"]), **ranges)


def _zone_name(zone: tzinfo) -> str:
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"
