"""What follows from a person's word on an incident: taken, given back, handed on, over. Each is one function from incident to incident.

Whoever is second changes nothing and reads who was first. An answer after the end changes nothing and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ingestd.core import assignment, escalation, lifecycle, paging, rooms
from ingestd.core.draft import Draft, Snapshot
from ingestd.core.effects import DeadlineKind, Decision, DropReason, PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, IncidentId, IncidentState, PersonName
from ingestd.core.policy import Policy
from ingestd.core.target import in_words, people_of


class AnswerAction(StrEnum):
    """What a person can tell the daemon about an incident."""

    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    RESOLVE = "resolve"
    NOTE = "note"
    ESCALATE = "escalate"
    HAND_OVER = "hand-over"
    ASSIGN = "assign"


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's word. ``via`` is how it came: ``link``, ``api``, ``cli``, ``sms``, ``email``.

    ``text`` is the note, or why it is escalated, handed over or assigned. ``to`` is whom it goes to: for a hand-over a level (``L3``) or a
    word as in a step of a policy (``schedule:db``, ``team:payments``, ``asha``), for an assignment a person.
    """

    incident_id: IncidentId
    action: AnswerAction
    by: str
    via: str
    text: str = ""
    to: str = ""


def decide_answer(answer: Answer, incident: Incident, policy: Policy, now: datetime) -> Decision:
    """What follows from a person's word."""
    draft = Draft(Snapshot(incidents={incident.id: incident}), now)
    incident = _act(draft, answer, incident, policy)
    if incident.state is IncidentState.ACKNOWLEDGED:
        # Whatever somebody says of it shows that it is not forgotten.
        _await_news(draft, incident)
    return draft.finish()


def _act(draft: Draft, answer: Answer, incident: Incident, policy: Policy) -> Incident:
    if answer.action is AnswerAction.NOTE:
        text = f"note by {answer.by}: {answer.text}"
        draft.note(incident, "note", text, reason=answer.via, actor=answer.by, for_ticket=True)
        return lifecycle.comment_ticket(draft, incident, policy)
    if answer.action is AnswerAction.ACKNOWLEDGE:
        return _acknowledge(draft, answer, incident, policy)
    if not incident.state.is_open:
        text = f"{answer.by}: {answer.action} by {answer.via} while {incident.state}: nothing changed"
        if answer.action is AnswerAction.RESOLVE:
            text = f"{answer.by} resolved by {answer.via} while {incident.state}: nothing changed"
        draft.note(incident, "answer", text, reason="answered_late", actor=answer.by)
        return incident
    if answer.action is AnswerAction.RESOLVE:
        return lifecycle.resolve(draft, incident, policy, by=answer.by)
    if answer.action is AnswerAction.UNACKNOWLEDGE:
        return _take_back(draft, answer, incident, policy)
    if answer.action is AnswerAction.ESCALATE:
        return _escalate(draft, answer, incident, policy)
    if answer.action is AnswerAction.HAND_OVER:
        return _hand_over(draft, answer, incident, policy)
    name = PersonName(answer.to)
    incident = assignment.assign_by_hand(draft, incident, name, policy, by=answer.by, via=answer.via, why=answer.text)
    return lifecycle.comment_ticket(draft, incident, policy)


def _acknowledge(draft: Draft, answer: Answer, incident: Incident, policy: Policy) -> Incident:
    was_triggered = incident.state is IncidentState.TRIGGERED
    incident = lifecycle.acknowledge(draft, incident, by=answer.by, via=answer.via)
    if not was_triggered:
        return incident
    if incident.assignee is None and PersonName(answer.by) in policy.people:
        incident = draft.put_incident(replace(incident, assignee=PersonName(answer.by)))
    if incident.conduct.is_test:
        draft.note(incident, "drill", f"the drill was answered by {answer.by}", reason="answered", actor=answer.by)
        return lifecycle.resolve(draft, incident, policy, by=answer.by)
    incident = rooms.post(draft, incident, policy, f"acknowledged by {answer.by}")
    return lifecycle.comment_ticket(draft, incident, policy)


def _take_back(draft: Draft, answer: Answer, incident: Incident, policy: Policy) -> Incident:
    """It was not meant, or it was not me: as if nobody had acknowledged, and paging begins anew."""
    if incident.state is not IncidentState.ACKNOWLEDGED:
        text = f"{answer.by} took an acknowledgement back while {incident.state}: nothing changed"
        draft.note(incident, "answer", text, reason="answered_late", actor=answer.by)
        return incident
    text = f"{answer.by} took the acknowledgement of {incident.acknowledged_by} back ({answer.via})"
    draft.note(incident, "triggered", text, reason="ack_withdrawn", actor=answer.by, for_ticket=True)
    incident = _unacknowledged(draft, incident)
    incident = paging.resume(draft, incident, policy, PageReason.ACK_WITHDRAWN)
    return lifecycle.comment_ticket(draft, incident, policy)


