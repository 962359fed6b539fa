"""Why something did not come about as a test expects: which rule came before, what kept the alert back and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Final

from ingestd.core.alert import Alert
from ingestd.core.classify import trace, why_not
from ingestd.core.names import AlertKey, IncidentState
from ingestd.core.policy import Policy
from ingestd.core.watch import HoldReason, Restraint
from ingestd.core.windows import TimeWindow
from ingestd.trial.expectations import Difference, Standing, lasting
from ingestd.trial.rehearsal import Rehearsal
from ingestd.trial.route import in_words

_OF_WHAT_HOLDS: Final = frozenset(
    {"held", "held_by", "maintenance", "parent", "severity", "impact", "urgency", "state"}
)
_COUNTED: Final = frozenset({"incidents", "tickets", "pages"})
_ENDS_BY_TIME: Final = frozenset({HoldReason.MAINTENANCE, HoldReason.SILENCED, HoldReason.HOLD})
_LINES_MAX: Final = 3


def reasons(found: Sequence[Difference], standing: Standing, zone: tzinfo) -> tuple[str, ...]:
    """What explains these differences, a line for each reason; none where nothing is known. Instants are shown in ``zone``."""
    lines = [_why_not(str(one.expected), standing.rehearsal) for one in found if one.key == "rule"]
    if any(one.key in _OF_WHAT_HOLDS or (one.key in _COUNTED and _is_too_little(one)) for one in found):
        lines += _kept_back(standing.rehearsal, zone)
    for one in found:
        if one.key == "held" and one.actual is None and standing.rehearsal.asked:
            lines.append(f"nothing kept it back at {standing.rehearsal.now.astimezone(zone):%A %Y-%m-%d %H:%M} {zone}")
        if one.key == "state" and (one.expected, one.actual) == (IncidentState.RESOLVED, IncidentState.CLOSED):
            lines.append(_why_closed(standing))
    return tuple(lines)


def words_of_restraint(why: Restraint, policy: Policy, now: datetime, zone: tzinfo) -> str:
    """What keeps an alert back and until when: ``maintenance “patching” until 04:00 Europe/Berlin``.

    A maintenance window ends in its own zone, everything else in ``zone``; the day is told where it is not that of ``now``.
    """
    words = replace(why, until=None).text
    if why.until is None or why.reason not in _ENDS_BY_TIME:
        return words
    windows = policy.ruleset.maintenance if why.reason is HoldReason.MAINTENANCE else ()
    times = (time for window in windows if window.name == why.by for time in window.times)
    zone = next((time.zone for time in times if isinstance(time, TimeWindow)), zone)
    until = why.until.astimezone(zone)
    day = "" if until.date() == now.astimezone(zone).date() else f"{until:%Y-%m-%d} "
    clock = f"{until:%H:%M:%S}" if until.second else f"{until:%H:%M}"
    return f"{words} until {day}{clock} {zone}"


def why_nothing_resolves(alert: Alert, fired: Mapping[AlertKey, Alert]) -> str:
    """What is told of an end with other labels than any alert that fired; empty if one with these did."""
    if alert.key in fired:
        return ""
    nearest = min((_differences(alert, one) for one in fired.values()), key=len, default=[])
    if not nearest:
        return "nothing with these labels fires: no alert has fired before"
    return f"nothing with these labels fires; the nearest that did: {', '.join(nearest[:_LINES_MAX])}"


def _differences(alert: Alert, other: Alert) -> list[str]:
    here, there = _identity(alert), _identity(other)
    found = []
    for name in sorted(here.keys() | there.keys()):
        mine, its = here.get(name, ""), there.get(name, "")
        if mine == its:
            continue
        if not mine:
            found.append(f"{name} is missing here, {its} there")
        else:
            found.append(f"{name} is {mine} here, {its or 'missing'} there")
    return found


def _identity(alert: Alert) -> dict[str, str]:
    """What tells two alerts apart."""
    of_alert = {"alert.source": alert.source, "alert.sender": alert.sender, "alert.subject": alert.subject}
    return {**alert.labels, **{name: value for name, value in of_alert.items() if value}}


def _is_too_little(one: Difference) -> bool:
    def count(value: object) -> int:
        return len(value) if isinstance(value, list) else int(value) if isinstance(value, int) else 0

    return count(one.actual) < count(one.expected)


def _kept_back(rehearsal: Rehearsal, zone: tzinfo) -> Iterable[str]:
    """Of each alert what kept it back when it was decided about last."""
    last = {asked.alert.key: asked for asked in rehearsal.asked}
    held = [asked.restraint for asked in last.values() if asked.restraint is not None]
    words = dict.fromkeys(words_of_restraint(why, rehearsal.policy, rehearsal.now, zone) for why in held)
    return [f"kept back: {one}" for one in words][:_LINES_MAX]


def _why_closed(standing: Standing) -> str:
    incident = standing.incident
    assert incident is not None, "what has a state is an incident"
    rules = standing.rehearsal.policy.ruleset.rules
    rule = next((one for one in rules if one.name == incident.rule), None)
    is_own = rule is not None and rule.reopen_within_seconds is not None
    within = "within of the rule's dedup" if is_own else "reopen_within"
    return f"closed since it did not come back within {lasting(incident.reopen_within_seconds)} ({within})"


def _why_not(rule: str, rehearsal: Rehearsal) -> str:
    """What stands against a rule that did not decide about the last alert that was news."""
    if not rehearsal.asked:
        return "the rules were never asked: no alert was news"
    alert, ruleset = rehearsal.asked[-1].alert, rehearsal.policy.ruleset
    wanted = next((one for one in ruleset.rules if one.name == rule), None)
    if wanted is None:
        return f"{rule} is not among the rule files that this test tries"
    failed_on = why_not(wanted, alert, rehearsal.now)
    if failed_on:
        return f"{rule} does not match: {in_words(failed_on)}"
    decided = trace(alert, ruleset, rehearsal.now)[-1]
    place = f" ({decided.file}:{decided.line})" if decided.file else ""
    return f"{rule} would match, but {decided.rule}{place} comes first"
