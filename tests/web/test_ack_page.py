"""The link in a page: looking changes nothing, one button acknowledges once, and everybody reads who was first."""

from __future__ import annotations

import pytest

from ingestd.core.names import EffectKind, IncidentState
from ingestd.store.answers import AnswerAction
from ingestd.store.outbox import DeliveryState


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
async def test_no_method_but_post_changes_anything_however_often(office, client, method):
    office.fires()
    path = office.link()
    before = office.everything()
    for _ in range(60):
        answer = await client.request(method, path)
        await answer.read()
    assert office.everything() == before
    assert office.database.written_count == 0, "a look does not even open a transaction that writes"
    assert not office.decisions


async def test_the_first_post_acknowledges_and_stops_the_pages(office, client, parse_page):
    office.fires()
    path = office.link()
    office.clock.advance(minutes=2)
    answer = await client.post(path)
    assert answer.status == 200
    page = parse_page(await answer.text())
    assert "Acknowledged: you have it You acknowledged it just now" in page.text
    assert "Paging has stopped." in page.text
    assert "acknowledge" not in [button["value"] for button in page.named("button")], "it is pressed already"
    incident = office.incident()
    assert (incident.state, incident.acknowledged_by) == (IncidentState.ACKNOWLEDGED, "ada")
    pages = [row.state for row in office.deliveries() if row.kind is EffectKind.PAGE]
    assert pages == [DeliveryState.DROPPED]
    assert len(office.decisions) == 1, "whoever has work from the decision is woken"
    assert office.count("ingestd_answers_total", action="acknowledge", via="link") == 1


async def test_the_second_person_reads_who_was_first_and_when(office, client, parse_page):
    office.fires()
    await client.post(office.link("ada", "tok_ada_1234"))
    path = office.link("bo", "tok_bo_12345")
    office.clock.advance(seconds=10)
    before = office.everything()
    page = parse_page(await (await client.post(path)).text())
    assert "Somebody was first Ada acknowledged it 10 s ago (02:00:00 UTC)." in page.text
    assert "Paging has stopped." not in page.text
    assert office.everything() == before
    assert office.incident().acknowledged_by == "ada"


async def test_pressing_twice_is_pressing_once(office, client, parse_page):
    office.fires()
    path = office.link()
    await client.post(path)
    before = office.everything()
    office.clock.advance(minutes=1)
    page = parse_page(await (await client.post(path)).text())
    assert "You had it already You acknowledged it 1 min ago" in page.text
    assert office.everything() == before
    assert len(office.decisions) == 1


async def test_a_press_after_the_end_says_so_and_changes_nothing(office, client, parse_page):
    office.fires()
    path = office.link()
    office.answer(AnswerAction.RESOLVE, by="bo")
    before = office.everything()
    office.clock.advance(minutes=5)
    looked = parse_page(await (await client.get(path)).text())
    assert "It is over: resolved by Bo, 5 min ago" in looked.text
    assert [button["value"] for button in looked.named("button")] == ["note"], "nothing else is left to say"
    pressed = parse_page(await (await client.post(path)).text())
    assert "Nothing to acknowledge: it is over" in pressed.text
    assert office.everything() == before


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_unknown_and_expired_links_are_answered_alike(office, client, method):
    office.fires()
    path = office.link(hours=1)
    office.clock.advance(hours=1)
    expired = await client.request(method, path)
    unknown = await client.request(method, "/p/never-was-one")
    assert (expired.status, unknown.status) == (404, 404)
    assert await expired.text() == await unknown.text()
    assert "This link is not valid" in await expired.text()
    assert office.incident().state is IncidentState.TRIGGERED
    assert office.count("ingestd_api_refused_total", reason="link_unknown") == 2


@pytest.mark.parametrize("token", ["%00", "a" * 3000, "%F0%9F%92%A9", "..%2f..%2fetc", "' OR 1=1 --"])
async def test_strange_tokens_are_just_unknown(office, client, token):
    assert (await client.get(f"/p/{token}")).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://alerts.example.evil.example"},
        {"Origin": "file://"},
    ],
)
async def test_another_site_cannot_press_the_button(office, client, headers):
    office.fires()
    path = office.link()
    before = office.everything()
    answer = await client.post(path, headers=headers)
    assert answer.status == 403
    assert "Nothing was changed" in await answer.text()
    assert office.everything() == before
    assert office.count("ingestd_api_refused_total", reason="cross_site") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://alerts.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "null"},
        {"Origin": "https://alerts.example"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_the_pages_own_button_works_in_old_and_new_browsers(office, client, headers):
    office.fires()
    answer = await client.post(office.link(), headers=headers)
    assert answer.status == 200
    assert office.incident().state is IncidentState.ACKNOWLEDGED


async def test_the_page_is_kept_nowhere_and_loads_nothing(office, client, parse_page):
    office.fires()
    answer = await client.get(office.link())
    headers = answer.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    page = parse_page(await answer.text())
    assert not page.named("script")
    assert [attrs["href"] for attrs in page.named("link")] == ["data:,"]
    assert all(form == {"method": "post"} for form in page.named("form")), (
        "without an action it posts to its own address"
    )
    assert len(page.named("button")) == 4, "acknowledge, escalate, note, resolve"


async def test_a_page_without_a_database_says_that_it_did_not_work(office, open_door):
    office.fires()
    path = office.link()

    class Broken:
        async def run(self, fn, *args):
            raise_busy()

        read = run

    def raise_busy():
        from ingestd.errors import StoreBusy

        raise StoreBusy("the database did not commit")

    client = await open_door(office.desk(database=Broken()))
    answer = await client.post(path)
    assert answer.status == 503
    assert "That did not work: try again" in await answer.text()


async def test_the_token_is_in_no_log_line(office, client, log_lines):
    office.fires()
    path = office.link(word="tok_very_secret")
    await client.get(path)
    await client.get(f"{path}?utm=tok_very_secret")
    await client.post(path)
    await client.get(f"{path}/extra")
    await client.get("/api/v1/incidents?token=tok_very_secret")
    written = log_lines.getvalue()
    assert "request_answered" in written
    assert "/p/***" in written
    assert "tok_very_secret" not in written
