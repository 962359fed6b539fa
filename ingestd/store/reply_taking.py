"""What a person answered by text message or mail: understood, decided, written, and the answer to it queued, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection

from ingestd.core import reply, reply_words
from ingestd.core.effects import NO_INCIDENT, Decision, PersonalWord
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKey, EffectKind, IncidentId, IncidentState, PersonName
from ingestd.core.policy import Person, Policy
from ingestd.core.reply import Naming, Reply, ReplyAct
from ingestd.core.reply_words import OpenPage
from ingestd.store import answers, apply, contacts, dialect, outbox, replies, signatures, storms
from ingestd.store import incidents as incident_store
from ingestd.store.answers import Answer, AnswerAction, Answered
from ingestd.store.replies import ReplyCode
from ingestd.store.signatures import Signature

SAID_TO_A_REPLY = "word/reply/"
"""What the keys of answers to replies begin with."""
ANSWERED_TOGETHER = 250
"""Incidents that one reply acknowledges: half a second of the one writer."""
REMEMBERED = timedelta(days=7)
"""How long a message that comes again is recognised."""


class ReplyResult(StrEnum):
    """What became of a reply."""

    ACTED = "acted"
    LATE = "late"
    """Somebody was first, or it was over."""
    HELPED = "helped"
    UNKNOWN_PAGE = "unknown_page"
    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    UNKNOWN_SENDER = "unknown_sender"
    UNBOUND = "unbound"
    """A mail without a token that is known."""
    FOREIGN_SENDER = "foreign_sender"
    """A mail with a good token, from somebody who was not paged."""
    AUTOMATIC = "automatic"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came in: the service's own id of it, the address that sent it, the words. ``tokens`` are those of a mail."""

    connector: str
    channel: Channel
    id: str
    sender: str
    text: str
    opt_out: bool | None = None
    tokens: tuple[str, ...] = ()
    is_automatic: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it. ``decisions`` were written; ``act`` is what was asked for, if it was understood."""

    result: ReplyResult
    person: PersonName | None = None
    act: ReplyAct | None = None
    incidents: tuple[IncidentId, ...] = ()
    decisions: tuple[Decision, ...] = ()
    is_answered: bool = False


@dataclass(slots=True)
class _Case:
    """One reply while it is worked on."""

    connection: Connection
    heard: Heard
    person: Person
    policy: Policy
    now: datetime
    pages: Sequence[ReplyCode] = ()
    decisions: list[Decision] = field(default_factory=list)


_ACTIONS = {
    ReplyAct.ACKNOWLEDGE: AnswerAction.ACKNOWLEDGE,
    ReplyAct.UNACKNOWLEDGE: AnswerAction.UNACKNOWLEDGE,
    ReplyAct.ESCALATE: AnswerAction.ESCALATE,
    ReplyAct.RESOLVE: AnswerAction.RESOLVE,
    ReplyAct.NOTE: AnswerAction.NOTE,
}


def take_message(connection: Connection, heard: Heard, policy: Policy, now: datetime) -> Taken:
    """A text message. Only from an address of a person who was paged there: whoever else writes hears nothing."""
    dialect.serialise_decisions(connection)
    owners = [person for person in policy.people.values() if (heard.channel, heard.sender) in person.channels]
    if not owners:
        return Taken(ReplyResult.UNKNOWN_SENDER)
    if not _is_new(connection, heard, now):
        return Taken(ReplyResult.REPEATED)
    meant = reply.read(heard.text)
    if heard.opt_out is not None or meant.act in {ReplyAct.OPT_OUT, ReplyAct.OPT_IN}:
        is_out = heard.opt_out if heard.opt_out is not None else meant.act is ReplyAct.OPT_OUT
        return _follow_opting(connection, heard, owners, policy, now, is_out=is_out)
    names = {person.name for person in owners}
    pages = [page for page in replies.of_address(connection, heard.sender) if page.person in names]
    person = policy.people[pages[0].person] if pages else owners[0]
    return _answer(_Case(connection, heard, person, policy, now, pages), meant)


def take_mail(connection: Connection, heard: Heard, policy: Policy, now: datetime) -> Taken:
    """A mail. Its token says which page it answers; only the person who was paged acts, and no program ever does."""
    dialect.serialise_decisions(connection)
    if heard.is_automatic:
        return Taken(ReplyResult.AUTOMATIC)
    bound = next((found for token in heard.tokens if (found := replies.bound_to(connection, token, now))), None)
    if bound is None:
        return Taken(ReplyResult.UNBOUND)
    person = policy.people.get(bound.person)
    own = {address.lower() for channel, address in person.channels if channel is Channel.EMAIL} if person else set()
    if person is None or heard.sender.lower() not in own:
        return Taken(ReplyResult.FOREIGN_SENDER, bound.person, incidents=(bound.incident_id,))
    if not _is_new(connection, heard, now):
        return Taken(ReplyResult.REPEATED, person.name)
    page = ReplyCode(heard.sender, 0, bound.incident_id, person.name, Channel.EMAIL, bound.delivery_key, now)
    return _answer(_Case(connection, heard, person, policy, now, (page,)), _meant_by_mail(heard.text, page))


def _meant_by_mail(text: str, page: ReplyCode) -> Reply:
    """The first line, if it is a command for the page that the mail answers; whatever else a person writes is a note."""
    meant = reply.read(text)
    is_of_page = meant.naming is Naming.LAST or f"INC-{meant.number}" == page.incident_id
    if meant.act is ReplyAct.HELP or (meant.act in _ACTIONS and is_of_page):
        return meant
    return Reply(ReplyAct.NOTE, text=text) if text.strip() else Reply(ReplyAct.HELP)


def _is_new(connection: Connection, heard: Heard, now: datetime) -> bool:
    name = f"reply/{heard.connector}/{heard.id}"
    return signatures.add(connection, Signature(name, now + REMEMBERED), now)


def _follow_opting(
    connection: Connection, heard: Heard, owners: Sequence[Person], policy: Policy, now: datetime, *, is_out: bool
) -> Taken:
    """The carrier delivers nothing more there, or does again. Nothing is answered: it could not arrive, or the service does it."""
    learnt = contacts.opt_out(connection, heard.channel, heard.sender, policy, now, is_out=is_out)
    result = ReplyResult.OPTED_OUT if is_out else ReplyResult.OPTED_IN
    act = ReplyAct.OPT_OUT if is_out else ReplyAct.OPT_IN
    return Taken(result, owners[0].name, act, decisions=(Decision(contacts=learnt),))


def _answer(case: _Case, meant: Reply) -> Taken:
    if meant.act not in _ACTIONS:
        is_understood = meant.act is ReplyAct.HELP
        newest = case.pages[0].code if case.pages else 0
        words = reply_words.help_for(_open_pages(case), newest, is_understood=is_understood)
        return _told(case, ReplyResult.HELPED, meant.act, words)
    page = _page_of(case, meant)
    if page is not None:
        contacts.answered(case.connection, outbox.load(case.connection, page.delivery_key), case.now)
    incident = incident_store.load(case.connection, page.incident_id) if page else None
    if page is None or incident is None:
        named = f"INC-{meant.number}" if meant.naming is Naming.INCIDENT else str(meant.number or "That")
        words = reply_words.unknown(named, _open_pages(case)) if case.pages else reply_words.listed(())
        return _told(case, ReplyResult.UNKNOWN_PAGE, meant.act, words)
    case.person = case.policy.people[page.person]
    return _act_on_all(case, incident, page) if meant.is_all else _act(case, meant, incident)


def _page_of(case: _Case, meant: Reply) -> ReplyCode | None:
    """The page that is meant: only one that went to this address."""
    if meant.naming is Naming.LAST:
        return case.pages[0] if case.pages else None
    by_code = next((page for page in case.pages if page.code and page.code == meant.number), None)
    named = IncidentId(f"INC-{meant.number}")
    by_incident = next((page for page in case.pages if page.incident_id == named), None) or _told_otherwise(case, named)
    if meant.naming is Naming.INCIDENT:
        return by_incident
    return (by_incident or by_code) if meant.naming is Naming.NUMBER else (by_code or by_incident)


def _told_otherwise(case: _Case, incident_id: IncidentId) -> ReplyCode | None:
    """A page that this person got by another channel, or together with others: it has no code here, but its number is good."""
    name, heard = case.person.name, case.heard
    if heard.channel is Channel.EMAIL or not any(
        one.id == incident_id for one in replies.open_of_person(case.connection, name)
    ):
        return None
    return ReplyCode(heard.sender, 0, incident_id, name, heard.channel, EffectKey(""), case.now)


def _act(case: _Case, meant: Reply, before: Incident) -> Taken:
    answered = _give(case, _ACTIONS[meant.act], before.id, meant.text)
    person, now = case.person, case.now
    if not answered.is_first:
        words = reply_words.late(meant.act, before, person.name, person.clock, now)
        others = [page for page in _open_pages(case) if page.incident.id != before.id]
        more = f" {reply_words.listed(others)}" if others and meant.naming is Naming.LAST else ""
        return _told(case, ReplyResult.LATE, meant.act, words + more, (before.id,))
    paged = tuple(dict.fromkeys(e.person for e in answered.decision.effects if e.kind is EffectKind.PAGE and e.person))
    words = reply_words.done(meant.act, before, paged, person.clock, now)
    if case.heard.channel is Channel.EMAIL and meant.act is ReplyAct.ACKNOWLEDGE:
        words += "\nWas it not you? Answer with: unack"
    return _told(case, ReplyResult.ACTED, meant.act, words, (before.id,))


def _act_on_all(case: _Case, named: Incident, page: ReplyCode) -> Taken:
    """All that waits for this person and was told by the same message as the page that was named, or is of the same service."""
    subject = _subject_of(named)
    told = set(storms.folded_incidents(case.connection, page.delivery_key))
    mine = replies.open_of_person(case.connection, case.person.name)
    waiting = [one for one in mine if _subject_of(one) == subject or one.id in told]
    waiting, left = waiting[:ANSWERED_TOGETHER], waiting[ANSWERED_TOGETHER:]
    for incident in waiting:
        _give(case, AnswerAction.ACKNOWLEDGE, incident.id, "")
    result = ReplyResult.ACTED if waiting else ReplyResult.LATE
    words = reply_words.done_for_all(waiting, "that message" if told else subject, len(left))
    return _told(case, result, ReplyAct.ACKNOWLEDGE, words, tuple(one.id for one in waiting))


def _subject_of(incident: Incident) -> str:
    return incident.conduct.service or incident.rule


def _give(case: _Case, action: AnswerAction, incident_id: IncidentId, text: str) -> Answered:
    answer = Answer(incident_id, action, case.person.name, case.heard.channel.value, text)
    answered = answers.give(case.connection, answer, case.policy, case.now)
    assert answered is not None, "the incident was loaded in this transaction"
    case.decisions.append(answered.decision)
    return answered


def _open_pages(case: _Case) -> list[OpenPage]:
    """The pages of this address that wait for an answer, the newest first."""
    found = incident_store.load_many(case.connection, [page.incident_id for page in case.pages[:500]])
    listed = [(page, found[page.incident_id]) for page in case.pages if page.incident_id in found]
    return [OpenPage(page.code, one) for page, one in listed if one.state is IncidentState.TRIGGERED]


def _told(case: _Case, result: ReplyResult, act: ReplyAct, words: str, about: tuple[IncidentId, ...] = ()) -> Taken:
    """The answer is queued to the address that wrote, unless it has been answered too often lately."""
    heard = case.heard
    is_effect = result is ReplyResult.ACTED
    is_answered = replies.may_answer(case.connection, heard.sender, is_effect=is_effect, now=case.now)
    if is_answered:
        word = PersonalWord(
            key=EffectKey(f"{SAID_TO_A_REPLY}{heard.connector}/{heard.id}"),
            connector=heard.connector,
            person=case.person.name,
            channel=heard.channel,
            text=words,
            due_at=case.now,
            incident_id=about[0] if len(about) == 1 else NO_INCIDENT,
            address=heard.sender,
        )
        decision = Decision(words=(word,))
        apply.write(case.connection, decision, case.now)
        case.decisions.append(decision)
    return Taken(result, case.person.name, act, about, tuple(case.decisions), is_answered)
