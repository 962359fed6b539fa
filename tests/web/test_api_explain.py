"""``GET /api/v1/explain``: who may ask, what may be asked, and that asking changes nothing and stays small."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from ingestd.store.explanations import ENVELOPES_COUNT_MAX
from ingestd.testing.world import alertmanager_body

EXPLAIN = "/api/v1/explain"


async def ask(client, auth, query, status=200):
    answer = await client.get(f"{EXPLAIN}?{query}", headers=auth("eyes"))
    assert answer.status == status, await answer.text()
    return await answer.json()


async def test_a_viewer_may_ask_and_a_stranger_may_not(office, client, auth):
    office.fires()
    assert (await client.get(f"{EXPLAIN}?about=INC-1001")).status == 401
    assert (await ask(client, auth, "about=INC-1001"))["kind"] == "incident"


@pytest.mark.parametrize("query", ["about=INC-1001", "match=alertname=DiskFull", "since=2026-03-01T00:00:00Z"])
async def test_asking_changes_nothing(office, client, auth, query):
    office.fires()
    before, written = office.everything(), office.database.written_count
    await ask(client, auth, query)
    assert office.everything() == before
    assert office.database.written_count == written


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", '"about", "match" or "since" must say'),
        ("about=", '"about", "match" or "since" must say'),
        ("about=x&kind=person", '"kind" must be one of: any, incident, envelope, alert, ticket'),
        ("about=x&all=maybe", '"all" must be one of: true, false'),
        ("since=yesterday", '"since" must be an instant with its zone'),
        ("since=2026-03-02T02:00:00", '"since" must be an instant with its zone'),
        ("match=host", "'host': a matcher needs an operator"),
        ("match=host=~(", "bad regular expression"),
        ("&".join(["match=a=b"] * 21), "at most 20 times"),
    ],
)
async def test_a_question_that_makes_no_sense_is_told_what_would(client, auth, query, said):
    assert said in (await ask(client, auth, query, status=400))["error"]


@pytest.mark.parametrize("about", ["INC-9", "env_0", "am/v1:1", "T-1", "9" * 18, "%00%1b[31m", "x" * 5000])
async def test_what_is_not_there_is_not_found_whatever_its_name(client, auth, about):
    assert (await ask(client, auth, f"about={about}", status=404))["error"].startswith("there is no incident, envelope")


async def test_a_word_is_taken_for_what_it_is_and_a_kind_decides_where_that_is_not_clear(office, client, auth):
    office.fires()
    office.has_ticket(label="1001")
    assert (await ask(client, auth, "about=1001"))["incident"]["id"] == "INC-1001"
    assert (await ask(client, auth, "about=1001&kind=ticket"))["incident"]["id"] == "INC-1001"
    assert (await ask(client, auth, "about=10007"))["incident"]["id"] == "INC-1001", "the id of its ticket"
    await ask(client, auth, "about=1001&kind=alert", status=404)


async def test_an_incident_is_told_as_elsewhere_and_why_besides(office, client, auth):
    office.fires()
    found = await ask(client, auth, "about=INC-1001")
    whole = await (await client.get("/api/v1/incidents/INC-1001", headers=auth("eyes"))).json()
    assert {name: found[name] for name in ("incident", "alerts", "timeline", "deadlines", "tickets")} == {
        name: whole[name] for name in ("incident", "alerts", "timeline", "deadlines", "tickets")
    }
    assert found["rules"] == {
        "decided": "test",
        "in_force": "test",
        "is_in_force": True,
        "rule": "disk-full",
        "place": {"file": "", "line": 0, "owner": "", "is_built_in": False},
    }
    assert [one["reason"] for one in found["unpaged"]] == ["delivery_waiting"], "no dispatcher runs here"


async def test_an_alert_whose_words_are_only_in_its_message_is_read_from_there_again(office, client, auth):
    """A resolve of something that never fired is in no incident and is watched by nobody."""
    office.receive(
        alertmanager_body({"alertname": "Odd", "host": "h", "_ends": "2026-03-02T02:00:00Z"}, status="resolved")
    )
    office.decide()
    found = await ask(client, auth, "match=alertname=Odd&match=host=h")
    assert (found["alert"]["state"], found["alert"]["labels"]) == ("cleared", {"alertname": "Odd", "host": "h"})
    assert found["trace"]["decided"]["rule"] == "unmatched"
    assert [one["reason"] for one in found["unpaged"]] == ["resolve"]


async def test_a_decision_is_found_behind_more_repeats_than_are_looked_through(office, client, auth):
    first = office.fires()
    office.clock.advance(minutes=1)
    for _ in range(ENVELOPES_COUNT_MAX + 1):
        office.receive(alertmanager_body({"alertname": "DiskFull", "host": "db1", "cluster": "a"}))
    for _ in range(ENVELOPES_COUNT_MAX // 50 + 1):
        office.decide()
    found = await ask(client, auth, "match=host=db1")
    assert (found["decided"]["envelope"], found["decided"]["rule"]) == (first, "disk-full")


async def test_a_large_message_is_told_within_bounds(office, client, auth):
    alerts = [{"alertname": f"A{number}", "host": f"h{number}"} for number in range(600)]
    envelope = office.receive(alertmanager_body(*alerts))
    for _ in range(4):
        office.decide()
    found = await ask(client, auth, f"about={envelope}")
    assert len(found["envelope"]["findings"]) == 600
    assert len(found["unpaged"]) <= 50
    assert len((await ask(client, auth, "since=2026-03-01T00:00:00Z"))["groups"]) <= 50


async def test_an_alert_that_its_sender_lets_expire_says_when(office, client, auth):
    """Each repeat puts it off, though its watch looks sooner."""
    for minutes in (4, 9):
        ends_at = office.clock.at + timedelta(minutes=minutes)
        said = {"labels": {"alertname": "DiskFull", "host": "db1"}, "endsAt": ends_at.isoformat()}
        office.receive(json.dumps([said]).encode(), source="prom", kind="alertmanager_api")
        office.decide()
    (watch,) = (await ask(client, auth, "about=INC-1001"))["watches"]
    assert datetime.fromisoformat(watch["clears_at"]) == ends_at
    assert datetime.fromisoformat(watch["due_at"]) < ends_at
