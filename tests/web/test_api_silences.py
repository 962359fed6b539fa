"""The API of silences and of alerts that are kept back: made with every fault told at once, seen, ended."""

from __future__ import annotations

import pytest

from ingestd.core.silencing import MATCHERS_CHARS_MAX
from ingestd.core.watch import Release
from ingestd.store import silences
from ingestd.web.access import LOCAL_NAME
from ingestd.web.desk import Access

PATH = "/api/v1/silences"
GOOD = {"matchers": ["alertname = DiskFull", "env != prod"], "comment": "new disks", "duration": "2h"}


@pytest.fixture
def ask(client, auth):
    async def send(method, path, body=None, name="hands", status=200):
        answer = await client.request(method, path, json=body, headers=auth(name))
        said = await answer.json()
        assert answer.status == status, said
        return said

    return send


@pytest.fixture
def add(ask):
    async def send(status=201, **changes):
        body = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
        return await ask("POST", PATH, body, status=status)

    return send


async def test_a_silence_is_made_in_the_name_of_the_tokens_owner(ask, add):
    made = await add()
    expected = {
        "id": "SIL-1",
        "state": "active",
        "matchers": GOOD["matchers"],
        "comment": "new disks",
        "author": "hands",
        "created_at": "2026-03-02T02:00:00.000Z",
        "starts_at": "2026-03-02T02:00:00.000Z",
        "ends_at": "2026-03-02T04:00:00.000Z",
    }
    assert made["silence"] == expected
    assert made["text"] == "SIL-1 holds from now until 2026-03-02 04:00 UTC; 0 alerts that fire now match it"
    assert (await ask("GET", PATH, name="eyes"))["silences"] == [expected]
    for written in ("SIL-1", "sil-1", "1"):
        assert (await ask("GET", f"{PATH}/{written}", name="eyes"))["silence"] == expected


async def test_who_may_only_look_makes_and_ends_none(office, ask, add):
    await add()
    before = office.everything()
    await ask("POST", PATH, GOOD, name="eyes", status=403)
    await ask("DELETE", f"{PATH}/SIL-1", name="eyes", status=403)
    assert office.everything() == before


async def test_nobody_makes_a_silence_in_anothers_name(add):
    refused = await add(400, author="somebody")
    assert refused["problems"][0]["field"] == "author"
    assert '"hands"' in refused["hint"]
    assert (await add(author="hands"))["silence"]["author"] == "hands"


async def test_who_is_on_this_machine_without_a_token_says_who_they_are(office, open_door):
    office.access = Access((), loopback_without_token=True)
    client = await open_door(office.desk())
    for given, author in (({"author": "asha"}, "asha"), ({}, LOCAL_NAME)):
        answer = await client.post(PATH, json={**GOOD, **given})
        assert (await answer.json())["silence"]["author"] == author


async def test_everything_that_is_wrong_is_told_at_once(office, add):
    before = office.everything()
    refused = await add(
        400, matchers=["alert.sumary = x", 'host =~ "(a"'], comment=" ", duration="1 hour", starts_at="noon", ends=1
    )
    by_field = {}
    for one in refused["problems"]:
        by_field.setdefault(one["field"], []).append(one)
    assert set(by_field) == {"ends", "matchers", "comment", "ends_at", "starts_at"}
    name, regex = by_field["matchers"]
    assert (name["matcher"], name["offset"], name["length"]) == ("alert.sumary = x", 0, len("alert.sumary"))
    assert name["hint"] == 'did you mean "alert.summary"?'
    assert (regex["matcher"], regex["offset"]) == ('host =~ "(a"', 9)
    assert by_field["ends"][0]["hint"].startswith("did you mean")
    assert "bad regular expression" in refused["error"]
    assert "a silence needs a comment" in refused["error"]
    assert office.everything() == before


