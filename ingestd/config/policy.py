"""What ``decide`` is told, from a loaded configuration."""

from __future__ import annotations

from ingestd.config.load import Loaded
from ingestd.config.model import PersonSection
from ingestd.config.schedules import build_schedules
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Policy, Step, Timing


def build_policy(loaded: Loaded) -> Policy:
    """The policy of a configuration. A person's channels are those that they have an address for and a connector serves."""
    config = loaded.config
    return Policy(
        ruleset=loaded.ruleset,
        people={
            PersonName(name): _person(name, person, set(config.channels)) for name, person in config.people.items()
        },
        escalations={
            name: EscalationPolicy(
                name=name,
                steps=tuple(
                    Step(tuple(PersonName(person) for person in step.page), step.wait_seconds) for step in policy.steps
                ),
                loop_count=policy.loop,
            )
            for name, policy in config.policies.items()
        },
        channel_connectors=dict(config.channels),
        schedules=build_schedules(config),
        timing=Timing(
            resolve_grace_seconds=config.incidents.resolve_grace_seconds,
            reopen_within_seconds=config.incidents.reopen_within_seconds,
            comment_delay_seconds=config.incidents.comment_delay_seconds,
            late_fire_seconds=config.incidents.late_fire_seconds,
        ),
        keep_vanished=frozenset(name for name, source in config.sources.items() if source.vanished == "keep"),
    )


def _person(name: str, person: PersonSection, served: set[Channel]) -> Person:
    addresses = {Channel.SMS: person.phone, Channel.EMAIL: person.email}
    order = person.notify or tuple(addresses)
    channels = tuple(
        (channel, address)
        for channel in dict.fromkeys(order)
        if channel in served and (address := addresses[channel]) is not None
    )
    return Person(PersonName(name), person.name or name, channels)
