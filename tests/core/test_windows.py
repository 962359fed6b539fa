"""Windows of time: by hand on the nights that hurt, and against a walk minute by minute."""

import calendar
import time
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingestd.core.windows import OPEN_HORIZON, OPENS_HORIZON, OneOff, TimeWindow, instant_of

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
ASUNCION = ZoneInfo("America/Asuncion")
APIA = ZoneInfo("Pacific/Apia")
MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
MINUTE = timedelta(minutes=1)
BLINK = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at_hours(start: int, end: int) -> tuple[tuple[int, int], ...]:
    return ((start * 60, end * 60),)


def spans(window, begin: str, end: str) -> list[tuple[str, str]]:
    """When the window is open between two instants, found by asking it when it opens and ends, in turn."""
    at, last, found = utc(begin), utc(end), []
    while (opens_at := window.opens_at(at)) is not None and opens_at < last:
        at = window.open_until(opens_at)
        assert window.contains(opens_at)
        assert window.contains(at - BLINK)
        assert not window.contains(at)
        found.append((f"{opens_at:%d %H:%M}", f"{at:%d %H:%M}"))
    return found


# ---------------------------------------------------------------------------------------------------- by hand


def test_in_the_night_of_spring_two_hours_are_one():
    window = TimeWindow(BERLIN, times=at_hours(2, 4))
    assert spans(window, "2026-03-28 00:00", "2026-03-30 12:00") == [
        ("28 01:00", "28 03:00"),
        ("29 01:00", "29 02:00"),
        ("30 00:00", "30 02:00"),
    ]


def test_an_hour_that_is_left_out_holds_nothing():
    window = TimeWindow(BERLIN, times=at_hours(2, 3))
    assert spans(window, "2026-03-28 00:00", "2026-03-30 12:00") == [("28 01:00", "28 02:00"), ("30 00:00", "30 01:00")]


def test_an_hour_that_comes_twice_is_open_twice():
    window = TimeWindow(BERLIN, times=((120, 150),))
    assert spans(window, "2026-10-25 00:00", "2026-10-26 00:00") == [("25 00:00", "25 00:30"), ("25 01:00", "25 01:30")]
    whole = TimeWindow(BERLIN, times=at_hours(2, 4))
    assert spans(whole, "2026-10-25 00:00", "2026-10-26 00:00") == [("25 00:00", "25 03:00")]


def test_a_whole_day_is_23_or_25_hours_long():
    sundays = TimeWindow(BERLIN, weekdays=((SUNDAY, SUNDAY),))
    assert spans(sundays, "2026-03-28 00:00", "2026-03-31 00:00") == [("28 23:00", "29 22:00")]
    assert spans(sundays, "2026-10-24 00:00", "2026-10-27 00:00") == [("24 22:00", "25 23:00")]


def test_half_an_hour_is_left_out_and_comes_twice_on_lord_howe():
    window = TimeWindow(LORD_HOWE, times=((105, 135),))  # 01:45-02:15
    # 4 October 2026: 02:00 +10:30 becomes 02:30 +11, so only 01:45-02:00 is left of it.
    assert spans(window, "2026-10-03 12:00", "2026-10-04 12:00") == [("03 15:15", "03 15:30")]
    # 5 April 2026: 02:00 +11 becomes 01:30 +10:30, so 01:45-02:00 comes twice.
    assert spans(window, "2026-04-04 12:00", "2026-04-05 12:00") == [("04 14:45", "04 15:00"), ("04 15:15", "04 15:45")]


def test_a_day_without_its_midnight_begins_an_hour_later_in_asuncion():
    sundays = TimeWindow(ASUNCION, weekdays=((SUNDAY, SUNDAY),))
    # 1 October 2023: 00:00 -04 becomes 01:00 -03.
    assert spans(sundays, "2023-09-30 12:00", "2023-10-03 00:00") == [("01 04:00", "02 03:00")]
    # 24 March 2024: 00:00 -03 becomes 23:00 -04 of Saturday, which therefore has 25 hours.
    saturdays = TimeWindow(ASUNCION, weekdays=((SATURDAY, SATURDAY),))
    assert spans(saturdays, "2024-03-23 00:00", "2024-03-25 00:00") == [("23 03:00", "24 04:00")]
    late = TimeWindow(ASUNCION, weekdays=((SATURDAY, SATURDAY),), times=((23 * 60, 1440),))
    assert spans(late, "2024-03-23 00:00", "2024-03-25 00:00") == [("24 02:00", "24 04:00")]


