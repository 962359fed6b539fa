"""A stored history through one or two sets of rules, by the production core in virtual time. Nothing is sent and nothing written."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NewType, Protocol

from ingestd.core import sources
from ingestd.core.alert import Alert, ParsedEnvelope, Unreadable
from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.effects import Verdict
from ingestd.core.names import AlertKey, AlertStatus, EffectKind, IncidentId, IncidentState, PersonName
from ingestd.core.policy import Policy
from ingestd.core.silence import Silence
from ingestd.core.sources import ReadLimits, SourceKind, SourceWays
from ingestd.trial.rehearsal import Rehearsal
from ingestd.trial.written_alert import Doors

Episode = NewType("Episode", int)
"""One time that an alert fired: from when it was first said until it was said to be over, whatever any rules made of it."""

REST = timedelta(days=4)
"""How long a replay goes on after its last envelope, besides the longest escalation: grace, a long weekend before office hours."""


class Received(Protocol):
    """An envelope as it was stored. ``kind`` is how its source is read."""

    @property
    def source(self) -> str:
        """Who sent it."""

    @property
    def kind(self) -> str:
        """How it is read."""

    @property
    def received_at(self) -> datetime:
        """When; aware."""

    @property
    def body(self) -> bytes:
        """As it came."""


@dataclass(slots=True)
class Episodes:
    """When each alert began to fire, as the senders say it: the same whatever the rules are, so that two sides can be compared."""

    count: int = 0
    _firing: set[AlertKey] = field(default_factory=set)
    _begun: dict[AlertKey, list[tuple[datetime, Episode]]] = field(default_factory=dict)

    def see(self, alert: Alert, at: datetime) -> Episode | None:
        """The episode that the alert belongs to; None for the end of something that was never seen."""
        begun = self._begun.setdefault(alert.key, [])
        if alert.status is AlertStatus.FIRING and alert.key not in self._firing:
            self._firing.add(alert.key)
            begun.append((at, Episode(self.count)))
            self.count += 1
        elif alert.status is not AlertStatus.FIRING:
            self._firing.discard(alert.key)
        return begun[-1][1] if begun else None

    def running(self, key: AlertKey, at: datetime) -> Episode | None:
        """The episode of an alert that had begun last at an instant."""
        return next((episode for began_at, episode in reversed(self._begun.get(key, [])) if began_at <= at), None)


class Side:
    """What one set of rules makes of the history. With ``answer_after`` everybody who is paged acknowledges so much later.

    Of what the rehearsal did only what is counted is kept, and its lists are emptied on the way: it takes half the memory.
    """

    def __init__(self, policy: Policy, began_at: datetime, answer_after: timedelta | None) -> None:
        self.rehearsal = Rehearsal(policy, began_at)
        self.episodes: dict[IncidentId, set[Episode]] = {}
        """What each incident is made of."""
        self.asked: dict[str, set[Episode]] = {}
        """By rule: the alerts that it decided about."""
        self.pages: dict[IncidentId, list[tuple[datetime, PersonName]]] = {}
        self.tickets: dict[IncidentId, str] = {}
        """The connector of each ticket that was opened, with the rule's options."""
        self._answer_after = answer_after
        self._answers: list[tuple[datetime, IncidentId, PersonName]] = []
        """A heap of the answers to come: at most one for each incident."""
        self._answering: set[IncidentId] = set()

    def receive(self, envelope: ParsedEnvelope, episodes: Sequence[Episode | None], at: datetime) -> None:
        """Time passes until the envelope arrives, and it is decided."""
        self.pass_until(at)
        decision = self.rehearsal.receive(envelope.alerts, envelope.truncated_count)
        for finding, episode in zip(decision.findings, episodes, strict=True):
            if episode is None:
                continue
            if finding.rule:
                self.asked.setdefault(finding.rule, set()).add(episode)
            if finding.verdict is Verdict.NEW and finding.incident_id is not None:
                self.episodes.setdefault(finding.incident_id, set()).add(episode)
        self._gather()

    def pass_until(self, at: datetime) -> None:
        """Time passes, and people answer if they are to."""
        if self._answer_after is None:
            self.rehearsal.pass_until(at)
            self._gather()
            return
        while (next_at := self._next_at()) is not None and next_at <= at:
            self.rehearsal.pass_until(next_at)
            self._gather()
            while self._answers and self._answers[0][0] <= self.rehearsal.now:
                self._answer(*heapq.heappop(self._answers)[1:])
        self.rehearsal.pass_until(at)

    def finish(self, at: datetime, episodes: Episodes) -> None:
        """Nothing arrives any more: time passes until ``at``. Alerts that came into an incident by themselves are found by their time."""
        self.pass_until(at)
        for (incident_id, key), member in self.rehearsal.members.items():
            episode = episodes.running(key, member.joined_at)
            if episode is not None:
                self.episodes.setdefault(incident_id, set()).add(episode)

    def _next_at(self) -> datetime | None:
        due_at = self.rehearsal.next_due_at()
        answer_at = self._answers[0][0] if self._answers else None
        return min((at for at in (due_at, answer_at) if at is not None), default=None)

    def _gather(self) -> None:
        """Keep of what went out what will be counted, and expect answers to it."""
        for one in self.rehearsal.performed:
            delivery, person = one.delivery, one.delivery.person
            if delivery.kind is EffectKind.TICKET_OPEN:
                options = (f"{name}: {value}" for name, value in one.incident.ticket_options.items())
                self.tickets[delivery.incident_id] = ", ".join([delivery.connector, *options])
            elif delivery.kind is EffectKind.PAGE and person is not None:
                self.pages.setdefault(delivery.incident_id, []).append((one.at, person))
                if self._answer_after is not None and delivery.incident_id not in self._answering:
                    self._answering.add(delivery.incident_id)
                    heapq.heappush(self._answers, (one.at + self._answer_after, delivery.incident_id, person))
        self.rehearsal.performed.clear()
        self.rehearsal.asked.clear()
        self.rehearsal.timeline.clear()

    def _answer(self, incident_id: IncidentId, person: PersonName) -> None:
        self._answering.discard(incident_id)
        if self.rehearsal.incidents[incident_id].state is IncidentState.TRIGGERED:
            self.rehearsal.answer(Answer(incident_id, AnswerAction.ACKNOWLEDGE, person, "replay"))


