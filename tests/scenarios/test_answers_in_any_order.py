"""Whatever happens in whatever order, whoever reported something reads a history that makes sense, and in the end how it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestd.testing.outside import Fault
from ingestd.testing.world import RULES, World, policy
from tests.scenarios.test_reports import REPORTS, plan_of, write

SHORT = {"Thank you.": "received", "over.": "resolved", "again.": "reopened"}
FOLLOWS = {"received": {"resolved"}, "resolved": {"reopened"}, "reopened": {"resolved"}}
"""What may be told after what."""

what_happens = st.lists(
    st.sampled_from(["ann", "ben", "ann", "resolve", "resolve", "down", "up", "lose", "refuse", "kill", 1, 3, 20]),
    min_size=6,
    max_size=20,
)


def do(day: World, action: str | int, number: int) -> None:
    """One thing happens."""
    if isinstance(action, int):
        day.advance(minutes=action)
    elif action in {"ann", "ben"}:
        write(day, sender=f"{action}@cust.example", message_id=f"{number}@cust.example")
    elif action == "resolve" and day.incidents():
        day.resolve_by_hand(day.incidents()[-1].id)
    elif action in {"down", "up"}:
        day.mail.is_down = action == "down"
    elif action in {"lose", "refuse"}:
        day.mail.faults.append(Fault.LOSE_REPLY if action == "lose" else Fault.REFUSE)
    elif action == "kill":
        day.kill()
        day.start()


def told(day: World) -> dict[tuple[str, str], list[str]]:
    """By incident and address: what they were told, in order."""
    found = defaultdict(list)
    for sent in day.mail.sent:
        if sent.purpose == "answer":
            words = sent.text.words.splitlines()[0]
            kind = next(kind for part, kind in SHORT.items() if part in words)
            found[str(sent.incident), sent.text.contact.address].append(kind)
    return found


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions=what_happens)
def test_nobody_is_told_twice_and_everybody_reads_the_end(new_day: Callable[..., World], actions):
    day = new_day(policy=policy((*REPORTS, *RULES)), ways={"help": plan_of()})
    for number, action in enumerate(actions):
        do(day, action, number)
    day.mail.is_down = False
    day.mail.faults.clear()
    day.advance(minutes=30)
    heard = told(day)
    for history in heard.values():
        assert all(after in FOLLOWS[before] for before, after in pairwise(history)), heard
        assert history[0] in {"received", "resolved"}
    for incident in day.incidents():
        for reporter in incident.reporters:
            last = heard[str(incident.id), reporter.address][-1]
            assert (last == "resolved") is not incident.state.is_open, (incident.id, heard)
    assert {address for _, address in heard} == {one.address for i in day.incidents() for one in i.reporters}
    day.close()
