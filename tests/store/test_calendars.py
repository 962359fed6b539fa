"""Copies of calendars and the feeds that go out, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC

from sqlalchemy import Connection

from ingestd.core.calendar_shifts import CalendarUse, Imported, Stretch
from ingestd.core.names import PersonName
from ingestd.core.rota import Layer, Schedule, Turn, TurnUnit, who
from ingestd.store import calendars, feeds, roster
from ingestd.store.calendars import CalendarCopy
from ingestd.store.feeds import Feed
from ingestd.testing.world import policy
from tests.store.builders import NOW, after

Begin = Callable[[], AbstractContextManager[Connection]]
WEEKS = Layer("weeks", (PersonName("ada"),), NOW.replace(tzinfo=None), Turn(1, TurnUnit.WEEK))
LINE = Schedule("line", UTC, (WEEKS,), (), Imported(CalendarUse.OVERRIDES))
WHOLE = replace(policy(), schedules={"line": LINE, "other": Schedule("other", UTC, (WEEKS,))})


def copy_with(*entries: tuple[str, str, float, float], **changes: object) -> CalendarCopy:
    listed = [
        [uid, title, after(hours=begins).timestamp(), after(hours=ends).timestamp()]
        for uid, title, begins, ends in entries
    ]
    return replace(CalendarCopy("line", "place", NOW, entries=json.dumps(listed), body=b"BEGIN"), **changes)


def test_a_copy_comes_back_as_it_was_kept(connection: Connection) -> None:
    copy = copy_with(("e1", "bo", 0, 4), fetched_at=NOW, expanded_at=NOW, failing_since=NOW, problem="x", etag='"1"')
    assert calendars.keep(connection, copy)
    assert calendars.load(connection, "line") == copy
    assert not calendars.keep(connection, replace(copy, problem="", etag=""))
    assert calendars.every(connection) == [replace(copy, problem="", etag="", body=None)]
    assert calendars.load(connection, "other") is None
    assert not calendars.forget_others(connection, ["line"])
    assert calendars.forget_others(connection, ["other"])
    assert calendars.load(connection, "line") is None


def test_the_roster_sees_what_the_last_copy_says_and_only_people_who_are_known(begin: Begin) -> None:
    with begin() as connection:
        assert roster.effective(connection, WHOLE, NOW) is WHOLE
        assert calendars.keep(connection, copy_with(("e1", "[L1] BO", 0, 4), ("e2", "eve", 0, 9), ("e3", "cy", 2, 3)))
        roster.raise_revision(connection)
    with begin() as connection:
        line = roster.effective(connection, WHOLE, NOW).schedules["line"]
        assert [who(line, after(hours=hours)) for hours in (0, 2, 3, 4)] == ["bo", "cy", "bo", "ada"]
        assert line.calendar is not None
        assert line.calendar.stretches[0] == Stretch(NOW, after(hours=2), PersonName("bo"))
        assert roster.effective(connection, WHOLE, NOW).schedules["other"] == WHOLE.schedules["other"]
        assert [one[1] for one in calendars.unknown(copy_with(("e2", "eve", 0, 9)).listed, WHOLE.people)] == ["eve"]


def test_a_feed_is_found_by_its_token_alone_until_it_is_revoked(begin: Begin) -> None:
    one = Feed(feeds.hash_of("token-1"), "person:ada", "local", NOW)
    two = Feed(feeds.hash_of("token-2"), "schedule:line", "local", after(hours=1))
    with begin() as connection:
        assert all(feeds.add(connection, feed) for feed in (one, two, one))
    with begin() as connection:
        assert feeds.find(connection, "token-1") == one
        assert feeds.find(connection, "token-3") is None
        assert feeds.find(connection, one.token_hash) is None
        assert feeds.listed(connection) == [two, one]
        assert feeds.revoke(connection, one.id) == one
        assert feeds.revoke(connection, one.id) is None
        assert feeds.find(connection, "token-1") is None
        assert feeds.find(connection, "token-2") == two
