"""The SMS pager as the dispatcher meets it: its factory, its settings, and any text through every service."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.sms_pager import factory
from connectors.sms_pager.connector import is_public, receipt_url
from connectors.sms_pager.fake import GatewayFake, TwilioFake, VonageFake
from connectors.sms_pager.fake_twilio import segment_count
from connectors.sms_pager.settings import SmsPagerSettings
from ingestd.core.names import Channel, EffectKey
from ingestd.ports import ConnectorTools, Pager

TWILIO = {"account_sid": "AC" + "0" * 31 + "1", "auth_token": "token-of-the-account", "from": "+15005550006"}
VONAGE = {"api_key": "abcd1234", "api_secret": "secret-of-the-account", "from": "ingestd"}
GATEWAY = {"url": "https://gateway.example.com/send", "form": {"to": "{to}", "text": "{text}"}}
SERVICES = {
    "twilio": ({"twilio": TWILIO}, TwilioFake),
    "vonage": ({"vonage": VONAGE}, VonageFake),
    "vonage-sms": ({"vonage": {**VONAGE, "api": "sms"}}, VonageFake),
    "gateway": ({"gateway": GATEWAY}, GatewayFake),
}


def build(configured, server=None):
    tools = ConnectorTools(server, lambda _options: None, "https://i.example.com")
    return factory.build("sms", SmsPagerSettings.model_validate(configured), tools)


@pytest.mark.parametrize("service", SERVICES)
def test_it_is_a_pager_for_text_messages(service):
    pager = build(SERVICES[service][0])
    assert isinstance(pager, Pager)
    assert (pager.name, pager.channel) == ("sms", Channel.SMS)


def test_the_entry_point_names_the_factory():
    project = Path(__file__).parents[3] / "pyproject.toml"
    target = tomllib.loads(project.read_text())["project"]["entry-points"]["ingestd.connectors"][factory.kind]
    module, _, attribute = target.partition(":")
    assert getattr(import_module(module), attribute) is factory


@pytest.mark.parametrize("service", SERVICES)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
async def test_any_text_of_a_stranger_reaches_the_phone_in_one_segment(hostile_pages, service, data):
    configured, make_server = SERVICES[service]
    server = make_server()
    text = data.draw(hostile_pages)
    text = replace(text, contact=replace(text.contact, address="+15558675310"))
    await build(configured, server).page(text, EffectKey("INC-1042/sms/page/3"))
    [message] = server.messages
    assert segment_count(message.body) == 1
    assert "INC-1042 #3" in message.body
    if text.purpose == "page":
        assert message.body.endswith(f"\nAck: {text.link}")


@pytest.mark.parametrize(
    ("configured", "words"),
    [
        ({}, "exactly one of"),
        ({"twilio": TWILIO, "vonage": VONAGE}, "exactly one of"),
        ({"twilio": TWILIO, "timezone": "Mars/Olympus"}, "no time zone"),
        ({"twilio": TWILIO, "omit_link_for": ["86"]}, "pattern"),
        ({"twilio": {**TWILIO, "account_sid": "ACxyz"}}, "pattern"),
        ({"twilio": {**TWILIO, "auth_token": None}}, "set auth_token"),
        ({"twilio": {**TWILIO, "api_key_sid": "SK" + "a" * 32}}, "belong together"),
        ({"twilio": {**TWILIO, "from": ""}}, "exactly one of"),
        ({"twilio": {**TWILIO, "messaging_service_sid": "MG" + "a" * 32}}, "exactly one of"),
        ({"twilio": {**TWILIO, "from": "a name that is far too long"}}, "must be a number"),
        ({"twilio": {**TWILIO, "from": 15005550006}}, "in quotes"),
        ({"twilio": {**TWILIO, "api_url": "http://api.twilio.com"}}, "https://"),
        ({"twilio": {**TWILIO, "validity_seconds": 0}}, "greater than or equal to 1"),
        ({"vonage": {**VONAGE, "from": ""}}, "must be a number"),
        ({"twilio": {**TWILIO, "colour": "red"}}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(configured, words):
    with pytest.raises(ValidationError, match=words) as caught:
        SmsPagerSettings.model_validate(configured)
    assert "token-of-the-account" not in str(caught.value)
    assert "secret-of-the-account" not in str(caught.value)


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_are_in_no_representation(service):
    configured = SmsPagerSettings.model_validate(SERVICES[service][0])
    assert "-of-the-account" not in repr(configured) + str(configured.model_dump())


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("i.example.com", True),
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("ingestd", False),
        ("localhost", False),
        ("192.168.0.7", False),
        ("169.254.169.254", False),
        ("::1", False),
        ("under_score.example.com", False),
        ("", False),
    ],
)
def test_only_what_the_internet_can_reach_is_public(host, public):
    assert is_public(host) is public


def test_a_receipt_url_is_made_of_the_external_url_and_the_connectors_name():
    assert (
        receipt_url("https://i.example.com/base/", "sms", "https://api.twilio.com")
        == "https://i.example.com/base/api/v1/receipts/sms"
    )
    assert receipt_url("not a url", "sms", "https://api.twilio.com") == ""
    assert receipt_url("https://[", "sms", "https://api.twilio.com") == ""
