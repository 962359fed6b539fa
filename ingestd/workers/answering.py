"""What whoever reported an incident is told, put together when it leaves: how it stands then, in the words of its source, and nothing else.

Nothing of the inside is in it: no name, no line of the timeline, no link but what an admin wrote into the text.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ingestd.core import reporters
from ingestd.core.delivery import Delivery
from ingestd.core.effects import DropReason
from ingestd.core.incident import Incident
from ingestd.core.mail.report import own_subject
from ingestd.core.mail.report_words import AnswerTexts, filled
from ingestd.core.names import Channel, PersonName
from ingestd.core.reporter import Reporter
from ingestd.core.reporters import Told
from ingestd.core.sources import SourceWays
from ingestd.ports import Contact, IncidentView, PageText
from ingestd.store import mails, outbox, replies, view
from ingestd.workers.current import Standing

ANSWERS_A_DAY_MAX = 20
"""An address that has had so many answers within a day hears of no further incident: it may be a program that answers ours."""
_DAY = timedelta(hours=24)


def word(
    connection: Connection, delivery: Delivery, incident: Incident, standing: Standing, now: datetime
) -> tuple[Delivery, PageText] | DropReason:
    """The answer as it is to leave and the delivery that says what it tells, or why nothing is told."""
    reporter = reporters.of(incident, delivery.address or "")
    if reporter is None:
        return DropReason.PERSON_UNKNOWN
    if delivery.unknown_since is None and outbox.has_later_in_lane(connection, delivery, now):
        return DropReason.SUPERSEDED
    before = _last_told(connection, delivery)
    told = reporters.due(incident.state, before)
    if delivery.unknown_since is not None:
        # It may have left: a repeat says the same, under the same Message-ID.
        told = _as_told(delivery.reason)
    if told is None:
        return DropReason.NOTHING_TO_TELL
    # Whoever was told of it hears the rest as well: that is bounded by what begins.
    if before is None and not _may_answer(connection, delivery, now):
        return DropReason.ANSWERED_ENOUGH
    return _saying(connection, delivery, told), _text(
        incident, reporter, told, _texts(standing.ways_of(reporter.source)), now
    )


def _last_told(connection: Connection, delivery: Delivery) -> Told | None:
    """What the address was told last of this incident."""
    return _as_told(mails.last_answer(connection, delivery))


def _as_told(reason: str) -> Told | None:
    return next((told for told in Told if told.value == reason), None)


def _may_answer(connection: Connection, delivery: Delivery, now: datetime) -> bool:
    if delivery.attempt_count > 1:
        return True
    of_today = mails.answers_since(connection, delivery.address or "", now - _DAY)
    is_allowed = replies.may_answer(connection, delivery.address or "", is_effect=True, now=now)
    return is_allowed and of_today < ANSWERS_A_DAY_MAX


def _saying(connection: Connection, delivery: Delivery, told: Told) -> Delivery:
    """The delivery with what it tells, which is how others know later what was told."""
    if delivery.reason == told:
        return delivery
    said = replace(delivery, reason=told.value)
    outbox.save(connection, said)
    return said


def _texts(ways: SourceWays) -> AnswerTexts:
    return ways.reports.texts if ways.reports is not None else AnswerTexts()


def _text(incident: Incident, reporter: Reporter, told: Told, texts: AnswerTexts, now: datetime) -> PageText:
    values = {
        "number": str(incident.id),
        "subject": reporter.subject,
        "name": reporter.name,
        "service": incident.conduct.service,
    }
    bare = own_subject(reporter.subject)
    words = {Told.RECEIVED: texts.received, Told.RESOLVED: texts.resolved, Told.REOPENED: texts.reopened}[told]
    return PageText(
        purpose="answer",
        incident=_bare(incident, now),
        contact=Contact(PersonName(""), reporter.name, Channel.EMAIL, reporter.address),
        words=filled(words, values),
        subject=f"Re: {bare} [{incident.id}]" if bare else f"Your report [{incident.id}]",
        in_reply_to=reporter.message_id,
        reply_to=reporter.reply_to,
        sent_at=now,
    )


def _bare(incident: Incident, now: datetime) -> IncidentView:
    """The incident's number and age alone: what a connector does not have, it cannot tell."""
    return replace(view.of_nothing(now), id=incident.id, opened_at=incident.opened_at, state=incident.state)
