"""What must always hold between two transactions. Run on every commit in simulation and tests; the online auditor asks the same.

Each rule names the promise that it guards (A1 to A9 of the reliability goals). Pure: facts in, sentences out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ingestd.core.conduct import ResolveOn
from ingestd.core.delivery import Delivery, DeliveryState
from ingestd.core.effects import DeadlineKind
from ingestd.core.incident import AlertState, Incident, Member
from ingestd.core.names import AlertKey, EffectKind, IncidentId, IncidentState
from ingestd.core.watch import Watch


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the incidents that are looked at. Maps are by incident."""

    incidents: tuple[Incident, ...] = ()
    members: Mapping[IncidentId, tuple[Member, ...]] = field(default_factory=dict)
    deadlines: Mapping[IncidentId, frozenset[DeadlineKind]] = field(default_factory=dict)
    deliveries: Mapping[IncidentId, tuple[Delivery, ...]] = field(default_factory=dict)
    ticketed: frozenset[IncidentId] = frozenset()
    """Incidents that have a ticket."""
    alerts: Mapping[AlertKey, AlertState] = field(default_factory=dict)
    """Of the alerts that are held back, and of those on which a watch is kept."""
    watches: Mapping[AlertKey, Watch] = field(default_factory=dict)
    """Every watch that there is, or those of the alerts that are looked at."""
    uncounted: frozenset[IncidentId] = frozenset()
    """Incidents whose members were not read: there are too many for one look."""


def broken(facts: Facts) -> list[str]:
    """Every promise that does not hold, in words; empty if all is well."""
    found = list(_one_open_incident_per_thing(facts.incidents))
    for incident in facts.incidents:
        due = facts.deadlines.get(incident.id, frozenset())
        deliveries = facts.deliveries.get(incident.id, ())
        found += _has_a_next_action(incident, due)
        if incident.id not in facts.uncounted:
            found += _counts_its_alerts(incident, facts.members.get(incident.id, ()))
            found += _quiet_ends(incident, facts.members.get(incident.id, ()), facts.watches)
        found += _pages_only_while_triggered(incident, deliveries)
        found += _tickets_once(incident, deliveries, has_ticket=incident.id in facts.ticketed)
        found += _comment_waits(incident, deliveries)
        found += _quiet_pages_nobody(incident, due, deliveries)
    found += _held_is_watched(facts)
    found += _none_explains_itself(facts.incidents)
    return found


def _one_open_incident_per_thing(incidents: Iterable[Incident]) -> Iterator[str]:
    seen: dict[str, IncidentId] = {}
    for incident in incidents:
        if not incident.state.is_open:
            continue
        if incident.dedup_key in seen:
            yield f"A2: {seen[incident.dedup_key]} and {incident.id} are both open for {incident.dedup_key}"
        seen[incident.dedup_key] = incident.id


def _has_a_next_action(incident: Incident, due: frozenset[DeadlineKind]) -> Iterator[str]:
    """A3: while somebody ought to answer, the next step has a time."""
    escalation = incident.escalation
    if incident.state is IncidentState.TRIGGERED and escalation and not escalation.is_exhausted and not incident.quiet:
        waits_for_grace = incident.clearing_since is not None and DeadlineKind.RESOLVE in due
        waits_for_office = incident.awaiting_policy is not None and DeadlineKind.PAGE in due
        if DeadlineKind.ESCALATE not in due and not waits_for_grace and not waits_for_office:
            yield f"A3: {incident.id} is triggered and nothing is due"
    if incident.state.is_open and (incident.clearing_since is not None) != (DeadlineKind.RESOLVE in due):
        yield f"A3: {incident.id} is clearing and nothing will resolve it, or the other way round"
    if incident.state is IncidentState.TRIGGERED and (incident.awaiting_policy is not None) != (
        DeadlineKind.PAGE in due
    ):
        yield f"A3: {incident.id} waits for office hours and nothing will page, or the other way round"
    resolve_on = incident.conduct.resolve_on
    is_left_to_people = resolve_on is ResolveOn.NEVER
    if (
        incident.state.is_open
        and incident.firing_count == 0
        and incident.clearing_since is None
        and not is_left_to_people
    ):
        yield f"A3: {incident.id} is open, has no firing alert and is not clearing"
    if incident.firing_count > 0 and incident.clearing_since is not None and resolve_on is not ResolveOn.ANY:
        yield f"A3: {incident.id} is about to be resolved although alerts fire"
    if incident.state is IncidentState.RESOLVED and due != {DeadlineKind.CLOSE}:
        yield f"A3: {incident.id} is resolved and has {sorted(due)} due instead of its close"
    if incident.state is IncidentState.CLOSED and due:
        yield f"A3: {incident.id} is closed and still has {sorted(due)} due"


