"""The API of on-call: who it is, until when; overrides and swaps made, seen and ended; everything that is wrong is told at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from ingestd.core.names import Channel, PersonName
from ingestd.core.policy import EscalationPolicy, Person, Step
from ingestd.core.rota import Layer, Override, Schedule, Turn, TurnUnit
from ingestd.core.windows import OneOff
from ingestd.store import overrides, roster
from ingestd.store.schema import contacts
from ingestd.web.access import LOCAL_NAME
from ingestd.web.desk import Access
from tests.web.conftest import START

PATH = "/api/v1/oncall"
BERLIN = ZoneInfo("Europe/Berlin")
ADA, BO, CY = PersonName("ada"), PersonName("bo"), PersonName("cy")
MONDAY = START.replace(tzinfo=None, hour=9) - timedelta(days=7)
"""Ada's first week; it is Monday, 2 March 2026, 03:00 in Berlin, in its last hours."""
GOOD = {"schedule": "first-line", "person": "cy", "duration": "4h", "why": "doctor"}


def schedule(name="first-line", *fixed):
    return Schedule(name, BERLIN, (Layer("weeks", (ADA, BO, CY), MONDAY, Turn(1, TurnUnit.WEEK)),), fixed)


@pytest.fixture(autouse=True)
def _schedules(office):
    office.policy = replace(office.policy, schedules={"first-line": schedule(), "second-line": schedule("second-line")})


@pytest.fixture
def ask(client, auth):
    async def send(method, path, body=None, name="hands", status=200, **query):
        answer = await client.request(method, PATH + path, json=body, headers=auth(name), params=query)
        said = await answer.json()
        assert answer.status == status, said
        return said

    return send


async def test_who_is_on_call_until_when_and_who_is_next(ask):
    said = await ask("GET", "", schedule="first-line", name="eyes")
    assert said["oncall"] == [
        {
            "schedule": "first-line",
            "zone": "Europe/Berlin",
            "at": "2026-03-02T02:00:00.000Z",
            "person": "ada",
            "person_name": "Ada",
            "until": "2026-03-02T08:00:00.000Z",
            "next": "bo",
            "next_name": "Bo",
            "override": None,
        }
    ]


async def test_an_override_is_made_in_the_name_of_the_tokens_owner_logged_and_in_force_at_once(ask, office):
    with capture_logs() as lines:
        made = await ask("POST", "/overrides", GOOD, status=201)
    assert made["override"] == {
        "id": "OVR-1",
        "state": "active",
        "schedule": "first-line",
        "zone": "Europe/Berlin",
        "person": "cy",
        "starts_at": "2026-03-02T02:00:00.000Z",
        "ends_at": "2026-03-02T06:00:00.000Z",
        "why": "doctor",
        "author": "hands",
        "created_at": "2026-03-02T02:00:00.000Z",
        "ended_by": "",
    }
    assert made["text"] == (
        "cy is on call on “first-line” from Mon 2026-03-02 03:00 CET until Mon 2026-03-02 07:00 CET (OVR-1)"
    )
    assert [(line["event"], line["person"], line["by"], line["why"]) for line in lines if "by" in line] == [
        ("override_made", "cy", "hands", "doctor")
    ]
    assert office.nudge_count == 1
    first, second = (await ask("GET", ""))["oncall"]
    assert (first["person"], first["until"], first["next"]) == ("cy", "2026-03-02T06:00:00.000Z", "ada")
    assert first["override"] == "doctor, by hands"
    assert second["person"] == "ada"


async def test_it_stands_in_the_shifts_and_in_the_list(ask):
    await ask("POST", "/overrides", {**GOOD, "starts_at": "2026-03-02T03:00:00Z", "duration": "1h"}, status=201)
    shifts = (await ask("GET", "/shifts", schedule="first-line", to="2026-03-02T12:00:00Z"))["shifts"]
    assert [(one["person"], one["to"][11:16], one["override"]) for one in shifts] == [
        ("ada", "03:00", None),
        ("cy", "04:00", "doctor, by hands"),
        ("ada", "08:00", None),
        ("bo", "12:00", None),
    ]
    assert [one["id"] for one in (await ask("GET", "/overrides"))["overrides"]] == ["OVR-1"]
    assert (await ask("GET", "/overrides", schedule="second-line"))["overrides"] == []


