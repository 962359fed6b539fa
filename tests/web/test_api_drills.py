"""A drill is ordered by the API: stored as an envelope, decided like one, and one at a time per policy."""

from __future__ import annotations

from ingestd.core.names import IncidentId
from ingestd.store import drills, incidents


async def test_a_drill_is_stored_and_decided_into_an_incident_that_says_test(office, client, auth):
    answer = await client.post("/api/v1/drills", json={"policy": "default", "by": "ada"}, headers=auth("hands"))
    assert answer.status == 202
    begun = await answer.json()
    shown = await (await client.get("/api/v1/drills", params={"id": begun["id"]}, headers=auth("eyes"))).json()
    assert (shown["drill"]["incident_id"], shown["drill"]["author"], shown["drill"]["ended_at"]) == ("", "ada", None)
    office.decide()
    shown = await (await client.get("/api/v1/drills", params={"id": begun["id"]}, headers=auth("eyes"))).json()
    assert shown["drill"]["incident_id"] == "INC-1001"
    case = await (await client.get("/api/v1/incidents/INC-1001", headers=auth("eyes"))).json()
    assert (case["incident"]["is_test"], case["incident"]["severity"], case["tickets"]) == (True, "critical", [])
    assert [(one["person"], one["kind"]) for one in case["deliveries"]] == [("ada", "page")]
    listed = await (await client.get("/api/v1/incidents", headers=auth("eyes"))).json()
    assert [one["is_test"] for one in listed["incidents"]] == [True]
    report = await (await client.get(f"/api/v1/envelopes/{begun['envelope']}", headers=auth("eyes"))).json()
    assert report["envelope"]["disposition"] == "incident"


async def test_a_drill_counts_among_no_incidents(office, client, auth):
    await client.post("/api/v1/drills", json={"policy": "default"}, headers=auth("hands"))
    office.decide()
    assert office.database.read_now(incidents.load, IncidentId("INC-1001")) is not None
    assert office.database.read_now(incidents.open_counts) == {}


async def test_a_policy_that_does_not_exist_is_refused_with_the_nearest_name(client, auth):
    answer = await client.post("/api/v1/drills", json={"policy": "defualt"}, headers=auth("hands"))
    assert answer.status == 404
    assert "default" in (await answer.json())["hint"]


async def test_a_policy_is_not_tried_twice_at_the_same_time(office, client, auth):
    first = await client.post("/api/v1/drills", json={"policy": "default"}, headers=auth("hands"))
    office.decide()
    again = await client.post("/api/v1/drills", json={"policy": "default"}, headers=auth("hands"))
    assert again.status == 409
    assert (await again.json())["hint"] == "wait for its end, or acknowledge INC-1001"
    running = await (await client.get("/api/v1/drills", headers=auth("eyes"))).json()
    assert [one["id"] for one in running["drills"]] == [(await first.json())["id"]]


async def test_whoever_only_reads_begins_no_drill(office, client, auth):
    answer = await client.post("/api/v1/drills", json={"policy": "default"}, headers=auth("eyes"))
    assert answer.status == 403
    assert office.database.read_now(drills.running) == []


async def test_a_word_for_the_ticket_that_is_no_truth_value_is_refused(client, auth):
    answer = await client.post("/api/v1/drills", json={"policy": "default", "ticket": "yes"}, headers=auth("hands"))
    assert answer.status == 400
