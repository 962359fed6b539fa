"""Claims deliveries with everything that performing them needs, and settles them: two short transactions, nothing in between.

What is told is put together at the claim from the incident as it is then. What is moot by then is dropped with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from ingestd import telling
from ingestd.core import relevance
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import Deadline, Decision, DropReason, PageReason, TimelineEntry
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKind
from ingestd.core.receipt import handed_over
from ingestd.core.settle import Outcome, give_up_page, settle, settle_word
from ingestd.ports import Contact, IncidentView, PageReceipt, PageText, TicketFile, TicketNote, TicketRef
from ingestd.store import apply, contacts, dialect, outbox, roster, storms, view
from ingestd.store import incidents as incident_store
from ingestd.workers import answering, folding, reply_ways, ticket_files, ticket_news, wording
from ingestd.workers.current import Standing

HANDED_OVER_LINES_MAX = 200
LED_SECONDS = 2.0
"""What was told with another delivery is looked at again then, while that one is not settled."""
HOLD_SECONDS = 15.0
"""A page waits so long before it is looked at again, while all alerts have cleared and it may be over."""


@dataclass(frozen=True, slots=True)
class Job:
    """One delivery that has been claimed. ``is_lookup``: find out what became of it before anything is sent again."""

    delivery: Delivery
    incident: Incident | None
    """None for a word that is about no incident."""
    told: IncidentView
    is_lookup: bool
    ticket: TicketRef | None = None
    note: TicketNote | None = None
    page: PageText | None = None
    folded: tuple[Delivery, ...] = ()
    """Told by the same message, and settled as this one is."""
    file: TicketFile | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """What a claim gave: jobs to do, and deliveries that were dropped instead."""

    jobs: tuple[Job, ...]
    dropped: tuple[tuple[Delivery, DropReason], ...]
    broken: tuple[tuple[Delivery, Exception], ...] = ()
    """What could not be put together because of a fault of ours; parked, so that it cannot stop what waits behind it."""
    decisions: tuple[Decision, ...] = ()
    """What followed from the drops."""


def take(
    connection: Connection,
    connector: str,
    standing: Standing,
    now: datetime,
    lease_seconds: float,
    tokens: Sequence[str],
    can_reply: reply_ways.CanReply = reply_ways.nobody,
    turns: outbox.Turns | None = None,
    *,
    takes_files: bool = True,
) -> Take:
    """Claim at most as many deliveries as there are ``tokens``: each page gets one for its link.

    ``can_reply``: whether somebody at an address can answer through this connector. ``turns``: whose turn it is. ``takes_files``: whether the
    connector is a ticket system that takes any.
    """
    dialect.serialise_decisions(connection)
    standing = replace(standing, policy=roster.effective(connection, standing.policy, now))
    jobs: list[Job] = []
    dropped: list[tuple[Delivery, DropReason]] = []
    broken: list[tuple[Delivery, Exception]] = []
    decisions: list[Decision] = []
    for token in tokens:
        # One at a time: what is told together with one is not there for the next one any more.
        claimed = outbox.claim(connection, connector, now, lease_seconds=lease_seconds, limit=1, turns=turns)
        if not claimed:
            break
        delivery = claimed[0]
        try:
            made = _make(connection, delivery, standing, now, token, takes_files=takes_files)
            if isinstance(made, Job) and made.page is not None:
                page = reply_ways.with_way_back(connection, delivery, made.page, can_reply, now, token)
                made = replace(made, page=page, folded=storms.lease(connection, delivery, made.folded, now))
        except Exception as error:
            if dialect.is_trouble(error):
                raise
            detail = f"a fault of ingestd: {type(error).__name__}"
            outbox.save(
                connection,
                replace(delivery, state=DeliveryState.PARKED, detail=detail, settled_at=now, lease_until=None),
            )
            broken.append((delivery, error))
            continue
        if isinstance(made, Job):
            jobs.append(made)
            continue
        if isinstance(made, _Hold):
            outbox.save(connection, _put_back(made.delivery or delivery, made))
            decisions.append(made.decision)
            continue
        if isinstance(made, Decision):
            decisions.append(made)
            continue
        outbox.save(
            connection,
            replace(delivery, state=DeliveryState.DROPPED, detail=made.value, settled_at=now, lease_until=None),
        )
        _note_drop(connection, delivery, made, now)
        dropped.append((delivery, made))
        is_unaddressed = made in {DropReason.PERSON_UNKNOWN, DropReason.CONTACT_DEAD}
        if is_unaddressed and delivery.kind is not EffectKind.WORD:
            decisions.append(_give_up(connection, delivery, standing, now))
    return Take(tuple(jobs), tuple(dropped), tuple(broken), tuple(decisions))


@dataclass(frozen=True, slots=True)
class _Hold:
    """Not now: look again then."""

    until: datetime
    delivery: Delivery | None = None
    """As it is by now, if something else was noted of it."""
    decision: Decision = field(default_factory=Decision)
    is_on_its_way: bool = False  # it may have left with another: it stays claimed, since no answer can call it back


def _put_back(delivery: Delivery, hold: _Hold) -> Delivery:
    if hold.is_on_its_way:
        return replace(delivery, lease_until=hold.until, attempt_count=delivery.attempt_count - 1)
    return replace(
        delivery,
        state=DeliveryState.WAITING if delivery.unknown_since is None else DeliveryState.UNCERTAIN,
        due_at=hold.until,
        leased_at=None,
        lease_until=None,
        attempt_count=delivery.attempt_count - 1,
    )


def _note_drop(connection: Connection, delivery: Delivery, reason: DropReason, now: datetime) -> None:
    is_silent = delivery.kind in {EffectKind.TICKET_COMMENT, EffectKind.POST}
    is_told_anyway = delivery.kind is EffectKind.ANSWER and reason in {
        DropReason.SUPERSEDED,
        DropReason.NOTHING_TO_TELL,
    }
    if is_silent or is_told_anyway or not delivery.incident_id:
        return
    receiver = delivery.person or (delivery.address if delivery.kind is EffectKind.ANSWER else "")
    whom = f" to {receiver}" if receiver else ""
    text = f"{delivery.kind}{whom} not sent: {reason.replace('_', ' ')}"
    entry = TimelineEntry(delivery.incident_id, now, "dropped", reason.value, text)
    apply.write(connection, Decision(timeline=(entry,)), now)


def _give_up(connection: Connection, delivery: Delivery, standing: Standing, now: datetime) -> Decision:
    incident = incident_store.load(connection, delivery.incident_id)
    assert incident is not None, "it was there when the delivery was dropped"
    decision = give_up_page(delivery, incident, standing.policy, now)
    apply.write(connection, decision, now)
    return decision


def _make(
    connection: Connection,
    delivery: Delivery,
    standing: Standing,
    now: datetime,
    token: str,
    *,
    takes_files: bool = True,
) -> Job | DropReason | Decision | _Hold:
    """A job, or what else has become of the delivery; a decision says that it is settled by it."""
    if delivery.folded_into is not None:
        led = folding.follow_leader(connection, delivery, standing.policy, now)
        if led.waits:
            return _Hold(now + timedelta(seconds=LED_SECONDS), is_on_its_way=True)
        if led.decision is not None:
            return led.decision
        delivery = led.delivery
    incident = incident_store.load(connection, delivery.incident_id) if delivery.incident_id else None
    if delivery.kind is EffectKind.WORD:
        return _make_word(connection, delivery, incident, standing, now)
    if incident is None:
        return DropReason.CLOSED
    if delivery.kind.is_ticket:
        return _make_ticket(connection, delivery, incident, standing, now, takes_files=takes_files)
    if delivery.kind is EffectKind.ANSWER:
        return _make_answer(connection, delivery, incident, standing, now)
    reason = _moot(connection, delivery, incident, now, has_ticket=False, has_news=False)
    if reason is not None:
        return reason
    if delivery.kind is EffectKind.POST:
        told = _told(connection, delivery, incident, standing)
        is_lookup = delivery.unknown_since is not None
        return Job(delivery, incident, told, is_lookup, page=wording.post(connection, delivery, incident, told, now))
    return _make_page(connection, delivery, incident, standing, now, token)


def _make_answer(
    connection: Connection, delivery: Delivery, incident: Incident, standing: Standing, now: datetime
) -> Job | DropReason:
    answer = answering.word(connection, delivery, incident, standing, now)
    if isinstance(answer, DropReason):
        return answer
    delivery, text = answer
    return Job(delivery, incident, text.incident, delivery.unknown_since is not None, page=text)


def _moot(
    connection: Connection, delivery: Delivery, incident: Incident, now: datetime, *, has_ticket: bool, has_news: bool
) -> DropReason | None:
    is_superseded = outbox.has_later_in_lane(connection, delivery, now)
    reason = relevance.moot(delivery, incident, has_ticket=has_ticket, has_news=has_news, is_superseded=is_superseded)
    if reason is None and delivery.is_failed_over and outbox.is_told_otherwise(connection, delivery):
        return DropReason.HANDED_OVER
    return reason


def _make_ticket(
    connection: Connection,
    delivery: Delivery,
    incident: Incident,
    standing: Standing,
    now: datetime,
    *,
    takes_files: bool,
) -> Job | DropReason:
    if delivery.kind is EffectKind.TICKET_ATTACH:
        return _make_file(connection, delivery, incident, standing, now) if takes_files else DropReason.CANNOT_ATTACH
    ticket = incident_store.ticket_of(connection, incident.id, delivery.connector)
    delivery, lines = ticket_news.word_note(connection, delivery, ticket)
    if delivery.kind is EffectKind.TICKET_COMMENT:
        incident = ticket_news.comment_is_worded(connection, incident, now)
    reason = _moot(connection, delivery, incident, now, has_ticket=ticket is not None, has_news=bool(lines))
    # What may already have happened is looked up even if it is moot by now: its trace must not be lost.
    is_lookup = delivery.unknown_since is not None
    if reason is not None and not (is_lookup and delivery.kind is EffectKind.TICKET_OPEN):
        return reason
    told = _told(connection, delivery, incident, standing)
    note = TicketNote(told, tuple(view.line_of(line) for line in lines))
    return Job(delivery, incident, told, is_lookup, ticket.ref if ticket else None, note)


def _make_file(
    connection: Connection, delivery: Delivery, incident: Incident, standing: Standing, now: datetime
) -> Job | DropReason:
    """A file tells the ticket nothing of the timeline: what it was told stays as it is."""
    ticket = incident_store.ticket_of(connection, incident.id, delivery.connector)
    reason = _moot(connection, delivery, incident, now, has_ticket=ticket is not None, has_news=False)
    if reason is not None or ticket is None:
        return reason or DropReason.NO_TICKET
    file = ticket_files.file_of(connection, delivery, standing)
    if isinstance(file, DropReason):
        return file
    told = _told(connection, delivery, incident, standing)
    is_lookup = delivery.unknown_since is not None
    return Job(delivery, incident, told, is_lookup, ticket.ref, TicketNote(told, ()), file=file)


def _make_page(
    connection: Connection, delivery: Delivery, incident: Incident, standing: Standing, now: datetime, token: str
) -> Job | DropReason | _Hold:
    is_lookup = delivery.unknown_since is not None
    if delivery.kind is EffectKind.PAGE and incident.clearing_since is not None and not is_lookup:
        return _Hold(now + timedelta(seconds=HOLD_SECONDS))
    bundle = folding.gather(connection, delivery, incident, standing.policy, now)
    if isinstance(bundle, datetime):
        held, decision = folding.over_limit(connection, delivery, incident, bundle, standing.policy, now)
        return _Hold(bundle, held, decision)
    told = _told(connection, delivery, incident, standing)
    page = wording.page(connection, delivery, incident, told, standing, now, token)
    if page is None:
        return _unaddressed(connection, delivery)
    page = folding.word(connection, page, bundle, delivery, standing, now)
    return Job(delivery, incident, told, is_lookup, page=page, folded=bundle.others)


def _unaddressed(connection: Connection, delivery: Delivery) -> DropReason:
    is_dead = any((who, by) == (delivery.person, delivery.channel) for who, by, _ in contacts.dead(connection))
    return DropReason.CONTACT_DEAD if is_dead else DropReason.PERSON_UNKNOWN


def _told(connection: Connection, delivery: Delivery, incident: Incident, standing: Standing) -> IncidentView:
    bridge = telling.bridge_of(incident, standing.policy)
    lines = HANDED_OVER_LINES_MAX if delivery.cause is PageReason.HANDED_OVER else telling.LINES_SHOWN_MAX
    return view.build(connection, incident, standing.external_url, bridge, lines)


def _make_word(
    connection: Connection, delivery: Delivery, incident: Incident | None, standing: Standing, now: datetime
) -> Job | DropReason:
    """A word to a person: where they are reached, or to the address that it was meant for."""
    assert delivery.person is not None, "a word has a receiver"
    assert delivery.channel is not None, "a word has a channel"
    person = standing.policy.people.get(delivery.person)
    address = delivery.address or (person.address_of(delivery.channel) if person else None)
    if address is None:
        return _unaddressed(connection, delivery)
    if delivery.is_failed_over and outbox.is_told_otherwise(connection, delivery):
        return DropReason.HANDED_OVER
    told = _told(connection, delivery, incident, standing) if incident else view.of_nothing(now)
    contact = (
        telling.contact_of(person, delivery.channel, address)
        if person
        else Contact(delivery.person, "", delivery.channel, address)
    )
    text = PageText("word", told, contact, words=delivery.reason, sent_at=now)
    return Job(delivery, incident, told, delivery.unknown_since is not None, page=text)


@dataclass(frozen=True, slots=True)
class Settled:
    """The end of an attempt as it was written. ``is_stale``: somebody else holds the delivery; nothing was changed."""

    delivery: Delivery
    decision: Decision
    is_stale: bool = False


def finish(
    connection: Connection,
    job: Job,
    outcome: Outcome,
    ticket: TicketRef | None,
    receipt: PageReceipt | None,
    standing: Standing,
    now: datetime,
    chance: float,
    lookup_window_seconds: float,
) -> Settled:
    """Write the end of an attempt, if this claim still holds the delivery."""
    dialect.serialise_decisions(connection)
    held = outbox.holds(connection, job.delivery)
    if held is None:
        return Settled(job.delivery, Decision(), is_stale=True)
    policy = roster.effective(connection, standing.policy, now)
    sent_to = job.page.contact.address if job.page else ""
    dues: tuple[Deadline, ...] = ()
    if held.kind is EffectKind.WORD:
        settlement = settle_word(held, outcome, policy, now, chance=chance)
    else:
        incident = incident_store.load(connection, job.delivery.incident_id)
        assert incident is not None, "an incident does not vanish while it is told"
        settlement = settle(
            held,
            outcome,
            incident,
            policy,
            now,
            chance=chance,
            lookup_window_seconds=lookup_window_seconds,
            sent_to=sent_to,
        )
        dues = folding.late_answer(settlement.delivery, incident, now)
    after = settlement.delivery
    if receipt is not None:
        after = handed_over(after, receipt.id, sent_to, policy, now, is_final=receipt.is_final)
    outbox.save(connection, after)
    apply.write(connection, settlement.decision, now)
    if dues:
        apply.write(connection, Decision(deadlines=dues), now)
    ticket_news.follow_ticket(connection, after, outcome, ticket, now)
    return Settled(after, settlement.decision)
