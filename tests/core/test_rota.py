"""Who is on call: by hand where clocks change, against a walk through a year minute by minute, and what holds of every schedule."""

import time
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit, shifts, who
from ingestd.core.windows import OneOff, TimeWindow

BERLIN = ZoneInfo("Europe/Berlin")
SANTIAGO = ZoneInfo("America/Santiago")
HOUR, DAY, WEEK, MONTH = TurnUnit
MINUTE = timedelta(minutes=1)
BLINK = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rota(*people: str, start: str, turn: Turn, zone=BERLIN, only=None, overrides=()) -> Schedule:
    return Schedule("l1", zone, (Layer("turns", people, wall(start), turn, only),), overrides)


def starts(schedule: Schedule, begin: str, end: str) -> list[tuple[str, str | None]]:
    return [(f"{one.starts_at:%m-%d %H:%M}", one.person) for one in shifts(schedule, utc(begin), utc(end))]


# ---------------------------------------------------------------------------------------------------- by hand


def test_a_weekly_hand_off_stays_at_nine_when_summer_begins():
    """Weeks of 604,800 s would page chloe for an hour after her week: 09:00 in Berlin is 08:00 UTC before the change and 07:00 after."""
    weeks = rota("asha", "ben", "chloe", start="2026-01-05 09:00", turn=Turn(1, WEEK))
    assert who(weeks, utc("2026-03-30 06:59")) == "chloe"
    assert who(weeks, utc("2026-03-30 07:00")) == "asha"
    assert starts(weeks, "2026-03-20 00:00", "2026-04-07 00:00") == [
        ("03-20 00:00", "ben"),
        ("03-23 08:00", "chloe"),
        ("03-30 07:00", "asha"),
        ("04-06 07:00", "ben"),
    ]


def test_a_hand_off_that_the_clocks_leave_out_is_when_they_are_put_forward():
    nights = rota("asha", "ben", start="2026-03-27 02:30", turn=Turn(1, DAY))
    assert starts(nights, "2026-03-28 12:00", "2026-03-30 12:00") == [
        ("03-28 12:00", "ben"),
        ("03-29 01:00", "asha"),
        ("03-30 00:30", "ben"),
    ]


def test_of_a_hand_off_that_comes_twice_the_first_counts():
    nights = rota("asha", "ben", start="2026-10-23 02:30", turn=Turn(1, DAY))
    assert starts(nights, "2026-10-24 12:00", "2026-10-26 12:00") == [
        ("10-24 12:00", "ben"),
        ("10-25 00:30", "asha"),
        ("10-26 01:30", "ben"),
    ]
    for minute in range(60):  # the clocks show 02:00 to 02:59 again, and nobody hands back
        assert who(nights, utc("2026-10-25 01:00") + minute * MINUTE) == "asha"


def test_hours_are_those_of_the_wall():
    hours = rota("asha", "ben", "chloe", start="2026-03-29 00:00", turn=Turn(1, HOUR))
    assert starts(hours, "2026-03-28 23:00", "2026-03-29 03:00") == [
        ("03-28 23:00", "asha"),
        ("03-29 00:00", "ben"),
        ("03-29 01:00", "asha"),  # 02:00 was left out, and chloe's hour with it
        ("03-29 02:00", "ben"),
    ]
    hours = rota("asha", "ben", "chloe", start="2026-10-25 00:00", turn=Turn(1, HOUR))
    assert starts(hours, "2026-10-24 22:00", "2026-10-25 03:00") == [
        ("10-24 22:00", "asha"),
        ("10-24 23:00", "ben"),
        ("10-25 00:00", "chloe"),
        ("10-25 02:00", "asha"),
    ]


def test_midnight_itself_may_be_left_out():
    """In Santiago 6 September 2026 begins at 01:00."""
    days = rota("asha", "ben", start="2026-09-05 00:00", turn=Turn(1, DAY), zone=SANTIAGO)
    assert starts(days, "2026-09-05 12:00", "2026-09-07 12:00") == [
        ("09-05 12:00", "asha"),
        ("09-06 04:00", "ben"),
        ("09-07 03:00", "asha"),
    ]


