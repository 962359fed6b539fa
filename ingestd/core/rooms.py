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
