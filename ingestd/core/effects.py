"""What a decision consists of: facts to remember, effects to bring about, deadlines to keep, lines for the timeline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from ingestd.core.incident import Incident, KnownAlert, Member
from ingestd.core.names import AlertKey, Channel, EffectKey, EffectKind, IncidentId, PersonName
from ingestd.core.reporter import ReportedTicket
from ingestd.core.ruleset import Classification
from ingestd.core.watch import Release, Restraint, Watch

LATER_LANE: Final = "/later"
"""How the lane of what goes to a person later ends: it must not hold up what is to go at once."""
NO_INCIDENT: Final = IncidentId("")
"""Of a word that is about no incident."""


class Verdict(StrEnum):
    """What an alert is, compared with what is known of it."""

    NEW = "new"
    REPEAT = "repeat"
    RESOLVE = "resolve"
    VANISHED = "vanished"
    STALE = "stale"
    HELD = "held"
    HEARTBEAT = "heartbeat"


class VerdictReason(StrEnum):
    """Why dedup judged so."""

    FIRST_SEEN = "first_seen"
    FIRED_AGAIN = "fired_again"
    STILL_FIRING_AFTER_CLOSE = "still_firing_after_close"
    STILL_FIRING = "still_firing"
    BACK_IN_SIGHT = "back_in_sight"
    GOT_WORSE = "got_worse"
    RESOLVED_BY_SENDER = "resolved_by_sender"
    RESOLVED_UNSEEN_EPISODE = "resolved_unseen_episode"
    RESOLVE_REPEATED = "resolve_repeated"
    RESOLVE_OF_UNKNOWN = "resolve_of_unknown"
    RESOLVE_OLDER_THAN_FIRE = "resolve_older_than_fire"
    FIRE_OLDER_THAN_RESOLVE = "fire_older_than_resolve"
    NOT_A_RECOVERY = "not_a_recovery"
    RESOLVED_BY_HAND = "resolved_by_hand"
    STILL_HELD = "still_held"
    CLEARED_WHILE_HELD = "cleared_while_held"
    AUTO_RESOLVED = "auto_resolved"
    IN_MAINTENANCE = "in_maintenance"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    ON_HOLD = "on_hold"
    BELOW_THRESHOLD = "below_threshold"
    MONITORED = "monitored"
    HEARD = "heard"
    WATCHDOG_ENDED = "watchdog_ended"


class JoinReason(StrEnum):
    """Why an alert belongs to the incident that it was put in."""

    OPENED = "opened"
    SAME_ALERT = "same_alert"
    SAME_DEDUP_KEY = "same_dedup_key"
    SAME_CORRELATION_KEY = "same_correlation_key"
    REOPENED = "reopened"
    REFIRED_WITHIN_GRACE = "refired_within_grace"


class PageReason(StrEnum):
    """Why somebody is told something."""

    OPENED = "opened"
    REOPENED = "reopened"
    NOBODY_ANSWERED = "nobody_answered"
    NOBODY_REACHABLE = "nobody_reachable"
    CHANNEL_FAILED = "channel_failed"
    SEVERITY_ROSE = "severity_rose"
    OFFICE_HOURS = "office_hours"
    RELEASED = "released"
    NEW_ALERT = "new_alert"
    RESOLVED = "resolved"
    TEST = "test"
    REPEATED = "repeated"
    LAST_RESORT = "last_resort"
    ACK_EXPIRED = "ack_expired"
    ACK_WITHDRAWN = "ack_withdrawn"
    ESCALATED_BY_HAND = "escalated_by_hand"
    HANDED_OVER = "handed_over"
    ASSIGNED = "assigned"
    STAGE = "stage"
    """The person's profile says: another channel after a while."""
    VENDOR_FAILED = "vendor_failed"
    NO_RECEIPT = "no_receipt"
    OVER_LIMIT = "over_limit"
    """A limit would keep the page back for long: another channel."""


class DropReason(StrEnum):
    """Why a queued delivery is not performed any more."""

    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    CLOSED = "closed"
    SUPERSEDED = "superseded"
    PERSON_UNKNOWN = "person_unknown"
    CONNECTOR_GONE = "connector_gone"
    REFIRED = "refired"
    EXPLAINED = "explained"
    NOTHING_TO_TELL = "nothing_to_tell"
    NO_TICKET = "no_ticket"
    BY_HAND = "by_hand"
    FOLDED = "folded"
    HANDED_OVER = "handed_over"
    CONTACT_DEAD = "contact_dead"
    CANNOT_ATTACH = "cannot_attach"
    """The ticket system takes no files."""
    FILE_GONE = "file_gone"
    """The message that the file came with is not kept any more."""
    ANSWERED_ENOUGH = "answered_enough"
    """The address was answered so often lately that it may be another program."""