def _escalate(draft: Draft, answer: Answer, incident: Incident, policy: Policy) -> Incident:
    """The next level is paged now, with the reason. Whoever had acknowledged has not any more."""
    why = f": {answer.text}" if answer.text else ""
    words = f"{answer.by} escalates{why}"
    level = incident.escalation.level if incident.escalation else 0
    draft.note(
        incident,
        "escalation",
        f"escalated by {answer.by} ({answer.via}){why}",
        reason="by_hand",
        actor=answer.by,
        for_ticket=True,
    )
    incident = _wanted_now(draft, _unacknowledged(draft, incident), answer.by)
    draft.drop(incident.id, (EffectKind.PAGE,), DropReason.SUPERSEDED)
    moved = _page_higher(draft, incident, policy, level, words)
    moved = rooms.post(draft, moved, policy, words)
    return lifecycle.comment_ticket(draft, moved, policy)


def _page_higher(draft: Draft, incident: Incident, policy: Policy, level: int, words: str) -> Incident:
    """Page the level above this one. What waits for office hours waits no longer, and begins with its first level."""
    by_hand = PageReason.ESCALATED_BY_HAND
    name = incident.awaiting_policy
    if name is not None:
        draft.clear_deadlines(incident.id, DeadlineKind.PAGE)
        incident = draft.put_incident(replace(incident, awaiting_policy=None))
    elif incident.escalation is not None:
        moved = escalation.jump(draft, incident, policy, level + 1, by_hand, words)
        return moved or escalation.finish(draft, incident, policy, words)
    team = policy.ruleset.routes.get(incident.team)
    name = name or (team.policy if team else None)
    if name is None:
        draft.note(incident, "escalation", "there is nobody to escalate to", reason="no_policy")
        return incident
    return escalation.start(draft, incident, name, policy, by_hand, words)


def _wanted_now(draft: Draft, incident: Incident, by: str) -> Incident:
    """Somebody wants people paged: what kept the incident quiet does not hold that up."""
    if incident.quiet is None:
        return incident
    draft.note(incident, "triggered", f"no longer quiet: {by} wants people paged", reason="by_hand", actor=by)
    return draft.put_incident(replace(incident, quiet=None, parent_id=None))


def _hand_over(draft: Draft, answer: Answer, incident: Incident, policy: Policy) -> Incident:
    """Others take it from here: they are paged with the whole timeline, and whoever was paged before is left in peace."""
    why = f": {answer.text}" if answer.text else ""
    to = answer.to
    draft.note(
        incident,
        "escalation",
        f"handed over to {in_words(to)} by {answer.by} ({answer.via}){why}",
        reason="handed_over",
        actor=answer.by,
        for_ticket=True,
    )
    incident = _wanted_now(draft, _unacknowledged(draft, incident), answer.by)
    draft.drop(incident.id, (EffectKind.PAGE,), DropReason.HANDED_OVER)
    words = f"handed over by {answer.by}{why}"
    level = level_of(to)
    moved = escalation.jump(draft, incident, policy, level, PageReason.HANDED_OVER, words) if level else None
    if moved is None:
        moved = escalation.hand_to(draft, incident, policy, PersonName(to), words)
    taken = people_of(to, policy, incident.assignee, draft.now) if not level else ()
    moved = draft.put_incident(replace(moved, assignee=taken[0] if len(taken) == 1 else None))
    moved = rooms.post(draft, moved, policy, words)
    return lifecycle.comment_ticket(draft, moved, policy)


def level_of(word: str) -> int | None:
    """3 from ``L3``; None if the word names no level."""
    return int(word[1]) if len(word) == 2 and word[0] in "Ll" and word[1] in "123456789" else None


def expire_acknowledgement(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """Somebody acknowledged, and nothing was heard since: page again, unless it is about to be over."""
    if incident.state is not IncidentState.ACKNOWLEDGED:
        return incident
    if incident.quiet or incident.clearing_since is not None:
        # Not now; but what keeps it quiet may end before anybody is heard.
        _await_news(draft, incident)
        return incident
    minutes = _minutes(incident)
    text = f"{incident.acknowledged_by} acknowledged, and nothing was heard for {minutes} min: paging again"
    draft.note(incident, "triggered", text, reason="ack_expired", for_ticket=True)
    incident = _unacknowledged(draft, incident)
    incident = paging.resume(draft, incident, policy, PageReason.ACK_EXPIRED)
    incident = rooms.post(draft, incident, policy, text)
    return lifecycle.comment_ticket(draft, incident, policy)


def _minutes(incident: Incident) -> int:
    seconds = incident.escalation.ack_expires_seconds if incident.escalation else None
    return max(1, (seconds or 0) // 60)


def _unacknowledged(draft: Draft, incident: Incident) -> Incident:
    draft.clear_deadlines(incident.id, DeadlineKind.ACK_EXPIRE)
    if incident.state is not IncidentState.ACKNOWLEDGED:
        return incident
    return draft.put_incident(
        replace(incident, state=IncidentState.TRIGGERED, acknowledged_at=None, acknowledged_by="")
    )


def _await_news(draft: Draft, incident: Incident) -> None:
    seconds = incident.escalation.ack_expires_seconds if incident.escalation else None
    if seconds is not None:
        draft.set_deadline(incident.id, DeadlineKind.ACK_EXPIRE, draft.now + timedelta(seconds=seconds))