class Replay:
    """Plays envelopes, oldest first, to every side alike. Each is read once, with the limits of its source.

    ``silences`` are those that were made in that time: they hold on every side.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        doors: Doors,
        began_at: datetime,
        *,
        answer_after: timedelta | None = None,
        silences: Iterable[Silence] = (),
    ) -> None:
        self.sides = [Side(policy, began_at, answer_after) for policy in policies]
        for side in self.sides:
            side.rehearsal.silences += silences
        self.episodes = Episodes()
        self.envelope_count = 0
        self.unreadable_count = 0
        """Envelopes of which nothing could be read."""
        self.alert_count = 0
        self.first_at: datetime | None = None
        self.last_at = began_at
        self._doors = doors

    def take(self, envelope: Received) -> None:
        """The next envelope."""
        self.envelope_count += 1
        self.first_at = self.first_at or envelope.received_at
        self.last_at = max(self.last_at, envelope.received_at)
        parsed = self._read(envelope)
        if parsed is None:
            self.unreadable_count += 1
            return
        self.alert_count += len(parsed.alerts)
        episodes = [self.episodes.see(alert, self.last_at) for alert in parsed.alerts]
        for side in self.sides:
            side.receive(parsed, episodes, self.last_at)

    def finish(self) -> None:
        """Let time pass until nobody is left to be paged."""
        for side in self.sides:
            waits = [
                sum(step.wait_seconds for step in plan.steps) * plan.loop_count
                for plan in side.rehearsal.policy.escalations.values()
            ]
            side.finish(self.last_at + timedelta(seconds=max(waits, default=0)) + REST, self.episodes)

    def _read(self, envelope: Received) -> ParsedEnvelope | None:
        if envelope.kind not in set(SourceKind):
            return None
        limits = self._doors.limits.get(envelope.source) or ReadLimits()
        ways = self._doors.ways.get(envelope.source) or SourceWays()
        kind = SourceKind(envelope.kind)
        parsed = sources.read(kind, envelope.source, envelope.body, limits, ways, envelope.received_at)
        return None if isinstance(parsed, Unreadable) else parsed
