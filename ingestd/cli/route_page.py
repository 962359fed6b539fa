"""An alert's way through the rules as a page for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from ingestd.cli.layout import heading, joined, labelled, rows, word
from ingestd.cli.reading import Reading
from ingestd.cli.terminal import safe
from ingestd.cli.words import JOINS, VERDICT_REASONS, worded
from ingestd.core.effects import Verdict
from ingestd.core.response import PageWhen
from ingestd.core.ruleset import Classification
from ingestd.core.safe_text import plain_block
from ingestd.trial.expectations import Difference, since
from ingestd.trial.reasons import words_of_restraint
from ingestd.trial.rehearsal import Performed, Rehearsal
from ingestd.trial.route import Route, Routes, in_words
from ingestd.trial.telling import words_of

_WORDS_CHARS_MAX = 10_000
_WHY_CHARS_MAX = 120


Joined = Sequence[Mapping[str, Any] | None]
"""For each alert the incident of the running daemon that it would join; None where it would open one."""


def page(
    routes: Routes, reading: Reading, joined_to: Joined | None = None, *, at: datetime | None = None
) -> Iterator[RenderableType]:
    """Each alert with the rules that it met and its consequences; ``joined_to`` if the daemon was asked, ``at`` if it was said when."""
    zone = reading.for_trial.config.timezone if reading.for_trial else UTC
    for number, route in enumerate(routes.routes, start=1):
        if len(routes.routes) > 1:
            yield heading(f"alert {number} of {len(routes.routes)}: {_labels(route)}")
        yield rows(_trace(route))
        yield Text()
        when = [("at", safe(f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone}"))] if at else []
        yield labelled([*when, *_consequences(route, routes.rehearsal, zone), *_live(joined_to, number - 1)])
        yield from _pages(route, routes.rehearsal, reading)


def as_json(
    routes: Routes, reading: Reading, wrong: Iterable[Difference], joined_to: Joined | None = None
) -> dict[str, Any]:
    """The same for programs; times in UTC."""
    return {
        "routes": [_route_as_json(route, routes.rehearsal, reading) for route in routes.routes],
        **({} if joined_to is None else {"joins": [_join_as_json(one) for one in joined_to]}),
        "differences": [{"key": one.key, "expected": one.expected, "actual": one.actual} for one in wrong],
    }


def _live(joined_to: Joined | None, index: int) -> list[tuple[str, Text]]:
    if joined_to is None:
        return []
    one = joined_to[index]
    if one is None:
        return [("daemon", safe("no incident there takes it: it would open one"))]
    said = f"{one.get('id')}, {one.get('state')}: {one.get('title')}"
    return [("daemon", joined((safe(worded(JOINS, str(one["join"]))), safe(said)), " "))]


def _join_as_json(one: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if one is None else {"incident": one.get("id"), "state": one.get("state"), "join": one["join"]}


def _labels(route: Route) -> str:
    return " ".join(f"{name}={value}" for name, value in route.alert.labels.items())


def _trace(route: Route) -> Iterator[Sequence[Text]]:
    for step in route.trace:
        if not step.has_matched:
            yield safe(step.rule), safe("no"), safe(_cut(in_words(step.failed_on)), "dim")
        else:
            yield safe(step.rule, "bold"), safe("MATCH", "bold green"), safe(_place(step.file, step.line))


def _cut(text: str) -> str:
    """A long matcher tells more by its beginning than by filling the screen; JSON has all of it."""
    return text if len(text) <= _WHY_CHARS_MAX else f"{text[: _WHY_CHARS_MAX - 1]}…"


def _place(file: str, line: int) -> str:
    return f"{file}:{line}" if file else "built in"


def _consequences(route: Route, rehearsal: Rehearsal, zone: tzinfo) -> list[tuple[str, Text]]:
    label = route.label
    severity = joined((word(label.severity), safe(f"impact {label.impact} × urgency {label.urgency}", "dim")))
    return [
        ("rule", safe(label.rule, "bold")),
        ("severity", severity),
        ("category", safe(label.category)),
        ("team", safe(label.team)),
        ("title", safe(label.title)),
        ("summary", safe(label.summary if label.summary != label.title else "")),
        ("runbook", safe(label.runbook)),
        ("template", safe(label.template_problem and f"plain text is used: {label.template_problem}", "yellow")),
        ("dedup_key", safe("the alert itself" if label.dedup_key == route.alert.key else label.dedup_key)),
        ("correlate_key", safe(label.correlate_key or "none")),
        ("incident", safe(_incident_words(route))),
        ("kept back", safe(_restraint_words(route, rehearsal, zone), "yellow")),
        ("ticket", safe(_ticket_words(route))),
        ("page", safe(_policy_words(label))),
    ]


def _restraint_words(route: Route, rehearsal: Rehearsal, zone: tzinfo) -> str:
    """What keeps it back, or takes its page or ticket away."""
    why = route.finding.restraint
    if why is None:
        return ""
    left = "nothing opens" if route.finding.verdict is Verdict.HELD else "it opens without a page"
    return f"{words_of_restraint(why, rehearsal.policy, route.began_at, zone)}: {left}"


def _policy_words(label: Classification) -> str:
    if label.page_when is PageWhen.NEVER:
        return f"none: severity {label.severity} pages nobody"
    when = " in office hours" if label.page_when is PageWhen.OFFICE_HOURS else ""
    return f"{label.policy}{when}" if label.policy else "none"


def _incident_words(route: Route) -> str:
    finding = route.finding
    if finding.verdict is Verdict.HELD:
        return "none for now" if route.incident is None else "opened later, if it goes on firing"
    if finding.verdict is not Verdict.NEW:
        return f"none: {worded(VERDICT_REASONS, finding.reason)}"
    return "opened" if route.incident and finding.join == "opened" else worded(JOINS, finding.join)


def _ticket_words(route: Route) -> str:
    plan = route.label.ticket
    if plan is None:
        return "none"
    options = ", ".join(f"{name}: {value}" for name, value in plan.options.items())
    return f"{plan.connector} ({options})" if options else plan.connector


def _pages(route: Route, rehearsal: Rehearsal, reading: Reading) -> Iterator[RenderableType]:
    if not route.pages:
        yield heading("Nobody is paged")
        return
    began_at = route.began_at
    yield heading("Who is paged, if nobody answers")
    yield rows(
        (
            safe(since(began_at, one.at)),
            safe(one.delivery.person, "bold"),
            safe(f"by {one.delivery.channel}"),
            safe(f"L{one.delivery.level}"),
            safe(one.delivery.reason, "dim"),
        )
        for one in route.pages
    )
    shown: set[object] = set()
    for one in route.pages:
        words = None if one.delivery.channel in shown else _words(one, rehearsal, reading)
        if words is None:
            continue
        shown.add(one.delivery.channel)
        yield heading(f"What {one.delivery.person} reads by {one.delivery.channel}")
        yield Text("\n".join(f"  {line}".rstrip() for line in words.splitlines()))


def _words(one: Performed, rehearsal: Rehearsal, reading: Reading) -> str | None:
    url = reading.loaded.config.server.external_url.rstrip("/") if reading.loaded else ""
    words = words_of(one, rehearsal, reading.connectors, external_url=url)
    return None if words is None else plain_block(words, _WORDS_CHARS_MAX)


def _route_as_json(route: Route, rehearsal: Rehearsal, reading: Reading) -> dict[str, Any]:
    label = route.label
    plan = label.ticket
    return {
        "alert": {
            "key": route.alert.key,
            "source": route.alert.source,
            "status": route.alert.status.value,
            "labels": dict(route.alert.labels),
            "annotations": dict(route.alert.annotations),
        },
        "trace": [
            {
                "rule": step.rule,
                "file": step.file,
                "line": step.line,
                "matched": step.has_matched,
                "failed_on": step.failed_on,
            }
            for step in route.trace
        ],
        "rule": label.rule,
        "severity": label.severity.value,
        "impact": label.impact.value,
        "urgency": label.urgency.value,
        "category": label.category,
        "team": label.team,
        "title": label.title,
        "summary": label.summary,
        "runbook": label.runbook,
        "template_problem": label.template_problem,
        "dedup_key": label.dedup_key,
        "correlate_key": label.correlate_key,
        "verdict": route.finding.verdict.value,
        "verdict_reason": route.finding.reason.value,
        "incident": route.incident.id if route.incident else None,
        "join": route.finding.join.value if route.finding.join else None,
        "ticket": {"to": plan.connector, "options": dict(plan.options)} if plan else None,
        "page": label.policy,
        "page_when": label.page_when.value,
        "restraint": _restraint_as_json(route),
        "rules_version": label.rules_version,
        "pages": [
            {
                "at": one.at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "after_seconds": int((one.at - route.began_at).total_seconds()),
                "person": one.delivery.person,
                "channel": one.delivery.channel,
                "connector": one.delivery.connector,
                "level": one.delivery.level,
                "reason": one.delivery.reason,
                "words": _words(one, rehearsal, reading),
            }
            for one in route.pages
        ],
    }


def _restraint_as_json(route: Route) -> dict[str, Any] | None:
    why = route.finding.restraint
    if why is None:
        return None
    until = why.until.astimezone(UTC).isoformat().replace("+00:00", "Z") if why.until else None
    is_held = route.finding.verdict is Verdict.HELD
    return {"reason": why.reason.value, "by": why.by, "until": until, "is_held": is_held}