class DeadlineKind(StrEnum):
    """What is due when time passes. At most one of each kind per incident."""

    ESCALATE = "escalate"
    RESOLVE = "resolve"
    CLOSE = "close"
    PAGE = "page"
    """Office hours begin: whom nobody was to wake is paged."""
    ACKNOWLEDGE = "acknowledge"
    """Somebody ought to have acknowledged by now."""
    ACK_EXPIRE = "ack-expire"
    """Nothing has been heard since somebody acknowledged."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that the outside must do. ``lane`` orders effects: one goes only after all before it in its lane."""

    key: EffectKey
    incident_id: IncidentId
    connector: str
    kind: EffectKind
    lane: str
    due_at: datetime
    person: PersonName | None = None
    channel: Channel | None = None
    level: int = 0
    reason: str = ""
    """Why, in words that the receiver reads; may be empty. Of a word: the word itself."""
    cause: PageReason | None = None
    """Why, as a constant."""
    share: str = ""
    """What deliveries of one connector are shared out by fairly: the service, or the rule."""
    rank: int = 0
    """How soon it matters: the rank of the severity, 0 for the worst."""
    address: str = ""
    """Where to, if not to a person."""
    meant_at: datetime | None = None
    """When it ought to have left, unless that is when it was queued: earlier if ingestd was down, later if it waits on purpose."""


@dataclass(frozen=True, slots=True)
class PersonalWord:
    """A word to one person. Its key says what it is about, so that the same word is never queued twice: ``word/shift/...``."""

    key: EffectKey
    connector: str
    person: PersonName
    channel: Channel
    text: str
    """Its first line is what a mail has as its subject."""
    due_at: datetime
    incident_id: IncidentId = NO_INCIDENT
    """The incident that it speaks of; empty if of none."""
    address: str = ""
    """Where to, if not where the person is reached on this channel by now."""


@dataclass(frozen=True, slots=True)
class ContactNews:
    """What was learnt of an address of a person: that it is dead, and why; or, with no reason, that the person was reached there."""

    person: PersonName
    channel: Channel
    address: str
    dead_because: str = ""
    sent_at: datetime | None = None
    """When what reached them had left: it says nothing of what happened to the address later. None: it works as of now."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something to decide at an instant. Setting one replaces the incident's deadline of that kind."""

    incident_id: IncidentId
    kind: DeadlineKind
    due_at: datetime


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One fact of an incident's history. ``kind`` and ``reason`` are constants; ``text`` is for people."""

    incident_id: IncidentId
    at: datetime
    kind: str
    reason: str
    text: str
    actor: str = ""
    for_ticket: bool = False
    """Whether the ticket's readers should be told."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """A ticket that exists already becomes the incident's own."""

    incident_id: IncidentId
    ticket: ReportedTicket


@dataclass(frozen=True, slots=True)
class Drop:
    """Queued deliveries of these kinds are not to be performed."""

    incident_id: IncidentId
    kinds: tuple[EffectKind, ...]
    reason: DropReason
    later_of: PersonName | None = None
    """Only what is to go to this person later; None for everything."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was decided about one alert of an envelope: the answer of ``explain``."""

    key: AlertKey
    verdict: Verdict
    reason: VerdictReason
    incident_id: IncidentId | None
    join: JoinReason | None = None
    rule: str = ""
    restraint: Restraint | None = None
    """What kept it back, or took a page or ticket from it."""
    rules_version: str = ""
    """Of the ruleset that was asked; empty if none was."""
    window: str = ""
    """The maintenance window that was open for it; empty if none was."""
    label: Classification | None = None
    """What came of the rules after restraints, for whoever rehearses; it is not stored."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the daemon should now believe and do. Written in one transaction, or not at all."""

    alerts: tuple[KnownAlert, ...] = ()
    members: tuple[Member, ...] = ()
    incidents: tuple[Incident, ...] = ()
    effects: tuple[Effect, ...] = ()
    deadlines: tuple[Deadline, ...] = ()
    cleared_deadlines: tuple[tuple[IncidentId, DeadlineKind], ...] = ()
    drops: tuple[Drop, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    findings: tuple[Finding, ...] = ()
    watches: tuple[Watch, ...] = ()
    ended_watches: tuple[AlertKey, ...] = ()
    releases: tuple[Release, ...] = ()
    words: tuple[PersonalWord, ...] = ()
    heard: tuple[str, ...] = ()
    """Sources that gave a sign of life."""
    contacts: tuple[ContactNews, ...] = ()
    adoptions: tuple[Adoption, ...] = ()
    next_number: int | None = None
    """The incident number to hand out next, if any was handed out."""

    @property
    def has_dues(self) -> bool:
        """Whether something was set that comes due by itself."""
        return bool(self.deadlines or self.watches or self.releases)


def together(decisions: Iterable[Decision]) -> Decision:
    """Decisions that follow one another, as one: of an incident that several change, as the last one leaves it. None may hand out numbers."""
    each = tuple(decisions)
    joined: dict[str, Any] = {
        field.name: tuple(one for decision in each for one in getattr(decision, field.name))
        for field in fields(Decision)
        if field.name != "next_number"
    }
    joined["incidents"] = tuple({incident.id: incident for incident in joined["incidents"]}.values())
    return Decision(**joined)
