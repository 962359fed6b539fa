"""Replies as they come in over HTTP: Twilio's signed webhook, and mails that a mail server hands in."""

from __future__ import annotations

import pytest

from connectors.sms_pager import factory as sms_factory
from connectors.sms_pager.fake import TwilioFake
from connectors.sms_pager.settings import SmsPagerSettings
from ingestd.core.names import Channel, EffectKind, IncidentState
from ingestd.ports import ConnectorTools
from ingestd.store import outbox
from ingestd.store.replies import reply_token
from ingestd.testing.outside import OutsidePager
from ingestd.workers import jobs
from ingestd.workers.current import Standing

URL = "https://alerts.example"
PATH = "/api/v1/replies/sms"
ADA = "+15550000"
TWILIO = {
    "account_sid": "AC" + "0" * 31 + "1",
    "auth_token": "token-of-the-account",
    "secondary_auth_token": "token-to-come",
    "from": "+15005550006",
}


@pytest.fixture
def twilio():
    server = TwilioFake()
    server.reply_url = URL + PATH
    return server


@pytest.fixture
async def door(office, open_door, twilio):
    """The desk with a real connector before Twilio, and a page to ada on her phone."""
    settings = SmsPagerSettings.model_validate({"twilio": TWILIO, "replies": True})
    sms = sms_factory.build("sms", settings, ConnectorTools(twilio, lambda _options: None, URL))
    office.pagers = {"sms": sms, "mail": OutsidePager("mail", Channel.EMAIL, office.clock.now)}
    office.fires()
    take(office, "sms", sms.takes_replies)
    return await open_door(office.desk())


def take(office, connector, can_reply, token="token-number-1"):  # noqa: S107 (a test's)
    standing = Standing(office.policy, URL)
    return office.database.run_now(jobs.take, connector, standing, office.clock.at, 60.0, [token], can_reply)


async def post(door, request, path=PATH):
    _, headers, body = request
    return await door.post(path, data=body, headers=headers)


def words(office):
    return [row.reason for row in office.database.read_now(all_words)]


def all_words(connection):
    listed = outbox.listed(connection, states=outbox.UNSETTLED, limit=100)
    return [row for row in listed if row.kind is EffectKind.WORD]


async def test_a_signed_message_acknowledges_and_its_answer_is_queued(office, door, twilio):
    answer = await post(door, twilio.reply_from(ADA, "1a"))
    assert (answer.status, answer.content_type, await answer.text()) == (200, "text/xml", "<Response/>")
    assert office.incident().state is IncidentState.ACKNOWLEDGED
    assert words(office) == ["Acknowledged INC-1001 (DiskFull on db1). Pages to others have stopped."]
    assert [row.address for row in office.database.read_now(all_words)] == [ADA]
    assert office.count("ingestd_replies_total", connector="sms", result="acted") == 1
    assert office.count("ingestd_answers_total", action="acknowledge", via="sms") == 1
    assert {word.connector for decision in office.decisions for word in decision.words} == {"sms"}


async def test_either_live_token_will_do_and_no_other(office, door, twilio):
    assert (await post(door, twilio.reply_from(ADA, "1n one", token="token-to-come"))).status == 200
    assert (await post(door, twilio.reply_from(ADA, "1n two"))).status == 200
    before = office.everything()
    assert (await post(door, twilio.reply_from(ADA, "1a", token="guessed"))).status == 403
    assert office.everything() == before
    assert office.count("ingestd_replies_total", connector="sms", result="refused") == 1


async def test_the_same_message_again_changes_nothing_and_is_thanked_for(office, door, twilio):
    request = twilio.reply_from(ADA, "1a")
    await post(door, request)
    before = office.everything()
    assert (await post(door, request)).status == 200
    assert office.everything() == before
    assert office.count("ingestd_replies_total", connector="sms", result="repeated") == 1


async def test_a_stranger_gets_nothing_but_thanks_to_the_service(office, door, twilio):
    before = office.everything()
    assert (await post(door, twilio.reply_from("+15559999", "1a"))).status == 200
    assert office.everything() == before
    assert office.count("ingestd_replies_total", connector="sms", result="unknown_sender") == 1


