"""What is remembered: the alert as last seen, its membership in an incident, and the incident itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from ingestd.core.conduct import Conduct
from ingestd.core.names import AlertKey, Channel, IncidentId, IncidentState, Level, PersonName, Severity
from ingestd.core.policy import Step
from ingestd.core.reporter import Reporter


class AlertState(StrEnum):
    """Where an alert stands. ``vanished``: the sender lost sight of it, which is no recovery. ``held``: it fires and is kept back."""

    FIRING = "firing"
    HELD = "held"
    CLEARED = "cleared"
    VANISHED = "vanished"


@dataclass(frozen=True, slots=True)
class KnownAlert:
    """An alert as it was last seen, by key. One row for ever (until pruned), whatever the number of episodes."""

    key: AlertKey
    state: AlertState
    incident_id: IncidentId
    """The incident that it was last part of; empty if only its end was ever seen."""
    first_seen_at: datetime
    last_seen_at: datetime
    starts_at: datetime | None
    ended_at: datetime | None
    """When the sender says that it ended; the instant of receipt if it did not say."""
    cleared_seen_at: datetime | None
    """When the resolve was received."""
    expires_at: datetime | None = None
    """As in ``Alert``, as it was said last; None of what has cleared."""


@dataclass(frozen=True, slots=True)
class Member:
    """An alert's part in one incident: what people read. Kept with the incident after the alert has moved on."""

    incident_id: IncidentId
    key: AlertKey
    state: AlertState
    source: str
    name: str
    summary: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    links: Mapping[str, str]
    value: str
    joined_at: datetime
    cleared_at: datetime | None = None
    sender: str | None = None
    """Of mail: as in ``Alert``; None for one that is older than this."""
    subject: str | None = None
    body: str | None = None
    """Of mail: the beginning of its text."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """A running escalation: a copy of the policy as it was when it began, and how far it has come."""

    policy_name: str
    ruleset_version: str
    steps: tuple[Step, ...]
    loop_count: int
    step_index: int = 0
    loops_done: int = 0
    is_held: bool = False
    """A step came due while all alerts had cleared; it goes at once if one fires again."""
    is_exhausted: bool = False
    """Every step ran as often as the policy says and nobody answered."""
    paged: tuple[tuple[PersonName, Channel], ...] = ()
    """Who was told, and how; each once, in order."""
    unreached: tuple[PersonName, ...] = ()
    """Who of the present step cannot be reached on any channel."""
    on_call: tuple[PersonName, ...] | None = None
    """Whom the present step meant when it was paged; None if that is what it says: it names people alone."""
    repeats_done: int = 0
    """How often the present step was paged again."""
    policy_version: str = ""
    """Of the policy that was copied."""
    last_resort: tuple[PersonName, ...] = ()
    ack_expires_seconds: int | None = None
    tried: tuple[tuple[PersonName, Channel], ...] = ()
    """By which channels people were paged since a step last meant them."""
    has_tried: bool = False
    """Whether a page was queued for anybody in this run."""

    @property
    def level(self) -> int:
        """1 for the first level: L1, L2, ..."""
        return self.step.level or self.step_index + 1

    @property
    def step(self) -> Step:
        """The step that was paged last."""
        return self.steps[self.step_index]

    @property
    def people(self) -> tuple[PersonName, ...]:
        """Whom the present step means: whoever was on call when it was paged; nobody if nobody was."""
        if self.is_exhausted:
            return ()
        return self.step.people if self.on_call is None else self.on_call

    @property
    def waited_seconds(self) -> int:
        """How long the steps before the present one had to wait for an answer, all together."""

        def whole(steps: tuple[Step, ...]) -> int:
            return sum(one.wait_seconds * one.repeat_count for one in steps)

        before = self.loops_done * whole(self.steps) + whole(self.steps[: self.step_index])
        return before + self.repeats_done * self.step.wait_seconds

    @property
    def repeats_left(self) -> int:
        """How often the present step is still paged again before the next one."""
        return max(0, self.step.repeat_count - 1 - self.repeats_done)

    @property
    def has_next_level(self) -> bool:
        """Whether others are paged when the present step has run out: a further step, the first one again, or the last resort."""
        return (self.following is not None or bool(self.last_resort)) and not self.is_exhausted

    @property
    def has_next_step(self) -> bool:
        """Whether anybody is paged when the present step has waited long enough; else nobody is left."""
        return self.has_next_level or (self.repeats_left > 0 and not self.is_exhausted)

    @property
    def following(self) -> Escalation | None:
        """One step further, whatever its hours; None after the last step of the last run."""
        if self.step_index + 1 < len(self.steps):
            return replace(self, step_index=self.step_index + 1, repeats_done=0)
        if self.loops_done + 1 < self.loop_count:
            return replace(self, step_index=0, repeats_done=0, loops_done=self.loops_done + 1)
        return None

    def step_after(self, at: datetime) -> Step | None:
        """The step that is paged at an instant, if the present one has waited long enough by then; None if no step is left."""
        if self.repeats_left and not self.is_step_unreachable:
            return self.step
        moved = self.following
        while moved is not None and moved.step.only is not None and not moved.step.only.contains(at):
            moved = moved.following
        return moved.step if moved is not None else None

    @property
    def is_step_unreachable(self) -> bool:
        """Whether nobody of the present step can be reached, or it means nobody."""
        return set(self.people) <= set(self.unreached)


@dataclass(frozen=True, slots=True)
class Incident:
    """An ongoing situation that somebody should know of."""

    id: IncidentId
    number: int
    state: IncidentState
    severity: Severity
    impact: Level
    urgency: Level
    category: str
    team: str
    rule: str
    title: str
    summary: str
    runbook: str
    dedup_key: str
    correlate_key: str
    correlate_within_seconds: int
    reopen_within_seconds: int
    opened_at: datetime
    last_alert_at: datetime
    """When an alert last fired or joined; correlation counts from here."""
    firing_count: int = 0
    """Alerts that have not cleared; vanished ones count."""
    alert_count: int = 0
    clearing_since: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    resolved_at: datetime | None = None
    resolved_by: str = ""
    """Who resolved it by hand; empty when its alerts cleared."""
    closed_at: datetime | None = None
    reopen_count: int = 0
    ticket_connector: str = ""
    ticket_options: Mapping[str, Any] = field(default_factory=dict)
    is_comment_waiting: bool = False
    """A comment is queued that has not been worded yet: further news rides with it."""
    escalation: Escalation | None = None
    effect_counts: Mapping[str, int] = field(default_factory=dict)
    """How many effects of each ``connector/kind`` there have been: the n of their keys."""
    conduct: Conduct = field(default_factory=Conduct)
    fired_at: tuple[datetime, ...] = ()
    """When it fired lately, for rules that recognise flapping; oldest first."""
    parent_id: IncidentId | None = None
    """The open incident that explains this one: while it is open nobody is paged for this."""
    collects_key: str | None = None
    """The name by which alerts find that this incident explains them."""
    quiet: str | None = None
    """Why it pages nobody, or opens no ticket, although its rule says so; in words."""
    awaiting_policy: str | None = None
    """Who is paged when office hours begin."""
    assignee: PersonName | None = None
    """Who is in charge of it; None if nobody was assigned."""
    reporters: tuple[Reporter, ...] = ()
    """Who reported it from outside, each address once, in order."""

    @property
    def is_reopenable(self) -> bool:
        """Whether a re-fire belongs here although it was resolved."""
        return self.state is IncidentState.RESOLVED
