"""What people are told of their shifts and of gaps to come: pure values, by hand and for schedules of every kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestd.core import gap_words, shift_words
from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Person, Policy, Stage
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit, on_clock, present, shifts, who
from ingestd.core.rota_gaps import ContactFacts, GapKind, doubts_of_schedule
from ingestd.core.ruleset import Ruleset
from ingestd.core.windows import OneOff, TimeWindow

BERLIN = ZoneInfo("Europe/Berlin")
ASHA, BEN, CHLOE = (PersonName(name) for name in ("asha", "ben", "chloe"))
NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)
NOTHING_KNOWN = ContactFacts({}, frozenset())


def weeks(*people: PersonName, overrides=(), start="2026-03-02 09:00", only=None, unit=TurnUnit.WEEK) -> Schedule:
    layer = Layer("weeks", people, datetime.fromisoformat(start), Turn(1, unit), only)
    return Schedule("l1", BERLIN, (layer,), overrides)


def whole(schedule: Schedule, **people: Person) -> Policy:
    known = {
        name: Person(name, name.title(), ((Channel.SMS, f"+1555{n}"), (Channel.EMAIL, f"{name}@example.com")))
        for n, name in enumerate((ASHA, BEN, CHLOE))
    }
    return Policy(
        Ruleset(rules=(), matrix={}, version="test"),
        people={**known, **{PersonName(name): one for name, one in people.items()}},
        schedules={"l1": schedule},
        channel_connectors={Channel.SMS: "sms", Channel.EMAIL: "mail"},
    )


def told(
    policy: Policy, known: dict[str, PersonName | None], looked_at: datetime, now: datetime
) -> list[tuple[str, str]]:
    changes = shift_words.handovers(policy, known, looked_at, now)
    return [(word.person, word.text) for change in changes for word in shift_words.words_of(change, policy, now)]


# ------------------------------------------------------------------ the shift that is on


@given(
    st.lists(st.sampled_from((ASHA, BEN)), min_size=1, max_size=4),
    st.sampled_from(TurnUnit),
    st.lists(st.tuples(st.sampled_from((ASHA, BEN, CHLOE)), st.integers(-50, 800), st.integers(1, 90)), max_size=4),
    st.booleans(),
)
@settings(max_examples=150)
def test_the_shift_that_is_on_is_the_first_of_all_shifts(people, unit, drawn, has_nights):
    overrides = tuple(
        Override(person, NOW + timedelta(hours=start), NOW + timedelta(hours=start + length))
        for person, start, length in drawn
    )
    only = TimeWindow(BERLIN, times=((0, 480),)) if has_nights else None
    schedule = weeks(*people, overrides=overrides, only=only, unit=unit)
    horizon = timedelta(days=40)
    first, *others = shifts(schedule, NOW, NOW + horizon)
    following = others[0].person if others else None
    assert present(schedule, NOW, horizon) == (first, following, bool(others))


# ------------------------------------------------------------------ words at hand-overs


def test_nothing_has_changed_so_nothing_is_said():
    assert told(whole(weeks(ASHA, BEN)), {"l1": None}, NOW, NOW) == []
    assert told(whole(weeks(ASHA)), {"l1": ASHA}, NOW, NOW + timedelta(days=3)) == []


def test_after_an_hour_a_shift_is_told_as_one_that_is_under_way():
    policy = whole(weeks(ASHA, BEN))
    begins = datetime(2026, 3, 2, 8, tzinfo=UTC)
    soon, late = begins + timedelta(hours=1), begins + timedelta(hours=1, seconds=1)
    until = "until Mon 2026-03-09 09:00 CET; after you: ben"
    assert told(policy, {"l1": None}, NOW, soon) == [("asha", f"You are on call on l1 {until}")]
    assert told(policy, {"l1": None}, NOW, late) == [
        ("asha", f"You are on call on l1 since Mon 2026-03-02 09:00 CET, {until}")
    ]


def test_shifts_that_began_and_ended_while_nobody_looked_are_not_told_and_the_end_of_the_one_before_is():
    policy = whole(weeks(ASHA, BEN, CHLOE, unit=TurnUnit.HOUR))
    begins = datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert told(policy, {"l1": ASHA}, begins, begins + timedelta(hours=2, minutes=5)) == [
        ("asha", "Your shift on l1 is over; chloe has it now"),
        ("chloe", "You are on call on l1 until Mon 2026-03-02 12:00 CET; after you: asha"),
    ]


def test_the_end_of_a_shift_is_told_for_a_day():
    """Asha's week ends on the ninth; then it is ben's for good."""
    until = Override(ASHA, NOW, datetime(2026, 3, 9, 8, tzinfo=UTC))
    policy = whole(weeks(BEN, overrides=(until,)))
    day = datetime(2026, 3, 10, 8, tzinfo=UTC)
    known = {"l1": ASHA}
    assert [person for person, _ in told(policy, known, day - timedelta(days=3), day)] == ["asha", "ben"]
    later = day + timedelta(seconds=1)
    assert told(policy, known, day - timedelta(days=3), later) == [
        ("ben", "You are on call on l1 since Mon 2026-03-09 09:00 CET")
    ]


def test_the_last_one_hears_that_nobody_has_it_now():
    until = Override(ASHA, NOW, NOW + timedelta(hours=1))
    policy = whole(weeks(BEN, overrides=(until,)))
    at = NOW + timedelta(hours=1)
    assert told(policy, {"l1": ASHA}, NOW, at) == [("asha", "Your shift on l1 is over; nobody has it now")]


def test_a_word_goes_by_the_normal_profile_after_the_quiet_hours():
    ben = Person(
        BEN,
        "Ben",
        ((Channel.SMS, "+15551"), (Channel.EMAIL, "ben@example.com")),
        urgent=(Stage((Channel.SMS,)),),
        normal=(Stage((Channel.EMAIL,)),),
        quiet=TimeWindow(BERLIN, times=((0, 600),)),
    )
    policy = whole(weeks(BEN, ASHA), ben=ben)
    (change,) = shift_words.handovers(policy, {}, NOW, datetime(2026, 3, 2, 8, tzinfo=UTC))
    (word,) = shift_words.words_of(change, policy, datetime(2026, 3, 2, 8, tzinfo=UTC))
    assert (word.connector, word.channel, word.due_at) == ("mail", Channel.EMAIL, datetime(2026, 3, 2, 9, tzinfo=UTC))


def test_who_cannot_be_reached_and_who_is_not_known_are_told_nothing():
    nobody = Person(ASHA, "Asha", ())
    policy = whole(weeks(ASHA), asha=nobody)
    at = datetime(2026, 3, 3, tzinfo=UTC)
    assert told(policy, {"l1": PersonName("gone")}, NOW, at) == []


# ------------------------------------------------------------------ gaps


def marks(policy: Policy, now: datetime, facts: ContactFacts = NOTHING_KNOWN) -> list[str]:
    return [one.mark for one in gap_words.notices(policy, facts, now)[0]]


def test_a_gap_has_one_mark_two_weeks_ahead_and_another_one_a_day_ahead():
    gap_at = datetime(2026, 4, 6, 7, tzinfo=UTC)
    layer = replace(weeks(ASHA).layers[0], only=OneOff(NOW - timedelta(days=9), gap_at), start=datetime(2026, 2, 23))  # noqa: DTZ001 (a start is on the wall)
    policy = whole(replace(weeks(ASHA), layers=(layer,)))
    blink = timedelta(seconds=1)
    assert marks(policy, gap_at - timedelta(days=14) - blink) == []
    assert marks(policy, gap_at - timedelta(days=14)) == ["l1/nobody-on-call/ahead/20260406T0700Z"]
    assert marks(policy, gap_at - timedelta(days=1) - blink) == ["l1/nobody-on-call/ahead/20260406T0700Z"]
    assert marks(policy, gap_at - timedelta(days=1)) == ["l1/nobody-on-call/soon/20260406T0700Z"]
    look_at = gap_words.notices(policy, NOTHING_KNOWN, gap_at - timedelta(days=14, hours=3))[1]
    assert look_at == gap_at - timedelta(days=14)


def test_what_has_been_empty_for_longer_than_anybody_looks_back_is_told_each_week():
    policy = whole(weeks(ASHA, start="2030-01-07 09:00"))
    assert marks(policy, NOW) == ["l1/nobody-on-call/soon/2026-W10"]
    assert marks(policy, NOW + timedelta(days=3)) == marks(policy, NOW)
    assert marks(policy, NOW + timedelta(days=7)) == ["l1/nobody-on-call/soon/2026-W11"]


def test_office_hours_leave_nights_and_weekends_open_and_that_is_told_of_the_first_night_alone():
    office = TimeWindow(BERLIN, weekdays=((0, 4),), times=((540, 1080),))
    policy = whole(weeks(ASHA, only=office))
    assert marks(policy, NOW + timedelta(hours=7)) == ["l1/nobody-on-call/soon/20260302T1700Z"]
    assert marks(policy, NOW + timedelta(days=9)) == []


def test_where_the_days_are_left_open_from_a_noon_on_that_afternoon_and_the_next_day_are_told_and_then_it_is_known():
    noon = datetime(2026, 3, 12, 11, tzinfo=UTC)
    nights = weeks(ASHA, only=TimeWindow(BERLIN, times=((1080, 540),)), start="2026-02-02 09:00")
    days = replace(nights.layers[0], name="days", people=(BEN,), only=OneOff(NOW - timedelta(days=20), noon))
    policy = whole(replace(nights, layers=(*nights.layers, days)))
    assert marks(policy, NOW) == ["l1/nobody-on-call/ahead/20260312T1100Z", "l1/nobody-on-call/ahead/20260313T0800Z"]


def test_several_gaps_are_one_word_that_names_three_of_them_and_how_to_close_the_first():
    begins = [NOW + timedelta(days=day) for day in (3, 5, 8, 9)]
    away = tuple(OneOff(at, at + timedelta(hours=2 + n)) for n, at in enumerate(begins))
    base = whole(weeks(ASHA, start="2026-02-23 09:00"))
    policy = whole(weeks(ASHA, start="2026-02-23 09:00"), asha=replace(base.people[ASHA], away=away))
    found, _ = gap_words.notices(policy, NOTHING_KNOWN, NOW)
    (first, second) = gap_words.words_of(found, policy, (CHLOE,), NOW)
    assert (first.person, second.person) == ("asha", "chloe")
    assert second.text.splitlines() == [
        "asha is on call on l1 and away from Thu 2026-03-05 03:00 CET until Thu 2026-03-05 05:00 CET",
        "and from Sat 2026-03-07 03:00 CET until Sat 2026-03-07 06:00 CET",
        "and from Tue 2026-03-10 03:00 CET until Tue 2026-03-10 07:00 CET",
        "and 1 more: ingestd oncall gaps",
        "Let somebody take over: ingestd oncall override l1 NAME --from '2026-03-05 02:00 UTC' --to '2026-03-05 04:00 UTC'",
    ]
    assert first.text.startswith("You are on call on l1 and away from Thu")


def test_whose_contacts_are_all_dead_has_no_usable_one_and_with_another_one_left_it_is_a_doubt():
    schedule = weeks(ASHA, start="2026-02-23 09:00")
    people = whole(schedule).people
    end = NOW + timedelta(days=1)
    some = ContactFacts({ASHA: (Channel.SMS,)}, frozenset({ASHA}))
    every = ContactFacts({ASHA: (Channel.SMS, Channel.EMAIL)}, frozenset({ASHA}))
    assert [one.kind for one in doubts_of_schedule(schedule, NOW, end, people, some)] == [GapKind.DEAD_CONTACT]
    assert [one.kind for one in doubts_of_schedule(schedule, NOW, end, people, every)] == [GapKind.NO_CONTACT]
    assert list(doubts_of_schedule(schedule, NOW, end, people, None)) == []


def test_whom_nothing_has_reached_is_told_once_and_not_for_each_shift():
    schedule = weeks(ASHA, BEN, start="2026-02-23 09:00")
    found = list(doubts_of_schedule(schedule, NOW, NOW + timedelta(days=60), whole(schedule).people, NOTHING_KNOWN))
    assert [(one.kind, one.person) for one in found] == [(GapKind.NEVER_REACHED, ASHA), (GapKind.NEVER_REACHED, BEN)]


def test_an_instant_is_told_on_the_clock_of_the_schedule():
    assert on_clock(datetime(2026, 3, 29, 1, tzinfo=UTC), BERLIN) == "Sun 2026-03-29 03:00 CEST"
    assert who(weeks(ASHA), NOW) is None
