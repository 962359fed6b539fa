"""A decision in the making: the facts as they would be, gathered while alerts, answers and deadlines are applied in turn.

The only mutable thing in the core. It lives for one call of ``decide`` and ends as a frozen ``Decision``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ingestd.core.attendance import Attendance
from ingestd.core.effects import (
    LATER_LANE,
    Adoption,
    ContactNews,
    Deadline,
    DeadlineKind,
    Decision,
    Drop,
    DropReason,
    Effect,
    Finding,
    PageReason,
    PersonalWord,
    TimelineEntry,
)
from ingestd.core.incident import AlertState, Incident, KnownAlert, Member
from ingestd.core.names import AlertKey, Channel, EffectKey, EffectKind, IncidentId, PersonName
from ingestd.core.reporter import ReportedTicket
from ingestd.core.silence import Silence
from ingestd.core.turn import rank_of, share_of
from ingestd.core.watch import Release, Watch


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known that a decision may need: values, read in the same transaction that will write the decision."""

    alerts: Mapping[AlertKey, KnownAlert] = field(default_factory=dict)
    incidents: Mapping[IncidentId, Incident] = field(default_factory=dict)
    members: Mapping[tuple[IncidentId, AlertKey], Member] = field(default_factory=dict)
    next_number: int = 1001
    watches: Mapping[AlertKey, Watch] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    firing: tuple[Member, ...] = ()
    """Alerts that fire and may inhibit others."""
    loads: Mapping[PersonName, int] = field(default_factory=dict)
    """How many open incidents each person is in charge of; read where somebody may be assigned."""
    last_assigned: Mapping[str, PersonName] = field(default_factory=dict)
    """Who was assigned last, by team; read where somebody may be assigned."""
    attendance: Attendance | None = None
    """Since when the daemon could hear; None if that is no question, as in a rehearsal."""


