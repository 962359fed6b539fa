"""Who is paged next and when, or why nobody is, in one sentence."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingestd.core.effects import DeadlineKind
from ingestd.core.incident import Escalation
from ingestd.core.names import IncidentState, PersonName
from ingestd.core.policy import Policy
from ingestd.core.safe_text import one_line
from ingestd.core.target import in_words, people_of, person_named
from ingestd.web import words
from ingestd.web.case import Case

NAMES_MAX = 5


def next_page(case: Case, policy: Policy, now: datetime) -> str:
    """What happens if nobody says anything. ``policy`` as it holds now, with whoever took over a shift."""
    incident = case.incident
    if incident.state is IncidentState.ACKNOWLEDGED:
        expires_at = case.due_at(DeadlineKind.ACK_EXPIRE)
        if expires_at is not None:
            return f"Nobody else is paged. If nothing is heard until {_when(expires_at, now)}, paging begins again."
    if incident.state is not IncidentState.TRIGGERED:
        return "Nobody else is paged."
    if incident.quiet:
        return one_line(f"Nobody is paged: {incident.quiet}.", 200)
    page_at = case.due_at(DeadlineKind.PAGE)
    if page_at is not None:
        return f"Nobody is paged before office hours: {words.clock(page_at, now)}."
    if incident.escalation is None:
        return "Nobody is paged: no policy applies."
    return _next_step(case, incident.escalation, policy, now)


def _next_step(case: Case, escalation: Escalation, policy: Policy, now: datetime) -> str:
    if escalation.is_exhausted:
        return "Every step has run and nobody answered: nobody else is paged."
    if escalation.is_held:
        return "The next page is held back: all alerts have cleared."
    due_at = case.due_at(DeadlineKind.ESCALATE)
    if due_at is None:
        return "Nobody else is paged."
    step = escalation.step_after(due_at)
    targets = step.people if step is not None else escalation.last_resort
    if not targets:
        return f"Nobody is left to page; the last wait ends {words.clock(due_at, now)}."
    again = " again" if step is escalation.step else ""
    last = " (the last resort)" if step is None else ""
    whom = whom_in_words(targets, policy, case.incident.assignee, due_at)
    return f"{whom}{again}{last} at {_when(due_at, now)}, unless somebody acknowledges."


def whom_in_words(targets: tuple[PersonName, ...], policy: Policy, assignee: PersonName | None, at: datetime) -> str:
    """The words of a step as people read them, each with whom it means at an instant: ``Asha Rao, on call on “first-line”``."""
    said = [_target(word, policy, assignee, at) for word in targets[:NAMES_MAX]]
    more = f"; and {len(targets) - NAMES_MAX} more" if len(targets) > NAMES_MAX else ""
    return ("; " if any("," in one for one in said) else ", ").join(said) + more


def _target(word: str, policy: Policy, assignee: PersonName | None, at: datetime) -> str:
    people = people_of(word, policy, assignee, at)
    names = [display_name(name, policy) for name in people[:NAMES_MAX]]
    if person_named(word) is not None:
        return names[0]
    role = in_words(word)
    if not people:
        return f"nobody ({role})"
    if len(people) > 1:
        more = f" and {len(people) - NAMES_MAX} more" if len(people) > NAMES_MAX else ""
        return f"{role} ({', '.join(names)}{more})"
    return f"{names[0]}, {role.removeprefix('whoever is ')}"


def display_name(name: str, policy: Policy) -> str:
    """What a person is called; the key itself if nobody of that name is configured."""
    person = policy.people.get(PersonName(name))
    return one_line(person.display_name if person and person.display_name else name, 60)


def _when(at: datetime, now: datetime) -> str:
    left = at - now
    return f"{words.clock(at, now)} ({f'in {words.duration(left)}' if left > timedelta() else 'now'})"
