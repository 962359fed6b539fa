"""Who is on call as days go by: overrides made at run time, swaps, words at the beginning and end of a shift, gaps that are warned of."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import EscalationPolicy, Policy, RosterWords, Step
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit
from ingestd.core.taking_over import WantedOverride, WantedSwap
from ingestd.core.windows import OneOff, TimeWindow
from ingestd.store import overrides, roster
from ingestd.store.overrides import Swapped
from ingestd.store.schema import contacts
from ingestd.testing.virtual_time import SimulatedCrash
from ingestd.testing.world import START, World, policy

ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))
BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime.fromisoformat("2026-02-23 09:00")
"""Ada's week, on the clock of Berlin. The days begin on Monday, 2 March, 03:00 there, in its last hours; then it is bo's."""
WEEKS = Layer("weeks", (ADA, BO, CY), MONDAY, Turn(1, TurnUnit.WEEK))
WORDS = RosterWords(shift_words=True, gap_words=True)
SILENT = RosterWords()


def rota(
    words: RosterWords = SILENT, *, layers: tuple[Layer, ...] = (WEEKS,), fixed: tuple[Override, ...] = ()
) -> Policy:
    """A policy whose only step pages whoever is on call on first-line."""
    return replace(
        policy(),
        escalations={"default": EscalationPolicy("default", (Step((PersonName("schedule:first-line"),), 300),))},
        schedules={"first-line": Schedule("first-line", BERLIN, layers, fixed)},
        roster=words,
    )


def take_over(day: World, person: str, *, begins: float = 0, hours: float = 4, by: str = "ada") -> str:
    """Somebody takes over by the API, as far as the database is concerned."""
    starts_at = day.now() + timedelta(hours=begins)
    wanted = WantedOverride(
        "first-line", PersonName(person), starts_at, starts_at + timedelta(hours=hours), "doctor", by
    )
    made = day.database.run_now(overrides.add, wanted, day.now())
    assert made is not None
    look(day)
    return made.id


def end(day: World, override_id: str) -> None:
    assert day.database.run_now(overrides.end, override_id, "ada", day.now()) is not None
    look(day)


def look(day: World) -> None:
    """Every worker is woken, as the API does."""
    for worker in day.engine.workers:
        worker.bell.ring()
    day.advance(seconds=1)


def words(day: World) -> list[tuple[str, str, str]]:
    """What people were told in words: when, on the clock of Berlin, who, and the first line."""
    sent = sorted([*day.sms.sent, *day.mail.sent], key=lambda page: (page.at, page.person))
    return [
        (f"{page.at.astimezone(BERLIN):%a %H:%M}", page.person, page.text.words.splitlines()[0])
        for page in sent
        if page.purpose == "word"
    ]


# ------------------------------------------------------------------ overrides and swaps


def test_a_page_goes_to_whoever_took_over_and_to_the_other_one_when_that_is_over(new_day, nothing_else_arrives):
    day = new_day(policy=rota())
    take_over(day, "cy", hours=2)
    day.fires(cluster="a")
    day.advance(hours=2)
    day.fires(cluster="b")
    assert day.pages() == [("cy", "sms", "page"), ("ada", "sms", "page")]
    day.acknowledge("INC-1001", "cy")
    day.acknowledge("INC-1002", "ada")
    nothing_else_arrives(day)


def test_who_takes_over_while_a_page_is_unanswered_is_paged_by_the_next_step(new_day, nothing_else_arrives):
    step = Step((PersonName("schedule:first-line"),), 300)
    day = new_day(policy=replace(rota(), escalations={"default": EscalationPolicy("default", (step, step))}))
    day.fires()
    take_over(day, "cy")
    day.advance(minutes=5)
    assert day.pages() == [("ada", "sms", "page"), ("cy", "sms", "page")]
    day.acknowledge("INC-1001", "cy")
    nothing_else_arrives(day)


def test_an_override_that_is_ended_early_pages_nobody_any_more(new_day, nothing_else_arrives):
    day = new_day(policy=rota())
    made = take_over(day, "cy")
    end(day, made)
    day.fires()
    assert day.pages() == [("ada", "sms", "page")]
    day.acknowledge("INC-1001", "ada")
    nothing_else_arrives(day)


def test_an_override_of_the_configuration_wins_over_one_made_at_run_time(new_day, nothing_else_arrives):
    fixed = Override(BO, START, START + timedelta(hours=1), "planned", "ada")
    day = new_day(policy=rota(fixed=(fixed,)))
    take_over(day, "cy", hours=2)
    day.fires(cluster="a")
    day.advance(hours=1)
    day.fires(cluster="b")
    assert day.pages() == [("bo", "sms", "page"), ("cy", "sms", "page")]
    day.acknowledge("INC-1001", "bo")
    day.acknowledge("INC-1002", "cy")
    nothing_else_arrives(day)


def test_after_a_swap_each_has_the_shift_of_the_other(new_day, nothing_else_arrives):
    day = new_day(policy=rota())
    wanted = WantedSwap("first-line", ADA, CY, day.now(), "holiday", "ada")
    assert isinstance(day.database.run_now(overrides.swap, wanted, day.policy, day.now()), Swapped)
    for number, cluster in enumerate("abc"):
        day.fires(cluster=cluster)
        day.acknowledge(f"INC-{1001 + number}", "bo")
        day.advance(days=7)
    assert [person for person, _, purpose in day.pages() if purpose == "page"] == ["cy", "bo", "ada"]
    nothing_else_arrives(day)


def test_an_override_survives_the_death_of_the_daemon(new_day, nothing_else_arrives):
    day = new_day(policy=rota())
    take_over(day, "cy")
    day.kill()
    day.start()
    day.fires()
    assert day.pages() == [("cy", "sms", "page")]
    day.acknowledge("INC-1001", "cy")
    nothing_else_arrives(day)


def test_a_dead_contact_is_not_used_and_the_other_one_is(new_day, nothing_else_arrives):
    day = new_day(policy=rota())
    phone = day.policy.people[ADA].address_of(Channel.SMS)

    def dies(connection) -> None:
        row = {"person": ADA, "channel": Channel.SMS, "address": phone, "reason": "STOP", "is_told": True}
        connection.execute(contacts.insert().values(**row, dead_since=day.now(), reached_at=None))
        roster.raise_revision(connection)

    day.database.run_now(dies)
    day.fires()
    assert day.pages() == [("ada", "email", "page")]
    day.acknowledge("INC-1001", "ada")
    nothing_else_arrives(day)


# ------------------------------------------------------------------ words at hand-overs


def test_the_one_who_comes_and_the_one_who_goes_are_told_at_each_hand_over(new_day, nothing_else_arrives):
    day = new_day(policy=rota(WORDS))
    day.advance(days=8)
    assert words(day) == [
        ("Mon 03:00", "ada", "You are on call on first-line until Mon 2026-03-02 09:00 CET; after you: bo"),
        ("Mon 09:00", "ada", "Your shift on first-line is over; bo has it now"),
        ("Mon 09:00", "bo", "You are on call on first-line until Mon 2026-03-09 09:00 CET; after you: cy"),
        ("Mon 09:00", "bo", "Your shift on first-line is over; cy has it now"),
        ("Mon 09:00", "cy", "You are on call on first-line until Mon 2026-03-16 09:00 CET; after you: ada"),
    ]
    nothing_else_arrives(day, days=3)


def test_who_takes_over_is_told_at_once_and_so_is_who_has_it_back(new_day, nothing_else_arrives):
    day = new_day(policy=rota(WORDS))
    day.advance(minutes=1)
    before = len(words(day))
    made = take_over(day, "cy")
    end(day, made)
    assert [(person, text) for _, person, text in words(day)[before:]] == [
        ("ada", "Your shift on first-line is over; cy has it now"),
        ("cy", "You are on call on first-line until Mon 2026-03-02 07:01 CET; after you: ada"),
        ("ada", "You are on call on first-line until Mon 2026-03-02 09:00 CET; after you: bo"),
        ("cy", "Your shift on first-line is over; ada has it now"),
    ]
    nothing_else_arrives(day)


def test_nothing_is_told_twice_though_the_daemon_dies_at_the_hand_over(new_day, nothing_else_arrives):
    day = new_day(policy=rota(WORDS))
    day.advance(hours=6, seconds=5)
    before = words(day)
    for _ in range(3):
        day.kill()
        day.start()
        day.advance(minutes=1)
    assert words(day) == before
    assert len(before) == 3
    nothing_else_arrives(day)


@pytest.mark.parametrize("number", range(6))
def test_each_word_is_there_once_wherever_the_daemon_dies_at_the_hand_over(new_day, nothing_else_arrives, number):
    """Before or after any commit of the hand-over; not between a call and its answer, where a message may come a second time."""
    day = new_day(policy=rota(WORDS))
    day.advance(hours=5, minutes=59, seconds=59)
    before = words(day)
    passed = 0

    def die(point: str) -> None:
        nonlocal passed
        if "commit" in point and day.now() >= START + timedelta(hours=6):
            passed += 1
            if passed == number + 1:
                day.life.loop.crash(point)

    day.at_point = die
    with contextlib.suppress(SimulatedCrash):
        day.advance(minutes=1)
    assert passed > number, "there are so many commits"
    day.bury()
    day.start()
    day.advance(minutes=10)
    assert [(person, text.partition(" ")[0]) for _, person, text in words(day)[len(before) :]] == [
        ("ada", "Your"),
        ("bo", "You"),
    ]
    nothing_else_arrives(day)


def test_after_a_night_without_the_daemon_who_is_on_call_is_told_late(new_day, nothing_else_arrives):
    day = new_day(policy=rota(WORDS))
    day.advance(minutes=1)
    day.kill()
    day.advance(hours=9)
    day.start()
    day.advance(minutes=1)
    assert words(day)[1:] == [
        ("Mon 12:01", "ada", "Your shift on first-line is over; bo has it now"),
        (
            "Mon 12:01",
            "bo",
            "You are on call on first-line since Mon 2026-03-02 09:00 CET, until Mon 2026-03-09 09:00 CET; after you: cy",
        ),
    ]
    nothing_else_arrives(day)


def test_who_hands_over_to_themselves_hears_nothing(new_day, nothing_else_arrives):
    twice = replace(WEEKS, people=(ADA, ADA, BO))
    day = new_day(policy=rota(WORDS, layers=(twice,)))
    day.advance(days=6)
    assert words(day) == [
        ("Mon 03:00", "ada", "You are on call on first-line until Mon 2026-03-09 09:00 CET; after you: bo")
    ]
    nothing_else_arrives(day, hours=12)


def test_a_word_waits_until_quiet_hours_are_over_and_is_dropped_if_the_shift_is_too(new_day, nothing_else_arrives):
    nights = TimeWindow(times=((0, 10 * 60),), zone=BERLIN)
    whole = rota(WORDS)
    people = {name: replace(one, quiet=nights, zone=BERLIN) for name, one in whole.people.items()}
    day = new_day(policy=replace(whole, people=people))
    day.advance(hours=12)
    assert words(day) == [
        ("Mon 10:00", "ada", "Your shift on first-line is over; bo has it now"),
        ("Mon 10:00", "bo", "You are on call on first-line until Mon 2026-03-09 09:00 CET; after you: cy"),
    ]
    nothing_else_arrives(day)


def test_a_reload_that_puts_somebody_else_on_call_is_told_as_it_happens(new_day, nothing_else_arrives):
    day = new_day(policy=rota(WORDS))
    day.advance(days=2)
    before = len(words(day))
    day.reload(rota(WORDS, layers=(replace(WEEKS, people=(CY,)),)))
    look(day)
    day.reload(rota(WORDS))
    look(day)
    assert [(person, text) for _, person, text in words(day)[before:]] == [
        ("bo", "Your shift on first-line is over; cy has it now"),
        ("cy", "You are on call on first-line"),
        ("bo", "You are on call on first-line until Mon 2026-03-09 09:00 CET; after you: cy"),
        ("cy", "Your shift on first-line is over; bo has it now"),
    ]
    nothing_else_arrives(day)


# ------------------------------------------------------------------ gaps to come


def once(person: PersonName, begins: datetime, days: float) -> Layer:
    """A layer that is open only once."""
    return replace(WEEKS, people=(person,), only=OneOff(begins, begins + timedelta(days=days)))


def test_a_stretch_with_nobody_is_warned_of_two_weeks_ahead_and_a_day_before(new_day, nothing_else_arrives):
    """Nobody is on call from 2 April, 04:00 in summer time, for two days; the admin hears of it with everybody of the schedule."""
    gap_at = START + timedelta(days=31)
    layers = (once(ADA, START - timedelta(days=7), 38), once(BO, gap_at + timedelta(days=2), 400))
    day = new_day(policy=rota(replace(WORDS, shift_words=False, warn=(CY,)), layers=layers))
    day.advance(days=17, seconds=5)
    text = "Nobody is on call on first-line from Thu 2026-04-02 04:00 CEST until Sat 2026-04-04 04:00 CEST"
    ahead = [("Thu 03:00", name, text) for name in ("ada", "bo", "cy")]
    assert words(day) == ahead
    day.advance(days=12)
    assert words(day) == ahead
    day.advance(days=1)
    assert words(day) == [*ahead, *(("Wed 04:00", name, text) for name in ("ada", "bo", "cy"))]
    nothing_else_arrives(day, days=5)


def test_a_gap_that_somebody_closes_in_time_is_not_warned_of_again(new_day, nothing_else_arrives):
    gap_at = START + timedelta(days=10)
    layers = (once(ADA, START - timedelta(days=7), 17), once(BO, gap_at + timedelta(days=1), 400))
    day = new_day(policy=rota(replace(WORDS, shift_words=False), layers=layers))
    day.advance(hours=1)
    assert [person for _, person, _ in words(day)] == ["ada", "bo"]
    take_over(day, "cy", begins=10 * 24 - 2, hours=30)
    nothing_else_arrives(day, days=12)


def test_who_is_away_during_a_shift_hears_of_it_and_so_does_the_admin(new_day, nothing_else_arrives):
    away = OneOff(START + timedelta(days=8), START + timedelta(days=10))
    whole = rota(replace(WORDS, shift_words=False, warn=(ADA,)))
    people = {**whole.people, CY: replace(whole.people[CY], away=(away,))}
    day = new_day(policy=replace(whole, people=people))
    day.advance(hours=1)
    stretch = "on call on first-line and away from Tue 2026-03-10 03:00 CET until Thu 2026-03-12 03:00 CET"
    assert words(day) == [("Mon 03:00", "ada", f"cy is {stretch}"), ("Mon 03:00", "cy", f"You are {stretch}")]
    day.advance(days=6, hours=23)
    assert [person for _, person, _ in words(day)] == ["ada", "cy", "ada", "cy"]
    nothing_else_arrives(day, days=5)


def test_somebody_without_a_contact_is_told_to_the_admin(new_day, nothing_else_arrives):
    whole = rota(replace(WORDS, shift_words=False, warn=(ADA,)))
    people = {**whole.people, BO: replace(whole.people[BO], channels=())}
    day = new_day(policy=replace(whole, people=people))
    day.advance(hours=1)
    assert words(day) == [
        (
            "Mon 03:00",
            "ada",
            "bo is on call on first-line without a usable contact from Mon 2026-03-02 09:00 CET until Mon 2026-03-09 09:00 CET",
        )
    ]
    nothing_else_arrives(day, days=5)


def test_nights_without_anybody_that_are_meant_are_told_once_and_not_each_evening(new_day, nothing_else_arrives):
    """A schedule that has office hours only, and begins today."""
    office = TimeWindow(times=((9 * 60, 18 * 60),), zone=BERLIN)
    layer = replace(WEEKS, people=(ADA,), start=MONDAY + timedelta(days=7), only=office)
    day = new_day(policy=rota(replace(WORDS, shift_words=False), layers=(layer,)))
    day.advance(days=9)
    assert {text.partition(" from ")[0] for _, _, text in words(day)} == {"Nobody is on call on first-line"}
    assert len(words(day)) <= 2
    nothing_else_arrives(day, days=5)
