"""Chat over real sockets: what arrives at Slack and Teams, what never arrives there, and what a failure is taken for."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.apprise_pager import factory
from connectors.apprise_pager.cards import TEAMS_BYTES_MAX, size_of, slack_message, teams_message
from connectors.apprise_pager.content import content_of
from connectors.apprise_pager.fake import SLACK_PATH, TEAMS_SIGNATURE, is_card, slack_fault
from connectors.apprise_pager.settings import STAND_IN
from ingestd.config import secrets
from ingestd.core.names import Channel, EffectKey, IncidentState, PersonName
from ingestd.errors import DeliveryError, OutcomeUnknown, RequestRejected, TryLater
from ingestd.ports import Contact, HttpReply, Pager, Wording
from tests.connectors.pagers.conftest import INCIDENT, PAGE, hostile_page_texts

ZONE = ZoneInfo("Europe/Berlin")
KEY = EffectKey("INC-1042/chat/page/1")
SECRETS = (SLACK_PATH.rsplit("/", 1)[1], TEAMS_SIGNATURE)
BRIDGE = "https://teams.microsoft.com/l/meetup-join/19%3ameeting"


def page_to(name, **changes):
    incident = replace(INCIDENT, bridge=BRIDGE, assignee="ben")
    contact = Contact(PersonName("asha"), "Asha Rao", Channel.CHAT, name)
    earlier = ("asha by sms", "ben by email")
    return replace(PAGE, **{"incident": incident, "contact": contact, "earlier": earlier, **changes})


def texts_of(card):
    """Every text in a card, whatever it is part of."""
    if isinstance(card, dict):
        return [text for value in card.values() for text in texts_of(value)]
    if isinstance(card, list):
        return [text for value in card for text in texts_of(value)]
    return [card] if isinstance(card, str) else []


@pytest.fixture(autouse=True)
def _unverified():
    """urllib3 warns of the certificate that the test does not verify."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_it_is_a_pager_for_chat_that_can_show_its_words(build, destinations):
    pager = build(destinations)
    assert isinstance(pager, Pager)
    assert isinstance(pager, Wording)
    assert pager.channel is Channel.CHAT
    assert pager.addresses == {"slack", "teams", "json"}


async def test_the_check_names_each_service_and_sends_nothing(build, destinations, fake):
    line = await build(destinations).check()
    assert "json (JSON)" in line
    assert "slack (Slack)" in line
    assert "teams (Power Automate / Workflows" in line
    assert fake.request_count == 0


@pytest.mark.parametrize("name", ["slack", "teams"])
async def test_a_page_carries_the_incident(build, destinations, fake, name):
    receipt = await build(destinations, timezone="Europe/Berlin").page(page_to(name), KEY)
    assert receipt.is_final
    [card] = getattr(fake, name)
    told = "\n".join(texts_of(card))
    for fact in (
        "HIGH INC-1042: Card auth errors 34% (limit 5%)",
        "3 of 3 alerts firing since 03:09 CET.",
        "triggered",
        "asha by sms, ben by email",
        PAGE.link,
        INCIDENT.url,
        INCIDENT.ticket_url,
        INCIDENT.runbook,
        BRIDGE,
    ):
        assert fact in told
    assert "In charge: " in told
    assert "ben" in told


async def test_other_services_are_sent_the_same_as_text(build, destinations, fake):
    fake.answers.append(HttpReply(200, {}, b""))
    await build(destinations).page(page_to("json"), KEY)
    assert fake.request_count == 1


@pytest.mark.parametrize("name", ["slack", "teams"])
@pytest.mark.parametrize("purpose", ["page", "summary", "post"])
async def test_a_room_never_gets_the_acknowledge_link(build, destinations, fake, name, purpose):
    pager = build(destinations, rooms={name})
    text = page_to(name, purpose=purpose)
    await pager.page(text, KEY)
    assert PAGE.link not in json.dumps(getattr(fake, name))
    assert PAGE.link not in pager.words(text, KEY)


