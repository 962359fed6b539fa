"""An incident on one page, for somebody who has just been woken: what, how bad, who has it, what happens next, what to type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from ingestd.cli import words
from ingestd.cli.layout import STYLES, heading, joined, labelled, rows, word
from ingestd.cli.moments import Moments
from ingestd.cli.next_steps import deadlines, delivery_detail, delivery_line
from ingestd.cli.terminal import safe

Json = Mapping[str, Any]

TIMELINE_LINES: Final = 10
ALERTS_MAX: Final = 20
LABELS_MAX: Final = 8


def incident_page(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    """The incident as it is now, its alerts, who was told, the end of its timeline, and what can be done."""
    incident = answer["incident"]
    yield from head(incident, moments)
    yield labelled(_facts(answer, moments))
    yield from _alerts(answer, moments)
    told = [delivery for delivery in answer.get("deliveries", ()) if delivery.get("person")]
    if told:
        yield heading("Told")
        yield rows(_told(delivery, moments) for delivery in told)
    stuck = [one for one in answer.get("deliveries", ()) if one.get("state") in {"uncertain", "parked"}]
    if stuck:
        yield heading("Needs a look")
        yield rows(delivery_line(delivery, moments) for delivery in stuck)
    lines = answer.get("timeline", ())
    more = f", the last {TIMELINE_LINES} of {len(lines)}" if len(lines) > TIMELINE_LINES else ""
    yield heading(f"Timeline{more}")
    yield rows((safe(moments.clock(line.get("at")), "dim"), _line(line)) for line in lines[-TIMELINE_LINES:])
    yield from what_to_type(incident)


def head(incident: Json, moments: Moments) -> Iterator[RenderableType]:
    """Its id, severity and state, and below them its title."""
    state = word(incident.get("state"))
    said = words.INCIDENT_STATES.get(str(incident.get("state")), "")
    if incident.get("state") == "acknowledged" and incident.get("acknowledged_by"):
        said = f"by {incident['acknowledged_by']} {moments.age(incident.get('acknowledged_at'))}"
    elif incident.get("state") != "triggered":
        said = moments.age(incident.get("resolved_at"))
    severity = safe(str(incident.get("severity", "")).upper(), STYLES.get(str(incident.get("severity")), ""))
    yield joined((safe(incident.get("id"), "bold"), severity, joined((state, safe(said)), ", ")))
    yield safe(incident.get("title"), "bold")


def _facts(answer: Json, moments: Moments) -> Iterator[tuple[str, Text]]:
    incident = answer["incident"]
    yield "opened", safe(moments.both(incident.get("opened_at")))
    yield "firing", safe(f"{incident.get('firing_count', 0)} of {incident.get('alert_count', 0)} alerts")
    upcoming = list(deadlines(answer, moments))
    if upcoming:
        when, text = upcoming[0]
        yield "next", joined((when, text), ": ")
    yield "ticket", _ticket(answer)
    yield "team", safe(incident.get("team"))
    yield "rule", safe(incident.get("rule"))
    yield "runbook", safe(incident.get("runbook"))
    yield "page", safe(incident.get("url"))


def _ticket(answer: Json) -> Text:
    ticket = answer["incident"].get("ticket")
    if ticket:
        return joined((safe(ticket.get("label")), safe(ticket.get("url"))))
    opening = next((one for one in answer.get("deliveries", ()) if one.get("kind") == "ticket-open"), None)
    return joined((safe(f"none yet: {opening.get('connector')}"), word(opening.get("state")))) if opening else Text()


def _alerts(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    alerts: Sequence[Json] = answer.get("alerts", ())
    if not alerts:
        return
    yield heading("Alerts")
    yield rows(row for alert in alerts[:ALERTS_MAX] for row in _alert(alert, moments))
    count = max(len(alerts), answer["incident"].get("alert_count") or 0)
    if count > ALERTS_MAX:
        yield safe(f"  and {count - min(len(alerts), ALERTS_MAX)} more; -o json has them", "dim")


def _alert(alert: Json, moments: Moments) -> Iterator[tuple[Text, Text]]:
    state = str(alert.get("state") or ("firing" if alert.get("is_firing") else "cleared"))
    yield word(state), joined((safe(alert.get("name"), "bold"), safe(alert.get("summary")), safe(alert.get("value"))))
    cleared = f"cleared {moments.age(alert.get('cleared_at'))}" if alert.get("cleared_at") else ""
    since = alert.get("joined_at") or alert.get("first_seen_at")
    labels = {key: value for key, value in (alert.get("labels") or {}).items() if key != "alertname"}
    shown = " ".join(f"{key}={value}" for key, value in list(labels.items())[:LABELS_MAX])
    more = f" and {len(labels) - LABELS_MAX} labels" if len(labels) > LABELS_MAX else ""
    yield (
        Text(),
        joined((safe(f"since {moments.clock(since)}", "dim"), safe(cleared, "green"), safe(shown + more, "dim"))),
    )
    for name, url in (alert.get("links") or {}).items():
        yield Text(), safe(f"{name}: {url}", "dim")


def _told(delivery: Json, moments: Moments) -> tuple[Text, Text, Text]:
    whom = safe(f"{delivery.get('person')} by {delivery.get('channel')}")
    at = moments.both(delivery.get("settled_at") or delivery.get("created_at"))
    return word(delivery.get("state")), whom, joined((safe(at), safe(delivery_detail(delivery))))


def _line(line: Json) -> Text:
    return safe(line.get("text"))


def what_to_type(incident: Json) -> Iterator[RenderableType]:
    """The commands that fit its state; nothing if none does."""
    verbs = {
        "triggered": (("ack", "", "take it; paging stops"), ("resolve", "", "it is over")),
        "acknowledged": (("note", " 'TEXT'", "tell the others"), ("resolve", "", "it is over")),
    }.get(str(incident.get("state")), ())
    if verbs:
        yield Text()
        yield rows(
            (safe(f"ingestd incident {verb} {incident.get('id')}{rest}", "bold"), safe(what, "dim"))
            for verb, rest, what in verbs
        )