@pytest.mark.parametrize(
    ("changes", "field", "part"),
    [
        ({"matchers": None}, "matchers", "as a list of texts"),
        ({"matchers": "alertname = X"}, "matchers", "as a list of texts"),
        ({"matchers": [1]}, "matchers", "as a list of texts"),
        ({"matchers": []}, "matchers", "silence every alert"),
        ({"matchers": ['host =~ ".*"']}, "matchers", "silence every alert"),
        ({"matchers": ["env != prod", 'team !~ "a|b"']}, "matchers", "silence every alert"),
        ({"matchers": ['alertname =~ ".+"']}, "matchers", "silence every alert"),
        ({"matchers": ["alert.status = firing", "alert.source != x"]}, "matchers", "silence every alert"),
        ({"matchers": [f"host = db{n}" for n in range(200)]}, "matchers", "200 matchers are too many"),
        ({"matchers": [f'host =~ "{"a" * 4097}"']}, "matchers", "4097 characters"),
        ({"matchers": ["host = " + "a" * MATCHERS_CHARS_MAX]}, "matchers", "characters together"),
        ({"matchers": ["host = a\x00b"]}, "matchers", "a character that no matcher may have"),
        ({"matchers": ["host = a\ud800b"]}, "matchers", "a character that no matcher may have"),
        ({"comment": None}, "comment", "needs a comment"),
        ({"comment": 7}, "comment", "must be a text"),
        ({"comment": "x" * 1001}, "comment", "at most 1000"),
        ({"duration": None}, "ends_at", "needs an end"),
        ({"ends_at": "2026-03-02T03:00:00Z"}, "ends_at", "not both"),
        ({"duration": "2"}, "ends_at", "not a duration"),
        ({"duration": 2}, "ends_at", "not a duration"),
        ({"duration": "0s"}, "ends_at", "ended already"),
        ({"duration": "91d"}, "ends_at", "at most 90 days"),
        ({"duration": "99999d99999h"}, "ends_at", "at most 90 days"),
        ({"duration": None, "ends_at": "2026-03-02T01:59:00Z"}, "ends_at", "ended already"),
        ({"duration": None, "ends_at": "2026-03-02T03:00:00"}, "ends_at", "not an instant"),
        ({"duration": None, "ends_at": "soon"}, "ends_at", "not an instant"),
        ({"starts_at": "2027-06-02T03:00:00Z"}, "starts_at", "more than 365 days"),
        (
            {"duration": None, "starts_at": "2026-03-02T05:00:00Z", "ends_at": "2026-03-02T04:00:00Z"},
            "ends_at",
            "end before it begins",
        ),
    ],
)
async def test_what_cannot_be_a_silence_is_refused(office, add, changes, field, part):
    before = office.everything()
    refused = await add(400, **changes)
    assert [one["field"] for one in refused["problems"]] == [field]
    assert part in refused["problems"][0]["text"]
    assert office.everything() == before


@pytest.mark.parametrize("matchers", [["alertname = X"], ['alertname =~ "[a-z]+"'], ["env != x", 'team =~ ".+"']])
async def test_what_leaves_some_alert_is_a_silence(add, matchers):
    assert (await add(matchers=matchers))["silence"]["matchers"] == matchers


async def test_a_silence_may_begin_later_and_lasts_from_there(add):
    made = await add(starts_at="2026-03-02T07:00:00+02:00", duration="90d")
    assert (made["silence"]["state"], made["silence"]["starts_at"]) == ("pending", "2026-03-02T05:00:00.000Z")
    assert made["silence"]["ends_at"] == "2026-05-31T05:00:00.000Z"


async def test_a_silence_tells_what_it_reaches_and_incidents_that_are_open_go_on(office, add):
    office.fires(host="db1")
    office.fires(host="db2")
    made = await add()
    incident = {"id": "INC-1001", "state": "triggered", "title": office.incident().title, "alert_count": 2}
    assert (made["reach"]["incidents"], made["reach"]["alert_count"]) == ([incident], 2)
    assert made["text"].endswith("2 alerts that fire now match it")
    assert office.incident().state == "triggered"


async def test_a_label_that_no_alert_has_is_guessed(office, add):
    office.fires(service="ledger")
    made = await add(matchers=["servce = ledger"])
    assert made["reach"]["unknown_labels"] == [{"name": "servce", "hint": 'did you mean "service"?'}]


