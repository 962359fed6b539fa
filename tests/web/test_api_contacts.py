"""The API of people's addresses: which work, which are dead and why, and how one is used again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ingestd.core.effects import ContactNews, Decision
from ingestd.core.names import Channel, EffectKind, PersonName
from ingestd.store import apply, contacts, links, outbox
from ingestd.store.links import PageLink

PATH = "/api/v1/contacts"
ADA, PHONE = PersonName("ada"), "+15550000"
STOP = ContactNews(ADA, Channel.SMS, PHONE, "answered STOP")


@pytest.fixture
def ask(client, auth):
    async def send(method, path, name="root", status=200):
        answer = await client.request(method, path, headers=auth(name))
        said = await answer.json()
        assert answer.status == status, said
        return said

    return send


def learn(office, *news):
    office.database.run_now(apply.write, Decision(contacts=news), office.clock.at)


async def test_every_address_is_listed_with_what_is_known_of_it(office, ask):
    learn(office, STOP, ContactNews(ADA, Channel.EMAIL, "ada@example.com"))
    listed = (await ask("GET", f"{PATH}?person=ada", name="eyes"))["contacts"]
    assert listed == [
        {
            "person": "ada",
            "channel": "sms",
            "address_masked": "+15…000",
            "connectors": ["sms"],
            "state": "dead",
            "dead_since": "2026-03-02T02:00:00.000Z",
            "reason": "answered STOP",
            "reached_at": None,
        },
        {
            "person": "ada",
            "channel": "email",
            "address_masked": "a…@example.com",
            "connectors": ["mail"],
            "state": "works",
            "dead_since": None,
            "reason": "",
            "reached_at": "2026-03-02T02:00:00.000Z",
        },
    ]
    everybody = (await ask("GET", PATH))["contacts"]
    assert [one["person"] for one in everybody] == ["ada", "ada", "bo", "bo", "cy", "cy"]
    assert PHONE not in str(everybody)


async def test_somebodys_last_address_says_that_it_is_still_tried(office, ask):
    learn(office, STOP, ContactNews(ADA, Channel.EMAIL, "ada@example.com", "no such mailbox"))
    assert [one["state"] for one in (await ask("GET", f"{PATH}?person=ada"))["contacts"]] == ["last", "last"]


async def test_an_address_is_revived_once(office, ask):
    learn(office, STOP)
    first = await ask("POST", f"{PATH}/ada/sms/revive")
    assert (first["is_first"], first["text"]) == (True, "ada is paged by sms again")
    assert office.decisions == [Decision(contacts=(ContactNews(ADA, Channel.SMS, PHONE),))]
    assert office.database.read_now(contacts.dead) == frozenset()
    again = await ask("POST", f"{PATH}/ada/sms/revive")
    assert again["is_first"] is False
    assert len(office.decisions) == 1


async def test_only_an_admin_revives(office, ask):
    learn(office, STOP)
    before = office.everything()
    await ask("POST", f"{PATH}/ada/sms/revive", name="hands", status=403)
    assert office.everything() == before


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/adda/sms/revive", "there is no person adda"),
        ("/ada/smss/revive", "ada has no address on the channel smss"),
        ("/ada/chat/revive", "ada has no address on the channel chat"),
    ],
)
async def test_what_is_not_there_is_said_with_what_is(ask, path, words):
    said = await ask("POST", PATH + path, status=404)
    assert said["error"] == words
    assert said["hint"]


async def test_a_press_on_a_link_says_that_the_page_reached_its_receiver(office, client):
    office.fires()
    page = next(one for one in office.deliveries() if one.kind is EffectKind.PAGE)
    office.database.run_now(outbox.save, replace(page, address=PHONE, settled_at=office.clock.at))
    link = PageLink(links.hash_of("tok"), page.incident_id, ADA, page.key, office.clock.at + timedelta(hours=1))
    office.database.run_now(links.add, link)
    office.clock.advance(minutes=2)
    assert (await client.get("/p/tok")).status == 200
    assert office.database.read_now(contacts.listed) == [], "a look is no answer"
    assert (await client.post("/p/tok")).status == 200
    (row,) = office.database.read_now(contacts.listed)
    assert (row.address, row.reached_at) == (PHONE, office.clock.at)
