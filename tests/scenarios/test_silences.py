"""A silence over a night: nobody hears of what is news, everybody of what is still there when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingestd.core.effects import Decision
from ingestd.core.names import IncidentState
from ingestd.core.silencing import WantedSilence
from ingestd.core.watch import Release
from ingestd.store import silences

ADA = ("ada", "sms", "page")


@pytest.fixture
def hush(day):
    """``hush("alertname = X", hours=2)``: somebody makes a silence; gives its id."""

    def make(*matchers, **length):
        wanted = WantedSilence(matchers, "new disks", "ada", None, day.now() + timedelta(**length))
        made = day.database.run_now(silences.add, wanted, day.now())
        assert made is not None
        return made.id

    return make


@pytest.fixture
def expire(day):
    """Somebody ends a silence, and the timekeeper's bell is rung as the API rings it."""

    def end(silence_id):
        expired = day.database.run_now(silences.expire, silence_id, day.now())
        day.engine.wake.after_decision(Decision(releases=(Release(silence_id, day.now()),)))
        return expired

    return end


def test_what_still_fires_when_a_silence_ends_is_news_then(day, hush, nothing_else_arrives):
    hush("alertname = DiskFull", hours=2)
    day.fires()
    day.advance(minutes=119)
    assert (day.incidents(), day.pages(), day.tickets.kept) == ([], [], [])
    day.advance(minutes=1)
    assert day.pages() == [ADA]
    assert len(day.tickets.kept) == 1
    day.acknowledge("INC-1001")
    nothing_else_arrives(day)


def test_what_clears_in_the_meantime_is_never_heard_of(day, hush, nothing_else_arrives):
    hush("alertname = DiskFull", hours=2)
    day.fires()
    day.advance(minutes=30)
    day.clears()
    nothing_else_arrives(day)
    assert day.incidents() == []


def test_ending_a_silence_pages_at_once_and_not_when_somebody_happens_to_look(day, hush, expire):
    silence_id = hush("alertname = DiskFull", hours=2)
    day.fires()
    day.advance(minutes=10)
    assert expire(silence_id).released_count == 1
    day.advance(seconds=5)
    assert day.pages() == [ADA]


def test_an_incident_that_is_open_goes_on_and_its_end_is_heard(day, hush, nothing_else_arrives):
    day.fires()
    hush("alertname = DiskFull", hours=2)
    day.advance(minutes=6)
    assert [person for person, _, _ in day.pages()][:2] == ["ada", "bo"]
    day.acknowledge("INC-1001")
    day.clears()
    day.advance(minutes=5)
    assert day.incident().state is IncidentState.RESOLVED
    nothing_else_arrives(day)


def test_a_death_in_the_middle_of_a_silence_forgets_neither_it_nor_what_it_keeps_back(day, hush):
    hush("alertname = DiskFull", hours=1)
    day.fires()
    day.kill()
    day.advance(minutes=30)
    day.start()
    day.advance(minutes=1)
    assert day.pages() == []
    day.advance(minutes=30)
    assert day.pages() == [ADA]


def test_the_janitor_forgets_silences_three_months_after_their_end(day, hush):
    silence_id = hush("alertname = DiskFull", hours=1)
    for hours, is_kept in ((90 * 24, True), (2, False)):
        day.kill()
        day.advance(hours=hours)
        day.start()
        day.advance(seconds=1)
        assert (day.database.read_now(silences.load, silence_id) is not None) is is_kept
