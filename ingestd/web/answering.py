"""What a person says to an incident: written by the store, then told back in words, and who was first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind, IncidentId, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.target import in_words
from ingestd.store import answers, contacts, links, outbox, storms
from ingestd.store import incidents as incident_store
from ingestd.store.answers import Answer, AnswerAction, Answered
from ingestd.store.links import PageLink
from ingestd.telemetry import log_events
from ingestd.web import words
from ingestd.web.desk import Desk
from ingestd.web.sheet import position_of

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """What became of an answer. ``is_first``: it took effect; otherwise ``text`` says who was first, or that it is over."""

    incident: Incident
    is_first: bool
    text: str


async def give(desk: Desk, answer: Answer) -> Told | None:
    """Apply the answer and wake whom it concerns; None if there is no such incident."""
    now = desk.clock.now()
    answered = await desk.database.run(answers.give, answer, desk.policy(), now)
    if answered is None:
        return None
    return _follow(desk, answer, answered, now)


@dataclass(frozen=True, slots=True)
class Press:
    """What was pressed on the page of a link. ``position`` is where the escalation stood when its reader saw it (``sheet.position_of``)."""

    action: AnswerAction
    text: str = ""
    position: str = ""
    is_for_all: bool = False
    """An acknowledgement of everything that the same message told."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What became of it. ``told`` is None if nothing was left to do: then nothing at all has changed."""

    link: PageLink
    told: Told | None


async def press_by_link(desk: Desk, token: str, press: Press) -> Pressed | None:
    """Answer as the person whom the link was sent to. None if the token is unknown or expired.

    A late press changes nothing at all, so that a button can be pressed any number of times: what is over stays so, what was taken
    back is not taken back twice, and an escalation that has moved on since it was shown is not moved on again.
    """
    now = desk.clock.now()
    found = await desk.database.run(_press, token, press, desk.policy(), now)
    if found is None:
        return None
    link, answer, answered = found
    if press.is_for_all:
        for other, its_answer in await desk.database.run(_acknowledge_others, link, desk.policy(), now):
            _follow(desk, other, its_answer, now)
    return Pressed(link, _follow(desk, answer, answered, now) if answered is not None else None)


def _acknowledge_others(
    connection: Connection, link: PageLink, policy: Policy, now: datetime
) -> list[tuple[Answer, Answered]]:
    """Everything that the message of the link told besides its own incident, as far as nobody has answered yet."""
    done = []
    for incident in storms.told_together(connection, link.delivery_key):
        answer = Answer(incident.id, AnswerAction.ACKNOWLEDGE, by=link.person, via="link")
        answered = answers.give(connection, answer, policy, now)
        done += [(answer, answered)] if answered is not None else []
    return done


def _press(
    connection: Connection, token: str, press: Press, policy: Policy, now: datetime
) -> tuple[PageLink, Answer, Answered | None] | None:
    link = links.find(connection, token, now)
    if link is None:
        return None
    answer = Answer(link.incident_id, press.action, by=link.person, via="link", text=press.text)
    incident = incident_store.load(connection, link.incident_id)
    if incident is None or not _is_timely(incident, press):
        return link, answer, None
    # Whoever presses a button has read what was sent there.
    contacts.answered(connection, outbox.load(connection, link.delivery_key), now)
    return link, answer, answers.give(connection, answer, policy, now)


def _is_timely(incident: Incident, press: Press) -> bool:
    state = incident.state
    if press.action is AnswerAction.ACKNOWLEDGE:
        return state is IncidentState.TRIGGERED
    if press.action is AnswerAction.UNACKNOWLEDGE:
        return state is IncidentState.ACKNOWLEDGED
    if press.action is AnswerAction.ESCALATE:
        return state.is_open and press.position == position_of(incident)
    return state.is_open or press.action is AnswerAction.NOTE


def _follow(desk: Desk, answer: Answer, answered: Answered, now: datetime) -> Told:
    desk.after_decision(answered.decision)
    is_first = answered.is_first
    desk.metrics.answers.labels(answer.action.value, answer.via).inc()
    log.info(
        log_events.ANSWER_RECEIVED,
        incident=answer.incident_id,
        action=answer.action.value,
        by=answer.by,
        via=answer.via,
        is_first=is_first,
    )
    return Told(answered.after, is_first, _text(answer, answered, now))


def _text(answer: Answer, answered: Answered, now: datetime) -> str:
    incident_id = answer.incident_id
    if not answered.is_first:
        return f"{_why_not(answer, answered.before, now)}; nothing changed"
    by = answer.by
    return {
        AnswerAction.NOTE: f"the note is on the timeline of {incident_id}",
        AnswerAction.ACKNOWLEDGE: f"{by} acknowledged {incident_id}",
        AnswerAction.UNACKNOWLEDGE: f"{by} took the acknowledgement of {incident_id} back: paging begins anew",
        AnswerAction.RESOLVE: f"{by} resolved {incident_id}",
        AnswerAction.ESCALATE: f"{by} escalated {incident_id}{_paged(answered)}",
        AnswerAction.HAND_OVER: f"{by} handed {incident_id} over to {in_words(answer.to)}{_paged(answered)}",
        AnswerAction.ASSIGN: f"{answer.to} is in charge of {incident_id}",
    }[answer.action]


def _paged(answered: Answered) -> str:
    """Who is paged now, of what has just been decided."""
    pages = [effect for effect in answered.decision.effects if effect.kind is EffectKind.PAGE and effect.person]
    names = ", ".join(dict.fromkeys(str(page.person) for page in pages))
    return f": paging {names}" if names else ": nobody could be paged"


def _why_not(answer: Answer, before: Incident, now: datetime) -> str:
    if answer.action is AnswerAction.ASSIGN and before.state.is_open:
        return f"{answer.to} is in charge of {answer.incident_id} already"
    if answer.action is AnswerAction.UNACKNOWLEDGE and before.state is IncidentState.TRIGGERED:
        return f"nobody has acknowledged {answer.incident_id}"
    return earlier(before, answer.by, answer.incident_id, now)


def earlier(incident: Incident, by: str, incident_id: IncidentId, now: datetime) -> str:
    """Who answered an incident that is not waiting for an answer any more, and when, for ``by`` to read."""
    if incident.state is IncidentState.ACKNOWLEDGED and incident.acknowledged_at:
        when = words.since(incident.acknowledged_at, now)
        if incident.acknowledged_by == by:
            return f"{by} has already acknowledged {incident_id}, {when}"
        return f"{incident.acknowledged_by} was first: acknowledged {incident_id} {when}"
    if incident.resolved_at:
        how = f"by {incident.resolved_by}" if incident.resolved_by else "since its alerts cleared"
        return f"{incident_id} is {incident.state}: resolved {how}, {words.since(incident.resolved_at, now)}"
    return f"{incident_id} is {incident.state}"
