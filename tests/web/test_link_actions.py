"""What else the page behind a link can do: each button once, for this one incident, in the name of whom the link was sent to."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from ingestd.core.names import EffectKind, IncidentState
from ingestd.core.policy import Step, Team
from ingestd.store.answers import AnswerAction
from ingestd.testing.world import policy

TOKEN = "tok_ada_1234"


async def position_on(client, path):
    return re.search(r'name="position" value="([^"]+)"', await (await client.get(path)).text())[1]


async def press(client, path, parse_page, **fields):
    answer = await client.post(path, data=fields)
    return answer.status, parse_page(await answer.text()).text


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_thousand_looks_change_nothing(office, client, method):
    office.fires()
    path = office.link()
    before = office.everything()
    for _ in range(1000):
        await (await client.request(method, path)).read()
    assert office.everything() == before
    assert office.database.written_count == 0


async def test_escalating_pages_the_next_level_with_the_reason(office, client, parse_page):
    office.fires()
    path = office.link()
    at = await position_on(client, path)
    status, text = await press(client, path, parse_page, action="escalate", text="I am on a train", position=at)
    assert status == 200
    assert "Escalated" in text
    assert "Paging bo." in text
    pages = [row for row in office.deliveries() if row.kind is EffectKind.PAGE and row.person == "bo"]
    assert [row.level for row in pages] == [2]
    assert "I am on a train" in pages[0].reason


async def test_pressing_escalate_twice_moves_on_once(office, client, parse_page):
    office.fires()
    path = office.link()
    at = await position_on(client, path)
    await press(client, path, parse_page, action="escalate", text="help", position=at)
    before = office.everything()
    status, text = await press(client, path, parse_page, action="escalate", text="help", position=at)
    assert status == 200
    assert "It had moved on already" in text
    assert office.everything() == before


async def test_a_note_stands_on_the_timeline_also_after_the_end(office, client, parse_page):
    office.fires()
    path = office.link()
    office.answer(AnswerAction.RESOLVE, by="bo")
    status, text = await press(client, path, parse_page, action="note", text="it was\nthe certificate")
    assert (status, "Noted" in text) == (200, True)
    assert any("note by ada: it was" in line.text for line in office.lines())


@pytest.mark.parametrize("action", ["note", "escalate"])
@pytest.mark.parametrize("text", ["", "   ", "\x00\u202e"])
async def test_what_needs_words_says_so_without_them(office, client, parse_page, action, text):
    office.fires()
    path = office.link()
    before = office.everything()
    status, told = await press(client, path, parse_page, action=action, text=text)
    assert (status, "needs a few words" in told) == (400, True)
    assert office.everything() == before


async def test_resolving_ends_it_once(office, client, parse_page):
    office.fires()
    path = office.link()
    status, text = await press(client, path, parse_page, action="resolve")
    assert (status, "Resolved It is over: resolved by Ada" in text) == (200, True)
    before = office.everything()
    status, text = await press(client, path, parse_page, action="resolve")
    assert (status, "Nothing to do: it is over" in text) == (200, True)
    assert office.everything() == before


async def test_an_acknowledgement_can_be_taken_back_once_by_whoever_gave_it(office, client, parse_page):
    office.fires()
    path = office.link()
    await client.post(path)
    assert "I do not have it" in await (await client.get(path)).text()
    assert "I do not have it" not in await (await client.get(office.link("bo", "tok_bo_12345"))).text()
    status, text = await press(client, path, parse_page, action="unacknowledge")
    assert (status, "Taken back: paging begins anew" in text) == (200, True)
    assert office.incident().state is IncidentState.TRIGGERED
    before = office.everything()
    status, text = await press(client, path, parse_page, action="unacknowledge")
    assert (status, "Nobody had acknowledged it" in text) == (200, True)
    assert office.everything() == before


@pytest.mark.parametrize("action", ["assign", "hand-over", "close", "drop table"])
async def test_a_link_can_do_nothing_else(office, client, parse_page, action):
    office.fires()
    path = office.link()
    before = office.everything()
    status, _ = await press(client, path, parse_page, action=action, text="x", to="bo")
    assert status == 400
    assert office.everything() == before


async def test_a_link_reaches_no_other_incident(office, client, parse_page):
    office.fires()
    path = office.link()
    office.clock.advance(hours=2)
    office.fires(name="Other", host="db9")
    text = parse_page(await (await client.get(path)).text()).text
    assert "INC-1002" not in text
    await press(client, path, parse_page, action="resolve", id="INC-1002", incident="INC-1002")
    states = {row[0]: row for row in office.everything()["incidents"]}
    assert "resolved" in str(states["INC-1001"])
    assert "resolved" not in str(states["INC-1002"][2])


async def test_a_form_of_a_megabyte_is_refused(office, client):
    office.fires()
    path = office.link()
    before = office.everything()
    answer = await client.post(path, data=io.BytesIO(b"action=note&text=" + b"x" * 2_000_000))
    assert answer.status == 413
    assert office.everything() == before


@pytest.mark.parametrize("body", [b"\xff\xfe=%zz", b"&&&&=&=", b"a=1&" * 5000, b"action=ack%00nowledge"])
async def test_strange_forms_are_answered(office, client, body):
    office.fires()
    answer = await client.post(office.link(), data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert answer.status in {200, 400}


async def test_a_drill_is_marked_in_big_letters(office, client, parse_page):
    office.fires()
    incident = office.incident()
    office.change(conduct=replace(incident.conduct, is_test=True))
    text = parse_page(await (await client.get(office.link())).text()).text
    assert "TEST A drill: nothing is wrong." in text


async def test_the_meeting_of_the_team_stands_on_the_page(office, client, parse_page):
    base = policy(steps=[Step(("ada",), 300)])
    office.policy = replace(base, teams={"default": Team("default", bridges={None: "https://meet.example/room"})})
    office.fires()
    page = parse_page(await (await client.get(office.link())).text())
    assert "Join the meeting" in page.text
    assert "https://meet.example/room" in [attrs["href"] for attrs in page.named("a")]


async def test_the_first_page_lists_what_is_open_the_worst_first(office, client, parse_page, auth):
    assert (await client.get("/")).status == 401
    office.fires()
    office.fires(name="InstanceDown", host="db7")
    office.answer(AnswerAction.ACKNOWLEDGE, by="ada")
    page = parse_page(await (await client.get("/", headers=auth("eyes"))).text())
    links = [attrs["href"] for attrs in page.named("a") if attrs["href"]]
    assert set(links) == {"/incidents/INC-1001", "/incidents/INC-1002"}
    assert "Ada acknowledged it just now" in page.text
    assert "On call now" in page.text
    assert (await client.post("/", headers=auth("root"))).status == 405


async def test_the_first_page_says_so_when_nothing_is_open(client, parse_page, auth):
    text = parse_page(await (await client.get("/", headers=auth("eyes"))).text()).text
    assert "Nothing is open." in text
