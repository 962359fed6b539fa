"""Who is paged next, in words that need no knowledge of the configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ingestd.core.names import IncidentId
from ingestd.core.policy import EscalationPolicy, Step, Team
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit
from ingestd.core.windows import OneOff
from ingestd.store.answers import AnswerAction
from ingestd.testing.world import policy
from ingestd.web import case
from ingestd.web.next_page import next_page
from tests.web.conftest import INC, START

EMPTY = Schedule("empty", START.tzinfo, ())
FIRST_LINE = Schedule(
    "first-line",
    START.tzinfo,
    (Layer("weeks", ("bo",), datetime(2026, 1, 5, tzinfo=UTC).replace(tzinfo=None), Turn(1, TurnUnit.WEEK)),),
    (Override("cy", START + timedelta(minutes=4), START + timedelta(hours=1)),),
)


def of_steps(*steps, loop_count=1, **more):
    base = policy(steps=[Step(("ada",), 300), *steps], loop_count=loop_count)
    escalation = replace(base.escalations["default"], **more)
    assert isinstance(escalation, EscalationPolicy)
    return replace(
        base,
        escalations={"default": escalation},
        schedules={one.name: one for one in (FIRST_LINE, EMPTY)},
        teams={"leads": Team("leads", ("bo", "cy"))},
    )


def told(office):
    found = office.database.read_now(case.load, IncidentId(INC))
    return next_page(found, office.policy, office.clock.at)


@pytest.mark.parametrize(
    ("steps", "more", "said"),
    [
        ([Step(("bo",), 300)], {}, "Bo at 02:05:00 UTC (in 5 min), unless somebody acknowledges."),
        ([Step(("bo", "cy"), 300)], {}, "Bo, Cy at 02:05:00 UTC"),
        ([Step(("schedule:first-line",), 300)], {}, "Cy, on call on “first-line” at 02:05:00 UTC"),
        ([Step(("schedule:empty",), 300)], {}, "nobody (whoever is on call on “empty”) at 02:05:00 UTC"),
        ([Step(("team:leads",), 300)], {}, "team “leads” (Bo, Cy) at 02:05:00 UTC"),
        (
            [Step(("bo",), 300, only=OneOff(START + timedelta(days=1), START + timedelta(days=2))), Step(("cy",), 300)],
            {},
            "Cy at 02:05:00 UTC",
        ),
        ([], {"loop_count": 2}, "Ada again at 02:05:00 UTC"),
        ([], {"last_resort": ("bo",)}, "Bo (the last resort) at 02:05:00 UTC"),
        ([], {}, "Nobody is left to page; the last wait ends 02:05:00 UTC."),
    ],
)
def test_the_next_page_is_said_in_words(office, steps, more, said):
    office.policy = of_steps(*steps, **more)
    office.fires()
    assert told(office).startswith(said)


def test_a_step_that_repeats_is_paged_again(office):
    base = of_steps()
    repeating = replace(base.escalations["default"], steps=(Step(("ada",), 300, repeat_count=2), Step(("bo",), 300)))
    office.policy = replace(base, escalations={"default": repeating})
    office.fires()
    assert told(office).startswith("Ada again at 02:05:00 UTC")


def test_an_acknowledgement_that_runs_out_says_when(office):
    office.policy = of_steps(Step(("bo",), 300), ack_expires_seconds=1800)
    office.fires()
    office.answer(AnswerAction.ACKNOWLEDGE, by="ada")
    assert told(office) == (
        "Nobody else is paged. If nothing is heard until 02:30:00 UTC (in 30 min), paging begins again."
    )
