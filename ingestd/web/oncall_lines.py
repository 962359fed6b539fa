"""Who is on call, in plain values: what the API answers, and what the command line says from a file alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from ingestd.core.effects import DeadlineKind
from ingestd.core.names import PersonName
from ingestd.core.policy import Person, Policy
from ingestd.core.rota import Override, Schedule, is_from_calendar, override_at, present, shifts, who
from ingestd.core.rota_gaps import Gap, words_of
from ingestd.core.target import schedule_of

LOOK_AHEAD: Final = timedelta(days=60)
"""How far the next hand-off is looked for."""

People = Mapping[PersonName, Person]


def oncall_line(schedule: Schedule, people: People, at: datetime) -> dict[str, Any]:
    """Who is on call at an instant, until when, and who is next; ``until`` is None if nothing changes for a long time."""
    shift, following, has_end = present(schedule, at, LOOK_AHEAD)
    return {
        "schedule": schedule.name,
        "zone": str(schedule.zone),
        "at": at,
        "person": shift.person,
        "person_name": _name(shift.person, people),
        "until": shift.ends_at if has_end else None,
        "next": following,
        "next_name": _name(following, people),
        "override": _reason_at(schedule, at),
    }


def shift_lines(schedule: Schedule, people: People, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Every shift, stretches with nobody too."""
    return [
        {
            "from": shift.starts_at,
            "to": shift.ends_at,
            "person": shift.person,
            "person_name": _name(shift.person, people),
            "override": _reason_at(schedule, shift.starts_at),
        }
        for shift in shifts(schedule, begin, end)
    ]


def gap_line(gap: Gap, policy: Policy) -> dict[str, Any]:
    """Something that is wrong with a schedule or a policy; ``zone`` is that of the schedule, or of the first one that the policy pages."""
    plan = policy.escalations.get(gap.name) if gap.name not in policy.schedules else None
    paged = (schedule_of(word) for step in plan.steps for word in step.people) if plan is not None else ()
    first = next((name for name in paged if name in policy.schedules), gap.name)
    schedule = policy.schedules.get(first or gap.name)
    return {
        "kind": gap.kind.value,
        "from": gap.starts_at,
        "to": gap.ends_at,
        "name": gap.name,
        "person": gap.person,
        "levels": list(gap.levels),
        "zone": str(schedule.zone) if schedule is not None else None,
        "text": words_of(gap),
    }


def name_next(answer: dict[str, Any], policy: Policy, now: datetime) -> None:
    """Say in the steps of an explained incident who it is that is on call when the next one is due, as it can be foreseen."""
    incident = answer.get("incident")
    escalation = incident.get("escalation") if isinstance(incident, dict) else None
    if not escalation:
        return
    dues = [one["due_at"] for one in answer.get("deadlines") or () if one.get("kind") == DeadlineKind.ESCALATE]
    at = max([now, *dues])
    for step in escalation["steps"]:
        named = (policy.schedules.get(schedule_of(word) or "") for word in step["people"])
        step["words"] = [
            words if schedule is None else f"{words} ({who(schedule, at) or 'nobody'})"
            for words, schedule in zip(step["words"], named, strict=True)
        ]


def reason_of(override: Override | None) -> str | None:
    """Why an override is there and by whom; None without one."""
    if override is None:
        return None
    return ", ".join(part for part in (override.why or "override", f"by {override.by}" if override.by else "") if part)


def _reason_at(schedule: Schedule, at: datetime) -> str | None:
    return "calendar" if is_from_calendar(schedule, at) else reason_of(override_at(schedule, at))


def _name(person: PersonName | None, people: People) -> str | None:
    known = people.get(person) if person is not None else None
    return known.display_name if known is not None else person
