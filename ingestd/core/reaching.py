"""How one person is paged: by which channel and connector, at once or when their quiet hours end, and what follows when one fails.

Every function takes and gives back the incident, so that calls chain; the draft collects the effects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from ingestd.core.draft import Draft
from ingestd.core.effects import PageReason
from ingestd.core.incident import Incident
from ingestd.core.names import Channel, EffectKind, PersonName, Severity
from ingestd.core.policy import Person, Policy, Profile

_URGENT = frozenset({Severity.CRITICAL, Severity.HIGH})


def is_urgent(incident: Incident, profile: Profile) -> bool:
    """Whether people are paged in the way that they chose for what is urgent."""
    return profile is Profile.URGENT or (profile is Profile.AUTO and incident.severity in _URGENT)


def page_person(
    draft: Draft,
    incident: Incident,
    name: PersonName,
    policy: Policy,
    profile: Profile,
    *,
    level: int,
    reason: str,
    cause: PageReason,
    again_after_seconds: int | None = None,
) -> tuple[Incident, datetime | None]:
    """Page somebody by every stage of their profile. Gives the instant at which the first page leaves; None if nothing reaches them.

    ``again_after_seconds``: they are paged anew then, so that what their profile says of later has no place any more.
    """
    person = policy.people.get(name)
    urgent = is_urgent(incident, profile)
    stages = person.stages_for(is_urgent=urgent) if person else ()
    first = (
        next((c for c in stages[0].channels if person and has_connector(person, c, policy)), None) if stages else None
    )
    if person is None or first is None:
        draft.note(incident, "page", f"{name} cannot be paged: no usable contact", reason="no_usable_contact")
        return incident, None
    begins_at = draft.now
    quiet_until = person.quiet.open_until(draft.now) if person.quiet is not None and not urgent else None
    if quiet_until is not None:
        begins_at = quiet_until
        text = f"{name} has quiet hours until {quiet_until.astimezone(person.clock):%H:%M %Z}: the page waits"
        draft.note(incident, "page", text, reason="quiet_hours")
    wait_seconds = (begins_at - draft.now).total_seconds()
    incident = page_by(draft, incident, person, first, policy, level, reason, cause, after_seconds=wait_seconds)
    for stage in stages[1:]:
        if again_after_seconds is not None and stage.after_seconds >= again_after_seconds:
            break
        for channel in stage.channels:
            if has_connector(person, channel, policy):
                after = wait_seconds + stage.after_seconds
                said = f"no answer within {stage.after_seconds // 60 or 1} min"
                incident = page_by(
                    draft, incident, person, channel, policy, level, said, PageReason.STAGE, after_seconds=after
                )
    return incident, begins_at


def has_connector(person: Person, channel: Channel, policy: Policy) -> bool:
    """Whether the person has an address on the channel that a connector serves."""
    address = person.address_of(channel)
    return address is not None and bool(policy.connectors_of(channel, address))


def page_by(
    draft: Draft,
    incident: Incident,
    person: Person,
    channel: Channel,
    policy: Policy,
    level: int,
    reason: str,
    cause: PageReason,
    *,
    after_seconds: float = 0,
    connector: str = "",
) -> Incident:
    """Queue one page. The caller has made sure that the channel reaches the person; ``connector`` if not the first of the channel."""
    chosen = connector or policy.connectors_of(channel, person.address_of(channel) or "")[0]
    running = incident.escalation
    if running is not None and (person.name, channel) not in running.tried:
        tried = (*running.tried, (person.name, channel))
        incident = replace(incident, escalation=replace(running, tried=tried))
    return draft.add_effect(
        incident,
        chosen,
        EffectKind.PAGE,
        person=person.name,
        channel=channel,
        level=level,
        reason=reason,
        cause=cause,
        delay_seconds=after_seconds,
    )


def following_channel(
    person: Person | None, failed: Channel, policy: Policy, *, is_urgent: bool = False, tried: Iterable[Channel] = ()
) -> Channel | None:
    """The channel to try when one fails: the first in the person's own order that was not tried; None if there is no other."""
    stages = person.stages_for(is_urgent=is_urgent) if person else ()
    passed = {failed, *tried}
    return next(
        (
            c
            for c in (stages[0].channels if stages else ())
            if c not in passed and person and has_connector(person, c, policy)
        ),
        None,
    )


def following_vendor(person: Person, channel: Channel, failed: str, policy: Policy) -> str | None:
    """The connector of the same channel to try when one fails; the first one if a reload took it from the channel; None if there is no other."""
    address = person.address_of(channel)
    usable = policy.connectors_of(channel, address) if address is not None else ()
    following = usable[usable.index(failed) + 1 :] if failed in usable else usable
    return following[0] if following else None
