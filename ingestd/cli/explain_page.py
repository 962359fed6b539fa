"""Explanations in the terminal: an incident's story, what became of a message, where an alert stands, and what paged nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from ingestd.cli import words
from ingestd.cli.envelope_page import envelope_page
from ingestd.cli.incident_page import head, what_to_type
from ingestd.cli.layout import heading, joined, labelled, rows, word
from ingestd.cli.moments import Moments
from ingestd.cli.next_steps import delivery_line, escalation_text, next_steps, watch_step
from ingestd.cli.terminal import safe

Json = Mapping[str, Any]

TIMELINE_MAX: Final = 100
DELIVERIES_MAX: Final = 50
LABELS_MAX: Final = 30
GROUPS_MAX: Final = 30
REASONS_MAX: Final = 20

WHY_HEADING: Final = "Why nobody was paged"


def page_of(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    """The page for whatever the API explains."""
    kind = str(answer.get("kind"))
    pages = {"incident": _incident, "envelope": _envelope, "alert": _alert, "arrivals": _arrivals}
    yield from pages[kind](answer, moments)


def why_page(reasons: Sequence[Json], moments: Moments) -> Iterator[RenderableType]:
    """Only the reasons why nobody was paged, with what to do."""
    yield rows(row for reason in reasons[:REASONS_MAX] for row in _reason(reason, moments))


def _incident(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    incident = answer["incident"]
    yield from head(incident, moments)
    yield labelled(_incident_facts(answer, moments))
    yield from _why_nobody(answer.get("unpaged") or (), moments)
    yield from _timeline(answer.get("timeline") or (), moments)
    deliveries = answer.get("deliveries") or ()
    of_ticket = [one for one in deliveries if str(one.get("kind")).startswith("ticket-")]
    told = [one for one in deliveries if one not in of_ticket]
    for title, some in (("Who was told, and what became of it", told), ("Ticket", of_ticket)):
        if some:
            yield heading(title + _cut(len(some), DELIVERIES_MAX))
            yield rows(delivery_line(one, moments) for one in some[-DELIVERIES_MAX:])
    yield heading("What happens next")
    yield rows(next_steps(answer, moments))
    yield from what_to_type(incident)


def _cut(count: int, most: int) -> str:
    return f", the last {most} of {count}" if count > most else ""


def _incident_facts(answer: Json, moments: Moments) -> Iterator[tuple[str, Text]]:
    incident = answer["incident"]
    yield "opened", safe(moments.both(incident.get("opened_at")))
    yield from _rules_facts(answer.get("rules") or {})
    yield "alerts", safe(f"{incident.get('firing_count', 0)} of {incident.get('alert_count', 0)} fire")
    yield "quiet", safe(incident.get("quiet"), "yellow")
    yield "part of", safe(incident.get("parent_id"))
    yield "escalation", safe(escalation_text(answer))
    ticket = incident.get("ticket")
    connector = incident.get("ticket_connector")
    if ticket:
        yield "ticket", joined((safe(ticket.get("label"), "bold"), safe(ticket.get("url"))))
    else:
        none = "none while it is quiet" if incident.get("quiet") else "none: its rule wants none"
        yield "ticket", safe(f"none yet: {connector} is to open it" if connector else none)


def _rules_facts(rules: Json) -> Iterator[tuple[str, Text]]:
    rule = rules.get("rule")
    if rule:
        yield "rule", joined((safe(rule, "bold"), safe(_place(rules.get("place")))))
    yield "rules", safe(_version(rules))


def _place(place: Json | None) -> str:
    if place is None:
        return "not in the rules in force any more"
    owner = f", owner {place['owner']}" if place.get("owner") else ""
    return "built in: no other rule matched" if place.get("is_built_in") else f"{place['file']}:{place['line']}{owner}"


def _version(rules: Json) -> str:
    decided, in_force = rules.get("decided"), rules.get("in_force")
    if not decided:
        return f"{in_force} are in force; which decided then is not on record"
    if rules.get("is_in_force"):
        return f"{decided}, still in force"
    return f"{decided} decided; in force are {in_force} by now: file and line are those of now"


def _why_nobody(reasons: Sequence[Json], moments: Moments, title: str = WHY_HEADING) -> Iterator[RenderableType]:
    if not reasons:
        return
    yield heading(title)
    yield rows(row for reason in reasons[:REASONS_MAX] for row in _reason(reason, moments))
    if len(reasons) > REASONS_MAX:
        yield rows([(safe(f"and {len(reasons) - REASONS_MAX} more; -o json has them", "dim"),)])


def _reason(reason: Json, moments: Moments) -> Iterator[tuple[Text, Text]]:
    until = f"until {moments.both(reason['until'])}" if reason.get("until") else ""
    count = reason.get("count") or 0
    times = f"{count} alerts" if count > 1 else ""
    said = joined((safe(reason.get("text"), "bold"), safe(until), safe(times, "dim")))
    yield safe(reason.get("reason"), "yellow"), said
    yield Text(), safe(_advice(reason), "dim")


def _advice(reason: Json) -> str:
    advice = str(reason.get("advice"))
    return (
        f"there is nothing to do: {advice.removeprefix('nothing: ')}"
        if advice.startswith("nothing")
        else f"what to do: {advice}"
    )


def _timeline(lines: Sequence[Json], moments: Moments) -> Iterator[RenderableType]:
    yield heading("Timeline" + _cut(len(lines), TIMELINE_MAX))
    yield rows(_line(line, moments) for line in lines[-TIMELINE_MAX:])


def _line(line: Json, moments: Moments) -> tuple[Text, Text, Text]:
    reason = str(line.get("reason") or "")
    is_join = line.get("kind") == "alert-fired" and reason != "opened"
    why = (words.JOINS.get(reason) if is_join else None) or (f"({reason})" if reason else "")
    said = joined((safe(line.get("text")), safe(why, "dim")))
    return safe(moments.clock(line.get("at")), "dim"), safe(line.get("kind"), "dim"), said


def _envelope(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    rules = answer.get("rules") or {}
    yield from envelope_page(answer, moments)
    places = rules.get("places") or {}
    if places:
        yield heading("Rules")
        decided = [(safe(name, "bold"), safe(_place(place))) for name, place in places.items()]
        yield rows([*decided, (safe("version", "dim"), safe(_version(rules)))])
    title = f"{WHY_HEADING} for the others" if answer.get("paged_count") else WHY_HEADING
    yield from _why_nobody(answer.get("unpaged") or (), moments, title)


def _alert(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    alert = answer["alert"]
    yield joined((safe(alert.get("name") or alert.get("key"), "bold"), _state(answer, moments)))
    if alert.get("summary") and alert.get("summary") != alert.get("name"):
        yield safe(alert.get("summary"))
    yield labelled(_alert_facts(answer, moments))
    yield from _why_nobody(answer.get("unpaged") or (), moments)
    if answer.get("trace"):
        yield from _trace(answer)
    else:
        yield heading("Way through the rules")
        yield rows([(safe("its message is forgotten: only its key is known"),)])
    yield heading("What happens next")
    yield rows(_alert_next(answer, moments))
    yield from _others(answer)


def _state(answer: Json, moments: Moments) -> Text:
    alert = answer["alert"]
    state = str(alert.get("state"))
    incident = answer.get("incident") or {}
    if state == "held":
        since = (answer.get("watch") or {}).get("since")
        return joined((word(state), safe(f"since {moments.both(since)}" if since else "")))
    if state == "cleared":
        return joined((word(state), safe(moments.both(alert.get("cleared_at")))))
    since = alert.get("joined_at") or alert.get("first_seen_at")
    where = f"in {incident['id']}" if incident else ""
    return joined((word(state), safe(f"since {moments.both(since)}"), safe(where)))


def _alert_facts(answer: Json, moments: Moments) -> Iterator[tuple[str, Text]]:
    alert, watch, incident = answer["alert"], answer.get("watch"), answer.get("incident")
    yield "key", safe(alert.get("key"))
    labels = list((alert.get("labels") or {}).items())
    more = f" and {len(labels) - LABELS_MAX} more" if len(labels) > LABELS_MAX else ""
    yield "labels", safe(" ".join(f"{name}={value}" for name, value in labels[:LABELS_MAX]) + more)
    yield "first seen", safe(moments.both(alert.get("first_seen_at")))
    yield "last seen", safe(moments.both(alert.get("last_seen_at")))
    if watch and watch.get("held"):
        yield "kept back", safe(f"{watch['held']} by {watch['by']}", "yellow")
    if incident:
        yield "incident", joined((safe(incident["id"], "bold"), word(incident["state"]), safe(incident["title"])))
    decided = answer.get("decided")
    if decided:
        verdict = words.worded(words.VERDICT_REASONS, decided.get("reason"))
        yield "decided", joined((safe(moments.both(decided["received_at"])), safe(verdict), safe(decided["envelope"])))
    yield from _rules_facts(answer.get("rules") or {})


def _trace(answer: Json) -> Iterator[RenderableType]:
    trace, rules = answer["trace"], answer.get("rules") or {}
    version = rules.get("in_force")
    yield heading(f"Way through the rules in force ({version})")
    before = trace.get("before") or ()
    lines = [_tried(one) for one in before]
    lines += [(Text(), Text(), safe(said, "dim")) for said in _hidden(trace)]
    decided = trace["decided"]
    place = "built in" if not decided.get("file") else f"{decided['file']}:{decided['line']}"
    lines.append((safe(decided["rule"], "bold"), safe("MATCH", "bold green"), safe(place)))
    lines += [
        (safe(one["rule"]), safe("later"), safe(f"matches as well, but stands behind it: {one['file']}:{one['line']}"))
        for one in trace.get("later") or ()
    ]
    yield rows(lines)
    page = f"pages {trace['page']} ({trace['page_when']})" if trace.get("page") else "pages nobody"
    ticket = f"ticket in {trace['ticket']}" if trace.get("ticket") else "no ticket"
    said = f"it says: severity {trace['severity']}, team {trace['team']}, {page}, {ticket}"
    notes = [(safe(said, "dim"),)]
    if rules.get("rule") and rules["rule"] != decided["rule"]:
        text = f"so {decided['rule']} would decide now; it was {rules['rule']} then"
        notes.append((safe(text, "yellow"),))
    yield rows(notes)


def _hidden(trace: Json) -> Iterator[str]:
    """How many rules of those before are not shown."""
    before = trace.get("before") or ()
    near_shown = sum(bool(one.get("is_near")) for one in before)
    near_count, count = trace.get("near_count") or 0, trace.get("before_count") or 0
    if near_count > near_shown:
        yield f"{near_count - near_shown} more nearly matched"
    far = count - near_count - (len(before) - near_shown)
    if far:
        yield f"{far} earlier {'rule is' if far == 1 else 'rules are'} nowhere near (--all shows them)"


def _tried(one: Json) -> tuple[Text, Text, Text]:
    failed = (one.get("failed") or [{}])[0]
    count = one.get("failed_count") or 0
    more = f" (and {count - 1} more)" if count > 1 else ""
    said = ", ".join(str(failed[part]) for part in ("needs", "actual") if failed.get(part))
    place = f"{one['file']}:{one['line']}" if one.get("file") else ""
    verdict = safe("nearly", "bold yellow") if one.get("is_near") else safe("no", "dim")
    return safe(one["rule"]), verdict, joined((safe(said + more), safe(place, "dim")))


def _alert_next(answer: Json, moments: Moments) -> list[tuple[Text, Text]]:
    steps = [watch_step(answer["watch"], moments)] if answer.get("watch") else []
    incident = answer.get("incident")
    if incident and incident.get("state") != "closed":
        steps.append((Text("-"), safe(f"what is due for its incident: ingestd explain {incident['id']}")))
    idle = "nothing by itself: only news of it changes anything"
    return steps or [(Text("-"), safe(idle))]


def _others(answer: Json) -> Iterator[RenderableType]:
    others = answer.get("others") or ()
    if others:
        yield heading("Others that match, seen before it")
        yield rows((safe(f"ingestd explain alert {key}", "bold"),) for key in others)


def _arrivals(answer: Json, moments: Moments) -> Iterator[RenderableType]:
    groups: Sequence[Json] = answer.get("groups") or ()
    count = sum(group.get("count") or 0 for group in groups)
    yield safe(f"Since {moments.both(answer.get('since'))}: {answer.get('envelope_count')} messages came in", "bold")
    if answer.get("is_cut"):
        yield safe(f"more came: only the last {answer.get('envelope_count')} are counted", "yellow")
    paged_count = answer.get("paged_count") or 0
    alerts_are = "1 alert" if paged_count == 1 else f"{paged_count} alerts"
    yield safe(f"somebody was paged for {alerts_are} in them, nobody for {count}")
    if answer.get("skipped_count"):
        yield safe(f"{answer['skipped_count']} more belong to further incidents and were not looked at", "yellow")
    if not groups:
        return
    yield heading(WHY_HEADING)
    yield rows(row for group in groups[:GROUPS_MAX] for row in _group(group))
    hidden = (answer.get("group_count") or 0) - min(len(groups), GROUPS_MAX)
    if hidden > 0:
        yield rows([(safe(f"and {hidden} more reasons; -o json has more", "dim"),)])


def _group(group: Json) -> Iterator[tuple[Text, Text, Text]]:
    yield safe(f"{group.get('count')}×", "bold"), safe(group.get("reason"), "yellow"), safe(group.get("text"), "bold")
    # A key is long and is only there to be asked for: one is enough.
    named = list(group.get("incidents") or ()) or list(group.get("alerts") or ())[:1]
    yield Text(), Text(), safe(f"such as {', '.join(map(str, named))}", "dim")
    if not str(group.get("advice")).startswith("nothing"):
        yield Text(), Text(), safe(_advice(group), "dim")