def test_a_month_without_the_day_hands_over_on_its_last_and_the_next_one_does_not_remember():
    months = rota("asha", "ben", start="2026-01-31 09:00", turn=Turn(1, MONTH))
    assert starts(months, "2026-02-10 00:00", "2026-05-01 00:00") == [
        ("02-10 00:00", "asha"),
        ("02-28 08:00", "ben"),
        ("03-31 07:00", "asha"),
        ("04-30 07:00", "ben"),
    ]


def test_before_its_start_nobody_is_on_call():
    weeks = rota("asha", start="2026-01-05 09:00", turn=Turn(1, WEEK))
    assert who(weeks, utc("2026-01-05 08:00") - BLINK) is None
    assert who(weeks, utc("2026-01-05 08:00")) == "asha"
    assert starts(weeks, "2025-12-01 00:00", "2026-06-01 00:00") == [("12-01 00:00", None), ("01-05 08:00", "asha")]


def test_a_lower_layer_fills_what_those_above_leave_open():
    lunch = TimeWindow(BERLIN, weekdays=((0, 4),), times=((720, 780),))
    schedule = Schedule(
        "l1",
        BERLIN,
        (
            Layer("lunch", ("chloe",), wall("2026-01-05 12:00"), Turn(1, WEEK), lunch),
            Layer("weeks", ("asha", "ben"), wall("2026-01-05 09:00"), Turn(1, WEEK)),
        ),
    )
    assert starts(schedule, "2026-03-27 06:00", "2026-03-30 12:00") == [
        ("03-27 06:00", "ben"),
        ("03-27 11:00", "chloe"),
        ("03-27 12:00", "ben"),
        ("03-30 07:00", "asha"),
        ("03-30 10:00", "chloe"),
        ("03-30 11:00", "asha"),
    ]


def test_an_override_holds_whatever_the_layers_say_and_the_last_one_wins():
    evening = Override("ben", utc("2026-03-30 16:00"), utc("2026-03-31 07:00"), "swap", "chloe")
    night = Override("chloe", utc("2026-03-30 20:00"), utc("2026-03-30 22:00"))
    before = Override("dana", utc("2026-01-01 00:00"), utc("2026-01-02 00:00"))
    weeks = rota("asha", start="2026-01-05 09:00", turn=Turn(1, WEEK), overrides=(before, evening, night))
    assert starts(weeks, "2026-03-30 12:00", "2026-03-31 12:00") == [
        ("03-30 12:00", "asha"),
        ("03-30 16:00", "ben"),
        ("03-30 20:00", "chloe"),
        ("03-30 22:00", "ben"),
        ("03-31 07:00", "asha"),
    ]
    assert who(weeks, utc("2026-01-01 12:00")) == "dana"


def test_an_override_from_the_hour_that_comes_twice_is_compared_by_instants():
    begin = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)
    override = Override("ben", begin, datetime(2026, 10, 25, 3, tzinfo=BERLIN))
    assert not override.contains(datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN))
    assert override.contains(datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN, fold=1))


def test_nobody_is_on_call_in_an_empty_stretch_and_between_layers():
    weeks = rota(
        "asha", start="2026-01-05 09:00", turn=Turn(1, WEEK), only=OneOff(utc("2026-02-01"), utc("2026-02-02"))
    )
    assert shifts(weeks, utc("2026-02-01"), utc("2026-02-01")) == []
    assert shifts(weeks, utc("2026-02-02"), utc("2026-02-01")) == []
    assert starts(weeks, "2026-01-01 00:00", "2026-03-01 00:00") == [
        ("01-01 00:00", None),
        ("02-01 00:00", "asha"),
        ("02-02 00:00", None),
    ]


@pytest.mark.parametrize("turn", [Turn(1, HOUR), Turn(1, DAY), Turn(2, WEEK), Turn(1, MONTH)])
def test_it_makes_no_difference_how_long_ago_the_start_was(turn):
    schedule = rota("asha", "ben", "chloe", start="2016-01-04 09:00", turn=turn)
    begin = utc("2026-06-01 00:00")
    who(schedule, begin)
    started = time.process_time()
    for n in range(1000):
        who(schedule, begin + n * 17 * MINUTE)
    assert (time.process_time() - started) / 1000 < 0.001