async def test_what_is_kept_back_is_shown_with_the_silence_and_among_the_alerts(office, ask, add):
    await add()
    office.fires()
    shown = await ask("GET", f"{PATH}/SIL-1", name="eyes")
    (line,) = shown["held"]
    assert shown["held_count"] == shown["reach"]["held_count"] == 1
    assert (line["name"], line["labels"]["host"], line["rule"]) == ("DiskFull", "db1", "disk-full")
    assert (line["reason"], line["by"], line["text"]) == ("silenced", "SIL-1", "silence SIL-1")
    assert (line["since"], line["until"]) == ("2026-03-02T02:00:00.000Z", "2026-03-02T04:00:00.000Z")
    assert line["incident_id"] == ""
    assert (await ask("GET", "/api/v1/alerts?held=true", name="eyes"))["alerts"] == [line]
    await ask("GET", "/api/v1/alerts", name="eyes", status=400)


async def test_ending_a_silence_releases_what_it_kept_back_and_wakes_the_timekeeper(office, ask, add):
    await add()
    office.fires()
    office.clock.advance(minutes=5)
    office.decisions.clear()
    ended = await ask("DELETE", f"{PATH}/SIL-1")
    assert (ended["silence"]["state"], ended["is_first"], ended["released_count"]) == ("expired", True, 1)
    assert ended["text"] == "SIL-1 has ended; it kept back 1 alert, looked at now"
    (decision,) = office.decisions
    assert decision.has_dues
    assert decision.releases == (Release("SIL-1", office.clock.at),)
    assert (await ask("GET", "/api/v1/alerts?held=true"))["alerts"][0]["until"] == "2026-03-02T02:05:00.000Z"


async def test_ending_it_again_changes_nothing(office, ask, add):
    await add()
    await ask("DELETE", f"{PATH}/SIL-1")
    before = office.everything()
    office.clock.advance(minutes=1)
    again = await ask("DELETE", f"{PATH}/SIL-1")
    assert (again["is_first"], again["silence"]["ends_at"]) == (False, "2026-03-02T02:00:00.000Z")
    assert "was over already" in again["text"]
    assert office.everything() == before


async def test_what_is_not_there_is_said(ask):
    for method in ("GET", "DELETE"):
        refused = await ask(method, f"{PATH}/SIL-9", status=404)
        assert refused["error"] == "there is no silence SIL-9"


async def test_silences_are_found_by_state_and_by_their_own_matchers(office, ask, add):
    await add(matchers=["alertname = DiskFull", 'host =~ "db.*"'])
    await add(matchers=["service = ledger"], duration="10m")
    await add(matchers=["service = checkout"], starts_at="2026-03-03T00:00:00Z")
    office.clock.advance(minutes=10)

    async def ids(**query):
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return [one["id"] for one in (await ask("GET", f"{PATH}?{text}", name="eyes"))["silences"]]

    assert await ids() == ["SIL-3", "SIL-1"]
    assert await ids(state="expired") == ["SIL-2"]
    assert await ids(state="active") == ["SIL-1"]
    assert await ids(state="pending") == ["SIL-3"]
    assert await ids(state="all", limit=2) == ["SIL-3", "SIL-2"]
    assert await ids(state="all", match='{service=~".%2B"}') == ["SIL-3", "SIL-2"]
    assert await ids(state="all", match='{service="ledger"}', limit=1) == ["SIL-2"]
    assert await ids(state="all", match='host = "db.*",alertname = DiskFull') == ["SIL-1"]
    assert await ids(match="service != checkout") == ["SIL-1"]
    await ask("GET", f"{PATH}?state=over", status=400)
    refused = await ask("GET", f"{PATH}?match=alert.sumary=x", status=400)
    assert refused["hint"] == 'did you mean "alert.summary"?'


async def test_there_are_only_so_many_and_then_somebody_is_told(add, monkeypatch):
    monkeypatch.setattr(silences, "CURRENT_COUNT_MAX", 1)
    await add()
    refused = await add(409, comment="one more")
    assert "which is the most" in refused["error"]
