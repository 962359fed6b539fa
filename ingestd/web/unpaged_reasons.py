"""Why nobody was paged for an incident, an alert or a message: from what is stored of it, without deciding anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import DeadlineKind, DropReason, VerdictReason
from ingestd.core.incident import AlertState, Incident
from ingestd.core.names import EffectKind, IncidentState
from ingestd.core.response import PageWhen
from ingestd.core.unpaged import Unpaged, UnpagedReason, from_hold, from_words
from ingestd.core.watch import HoldReason
from ingestd.store.explanations import AlertFacts
from ingestd.web.case import Case
from ingestd.web.plain import shown_state

_BY_VERDICT: Final[Mapping[str, UnpagedReason]] = {
    "repeat": UnpagedReason.REPEAT,
    "stale": UnpagedReason.STALE,
    "vanished": UnpagedReason.VANISHED,
    "resolve": UnpagedReason.RESOLVE,
}
_ENDS: Final = frozenset({HoldReason.MAINTENANCE, HoldReason.SILENCED, HoldReason.HOLD})
"""What keeps back up to an instant; the others are only looked at again then."""
_BEGINS: Final = frozenset({"opened", "reopened"})
_NO_CONTACT: Final = " cannot be paged: "
_WAITING: Final = {
    DeliveryState.WAITING: UnpagedReason.DELIVERY_WAITING,
    DeliveryState.LEASED: UnpagedReason.DELIVERY_WAITING,
    DeliveryState.UNCERTAIN: UnpagedReason.DELIVERY_UNCERTAIN,
    DeliveryState.PARKED: UnpagedReason.DELIVERY_PARKED,
}


@dataclass(frozen=True, slots=True)
class Paged:
    """Whom an incident has reached since it opened, or opened again: the deliveries that went out and did not fail afterwards."""

    pages: tuple[Delivery, ...]
    reached: tuple[Delivery, ...]


def paged(case: Case) -> Paged:
    """The pages of the incident's present life."""
    begins = [line.at for line in case.lines if line.kind in _BEGINS]
    since = max(begins, default=case.incident.opened_at)
    pages = tuple(one for one in case.deliveries if one.kind is EffectKind.PAGE and one.created_at >= since)
    reached = tuple(one for one in pages if one.state is DeliveryState.DONE and one.receipt_status != "failed")
    return Paged(pages, reached)


def of_incident(case: Case, stopped: Collection[str]) -> list[Unpaged]:
    """Why nobody was paged for an incident; empty if somebody was. ``stopped`` are connectors whose service rejects us."""
    told = paged(case)
    if told.reached:
        return []
    is_begun = bool(told.pages) and not case.incident.quiet
    found = [*([] if is_begun else _never_begun(case)), *_nobody_to_reach(case)]
    found += [reason for page in told.pages for reason in _of_page(page, stopped)]
    incident = case.incident
    if incident.state is IncidentState.ACKNOWLEDGED:
        found.append(Unpaged(UnpagedReason.ACKNOWLEDGED, incident.id, f"by {incident.acknowledged_by}"))
    elif not incident.state.is_open:
        found.append(Unpaged(UnpagedReason.RESOLVED_BEFORE, incident.id))
    return list(dict.fromkeys(found))


def _never_begun(case: Case) -> Iterator[Unpaged]:
    incident = case.incident
    said = {line.reason: line.text for line in case.lines if line.kind == "escalation"}
    if incident.quiet:
        yield from_words(incident.quiet) or Unpaged(UnpagedReason.HOLD, incident.rule, incident.quiet)
    elif incident.awaiting_policy or "office_hours" in said:
        due_at = case.due_at(DeadlineKind.PAGE)
        yield Unpaged(UnpagedReason.OFFICE_HOURS, incident.severity, until=due_at)
    elif "no_policy" in said:
        yield Unpaged(UnpagedReason.POLICY_GONE, said["no_policy"].partition("“")[2].rpartition("”")[0])
    elif incident.escalation is None and (was := _was_kept(said.get("no_page", ""))):
        yield was
    elif incident.escalation is None and incident.conduct.page_when is PageWhen.NEVER:
        yield Unpaged(UnpagedReason.SEVERITY_NEVER, incident.severity)
    elif incident.escalation is None:
        yield Unpaged(UnpagedReason.NO_POLICY, incident.rule)


def _was_kept(text: str) -> Unpaged | None:
    """What kept it quiet from its beginning, if that was a restraint: it may be over, and nobody be paged all the same."""
    return from_words(text.removeprefix("nobody is paged: "))


def _nobody_to_reach(case: Case) -> Iterator[Unpaged]:
    for line in case.lines:
        if line.kind == "page" and line.reason == "no_usable_contact":
            yield Unpaged(UnpagedReason.NO_CONTACT, line.text.partition(_NO_CONTACT)[0])
        elif line.kind == "page" and line.reason == "nobody_on_call":
            yield Unpaged(UnpagedReason.NOBODY_ON_CALL, line.text.partition("“")[2].rpartition("”")[0])
        elif line.kind == "escalation" and line.reason == "step_closed":
            yield Unpaged(UnpagedReason.STEP_CLOSED, line.text.partition(" ")[0])


