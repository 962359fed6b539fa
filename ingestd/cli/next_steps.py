"""What happens next to an incident or an alert, and when: deadlines in words, what still waits to be sent, what is looked at again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from ingestd.cli import words
from ingestd.cli.layout import joined, word
from ingestd.cli.moments import Moments, parse_instant
from ingestd.cli.terminal import safe

Json = Mapping[str, Any]

_OPEN = frozenset({"waiting", "uncertain", "leased"})
_STOPPED_TICKETS = "its connector is stopped, since the service rejects our credentials: it goes by itself when they are mended (ingestd doctor)"
_STOPPED_PAGES = "its connector is stopped, since the service rejects our credentials: the next channel is used, and this one waits until they are mended (ingestd doctor)"
_WATCHES = {
    "maintenance": "the window “{by}” ends: what still fires then is decided about as if it were new",
    "silenced": "silence {by} ends: if it still fires then it is decided about as if it were new",
    "inhibited": "it is looked at again, and as soon as {by} clears: if it still fires it is decided about as if it were new",
    "parent": "it is looked at again, and as soon as {by} is over: if it still fires it is decided about as if it were new",
    "monitor": "it is looked at again, in case rule “{by}” does more than monitor by then",
    "hold": "the hold of rule “{by}” is over: if it still fires then, it becomes an incident",
    "threshold": "rule “{by}” has seen {fired} of {count}: with the last of them it becomes an incident; else it is looked at again",
}


def deadlines(answer: Json, moments: Moments) -> Iterator[tuple[Text, Text]]:
    """When something is decided, and what; soonest first."""
    for deadline in _in_order(answer):
        kind = str(deadline.get("kind"))
        text = _escalation(answer["incident"]) if kind == "escalate" else words.DEADLINES.get(kind, kind)
        yield safe(moments.both(deadline.get("due_at"))), safe(text)


def next_steps(answer: Json, moments: Moments) -> list[tuple[Text, Text]]:
    """Deadlines, watches and what waits to be sent, soonest first; what needs a person comes last. A sentence if there is nothing."""
    found = [
        (str(deadline.get("due_at")), row)
        for deadline, row in zip(_in_order(answer), deadlines(answer, moments), strict=True)
    ]
    found += _watch_steps(answer, moments)
    for delivery in answer.get("deliveries") or ():
        if delivery.get("is_stopped") and delivery.get("state") in _OPEN:
            found.append(("}", (safe("when that is mended"), _said(delivery, ""))))
        elif delivery.get("state") in _OPEN:
            due_at = str(delivery.get("due_at"))
            found.append((due_at, (safe(_when(due_at, moments)), _said(delivery, ""))))
        elif delivery.get("state") == "parked":
            found.append(("~", (safe("not by itself"), _said(delivery, ""))))
    ordered = [row for _, row in sorted(found, key=lambda one: one[0])]
    return ordered or [(Text("-"), safe(_when_nothing_is_due(answer["incident"])))]


def _when_nothing_is_due(incident: Json) -> str:
    state = incident.get("state")
    if state == "triggered" and incident.get("escalation"):
        return "nobody else is paged: somebody must acknowledge or resolve it"
    if state not in {"triggered", "acknowledged"}:
        return "nothing more"
    if incident.get("resolve_on") == "never":
        return "it stays open until somebody resolves it"
    return "it is resolved when its alerts have cleared, or by hand"


def delivery_line(delivery: Json, moments: Moments) -> tuple[Text, Text]:
    """The state of a delivery, and in words what it is, how it went and when it is tried next."""
    if delivery.get("state") not in _OPEN:
        when = moments.both(delivery.get("settled_at"))
    elif delivery.get("is_stopped") or delivery.get("state") == "leased":
        when = ""
    else:
        due_at = delivery.get("due_at")
        is_due = _is_due(due_at, moments)
        when = (
            f"{'next' if delivery.get('attempt_count') else 'first'} try {'is due' if is_due else moments.age(due_at)}"
        )
    return word(delivery.get("state")), _said(delivery, when)


def _watch_steps(answer: Json, moments: Moments) -> list[tuple[str, tuple[Text, Text]]]:
    """What the alerts wait for: of those of which the same is to be said only the first, since a storm has thousands."""
    alike: dict[str, list[tuple[str, tuple[Text, Text]]]] = {}
    for watch in answer.get("watches") or ():
        row = watch_step(watch, moments, with_name=True)
        alike.setdefault(row[1].plain, []).append((str(watch.get("due_at")), row))
    found = []
    for rows in alike.values():
        due_at, (when, told) = min(rows, key=lambda one: one[0])
        more = safe("the first of several of this name", "dim") if len(rows) > 1 else Text()
        found.append((due_at, (when, joined((told, more)))))
    return found


def watch_step(watch: Json, moments: Moments, *, with_name: bool = False) -> tuple[Text, Text]:
    """When an alert is looked at again although no message comes, and what that may change."""
    due_at, clears_at = watch.get("due_at"), watch.get("clears_at")
    held = str(watch.get("held") or "")
    threshold = watch.get("threshold") or {}
    told = _WATCHES.get(held, "it is looked at again").format(
        by=watch.get("by"), fired=watch.get("fired_count"), count=threshold.get("count", "?")
    )
    if clears_at is not None and (not held or parse_instant(clears_at) == parse_instant(due_at)):
        told, due_at = "counts as cleared, unless its sender says it again before", clears_at
    elif clears_at is not None:
        told += f"; it counts as cleared if it is not seen until {moments.clock(clears_at)}"
    name = f"{watch.get('name') or watch.get('alert')}" if with_name else ""
    return safe(_when(due_at, moments)), joined((safe(name, "bold"), safe(told)), ": ")


def escalation_text(answer: Json) -> str:
    """Why the escalation of an incident stands where it is, in one sentence."""
    incident = answer["incident"]
    escalation, state = incident.get("escalation"), incident.get("state")
    if escalation is None:
        return "waits for office hours" if incident.get("awaiting_policy") else ""
    at = f"policy {escalation.get('policy_name')}, L{escalation.get('level')} of {len(escalation.get('steps') or ())}"
    loops = escalation.get("loop_count") or 1
    turn = f", turn {(escalation.get('loops_done') or 0) + 1} of {loops}" if loops > 1 else ""
    if state == "acknowledged":
        return f"stopped at {at}{turn}: {incident.get('acknowledged_by')} acknowledged"
    if state in {"resolved", "closed"}:
        by = incident.get("resolved_by")
        return f"stopped at {at}{turn}: {f'{by} resolved it' if by else 'its alerts cleared'}"
    if incident.get("quiet"):
        return f"stands still at {at}{turn}: {incident['quiet']}"
    if escalation.get("is_exhausted"):
        return f"over at {at}{turn}: every step has run and nobody acknowledged"
    if escalation.get("is_held") or incident.get("clearing_since"):
        return f"stands still at {at}{turn}: all alerts have cleared; it goes on if one fires again"
    return f"runs, at {at}{turn}: it goes on until somebody acknowledges"


def delivery_detail(delivery: Json) -> str:
    """What the service said last, or why nothing was sent."""
    detail = str(delivery.get("detail") or "")
    said = words.worded(words.DROP_REASONS, detail) if delivery.get("state") == "dropped" else detail
    receipt = delivery.get("receipt_status")
    return "; ".join(part for part in (said, f"the service reports: {receipt}" if receipt else "") if part)


def _is_due(at: object, moments: Moments) -> bool:
    instant = parse_instant(at)
    return instant is not None and instant <= moments.now


def _when(at: object, moments: Moments) -> str:
    """When something happens that may be overdue already: then it happens as soon as there is time."""
    return f"now, due since {moments.clock(at)}" if _is_due(at, moments) else moments.both(at)


def _said(delivery: Json, when: str) -> Text:
    whom = f" {delivery['person']} by {delivery.get('channel')}" if delivery.get("person") else ""
    whom = f", {delivery['reporter']}" if delivery.get("reporter") else whom
    kind = words.EFFECTS.get(str(delivery.get("kind")), delivery.get("kind"))
    tried = delivery.get("attempt_count") or 0
    is_open, is_ticket = delivery.get("state") in _OPEN, str(delivery.get("kind")).startswith("ticket-")
    stopped = (_STOPPED_TICKETS if is_ticket else _STOPPED_PAGES) if is_open and delivery.get("is_stopped") else ""
    said = [
        stopped or words.DELIVERY_STATES.get(str(delivery.get("state")), ""),
        f"tried {tried} times" if tried > 1 else "",
        when,
        "" if stopped else delivery_detail(delivery),
    ]
    return joined((safe(f"{delivery.get('connector')}: {kind}{whom}", "bold"), joined(map(safe, said), "; ")), "; ")


def _in_order(answer: Json) -> list[Json]:
    return sorted(answer.get("deadlines") or (), key=lambda one: str(one.get("due_at")))


def _next(following: Json | None) -> str:
    """Who is paged next, in the words of the API."""
    if not following:
        return "the last step has waited long enough: nobody else is paged, and the timeline says so"
    people = [str(one) for one in following.get("words") or ()]
    verb = "is" if len(people) == 1 else "are"
    what = "the last resort" if following.get("is_last_resort") else f"L{following.get('level')}"
    again = " again" if following.get("is_repeat") else ""
    return f"{', '.join(people)} {verb} paged{again} ({what}), unless somebody acknowledges"


def _escalation(incident: Json) -> str:
    """Whom the next step pages, as far as the API tells."""
    escalation = incident.get("escalation") or {}
    steps = escalation.get("steps") or []
    level = escalation.get("level") or 0
    if not steps:
        return words.DEADLINES["escalate"]
    if "next" in escalation:
        return _next(escalation["next"])
    if level >= len(steps) and (escalation.get("loops_done") or 0) + 1 >= (escalation.get("loop_count") or 1):
        return "the last step has waited long enough: nobody else is paged, and the timeline says so"
    step = level if level < len(steps) else 0
    people = ", ".join(map(str, steps[step].get("words") or steps[step].get("people") or ()))
    verb = "is" if len(steps[step].get("people") or ()) == 1 else "are"
    return f"{people} {verb} paged (L{step + 1}), unless somebody acknowledges"
