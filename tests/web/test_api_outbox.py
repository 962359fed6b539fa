"""The API of envelopes, deliveries and tickets: what arrived, what was told, and what an admin mends by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ingestd.core.names import EffectKind
from ingestd.store import outbox
from ingestd.store.outbox import DeliveryState

BROKEN = b'{"version": "4", "alerts": 7}'


async def get(client, auth, path):
    answer = await client.get(path, headers=auth("eyes"))
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_every_envelope_tells_its_one_disposition(office, client, auth):
    envelope_id = office.fires()
    lines = (await get(client, auth, "/api/v1/envelopes"))["envelopes"]
    assert [(line["id"], line["state"], line["disposition"]) for line in lines] == [(envelope_id, "done", "incident")]
    whole = (await get(client, auth, f"/api/v1/envelopes/{envelope_id}"))["envelope"]
    assert whole["findings"][0]["incident"] == "INC-1001"
    assert (whole["findings"][0]["verdict"], whole["findings"][0]["reason"]) == ("new", "first_seen")
    assert whole["received_at"] == "2026-03-02T02:00:00.000Z"


async def test_what_is_quarantined_is_listed_kept_and_read_once_more(office, client, auth):
    good = office.fires()
    bad = office.receive(BROKEN)
    office.decide()
    listed = (await get(client, auth, "/api/v1/envelopes?state=quarantined"))["envelopes"]
    assert [line["id"] for line in listed] == [bad]
    assert listed[0]["reason"]
    assert listed[0]["detail"]
    again = await client.post(f"/api/v1/envelopes/{bad}/retry", headers=auth("hands"))
    assert (again.status, (await again.json())["state"]) == (200, "new")
    assert office.nudge_count == 1, "the engine looks at once"
    assert (await client.post(f"/api/v1/envelopes/{bad}/retry", headers=auth("hands"))).status == 409
    assert (await client.post(f"/api/v1/envelopes/{good}/retry", headers=auth("hands"))).status == 409
    assert (await client.post("/api/v1/envelopes/env_none/retry", headers=auth("hands"))).status == 404
    assert (await client.post(f"/api/v1/envelopes/{bad}/retry", headers=auth("eyes"))).status == 403


async def test_a_raw_body_comes_as_bytes_that_no_browser_shows(office, client, auth):
    raw = b"<script>alert(1)</script>\x00\xff"
    envelope_id = office.receive(raw)
    answer = await client.get(f"/api/v1/envelopes/{envelope_id}/body", headers=auth("eyes"))
    assert await answer.read() == raw
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{envelope_id}.bin"'
    assert (await client.get("/api/v1/envelopes/env_no/body", headers=auth("eyes"))).status == 404


async def test_envelopes_are_listed_by_source(office, client, auth):
    office.fires()
    assert (await get(client, auth, "/api/v1/envelopes?source=grafana"))["envelopes"] == []
    assert len((await get(client, auth, "/api/v1/envelopes?source=alertmanager"))["envelopes"]) == 1


def page_of(office):
    return next(row for row in office.deliveries() if row.kind is EffectKind.PAGE)


async def states(client, auth, query=""):
    rows = (await get(client, auth, f"/api/v1/outbox{query}"))["deliveries"]
    return {row["connector"]: row["state"] for row in rows}


async def test_the_outbox_shows_what_is_not_done(office, client, auth):
    office.fires()
    assert await states(client, auth) == {"tickets": "waiting", "sms": "waiting"}
    assert await states(client, auth, "?state=done,dropped") == {}
    assert len(await states(client, auth, "?state=all&limit=1")) == 1
    refused = await client.get("/api/v1/outbox?state=wating", headers=auth("eyes"))
    assert refused.status == 400


async def test_a_delivery_whose_fate_is_not_known_is_shown_as_uncertain_also_while_it_is_looked_up(
    office, client, auth
):
    office.fires()

    def die_twice(connection):
        for now in (office.clock.at, office.clock.at + timedelta(hours=1)):
            outbox.claim(connection, "tickets", now, lease_seconds=60, limit=1)

    office.database.run_now(die_twice)
    assert (await states(client, auth))["tickets"] == "uncertain"
    assert await states(client, auth, "?state=uncertain") == {"tickets": "uncertain"}
    assert await states(client, auth, "?state=leased") == {}
    shown = (await get(client, auth, "/api/v1/incidents/INC-1001"))["deliveries"]
    assert {row["state"] for row in shown if row["connector"] == "tickets"} == {"uncertain"}


async def test_a_delivery_is_tried_at_once_when_somebody_asks(office, client, auth):
    office.fires()
    key = page_of(office).key
    office.clock.advance(minutes=1)
    answer = await client.post("/api/v1/outbox/retry", headers=auth("hands"), json={"key": key})
    assert answer.status == 200
    assert page_of(office).due_at == office.clock.at
    assert office.nudge_count == 1
    missing = await client.post("/api/v1/outbox/retry", headers=auth("hands"), json={"key": "INC-1/x/page/1"})
    assert missing.status == 404
    assert (await client.post("/api/v1/outbox/retry", headers=auth("hands"), json={})).status == 400


async def test_an_admin_drops_a_delivery_with_a_reason(office, client, auth):
    office.fires()
    key = page_of(office).key
    assert (await client.post("/api/v1/outbox/drop", headers=auth("root"), json={"key": key})).status == 400
    body = {"key": key, "reason": "wrong number"}
    assert (await client.post("/api/v1/outbox/drop", headers=auth("root"), json=body)).status == 200
    dropped = page_of(office)
    assert (dropped.state, dropped.detail) == (DeliveryState.DROPPED, "by_hand: wrong number (root)")
    assert office.count("ingestd_deliveries_dropped_total", connector="sms", kind="page", reason="by_hand") == 1
    again = await client.post("/api/v1/outbox/drop", headers=auth("root"), json=body)
    assert (again.status, (await again.json())["error"]) == (409, f"{key} cannot be dropped: it is dropped")


@pytest.mark.parametrize("path", ["retry", "drop"])
async def test_what_is_on_its_way_cannot_be_called_back(office, client, auth, path):
    office.fires()
    office.database.run_now(lambda c: outbox.claim(c, "sms", office.clock.at, lease_seconds=60, limit=1))
    body = {"key": page_of(office).key, "reason": "too late"}
    assert (await client.post(f"/api/v1/outbox/{path}", headers=auth("root"), json=body)).status == 409
    assert page_of(office).state is DeliveryState.LEASED


async def test_tickets_are_listed(office, client, auth):
    office.fires()
    office.has_ticket()
    found = (await get(client, auth, "/api/v1/tickets"))["tickets"]
    assert found == [
        {
            "incident_id": "INC-1001",
            "connector": "tickets",
            "ref_id": "10007",
            "label": "OPS-7",
            "url": "https://jira.example/browse/OPS-7",
            "opened_at": "2026-03-02T02:00:00.000Z",
        }
    ]
