"""A day under rules that use the whole language: the pure world, with words for what happens and what is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ingestd.core.alert import Alert
from ingestd.core.conduct import Flap, Mode, ResolveOn, Threshold
from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.effects import Decision, Finding
from ingestd.core.incident import AlertState, Incident
from ingestd.core.names import EffectKind, IncidentId, Level, Severity
from ingestd.core.policy import Policy
from ingestd.core.response import PageWhen, Response
from ingestd.core.rule_draft import EnrichDraft, MaintenanceDraft, PairDraft, RuleDraft, Stages
from ingestd.core.ruleset import DEFAULT_MATRIX, DuringWindow
from ingestd.core.silence import Silence
from ingestd.core.windows import OneOff, TimeWindow
from ingestd.testing.builders import NOW, alert
from ingestd.testing.pure_world import PureWorld
from ingestd.testing.world import policy

HIGH, MEDIUM = Level.HIGH, Level.MEDIUM


def _rule(name: str, **changes) -> RuleDraft:
    return RuleDraft(
        name=name.lower(), match=(f"alertname = {name}",), impact=MEDIUM, urgency=HIGH, correlate_by=(), **changes
    )


RULES = (
    _rule("Lag", hold_seconds=300),
    _rule("Flaky", threshold=Threshold(3, 600), dedup_by=("service",)),
    _rule("AppDown", inhibit_by=(PairDraft(("alertname = NodeDown",), ("cluster",)),)),
    _rule("NodeDown"),
    replace(_rule("Backbone", collects=PairDraft(("alertname =~ Shop|Cart",), ("cluster",))), impact=HIGH),
    _rule("Shop"),
    _rule("Cart", hold_seconds=120),
    _rule("Link", flap=Flap(3, 1200)),
    replace(_rule("Both", resolve_on=ResolveOn.ANY), correlate_by=("cluster",)),
    replace(_rule("Fire", resolve_on=ResolveOn.NEVER), correlate_by=("cluster",)),
    _rule("Cron", auto_resolve_seconds=3600),
    _rule("CronLag", auto_resolve_seconds=1800, hold_seconds=7200),
    _rule("CronFlaky", auto_resolve_seconds=60, threshold=Threshold(3, 3600)),
    _rule("Trial", mode=Mode.MONITOR),
    _rule("Old", expires_at=NOW + timedelta(hours=2)),
    replace(_rule("Office"), impact=MEDIUM, urgency=MEDIUM),
    replace(_rule("Note"), impact=Level.LOW, urgency=Level.LOW),
    RuleDraft(name="grouped", match=("alertname =~ Group.*",), impact=MEDIUM, urgency=HIGH, correlate_by=("cluster",)),
    RuleDraft(name="worst", match=("alertname = Worst",), impact=HIGH, urgency=HIGH, correlate_by=("cluster",)),
)

RESPONSES = {
    Severity.CRITICAL: Response(PageWhen.NOW, ack_within_seconds=300),
    Severity.HIGH: Response(PageWhen.NOW, ack_within_seconds=900),
    Severity.MEDIUM: Response(PageWhen.OFFICE_HOURS, ack_within_seconds=3600),
    Severity.LOW: Response(PageWhen.NEVER),
}
OFFICE = TimeWindow(UTC, weekdays=((0, 4),), times=((9 * 60, 17 * 60),))


def window(name: str, during: DuringWindow, begin: float = 0, end: float = 3600, match: str = "") -> MaintenanceDraft:
    """From so many seconds after ``NOW`` to so many, for alerts with ``window = NAME``."""
    times = (OneOff(NOW + timedelta(seconds=begin), NOW + timedelta(seconds=end)),)
    return MaintenanceDraft(name, (match or f"window = {name}",), None, (), times, during)


WINDOWS = (
    window("drop", DuringWindow.DROP),
    window("record", DuringWindow.RECORD),
    window("ticket", DuringWindow.TICKET_ONLY),
    window("long", DuringWindow.TICKET_ONLY, 0, 7200, match="window =~ drop_then|record_then"),
    window("first", DuringWindow.DROP, match="window = drop_then"),
    window("second", DuringWindow.RECORD, match="window = record_then"),
)


def rules(*drafts: RuleDraft, **stages) -> Policy:
    """These rules, else all of them."""
    made = {"responses": RESPONSES, "maintenance": WINDOWS, "office_hours": (OFFICE,), **stages}
    return policy(drafts or RULES, stages=Stages(DEFAULT_MATRIX, "test", **made))


POLICY = rules()


def renamed() -> tuple[EnrichDraft, ...]:
    return (EnrichDraft("names", rename=(("kind", "alertname"),)),)


class Day(PureWorld):
    """What happens, said shortly. An alert is its name and its labels; it began when it is said first."""

    def __init__(self, made: Policy = POLICY, now: datetime = NOW) -> None:
        super().__init__(made, now)

    # ------------------------------------------------------------------ what happens

    def said(self, name: str, host: str = "db1", status: str = "firing", **labels: str) -> Alert:
        """An alert as its sender says it now."""
        plain = alert(status, labels={"alertname": name, "host": host, **labels})
        return replace(plain, starts_at=self.now, ends_at=self.now if status == "resolved" else None)

    def fires(self, name: str, host: str = "db1", **labels: str) -> Finding:
        (finding,) = self.receive(self.said(name, host, **labels)).findings
        return finding

    def clears(self, name: str, host: str = "db1", **labels: str) -> Finding:
        (finding,) = self.receive(replace(self.said(name, host, "resolved", **labels), starts_at=None)).findings
        return finding

    def silence(self, seconds: float, *matchers: str) -> Silence:
        number = len(self.silences) + 1
        made = Silence(
            f"SIL-{number}", number, matchers, "so", "ada", self.now, self.now, self.now + timedelta(seconds=seconds)
        )
        self.silences = (*self.silences, made)
        return made

    def passes(self, **duration: float) -> None:
        """Time passes, and whatever is due on the way goes out at once."""
        self.pass_time(timedelta(**duration).total_seconds())

    def acknowledges(self, number: int = 1001) -> Decision:
        return self.answer(Answer(IncidentId(f"INC-{number}"), AnswerAction.ACKNOWLEDGE, "ada", "link"))

    def resolves_by_hand(self, number: int = 1001) -> Decision:
        return self.answer(Answer(IncidentId(f"INC-{number}"), AnswerAction.RESOLVE, "ada", "link"))

    # ------------------------------------------------------------------ what is seen

    def incident(self, number: int = 1001) -> Incident:
        return self.incidents[IncidentId(f"INC-{number}")]

    def states(self) -> dict[int, str]:
        """Incidents by number, each with its state; a quiet one in brackets."""
        return {
            one.number: f"({one.state.value})" if one.quiet and one.state.is_open else one.state.value
            for one in self.incidents.values()
        }

    def queued(self, kind: EffectKind, number: int | None = None) -> int:
        """How many of this kind were queued, whatever became of them."""
        return sum(
            one.kind is kind and number in {None, self.incidents[one.incident_id].number}
            for one in self.outbox.values()
        )

    def pages(self, number: int | None = None) -> int:
        return self.queued(EffectKind.PAGE, number)

    def tickets(self, number: int | None = None) -> int:
        return self.queued(EffectKind.TICKET_OPEN, number)

    def state_of(self, name: str, host: str = "db1", **labels: str) -> AlertState:
        return self.alerts[self.said(name, host, **labels).key].state

    def held_by(self, name: str, host: str = "db1", **labels: str) -> str:
        """``reason by`` of what keeps the alert back; empty if nothing does."""
        watch = self.watches.get(self.said(name, host, **labels).key)
        return "" if watch is None or watch.held is None else f"{watch.held.value} {watch.by}"

    def reasons(self, number: int = 1001) -> list[str]:
        wanted = IncidentId(f"INC-{number}")
        return [f"{entry.kind}/{entry.reason}" for entry in self.timeline if entry.incident_id == wanted]