def test_in_beirut_the_night_of_autumn_steps_back_into_the_day_before():
    window = TimeWindow(ZoneInfo("Asia/Beirut"), times=((23 * 60 + 30, 30),), weekdays=((SATURDAY, SATURDAY),))
    # 25 October 2026: 00:00 +3 becomes 23:00 +2 of Saturday; 23:30-24:00 comes twice.
    assert spans(window, "2026-10-24 12:00", "2026-10-25 12:00") == [("24 20:30", "24 21:00"), ("24 21:30", "24 22:30")]


def test_a_date_that_there_is_not_holds_nothing():
    # Samoa went from the end of Thursday, 29 December 2011 (-10), to the beginning of Saturday, 31 December (+14).
    fridays = TimeWindow(APIA, weekdays=((FRIDAY, FRIDAY),))
    assert fridays.opens_at(utc("2011-12-29 00:00")) == utc("2012-01-05 10:00")
    assert fridays.open_until(utc("2012-01-05 10:00")) == utc("2012-01-06 10:00")
    the_30th = TimeWindow(APIA, days_of_month=((30, 30),), months=((12, 12),), years=((2011, 2011),))
    assert the_30th.opens_at(utc("2011-01-01 00:00")) is None
    mornings = TimeWindow(APIA, times=at_hours(8, 9))
    assert spans(mornings, "2011-12-28 12:00", "2011-12-31 12:00") == [
        ("28 18:00", "28 19:00"),
        ("29 18:00", "29 19:00"),
        ("30 18:00", "30 19:00"),
    ]
    for_days = TimeWindow(APIA, days_of_month=((28, 31),), months=((12, 12),))
    assert spans(for_days, "2011-12-20 00:00", "2012-02-01 00:00") == [("28 10:00", "31 10:00")]


def test_over_midnight_belongs_to_the_date_on_which_it_starts_by_the_calendar():
    fridays = TimeWindow(APIA, weekdays=((FRIDAY, FRIDAY),), times=((22 * 60, 6 * 60),))
    assert spans(fridays, "2011-12-29 00:00", "2012-01-01 00:00") == [("30 10:00", "30 16:00")]
    thursdays = TimeWindow(APIA, weekdays=((THURSDAY, THURSDAY),), times=((22 * 60, 6 * 60),))
    assert spans(thursdays, "2011-12-29 00:00", "2012-01-01 00:00") == [("30 08:00", "30 10:00")]


def test_a_night_belongs_to_its_evening():
    window = TimeWindow(UTC, weekdays=((FRIDAY, FRIDAY),), times=((22 * 60, 6 * 60),))
    assert spans(window, "2026-11-16 00:00", "2026-11-29 12:00") == [("20 22:00", "21 06:00"), ("27 22:00", "28 06:00")]
    last = TimeWindow(UTC, days_of_month=((-1, -1),), months=((12, 12),), years=((2026, 2026),), times=window.times)
    assert spans(last, "2026-01-01 00:00", "2028-01-01 00:00") == [("31 22:00", "01 06:00")]


def test_nights_that_follow_each_other_do_not_melt():
    nights = TimeWindow(UTC, weekdays=((MONDAY, THURSDAY),), times=((22 * 60, 6 * 60),))
    assert len(spans(nights, "2026-11-16 00:00", "2026-11-21 00:00")) == 4


def test_parts_that_touch_are_one():
    round_the_clock = TimeWindow(BERLIN, weekdays=((FRIDAY, SUNDAY),), times=((6 * 60, 18 * 60), (18 * 60, 6 * 60)))
    assert spans(round_the_clock, "2026-03-25 00:00", "2026-04-01 00:00") == [("27 05:00", "30 04:00")]