# ------------------------------------------------------------------------------------- against a walk through a year
#
# Another way to the same: whoever stands at the clock counts a hand-off when it first shows the time of it, or a later one. That is all that
# "does not exist" and "comes twice" mean, without a word about offsets.

YEAR_BEGINS, YEAR_ENDS = utc("2026-01-01"), utc("2027-01-01")


def handoffs_on_the_wall(layer: Layer, until: datetime) -> list[datetime]:
    found, at = [], layer.start
    while at < until:
        found.append(at)
        if layer.turn.unit is MONTH:
            month = layer.start.month - 1 + len(found) * layer.turn.count
            year, month = layer.start.year + month // 12, month % 12 + 1
            at = layer.start.replace(year=year, month=month, day=min(layer.start.day, monthrange(year, month)[1]))
        else:
            hours = {HOUR: 1, DAY: 24, WEEK: 168}[layer.turn.unit] * layer.turn.count
            at = layer.start + timedelta(hours=len(found) * hours)
    return found


def let_minutes(only: TimeWindow | None) -> list[list[bool]]:
    """Of every minute of every weekday, whether the clock may show it."""
    if only is None:
        return [[True] * 1440] * 7
    return [
        [
            any(first <= weekday <= last for first, last in only.weekdays)
            and any(start <= minute < end for start, end in only.times)
            for minute in range(1440)
        ]
        for weekday in range(7)
    ]


def walk(schedule: Schedule, begin: datetime, end: datetime) -> list[str | None]:
    """Who is on call at every minute, by looking at the clock at every minute."""
    never = wall("9999-01-01")
    plans = [
        (layer.people, [*handoffs_on_the_wall(layer, wall("2027-01-03")), never], let_minutes(layer.only))
        for layer in schedule.layers
    ]
    seen = [0] * len(plans)
    found: list[str | None] = []
    at = begin
    while at < end:
        shown = at.astimezone(schedule.zone).replace(tzinfo=None)
        weekday, minute = shown.weekday(), shown.hour * 60 + shown.minute
        person = None
        for n, (people, handoffs, let) in enumerate(plans):
            while handoffs[seen[n]] <= shown:
                seen[n] += 1
            if person is None and seen[n] and let[weekday][minute]:
                person = people[(seen[n] - 1) % len(people)]
        for override in schedule.overrides:
            if override.starts_at <= at < override.ends_at:
                person = override.who
        found.append(person)
        at += MINUTE
    return found


