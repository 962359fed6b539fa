"""The daemon's own doors: probes, metrics, reload, status, a test page, and receipts of paging services."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ingestd.core.names import Channel, EffectKind
from ingestd.store import outbox
from ingestd.store.outbox import DeliveryState
from ingestd.telemetry.health import EngineWatch, Readiness
from ingestd.web import receiving


@pytest.mark.parametrize("path", ["/-/healthy", "/healthz", "/-/ready", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_probes_need_no_token(client, method, path):
    answer = await client.request(method, path)
    assert answer.status == 200
    assert (await answer.text() == "") == (method == "HEAD")


async def test_readiness_names_everything_that_is_missing(office, open_door):
    office.readiness = Readiness(["listener"])
    counts = {"processor": 0}
    office.readiness.watch(EngineWatch(lambda: counts))
    client = await open_door(office.desk())
    answer = await client.get("/-/ready")
    assert answer.status == 503
    assert await answer.text() == ("not ready: listener: not yet\nnot ready: engine: processor has not turned yet\n")
    office.readiness.ready("listener")
    counts["processor"] = 1
    assert (await client.get("/readyz")).status == 200
    assert (await client.get("/-/healthy")).status == 200


async def test_a_database_that_does_not_answer_is_not_ready(office, open_door, monkeypatch):
    monkeypatch.setattr("ingestd.web.api_daemon.DATABASE_SECONDS_MAX", 0.01)

    class Hanging:
        async def read(self, fn, *args):
            await asyncio.Event().wait()

        run = read

    class Broken(Hanging):
        async def read(self, fn, *args):
            raise OSError("disk gone: /secret/path")

    client = await open_door(office.desk(database=Hanging()))
    assert "not ready: database: no answer" in await (await client.get("/-/ready")).text()
    client = await open_door(office.desk(database=Broken()))
    answer = await client.get("/-/ready")
    assert (answer.status, await answer.text()) == (503, "not ready: database: cannot be read (OSError)\n")


async def test_metrics_hold_counts_and_no_text_of_alerts(office, client):
    for number in range(50):
        office.fires(f"Secret{number}", host=f"private{number}")
    before = await (await client.get("/metrics")).text()
    assert "# TYPE ingestd_build_info gauge" in before
    assert "Secret" not in before
    assert "private" not in before
    assert (await client.get("/metrics")).headers["Content-Type"].startswith("text/plain; version=")


async def test_a_reload_that_is_refused_says_why(office, client, auth):
    wants_json = {**auth("root"), "Accept": "application/json"}
    taken = await client.post("/-/reload", headers=wants_json)
    assert (taken.status, (await taken.json())["problems"]) == (200, [])
    office.problems = ["config.yaml:3:5: error[unknown-key]: there is no key sorces"]
    refused = await client.post("/-/reload", headers=wants_json)
    assert refused.status == 422
    body = await refused.json()
    assert body["problems"] == office.problems
    assert "old one stays" in body["error"]
    in_words = await client.post("/-/reload", headers=auth("root"))
    assert (in_words.status, in_words.content_type) == (422, "text/plain")
    assert office.problems[0] in await in_words.text()
    assert (await client.get("/-/reload", headers=auth("root"))).status == 405


async def test_the_status_adds_what_waits(office, client, auth):
    office.fires()
    office.receive(b"{}")
    status = await (await client.get("/api/v1/status", headers=auth("eyes"))).json()
    assert status["version"] == "1.2.3"
    assert status["started_at"] == "2026-03-02T02:00:00.000Z"
    assert status["incidents"] == [{"state": "triggered", "severity": "high", "count": 1}]
    assert status["inbox_waiting"] == 1
    assert {"connector": "sms", "state": "waiting", "count": 1} in status["outbox"]
    assert status["not_ready"] == []


async def test_a_test_page_goes_to_a_person_who_exists(office, client, auth):
    answer = await client.post("/api/v1/pages/test", headers=auth("hands"), json={"person": "ada", "by": "sms"})
    assert (await answer.json())["results"][0]["ok"] is True
    assert office.tested == [("ada", Channel.SMS)]
    await client.post("/api/v1/pages/test", headers=auth("hands"), json={"person": "ada"})
    assert office.tested[-1] == ("ada", None)
    missing = await client.post("/api/v1/pages/test", headers=auth("hands"), json={"person": "zoe"})
    assert (missing.status, (await missing.json())["hint"]) == (404, "there are: ada, bo, cy")
    wrong = await client.post("/api/v1/pages/test", headers=auth("hands"), json={"person": "ada", "by": "fax"})
    assert wrong.status == 400


RECEIPTS = "/api/v1/receipts/sms"


@pytest.fixture
def accept(office):
    """``accept()``: the service has taken the page as R-1."""

    def settle(connection):
        (row,) = outbox.claim(connection, "sms", office.clock.at, lease_seconds=60, limit=1)
        accepted = replace(
            row, state=DeliveryState.DONE, receipt_id="R-1", lease_until=None, settled_at=office.clock.at
        )
        outbox.save(connection, accepted)

    return lambda: office.database.run_now(settle)


@pytest.fixture
def paged(office, accept):
    """A page that the service has accepted as R-1."""
    office.fires()
    accept()
    return office


def signed(query=""):
    return {"X-Signature": f"signed:https://alerts.example{RECEIPTS}{query}"}


def page_of(office):
    return next(row for row in office.deliveries() if row.kind is EffectKind.PAGE)


async def test_a_signed_receipt_settles_the_page(paged, client):
    answer = await client.post(RECEIPTS, data=b"R-1 delivered on the handset", headers=signed())
    assert (answer.status, await answer.read()) == (204, b"")
    assert page_of(paged).receipt_status == "delivered"
    assert paged.count("ingestd_receipts_total", connector="sms", result="delivered") == 1
    assert len(paged.decisions) == 1


async def test_the_signature_covers_the_public_address_with_its_query(paged, client):
    query = "?a=b%20c&d"
    answer = await client.post(RECEIPTS + query, data=b"R-1 failed unknown subscriber", headers=signed(query))
    assert answer.status == 204
    assert paged.pagers["sms"].seen == [f"https://alerts.example{RECEIPTS}{query}"]
    channels = [row.channel for row in paged.deliveries() if row.kind is EffectKind.PAGE]
    assert channels == [Channel.SMS, Channel.EMAIL], "the person is reached by the next channel"


@pytest.mark.parametrize("headers", [{}, {"X-Signature": "signed:http://127.0.0.1/"}, {"X-Signature": ""}])
async def test_a_receipt_with_a_bad_signature_is_refused_and_counted(paged, client, headers):
    before = paged.everything()
    answer = await client.post(RECEIPTS, data=b"R-1 failed gone", headers=headers)
    assert answer.status == 403
    assert paged.everything() == before
    assert paged.count("ingestd_receipts_total", connector="sms", result="refused") == 1


@pytest.mark.parametrize(("body", "result"), [(b"R-404 delivered x", "unknown"), (b"", "not_ours")])
async def test_a_receipt_of_no_page_is_thanked_for_and_changes_nothing(paged, client, body, result, monkeypatch):
    monkeypatch.setattr(receiving, "PAUSES", (0.0, 0.0))
    before = paged.everything()
    assert (await client.post(RECEIPTS, data=body, headers=signed())).status == 204
    assert paged.everything() == before
    assert paged.count("ingestd_receipts_total", connector="sms", result=result) == 1


async def test_a_receipt_that_comes_before_the_page_is_settled_is_not_lost(office, accept, client, monkeypatch):
    monkeypatch.setattr(receiving, "PAUSES", (0.3,))
    office.fires()
    report = asyncio.create_task(client.post(RECEIPTS, data=b"R-1 failed gone", headers=signed()))
    await asyncio.sleep(0.05)
    accept()
    assert (await report).status == 204
    assert page_of(office).receipt_status == "failed"
    assert office.count("ingestd_receipts_total", connector="sms", result="failed") == 1


async def test_a_receipt_for_no_pager_is_not_found(client):
    assert (await client.post("/api/v1/receipts/nobody", data=b"x")).status == 404
    assert (await client.get(RECEIPTS)).status == 405