def _held_is_watched(facts: Facts) -> Iterator[str]:
    """A2: what is kept back is looked at again, and nothing is kept back that is over."""
    for key, state in facts.alerts.items():
        if state is AlertState.HELD and key not in facts.watches:
            yield f"A2: {key} is kept back and nothing will look at it again"
    for key, watch in facts.watches.items():
        state_now = facts.alerts.get(key)
        if state_now is None:
            yield f"A2: there is a watch on {key}, of which nothing is known"
        elif watch.held is not None and state_now is AlertState.CLEARED:
            yield f"A2: {key} has cleared and is still kept back by {watch.held} {watch.by}"


def _quiet_pages_nobody(
    incident: Incident, due: frozenset[DeadlineKind], deliveries: tuple[Delivery, ...]
) -> Iterator[str]:
    if not incident.quiet or not incident.state.is_open:
        return
    wrong = due & {DeadlineKind.ESCALATE, DeadlineKind.PAGE, DeadlineKind.ACKNOWLEDGE}
    if wrong:
        yield f"A4: {incident.id} is quiet ({incident.quiet}) and has {sorted(wrong)} due"
    for delivery in deliveries:
        if delivery.kind is EffectKind.PAGE and delivery.state in {DeliveryState.WAITING, DeliveryState.UNCERTAIN}:
            yield f"A4: {delivery.key} is queued although {incident.id} is quiet ({incident.quiet})"


def _quiet_ends(incident: Incident, members: tuple[Member, ...], watches: Mapping[AlertKey, Watch]) -> Iterator[str]:
    """A2: what takes the page away ends some day, and somebody looks then."""
    if not incident.quiet or not incident.state.is_open:
        return
    there = [member.key for member in members if member.state is not AlertState.CLEARED]
    if there and not any(key in watches and watches[key].held is not None for key in there):
        yield f"A2: {incident.id} is quiet ({incident.quiet}) and nothing will look whether that is over"


def _none_explains_itself(incidents: Iterable[Incident]) -> Iterator[str]:
    """A2: two incidents that explain each other would both be silent for ever."""
    parents = {incident.id: incident.parent_id for incident in incidents if incident.state.is_open}
    for incident_id, parent_id in parents.items():
        above, seen = parent_id, {incident_id}
        while above is not None and above not in seen:
            seen.add(above)
            above = parents.get(above)
        if above == incident_id:
            yield f"A2: {incident_id} is explained by what it explains"


def _counts_its_alerts(incident: Incident, members: tuple[Member, ...]) -> Iterator[str]:
    if not incident.state.is_open:
        return
    firing = sum(member.state is not AlertState.CLEARED for member in members)
    if firing != incident.firing_count:
        yield f"A7: {incident.id} says {incident.firing_count} firing alerts and has {firing}"
    if len(members) != incident.alert_count:
        yield f"A7: {incident.id} says {incident.alert_count} alerts and has {len(members)}"


def _pages_only_while_triggered(incident: Incident, deliveries: tuple[Delivery, ...]) -> Iterator[str]:
    """A4: an acknowledgement or a resolve cancels what is queued in its own transaction."""
    if incident.state is IncidentState.TRIGGERED:
        return
    for delivery in deliveries:
        if delivery.kind is EffectKind.PAGE and delivery.state in {DeliveryState.WAITING, DeliveryState.UNCERTAIN}:
            yield f"A4: {delivery.key} is queued although {incident.id} is {incident.state}"


def _tickets_once(incident: Incident, deliveries: tuple[Delivery, ...], *, has_ticket: bool) -> Iterator[str]:
    """A6: a wanted ticket exists, is on its way, or was refused with a reason; never two on their way."""
    if not incident.ticket_connector:
        return
    opening = [d for d in deliveries if d.kind is EffectKind.TICKET_OPEN]
    under_way = [d for d in opening if not d.state.is_settled]
    if len(under_way) > 1:
        yield f"A6: {incident.id} has {len(under_way)} tickets on their way"
    is_accounted_for = (
        has_ticket or under_way or any(d.state in {DeliveryState.PARKED, DeliveryState.DROPPED} for d in opening)
    )
    if not is_accounted_for:
        yield f"A6: {incident.id} wants a ticket, has none and none is on its way"


def _comment_waits(incident: Incident, deliveries: tuple[Delivery, ...]) -> Iterator[str]:
    if not incident.is_comment_waiting:
        return
    if not any(
        d.kind is EffectKind.TICKET_COMMENT and not d.state.is_settled and d.noted_up_to is None for d in deliveries
    ):
        yield f"A2: {incident.id} believes that a comment waits, and none does: news would be lost"