@pytest.mark.parametrize(("year", "begin", "end"), [(2028, 27, 29), (2026, 26, 28)])
def test_the_last_three_days_of_february(year, begin, end):
    window = TimeWindow(UTC, days_of_month=((-3, -1),), months=((2, 2),))
    opens_at = window.opens_at(utc(f"{year}-01-01 00:00"))
    assert opens_at == utc(f"{year}-02-{begin} 00:00")
    assert window.open_until(opens_at) == utc(f"{year}-03-01 00:00")
    assert window.contains(utc(f"{year}-02-{end} 23:59"))


def test_days_beyond_the_month_are_cut_off():
    window = TimeWindow(UTC, days_of_month=((-31, -29), (31, 31)), months=((2, 2),))
    # Counted back from the end of February, only its 29th day reaches the 1st.
    assert window.opens_at(utc("2026-01-01 00:00")) == utc("2028-02-01 00:00")
    assert spans(TimeWindow(UTC, days_of_month=((30, 31),)), "2026-02-01 00:00", "2026-04-30 00:00") == [
        ("30 00:00", "01 00:00")
    ]


def test_weekdays_and_months_go_round():
    weekend = TimeWindow(UTC, weekdays=((SATURDAY, MONDAY),))
    assert spans(weekend, "2026-11-16 12:00", "2026-11-25 00:00")[1:] == [("21 00:00", "24 00:00")]
    winter = TimeWindow(UTC, months=((11, 2),))
    assert winter.opens_at(utc("2026-05-01 00:00")) == utc("2026-11-01 00:00")
    assert winter.open_until(utc("2026-11-22 00:00")) == utc("2027-03-01 00:00")


def test_ends_are_exact_to_the_microsecond():
    window = TimeWindow(BERLIN, times=at_hours(9, 17))
    assert not window.contains(utc("2026-11-22 08:00") - BLINK)
    assert window.contains(utc("2026-11-22 08:00"))
    assert window.contains(utc("2026-11-22 16:00") - BLINK)
    assert not window.contains(utc("2026-11-22 16:00"))
    assert window.opens_at(utc("2026-11-22 08:00") - BLINK) == utc("2026-11-22 08:00")
    assert window.open_until(utc("2026-11-22 16:00") - BLINK) == utc("2026-11-22 16:00")


def test_an_instant_may_be_in_any_zone():
    window = TimeWindow(BERLIN, times=((120, 150),))
    second = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert window.open_until(second) == utc("2026-10-25 01:30")
    assert window.open_until(second).tzinfo is UTC
    assert window.opens_at(second) is second
    assert window.opens_at(datetime(2026, 10, 25, 2, 40, tzinfo=BERLIN)) == utc("2026-10-25 01:00")


def test_an_instant_without_a_zone_is_refused():
    with pytest.raises(AssertionError, match="zone of the machine"):
        TimeWindow(UTC).contains(datetime(2026, 11, 22))  # noqa: DTZ001 (that is what is shown)


@pytest.mark.parametrize(
    "window",
    [
        TimeWindow(BERLIN),
        TimeWindow(BERLIN, times=((0, 1440),)),
        TimeWindow(BERLIN, times=((6 * 60, 18 * 60), (18 * 60, 6 * 60))),
        TimeWindow(BERLIN, years=((2026, 2030),)),
    ],
)
def test_what_does_not_end_ends_after_400_days(window):
    at = utc("2026-11-22 03:07")
    assert window.open_until(at) == at + OPEN_HORIZON


def test_what_ends_or_opens_at_the_horizon():
    at = utc("2026-01-01 00:00")
    assert TimeWindow(UTC, years=((2026, 2026),)).open_until(at) == utc("2027-01-01 00:00")
    year = (at + OPENS_HORIZON).year
    assert TimeWindow(UTC, years=((year, year),)).opens_at(utc("2030-01-01 00:00")) == utc(f"{year}-01-01 00:00")
    assert TimeWindow(UTC, years=((2037, 2037),)).opens_at(at) is None


