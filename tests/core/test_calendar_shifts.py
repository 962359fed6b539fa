"""Imported calendars within schedules, compared minute by minute with a reading that is slow and plain."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core.calendar_shifts import CalendarUse, Imported, Stretch, directory_of, laid_out, person_of
from ingestd.core.names import PersonName
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit, is_from_calendar, shifts, who
from ingestd.core.windows import OneOff

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
MINUTES = 60
ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))
PEOPLE = st.sampled_from([ADA, BO, CY])


def at(minute: float) -> datetime:
    return BEGIN + timedelta(minutes=minute)


@st.composite
def stretches(draw):
    starts, length = draw(st.integers(-5, MINUTES)), draw(st.integers(1, 20))
    return Stretch(at(starts), at(starts + length), draw(PEOPLE))


def plainly(found: list[Stretch], minute: datetime) -> PersonName | None:
    """Of all that hold, the one that began last; then the one that ends first; then by name."""
    holding = [one for one in found if one.starts_at <= minute < one.ends_at]
    best = sorted(holding, key=lambda one: (-one.starts_at.timestamp(), one.ends_at, one.person))
    return best[0].person if best else None


@given(st.lists(stretches(), max_size=12))
def test_what_is_laid_out_names_whom_a_plain_reading_names(found):
    imported = Imported(CalendarUse.LAYERS, laid_out(found))
    for minute in range(-6, MINUTES + 25):
        assert imported.at(at(minute)) == plainly(found, at(minute))
    for one, following in pairwise(imported.stretches):
        assert one.starts_at < one.ends_at <= following.starts_at
        assert one.ends_at < following.starts_at or one.person != following.person


@settings(max_examples=60)
@given(
    st.lists(stretches(), max_size=8), st.sampled_from(CalendarUse), st.booleans(), st.lists(stretches(), max_size=2)
)
def test_shifts_say_what_is_true_at_every_minute(found, use, has_layer, overriding):
    window = OneOff(at(15), at(40))
    turns = Layer("turns", (ADA, BO), at(10).replace(tzinfo=None), Turn(1, TurnUnit.HOUR), window)
    schedule = Schedule(
        "line",
        UTC,
        (turns,) if has_layer else (),
        tuple(Override(one.person, one.starts_at, one.ends_at) for one in overriding),
        Imported(use, laid_out(found)),
    )
    listed = shifts(schedule, at(0), at(MINUTES))
    assert listed[0].starts_at == at(0)
    assert listed[-1].ends_at == at(MINUTES)
    for minute in range(MINUTES):
        (there,) = [one for one in listed if one.starts_at <= at(minute) < one.ends_at]
        by_layer = ADA if has_layer and 15 <= minute < 40 else None
        by_calendar = plainly(found, at(minute))
        chosen = by_calendar or by_layer if use is CalendarUse.OVERRIDES else by_layer or by_calendar
        for one in overriding:
            if one.starts_at <= at(minute) < one.ends_at:
                chosen = one.person
        assert there.person == chosen == who(schedule, at(minute))


def test_an_evening_within_a_week_is_taken_over_by_entering_it():
    week = Stretch(at(0), at(50), ADA)
    evening = Stretch(at(20), at(30), BO)
    assert laid_out([week, evening]) == (
        Stretch(at(0), at(20), ADA),
        Stretch(at(20), at(30), BO),
        Stretch(at(30), at(50), ADA),
    )


def test_people_are_named_by_handle_or_address_in_any_case_behind_a_level():
    directory = directory_of({ADA: ["ada@example.com"], BO: []})
    for title in ("ada", " Ada ", "ADA@Example.com", "[L1] ada", "[L2]ada@example.com", " [secondary] ada"):
        assert person_of(title, directory) == ADA
    for title in ("", "adam", "ada bo", "[L1]", "[[L1] ada", "eve"):
        assert person_of(title, directory) is None


def test_a_handle_wins_over_the_same_word_as_an_address():
    assert directory_of({ADA: ["bo"], BO: []})["bo"] == BO


def test_it_is_known_which_shifts_come_from_the_calendar():
    layer = Layer("turns", (ADA,), at(10).replace(tzinfo=None), Turn(1, TurnUnit.HOUR))
    override = Override(CY, at(40), at(50))
    for use, expected in (
        (CalendarUse.OVERRIDES, (True, True, False, False)),
        (CalendarUse.LAYERS, (True, False, False, False)),
    ):
        schedule = Schedule("line", UTC, (layer,), (override,), Imported(use, (Stretch(at(0), at(45), BO),)))
        assert tuple(is_from_calendar(schedule, at(minute)) for minute in (5, 15, 42, 55)) == expected