class Draft:
    """The working copy. Every method leaves it consistent; ``finish`` gives only what changed."""

    def __init__(self, snapshot: Snapshot, now: datetime) -> None:
        self.now = now
        self._snapshot = snapshot
        self._alerts: dict[AlertKey, KnownAlert] = {}
        self._members: dict[tuple[IncidentId, AlertKey], Member] = {}
        self._incidents: dict[IncidentId, Incident] = {}
        self._by_dedup_key: dict[str, set[IncidentId]] = {}
        self._by_correlate_key: dict[str, set[IncidentId]] = {}
        self._by_collects_key: dict[str, set[IncidentId]] = {}
        self._watches: dict[AlertKey, Watch | None] = {}
        self._releases: dict[str, Release] = {}
        for incident in snapshot.incidents.values():
            self._index(incident)
        self._effects: list[Effect] = []
        self._deadlines: dict[tuple[IncidentId, DeadlineKind], Deadline | None] = {}
        self._drops: list[Drop] = []
        self._timeline: list[TimelineEntry] = []
        self._findings: list[Finding] = []
        self._words: list[PersonalWord] = []
        self._heard: dict[str, None] = {}
        self._contacts: list[ContactNews] = []
        self._adoptions: list[Adoption] = []
        self.meant_at: datetime | None = None
        """When what is decided ought to have been decided, if that was long ago: pages say so."""
        self.loads = dict(snapshot.loads)
        """How many open incidents each person is in charge of, with those that this draft assigns."""
        self.last_assigned = dict(snapshot.last_assigned)
        """Who was assigned last, by team, likewise."""
        self._next_number = snapshot.next_number

    def _index(self, incident: Incident) -> None:
        self._by_dedup_key.setdefault(incident.dedup_key, set()).add(incident.id)
        if incident.correlate_key:
            self._by_correlate_key.setdefault(incident.correlate_key, set()).add(incident.id)
        if incident.collects_key:
            self._by_collects_key.setdefault(incident.collects_key, set()).add(incident.id)

    # ------------------------------------------------------------------ reading

    def alert(self, key: AlertKey) -> KnownAlert | None:
        """The alert as it would be known."""
        return self._alerts.get(key) or self._snapshot.alerts.get(key)

    def incident(self, incident_id: IncidentId) -> Incident | None:
        """The incident as it would be."""
        return self._incidents.get(incident_id) or self._snapshot.incidents.get(incident_id)

    def member(self, incident_id: IncidentId, key: AlertKey) -> Member | None:
        """The alert's part in the incident, if it has one."""
        return self._members.get((incident_id, key)) or self._snapshot.members.get((incident_id, key))

    def candidates(self, dedup_key: str, correlate_key: str) -> list[Incident]:
        """Incidents that share a key, in no particular order."""
        ids = self._by_dedup_key.get(dedup_key, set()) | self._by_correlate_key.get(correlate_key, set())
        found = (self.incident(incident_id) for incident_id in sorted(ids))
        return [incident for incident in found if incident is not None]

    def has_open(self, dedup_key: str) -> bool:
        """Whether an open incident is about this."""
        found = (self.incident(incident_id) for incident_id in self._by_dedup_key.get(dedup_key, ()))
        return any(incident is not None and incident.state.is_open for incident in found)

    def collecting(self, names: Iterable[str]) -> list[Incident]:
        """The open incidents that collect under one of these names."""
        ids = {incident_id for name in names for incident_id in self._by_collects_key.get(name, ())}
        found = (self.incident(incident_id) for incident_id in sorted(ids))
        return [incident for incident in found if incident is not None and incident.state.is_open]

    def members_of(self, incident_id: IncidentId) -> list[Member]:
        """The alerts of an incident, as far as they were read."""
        keys = {key for owner, key in (*self._snapshot.members, *self._members) if owner == incident_id}
        found = (self.member(incident_id, key) for key in sorted(keys))
        return [member for member in found if member is not None]

    def open_incidents(self) -> list[Incident]:
        """The open incidents that were read or made."""
        ids = sorted({*self._snapshot.incidents, *self._incidents})
        found = (self.incident(incident_id) for incident_id in ids)
        return [incident for incident in found if incident is not None and incident.state.is_open]

    def firing_members(self) -> Iterator[Member]:
        """Alerts that fire in an incident, of those that were read because they may inhibit others, and of this decision."""
        for read in self._snapshot.firing:
            member = self._members.get((read.incident_id, read.key), read)
            if member.state is AlertState.FIRING:
                yield member
        known = {(member.incident_id, member.key) for member in self._snapshot.firing}
        for place, member in self._members.items():
            if place not in known and member.state is AlertState.FIRING:
                yield member

    @property
    def silences(self) -> tuple[Silence, ...]:
        """Every silence that is not over."""
        return self._snapshot.silences

    @property
    def attendance(self) -> Attendance | None:
        """Since when the daemon could hear."""
        return self._snapshot.attendance

    def watch(self, key: AlertKey) -> Watch | None:
        """The watch that is kept on the alert."""
        return self._watches[key] if key in self._watches else self._snapshot.watches.get(key)

    def watches_of(self, dedup_key: str) -> list[Watch]:
        """The watches on everything that counts as the same thing, as far as they were read."""
        found = (self.watch(key) for key in sorted({*self._snapshot.watches, *self._watches}))
        return [watch for watch in found if watch is not None and watch.dedup_key == dedup_key]

    # ------------------------------------------------------------------ changing

    def put_watch(self, watch: Watch) -> None:
        """Look at the alert again when the watch says so."""
        self._watches[watch.key] = watch

    def end_watch(self, key: AlertKey) -> None:
        """Look at the alert again only when there is news of it."""
        self._watches[key] = None

    def release(self, by: str, after_seconds: float) -> None:
        """What is held back by this is looked at again then."""
        self._releases[by] = Release(by, self.now + timedelta(seconds=after_seconds))

    def take_number(self) -> int:
        """The next incident number; used up even if nothing else comes of it."""
        self._next_number += 1
        return self._next_number - 1

    def put_alert(self, alert: KnownAlert) -> None:
        """Remember the alert so."""
        self._alerts[alert.key] = alert

    def put_member(self, member: Member) -> None:
        """Remember the alert's part in the incident so."""
        self._members[member.incident_id, member.key] = member

    def put_incident(self, incident: Incident) -> Incident:
        """Remember the incident so; gives it back."""
        self._incidents[incident.id] = incident
        self._index(incident)
        return incident

    def add_effect(
        self,
        incident: Incident,
        connector: str,
        kind: EffectKind,
        *,
        delay_seconds: float = 0,
        person: PersonName | None = None,
        channel: Channel | None = None,
        level: int = 0,
        reason: str = "",
        cause: PageReason | None = None,
        address: str = "",
    ) -> Incident:
        """Queue an effect under the next derived key.

        Ticket effects of an incident share a lane per connector; so do a person's pages, but for those of later stages, which must not
        hold up what is to go at once.
        """
        counter = f"{connector}/{kind}"
        n = incident.effect_counts.get(counter, 0) + 1
        rank = rank_of(kind, incident, person, cause)
        receiver = "" if kind.is_ticket else person or address
        lane = "/".join((str(incident.id), connector, *([receiver] if receiver else [])))
        if person and delay_seconds > 0:
            lane += LATER_LANE
        self._effects.append(
            Effect(
                key=EffectKey(f"{incident.id}/{counter}/{n}"),
                incident_id=incident.id,
                connector=connector,
                kind=kind,
                lane=lane,
                due_at=self.now + timedelta(seconds=delay_seconds),
                person=person,
                channel=channel,
                level=level,
                reason=reason,
                cause=cause,
                address=address,
                meant_at=self._meant_at(kind, delay_seconds),
                share=share_of(rank, incident.conduct.service or incident.rule),
                rank=rank,
            )
        )
        return self.put_incident(replace(incident, effect_counts={**incident.effect_counts, counter: n}))

    def _meant_at(self, kind: EffectKind, delay_seconds: float) -> datetime | None:
        """When a page ought to leave, unless that is when it is queued: what waits on purpose is not late."""
        if kind is not EffectKind.PAGE or (self.meant_at is None and not delay_seconds):
            return None
        return (self.now if delay_seconds else self.meant_at or self.now) + timedelta(seconds=delay_seconds)

    def set_deadline(self, incident_id: IncidentId, kind: DeadlineKind, due_at: datetime) -> None:
        """Decide again at ``due_at``."""
        self._deadlines[incident_id, kind] = Deadline(incident_id, kind, due_at)

    def clear_deadlines(self, incident_id: IncidentId, *kinds: DeadlineKind) -> None:
        """Forget the incident's deadlines of these kinds."""
        for kind in kinds:
            self._deadlines[incident_id, kind] = None

    def drop(self, incident_id: IncidentId, kinds: Iterable[EffectKind], reason: DropReason) -> None:
        """Do not perform what is queued of these kinds; also what this draft queued itself."""
        chosen = tuple(kinds)
        self._drops.append(Drop(incident_id, chosen, reason))
        self._effects = [e for e in self._effects if e.incident_id != incident_id or e.kind not in chosen]

    def drop_later(self, incident_id: IncidentId, person: PersonName, reason: DropReason) -> None:
        """Do not page somebody later, where that is queued: they are paged anew, and what is to follow begins anew as well."""
        pages = (EffectKind.PAGE,)
        self._drops.append(Drop(incident_id, pages, reason, person))
        self._effects = [
            e
            for e in self._effects
            if e.incident_id != incident_id or e.kind not in pages or e.person != person or e.due_at <= self.now
        ]

    def note(
        self, incident: Incident, kind: str, text: str, *, reason: str = "", actor: str = "", for_ticket: bool = False
    ) -> None:
        """Add a line to the incident's timeline."""
        self._timeline.append(TimelineEntry(incident.id, self.now, kind, reason, text, actor, for_ticket))

    def tell(self, word: PersonalWord) -> None:
        """Say a word to one person; one whose key is queued already is not said again."""
        self._words.append(word)

    def learn(self, news: ContactNews) -> None:
        """Remember what was learnt of somebody's address."""
        self._contacts.append(news)

    def adopt(self, adoption: Adoption) -> None:
        """A ticket that is there already becomes an incident's own."""
        self._adoptions.append(adoption)

    def has_adopted(self, incident_id: IncidentId, ticket: ReportedTicket) -> bool:
        """Whether this draft has made the ticket the incident's own."""
        return Adoption(incident_id, ticket) in self._adoptions

    def hear(self, source: str) -> None:
        """Remember that the source gave its sign of life."""
        self._heard[source] = None

    def find(self, finding: Finding) -> None:
        """Record what was decided about an alert."""
        self._findings.append(finding)

    def finish(self) -> Decision:
        """Everything that changed, frozen."""
        changed = self._next_number != self._snapshot.next_number
        return Decision(
            alerts=tuple(self._alerts.values()),
            members=tuple(self._members.values()),
            incidents=tuple(self._incidents.values()),
            effects=tuple(self._effects),
            deadlines=tuple(d for d in self._deadlines.values() if d is not None),
            cleared_deadlines=tuple(key for key, d in self._deadlines.items() if d is None),
            drops=tuple(self._drops),
            timeline=tuple(self._timeline),
            findings=tuple(self._findings),
            watches=tuple(watch for watch in self._watches.values() if watch is not None),
            ended_watches=tuple(key for key, watch in self._watches.items() if watch is None),
            releases=tuple(self._releases.values()),
            words=tuple(self._words),
            heard=tuple(self._heard),
            contacts=tuple(self._contacts),
            adoptions=tuple(self._adoptions),
            next_number=self._next_number if changed else None,
        )
