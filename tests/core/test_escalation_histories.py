"""Any policy, any answers, any failures, in any order: nobody who ought to be paged is left out, and nobody is paged who need not be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestd.core.decide import Answer, AnswerAction
from ingestd.core.effects import DeadlineKind, Decision
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKind, IncidentState, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Policy, Profile, Stage, Step, Team
from ingestd.core.settle import OutcomeKind
from ingestd.core.windows import TimeWindow
from ingestd.testing.builders import NOW
from tests.core.rule_days import RULES, Day, rules

NIGHT = TimeWindow(UTC, times=((22 * 60, 24 * 60), (0, 7 * 60)))
BY_DAY = TimeWindow(UTC, times=((8 * 60, 18 * 60),))
WORDS = ("ada", "bo", "cy", "mute", "team:all", "team:gone", "assignee", "gone")
TOGETHER = ("office", "note", "grouped", "worst", "shop")
ALERTS = ("Office", "Note", "GroupOne", "Worst", "Shop")
ON_THEIR_WAY = (OutcomeKind.DONE, OutcomeKind.REFUSED, OutcomeKind.TRY_LATER, OutcomeKind.CREDENTIALS_REJECTED)


def people() -> dict[PersonName, Person]:
    """cy sleeps at night and is paged again long after most steps are over; mute cannot be reached."""
    plain = rules().people
    late = (Stage((Channel.SMS,)), Stage((Channel.SMS, Channel.EMAIL), 1200))
    cy = replace(plain[PersonName("cy")], quiet=NIGHT, urgent=late)
    return {**plain, cy.name: cy, PersonName("mute"): Person(PersonName("mute"), "Mute", ())}


steps = st.builds(
    Step,
    st.lists(st.sampled_from(WORDS).map(PersonName), min_size=1, max_size=3, unique=True).map(tuple),
    st.sampled_from((60, 300, 900)),
    st.integers(1, 3),
    st.sampled_from((0, 0, 1, 2, 3)),
    st.sampled_from(Profile),
    st.sampled_from((None, None, NIGHT, BY_DAY)),
)
plans = st.builds(
    EscalationPolicy,
    st.just("default"),
    st.lists(steps, min_size=1, max_size=4).map(tuple),
    st.integers(1, 3),
    st.sampled_from(((), (PersonName("ada"),), (PersonName("cy"), PersonName("mute")))),
    st.sampled_from((None, 600, 7200)),
)
answers = st.tuples(
    st.just("answer"),
    st.sampled_from(AnswerAction),
    st.sampled_from(("ada", "bo")),
    st.sampled_from(("bo", "cy", "mute", "L2", "team:all")),
)
moves = st.one_of(
    st.tuples(st.just("fire"), st.sampled_from(ALERTS), st.sampled_from(("", "ticket"))),
    st.tuples(st.just("clear"), st.sampled_from(ALERTS), st.sampled_from(("", "ticket"))),
    st.tuples(st.just("pass"), st.sampled_from((1, 59, 301, 1800, 20_000))),
    st.tuples(st.just("send"), st.sampled_from(ON_THEIR_WAY)),
    answers,
    answers,
)


def policy_of(plan: EscalationPolicy) -> Policy:
    drafts = [replace(one, correlate_by=("cluster",)) for one in RULES if one.name in TOGETHER]
    made = rules(*drafts)
    team = Team("all", (PersonName("ada"), PersonName("mute"), PersonName("cy")))
    return replace(made, people=people(), escalations={"default": plan}, teams={"all": team})


class Watched(Day):
    """A day on which every decision is looked at."""

    def apply(self, decision: Decision) -> None:
        before = dict(self.incidents)
        super().apply(decision)
        for incident in decision.incidents:
            self._nobody_is_paged_in_vain(self.incidents[incident.id], decision)
            self._the_end_is_the_end(before.get(incident.id), incident, decision)
            self._everybody_meant_is_accounted_for(before.get(incident.id), incident, decision)

    def _nobody_is_paged_in_vain(self, incident: Incident, decision: Decision) -> None:
        pages = [one for one in decision.effects if one.incident_id == incident.id and one.kind is EffectKind.PAGE]
        if pages:
            assert incident.state is IncidentState.TRIGGERED
            assert not incident.quiet

    def _the_end_is_the_end(self, before: Incident | None, incident: Incident, decision: Decision) -> None:
        """Exhausted is only what has run its steps as often as the policy says, or what somebody drove to its end."""
        running = incident.escalation
        said = {entry.reason for entry in decision.timeline if entry.incident_id == incident.id}
        if running is None or "exhausted" not in said or "no_level" in said:
            return
        assert running.is_exhausted
        assert running.following is None, running

    def _everybody_meant_is_accounted_for(
        self, before: Incident | None, incident: Incident, decision: Decision
    ) -> None:
        running, was = incident.escalation, before.escalation if before else None
        if running is None or running.is_exhausted:
            return
        place = (running.step_index, running.repeats_done, running.loops_done, running.steps)
        if was is not None and place == (was.step_index, was.repeats_done, was.loops_done, was.steps):
            return
        told = {one.person for one in decision.effects if one.incident_id == incident.id}
        said = " ".join(entry.text for entry in decision.timeline if entry.incident_id == incident.id)
        left_out = [name for name in running.people if name not in told and f"{name} cannot be paged" not in said]
        assert not left_out, (left_out, said)

    def pass_time(self, seconds: float) -> None:
        """As it is, and then nothing that is due is left."""
        super().pass_time(seconds)
        assert all(due.due_at > self.now for due in self.deadlines.values())

    def send(self, outcome: OutcomeKind) -> None:
        """Whatever is due leaves, and all of it ends so."""
        for key in self.claimable():
            if self.claim(key) is None:
                self.finish(key, outcome)


def play(day: Watched, move: tuple) -> None:
    kind, *rest = move
    if kind == "fire":
        name, where = rest
        day.fires(name, **({"window": where} if where else {}))
    elif kind == "clear":
        name, where = rest
        day.clears(name, **({"window": where} if where else {}))
    elif kind == "pass":
        day.pass_time(rest[0])
    elif kind == "send":
        day.send(rest[0])
    elif day.incidents:
        action, by, to = rest
        target = "cy" if action is AnswerAction.ASSIGN else to
        day.answer(Answer(list(day.incidents)[-1], action, by, "cli", "", target))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans, st.lists(moves, max_size=25), st.sampled_from((NOW, NOW + timedelta(hours=7), NOW + timedelta(hours=14))))
def test_whatever_happens_nobody_is_left_out_and_nobody_is_paged_in_vain(
    plan: EscalationPolicy, moves_made: list[tuple], begin: datetime
) -> None:
    day = Watched(policy_of(plan), begin)
    day.fires("Worst")
    for move in moves_made:
        play(day, move)
    # Left alone for long enough, every escalation comes to an end or to somebody who has it in hand.
    day.pass_time(3 * 24 * 3600)
    for incident in day.incidents.values():
        running = incident.escalation
        if incident.state is IncidentState.TRIGGERED and running is not None and not incident.quiet:
            assert running.is_exhausted or (incident.id, DeadlineKind.ESCALATE) in day.deadlines
