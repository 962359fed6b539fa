"""What a team's room is told: one post per change of how an incident stands, worded when it is sent, so that only the newest one counts."""

from __future__ import annotations

from ingestd.core.draft import Draft
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKind
from ingestd.core.policy import Policy


def post(draft: Draft, incident: Incident, policy: Policy, what: str) -> Incident:
    """Tell the room of the incident's team, if it has one: ``what`` has just happened, in a few words."""
    team = policy.teams.get(incident.team)
    if team is None or team.room is None or incident.quiet:
        return incident
    connectors = policy.connectors_of(Channel.CHAT, team.room)
    if not connectors:
        return incident
    return draft.add_effect(
        incident, connectors[0], EffectKind.POST, channel=Channel.CHAT, address=team.room, reason=what
    )


def post_escalated(draft: Draft, before: Incident, incident: Incident, policy: Policy) -> Incident:
    """Tell the room that nobody answered, and who is paged now. A step that is only paged again is no news, nor is one that is held."""
    was, now = before.escalation, incident.escalation
    if was is None or now is None:
        return incident
    if now.is_exhausted and not was.is_exhausted:
        return post(draft, incident, policy, "every step has run and nobody answered")
    if (now.step_index, now.loops_done) == (was.step_index, was.loops_done):
        return incident
    return post(draft, incident, policy, f"nobody answered: L{now.level} is paged")
