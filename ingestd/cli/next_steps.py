"""What happens next to an incident, and when: its deadlines in words, and what still waits to be sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from ingestd.cli import words
from ingestd.cli.layout import joined, word
from ingestd.cli.moments import Moments
from ingestd.cli.terminal import safe

Json = Mapping[str, Any]

_UNSETTLED = ("waiting", "leased", "uncertain", "parked")
_NOTHING_DUE = {
    "triggered": "nobody else is paged: somebody must acknowledge or resolve it",
    "acknowledged": "it is resolved when its alerts have cleared, or by hand",
}


def deadlines(answer: Json, moments: Moments) -> Iterator[tuple[Text, Text]]:
    """When something is decided, and what; soonest first."""
    for deadline in sorted(answer.get("deadlines") or (), key=lambda one: str(one.get("due_at"))):
        kind = str(deadline.get("kind"))
        text = _escalation(answer["incident"]) if kind == "escalate" else words.DEADLINES.get(kind, kind)
        yield safe(moments.both(deadline.get("due_at"))), safe(text)


def next_steps(answer: Json, moments: Moments) -> list[tuple[Text, Text]]:
    """Deadlines and what waits to be sent; a sentence if there is neither."""
    found = list(deadlines(answer, moments))
    for delivery in answer.get("deliveries") or ():
        if delivery.get("state") in _UNSETTLED:
            is_parked = delivery.get("state") == "parked"
            when = "never by itself" if is_parked else moments.both(delivery.get("due_at"))
            found.append((safe(when), delivery_line(delivery, moments)[1]))
    state = str(answer["incident"].get("state"))
    return found or [(Text("-"), safe(_NOTHING_DUE.get(state, "nothing more")))]


def delivery_line(delivery: Json, moments: Moments) -> tuple[Text, Text]:
    """The state of a delivery, and in words what it is, how it went and when it is tried next."""
    state = str(delivery.get("state"))
    whom = f" {delivery['person']} by {delivery.get('channel')}" if delivery.get("person") else ""
    kind = words.EFFECTS.get(str(delivery.get("kind")), delivery.get("kind"))
    tried = delivery.get("attempt_count") or 0
    is_open = state in {"waiting", "uncertain", "leased"}
    said = [
        "" if state in {"done", "dropped", "waiting"} else words.DELIVERY_STATES.get(state, ""),
        f"tried {tried} times" if tried > 1 else "",
        f"next try {moments.age(delivery.get('due_at'))}" if is_open else moments.both(delivery.get("settled_at")),
        delivery_detail(delivery),
    ]
    what = safe(f"{delivery.get('connector')}: {kind}{whom}", "bold")
    return word(state), joined((what, joined(map(safe, said), "; ")), "; ")


def delivery_detail(delivery: Json) -> str:
    """What the service said last, or why nothing was sent."""
    detail = str(delivery.get("detail") or "")
    said = words.worded(words.DROP_REASONS, detail) if delivery.get("state") == "dropped" else detail
    receipt = delivery.get("receipt_status")
    return f"{said}; the service says: {receipt}" if receipt else said


def _escalation(incident: Json) -> str:
    """Whom the next step pages, as far as the API tells."""
    escalation = incident.get("escalation") or {}
    steps = escalation.get("steps") or []
    level = escalation.get("level") or 0
    if not steps:
        return words.DEADLINES["escalate"]
    if level >= len(steps) and (escalation.get("loops_done") or 0) + 1 >= (escalation.get("loop_count") or 1):
        return "the last step has waited long enough: nobody else is paged, and the timeline says so"
    step = level if level < len(steps) else 0
    people = ", ".join(map(str, steps[step].get("people") or ()))
    return f"{people} paged (L{step + 1}), unless somebody acknowledges"
