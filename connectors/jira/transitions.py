"""Which step of a workflow to take. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from connectors.jira.settings import DoneSettings, ReopenSettings
from connectors.jira.wire_replies import Transition

LONGEST_WALK = 3
"""Steps that are taken before giving up: more is a workflow that wants a person."""

_USUAL_RESOLUTIONS = ("done", "fixed", "resolved")


@dataclass(frozen=True, slots=True)
class Step:
    """A transition to take. ``is_named``: an admin named it as the end, so its target status counts as reached."""

    transition: Transition
    is_named: bool = False


def choose(
    offered: Sequence[Transition],
    wish: DoneSettings | ReopenSettings,
    is_target: Callable[[Transition], bool],
    visited: AbstractSet[str],
) -> Step | None:
    """The next step towards the target: by configured id, by name, by the target's category, else a step on the way.

    A step on the way is one that ``through`` names, or the only way into a status in progress that was not visited yet:
    where several lead on, guessing could send a ticket anywhere, so None comes back and a person is asked.
    """
    possible = [one for one in offered if one.required <= {"resolution"}]
    for one in possible:
        if wish.transition_id and one.id == wish.transition_id:
            return Step(one, is_named=True)
    for one in possible:
        if wish.transition and one.name.casefold() == wish.transition.casefold():
            return Step(one, is_named=True)
    for one in sorted(possible, key=_new_first):
        if is_target(one):
            return Step(one)
    fresh = [one for one in possible if one.status_id not in visited]
    named = [one for one in fresh if _is_among(one, wish.through)]
    if named:
        return Step(named[0])
    onward = [one for one in fresh if one.category == "indeterminate"]
    return Step(onward[0]) if len({one.status_id for one in onward}) == 1 else None


def fields_for(transition: Transition, resolution: str) -> dict[str, Any]:
    """The fields to send: a resolution if, and only if, the screen has one; Jira refuses it elsewhere."""
    offered = transition.resolutions
    if not offered:
        return {"resolution": {"name": resolution}} if resolution and offered is not None else {}
    by_name = {name.casefold(): name for name in offered}
    for wanted in (resolution.casefold(), *_USUAL_RESOLUTIONS):
        if wanted in by_name:
            return {"resolution": {"name": by_name[wanted]}}
    return {"resolution": {"name": offered[0]}} if "resolution" in transition.required else {}


def explain(offered: Iterable[Transition]) -> str:
    """What the workflow offers, for the person who has to mend the configuration."""
    return "; ".join(
        f"{one.name!r} (id {one.id}) to {one.status!r}"
        + (f", which wants {', '.join(sorted(one.required))}" if one.required else "")
        for one in offered
    )


def _new_first(one: Transition) -> int:
    """Prefers, of several open statuses, one that nobody works on: a ticket that comes back is not in progress."""
    return 0 if one.category == "new" else 1


def _is_among(one: Transition, through: Iterable[str]) -> bool:
    return any(one.id == wanted or one.name.casefold() == wanted.casefold() for wanted in through)
