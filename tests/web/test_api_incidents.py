"""The API of incidents: what is listed, all of one, and what people say to it."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from ingestd.store.answers import AnswerAction
from ingestd.web.replies import BODY_BYTES_MAX

ACK = "/api/v1/incidents/INC-1001/ack"


async def get(client, auth, path):
    answer = await client.get(path, headers=auth("eyes"))
    assert answer.status == 200, await answer.text()
    assert answer.headers["Cache-Control"] == "no-store"
    return await answer.json()


async def test_a_list_has_one_line_per_incident(office, client, auth):
    office.fires()
    office.has_ticket()
    found = await get(client, auth, "/api/v1/incidents")
    assert found == {
        "incidents": [
            {
                "id": "INC-1001",
                "state": "triggered",
                "severity": "high",
                "title": office.incident().title,
                "team": "default",
                "rule": "disk-full",
                "opened_at": "2026-03-02T02:00:00.000Z",
                "firing_count": 1,
                "alert_count": 1,
                "acknowledged_by": "",
                "acknowledged_at": None,
                "resolved_at": None,
                "quiet": None,
                "is_test": False,
                "parent_id": None,
                "dedup_key": office.incident().dedup_key,
                "correlate_key": office.incident().correlate_key,
                "correlate_within_seconds": 1800,
                "last_alert_at": "2026-03-02T02:00:00.000Z",
                "ticket": {"label": "OPS-7", "url": "https://jira.example/browse/OPS-7"},
            }
        ]
    }


async def test_whoever_knows_what_an_alert_is_about_finds_what_it_would_join(office, client, auth):
    office.fires("DiskFull")
    office.fires("SiteDown", cluster="b")
    one = office.incident()

    async def ids(**keys):
        query = "&".join(f"{name}={quote(key, safe='')}" for name, key in keys.items())
        return [line["id"] for line in (await get(client, auth, f"/api/v1/incidents?{query}"))["incidents"]]

    assert await ids(dedup_key=one.dedup_key) == [one.id]
    assert await ids(correlate_key=one.correlate_key) == [one.id]
    assert await ids(dedup_key="another", correlate_key="another") == []


async def test_the_list_is_of_the_states_that_are_asked_for(office, client, auth):
    office.fires("DiskFull")
    office.fires("SiteDown")
    office.fires("Odd", cluster="b")
    office.answer(AnswerAction.RESOLVE)

    async def ids(query):
        return [line["id"] for line in (await get(client, auth, f"/api/v1/incidents{query}"))["incidents"]]

    everything = await ids("?state=all")
    assert len(everything) >= 2
    assert everything == sorted(everything, reverse=True), "the newest stands first"
    assert await ids("") == await ids("?state=open") == [name for name in everything if name != "INC-1001"]
    assert await ids("?state=resolved") == ["INC-1001"]
    assert await ids("?state=closed") == []
    assert await ids("?state=all&limit=1") == everything[:1]


@pytest.mark.parametrize("query", ["state=ope", "limit=0", "limit=501", "limit=-1", "limit=ten", "limit=9" + "9" * 30])
async def test_a_question_that_makes_no_sense_is_told_what_would(client, auth, query):
    answer = await client.get(f"/api/v1/incidents?{query}", headers=auth("eyes"))
    assert answer.status == 400
    assert "must be" in (await answer.json())["error"]


async def test_one_incident_is_told_whole(office, client, auth):
    office.fires(annotations={"summary": "Disk full on db1", "runbook_url": "https://wiki.example/disk"})
    office.has_ticket()
    found = await get(client, auth, "/api/v1/incidents/INC-1001")
    assert set(found) == {"incident", "alerts", "timeline", "deliveries", "deadlines", "tickets"}
    incident = found["incident"]
    assert incident["url"] == "https://alerts.example/incidents/INC-1001"
    assert (incident["impact"], incident["urgency"]) == ("medium", "high")
    escalation = incident["escalation"]
    assert (escalation["policy_name"], escalation["level"], escalation["loops_done"]) == ("default", 1, 0)
    assert escalation["steps"][0] == {
        "level": 1,
        "people": ["ada"],
        "words": ["ada"],
        "wait_seconds": 300,
        "repeat_count": 1,
    }
    assert (escalation["is_held"], escalation["is_exhausted"], escalation["paged"]) == (False, False, [])
    assert found["alerts"][0]["labels"] == {"alertname": "DiskFull", "host": "db1", "cluster": "a"}
    assert found["alerts"][0]["state"] == "firing"
    kinds = {(row["connector"], row["kind"], row["state"], row["person"]) for row in found["deliveries"]}
    assert kinds == {("tickets", "ticket-open", "waiting", None), ("sms", "page", "waiting", "ada")}
    assert found["deadlines"] == [{"kind": "escalate", "due_at": "2026-03-02T02:05:00.000Z"}]
    assert [line["seq"] for line in found["timeline"]] == sorted(line["seq"] for line in found["timeline"])
    assert set(found["timeline"][0]) == {"seq", "at", "kind", "reason", "text", "actor"}
    assert found["tickets"][0]["label"] == "OPS-7"


@pytest.mark.parametrize("name", ["inc-1001", "1001"])
async def test_an_incident_is_found_as_people_type_it(office, client, auth, name):
    office.fires()
    assert (await get(client, auth, f"/api/v1/incidents/{name}"))["incident"]["id"] == "INC-1001"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_incident_that_is_not_there_is_said_so(client, auth, method):
    path = "/api/v1/incidents/INC-9" + ("/ack" if method == "POST" else "")
    answer = await client.request(method, path, headers=auth("hands"))
    assert answer.status == 404
    assert await answer.json() == {
        "error": "there is no incident INC-9",
        "hint": "see: ingestd incident list --state all",
    }


async def test_the_first_answer_takes_effect_and_the_second_reads_who_was_first(office, client, auth):
    office.fires()
    first = await client.post(ACK, headers=auth("hands"), json={"by": "asha", "via": "cli"})
    assert await first.json() == {
        "incident": "INC-1001",
        "state": "acknowledged",
        "is_first": True,
        "text": "asha acknowledged INC-1001",
    }
    office.clock.advance(seconds=10)
    second = await client.post(ACK, headers=auth("root"))
    assert second.status == 200, "being second is no error"
    assert await second.json() == {
        "incident": "INC-1001",
        "state": "acknowledged",
        "is_first": False,
        "text": "asha was first: acknowledged INC-1001 10 s ago (02:00:00 UTC); nothing changed",
    }
    assert office.incident().acknowledged_by == "asha"


async def test_who_answers_is_the_tokens_name_unless_said_otherwise(office, client, auth):
    office.fires()
    await client.post(ACK, headers=auth("hands"))
    assert office.incident().acknowledged_by == "hands"
    assert office.count("ingestd_answers_total", action="acknowledge", via="api") == 1


async def test_a_resolve_ends_it_and_a_late_answer_hears_that(office, client, auth):
    office.fires()
    path = "/api/v1/incidents/INC-1001/resolve"
    assert (await (await client.post(path, headers=auth("hands"), json={"by": "bo"})).json())["is_first"] is True
    office.clock.advance(minutes=3)
    late = await (await client.post(ACK, headers=auth("hands"), json={"by": "cy"})).json()
    assert late["is_first"] is False
    assert late["text"] == "INC-1001 is resolved: resolved by bo, 3 min ago (02:00:00 UTC); nothing changed"


async def test_a_note_stands_on_the_timeline_word_for_word_but_harmless(office, client, auth):
    office.fires()
    path = "/api/v1/incidents/INC-1001/note"
    text = "checked the \x1b[31mdisk\x00\n second line <b>"
    told = await (await client.post(path, headers=auth("hands"), json={"text": text, "by": "bo"})).json()
    assert (told["is_first"], told["state"]) == (True, "triggered")
    timeline = (await get(client, auth, "/api/v1/incidents/INC-1001"))["timeline"]
    assert (timeline[-1]["kind"], timeline[-1]["actor"]) == ("note", "bo")
    assert timeline[-1]["text"] == "note by bo: checked the [31mdisk\n second line <b>"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b"1",
        b"\xff",
        b'{"by": ""}',
        b'{"by": 7}',
        b'{"via": "link"}',
        b"[" * 50_000,
    ],
)
async def test_a_body_that_cannot_be_meant_changes_nothing(office, client, auth, body):
    office.fires()
    before = office.everything()
    answer = await client.post(ACK, headers=auth("hands"), data=body)
    assert answer.status == 400
    assert json.loads(await answer.text())["error"]
    assert office.everything() == before


async def test_a_note_needs_a_text(office, client, auth):
    office.fires()
    answer = await client.post("/api/v1/incidents/INC-1001/note", headers=auth("hands"), json={"text": "  "})
    assert (answer.status, (await answer.json())["error"]) == (400, '"text" must be a text that is not empty')


async def test_a_body_is_bounded_and_plain(office, client, auth):
    office.fires()
    large = await client.post(ACK, headers=auth("hands"), data=b" " * (BODY_BYTES_MAX + 1))
    assert large.status == 413
    coded = await client.post(ACK, headers={**auth("hands"), "Content-Encoding": "gzip"}, data=b"x")
    assert coded.status == 415


async def test_a_failure_of_our_own_tells_nothing_of_our_insides(office, open_door, auth):
    office.fires()

    def explode():
        raise RuntimeError("secret inside /etc/passwd")

    client = await open_door(office.desk(policy=explode))
    answer = await client.post(ACK, headers=auth("hands"))
    assert answer.status == 500
    assert "secret inside" not in await answer.text()


async def said(client, auth, verb, **body):
    answer = await client.post(f"/api/v1/incidents/INC-1001/{verb}", headers=auth("hands"), json={"by": "ada", **body})
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_escalated_the_answer_says_who_is_paged_now(office, client, auth):
    office.fires()
    told = await said(client, auth, "escalate", text="needs a DBA")
    assert (told["is_first"], told["text"]) == (True, "ada escalated INC-1001: paging bo")
    timeline = (await get(client, auth, "/api/v1/incidents/INC-1001"))["timeline"]
    assert "escalated by ada (api): needs a DBA" in [line["text"] for line in timeline]


@pytest.mark.parametrize(("to", "shown"), [("L3", "L3"), ("cy", "cy"), ("person:cy", "cy")])
async def test_handed_over_the_answer_says_to_whom(office, client, auth, to, shown):
    office.fires()
    told = await said(client, auth, "handover", to=to)
    assert told["text"] == f"ada handed INC-1001 over to {shown}: paging cy"


async def test_assigned_twice_the_second_changes_nothing(office, client, auth):
    office.fires()
    assert (await said(client, auth, "assign", to="bo"))["text"] == "bo is in charge of INC-1001"
    again = await said(client, auth, "assign", to="bo")
    assert (again["is_first"], again["text"]) == (False, "bo is in charge of INC-1001 already; nothing changed")
    assert office.incident().assignee == "bo"


async def test_an_acknowledgement_is_taken_back_once(office, client, auth):
    office.fires()
    await said(client, auth, "ack")
    assert (await said(client, auth, "unack"))[
        "text"
    ] == "ada took the acknowledgement of INC-1001 back: paging begins anew"
    again = await said(client, auth, "unack")
    assert (again["is_first"], again["text"]) == (False, "nobody has acknowledged INC-1001; nothing changed")
    assert office.incident().state.value == "triggered"


@pytest.mark.parametrize(
    ("verb", "to", "error", "hint"),
    [
        ("assign", "boo", "there is no person 'boo'", 'did you mean "bo"?'),
        (
            "handover",
            "schedule:nights",
            "there is nobody called 'schedule:nights' to hand over to",
            "known: L2, L3, ada, bo, cy",
        ),
        ("handover", "assignee", "there is nobody called 'assignee' to hand over to", "known: L2, L3, ada, bo, cy"),
    ],
)
async def test_a_receiver_who_is_not_there_is_refused_with_who_is(office, client, auth, verb, to, error, hint):
    office.fires()
    before = office.everything()
    answer = await client.post(f"/api/v1/incidents/INC-1001/{verb}", headers=auth("hands"), json={"to": to})
    assert (answer.status, await answer.json()) == (400, {"error": error, "hint": hint})
    assert office.everything() == before


async def test_a_level_that_the_escalation_does_not_have_is_refused_and_it_goes_on_as_it_was(office, client, auth):
    office.fires()
    before = office.everything()
    answer = await client.post("/api/v1/incidents/INC-1001/handover", headers=auth("hands"), json={"to": "L9"})
    said = {"error": "there is no level L9 in policy “default”", "hint": "its levels: L1, L2, L3"}
    assert (answer.status, await answer.json()) == (400, said)
    assert office.everything() == before


@pytest.mark.parametrize("verb", ["escalate", "handover", "assign", "unack"])
async def test_who_may_only_look_may_not_answer(office, client, auth, verb):
    office.fires()
    answer = await client.post(f"/api/v1/incidents/INC-1001/{verb}", headers=auth("eyes"), json={"to": "bo"})
    assert answer.status == 403
