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

_NOTHING_DUE = {
    "triggered": "nobody else is paged: somebody must acknowledge or resolve it",
    "acknowledged": "it is resolved when its alerts have cleared, or by hand",
}


def deadlines(answer: Json, moments: Moments) -> Iterator[tuple[Text, Text]]:
    """When something is decided, and what; soonest first."""
    for deadline in _in_order(answer):
        kind = str(deadline.get("kind"))
        text = _escalation(answer["incident"]) if kind == "escalate" else words.DEADLINES.get(kind, kind)
        yield safe(moments.both(deadline.get("due_at"))), safe(text)


def next_steps(answer: Json, moments: Moments) -> list[tuple[Text, Text]]:
    """Deadlines and what waits to be sent, soonest first; what needs a person comes last. A sentence if there is neither."""
    found = [
        (str(deadline.get("due_at")), row)
        for deadline, row in zip(_in_order(answer), deadlines(answer, moments), strict=True)
    ]
    for delivery in answer.get("deliveries") or ():
        if delivery.get("state") in {"waiting", "leased", "uncertain"}:
            due_at = str(delivery.get("due_at"))
            found.append((due_at, (safe(moments.both(due_at)), _said(delivery, ""))))
        elif delivery.get("state") == "parked":
            found.append(("~", (safe("not by itself"), _said(delivery, ""))))
    state = str(answer["incident"].get("state"))
    ordered = [row for _, row in sorted(found, key=lambda one: one[0])]
    return ordered or [(Text("-"), safe(_NOTHING_DUE.get(state, "nothing more")))]


def delivery_line(delivery: Json, moments: Moments) -> tuple[Text, Text]:
    """The state of a delivery, and in words what it is, how it went and when it is tried next."""
    is_open = delivery.get("state") in {"waiting", "uncertain", "leased"}
    next_try = f"{'next' if delivery.get('attempt_count') else 'first'} try {moments.age(delivery.get('due_at'))}"
    when = next_try if is_open else moments.both(delivery.get("settled_at"))
    return word(delivery.get("state")), _said(delivery, when)


def delivery_detail(delivery: Json) -> str:
    """What the service said last, or why nothing was sent."""
    detail = str(delivery.get("detail") or "")
    said = words.worded(words.DROP_REASONS, detail) if delivery.get("state") == "dropped" else detail
    receipt = delivery.get("receipt_status")
    return "; ".join(part for part in (said, f"the service reports: {receipt}" if receipt else "") if part)


def _said(delivery: Json, when: str) -> Text:
    whom = f" {delivery['person']} by {delivery.get('channel')}" if delivery.get("person") else ""
    kind = words.EFFECTS.get(str(delivery.get("kind")), delivery.get("kind"))
    tried = delivery.get("attempt_count") or 0
    said = [
        words.DELIVERY_STATES.get(str(delivery.get("state")), ""),
        f"tried {tried} times" if tried > 1 else "",
        when,
        delivery_detail(delivery),
    ]
    return joined((safe(f"{delivery.get('connector')}: {kind}{whom}", "bold"), joined(map(safe, said), "; ")), "; ")


def _in_order(answer: Json) -> list[Json]:
    return sorted(answer.get("deadlines") or (), key=lambda one: str(one.get("due_at")))


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
    verb = "is" if len(steps[step].get("people") or ()) == 1 else "are"
    return f"{people} {verb} paged (L{step + 1}), unless somebody acknowledges"
