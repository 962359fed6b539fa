"""The core with dictionaries for a database and a list for the outside: thousands of histories a second, for properties.

It repeats in a few lines what the store and the workers do around the core (apply, claim, settle), so that a property that
breaks here is a fault of the core. What the real store does is tested on real databases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ingestd.core import correlate, relevance
from ingestd.core.alert import Alert
from ingestd.core.classify import classify
from ingestd.core.decide import Answer, decide_alerts, decide_answer, decide_deadline
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.draft import Snapshot
from ingestd.core.effects import LATER_LANE, Deadline, DeadlineKind, Decision, DropReason, TimelineEntry
from ingestd.core.incident import AlertState, Incident, KnownAlert, Member
from ingestd.core.invariants import Facts, broken
from ingestd.core.names import AlertKey, EffectKey, EffectKind, IncidentId, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.receipt import settle_receipt
from ingestd.core.settle import Outcome, OutcomeKind, Settlement, settle
from ingestd.core.sighting import Cause, Sighting, sight
from ingestd.core.silence import Silence
from ingestd.core.watch import Watch

LOOKUP_WINDOW_SECONDS = 600.0


@dataclass(slots=True)
class PureWorld:
    """Everything that is known and queued. Each step checks the promises of ``core.invariants`` and raises if one is broken."""

    policy: Policy
    now: datetime
    alerts: dict[AlertKey, KnownAlert] = field(default_factory=dict)
    members: dict[tuple[IncidentId, AlertKey], Member] = field(default_factory=dict)
    incidents: dict[IncidentId, Incident] = field(default_factory=dict)
    outbox: dict[EffectKey, Delivery] = field(default_factory=dict)
    deadlines: dict[tuple[IncidentId, DeadlineKind], Deadline] = field(default_factory=dict)
    timeline: list[TimelineEntry] = field(default_factory=list)
    ticketed: set[IncidentId] = field(default_factory=set)
    watches: dict[AlertKey, Watch] = field(default_factory=dict)
    silences: tuple[Silence, ...] = ()
    next_number: int = 1001

    # ------------------------------------------------------------------ what the store does

    def snapshot(self) -> Snapshot:
        """All that is known; closed incidents only as far as an alert refers to them, as the store reads it."""
        firing = tuple(
            member
            for member in self.members.values()
            if member.state is AlertState.FIRING
            and self.alerts[member.key].state is AlertState.FIRING
            and self.alerts[member.key].incident_id == member.incident_id
            and self.incidents[member.incident_id].state is not IncidentState.CLOSED
        )
        return Snapshot(
            dict(self.alerts),
            dict(self.incidents),
            dict(self.members),
            self.next_number,
            dict(self.watches),
            self.silences,
            firing,
        )

    def apply(self, decision: Decision) -> None:
        """Write the decision, and check every promise."""
        self.alerts |= {alert.key: alert for alert in decision.alerts}
        self.members |= {(member.incident_id, member.key): member for member in decision.members}
        for incident in decision.incidents:
            self._require_legal(self.incidents.get(incident.id), incident)
            self.incidents[incident.id] = incident
        for drop in decision.drops:
            for delivery in list(self.outbox.values()):
                waits = delivery.state in {DeliveryState.WAITING, DeliveryState.UNCERTAIN}
                is_meant = drop.later_of is None or (
                    delivery.person == drop.later_of
                    and delivery.lane.endswith(LATER_LANE)
                    and delivery.due_at > self.now
                )
                if is_meant and waits and delivery.incident_id == drop.incident_id and delivery.kind in drop.kinds:
                    self.outbox[delivery.key] = replace(delivery, state=DeliveryState.DROPPED, detail=drop.reason)
        for effect in decision.effects:
            assert effect.key not in self.outbox, f"{effect.key} was handed out twice: the second would never go"
            self.outbox[effect.key] = Delivery(
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
        for key in decision.cleared_deadlines:
            self.deadlines.pop(key, None)
        self.deadlines |= {(due.incident_id, due.kind): due for due in decision.deadlines}
        self._write_watches(decision)
        self.timeline += decision.timeline
        self.next_number = decision.next_number or self.next_number
        self.check()

    def _write_watches(self, decision: Decision) -> None:
        for key in decision.ended_watches:
            self.watches.pop(key, None)
        self.watches |= {watch.key: watch for watch in decision.watches}
        for release in decision.releases:
            for watch in list(self.watches.values()):
                if watch.by == release.by and watch.due_at > release.due_at:
                    self.watches[watch.key] = replace(watch, due_at=release.due_at)

    def _require_legal(self, before: Incident | None, after: Incident) -> None:
        """A7: no incident leaves the closed state, and none is closed but from the resolved one."""
        if before is None:
            assert after.state is not IncidentState.CLOSED, f"{after.id} is born closed"
            return
        assert before.state is not IncidentState.CLOSED or after.state is IncidentState.CLOSED, f"{after.id} came back"
        if after.state is IncidentState.CLOSED:
            assert before.state in {IncidentState.RESOLVED, IncidentState.CLOSED}, (
                f"{after.id} closed while it was open"
            )
        for counter, count in before.effect_counts.items():
            assert after.effect_counts.get(counter, 0) >= count, f"{after.id} would hand out a key of {counter} again"

    def facts(self) -> Facts:
        """What the invariants are about."""

        def of(values: Iterable[Delivery], incident_id: IncidentId) -> tuple[Delivery, ...]:
            return tuple(value for value in values if value.incident_id == incident_id)

        return Facts(
            incidents=tuple(self.incidents.values()),
            members={
                one: tuple(member for key, member in self.members.items() if key[0] == one) for one in self.incidents
            },
            deadlines={
                one: frozenset(kind for owner, kind in self.deadlines if owner == one) for one in self.incidents
            },
            deliveries={one: of(self.outbox.values(), one) for one in self.incidents},
            ticketed=frozenset(self.ticketed),
            alerts={key: known.state for key, known in self.alerts.items()},
            watches=self.watches,
        )

    def check(self) -> None:
        """Raise if a promise is broken."""
        found = broken(self.facts())
        assert not found, found

    # ------------------------------------------------------------------ what the workers do

    def sightings(
        self, arrived: Sequence[Alert], truncated_count: int = 0, cause: Cause = Cause.ARRIVED
    ) -> list[Sighting]:
        """The alerts with what the rules say of those that are news."""
        times = Counter(alert.key for alert in arrived)
        found = []
        for alert in arrived:
            known = self.alerts.get(alert.key)
            own = self.incidents.get(known.incident_id) if known else None
            again = times[alert.key] > 1
            member = self.members.get((own.id, alert.key)) if own else None
            more: dict[str, Any] = {"truncated_count": truncated_count, "cause": cause, "comes_again": again}
            found.append(sight(alert, known, own, self.policy, self.now, member=member, **more))
        return found

    def receive(self, *arrived: Alert, truncated_count: int = 0) -> Decision:
        """One envelope is decided."""
        sightings = self.sightings(arrived, truncated_count)
        decision = decide_alerts(sightings, self.snapshot(), self.policy, self.now)
        assert [finding.key for finding in decision.findings] == [alert.key for alert in arrived], (
            "A2: one finding each"
        )
        self.apply(decision)
        return decision

    def answer(self, answer: Answer) -> Decision:
        """A person says something."""
        decision = decide_answer(answer, self.incidents[answer.incident_id], self.policy, self.now)
        self.apply(decision)
        return decision

    def pass_time(self, seconds: float) -> None:
        """Time passes; the deadlines on the way are kept when they are due."""
        until = self.now + timedelta(seconds=seconds)
        while True:
            first = min(self.deadlines.values(), key=lambda due: (due.due_at, due.incident_id, due.kind), default=None)
            watch = min(self.watches.values(), key=lambda one: (one.due_at, one.key), default=None)
            if watch is not None and watch.due_at <= until and (first is None or watch.due_at < first.due_at):
                self.now = max(self.now, watch.due_at)
                self.look_again()
            elif first is not None and first.due_at <= until:
                self.now = max(self.now, first.due_at)
                self.apply(decide_deadline(first.kind, self.incidents[first.incident_id], self.policy, self.now))
            else:
                break
        self.now = until

    def look_again(self) -> Decision:
        """The watches that are due by now are kept, all in one decision."""
        due = sorted(
            (one for one in self.watches.values() if one.due_at <= self.now), key=lambda one: (one.due_at, one.key)
        )
        sightings = self.sightings([one.alert for one in due], cause=Cause.WATCH_DUE)
        decision = decide_alerts(sightings, self.snapshot(), self.policy, self.now)
        self.apply(decision)
        return decision

    def claimable(self) -> list[EffectKey]:
        """What is due: the oldest unsettled delivery of each lane."""
        heads: dict[str, Delivery] = {}
        for delivery in self.outbox.values():
            if not delivery.state.is_settled:
                heads.setdefault(delivery.lane, delivery)
        return [
            head.key for head in heads.values() if head.due_at <= self.now and head.state is not DeliveryState.LEASED
        ]

    def claim(self, key: EffectKey) -> DropReason | None:
        """Lease one; gives the reason if it is dropped instead."""
        delivery = self.outbox[key]
        incident = self.incidents[delivery.incident_id]
        if delivery.kind is EffectKind.TICKET_COMMENT:
            delivery = replace(delivery, noted_up_to=len(self.timeline))
            incident = self.incidents[incident.id] = replace(incident, is_comment_waiting=False)
        later = [
            other
            for other in self.outbox.values()
            if other.lane == delivery.lane and other.kind is delivery.kind and not other.state.is_settled
        ]
        reason = relevance.moot(
            delivery,
            incident,
            has_ticket=incident.id in self.ticketed,
            has_news=True,
            is_superseded=later[-1].key != key,
        )
        is_lookup = delivery.unknown_since is not None and delivery.kind is EffectKind.TICKET_OPEN
        if reason is not None and not is_lookup:
            self.outbox[key] = replace(delivery, state=DeliveryState.DROPPED, detail=reason)
        else:
            self.outbox[key] = replace(delivery, state=DeliveryState.LEASED, fence=delivery.fence + 1)
            reason = None
        self.check()
        return reason

    def finish(self, key: EffectKey, outcome: OutcomeKind, chance: float = 0.5) -> Settlement:
        """The attempt ends so. A look-up that finds nothing is only possible for what was unknown."""
        delivery = self.outbox[key]
        settled = settle(
            delivery,
            Outcome(outcome, "said so"),
            self.incidents[delivery.incident_id],
            self.policy,
            self.now,
            chance=chance,
            lookup_window_seconds=LOOKUP_WINDOW_SECONDS,
        )
        self.outbox[key] = settled.delivery
        if outcome is OutcomeKind.DONE and delivery.kind is EffectKind.TICKET_OPEN:
            self.ticketed.add(delivery.incident_id)
        if outcome is OutcomeKind.GONE and delivery.kind.is_ticket:
            self.ticketed.discard(delivery.incident_id)
        self.apply(settled.decision)
        return settled

    def receipt(self, key: EffectKey, status: str) -> Settlement:
        """The service says what became of a page."""
        delivery = self.outbox[key]
        incident = self.incidents[delivery.incident_id]
        settled = settle_receipt(delivery, status, "said so", incident, self.policy, self.now)
        self.outbox[key] = settled.delivery
        self.apply(settled.decision)
        return settled

    def place_of(self, alert: Alert) -> str:
        """The key of the thing that the alert is about, by the rules of now."""
        return correlate.dedup_key_of(alert.key, classify(alert, self.policy.ruleset, self.now))
