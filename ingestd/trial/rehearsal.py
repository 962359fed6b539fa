"""Plays a history through the production core in virtual time: dictionaries for a database, an outside that always works.

Every decision is the daemon's own (``decide_alerts``, ``decide_deadline``, ``decide_answer``, ``settle``); what is here is what the
store and the workers do around it, for a world in which each delivery succeeds at the first attempt, at once.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from ingestd.core import relevance
from ingestd.core.alert import Alert
from ingestd.core.decide import Answer, decide_alerts, decide_answer, decide_deadline
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.draft import Snapshot
from ingestd.core.effects import DeadlineKind, Decision, TimelineEntry, Verdict
from ingestd.core.incident import AlertState, Incident, KnownAlert, Member
from ingestd.core.names import AlertKey, EffectKind, IncidentId, IncidentState
from ingestd.core.needs import needs_of
from ingestd.core.policy import Policy
from ingestd.core.restraint import inhibits
from ingestd.core.ruleset import Classification, Inhibition
from ingestd.core.settle import Outcome, OutcomeKind, settle
from ingestd.core.sighting import Cause, Sighting, sight
from ingestd.core.silence import Silence
from ingestd.core.watch import Restraint, Watch
from ingestd.trial.deliveries import WaitingDeliveries

INHIBITORS_COUNT_WANTED = 3
"""As the store reads them."""


@dataclass(frozen=True, slots=True)
class Performed:
    """A delivery that went out, with its incident as it was at that instant.

    ``next_step_at`` is when the next step was to be paged; None if none was. The first ``line_count`` lines of the timeline were there.
    """

    at: datetime
    delivery: Delivery
    incident: Incident
    next_step_at: datetime | None
    line_count: int


@dataclass(frozen=True, slots=True)
class Asked:
    """An alert that the rules were asked about, and what they said."""

    alert: Alert
    label: Classification
    """As far as nothing kept it back: without the policy, for an alert that pages nobody in a maintenance window."""
    restraint: Restraint | None = None
    is_held: bool = False
    """Whether nothing came of it for now."""
    window: str = ""
    """The maintenance window that was open for it."""


class Rehearsal:
    """Everything that is known and was done so far. Time moves by ``pass_until`` alone, and only forward."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        self.policy = policy
        self.now = now
        self.incidents: dict[IncidentId, Incident] = {}
        """In the order in which they opened."""
        self.members: dict[tuple[IncidentId, AlertKey], Member] = {}
        self.performed: list[Performed] = []
        self.asked: list[Asked] = []
        self.timeline: list[TimelineEntry] = []
        self.touched: IncidentId | None = None
        """The incident that an alert or an answer touched last."""
        self.silences: list[Silence] = []
        self.watches: dict[AlertKey, Watch] = {}
        self._alerts: dict[AlertKey, KnownAlert] = {}
        self._uncleared: dict[tuple[IncidentId, AlertKey], Member] = {}
        """What fires or vanished, where it was when it was seen last."""
        self._by_collects_key: dict[str, list[IncidentId]] = {}
        self._watched_by: dict[str, set[AlertKey]] = {}
        """What may be held back by something; what is not any more is passed over."""
        self._watches_due: list[tuple[datetime, AlertKey]] = []
        """A heap of every instant at which a watch was ever due; those that do not hold any more are passed over."""
        self._by_dedup_key: dict[str, list[IncidentId]] = {}
        self._by_correlate_key: dict[str, list[IncidentId]] = {}
        self._next_number = 1001
        self._deadlines: dict[tuple[IncidentId, DeadlineKind], datetime] = {}
        self._due: list[tuple[datetime, IncidentId, DeadlineKind]] = []
        """A heap of all deadlines that were ever set; those that do not hold any more are passed over."""
        self._waiting = WaitingDeliveries()
        self._has_news: set[IncidentId] = set()
        """Incidents with something on their timeline that their ticket has not been told."""
        self._ticketed: set[tuple[IncidentId, str]] = set()

    # ------------------------------------------------------------------ what happens

    def receive(self, alerts: Sequence[Alert], truncated_count: int = 0) -> Decision:
        """One envelope arrives now."""
        return self._decide([(alert, Cause.ARRIVED) for alert in alerts], truncated_count)

    def _decide(self, asked: Sequence[tuple[Alert, Cause]], truncated_count: int = 0) -> Decision:
        sightings, snapshot = self._look(asked, truncated_count)
        decision = decide_alerts(sightings, snapshot, self.policy, self.now)
        for sighting, finding in zip(sightings, decision.findings, strict=True):
            self.touched = finding.incident_id or self.touched
            if finding.label is not None:
                is_held = finding.verdict is Verdict.HELD
                self.asked.append(Asked(sighting.alert, finding.label, finding.restraint, is_held, finding.window))
        self._follow(decision)
        return decision

    def answer(self, answer: Answer) -> Decision:
        """A person says something of an incident that there is."""
        decision = decide_answer(answer, self.incidents[answer.incident_id], self.policy, self.now)
        self.touched = answer.incident_id
        self._follow(decision)
        return decision

    def hush(self, matchers: tuple[str, ...], seconds: float) -> Silence:
        """Somebody makes a silence, from now."""
        number = len(self.silences) + 1
        ends_at = self.now + timedelta(seconds=seconds)
        silence = Silence(f"SIL-{number}", number, matchers, "a test", "test", self.now, self.now, ends_at)
        self.silences.append(silence)
        return silence

    def pass_until(self, at: datetime) -> None:
        """Time passes. Deadlines and deliveries on the way are kept, in order, each at its instant."""
        while (due_at := self.next_due_at()) is not None and due_at <= at:
            self.now = max(self.now, due_at)
            self._deliver()
            for incident_id, kind in self._passed_deadlines():
                self._follow(decide_deadline(kind, self.incidents[incident_id], self.policy, self.now))
            due = self._passed_watches()
            if due:
                self._decide([(watch.alert, Cause.WATCH_DUE) for watch in due])
        self.now = max(self.now, at)

    def next_due_at(self) -> datetime | None:
        """When something happens by itself next; None if nothing does."""
        while self._due and self._deadlines.get((self._due[0][1], self._due[0][2])) != self._due[0][0]:
            heapq.heappop(self._due)
        while self._watches_due and not self._is_due(*self._watches_due[0]):
            heapq.heappop(self._watches_due)
        firsts = [heap[0][0] for heap in (self._due, self._watches_due) if heap]
        # What is due and yet waits is held back by the state of its incident, and only a decision changes that.
        delivery_at = self._waiting.next_due_at()
        return min(firsts if delivery_at is None else [*firsts, delivery_at], default=None)

    # ------------------------------------------------------------------ what can be seen

    def deadline_of(self, incident_id: IncidentId, kind: DeadlineKind) -> datetime | None:
        """When the deadline of this kind is due; None if it is not set."""
        return self._deadlines.get((incident_id, kind))

    def incident_of(self, key: AlertKey) -> IncidentId | None:
        """The incident that the alert is part of, or was last; None if it never was."""
        known = self._alerts.get(key)
        return known.incident_id or None if known else None

    def done(self, kind: EffectKind) -> list[Performed]:
        """What went out of this kind, in order."""
        return [one for one in self.performed if one.delivery.kind is kind]

    # ------------------------------------------------------------------ what the store does

    def _look(self, asked: Sequence[tuple[Alert, Cause]], truncated_count: int) -> tuple[list[Sighting], Snapshot]:
        """The alerts with what the rules say of those that are news, and all that bears on them, as the store reads it."""
        known = {alert.key: self._alerts[alert.key] for alert, _ in asked if alert.key in self._alerts}
        found = [one.incident_id for one in known.values() if one.incident_id in self.incidents]
        times = Counter(alert.key for alert, _ in asked)
        sightings = []
        for alert, cause in asked:
            before = known.get(alert.key)
            own = self.incidents.get(before.incident_id) if before else None
            again = times[alert.key] > 1
            member = self.members.get((own.id, alert.key)) if own else None
            more: dict[str, Any] = {"truncated_count": truncated_count, "cause": cause, "comes_again": again}
            sightings.append(sight(alert, before, own, self.policy, self.now, member=member, **more))
        needs = needs_of((sighting.alert, sighting.label) for sighting in sightings)
        for index, keys in (
            (self._by_dedup_key, needs.dedup_keys),
            (self._by_correlate_key, needs.correlate_keys),
            (self._by_collects_key, needs.collects_keys),
        ):
            found += [incident_id for key in sorted(keys) for incident_id in index.get(key, ())]
        incidents = {incident_id: self.incidents[incident_id] for incident_id in self._with_those_above(found)}
        members = {
            (incident_id, alert.key): self.members[incident_id, alert.key]
            for incident_id in incidents
            for alert, _ in asked
            if (incident_id, alert.key) in self.members
        }
        if needs.collectors:
            incidents |= {one.id: one for one in self.incidents.values() if one.state.is_open}
            members |= self._uncleared
        firing = [
            member
            for inhibition, alert in needs.inhibitions
            for member in islice(self._inhibitors(inhibition, alert), INHIBITORS_COUNT_WANTED)
        ]
        snapshot = Snapshot(
            alerts=known,
            incidents=incidents,
            members=members,
            next_number=self._next_number,
            watches=self.watches,
            silences=tuple(one for one in self.silences if one.ends_at > self.now),
            firing=tuple(firing),
        )
        return sightings, snapshot

    def _with_those_above(self, found: Iterable[IncidentId]) -> list[IncidentId]:
        """These incidents, and what explains them in turn."""
        ids = list(dict.fromkeys(found))
        for incident_id in ids:  # grows on the way
            parent_id = self.incidents[incident_id].parent_id
            if parent_id and parent_id not in ids:
                ids.append(parent_id)
        return ids

    def _inhibitors(self, inhibition: Inhibition, alert: Alert) -> Iterator[Member]:
        return (one for one in self._uncleared.values() if self._is_firing(one) and inhibits(one, inhibition, alert))

    def _is_firing(self, member: Member) -> bool:
        """Whether the alert fires in this very incident: one that went to another leaves its row behind."""
        known = self._alerts[member.key]
        is_there = known.state is AlertState.FIRING and known.incident_id == member.incident_id
        return is_there and self.incidents[member.incident_id].state is not IncidentState.CLOSED

    def _follow(self, decision: Decision) -> None:
        """Write the decision, then send what is due."""
        self._write(decision)
        self._deliver()

    def _write(self, decision: Decision) -> None:
        self._alerts |= {alert.key: alert for alert in decision.alerts}
        for member in decision.members:
            place = (member.incident_id, member.key)
            self.members[place] = member
            known = self._alerts.get(member.key)
            is_here = known is not None and known.incident_id == member.incident_id
            if member.state is not AlertState.CLEARED and is_here:
                self._uncleared[place] = member
            else:
                self._uncleared.pop(place, None)
        self._write_watches(decision)
        self._ticketed.update((one.incident_id, one.ticket.connector) for one in decision.adoptions)
        for incident in decision.incidents:
            self._index(incident)
        for drop in decision.drops:
            self._waiting.drop(drop.incident_id, drop.kinds, drop.later_of, self.now)
        for effect in decision.effects:
            delivery = Delivery(
                key=effect.key,
                incident_id=effect.incident_id,
                connector=effect.connector,
                kind=effect.kind,
                lane=effect.lane,
                state=DeliveryState.WAITING,
                due_at=effect.due_at,
                created_at=self.now,
                person=effect.person,
                channel=effect.channel,
                level=effect.level,
                reason=effect.reason,
            )
            self._waiting.add(delivery)
        for key in decision.cleared_deadlines:
            self._deadlines.pop(key, None)
        for deadline in decision.deadlines:
            self._deadlines[deadline.incident_id, deadline.kind] = deadline.due_at
            heapq.heappush(self._due, (deadline.due_at, deadline.incident_id, deadline.kind))
        self.timeline += decision.timeline
        self._has_news |= {entry.incident_id for entry in decision.timeline if entry.for_ticket}
        self._next_number = decision.next_number or self._next_number

    def _write_watches(self, decision: Decision) -> None:
        for key in decision.ended_watches:
            self.watches.pop(key, None)
        for watch in decision.watches:
            self._put_watch(watch)
        for release in decision.releases:
            for key in sorted(self._watched_by.pop(release.by, ())):
                held = self.watches.get(key)
                if held is not None and held.by == release.by:
                    self._put_watch(replace(held, due_at=min(held.due_at, release.due_at)))

    def _put_watch(self, watch: Watch) -> None:
        self.watches[watch.key] = watch
        if watch.by:
            self._watched_by.setdefault(watch.by, set()).add(watch.key)
        heapq.heappush(self._watches_due, (watch.due_at, watch.key))

    def _is_due(self, at: datetime, key: AlertKey) -> bool:
        return key in self.watches and self.watches[key].due_at == at

    def _passed_watches(self) -> list[Watch]:
        """Those that are due by now, as they are."""
        due: dict[AlertKey, Watch] = {}
        while self._watches_due and self._watches_due[0][0] <= self.now:
            at, key = heapq.heappop(self._watches_due)
            if self._is_due(at, key):
                due[key] = self.watches[key]
        return list(due.values())

    def _index(self, incident: Incident) -> None:
        """Keep the incident where alerts find it: until it is closed, under keys that never change."""
        before = self.incidents.get(incident.id)
        self.incidents[incident.id] = incident
        self._waiting.look_again(incident.id)
        places = [(self._by_dedup_key, incident.dedup_key)]
        if incident.correlate_key:
            places.append((self._by_correlate_key, incident.correlate_key))
        if incident.collects_key:
            places.append((self._by_collects_key, incident.collects_key))
        for index, key in places:
            if before is None or (index is self._by_collects_key and before.collects_key is None):
                index.setdefault(key, []).append(incident.id)
            elif incident.closed_at is not None and incident.id in index.get(key, ()):
                index[key].remove(incident.id)

    def _passed_deadlines(self) -> Iterable[tuple[IncidentId, DeadlineKind]]:
        """Those that are due by now, each as long as the ones before it have not changed it."""
        while self._due and self._due[0][0] <= self.now:
            due_at, incident_id, kind = heapq.heappop(self._due)
            if self._deadlines.get((incident_id, kind)) == due_at:
                yield incident_id, kind

    # ------------------------------------------------------------------ what the dispatcher does

    def _deliver(self) -> None:
        """Send whatever is due, each lane in its order, until nothing more goes out."""
        while (going := self._waiting.take(self.now, self._is_held)) is not None:
            self._perform(going)

    def _is_held(self, delivery: Delivery) -> bool:
        """As the dispatcher does it: while all alerts have cleared, a page waits, since it may be over."""
        incident = self.incidents[delivery.incident_id]
        return delivery.kind is EffectKind.PAGE and incident.clearing_since is not None and incident.state.is_open

    def _perform(self, delivery: Delivery) -> None:
        incident = self.incidents[delivery.incident_id]
        if delivery.kind is EffectKind.TICKET_COMMENT and incident.is_comment_waiting:
            incident = self.incidents[incident.id] = replace(incident, is_comment_waiting=False)
        place = (incident.id, delivery.connector)
        reason = relevance.moot(
            delivery,
            incident,
            has_ticket=place in self._ticketed,
            has_news=incident.id in self._has_news,
            is_superseded=any(
                other.kind is delivery.kind and other.key != delivery.key for other in self._waiting.behind(delivery)
            ),
        )
        if reason is not None or not self._has_address(delivery):
            return
        escalates = incident.escalation is not None and incident.escalation.has_next_step
        next_step_at = self.deadline_of(incident.id, DeadlineKind.ESCALATE) if escalates else None
        self.performed.append(Performed(self.now, delivery, incident, next_step_at, len(self.timeline)))
        if delivery.kind is EffectKind.TICKET_OPEN:
            self._ticketed.add(place)
        if delivery.kind.is_ticket and delivery.kind is not EffectKind.TICKET_PRIORITY:
            self._has_news.discard(incident.id)
        settled = settle(
            delivery,
            Outcome(OutcomeKind.DONE, delivery.connector),  # where the ticket's name would stand
            incident,
            self.policy,
            self.now,
            chance=0.0,
            lookup_window_seconds=0.0,
        )
        self._write(settled.decision)

    def _has_address(self, delivery: Delivery) -> bool:
        """Whether the person is still there; tickets have no receiver."""
        if delivery.person is None or delivery.channel is None:
            return True
        person = self.policy.people.get(delivery.person)
        return person is not None and person.address_of(delivery.channel) is not None