async def test_stop_makes_the_number_dead_and_is_not_answered(office, door, twilio):
    assert (await post(door, twilio.reply_from(ADA, "Stop", OptOutType="STOP"))).status == 200
    assert words(office) == []
    assert office.incident().state is IncidentState.TRIGGERED
    assert office.count("ingestd_replies_total", connector="sms", result="opted_out") == 1


async def test_a_message_whose_query_was_signed_is_read_with_it(office, door, twilio):
    twilio.reply_url = f"{URL}{PATH}?a=b%20c"
    assert (await post(door, twilio.reply_from(ADA, "1a"), f"{PATH}?a=b%20c")).status == 200
    assert office.incident().state is IncidentState.ACKNOWLEDGED


async def test_nothing_but_a_post_does_anything(door, office):
    before = office.everything()
    assert [(await door.request(method, PATH)).status for method in ("GET", "HEAD", "PUT", "DELETE")] == [405] * 4
    assert office.everything() == before


@pytest.mark.parametrize("name", ["nobody", "tickets"])
async def test_a_pager_that_is_not_there_takes_no_reply(door, name):
    assert (await door.post(f"/api/v1/replies/{name}", data=b"x")).status == 404


async def test_a_pager_that_brings_nothing_back_takes_no_reply(client):
    assert (await client.post(PATH, data=b"x")).status == 404


# ------------------------------------------------------------------------------------------------ by mail

MAIL = "/api/v1/replies/mail"
RFC822 = {"Content-Type": "message/rfc822"}


@pytest.fixture
def mailed(office, door):
    """ada's page has gone by mail too; the token of a reply to it."""
    office.database.run_now(
        lambda connection: connection.exec_driver_sql(
            "UPDATE outbox SET state = 'waiting', connector = 'mail', channel = 'email', lane = 'x' WHERE kind = 'page'"
        )
    )
    [job] = take(office, "mail", lambda _address: True, "token-number-2").jobs
    assert job.page.reply_token == reply_token("token-number-2")
    return job.page.reply_token


def mail(token, text="ack", sender="ada@example.com"):
    return f"From: {sender}\r\nTo: ack+{token}@example.com\r\n\r\n{text}\r\n".encode()


async def test_a_mail_acknowledges_and_says_so(office, door, mailed, auth):
    answer = await door.post(MAIL, data=mail(mailed), headers={**auth("hands"), **RFC822})
    assert answer.status == 200
    assert await answer.json() == {"result": "acted", "incidents": ["INC-1001"], "is_answered": True}
    assert office.incident().acknowledged_by == "ada"


@pytest.mark.parametrize(("who", "status"), [("eyes", 403), (None, 401)])
async def test_nobody_hands_in_a_mail_without_a_token_of_the_api(office, door, mailed, auth, who, status):
    before = office.everything()
    answer = await door.post(MAIL, data=mail(mailed), headers={**(auth(who) if who else {}), **RFC822})
    assert answer.status == status
    assert office.everything() == before


async def test_what_is_no_mail_is_refused_in_words(door, auth):
    answer = await door.post(MAIL, data=b"{}", headers={**auth("hands"), "Content-Type": "application/json"})
    assert answer.status == 415
    assert "ingestd reply" in (await answer.json())["hint"]
    large = await door.post(MAIL, data=b"x" * 70_000, headers={**auth("hands"), **RFC822})
    assert large.status == 413


async def test_a_foreign_sender_changes_nothing(office, door, mailed, auth):
    before = office.everything()
    answer = await door.post(MAIL, data=mail(mailed, sender="mallory@x.org"), headers={**auth("root"), **RFC822})
    assert (await answer.json())["result"] == "foreign_sender"
    assert office.everything() == before


async def test_a_page_of_another_site_hands_in_no_mail(office, door, mailed, auth):
    before = office.everything()
    headers = {**auth("root"), **RFC822, "Origin": "https://evil.example"}
    assert (await door.post(MAIL, data=mail(mailed), headers=headers)).status == 403
    assert office.everything() == before