async def test_a_post_never_holds_it_even_if_the_room_is_not_marked_as_one(build, destinations, fake):
    await build(destinations).page(page_to("slack", purpose="post"), KEY)
    assert PAGE.link not in json.dumps(fake.slack)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (400, b"invalid_payload", RequestRejected, "Slack answered 400 invalid_payload"),
        (403, b"action_prohibited", RequestRejected, "Slack answered 403 action_prohibited"),
        (404, b"no_service", RequestRejected, "Slack answered 404 no_service"),
        (410, b"channel_is_archived", RequestRejected, "Slack answered 410 channel_is_archived"),
        (429, b"rate_limited", TryLater, "Slack answered 429 rate_limited"),
        (503, b"<html>busy</html>", TryLater, "Slack answered 503"),
        (500, b"rollup_error", OutcomeUnknown, "Slack answered 500 rollup_error"),
        (502, b"<html>bad gateway</html>", OutcomeUnknown, "Slack answered 502"),
        (302, b"", RequestRejected, "Slack answered 302"),
        (200, b"<html>log in</html>", RequestRejected, "not as it does when it has taken a message"),
        (0, b"", OutcomeUnknown, "does not say whether it arrived"),
    ],
)
async def test_what_slack_answers_is_told_apart(build, destinations, fake, status, body, kind, said):
    headers = {"Location": "http://127.0.0.1:9/elsewhere"} if status == 302 else {}
    fake.answers.append(HttpReply(status, headers, body))
    with pytest.raises(kind) as raised:
        await build(destinations).page(page_to("slack"), KEY)
    assert said in str(raised.value)
    assert type(raised.value) is kind
    assert fake.request_count == 1, "a connector tries once"


@pytest.mark.parametrize(
    ("status", "kind"), [(401, RequestRejected), (429, TryLater), (502, OutcomeUnknown), (413, RequestRejected)]
)
async def test_what_teams_answers_is_told_apart(build, destinations, fake, status, kind):
    fake.answers.append(HttpReply(status, {}, b'{"error": "x"}'))
    with pytest.raises(kind):
        await build(destinations).page(page_to("teams"), KEY)


async def test_a_service_that_cannot_be_reached_was_sent_nothing(build):
    closed = {"teams": f"workflows://127.0.0.1:9/abc/{TEAMS_SIGNATURE}"}
    with pytest.raises(TryLater, match="cannot be reached"):
        await build(closed).page(page_to("teams"), KEY)


async def test_a_certificate_that_nobody_vouches_for_is_refused_before_anything_is_sent(build, destinations, fake):
    strict = {"teams": destinations["teams"].replace("?verify=no", "")}
    with pytest.raises(TryLater, match="cannot be reached"):
        await build(strict).page(page_to("teams"), KEY)
    assert fake.request_count == 0


async def test_a_service_that_never_answers_leaves_the_outcome_unknown(build, listen_silently):
    silent = {"teams": f"json://127.0.0.1:{listen_silently}/hook"}
    with pytest.raises(OutcomeUnknown):
        await build(silent, timeout_seconds=0.3).page(page_to("teams"), KEY)


@pytest.fixture
def listen_silently():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_no_address_is_ever_logged_or_told(build, destinations, fake, log_lines):
    pager = build(destinations)
    errors = []
    for name in ("slack", "teams"):
        await pager.page(page_to(name), KEY)
        for status in (404, 500, 0):
            fake.answers.append(HttpReply(status, {}, b"no_service"))
            with pytest.raises(DeliveryError) as raised:
                await pager.page(page_to(name), KEY)
            errors.append(f"{raised.value!r} {raised.value} {raised.value.hint}")
    logging.getLogger("elsewhere").warning("the log is written")
    told = " ".join([*errors, repr(pager._destinations), await pager.check(), log_lines.getvalue()])
    assert "the log is written" in told
    assert not [secret for secret in SECRETS if secret in told]


async def test_a_destination_that_is_not_there_says_which_there_are(build, destinations):
    with pytest.raises(RequestRejected) as raised:
        await build(destinations).page(page_to("slak"), KEY)
    assert "no destination 'slak'" in str(raised.value)
    assert raised.value.hint == "did you mean slack?"


def test_an_address_that_apprise_does_not_understand_is_a_problem_at_load():
    with pytest.raises(ValidationError, match="does not understand this address") as raised:
        factory.settings_type.model_validate({"destinations": {"x": {"url": "slakk://s3cr3t-token"}}})
    assert "s3cr3t" not in str(raised.value)


def test_an_address_that_could_not_be_read_is_no_second_problem():
    assert secrets.STAND_IN == STAND_IN
    factory.settings_type.model_validate({"destinations": {"x": {"url": STAND_IN}}})


