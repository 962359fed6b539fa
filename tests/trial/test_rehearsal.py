"""The rehearsal lives as the daemon does: compared with the model that the core itself is tested with."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.decide import Answer, AnswerAction, decide_deadline
from ingestd.core.names import EffectKind, IncidentId, PersonName
from ingestd.core.policy import Step
from ingestd.core.reporter import ReportedTicket, Reporter
from ingestd.core.settle import OutcomeKind
from ingestd.testing.builders import NOW, alert
from ingestd.testing.pure_world import PureWorld
from ingestd.testing.world import policy
from ingestd.trial.rehearsal import Rehearsal

POLICIES = (
    policy(),
    policy(steps=[Step((PersonName("ada"), PersonName("bo")), 60), Step((PersonName("cy"),), 60)], loop_count=2),
    policy(steps=[Step((PersonName("stranger"),), 60), Step((PersonName("ada"),), 60)]),
)
MINUTE = timedelta(minutes=1)


class DutifulWorld(PureWorld):
    """The model of the core's own tests, in which whatever is due is claimed and succeeds at once."""

    def deliver(self) -> None:
        while going := [key for key in self.claimable() if not self._is_held(key)]:
            if self.claim(going[0]) is None:
                self.finish(going[0], OutcomeKind.DONE)

    def _is_held(self, key) -> bool:
        delivery = self.outbox[key]
        incident = self.incidents[delivery.incident_id]
        return delivery.kind is EffectKind.PAGE and incident.clearing_since is not None and incident.state.is_open

    def live(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while True:
            waiting = [one.due_at for one in self.outbox.values() if not one.state.is_settled and one.due_at > self.now]
            due = min([*(one.due_at for one in self.deadlines.values()), *waiting], default=None)
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.deliver()
            for one in sorted(self.deadlines.values(), key=lambda one: (one.due_at, one.incident_id, one.kind)):
                if one.due_at <= self.now and self.deadlines.get((one.incident_id, one.kind)) == one:
                    incident = self.incidents[one.incident_id]
                    self.apply(decide_deadline(one.kind, incident, self.policy, self.now))
                    self.deliver()
        self.now = until

    def sent(self) -> list[tuple[str, str]]:
        return sorted((one.key, one.due_at.isoformat()) for one in self.outbox.values() if one.state == "done")


places = st.tuples(
    st.sampled_from(("DiskFull", "SiteDown", "Watchdog", "Odd")), st.sampled_from(("db1", "db2")), st.sampled_from("ab")
)
happenings = st.one_of(
    st.tuples(st.just("fire"), st.lists(places, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("resolve"), st.lists(places, min_size=1, max_size=3, unique=True)),
    st.tuples(st.just("answer"), st.sampled_from([AnswerAction.ACKNOWLEDGE, AnswerAction.RESOLVE, AnswerAction.NOTE])),
    st.tuples(st.just("wait"), st.sampled_from([1, 29, 31, 59, 60, 61, 400, 2000])),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(POLICIES), st.lists(happenings, min_size=1, max_size=14))
def test_it_decides_and_sends_what_the_model_of_the_core_does(policy_in_force, history):
    world, rehearsal = DutifulWorld(policy_in_force, NOW), Rehearsal(policy_in_force, NOW)
    for what, how in history:
        if what == "wait":
            world.live(how)
            rehearsal.pass_until(rehearsal.now + timedelta(seconds=how))
        elif what == "answer":
            for incident_id in list(world.incidents)[-1:]:
                word = Answer(incident_id, how, "ada", "link", "a note")
                world.answer(word)
                world.deliver()
                rehearsal.answer(word)
        else:
            status = "firing" if what == "fire" else "resolved"
            arrived = [
                replace(
                    alert(status, labels={"alertname": name, "host": host, "cluster": cluster}),
                    starts_at=NOW,
                    ends_at=world.now if what == "resolve" else None,
                )
                for name, host, cluster in how
            ]
            world.receive(*arrived)
            world.deliver()
            rehearsal.receive(arrived)
        assert rehearsal.now == world.now
        assert rehearsal.incidents == world.incidents
        assert rehearsal.members == world.members
        assert {(key, due) for key, due in rehearsal._deadlines.items()} == {
            (key, one.due_at) for key, one in world.deadlines.items()
        }
    done = sorted((one.delivery.key, one.delivery.due_at.isoformat()) for one in rehearsal.performed)
    comments = f"/{EffectKind.TICKET_COMMENT}/"
    assert [one for one in done if comments not in one[0]] == [one for one in world.sent() if comments not in one[0]]


def test_people_are_told_of_the_end_once_each():
    rehearsal = Rehearsal(POLICIES[1], NOW)
    rehearsal.receive([alert()])
    rehearsal.pass_until(NOW + 3 * MINUTE)
    rehearsal.receive([alert("resolved")])
    rehearsal.pass_until(NOW + 30 * MINUTE)
    assert [one.delivery.person for one in rehearsal.done(EffectKind.PAGE)] == ["ada", "bo", "cy", "ada", "bo", "cy"]
    assert [one.delivery.person for one in rehearsal.done(EffectKind.NOTICE)] == ["ada", "bo", "cy"]


def test_what_clears_in_the_envelope_in_which_it_fires_pages_nobody():
    rehearsal = Rehearsal(POLICIES[0], NOW)
    rehearsal.receive([alert(), alert("resolved")])
    rehearsal.pass_until(NOW + 30 * MINUTE)
    assert rehearsal.done(EffectKind.PAGE) == []
    assert len(rehearsal.done(EffectKind.TICKET_OPEN)) == 1


def test_a_ticket_that_reported_something_is_told_as_one_that_was_opened():
    rehearsal = Rehearsal(POLICIES[0], NOW)
    reported = ReportedTicket("tickets", "77", "#77", "https://tickets.example/77")
    rehearsal.receive([alert(ticket=reported, reporter=Reporter("ann@cust.example", connector="mail"))])
    rehearsal.pass_until(NOW + 2 * MINUTE)
    assert rehearsal.done(EffectKind.TICKET_OPEN) == []
    assert len(rehearsal.done(EffectKind.TICKET_COMMENT)) == 1
    assert [one.delivery.connector for one in rehearsal.done(EffectKind.ANSWER)] == ["mail"]


def test_a_page_knows_when_the_next_step_follows():
    rehearsal = Rehearsal(POLICIES[1], NOW)
    rehearsal.receive([alert()])
    assert [(one.at, one.next_step_at) for one in rehearsal.done(EffectKind.PAGE)] == 2 * [(NOW, NOW + MINUTE)]


def test_where_nobody_can_be_reached_the_next_step_is_due_at_once():
    world = Rehearsal(POLICIES[2], NOW)
    world.receive([alert()])
    world.pass_until(NOW)
    assert [one.delivery.person for one in world.done(EffectKind.PAGE)] == ["ada"]


def test_time_does_not_go_back():
    rehearsal = Rehearsal(POLICIES[0], NOW)
    rehearsal.pass_until(NOW - MINUTE)
    assert rehearsal.now == NOW


def test_an_answer_is_about_an_incident_that_there_is():
    rehearsal = Rehearsal(POLICIES[0], NOW)
    with pytest.raises(KeyError):
        rehearsal.answer(Answer(IncidentId("INC-1"), AnswerAction.NOTE, "ada", "link"))
