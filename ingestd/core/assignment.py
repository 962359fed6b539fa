"""Who is in charge of an incident: from the team's schedule, in turn, or whoever has the fewest; and what people say instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ingestd.core.draft import Draft
from ingestd.core.effects import PersonalWord
from ingestd.core.incident import Incident
from ingestd.core.names import EffectKey, PersonName
from ingestd.core.policy import AssignBy, Person, Policy, Team
from ingestd.core.rota import who


def assign(draft: Draft, incident: Incident, policy: Policy) -> Incident:
    """Put somebody in charge of a new incident, as its team says. Whoever is away or cannot be reached is passed over."""
    team = policy.teams.get(incident.team)
    if team is None or team.assign is None:
        return incident
    chosen = (
        _on_schedule(draft, team, policy)
        if team.assign is AssignBy.SCHEDULE
        else _of_team(draft, incident, team, policy)
    )
    if chosen is None:
        draft.note(incident, "assigned", f"nobody in team “{team.name}” is free to be in charge", reason="nobody_free")
        return incident
    draft.loads[chosen] = draft.loads.get(chosen, 0) + 1
    draft.last_assigned[team.name] = chosen
    draft.note(incident, "assigned", f"{chosen} is in charge ({team.assign})", reason=team.assign)
    return draft.put_incident(replace(incident, assignee=chosen))


def assign_by_hand(
    draft: Draft, incident: Incident, name: PersonName, policy: Policy, *, by: str, via: str, why: str
) -> Incident:
    """Somebody says who is in charge from now on; who that is hears of it, once."""
    if incident.assignee == name:
        draft.note(incident, "answer", f"{by}: {name} is in charge already", reason="answered_late", actor=by)
        return incident
    before = f" instead of {incident.assignee}" if incident.assignee else ""
    text = f"{name} is in charge{before}: assigned by {by} ({via})" + (f": {why}" if why else "")
    draft.note(incident, "assigned", text, reason="by_hand", actor=by, for_ticket=True)
    incident = draft.put_incident(replace(incident, assignee=name))
    person = policy.people.get(name)
    if person is not None and by != name:
        said = f"You are in charge of {incident.id}: {incident.title}\n{by} says so" + (f": {why}" if why else "")
        tell(draft, incident, person, f"assigned/{int(draft.now.timestamp() * 1000)}", said, policy)
    return incident


def tell(draft: Draft, incident: Incident, person: Person, about: str, text: str, policy: Policy) -> None:
    """Say something of an incident to one person, by the first channel that reaches them for what is not urgent; not in quiet hours."""
    stages = person.stages_for(is_urgent=False)
    for channel in stages[0].channels if stages else ():
        connectors = policy.connectors_of(channel, person.address_of(channel) or "")
        if not connectors:
            continue
        quiet_until = person.quiet.open_until(draft.now) if person.quiet is not None else None
        key = EffectKey(f"word/{incident.id}/{person.name}/{about}")
        due_at = quiet_until or draft.now
        draft.tell(PersonalWord(key, connectors[0], person.name, channel, text, due_at, incident.id))
        return


def _on_schedule(draft: Draft, team: Team, policy: Policy) -> PersonName | None:
    schedule = policy.schedules.get(team.schedule or "")
    return who(schedule, draft.now) if schedule is not None else None


def _of_team(draft: Draft, incident: Incident, team: Team, policy: Policy) -> PersonName | None:
    """Of the members who are free: those with the skill that the rule names, if there is one of them; then in turn, or the fewest."""
    free = [name for name in team.members if is_free(policy.people.get(name), draft.now)]
    skill = incident.conduct.skill
    skilled = [name for name in free if skill in policy.people[name].skills] if skill else free
    if free and not skilled:
        text = f"nobody in team “{team.name}” who is free knows “{skill}”: somebody else is in charge"
        draft.note(incident, "assigned", text, reason="no_skill")
    candidates = skilled or free
    if not candidates:
        return None
    in_turn = _in_turn(team.members, draft.last_assigned.get(team.name))
    ordered = sorted(candidates, key=in_turn.index)
    if team.assign is AssignBy.LEAST_LOADED:
        return min(ordered, key=lambda name: draft.loads.get(name, 0))
    return ordered[0]


def is_free(person: Person | None, at: datetime) -> bool:
    """Whether somebody can be put in charge: they can be reached and are not away."""
    return person is not None and bool(person.channels) and not any(one.contains(at) for one in person.away)


def _in_turn(members: Sequence[PersonName], last: PersonName | None) -> list[PersonName]:
    """The members, beginning with the one after whoever was last."""
    listed = list(dict.fromkeys(members))
    start = listed.index(last) + 1 if last in listed else 0
    return listed[start:] + listed[:start]
