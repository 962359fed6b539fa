"""Random histories under rules that use the whole language: every promise holds, nothing is lost, and the rehearsal lives the same life."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.alert import Alert
from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.incident import AlertState
from ingestd.core.names import AlertStatus, IncidentId
from ingestd.testing.builders import NOW, alert
from ingestd.testing.pure_world import PureWorld
from ingestd.trial.rehearsal import Rehearsal
from tests.core.rule_days import POLICY, Day

NAMES = [
    "AppDown",
    "NodeDown",
    "Backbone",
    "Shop",
    "Cart",
    "Lag",
    "Flaky",
    "Link",
    "Both",
    "Fire",
    "Cron",
    "CronFlaky",
    "Trial",
    "Office",
    "Note",
    "Grouped",
    "Worst",
    "Odd",
]
MAY_STAY_HELD = {"Trial", "Flaky", "CronFlaky"}
"""Only monitored, or not often enough."""
SETTLED_SECONDS = 12 * 3600
"""Longer than every window, silence, hold and reopen window."""

alerts = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(["h1", "h2"]), st.sampled_from(["", "", "drop", "record", "ticket"])
)
steps = st.one_of(
    st.tuples(st.just("fire"), st.lists(alerts, min_size=1, max_size=4)),
    st.tuples(st.just("clear"), st.lists(alerts, min_size=1, max_size=3)),
    st.tuples(st.just("vanish"), alerts),
    st.tuples(st.just("repeat"), st.none()),
    st.tuples(st.just("silence"), st.tuples(st.sampled_from(NAMES), st.sampled_from([60, 900, 3600]))),
    st.tuples(st.just("acknowledge"), st.integers(0, 3)),
    st.tuples(st.just("resolve"), st.integers(0, 3)),
    st.tuples(st.just("time"), st.sampled_from([1, 30, 61, 290, 601, 1900, 4000])),
    st.tuples(st.just("time"), st.sampled_from([1, 30, 61, 290, 601, 1900, 4000])),
)
histories = st.lists(steps, min_size=1, max_size=25)


class Told:
    """The same history told to the model and to the rehearsal. ``fires`` is what its sender says fires, whatever becomes of it."""

    def __init__(self) -> None:
        self.day = Day(POLICY, NOW)
        self.rehearsal = Rehearsal(POLICY, NOW)
        self.fires: dict[str, Alert] = {}

    def tell(self, history) -> Told:
        for what, detail in history:
            getattr(self, what)(detail)
        return self

    def _send(self, *said: Alert) -> None:
        self.day.receive(*said)
        self.rehearsal.receive(said)

    def _alert(self, place: tuple[str, str, str]) -> Alert:
        name, host, window = place
        made = alert(labels={"alertname": name, "host": host, "service": "s", **({"window": window} if window else {})})
        return replace(made, starts_at=None, source="grafana")

    def fire(self, places) -> None:
        said = {one.key: one for one in map(self._alert, places)}
        self.fires |= said
        self._send(*said.values())

    def clear(self, places) -> None:
        said = {one.key: replace(one, status=AlertStatus.RESOLVED) for one in map(self._alert, places)}
        for key in said:
            self.fires.pop(key, None)
        self._send(*said.values())

    def vanish(self, place) -> None:
        self._send(replace(self._alert(place), status=AlertStatus.RESOLVED, state_reason="MissingSeries"))

    def repeat(self, _none=None) -> None:
        if self.fires:
            self._send(*self.fires.values())

    def silence(self, detail) -> None:
        name, seconds = detail
        self.day.silence(seconds, f"alertname = {name}")
        self.rehearsal.hush((f"alertname = {name}",), seconds)

    def acknowledge(self, which: int) -> None:
        self._answer(which, AnswerAction.ACKNOWLEDGE)

    def resolve(self, which: int) -> None:
        self._answer(which, AnswerAction.RESOLVE)

    def _answer(self, which: int, action: AnswerAction) -> None:
        incident_id = IncidentId(f"INC-{1001 + which}")
        if incident_id in self.day.incidents:
            self.day.answer(Answer(incident_id, action, "ada", "link"))
            self.rehearsal.answer(Answer(incident_id, action, "ada", "link"))

    def time(self, seconds: float) -> None:
        self.day.pass_time(seconds)
        self.rehearsal.pass_until(self.rehearsal.now + timedelta(seconds=seconds))


def is_excused(day: Day, one: Alert) -> bool:
    """Whether the rules want that nobody is paged for what fires: it is inhibited, or explained by something that is open."""
    known = day.alerts[one.key]
    if known.state is AlertState.CLEARED:
        return one.labels["alertname"].startswith("Cron")  # not said again for too long
    own = day.incidents.get(known.incident_id)
    if known.state is AlertState.HELD:
        watch = day.watches[one.key]
        name = one.labels["alertname"]
        return name in MAY_STAY_HELD or (watch.by in day.alerts and day.alerts[watch.by].state is AlertState.FIRING)
    if own is None or not own.state.is_open:
        return False
    return own.quiet is None or (own.parent_id is not None and day.incidents[own.parent_id].state.is_open)


@settings(deadline=None)
@given(histories)
def test_what_fires_longer_than_everything_that_covers_it_is_never_without_its_incident(history):
    told = Told().tell(history)
    told.time(SETTLED_SECONDS)
    told.repeat()
    told.time(600)
    lost = [dict(one.labels) for one in told.fires.values() if not is_excused(told.day, one)]
    assert lost == []


@settings(deadline=None)
@given(histories)
def test_when_all_has_cleared_nothing_is_kept_back_and_nothing_is_due(history):
    told = Told().tell(history)
    for one in list(told.day.alerts):
        said = next((alert for alert in told.fires.values() if alert.key == one), replace(alert(), key=one))
        told.day.receive(replace(said, status=AlertStatus.RESOLVED, starts_at=None, ends_at=None))
    for incident in list(told.day.incidents.values()):
        if incident.state.is_open:
            told.day.answer(Answer(incident.id, AnswerAction.RESOLVE, "ada", "link"))
    told.day.pass_time(SETTLED_SECONDS)
    assert (told.day.watches, told.day.deadlines) == ({}, {})
    assert AlertState.HELD not in {one.state for one in told.day.alerts.values()}


def seen(world: PureWorld | Rehearsal) -> dict[int, tuple[object, ...]]:
    return {
        one.number: (
            one.state.value,
            one.severity.value,
            one.rule,
            one.quiet,
            one.parent_id,
            one.firing_count,
            one.alert_count,
            one.opened_at,
            one.reopen_count,
            one.effect_counts.get("sms/page", 0),
            one.ticket_connector,
        )
        for one in world.incidents.values()
    }


@settings(deadline=None)
@given(histories)
def test_the_rehearsal_lives_the_same_life(history):
    told = Told().tell(history)
    told.time(SETTLED_SECONDS)
    assert seen(told.rehearsal) == seen(told.day)
    assert told.rehearsal.watches == told.day.watches


@settings(deadline=None)
@given(histories)
def test_a_silence_for_everything_only_puts_things_off(history):
    """What fires on is in an incident in the end, silenced or not; while all is silenced nothing opens."""
    quiet = Told()
    for name in NAMES:
        quiet.silence((name, 3 * 86_400))
    quiet.tell(step for step in history if step[0] not in {"acknowledge", "resolve"})
    if quiet.day.now < NOW + timedelta(days=3):
        assert quiet.day.incidents == {}
    quiet.time(4 * 86_400)
    quiet.repeat()
    quiet.time(600)
    assert [dict(one.labels) for one in quiet.fires.values() if not is_excused(quiet.day, one)] == []