@pytest.mark.parametrize(
    "window",
    [
        TimeWindow(BERLIN, years=((2020, 2025),)),
        TimeWindow(BERLIN, months=((2, 2),), days_of_month=((30, 31),)),
        TimeWindow(BERLIN, times=((60, 60),)),
    ],
)
def test_what_never_opens_says_so(window):
    assert window.opens_at(utc("2026-11-22 03:07")) is None
    assert window.open_until(utc("2026-11-22 03:07")) is None


def test_a_window_is_a_value():
    assert TimeWindow(BERLIN, times=((1, 2),)) == TimeWindow(ZoneInfo("Europe/Berlin"), times=((1, 2),))
    assert len({TimeWindow(BERLIN), TimeWindow(BERLIN), TimeWindow(UTC)}) == 2


# ---------------------------------------------------------------------------------------------------- one-off


def test_once_is_once():
    window = OneOff(utc("2026-03-29 01:00"), utc("2026-03-29 03:00"))
    before, after = utc("2010-01-01 00:00"), utc("2026-03-29 03:00")
    assert (window.contains(before), window.opens_at(before), window.open_until(before)) == (
        False,
        window.starts_at,
        None,
    )
    assert (window.contains(after), window.opens_at(after), window.open_until(after)) == (False, None, None)
    within = window.starts_at
    assert (window.contains(within), window.opens_at(within), window.open_until(within)) == (
        True,
        within,
        window.ends_at,
    )
    assert window.contains(after - BLINK)


def test_once_is_not_fooled_by_the_hour_that_comes_twice():
    first, second = (datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1))
    window = OneOff(first, second)
    assert window.contains(first)
    assert window.contains(datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1))
    assert not window.contains(second)
    assert window.open_until(first) == utc("2026-10-25 01:30")
    assert OneOff(second, first).opens_at(utc("2026-01-01 00:00")) is None


@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        ("2026-11-22 09:00", BERLIN, "2026-11-22 08:00"),
        ("2026-03-29 02:00", BERLIN, "2026-03-29 01:00"),
        ("2026-03-29 02:59:59", BERLIN, "2026-03-29 01:00"),
        ("2026-03-29 03:00", BERLIN, "2026-03-29 01:00"),
        ("2026-10-25 02:30", BERLIN, "2026-10-25 00:30"),
        ("2026-10-25 03:00", BERLIN, "2026-10-25 02:00"),
        ("2026-10-04 02:15", LORD_HOWE, "2026-10-03 15:30"),
        ("2023-10-01 00:30", ASUNCION, "2023-10-01 04:00"),
        ("2011-12-30 00:00", APIA, "2011-12-30 10:00"),
        ("2011-12-30 23:59", APIA, "2011-12-30 10:00"),
        ("2026-01-01 00:00", UTC, "2026-01-01 00:00"),
    ],
)
def test_a_time_on_the_wall_is_the_first_instant_that_shows_it_or_a_later_one(wall, zone, instant):
    found = instant_of(datetime.fromisoformat(wall), zone)
    assert found == utc(instant)
    assert found.tzinfo is UTC


# ---------------------------------------------------------------------------------------------------- against the walk

# Each is a day of a change, in a zone; the walk goes from three days before it to three days after it.
CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2028-03-12"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Asuncion", "2023-10-01"),
    ("America/Asuncion", "2024-03-24"),
    ("America/Santiago", "2026-09-06"),
    ("Asia/Beirut", "2026-03-29"),
    ("Asia/Beirut", "2026-10-25"),
    ("Pacific/Chatham", "2026-04-05"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Pacific/Apia", "2011-12-30"),
    ("Pacific/Kwajalein", "1993-08-21"),
    ("Asia/Kolkata", "2027-01-01"),
]