def test_without_apprise_the_problem_names_the_command(monkeypatch):
    monkeypatch.setattr("connectors.apprise_pager.settings.find_spec", lambda _name: None)
    with pytest.raises(ValidationError, match=r"pip install 'ingestd\[apprise\]'"):
        factory.settings_type.model_validate({"destinations": {"x": {"url": "slack://a/b/c"}}})


@pytest.mark.parametrize(
    ("purpose", "state", "title"),
    [
        ("page", IncidentState.TRIGGERED, "HIGH INC-1042: Card auth"),
        ("post", IncidentState.TRIGGERED, "HIGH INC-1042: Card auth"),
        ("post", IncidentState.ACKNOWLEDGED, "ACKNOWLEDGED HIGH INC-1042: Card auth"),
        ("post", IncidentState.RESOLVED, "RESOLVED INC-1042: Card auth"),
        ("resolved", IncidentState.RESOLVED, "RESOLVED INC-1042: Card auth"),
        ("summary", IncidentState.TRIGGERED, "HIGH 3 incidents, the worst: INC-1042: Card auth"),
        ("test", IncidentState.TRIGGERED, "TEST: ingestd reaches Asha Rao by chat"),
        ("word", IncidentState.CLOSED, "You are on call until Monday"),
    ],
)
def test_the_title_says_how_it_stands(purpose, state, title):
    incident = replace(INCIDENT, state=state)
    words = "You are on call until Monday\nand then ben is."
    text = page_to("slack", purpose=purpose, incident=incident, also=(INCIDENT,) * 2, also_count=2, words=words)
    assert content_of(text, ZONE, is_room=False).title.startswith(title)


def test_a_drill_says_so_first():
    text = page_to("slack", incident=replace(INCIDENT, is_test=True))
    assert content_of(text, ZONE, is_room=False).title.startswith("TEST HIGH INC-1042")


def test_a_post_tells_what_has_just_happened():
    incident = replace(INCIDENT, state=IncidentState.ACKNOWLEDGED, acknowledged_by="ben", assignee="ben")
    content = content_of(
        page_to("slack", purpose="post", incident=incident, reason="acknowledged by ben"), ZONE, is_room=True
    )
    assert "Acknowledged by ben." in content.lines
    assert ("In charge", "ben") in content.facts


def test_a_mention_in_an_alert_stays_text():
    incident = replace(INCIDENT, title="<!channel> <@U123> & <https://evil.example|click>")
    slack = json.dumps(slack_message(content_of(page_to("slack", incident=incident), ZONE, is_room=False)))
    assert "<!channel>" not in slack
    assert "&lt;!channel&gt; &lt;@U123&gt; &amp; &lt;https://evil.example|click&gt;" in slack


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(text=hostile_page_texts(), room_for=st.sampled_from([1.0, 0.5, 0.2]))
def test_every_card_is_one_that_the_services_take(text, room_for):
    content = content_of(text, ZONE, is_room=False, room_for=room_for)
    assert not slack_fault(slack_message(content))
    teams = teams_message(content)
    assert is_card(teams)
    assert all(url.startswith(("https://", "http://")) for _, url in content.links)
    if room_for == 0.2:
        assert size_of(teams) < TEAMS_BYTES_MAX


def test_the_largest_incident_fits_into_a_teams_card():
    flood = "\U0001f525" * 5000
    long = f"https://wiki.example.com/{'x' * 970}"
    incident = replace(
        INCIDENT,
        title=flood,
        summary=flood,
        team=flood,
        assignee=flood,
        acknowledged_by=flood,
        acknowledged_at=datetime(2026, 11, 21, tzinfo=UTC),
        runbook=long,
        url=long,
        ticket_url=long,
        bridge=long,
    )
    text = page_to(
        "teams",
        purpose="summary",
        incident=incident,
        reason=flood,
        earlier=(flood,) * 40,
        also=(incident,) * 50,
        also_count=5000,
        window_minutes=2,
        delayed_minutes=30,
        link=long,
    )
    assert size_of(teams_message(content_of(text, ZONE, is_room=False, room_for=1.0))) > TEAMS_BYTES_MAX
    assert size_of(teams_message(content_of(text, ZONE, is_room=False, room_for=0.2))) < TEAMS_BYTES_MAX
