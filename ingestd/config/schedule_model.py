"""What the configuration may say of schedules: layers of people who take turns, overrides, and tests of who is on call."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Final, Self
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ingestd.config.calendar_model import CalendarSection
from ingestd.config.problems import did_you_mean
from ingestd.config.quantities import NAME_PATTERN, Instant, Name, Text, Zone, fault, none_word, parse_at, parse_zone
from ingestd.config.section import Section
from ingestd.config.window_model import WhenModel
from ingestd.core.calendar_shifts import CalendarUse
from ingestd.core.rota import Turn, TurnUnit
from ingestd.core.target import PERSON_PREFIX, SCHEDULE_PREFIX, TEAM_PREFIX
from ingestd.core.windows import instant_of

_TURN: Final = re.compile(r"([0-9]{1,4})\s*([A-Za-z]+)")
_SHORT_UNITS: Final = {"h": TurnUnit.HOUR, "d": TurnUnit.DAY, "w": TurnUnit.WEEK}
_UNITS: Final = {word: unit for unit in TurnUnit for word in (unit.value, f"{unit.value}s")}
_TURN_HINT: Final = "write  1 week,  2 days,  12 hours  or  1 month"
TURN_COUNT_MAX: Final = 1000
TARGET_PREFIXES: Final = (PERSON_PREFIX, SCHEDULE_PREFIX, TEAM_PREFIX)
_NAME_HINT: Final = "letters, digits, _ . and -; a letter or digit first; at most 64"


def parse_turn(value: Any) -> Turn:  # noqa: ANN401 (a value from YAML)
    """``1 week``, ``2 days``, ``12 hours``, ``1 month``: on the wall clock, so a day is from nine to nine also when it has 23 hours."""
    match = _TURN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise fault("turn", "this is not how long a turn is", _TURN_HINT)
    count, word = int(match[1]), match[2].lower()
    if word in _SHORT_UNITS:
        written = f"{count} {_SHORT_UNITS[word]}{'s' if count != 1 else ''}"
        raise fault(
            "turn", f'"{value[:60]}" is a duration, and turns are counted on the wall clock', f"write  {written}"
        )
    if word not in _UNITS:
        raise fault("turn", f'"{match[2][:60]}" is not what turns are counted in', did_you_mean(word, _UNITS))
    if not 1 <= count <= TURN_COUNT_MAX:
        raise fault("turn", f"a turn is from 1 to {TURN_COUNT_MAX} of these", _TURN_HINT)
    return Turn(count, _UNITS[word])


@dataclass(frozen=True, slots=True)
class WrittenInstant:
    """An instant as a test names it: with an offset, with a zone, or with neither."""

    at: datetime
    zone: ZoneInfo | None

    def within(self, default_zone: tzinfo) -> datetime:
        """The instant (UTC); in ``default_zone`` if the text names none."""
        return instant_within(self.at, self.zone or default_zone)


def parse_written_instant(value: Any) -> WrittenInstant:  # noqa: ANN401 (a value from YAML)
    """``2026-03-29 12:30``, with or without an offset, or a zone behind it: ``2026-03-29 12:30 Europe/Berlin``."""
    text = value.strip() if isinstance(value, str) else value
    at_text, space, zone_text = text.rpartition(" ") if isinstance(text, str) else (text, "", "")
    if not space or not zone_text[:1].isalpha():
        return WrittenInstant(parse_at(text), None)
    at, zone = parse_at(at_text.strip()), parse_zone(zone_text)
    if at.tzinfo is not None:
        raise fault("instant", "this has an offset and a zone", "leave one of them out")
    return WrittenInstant(at, zone)


def instant_within(at: datetime, zone: tzinfo) -> datetime:
    """The instant (UTC) of a time as written; without an offset it is what the clocks of the zone show."""
    return at.astimezone(UTC) if at.tzinfo is not None else instant_of(at, zone)


def check_target(value: str) -> str:
    """Whom a step pages: ``asha``, ``person:asha``, ``schedule:first-line``, ``team:payments`` or ``assignee``."""
    prefix, colon, name = value.partition(":")
    if colon and f"{prefix}:" not in TARGET_PREFIXES:
        known = [one.removesuffix(":") for one in TARGET_PREFIXES]
        raise fault("name", f'a step cannot page a "{prefix[:60]}"', did_you_mean(prefix, known))
    if not re.fullmatch(NAME_PATTERN, name if colon else prefix):
        raise fault("name", "this is not a name", _NAME_HINT)
    return value


TurnLength = Annotated[Turn, PlainValidator(parse_turn, json_schema_input_type=str)]
TestInstant = Annotated[WrittenInstant, PlainValidator(parse_written_instant, json_schema_input_type=str)]
Target = Annotated[Text, AfterValidator(check_target)]
PersonChoice = Annotated[Name | None, BeforeValidator(none_word)]


class LayerSection(Section):
    """People who take turns. ``above`` names the layer that this one goes before; without it the file's order holds."""

    name: Name
    people: tuple[Name, ...] = Field(min_length=1, max_length=100)
    start: Instant
    turn: TurnLength
    only: WhenModel | None = None
    above: Name | None = None

    @field_validator("start")
    @classmethod
    def _is_on_the_wall(cls, start: datetime) -> datetime:
        if start.tzinfo is not None:
            hint = f"write  {start:%Y-%m-%d %H:%M}  as the clocks there show it"
            raise fault("instant", "a start is on the clock of the schedule: it has no offset", hint)
        return start


class OverrideSection(Section):
    """Somebody else is on call for once. Times without an offset are in the schedule's zone."""

    who: Name
    starts_at: Instant = Field(alias="from")
    ends_at: Instant = Field(alias="to")
    why: Text = ""
    by: Text = ""

    @field_validator("ends_at")
    @classmethod
    def _is_later(cls, ends_at: datetime, info: ValidationInfo) -> datetime:
        starts_at = info.data.get("starts_at")
        # One with an offset and one without can be compared once the zone is known: see schedule_references.
        if starts_at is not None and (starts_at.tzinfo is None) == (ends_at.tzinfo is None) and ends_at <= starts_at:
            raise fault("window", "to must be after from", "this override would never hold")
        return ends_at


class ScheduleSection(Section):
    """Who is on call when. The first layer is on top; one below fills what those above leave open."""

    tz: Zone | None = None
    layers: tuple[LayerSection, ...] = Field(default=(), max_length=50)
    overrides: tuple[OverrideSection, ...] = Field(default=(), max_length=1000)
    calendar: CalendarSection | None = None

    @model_validator(mode="after")
    def _has_somebody(self) -> Self:
        if not self.layers and (self.calendar is None or self.calendar.use is not CalendarUse.LAYERS):
            hint = "add layers, or a calendar with  use: layers"
            raise fault("no-layers", "nobody takes turns on this schedule", hint)
        return self


class OncallSection(Section):
    """What people are told of schedules, though nothing is wrong with any service."""

    shift_words: bool = True
    """Whether people hear when their shift begins and ends."""
    gap_words: bool = True
    """Whether those concerned hear 14 days and one day ahead that nobody is on call, or nobody who can be reached."""
    warn: tuple[Name, ...] = Field(default=(), max_length=100)
    """Who else hears of that."""


class OncallTestSection(Section):
    """Who must be on call at an instant, by schedule; ``none`` for nobody."""

    at: TestInstant
    who: dict[Name, PersonChoice] = Field(min_length=1, max_length=100)