@cache
def walk(zone: str, day: str) -> list[tuple[datetime, tuple[int, int, int], str]]:
    """Every minute around a change: the instant, and the date and the time that the clocks show."""
    begin = utc(f"{day} 00:00") - timedelta(days=3)
    instants = (begin + MINUTE * n for n in range(6 * 1440))
    shown = ((instant, instant.astimezone(ZoneInfo(zone))) for instant in instants)
    return [(instant, (wall.year, wall.month, wall.day), f"{wall:%H:%M}") for instant, wall in shown]


def agrees(ranges, value, size):
    """Whether a value is in one of the ranges, counted out one by one from the start round to the end."""
    return not ranges or any(
        value in {(start + n) % size for n in range((end - start) % size + 1)} for start, end in ranges
    )


def date_agrees(window: TimeWindow, year: int, month: int, day: int) -> bool:
    length = calendar.monthrange(year, month)[1]
    days = list(range(1, length + 1))
    chosen = set()
    for start, end in window.days_of_month:
        low = start - 1 if start > 0 else max(length + start, 0)
        high = end if end > 0 else max(length + end + 1, 0)
        chosen.update(days[low:high])
    return (
        agrees(window.weekdays, calendar.weekday(year, month, day), 7)
        and agrees([(start - 1, end - 1) for start, end in window.months], month - 1, 12)
        and (not window.years or any(year in range(start, end + 1) for start, end in window.years))
        and (not window.days_of_month or day in chosen)
    )


def states(window: TimeWindow, minutes: list[tuple[datetime, tuple[int, int, int], str]]) -> list[bool]:
    """For each minute whether the window is open, told from its words and nothing else."""
    dates: dict[tuple[int, int, int], tuple[bool, bool]] = {}
    times = [part for part in map(words, window.times) if part[0] != part[1]]
    found = []
    for _, key, now in minutes:
        if key not in dates:
            eve = datetime(*key) - timedelta(days=1)  # noqa: DTZ001 (a date of the calendar)
            dates[key] = (date_agrees(window, *key), date_agrees(window, eve.year, eve.month, eve.day))
        today, yesterday = dates[key]
        is_open = today and not window.times
        for first, last in times:
            is_open |= today and (first <= now < last if first < last else now >= first)
            is_open |= yesterday and now < last < first
        found.append(is_open)
    return found


def words(part: tuple[int, int]) -> tuple[str, str]:
    """(120, 1440) as ("02:00", "24:00"): these compare as clocks do."""
    return tuple(f"{minute // 60:02}:{minute % 60:02}" for minute in part)


def ranges(low, high, *, in_order=False):
    pairs = st.tuples(st.integers(low, high), st.integers(low, high))
    if in_order:
        pairs = pairs.map(lambda pair: (min(pair), max(pair)))
    return st.lists(pairs, max_size=2).map(tuple)


# Minutes near those at which clocks change come often.
_MINUTES = st.sampled_from(
    [0, 1, 30, 59, 60, 61, 90, 119, 120, 121, 150, 165, 179, 180, 181, 225, 1380, 1410, 1439]
) | (st.integers(0, 1439))
_DAYS = st.sampled_from([(1, -1), (-1, -1), (-3, -1), (1, 7), (24, -4), (25, 25), (29, 31), (-31, -29), (30, 30)])
WINDOWS = st.builds(
    lambda **parts: parts,
    weekdays=ranges(0, 6),
    days_of_month=st.lists(_DAYS, max_size=2).map(tuple),
    months=st.just(()) | ranges(1, 12),
    years=st.just(()) | st.sampled_from([((2020, 2027),), ((1990, 2011),), ((2023, 2026), (2028, 2028))]),
    times=st.lists(st.tuples(_MINUTES | st.just(1440), _MINUTES | st.just(1440)), max_size=3).map(tuple),
)


