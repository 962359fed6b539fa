"""Shifts under a secret address: whoever knows it reads them, nobody else learns anything, and nothing is changed by it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from ingestd.core.names import PersonName
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit
from ingestd.core.taking_over import WantedOverride
from ingestd.store import feeds, overrides
from tests.web.conftest import EXTERNAL_URL, START

PATH = "/api/v1/oncall/feeds"
ADA, BO, CY = (PersonName(name) for name in ("ada", "bo", "cy"))
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def schedules(office):
    """Three take weekly turns on one schedule, two on another; cy has the first one's last day."""
    monday = START.replace(tzinfo=None, day=2, hour=9) - timedelta(weeks=20)
    first = Layer("weeks", (ADA, BO, CY), monday, Turn(1, TurnUnit.WEEK))
    second = Layer("days", (BO, CY), monday, Turn(1, TurnUnit.DAY))
    day = Override(CY, START, START + timedelta(days=1))
    office.policy = replace(
        office.policy,
        schedules={"first": Schedule("first", BERLIN, (first,), (day,)), "second": Schedule("second", UTC, (second,))},
    )


@pytest.fixture
def ask(client, auth):
    async def send(method, path, body=None, name="hands", status=200):
        answer = await client.request(method, path, json=body, headers=auth(name))
        said = await answer.json()
        assert answer.status == status, said
        return said

    return send


@pytest.fixture
def subscribe(ask):
    """``await subscribe("person:ada")``: the path of a new feed."""

    async def make(subject):
        made = await ask("POST", PATH, {"subject": subject}, status=201)
        assert made["feed"]["subject"] == subject
        assert re.fullmatch(EXTERNAL_URL + r"/calendars/[A-Za-z0-9_-]{12}\.ics", made["url"])
        return made["url"].removeprefix(EXTERNAL_URL)

    return make


async def shown(client, path):
    answer = await client.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    return Calendar.from_ical(await answer.read())


async def test_a_person_gets_their_shifts_on_all_schedules_with_what_was_changed_at_run_time(client, office, subscribe):
    path = await subscribe("person:ada")
    before = await shown(client, path)
    titles = {str(event["SUMMARY"]) for event in before.walk("VEVENT")}
    assert titles == {"On call: first"}
    assert before["X-WR-TIMEZONE"] == "UTC"
    wanted = WantedOverride("second", ADA, START + timedelta(days=3), START + timedelta(days=4), "doctor", "bo")
    assert office.database.run_now(overrides.add, wanted, START) is not None
    added = [event for event in (await shown(client, path)).walk("VEVENT") if str(event["SUMMARY"]) != "On call: first"]
    assert [(str(one["SUMMARY"]), one["DTSTART"].dt, one["DTEND"].dt) for one in added] == [
        ("On call: second", START + timedelta(days=3), START + timedelta(days=4))
    ]
    kept = {str(event["UID"]) for event in before.walk("VEVENT")}
    assert kept <= {str(event["UID"]) for event in (await shown(client, path)).walk("VEVENT")}


async def test_a_schedule_shows_everybody_from_last_month_to_a_year_ahead(client, subscribe):
    found = await shown(client, await subscribe("schedule:first"))
    events = found.walk("VEVENT")
    assert {str(event["SUMMARY"]) for event in events} == {"ada", "bo", "cy"}
    assert found["X-WR-TIMEZONE"] == "Europe/Berlin"
    assert min(event["DTSTART"].dt for event in events).date().isoformat() == "2026-02-01"
    assert max(event["DTEND"].dt for event in events).date().isoformat() == "2027-04-01"


async def test_of_hourly_shifts_the_first_thousands_are_shown(client, office, subscribe):
    hours = Layer("hours", (ADA, BO), START.replace(tzinfo=None, year=2025), Turn(1, TurnUnit.HOUR))
    office.policy = replace(office.policy, schedules={"first": Schedule("first", UTC, (hours,))})
    for subject in ("person:ada", "schedule:first"):
        assert (await (await client.get(await subscribe(subject))).text()).count("BEGIN:VEVENT") == 3000


async def test_an_unchanged_calendar_is_not_sent_again_and_is_the_same_all_month(client, office, subscribe):
    path = await subscribe("schedule:first")
    answer = await client.get(path)
    tag = answer.headers["ETag"]
    assert answer.headers["Cache-Control"] == "private, max-age=300"
    office.clock.advance(days=29)
    for sent in (tag, f"W/{tag}", f'"other", {tag}'):
        again = await client.get(path, headers={"If-None-Match": sent})
        assert (again.status, await again.read()) == (304, b"")
    office.clock.advance(days=2)
    assert (await client.get(path, headers={"If-None-Match": tag})).status == 200


async def test_a_wrong_address_is_answered_alike_whatever_is_wrong_with_it(client, office, ask, subscribe):
    revoked = await subscribe("person:ada")
    (feed,) = (await ask("GET", PATH))["feeds"]
    gone = await subscribe("person:cy")
    await ask("DELETE", f"{PATH}/{feed['id']}")
    office.policy = replace(
        office.policy, people={name: one for name, one in office.policy.people.items() if name != "cy"}
    )
    answers = set()
    for path in ("/calendars/a.ics", "/calendars/%00.ics", f"/calendars/{'x' * 500}.ics", revoked, gone):
        answer = await client.get(path)
        headers = {name: value for name, value in answer.headers.items() if name != "Date"}
        answers.add((answer.status, await answer.read(), tuple(sorted(headers.items()))))
    assert len(answers) == 1
    assert answers.pop()[:2] == (404, b"there is no such calendar\n")
    assert office.count("ingestd_api_refused_total", reason="feed_unknown") == 5


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_an_address_takes_only_reading(client, subscribe, method):
    answer = await client.request(method, await subscribe("person:ada"))
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET,HEAD"


async def test_reading_changes_nothing(client, office, subscribe):
    path = await subscribe("schedule:first")
    before, written = office.everything(), office.database.written_count
    for _ in range(5):
        await client.get(path)
        head = await client.head(path)
        assert (head.status, await head.read()) == (200, b"")
    assert (office.everything(), office.database.written_count) == (before, written)


async def test_only_a_hash_is_kept_and_lists_show_no_address(client, office, ask, subscribe):
    path = await subscribe("person:ada")
    token = path.removeprefix("/calendars/").removesuffix(".ics")
    assert token not in repr(office.everything())
    (listed,) = (await ask("GET", PATH, name="eyes"))["feeds"]
    assert token not in repr(listed)
    assert listed == {
        "id": feeds.hash_of(token)[:12],
        "subject": "person:ada",
        "author": "hands",
        "created_at": "2026-03-02T02:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("subject", "status", "error", "hint"),
    [
        ("person:bob", 404, 'there is no person "bob"', 'did you mean "bo"?'),
        ("schedule:frist", 404, 'there is no schedule "frist"', 'did you mean "first"?'),
        ("ada", 400, '"ada" is neither a person nor a schedule', "write person:asha or schedule:first-line"),
    ],
)
async def test_a_feed_of_nobody_is_refused(ask, subject, status, error, hint):
    said = await ask("POST", PATH, {"subject": subject}, status=status)
    assert (said["error"], said["hint"]) == (error, hint)


async def test_viewers_make_and_revoke_none(ask, subscribe):
    await ask("POST", PATH, {"subject": "person:ada"}, name="eyes", status=403)
    await subscribe("person:ada")
    (feed,) = (await ask("GET", PATH))["feeds"]
    await ask("DELETE", f"{PATH}/{feed['id']}", name="eyes", status=403)
    await ask("DELETE", f"{PATH}/000000000000", status=404)
