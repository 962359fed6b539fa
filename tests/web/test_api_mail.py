"""The API of mail: what was put aside is read as people read it, explained, and let through by an admin."""

from __future__ import annotations

from ingestd.core.mail.arrival import Arrival, joined
from ingestd.core.mail.source import MailSource
from ingestd.core.names import EnvelopeId
from ingestd.core.sources import SourceWays
from ingestd.store import inbox
from ingestd.testing.world import EXTERNAL_URL
from ingestd.workers.current import Standing
from ingestd.workers.processor import process_batch

RAW = (
    b"From: Nagios <nagios@example.com>\r\nSubject: disk \x1b[2J full\r\nMessage-ID: <a@example.com>\r\n"
    b"Received: secret-hop\r\n\r\nThe disk is full.\x07\r\n"
)
WAYS = {"post": SourceWays(mail=MailSource(("post@example.com",)))}


def stored(office, raw: bytes = RAW) -> EnvelopeId:
    how = Arrival("smtp", "eve@evil.example", remote="203.0.113.9")
    envelope = inbox.Envelope(EnvelopeId("env_mail"), "post", "email", office.clock.at, "203.0.113.9", joined(how, raw))
    office.database.run_now(inbox.add, [envelope])
    decide(office)
    return envelope.id


def decide(office) -> None:
    standing = Standing(office.policy, EXTERNAL_URL, ways=WAYS)
    office.database.run_now(process_batch, standing, office.clock.at, 50, frozenset())


async def get(client, auth, path):
    answer = await client.get(path, headers=auth("eyes"))
    assert answer.status == 200, await answer.text()
    return await answer.json()


async def test_a_mail_that_was_put_aside_is_shown_as_people_read_it(office, client, auth):
    envelope = stored(office)
    shown = await get(client, auth, f"/api/v1/envelopes/{envelope}")
    assert shown["envelope"]["reason"] == "unauthenticated"
    mail = shown["mail"]
    assert (mail["from"], mail["subject"]) == ("Nagios <nagios@example.com>", "disk [2J full")
    assert (mail["envelope_from"], mail["handed_in_by"], mail["proof"]) == ("eve@evil.example", "203.0.113.9", "")
    assert mail["text"].strip() == "The disk is full."
    assert "secret-hop" not in str(shown)


async def test_what_is_no_mail_is_shown_without_one(office, client, auth):
    assert "mail" not in await get(client, auth, f"/api/v1/envelopes/{office.fires()}")


async def test_only_an_admin_lets_a_mail_through_and_then_it_counts(office, client, auth):
    envelope = stored(office)
    path = f"/api/v1/envelopes/{envelope}/release"
    assert (await client.post(path, headers=auth("hands"))).status == 403
    assert (await client.post(path, headers=auth("root"))).status == 200
    assert office.nudge_count == 1
    decide(office)
    assert (await get(client, auth, f"/api/v1/envelopes/{envelope}"))["envelope"]["disposition"] == "incident"
    again = await client.post(path, headers=auth("root"))
    assert (again.status, "not quarantined" in await again.text()) == (409, True)


async def test_a_retry_lets_nothing_through(office, client, auth):
    envelope = stored(office)
    assert (await client.post(f"/api/v1/envelopes/{envelope}/retry", headers=auth("hands"))).status == 200
    decide(office)
    assert (await get(client, auth, f"/api/v1/envelopes/{envelope}"))["envelope"]["reason"] == "unauthenticated"


async def test_what_is_no_mail_is_not_let_through(office, client, auth):
    bad = office.receive(b"{}")
    office.decide()
    answer = await client.post(f"/api/v1/envelopes/{bad}/release", headers=auth("root"))
    assert (answer.status, "retry" in await answer.text()) == (409, True)


async def test_explain_says_why_a_mail_paged_nobody(office, client, auth):
    envelope = stored(office)
    why = (await get(client, auth, f"/api/v1/explain?about={envelope}"))["unpaged"]
    assert [(one["reason"], "release" in one["advice"]) for one in why] == [("put_aside", True)]
    lately = await get(client, auth, "/api/v1/explain?since=2026-03-02T00:00:00Z")
    assert [group["reason"] for group in lately["groups"]] == ["put_aside"]


async def test_explain_says_what_a_mail_was_that_brought_no_alert(office, client, auth):
    envelope = stored(office, RAW.replace(b"Received:", b"X-Ingestd-Id:"))
    why = (await get(client, auth, f"/api/v1/explain?about={envelope}"))["unpaged"]
    assert [(one["reason"], one["text"]) for one in why] == [("no_alert", "the mail brought no alert (own_page)")]