def by_shifts(schedule: Schedule, begin: datetime, end: datetime) -> list[str | None]:
    found: list[str | None] = []
    for one in shifts(schedule, begin, end):
        found.extend([one.person] * ((one.ends_at - one.starts_at) // MINUTE))
    return found


def of_the_year(zone: ZoneInfo, turn: Turn) -> Schedule:
    office = TimeWindow(zone, weekdays=((0, 4),), times=((90, 150), (540, 1020)))
    nights = TimeWindow(zone, weekdays=((0, 6),), times=((0, 210), (1320, 1440)))
    return Schedule(
        "year",
        zone,
        (
            Layer("office", ("asha", "ben", "chloe"), wall("2026-01-05 02:30"), Turn(3, DAY), office),
            Layer("nights", ("dana", "emil"), wall("2026-01-12 02:15"), turn, nights),
            Layer("hours", ("farid", "gita", "hugo"), wall("2026-02-01 00:30"), Turn(5, HOUR)),
        ),
        (Override("iris", utc("2026-03-28 20:00"), utc("2026-03-29 00:45"), "swap", "dana"),),
    )


@pytest.mark.parametrize(
    ("zone", "turn"),
    [
        ("Europe/Berlin", Turn(1, WEEK)),
        ("America/New_York", Turn(1, DAY)),
        ("Australia/Lord_Howe", Turn(2, HOUR)),  # half an hour, in the southern summer
        ("America/Santiago", Turn(1, MONTH)),  # at midnight, in the southern summer
        ("Africa/Casablanca", Turn(2, WEEK)),  # twice in spring: for Ramadan
    ],
)
def test_a_year_is_as_a_walk_through_it_minute_by_minute(zone, turn):
    schedule = of_the_year(ZoneInfo(zone), turn)
    walked = walk(schedule, YEAR_BEGINS, YEAR_ENDS)
    assert {None, "asha", "dana", "hugo", "iris"} <= set(walked)
    assert by_shifts(schedule, YEAR_BEGINS, YEAR_ENDS) == walked
    edges = [n for n in range(1, len(walked)) if walked[n] != walked[n - 1]]
    assert len(edges) > 1000
    for n in (m for edge in edges[::5] for m in (edge - 1, edge)):
        assert who(schedule, YEAR_BEGINS + n * MINUTE) == walked[n]
    changes = [
        n
        for n in range(60, len(walked), 60)
        if offset(schedule, n) != offset(schedule, n - 60)  # every minute around a change of the clocks
    ]
    assert changes
    for change in changes:
        for n in range(change - 180, change + 180):
            assert who(schedule, YEAR_BEGINS + n * MINUTE) == walked[n]


def offset(schedule: Schedule, minute: int) -> timedelta | None:
    return (YEAR_BEGINS + minute * MINUTE).astimezone(schedule.zone).utcoffset()


# ------------------------------------------------------------------------------------------- what holds of every one

ZONES = [
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",
]
NAMES = st.sampled_from(["asha", "ben", "chloe"])
MINUTES = st.integers(0, 366 * 1440)
TURNS = st.builds(Turn, st.integers(1, 5), st.sampled_from(TurnUnit))


@st.composite
def schedules(draw):
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    windows = st.builds(
        lambda day, start, length: TimeWindow(zone, weekdays=((day, (day + 2) % 7),), times=((start, start + length),)),
        st.integers(0, 6),
        st.integers(0, 1200),
        st.integers(1, 240),
    )
    layers = st.builds(
        lambda people, minute, turn, only: Layer("x", tuple(people), wall("2025-06-01") + minute * MINUTE, turn, only),
        st.lists(NAMES, min_size=1, max_size=3),
        MINUTES,
        TURNS,
        st.none() | windows,
    )
    overrides = st.builds(
        lambda name, minute, length: Override(
            name, YEAR_BEGINS + minute * MINUTE, YEAR_BEGINS + (minute + length) * MINUTE
        ),
        NAMES,
        MINUTES,
        st.integers(1, 9000),
    )
    return Schedule(
        "any", zone, tuple(draw(st.lists(layers, max_size=3))), tuple(draw(st.lists(overrides, max_size=3)))
    )


@settings(max_examples=150, deadline=None)
@given(schedules(), MINUTES, st.integers(1, 20 * 1440))
def test_shifts_leave_no_hole_differ_from_their_neighbours_and_say_what_who_says(schedule, minute, length):
    begin = YEAR_BEGINS + minute * MINUTE
    end = begin + length * MINUTE
    found = shifts(schedule, begin, end)
    assert found[0].starts_at == begin
    assert found[-1].ends_at == end
    for one, following in pairwise(found):
        assert one.ends_at == following.starts_at
        assert one.person != following.person
    for one in found:
        middle = one.starts_at + (one.ends_at - one.starts_at) / 2
        assert {who(schedule, at) for at in (one.starts_at, middle, one.ends_at - BLINK)} == {one.person}


@settings(max_examples=100, deadline=None)
@given(schedules(), MINUTES, st.integers(1, 5000), st.integers(1, 5000))
def test_a_stretch_is_its_two_parts(schedule, minute, length, cut):
    begin = YEAR_BEGINS + minute * MINUTE
    middle, end = begin + cut * MINUTE, begin + (cut + length) * MINUTE
    assert by_shifts(schedule, begin, end) == by_shifts(schedule, begin, middle) + by_shifts(schedule, middle, end)


@settings(max_examples=100, deadline=None)
@given(schedules(), MINUTES)
def test_turns_come_in_order_and_only_move_on(schedule, minute):
    """Seen with one person a turn, no hand-off is ever taken back, also not while the clocks go through an hour again."""
    if not schedule.layers:
        return
    layer = schedule.layers[0]
    numbered = tuple(str(n) for n in range(20_000))
    one = Schedule("one", schedule.zone, (Layer("x", numbered, layer.start, layer.turn),))
    begin = YEAR_BEGINS + minute * MINUTE
    numbers = [int(shift.person) for shift in shifts(one, begin, begin + timedelta(days=3)) if shift.person is not None]
    assert numbers == sorted(set(numbers))
