"""Who is on call as it holds at this moment: overrides of the database under those of the configuration, dead contacts taken out."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import Policy, RosterWords
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit, who
from ingestd.core.taking_over import OverrideFault, WantedOverride, WantedSwap
from ingestd.core.windows import OneOff
from ingestd.store import outbox, overrides, roster, roster_looks
from ingestd.store.overrides import OverrideState, Swapped
from ingestd.store.roster_looks import Look
from ingestd.store.schema import contacts
from ingestd.testing.world import policy
from ingestd.workers.roster_watch import see_gaps, see_shifts, tell
from tests.store.builders import NOW, after

Begin = Callable[[], AbstractContextManager[Connection]]
ADA, BO, CY = PersonName("ada"), PersonName("bo"), PersonName("cy")
START = NOW.replace(tzinfo=None) - timedelta(days=1)
WEEKS = Layer("weeks", (ADA, BO, CY), START, Turn(1, TurnUnit.WEEK))


def _policy(*fixed: Override, layers: tuple[Layer, ...] = (WEEKS,)) -> Policy:
    return replace(policy(), schedules={"first": Schedule("first", UTC, layers, fixed)})


def _wanted(person: str = "bo", begins: float = 0, hours: float = 4, **changes: object) -> WantedOverride:
    wanted = WantedOverride(
        "first", PersonName(person), after(hours=begins), after(hours=begins + hours), "doctor", "ada"
    )
    return replace(wanted, **changes)


def _add(connection: Connection, wanted: WantedOverride, now: datetime = NOW) -> str:
    made = overrides.add(connection, wanted, now)
    assert made is not None
    return made.id


def _who(connection: Connection, whole: Policy, at: datetime) -> str | None:
    return who(roster.effective(connection, whole, NOW).schedules["first"], at)


def test_without_anything_at_run_time_the_policy_is_the_very_same_value(connection: Connection) -> None:
    whole = _policy()
    assert roster.effective(connection, whole, NOW) is whole


def test_an_override_holds_from_its_start_to_its_end_and_not_a_second_longer(begin: Begin) -> None:
    whole = _policy()
    with begin() as connection:
        assert _who(connection, whole, NOW) == ADA
        _add(connection, _wanted(begins=1, hours=4))
    with begin() as connection:
        told = [_who(connection, whole, after(hours=1) + timedelta(seconds=s)) for s in (-1, 0, 4 * 3600 - 1, 4 * 3600)]
    assert told == [ADA, BO, BO, ADA]


def test_who_asks_again_gets_the_same_value_until_something_changes(begin: Begin) -> None:
    whole = _policy()
    with begin() as connection:
        _add(connection, _wanted())
    with begin() as connection:
        first = roster.effective(connection, whole, NOW)
        assert roster.effective(connection, whole, NOW) is first
        assert roster.effective(connection, first, NOW) is first
        overrides.end(connection, "OVR-1", "bo", after(minutes=1))
        assert _who(connection, whole, after(minutes=2)) == ADA


def test_a_change_that_is_rolled_back_is_not_remembered_for_the_next_one(begin: Begin) -> None:
    whole = _policy()
    with begin() as connection:
        roster.raise_revision(connection)
    with begin() as connection:
        _add(connection, _wanted("bo"))
        assert _who(connection, whole, NOW) == BO
        connection.rollback()
    with begin() as connection:
        _add(connection, _wanted("cy"))
    with begin() as connection:
        assert _who(connection, whole, NOW) == CY


def test_an_override_of_the_configuration_wins_over_one_of_the_database_whenever_that_was_made(begin: Begin) -> None:
    whole = _policy(Override(CY, after(hours=1), after(hours=2)))
    with begin() as connection:
        _add(connection, _wanted("bo", hours=4))
    with begin() as connection:
        assert [_who(connection, whole, after(hours=h)) for h in (0, 1, 2)] == [BO, CY, BO]


def test_of_two_that_overlap_the_one_made_last_holds(begin: Begin) -> None:
    with begin() as connection:
        _add(connection, _wanted("bo", hours=4))
        _add(connection, _wanted("cy", begins=1, hours=1))
    with begin() as connection:
        assert [_who(connection, _policy(), after(hours=h)) for h in (0, 1, 2)] == [BO, CY, BO]


def test_an_override_for_somebody_who_has_left_counts_for_nothing(begin: Begin) -> None:
    whole = _policy()
    left = replace(whole, people={name: one for name, one in whole.people.items() if name != BO})
    with begin() as connection:
        _add(connection, _wanted("bo"))
    with begin() as connection:
        assert _who(connection, left, NOW) == ADA


def test_a_schedule_that_is_gone_takes_its_overrides_along(begin: Begin) -> None:
    with begin() as connection:
        _add(connection, _wanted("bo"))
    with begin() as connection:
        assert roster.effective(connection, policy(), NOW).schedules == {}


def test_a_dead_contact_is_taken_out_and_the_others_stay(begin: Begin) -> None:
    whole = _policy()
    phone = dict(whole.people[ADA].channels)[Channel.SMS]
    row = {"person": ADA, "channel": Channel.SMS, "reason": "STOP", "reached_at": None, "is_told": True}
    with begin() as connection:
        connection.execute(contacts.insert().values(**row, address=phone, dead_since=NOW))
        connection.execute(contacts.insert().values(**row, address="+4911111", dead_since=NOW))
        roster.raise_revision(connection)
    with begin() as connection:
        people = roster.effective(connection, whole, NOW).people
    assert [channel for channel, _ in people[ADA].channels] == [Channel.EMAIL]
    assert people[BO] == whole.people[BO]


def test_a_swap_gives_each_the_shift_of_the_other(begin: Begin) -> None:
    whole = _policy()
    wanted = WantedSwap("first", ADA, CY, NOW, "holiday", "ada")
    with begin() as connection:
        swapped = overrides.swap(connection, wanted, whole, NOW)
    assert isinstance(swapped, Swapped)
    assert [(one.person, one.why) for one in swapped.overrides] == [
        (CY, "swap with ada: holiday"),
        (ADA, "swap with cy: holiday"),
    ]
    with begin() as connection:
        weeks = [_who(connection, whole, NOW + timedelta(days=d)) for d in (0, 5, 6, 12, 13, 19, 20)]
    assert weeks == [CY, CY, BO, BO, ADA, ADA, ADA]


def test_a_swap_that_is_run_again_after_its_commit_makes_nothing_more(begin: Begin) -> None:
    wanted = WantedSwap("first", ADA, BO, NOW, "", "ada")
    with begin() as connection:
        once = overrides.swap(connection, wanted, _policy(), NOW)
    with begin() as connection:
        assert overrides.swap(connection, wanted, _policy(), NOW) == once
        assert len(overrides.listed(connection, set(OverrideState), "first", NOW, 10)) == 2


def test_a_swap_is_refused_where_the_configuration_has_an_override_or_somebody_has_no_shift(begin: Begin) -> None:
    fixed = Override(CY, after(hours=1), after(hours=2))
    only_ada = replace(WEEKS, people=(ADA,))
    with begin() as connection:
        clash = overrides.swap(connection, WantedSwap("first", ADA, CY, NOW, "", "ada"), _policy(fixed), NOW)
        alone = overrides.swap(
            connection, WantedSwap("first", ADA, CY, NOW, "", "ada"), _policy(layers=(only_ada,)), NOW
        )
    assert isinstance(clash, list), clash
    assert isinstance(alone, list), alone
    assert [type(one) for one in clash] == [OverrideFault]
    assert "no shift to swap" in alone[0].text
    assert "cy has no shift" in alone[1].text


def test_an_override_that_ends_says_by_whom_and_ending_it_again_changes_nothing(begin: Begin) -> None:
    with begin() as connection:
        _add(connection, _wanted(begins=0))
        _add(connection, _wanted(begins=9))
        first = overrides.end(connection, "OVR-1", "cy", after(hours=1))
        again = overrides.end(connection, "OVR-1", "bo", after(hours=2))
        pending = overrides.end(connection, "OVR-2", "bo", after(hours=2))
        assert overrides.end(connection, "OVR-9", "bo", NOW) is None
    assert first is not None
    assert again is not None
    assert pending is not None
    assert (first.is_first, first.override.ended_by, first.override.ends_at) == (True, "cy", after(hours=1))
    assert (again.is_first, again.override.ended_by) == (False, "cy")
    assert (pending.override.starts_at, pending.override.ends_at) == (after(hours=2), after(hours=2))


def test_numbers_are_never_used_again_also_when_the_newest_is_forgotten(begin: Begin) -> None:
    with begin() as connection:
        _add(connection, _wanted())
        _add(connection, _wanted())
        assert overrides.prune(connection, NOW + timedelta(days=91), 10) == 1  # the second is the first, made again
        assert _add(connection, _wanted(), after(days=91)) == "OVR-2"


def test_there_are_never_more_than_a_bounded_number(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overrides, "CURRENT_COUNT_MAX", 2)
    with begin() as connection:
        assert [_add(connection, _wanted(person)) for person in ("bo", "cy")] == ["OVR-1", "OVR-2"]
        assert overrides.add(connection, _wanted("ada"), NOW) is None
        assert overrides.swap(connection, WantedSwap("first", ADA, CY, NOW, "", "ada"), _policy(), NOW) is None


ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata")


@pytest.mark.parametrize("zone", ZONES)
def test_each_quarter_of_an_hour_of_a_month_is_whose_a_plain_reading_says(begin: Begin, zone: str) -> None:
    """An oracle without any cleverness: the file's overrides from the last, then the database's from the last, then the layers."""
    chance = random.Random(zone)
    layers = (
        Layer("nights", (CY, BO), START.replace(day=1, hour=18), Turn(12, TurnUnit.HOUR)),
        Layer("weeks", (ADA, BO, CY), START.replace(day=1, hour=9), Turn(1, TurnUnit.DAY)),
    )
    begins_at = datetime(2026, 3, 18, tzinfo=UTC)

    def drawn() -> tuple[PersonName, datetime, datetime]:
        start = begins_at + timedelta(minutes=15 * chance.randrange(2800))
        return chance.choice((ADA, BO, CY)), start, start + timedelta(minutes=15 * chance.randrange(1, 300))

    fixed = [Override(*drawn()) for _ in range(3)]
    made = [drawn() for _ in range(9)]
    whole = replace(policy(), schedules={"first": Schedule("first", ZoneInfo(zone), layers, tuple(fixed))})
    now = begins_at - timedelta(days=1)
    with begin() as connection:
        for person, start, end in made:
            _add(connection, WantedOverride("first", person, start, end, "", "ada"), now)
    with begin() as connection:
        merged = roster.effective(connection, whole, now).schedules["first"]
    plain = replace(merged, overrides=())
    for quarter in range(30 * 96):
        at = begins_at + timedelta(minutes=15 * quarter)
        expected = who(plain, at)
        for person, start, end in [*made, *((one.who, one.starts_at, one.ends_at) for one in fixed)]:
            expected = person if start <= at < end else expected
        assert who(merged, at) == expected, at


WATCHED = RosterWords(shift_words=True, gap_words=True)


def test_a_look_comes_back_as_it_was_saved(begin: Begin) -> None:
    with begin() as connection:
        assert roster_looks.load(connection) is None
        for look in (Look(NOW), Look(after(hours=1), {"first": ADA, "second": None}, frozenset({"a/b", "c"}))):
            roster_looks.save(connection, look)
            assert roster_looks.load(connection) == look


def test_of_two_daemons_that_look_at_once_one_tells_and_the_other_looks_again(begin: Begin) -> None:
    whole = replace(_policy(), roster=WATCHED)
    with begin() as connection:
        seen = see_shifts(connection, whole, NOW)
        also = see_shifts(connection, whole, NOW)
        assert [word.person for word in seen.words] == [ADA]
    with begin() as connection:
        assert tell(connection, seen, NOW)
    with begin() as connection:
        assert not tell(connection, also, NOW)
        assert see_shifts(connection, whole, NOW).words == ()
        waiting = outbox.listed(connection, states=outbox.UNSETTLED, limit=9)
    assert [row.person for row in waiting] == [ADA]


def test_a_gap_is_remembered_as_told_until_it_is_over(begin: Begin) -> None:
    whole = replace(_policy(layers=(replace(WEEKS, only=OneOff(after(days=-1), after(days=1))),)), roster=WATCHED)
    with begin() as connection:
        seen, look_at, fresh = see_gaps(connection, whole, see_shifts(connection, whole, NOW), NOW)
        assert tell(connection, seen, NOW)
    assert [one.gap.starts_at for one in fresh] == [after(days=1)]
    assert look_at == after(days=1)
    with begin() as connection:
        again, _, fresh = see_gaps(connection, whole, see_shifts(connection, whole, NOW), NOW)
    assert (again.words, fresh) == ((), [])
