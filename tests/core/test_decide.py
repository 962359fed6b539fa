"""What holds for every history: equal arguments decide equally, the same envelope twice changes nothing, no promise is broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingestd.core.alert import Alert
from ingestd.core.decide import Answer, AnswerAction, decide_alerts
from ingestd.core.delivery import DeliveryState
from ingestd.core.effects import Verdict
from ingestd.core.incident import AlertState
from ingestd.core.names import EffectKind, IncidentState, PersonName
from ingestd.core.policy import Step
from ingestd.core.settle import OutcomeKind
from ingestd.testing.builders import NOW, alert
from ingestd.testing.pure_world import PureWorld
from ingestd.testing.world import policy

NAMES, HOSTS, CLUSTERS = ("DiskFull", "SiteDown", "Watchdog", "Odd"), ("db1", "db2"), ("a", "b")
POLICIES = (
    policy(),
    policy(steps=[Step((PersonName("ada"), PersonName("bo")), 60), Step((PersonName("cy"),), 60)], loop_count=2),
    policy(steps=[Step((PersonName("stranger"),), 60), Step((PersonName("ada"),), 60)]),
)
places = st.tuples(st.sampled_from(NAMES), st.sampled_from(HOSTS), st.sampled_from(CLUSTERS))


def message(place: tuple[str, str, str], status: str, starts: int | None, ends: int | None, why: str = "") -> Alert:
    name, host, cluster = place
    return replace(
        alert(status, labels={"alertname": name, "host": host, "cluster": cluster}),
        source="grafana" if why else "alertmanager",
        starts_at=None if starts is None else NOW + timedelta(seconds=starts),
        ends_at=None if ends is None else NOW + timedelta(seconds=ends),
        state_reason=why,
    )


alerts = st.builds(
    message,
    place=places,
    status=st.sampled_from(["firing", "firing", "resolved"]),
    starts=st.none() | st.integers(-600, 600),
    ends=st.none() | st.integers(-600, 600),
    why=st.sampled_from(["", "", "MissingSeries"]),
)
envelopes = st.lists(alerts, min_size=1, max_size=6)
histories = st.lists(st.tuples(envelopes, st.sampled_from([0, 1, 59, 61, 400, 2000])), min_size=1, max_size=8)


def lived(history, which: int = 0) -> PureWorld:
    world = PureWorld(POLICIES[which], NOW)
    for envelope, seconds in history:
        world.receive(*envelope)
        world.pass_time(seconds)
    return world


@given(histories, envelopes)
def test_equal_arguments_decide_equally(history, envelope):
    one, other = lived(history), lived(history)
    assert one == other
    sightings = one.sightings(envelope)
    assert decide_alerts(sightings, one.snapshot(), one.policy, one.now) == decide_alerts(
        sightings, other.snapshot(), other.policy, other.now
    )


def without_repeated_keys(envelope: list[Alert]) -> list[Alert]:
    """An Alertmanager lists each alert once."""
    return list({one.key: one for one in envelope}.values())


@given(histories, envelopes)
def test_the_same_envelope_twice_changes_nothing(history, envelope):
    """A crash before the commit, a reply that was lost, two Alertmanagers: it is decided again, and nobody hears of it."""
    world = lived(history)
    once = without_repeated_keys(envelope)
    world.receive(*once)
    again = world.receive(*once)
    assert again.effects == ()
    assert again.deadlines == ()
    assert again.drops == ()
    assert again.incidents == ()
    assert again.next_number is None
    assert {finding.verdict for finding in again.findings} <= {Verdict.REPEAT, Verdict.STALE, Verdict.VANISHED}


@given(histories, st.lists(envelopes, min_size=2, max_size=4))
def test_envelopes_decided_together_or_one_by_one_leave_the_same_incidents(history, several):
    """A batch is only a saving: what is open, how many alerts it has and how bad it is do not depend on it."""
    together, apart = lived(history), lived(history)
    together.receive(*[one for envelope in several for one in envelope])
    for envelope in several:
        apart.receive(*envelope)

    def summary(world: PureWorld):
        return {
            key: (one.state, one.severity, one.firing_count, one.alert_count, one.dedup_key)
            for key, one in world.incidents.items()
        }

    assert summary(together) == summary(apart)


@given(histories, st.lists(places, min_size=1, max_size=5, unique=True))
def test_what_fires_has_an_open_incident_and_what_nobody_resolved_stays_open(history, fires):
    world = lived(history)
    world.pass_time(7200)
    start = int((world.now - NOW).total_seconds())
    fired = [message(place, "firing", start, None) for place in fires]
    world.receive(*fired)
    for one in fired:
        known = world.alerts[one.key]
        assert known.state is AlertState.FIRING
        assert world.incidents[known.incident_id].state.is_open


@given(histories, st.sampled_from(range(len(POLICIES))))
def test_when_all_is_resolved_all_is_closed_in_the_end(history, which):
    world = lived(history, which)
    for key, known in list(world.alerts.items()):
        over = replace(alert("resolved"), key=key, starts_at=known.starts_at, ends_at=None)
        world.receive(over)
    world.pass_time(2 * 86_400)
    assert {one.state for one in world.incidents.values()} <= {IncidentState.CLOSED}
    assert world.deadlines == {}


class Histories(RuleBasedStateMachine):
    """Alerts, answers, time and the outside in any order; every step checks every promise of ``core.invariants``."""

    @initialize(which=st.sampled_from(range(len(POLICIES))))
    def begin(self, which: int) -> None:
        self.world = PureWorld(POLICIES[which], NOW)
        self.done: list[str] = []

    @rule(envelope=envelopes, truncated=st.sampled_from([0, 0, 7]))
    def an_envelope_arrives(self, envelope: list[Alert], truncated: int) -> None:
        self.world.receive(*envelope, truncated_count=truncated)

    @rule(seconds=st.sampled_from([0, 1, 31, 61, 301, 1801, 7200]))
    def time_passes(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @precondition(lambda self: self.world.incidents)
    @rule(data=st.data(), action=st.sampled_from(AnswerAction), by=st.sampled_from(["ada", "bo"]))
    def somebody_answers(self, data: st.DataObject, action: AnswerAction, by: str) -> None:
        incident_id = data.draw(st.sampled_from(sorted(self.world.incidents)))
        self.world.answer(Answer(incident_id, action, by, "link", "a note"))

    @precondition(lambda self: self.world.claimable())
    @rule(data=st.data(), outcome=st.sampled_from(OutcomeKind), meanwhile=st.sampled_from(["", "", "ack", "time"]))
    def a_delivery_is_tried(self, data: st.DataObject, outcome: OutcomeKind, meanwhile: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.world.claimable())))
        if self.world.claim(key) is not None:
            return
        delivery = self.world.outbox[key]
        if outcome is OutcomeKind.NOT_FOUND and delivery.unknown_since is None:
            outcome = OutcomeKind.UNKNOWN
        if meanwhile == "ack":
            self.world.answer(Answer(delivery.incident_id, AnswerAction.ACKNOWLEDGE, "bo", "link"))
        elif meanwhile == "time":
            self.world.pass_time(90)
        self.world.finish(key, outcome)
        if outcome is OutcomeKind.DONE:
            assert key not in self.done, f"{key} was done twice"
            self.done.append(key)

    @precondition(lambda self: any("/page/" in key for key in self.done))
    @rule(data=st.data(), status=st.sampled_from(["delivered", "failed"]))
    def a_receipt_comes(self, data: st.DataObject, status: str) -> None:
        key = data.draw(st.sampled_from([key for key in self.done if "/page/" in key]))
        if not self.world.outbox[key].receipt_status:
            self.world.receipt(key, status)

    @invariant()
    def nobody_is_paged_for_what_somebody_has_taken(self) -> None:
        for delivery in self.world.outbox.values():
            if delivery.kind is EffectKind.PAGE and delivery.state is DeliveryState.WAITING:
                assert self.world.incidents[delivery.incident_id].state is IncidentState.TRIGGERED

    @invariant()
    def at_most_one_ticket_per_incident_is_on_its_way(self) -> None:
        under_way = [
            delivery.incident_id
            for delivery in self.world.outbox.values()
            if delivery.kind is EffectKind.TICKET_OPEN and not delivery.state.is_settled
        ]
        assert len(under_way) == len(set(under_way))


Histories.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase
