"""When a window of time is open: recurring, in the words of Alertmanager's ``time_intervals``, or once, ``from`` and ``to``.

What Alertmanager takes is taken and means the same. Besides: short names of weekdays, times that go over midnight, ranges of weekdays and
months that go round. A list without anything in it is refused: there it holds never, and here a part that is left out does not restrict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args

from pydantic import Field, PlainValidator, ValidationInfo, field_validator, model_validator

from ingestd.config.problems import did_you_mean
from ingestd.config.quantities import Instant, Zone, as_written, fault
from ingestd.config.section import Explained
from ingestd.core.windows import DAY_MINUTES, OneOff, TimeWindow, instant_of

_Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_Month = Literal[
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
WEEKDAYS: Final[tuple[str, ...]] = get_args(_Weekday)
_MONTHS: Final[tuple[str, ...]] = get_args(_Month)
_WEEKDAY_NUMBERS: Final = {name: number for number, full in enumerate(WEEKDAYS) for name in (full, full[:3])}
_MONTH_NUMBERS: Final = {name: number for number, full in enumerate(_MONTHS, 1) for name in (full, full[:3])}
_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})")
_TIMES_HINT: Final = 'write  "02:00-04:00"'
_RECURRING: Final = ("weekdays", "days_of_month", "months", "years", "times")


def _pair(value: Any, one: Callable[[str], int], example: str) -> tuple[int, int]:  # noqa: ANN401 (a value from YAML)
    """Both ends of ``first:last``, or of a single value twice; each end is read by ``one``, which raises a fault."""
    text = as_written(value)
    if isinstance(text, Mapping) and len(text) == 1:
        first, last = next(iter(text.items()))
        raise fault("window", "a range is one text, not a mapping", f"write  '{first}:{last}'"[:200])
    if not isinstance(text, str):
        raise fault("window", "this is not a range", f"write  {example}")
    first, colon, last = (part.strip() for part in text.partition(":"))
    if not colon:
        dashed = re.fullmatch(r"\s*(-?\w+)\s*[-–]\s*(-?\w+)\s*", text)
        if dashed:
            raise fault("window", "a range is written with a colon", f"write  '{dashed[1]}:{dashed[2]}'"[:200])
        last = first
    elif not first or not last:
        raise fault("window", "this range has only one end", f"write  {example}")
    return one(first), one(last)


def _number(text: str, what: str, example: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,6}", text):
        raise fault("window", f'"{text[:60]}" is not a {what}', f"write  {example}")
    return int(text)


def _weekday(text: str) -> int:
    number = _WEEKDAY_NUMBERS.get(text.lower())
    if number is None:
        raise fault("window", f'"{text[:60]}" is not a weekday', did_you_mean(text, WEEKDAYS))
    return number


def _month(text: str) -> int:
    number = _MONTH_NUMBERS.get(text.lower())
    if number is None and re.fullmatch(r"[0-9]{1,2}", text):
        number = int(text)
    if number is None or not 1 <= number <= 12:
        raise fault("window", f'"{text[:60]}" is not a month', did_you_mean(text, _MONTHS))
    return number


def _day_of_month(text: str) -> int:
    number = _number(text, "day of a month", "1 to 31, or -1 for the last day")
    if not 1 <= abs(number) <= 31:
        raise fault("window", f"no month has a day {number}", "write  1 to 31, or -1 for the last day")
    return number


def _year(text: str) -> int:
    number = _number(text, "year", "2026 or '2026:2028'")
    if not 1971 <= number <= 9000:
        raise fault("window", f"{number} is not a year from 1971 to 9000", "write  2026 or '2026:2028'")
    return number


def parse_weekdays(value: Any) -> tuple[int, int]:  # noqa: ANN401 (a value from YAML)
    """``friday``, ``fri`` or ``monday:friday``, Monday is 0. ``saturday:monday`` goes round."""
    return _pair(value, _weekday, "'monday:friday'")


def parse_months(value: Any) -> tuple[int, int]:  # noqa: ANN401 (a value from YAML)
    """``march``, ``mar``, ``3`` or ``january:march``. ``november:february`` goes round."""
    return _pair(value, _month, "'january:march'")


def parse_days_of_month(value: Any) -> tuple[int, int]:  # noqa: ANN401 (a value from YAML)
    """``1``, ``1:7``, or counted from the end of the month: ``-1``, ``-3:-1``."""
    first, last = _pair(value, _day_of_month, "'1:7' or '-3:-1'")
    if first < 0 < last:
        hint = f"write two:  ['{first}:-1', '1:{last}']".replace("'-1:-1'", "'-1'").replace("'1:1'", "'1'")
        raise fault("window", "a range of days ends in the month in which it begins", hint)
    if _at_most(first) > _at_most(last):
        raise fault("window", f"{last} is before {first} in every month", f"write  '{last}:{first}'")
    return first, last


def _at_most(day: int) -> int:
    """Which day it is in the longest month."""
    return day if day > 0 else 32 + day


def parse_years(value: Any) -> tuple[int, int]:  # noqa: ANN401 (a value from YAML)
    """``2026`` or ``2026:2028``."""
    first, last = _pair(value, _year, "2026 or '2026:2028'")
    if first > last:
        raise fault("window", f"{last} is before {first}", f"write  '{last}:{first}'")
    return first, last


def parse_times(value: Any) -> tuple[int, int]:  # noqa: ANN401 (a value from YAML)
    """Minutes of the day [start, end) from ``02:00-04:00``, or from a mapping with ``start_time`` and ``end_time``."""
    if isinstance(value, Mapping):
        first, last = _ends_of_mapping(value)
    else:
        text = value if isinstance(value, str) else ""
        first, dash, last = (part.strip() for part in text.partition("-"))
        if not dash:
            is_long = "–" in text or "—" in text
            hint = f"{_TIMES_HINT}, with the hyphen of the keyboard" if is_long else _TIMES_HINT
            raise fault("window", "this is not a part of the day", hint)
    start, end = _minute(first), _minute(last)
    if start == DAY_MINUTES:
        raise fault("window", "no day begins at 24:00", f'write  "00:00-{last}"')
    if start == end:
        hint = 'for the whole day write  "00:00-24:00", or leave times out'
        raise fault("window", "a part of the day cannot end when it starts", hint)
    return start, end or DAY_MINUTES


def _ends_of_mapping(value: Mapping[str, Any]) -> tuple[str, str]:
    keys = ("start_time", "end_time")
    for key in value:
        if key not in keys:
            raise fault("window", f'unknown key "{str(key)[:60]}"', did_you_mean(str(key), keys))
    ends = [value.get(key) for key in keys]
    if not all(isinstance(end, str) for end in ends):
        hint = f"{_TIMES_HINT},  or  {{start_time: '02:00', end_time: '04:00'}}"
        raise fault("window", "a part of the day has a start_time and an end_time", hint)
    return str(ends[0]).strip(), str(ends[1]).strip()


def _minute(text: str) -> int:
    match = _CLOCK.fullmatch(text)
    if match is None:
        is_hour = re.fullmatch(r"[0-9]{1,2}", text) is not None
        raise fault(
            "window", f'"{text[:60]}" is not a time of the day', f"write  {text:0>2}:00" if is_hour else _TIMES_HINT
        )
    hour, minute = int(match[1]), int(match[2])
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise fault("window", f"there is no {text}", "write  00:00 to 24:00")
    return hour * 60 + minute


Pair = tuple[int, int]
Weekdays = Annotated[Pair, PlainValidator(parse_weekdays, json_schema_input_type=_Weekday | str)]
Months = Annotated[Pair, PlainValidator(parse_months, json_schema_input_type=_Month | int | str)]
DaysOfMonth = Annotated[Pair, PlainValidator(parse_days_of_month, json_schema_input_type=int | str)]
Years = Annotated[Pair, PlainValidator(parse_years, json_schema_input_type=int | str)]
Times = Annotated[Pair, PlainValidator(parse_times, json_schema_input_type=str | dict[str, str])]
_Some = Field(default=(), min_length=1, max_length=100)


class WhenModel(Explained):
    """When something holds: every part that is written must agree; or once, from an instant to another."""

    ELSEWHERE: ClassVar[Mapping[str, str]] = {"location": "write  tz", "timezone": "write  tz"}

    weekdays: tuple[Weekdays, ...] = _Some
    """['monday:friday', sunday]; mon to sun will do."""
    days_of_month: tuple[DaysOfMonth, ...] = _Some
    """['1:7', '-1']; negative numbers count from the end of the month."""
    months: tuple[Months, ...] = _Some
    """['january:march', december]; numbers will do."""
    years: tuple[Years, ...] = _Some
    """['2026:2028']."""
    times: tuple[Times, ...] = _Some
    """["02:00-04:00"]; "22:00-06:00" goes over midnight and belongs to the day on which it starts."""
    tz: Zone | None = None
    """The zone of all this: Europe/Berlin. Without it: as the file or the configuration says."""
    starts_at: Instant | None = Field(default=None, alias="from")
    """For a window that is open once, its start: 2026-03-29 02:00 in tz, or with an offset."""
    ends_at: Instant | None = Field(default=None, alias="to")
    """Its end."""

    @field_validator("tz", "starts_at", "ends_at", mode="before")
    @classmethod
    def _is_there(cls, value: Any) -> Any:  # noqa: ANN401 (a value from YAML)
        if value is None:
            raise fault("empty", "this key has no value", "leave it out if nothing is meant")
        return value

    @field_validator("ends_at")
    @classmethod
    def _is_later(cls, ends_at: datetime, info: ValidationInfo) -> datetime:
        starts_at, zone = info.data.get("starts_at"), info.data.get("tz")
        if starts_at is None or "tz" not in info.data:
            return ends_at
        if (starts_at.tzinfo is None) != (ends_at.tzinfo is None) and zone is None:
            raise fault("window", "one of from and to has an offset, the other has none", "add it to both, or add tz")
        # Without a zone both are times on one wall: whatever zone it is, the later one there is not earlier.
        if starts_at.tzinfo is None and zone is None:
            is_later = starts_at < ends_at
        else:
            is_later = _instant(starts_at, zone) < _instant(ends_at, zone)
        if not is_later:
            is_left_out = starts_at.tzinfo is None and ends_at.tzinfo is None and starts_at < ends_at
            text = "the clocks are put forward from before from to after to" if is_left_out else "to must be after from"
            raise fault("window", text, "this window would never be open")
        return ends_at

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        recurring = [key for key in _RECURRING if getattr(self, key)]
        if self.starts_at is None and self.ends_at is None:
            if not recurring:
                hint = 'write  {weekdays: [sunday], times: ["02:00-04:00"]}  or  {from: 2026-03-29 02:00, to: 2026-03-29 04:00}'
                raise fault("window", "this does not say when", hint)
            return self
        if recurring:
            hint = "write two windows, or leave one of them out"
            raise fault("window", f"from and to are for once, and {recurring[0]} recurs", hint)
        if self.starts_at is None or self.ends_at is None:
            given, lacking = ("from", "to") if self.ends_at is None else ("to", "from")
            raise fault("window", f"{given} without {lacking}", f"add  {lacking}: 2026-03-29 02:00")
        if self.tz is not None and self.starts_at.tzinfo is not None and self.ends_at.tzinfo is not None:
            raise fault("window", "from and to say already where they are", "leave out tz, or their offsets")
        return self


def window_of(model: WhenModel, default_zone: tzinfo) -> TimeWindow | OneOff:
    """The window that a model describes, in ``default_zone`` where it names none itself.

    Of a local time that comes twice the first is meant; one that is left out is the next that there is.
    """
    zone = model.tz or default_zone
    if model.starts_at is not None and model.ends_at is not None:
        return OneOff(_instant(model.starts_at, zone), _instant(model.ends_at, zone))
    return TimeWindow(
        zone,
        weekdays=model.weekdays,
        days_of_month=model.days_of_month,
        months=model.months,
        years=model.years,
        times=model.times,
    )


def _instant(at: datetime, zone: tzinfo | None) -> datetime:
    """An instant as written, in UTC; without an offset it is in the zone, which is then not None."""
    if at.tzinfo is not None or zone is None:
        return at.astimezone(UTC)
    return instant_of(at, zone)