async def test_everything_that_is_wrong_is_told_at_once_with_what_was_meant(ask, office):
    body = {"schedule": "first-lin", "person": "boo", "until": "x", "starts_at": "soon", "author": "ada"}
    said = await ask("POST", "/overrides", body, status=400)
    assert {one["field"]: (one["text"], one["hint"]) for one in said["problems"]} == {
        "until": (
            "there is no such field",
            "known: author, duration, ends_at, person, schedule, starts_at, why",
        ),
        "author": (
            "nobody can make an override in another's name",
            'the author is the token\'s owner, "hands": leave it out',
        ),
        "starts_at": ("this is not an instant", "write 2026-03-29T03:30:00Z, with Z or an offset"),
        "ends_at": ("an override needs an end", 'send "ends_at", or "duration": "4h"'),
        "schedule": ("there is no schedule “first-lin”", 'did you mean "first-line"?'),
        "person": ("there is nobody called “boo”", 'did you mean "bo"?'),
    }
    assert office.database.read_now(overrides.current_count, office.clock.at) == 0
    assert office.nudge_count == 0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"duration": None, "ends_at": "2026-03-02T01:00:00Z"}, "ends_at: it would have ended already"),
        ({"duration": "91d"}, "ends_at: an override made at run time lasts at most 90 days"),
        ({"starts_at": "2027-05-01T00:00:00Z"}, "starts_at: it would begin in more than 366 days"),
        ({"why": "x" * 501}, "why: the reason has 501 characters (at most 500)"),
        ({"person": 7}, "person: this must be a text"),
        ({"schedule": None}, "schedule: this is needed"),
        ({"duration": "soon"}, "ends_at: "),
    ],
)
async def test_what_cannot_be_is_refused(ask, changes, text):
    body = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    said = await ask("POST", "/overrides", body, status=400)
    assert said["error"].startswith(text)


async def test_somebody_on_this_machine_without_a_token_may_say_who_they_are(client, office):
    office.access = Access(loopback_without_token=True)
    named = await (await client.post(PATH + "/overrides", json={**GOOD, "author": "ben"})).json()
    nameless = await (await client.post(PATH + "/overrides", json=GOOD)).json()
    assert [one["override"]["author"] for one in (named, nameless)] == ["ben", LOCAL_NAME]


async def test_an_override_of_the_configuration_wins_and_the_answer_says_so(ask, office):
    fixed = Override(BO, START + timedelta(hours=1), START + timedelta(hours=2))
    office.policy = replace(office.policy, schedules={"first-line": schedule("first-line", fixed)})
    made = await ask("POST", "/overrides", GOOD, status=201)
    assert made["text"].endswith(
        "(OVR-1); but an override of the configuration wins: bo from Mon 2026-03-02 04:00 CET until Mon 2026-03-02 05:00 CET"
    )


async def test_a_swap_says_exactly_what_was_swapped(ask):
    made = await ask("POST", "/swaps", {"schedule": "first-line", "one": "ada", "other": "cy"}, status=201)
    assert made["text"] == (
        "cy takes the shift of ada on “first-line” from Mon 2026-03-02 03:00 CET until Mon 2026-03-02 09:00 CET (OVR-1); "
        "ada takes the shift of cy on “first-line” from Mon 2026-03-09 09:00 CET until Mon 2026-03-16 09:00 CET (OVR-2)"
    )
    assert [(one["person"], one["why"]) for one in made["overrides"]] == [
        ("cy", "swap with ada"),
        ("ada", "swap with cy"),
    ]


async def test_a_swap_of_nobody_known_or_with_oneself_is_refused(ask, office):
    said = await ask("POST", "/swaps", {"schedule": "first-line", "one": "ada", "other": "dora"}, status=400)
    assert said["error"] == "other: there is nobody called “dora”"
    said = await ask("POST", "/swaps", {"schedule": "first-line", "one": "ada", "other": "ada"}, status=400)
    assert said["error"] == "other: ada cannot swap with themselves"
    assert office.nudge_count == 0


async def test_the_address_of_a_last_resort_takes_no_shift(ask, office):
    noc = PersonName("noc@example.com")
    resort = Person(noc, noc, ((Channel.EMAIL, noc),), is_address=True)
    office.policy = replace(office.policy, people={**office.policy.people, noc: resort})
    said = await ask("POST", "/overrides", {**GOOD, "person": noc}, status=400)
    assert said["error"] == f"person: there is nobody called “{noc}”"
    assert noc not in said["hint"]
    said = await ask("POST", "/swaps", {"schedule": "first-line", "one": "ada", "other": noc}, status=400)
    assert said["error"] == f"other: there is nobody called “{noc}”"
    assert office.nudge_count == 0


