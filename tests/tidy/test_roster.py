"""Whoever decides asks who is on call as it holds at that moment."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

_DECIDERS = {
    "decide_alerts",
    "decide_answer",
    "decide_deadline",
    "decide_drill",
    "give_up_page",
    "settle",
    "settle_receipt",
    "settle_silence",
    "settle_word",
}
WHY = (
    "the configuration alone does not know of overrides made at run time, of calendars and of dead contacts: a decision by it pages "
    "somebody who has handed over. Ask store.roster.effective in the same transaction"
)


def roster_faults(module) -> Iterator[str]:
    """Modules of the store and the workers that decide and never ask the roster."""
    if not module.name.startswith(("ingestd.store.", "ingestd.workers.", "ingestd.web.")):
        return
    names = {node.id for node in ast.walk(module.tree) if isinstance(node, ast.Name)}
    asks = any(
        isinstance(node, ast.Attribute)
        and node.attr == "effective"
        and isinstance(node.value, ast.Name)
        and node.value.id == "roster"
        for node in ast.walk(module.tree)
    )
    if names & _DECIDERS and not asks:
        yield f"{module.path}: decides ({', '.join(sorted(names & _DECIDERS))}) and does not ask roster.effective"


def test_whoever_decides_asks_the_roster(modules, hold):
    hold(WHY, (fault for module in modules for fault in roster_faults(module)))


@pytest.mark.parametrize(
    ("text", "is_fault"),
    [
        ("def f(c, p, now):\n    return decide_deadline(k, i, p, now)", True),
        ("def f(c, p, now):\n    return decide_deadline(k, i, roster.effective(c, p, now), now)", False),
        ("def f(c):\n    return c", False),
    ],
)
def test_the_rule_sees_what_it_forbids(parse, text, is_fault):
    assert bool(list(roster_faults(parse("ingestd/workers/timekeeper.py", text)))) is is_fault