def _of_page(page: Delivery, stopped: Collection[str]) -> Iterator[Unpaged]:
    whom = f"{page.person} by {page.channel}"
    state = shown_state(page)
    if state is DeliveryState.DONE:
        detail = "" if page.detail == page.receipt_status else page.detail
        yield Unpaged(UnpagedReason.RECEIPT_FAILED, str(page.person), detail)
    elif state is DeliveryState.DROPPED:
        why = page.detail.replace("_", " ") if page.detail in tuple(DropReason) else page.detail
        yield Unpaged(UnpagedReason.DELIVERY_DROPPED, whom, why)
    elif state is DeliveryState.WAITING and page.connector in stopped:
        yield Unpaged(UnpagedReason.CONNECTOR_STOPPED, page.connector, f"the page to {whom} waits")
    elif state is DeliveryState.WAITING and page.attempt_count == 0 and page.held_since is not None:
        yield Unpaged(UnpagedReason.DELIVERY_HELD, whom, until=page.due_at)
    elif state is DeliveryState.WAITING and page.attempt_count == 0 and page.due_at > page.created_at:
        yield Unpaged(UnpagedReason.QUIET_HOURS, str(page.person), until=page.due_at)
    else:
        until = page.due_at if state is not DeliveryState.PARKED else None
        yield Unpaged(_WAITING[state], whom, page.detail, until)


def of_joined(case: Case, joined_at: datetime, stopped: Collection[str]) -> list[Unpaged]:
    """Why nobody was paged for an alert that joined an incident then; empty if somebody was paged since."""
    found = of_incident(case, stopped)
    reached = paged(case).reached
    if found or any(page.created_at >= joined_at for page in reached):
        return found
    incident = case.incident
    if incident.acknowledged_at is not None and incident.acknowledged_at <= joined_at:
        return [Unpaged(UnpagedReason.ACKNOWLEDGED, incident.id, f"by {incident.acknowledged_by}")]
    return [Unpaged(UnpagedReason.ALREADY_PAGED, incident.id)]


def of_finding(
    finding: Mapping[str, Any], case: Case | None, received_at: datetime, stopped: Collection[str]
) -> list[Unpaged]:
    """Why nobody was paged for one alert of a message. ``case`` is that of the incident that it is part of, or came to be part of."""
    verdict = str(finding.get("verdict"))
    if finding.get("reason") == VerdictReason.RESOLVED_BY_HAND:
        return [Unpaged(UnpagedReason.RESOLVED_BY_HAND, str(finding.get("incident") or "its incident"))]
    if verdict in _BY_VERDICT:
        return [Unpaged(_BY_VERDICT[verdict])]
    was_released = case is not None and case.incident.opened_at >= received_at
    if case is not None and (verdict == "new" or was_released):
        return of_joined(case, received_at, stopped)
    if verdict == "held":
        why = from_words(str(finding.get("held_by") or ""))
        return [why or Unpaged(UnpagedReason.HOLD, str(finding.get("rule")))]
    return []


def of_alert(facts: AlertFacts, case: Case | None, stopped: Collection[str]) -> list[Unpaged]:
    """Why nobody was paged for an alert as it stands; empty if somebody was."""
    known, watch = facts.known, facts.watch
    if known.state is AlertState.HELD and watch is not None and watch.held is not None:
        return [from_hold(watch.held, watch.by, watch.due_at if watch.held in _ENDS else None)]
    finding = facts.decided.finding if facts.decided else {}
    was_held = known.state is AlertState.HELD or (finding.get("verdict") == "held" and _is_since(facts))
    if was_held:
        why = from_words(str(finding.get("held_by") or ""))
        found = [why] if why else []
        return found if known.state is AlertState.HELD else [*found, Unpaged(UnpagedReason.RESOLVED_BEFORE, known.key)]
    if case is None or facts.member is None:
        return [Unpaged(UnpagedReason.RESOLVE)] if known.state is AlertState.CLEARED else []
    return of_joined(case, facts.member.joined_at, stopped)


def _is_since(facts: AlertFacts) -> bool:
    """Whether it was decided about since it joined an incident last, or never did."""
    return facts.member is None or (facts.decided is not None and facts.decided.received_at > facts.member.joined_at)


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts for which nobody was paged for the same reason. ``alerts`` and ``incidents`` name the first of them."""

    why: Unpaged
    count: int
    alerts: tuple[str, ...]
    incidents: tuple[str, ...]


SHOWN_PER_GROUP = 3


def grouped(found: Sequence[tuple[Unpaged, str, Incident | None]]) -> list[Group]:
    """By reason and the name of what it is due to, the largest group first; when each ends is left out."""
    groups: dict[tuple[UnpagedReason, str], Group] = {}
    for why, key, incident in found:
        plain = replace(why, detail="", until=None)
        before = groups.get((why.reason, why.by), Group(plain, 0, (), ()))
        groups[why.reason, why.by] = Group(
            plain,
            before.count + 1,
            tuple(dict.fromkeys((*before.alerts, key)))[:SHOWN_PER_GROUP],
            tuple(dict.fromkeys((*before.incidents, *([incident.id] if incident else []))))[:SHOWN_PER_GROUP],
        )
    return sorted(groups.values(), key=lambda group: (-group.count, group.why.reason, group.why.by))