def test_windows_agree_with_a_walk_minute_by_minute():
    seen = {"opens": 0, "ends": 0}

    @settings(max_examples=250, deadline=None)
    @example(change=("Europe/Berlin", "2026-03-29"), parts={"times": ((120, 240),)}, extra=1, start=0)
    @example(change=("Pacific/Apia", "2011-12-30"), parts={"times": ((1320, 360),)}, extra=0, start=0)
    @example(
        change=("Europe/Berlin", "2026-03-29"), parts={"times": ((1440, 60),), "weekdays": ((5, 6),)}, extra=0, start=0
    )
    @given(st.sampled_from(CHANGES), WINDOWS, st.integers(0, 59_999_999), st.integers(0, 180))
    def check(change, parts, extra, start):
        minutes = walk(*change)
        window = TimeWindow(ZoneInfo(change[0]), **parts)
        is_open = states(window, minutes)
        edges = [n for n in range(1, len(minutes)) if is_open[n] != is_open[n - 1]]
        # Every edge with the minute before it, and others on the way.
        asked = {*edges, *(n - 1 for n in edges), *range(start, len(minutes), 181)}
        within = timedelta(microseconds=extra)
        for n in asked:
            end = next((minutes[edge][0] for edge in edges if edge > n), None)
            for at in (minutes[n][0], minutes[n][0] + within):
                assert window.contains(at) == is_open[n]
                until, opens_at = window.open_until(at), window.opens_at(at)
                if is_open[n]:
                    assert opens_at is at
                    assert until == end if end else until > minutes[-1][0]
                    seen["ends"] += end is not None
                else:
                    assert until is None
                    assert opens_at == end if end else opens_at is None or opens_at > minutes[-1][0]
                    seen["opens"] += end is not None

    check()
    assert min(seen.values()) > 1000, "the walk hardly ever met an edge: it shows nothing"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CHANGES), WINDOWS)
def test_what_opens_or_ends_beyond_the_walk_is_an_edge(change, parts):
    """What lies far away cannot be walked to; but there the window changes sides, and on the way it does not."""
    window = TimeWindow(ZoneInfo(change[0]), **parts)
    at = utc(f"{change[1]} 00:00")
    opens_at = window.opens_at(at)
    until = window.open_until(at if opens_at is None else opens_at)
    assert (opens_at is None) == (until is None)
    end = opens_at or at + OPENS_HORIZON
    assert opens_at == at or not any(window.contains(at + (end - at) * n / 300) for n in range(300))
    if opens_at is not None:
        assert not window.contains(opens_at - BLINK) or opens_at == at
        assert until == opens_at + OPEN_HORIZON or not window.contains(until)
        assert all(window.contains(opens_at + (until - opens_at) * n / 300) for n in range(300))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(CHANGES), st.integers(-2 * 1440, 2 * 1440))
def test_the_instant_of_a_time_on_the_wall_is_where_a_walk_first_meets_it(change, offset):
    wall = datetime.fromisoformat(change[1]) + MINUTE * offset
    key = ((wall.year, wall.month, wall.day), f"{wall:%H:%M}")
    met = [instant for instant, *shown in walk(*change) if tuple(shown) == key]
    found = instant_of(wall, ZoneInfo(change[0]))
    if met:
        assert found == met[0]
    else:
        shows = found.astimezone(ZoneInfo(change[0])).replace(tzinfo=None)
        showed = (found - BLINK).astimezone(ZoneInfo(change[0])).replace(tzinfo=None)
        assert showed < wall < shows


def test_a_question_takes_well_below_a_millisecond():
    """Also when the answer is years away: the processor's time, of the best of several rounds."""
    at = utc("2026-11-22 03:07")
    windows = [
        TimeWindow(BERLIN, weekdays=((0, 4),), times=((540, 1020),)),
        TimeWindow(BERLIN, years=((2026, 2040),)),
        TimeWindow(BERLIN, days_of_month=((29, 29),), months=((2, 2),)),
        TimeWindow(BERLIN, years=((2020, 2025),)),
    ]
    rounds = []
    for _ in range(20):
        begin = time.process_time()
        for window in windows:
            window.contains(at)
            window.open_until(at)
            window.opens_at(at)
        rounds.append((time.process_time() - begin) / len(windows) / 3)
    assert min(rounds) < 0.0005
