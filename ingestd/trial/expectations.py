"""What a test expects, compared with what came of its history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from ingestd.config.rule_test_model import ExpectModel
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, IncidentId
from ingestd.core.ruleset import Classification
from ingestd.trial.rehearsal import Asked, Rehearsal

_VALUE_CHARS_MAX: Final = 400


@dataclass(frozen=True, slots=True)
class Difference:
    """A key whose value is not the expected one. ``remark`` tells more of the actual value and may be empty."""

    key: str
    expected: object
    actual: object
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a history stands: the incident that was touched last, and what the rules said last; None if there is none."""

    rehearsal: Rehearsal
    began_at: datetime
    incident_id: IncidentId | None

    @property
    def incident(self) -> Incident | None:
        """The incident as it is now."""
        return self.rehearsal.incidents.get(self.incident_id) if self.incident_id else None

    @property
    def label(self) -> Classification | None:
        """Of the last alert that was news."""
        return self.rehearsal.asked[-1].label if self.rehearsal.asked else None


_OF_LABEL: Final[dict[str, Callable[[Classification], object]]] = {
    "rule": lambda label: label.rule,
    "category": lambda label: label.category,
    "team": lambda label: label.team,
    "title": lambda label: label.title,
    "summary": lambda label: label.summary,
    "runbook": lambda label: label.runbook,
    "dedup_key": lambda label: label.dedup_key,
    "correlate_key": lambda label: label.correlate_key,
    "ticket": lambda label: label.ticket.connector if label.ticket else None,
    "page": lambda label: label.policy,
}
_OF_ASKED: Final[dict[str, Callable[[Asked], object]]] = {
    "held": lambda asked: asked.restraint.reason if asked.restraint else None,
    "held_by": lambda asked: asked.restraint.by if asked.restraint else "",
    "maintenance": lambda asked: asked.window or None,
}
_OF_INCIDENT: Final[dict[str, Callable[[Incident], object]]] = {"state": lambda incident: incident.state.value}
# Where no incident has opened (yet), what the rules said: else nobody could say how bad an alert is that is held or only monitored.
_OF_EITHER: Final[dict[str, Callable[[Incident | Classification], object]]] = {
    "severity": lambda either: either.severity.value,
    "impact": lambda either: either.impact.value,
    "urgency": lambda either: either.urgency.value,
}


def differences(expect: ExpectModel, standing: Standing) -> list[Difference]:
    """Every key that was written and does not hold, in the order of the keys; empty if all hold."""
    found = []
    for key in type(expect).model_fields:
        if key not in expect.model_fields_set:
            continue
        expected = getattr(expect, key)
        actual = _actual(key, expected, standing)
        if actual != expected:
            found.append(Difference(key, _plain(expected), _plain(actual), _remark(key, standing)))
    return found


def facts(standing: Standing) -> dict[str, object]:
    """Everything that can be expected, as it is: the same keys, in the same order."""
    return {key: _plain(_actual(key, (), standing)) for key in ExpectModel.model_fields}


def text_of(value: object) -> str:
    """A value as an author would write it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    text = str(value)
    is_plain = text.isprintable() and text == text.strip() and text not in {"", "none"}
    shown = text if is_plain else json.dumps(text, ensure_ascii=not text.replace("\n", "").isprintable())
    return shown if len(shown) <= _VALUE_CHARS_MAX else f"{shown[:_VALUE_CHARS_MAX]}…"


def since(began_at: datetime, at: datetime) -> str:
    """``at once``, ``after 5m`` or ``after 1h30m``: how long a history had run."""
    seconds = int((at - began_at) / timedelta(seconds=1))
    return f"after {lasting(seconds)}" if seconds > 0 else "at once"


def lasting(seconds: int) -> str:
    """A duration as an author would write it: ``1h30m``."""
    parts = ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))
    words = []
    for size, unit in parts:
        count, seconds = divmod(seconds, size)
        words.append(f"{count}{unit}" if count else "")
    return "".join(words) or "0s"


def _actual(key: str, expected: object, standing: Standing) -> object:
    if key in _OF_LABEL:
        return _OF_LABEL[key](standing.label) if standing.label else None
    if key in _OF_ASKED:
        return _OF_ASKED[key](standing.rehearsal.asked[-1]) if standing.rehearsal.asked else None
    if key == "parent":
        parent = standing.incident.parent_id if standing.incident else None
        return standing.rehearsal.incidents[parent].rule if parent in standing.rehearsal.incidents else None
    if key in _OF_EITHER:
        either = standing.incident or standing.label
        return _OF_EITHER[key](either) if either else None
    if key in _OF_INCIDENT:
        return _OF_INCIDENT[key](standing.incident) if standing.incident else None
    if key == "incidents":
        return len(standing.rehearsal.incidents)
    if key == "tickets":
        return len(standing.rehearsal.done(EffectKind.TICKET_OPEN))
    assert key == "pages", f"nothing says how {key} is compared"
    people = tuple(str(page.delivery.person) for page in standing.rehearsal.done(EffectKind.PAGE))
    return people if isinstance(expected, tuple) else len(people)


def _remark(key: str, standing: Standing) -> str:
    if key != "pages":
        return ""
    return ", ".join(
        f"{page.delivery.person} by {page.delivery.channel} {since(standing.began_at, page.at)}"
        for page in standing.rehearsal.done(EffectKind.PAGE)
    )


def _plain(value: Any) -> object:  # noqa: ANN401 (the value of any key)
    """The value as JSON has it."""
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, StrEnum) else value
