"""What ``decide`` is told, from a loaded configuration."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from ingestd.config.load import Loaded
from ingestd.config.model import Config
from ingestd.config.people_model import LastResortSection, NotifySection, PersonSection, PolicySection, StageSection
from ingestd.config.proof_model import WatchdogSection
from ingestd.config.schedule_model import instant_within
from ingestd.config.schedules import build_schedules
from ingestd.config.storm_model import limits_of
from ingestd.config.window_model import window_of
from ingestd.core.matchers import parse_matcher
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Policy, RosterWords, Route, Stage, Step, Team, Timing
from ingestd.core.watchdog import Watchdog
from ingestd.core.windows import OneOff, TimeWindow


def build_policy(loaded: Loaded) -> Policy:
    """The policy of a configuration. A person's channels are those that they have an address for and a connector serves."""
    config = loaded.config
    return Policy(
        ruleset=loaded.ruleset,
        people=_people(config),
        escalations={name: _escalation(name, policy, config.timezone) for name, policy in config.policies.items()},
        channel_connectors={channel: routes[0].to for channel, routes in config.channels.items()},
        routes={
            channel: tuple(Route(route.to, route.countries) for route in routes)
            for channel, routes in config.channels.items()
        },
        teams=_teams(config),
        schedules=build_schedules(config),
        roster=RosterWords(
            config.oncall.shift_words, config.oncall.gap_words, tuple(PersonName(name) for name in config.oncall.warn)
        ),
        timing=Timing(
            resolve_grace_seconds=config.incidents.resolve_grace_seconds,
            reopen_within_seconds=config.incidents.reopen_within_seconds,
            comment_delay_seconds=config.incidents.comment_delay_seconds,
            late_fire_seconds=config.incidents.late_fire_seconds,
            receipt_seconds=config.incidents.receipt_within_seconds,
        ),
        limits=limits_of(config.page_limits),
        watchdogs={name: _watchdog(source.watchdog) for name, source in config.sources.items() if source.watchdog},
        keep_vanished=frozenset(name for name, source in config.sources.items() if source.vanished == "keep"),
    )


def _watchdog(section: WatchdogSection) -> Watchdog:
    return Watchdog(tuple(parse_matcher(text) for text in section.match), section.within_seconds)


def _people(config: Config) -> dict[PersonName, Person]:
    """Everybody who can be paged: the people, and the addresses of last resorts, which go by their own name."""
    served = set(config.channels)
    found = {PersonName(name): _person(name, one, served, config.timezone) for name, one in config.people.items()}
    for policy in config.policies.values():
        if policy.last_resort is not None and policy.last_resort.addresses:
            name = _resort_name(policy.last_resort)
            channels = tuple((c, a) for c, a in policy.last_resort.addresses.items() if c in served)
            found[name] = Person(name, name, channels, is_address=True)
    return found


def _resort_name(section: LastResortSection) -> PersonName:
    return PersonName(next(iter(section.addresses.values())))


def _person(name: str, person: PersonSection, served: set[Channel], default_zone: tzinfo) -> Person:
    zone = person.tz or default_zone
    addresses = person.addresses
    mentioned = [channel for stage in person.notify.urgent for channel in _channels_of(stage)]
    order = mentioned if mentioned and not _has_stages(person.notify) else (*mentioned, *addresses)
    channels = tuple((c, addresses[c]) for c in dict.fromkeys(order) if c in served and c in addresses)
    quiet = window_of(person.notify.quiet, zone) if person.notify.quiet is not None else None
    away = tuple(OneOff(instant_within(one.starts_at, zone), instant_within(one.ends_at, zone)) for one in person.away)
    return Person(
        PersonName(name),
        person.name or name,
        channels,
        urgent=_stages(person.notify.urgent),
        normal=_stages(person.notify.normal),
        quiet=quiet if isinstance(quiet, TimeWindow) else None,
        zone=zone,
        has_own_zone=person.tz is not None,
        skills=frozenset(person.skills),
        away=away,
        known_as=(person.email,) if person.email else (),
    )


def _has_stages(notify: NotifySection) -> bool:
    """Whether more is said than the order of channels; a plain order leaves out what it does not name."""
    return bool(notify.normal) or any(isinstance(stage, StageSection) for stage in notify.urgent)


def _channels_of(stage: Channel | StageSection) -> tuple[Channel, ...]:
    return stage.by if isinstance(stage, StageSection) else (stage,)


def _stages(sections: tuple[Channel | StageSection, ...]) -> tuple[Stage, ...]:
    at_once = tuple(one for one in sections if isinstance(one, Channel))
    later = tuple(Stage(one.by, one.after_seconds) for one in sections if isinstance(one, StageSection))
    return (Stage(at_once), *later) if at_once else ()


def _escalation(name: str, section: PolicySection, zone: tzinfo) -> EscalationPolicy:
    steps = tuple(
        Step(
            tuple(PersonName(word) for word in step.page),
            step.wait_seconds,
            repeat_count=step.repeat,
            level=step.level,
            profile=step.profile,
            only=window_of(step.only, zone) if step.only is not None else None,
        )
        for step in section.steps
    )
    resort = section.last_resort
    told = tuple(PersonName(word) for word in resort.page) if resort else ()
    if resort and resort.addresses:
        told = (*told, _resort_name(resort))
    return EscalationPolicy(name, steps, section.loop, told, section.ack_expires_seconds)


def _teams(config: Config) -> Mapping[str, Team]:
    return {
        name: Team(
            name,
            tuple(PersonName(member) for member in team.members),
            team.assign.by if team.assign else None,
            team.assign.schedule if team.assign else None,
            team.room,
            team.bridge.links,
        )
        for name, team in config.teams.items()
    }
