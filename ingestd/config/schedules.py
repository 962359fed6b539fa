"""The schedules of a configuration as values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from ingestd.config.model import Config
from ingestd.config.schedule_model import LayerSection, OverrideSection, ScheduleSection, instant_within
from ingestd.config.window_model import window_of
from ingestd.core.calendar_shifts import Imported
from ingestd.core.names import PersonName
from ingestd.core.rota import Layer, Override, Schedule


def build_schedules(config: Config) -> dict[str, Schedule]:
    """Every schedule by its name. The configuration has been checked: each ``above`` names a layer, and none goes round."""
    return {name: _schedule(name, section, config.timezone) for name, section in config.schedules.items()}


def override_of(section: OverrideSection, zone: tzinfo) -> Override:
    """An override, its times read in a zone where they have no offset."""
    return Override(
        PersonName(section.who),
        instant_within(section.starts_at, zone),
        instant_within(section.ends_at, zone),
        section.why,
        section.by,
    )


def _schedule(name: str, section: ScheduleSection, default_zone: tzinfo) -> Schedule:
    zone = section.tz or default_zone
    return Schedule(
        name,
        zone,
        tuple(_layer(layer, zone) for layer in _from_the_top(section.layers)),
        tuple(override_of(override, zone) for override in section.overrides),
        Imported(section.calendar.use) if section.calendar is not None else None,
    )


def _layer(section: LayerSection, zone: tzinfo) -> Layer:
    people = tuple(PersonName(person) for person in section.people)
    only = window_of(section.only, zone) if section.only is not None else None
    return Layer(section.name, people, section.start, section.turn, only)


def _from_the_top(sections: Iterable[LayerSection]) -> list[LayerSection]:
    """The layers in the order of the file, with those that name another one right above it."""
    listed = list(sections)
    placed = [one for one in listed if one.above is None]
    waiting = [one for one in listed if one.above is not None]
    while waiting:
        ready = [one for one in waiting if any(other.name == one.above for other in placed)]
        assert ready, "layers above each other in a circle have been refused"
        for one in ready:
            placed.insert(next(n for n, other in enumerate(placed) if other.name == one.above), one)
            waiting.remove(one)
    return placed