async def test_an_override_that_is_ended_says_who_has_it_now_and_a_second_time_changes_nothing(ask, office):
    await ask("POST", "/overrides", GOOD, status=201)
    office.clock.advance(minutes=30)
    with capture_logs() as lines:
        first = await ask("DELETE", "/overrides/1")
    assert (first["is_first"], first["text"]) == (True, "OVR-1 has ended; on “first-line” ada is on call now")
    assert [(line["event"], line["by"]) for line in lines if "by" in line] == [("override_ended", "hands")]
    office.clock.advance(minutes=30)
    again = await ask("DELETE", "/overrides/ovr-1")
    assert (again["is_first"], again["override"]["ended_by"]) == (False, "hands")
    assert again["text"] == "OVR-1 was over already, 30 min ago (02:30:00 UTC); nothing changed"
    missing = await ask("DELETE", "/overrides/7", status=404)
    assert missing["error"] == "there is no override OVR-7"
    assert [one["id"] for one in (await ask("GET", "/overrides", state="ended"))["overrides"]] == ["OVR-1"]


async def test_viewers_look_and_change_nothing(ask, office):
    for method, path, body in (
        ("POST", "/overrides", GOOD),
        ("POST", "/swaps", {"schedule": "first-line", "one": "ada", "other": "bo"}),
        ("DELETE", "/overrides/1", None),
    ):
        await ask(method, path, body, name="eyes", status=403)
    assert (await ask("GET", "/overrides", name="eyes"))["overrides"] == []


async def test_gaps_know_of_overrides_of_dead_contacts_of_whom_nothing_has_reached_and_of_who_is_away(ask, office):
    people = dict(office.policy.people)
    people[CY] = replace(people[CY], away=(OneOff(START + timedelta(hours=1), START + timedelta(hours=3)),))
    office.policy = replace(office.policy, people=people)
    await ask("POST", "/overrides", GOOD, status=201)
    phone = people[ADA].address_of(Channel.SMS)
    rows = [
        {"person": ADA, "channel": Channel.SMS, "address": phone, "dead_since": START, "reached_at": None},
        {
            "person": ADA,
            "channel": Channel.EMAIL,
            "address": "ada@example.com",
            "dead_since": None,
            "reached_at": START,
        },
    ]

    def known(connection):
        for row in rows:
            connection.execute(contacts.insert().values(**row, reason="STOP", is_told=True))
        roster.raise_revision(connection)

    office.database.run_now(known)
    said = await ask("GET", "/gaps", schedule="first-line", to="2026-03-02T08:00:00Z")
    assert [(one["kind"], one["person"], one["from"][11:16], one["to"][11:16]) for one in said["gaps"]] == [
        ("never-reached", "cy", "02:00", "06:00"),
        ("away", "cy", "03:00", "05:00"),
        ("dead-contact", "ada", "06:00", "08:00"),
    ]
    assert said["gaps"][2]["text"] == "ada is on call and cannot be reached by sms any more"


async def test_a_gap_of_a_policy_is_told_on_the_clock_of_the_first_schedule_that_it_pages(ask, office):
    steps = tuple(Step((PersonName(word),), 300) for word in ("ada", "schedule:first-line"))
    office.policy = replace(office.policy, escalations={"nights": EscalationPolicy("nights", steps)})
    said = await ask("GET", "/gaps")
    zones = {one["kind"]: one["zone"] for one in said["gaps"] if one["name"] == "nights"}
    assert zones == {"two-levels": "Europe/Berlin"}


async def test_a_schedule_that_is_not_there_is_told_with_the_one_that_is(ask):
    said = await ask("GET", "/shifts", schedule="frist-line", status=404)
    assert (said["error"], said["hint"]) == ("there is no schedule “frist-line”", 'did you mean "first-line"?')
    await ask("GET", "", schedule="nope", status=404)
    await ask("GET", "/gaps", schedule="nope", status=404)
    await ask("GET", "", at="yesterday", status=400)
    await ask("GET", "/shifts", schedule="first-line", to="2028-01-01T00:00:00Z", status=400)


async def test_explain_says_who_of_a_schedule_is_paged_next_as_it_can_be_foreseen(ask, office, client, auth):
    """The second step is due in five minutes; cy has taken over by then."""
    steps = tuple(Step((PersonName(word),), 300) for word in ("bo", "schedule:first-line"))
    office.policy = replace(office.policy, escalations={"default": EscalationPolicy("default", steps)})
    await ask("POST", "/overrides", {**GOOD, "starts_at": "2026-03-02T02:04:00Z"}, status=201)
    office.fires()
    answer = await client.get("/api/v1/explain", params={"about": "INC-1001"}, headers=auth("eyes"))
    told = (await answer.json())["incident"]["escalation"]["steps"]
    assert [step["words"] for step in told] == [["bo"], ["whoever is on call on “first-line” (cy)"]]
