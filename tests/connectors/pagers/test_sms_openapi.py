"""Requests and the stand-in's answers against Twilio's own OpenAPI document, where that is at hand."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema
import pytest

from connectors.sms_pager import factory
from connectors.sms_pager.fake import TwilioFake
from connectors.sms_pager.settings import SmsPagerSettings
from ingestd.core.names import Channel, EffectKey, PersonName
from ingestd.ports import ConnectorTools, Contact, HttpReply, HttpRequest

NAME = "twilio_api_v2010.json"
PLACES = (os.environ.get("INGESTD_CONTRACTS", ""), Path(__file__).parents[4] / "shared" / "contracts")
INTEGERS = {"ValidityPeriod", "PageSize"}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    for place in PLACES:
        if place and (path := Path(place) / NAME).is_file():
            return json.loads(path.read_text())
    pytest.skip(f"{NAME} is not at hand: set INGESTD_CONTRACTS to the folder that holds it")


def resolved(contract: dict[str, Any], schema: Any) -> Any:
    """The schema with references followed and OpenAPI's ``nullable`` said as JSON Schema says it."""
    if isinstance(schema, list):
        return [resolved(contract, item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target: Any = contract
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(contract, target)
    found = {name: resolved(contract, value) for name, value in schema.items() if name != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") else found


def operation(contract: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    path = unquote(urlsplit(request.url).path)
    for template, methods in contract["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+?", template), path) and request.method.lower() in methods:
            return methods[request.method.lower()]
    raise AssertionError(f"{request.method} {path} is no operation of the contract")


def typed(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs), "no field is sent twice"
    return {name: int(value) if name in INTEGERS else value for name, value in pairs}


def check_request(contract: dict[str, Any], request: HttpRequest) -> None:
    found = operation(contract, request)
    if request.method == "POST":
        schema = resolved(contract, found["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"])
        jsonschema.validate(
            typed(parse_qsl(request.body.decode(), strict_parsing=True)), {**schema, "additionalProperties": False}
        )
    parameters = {parameter["name"]: parameter for parameter in found["parameters"] if parameter["in"] == "query"}
    for name, value in typed(parse_qsl(urlsplit(request.url).query)).items():
        jsonschema.validate(value, resolved(contract, parameters[name]["schema"]))


def check_reply(contract: dict[str, Any], request: HttpRequest, reply: HttpReply) -> None:
    found = operation(contract, request)["responses"][str(reply.status)]
    jsonschema.validate(json.loads(reply.body), resolved(contract, found["content"]["application/json"]["schema"]))


class Witness:
    """Passes requests on and keeps what was answered."""

    def __init__(self, server: TwilioFake) -> None:
        self.server = server
        self.seen: list[tuple[HttpRequest, HttpReply]] = []

    async def send(self, request: HttpRequest) -> HttpReply:
        reply = await self.server.handle(request)
        self.seen.append((request, reply))
        return reply


@pytest.mark.parametrize(
    "sender", [{"from": "+15005550006"}, {"messaging_service_sid": "MG" + "a" * 32}], ids=["number", "service"]
)
async def test_requests_and_answers_keep_twilios_contract(contract, make_page, sender):
    account = {"account_sid": "AC" + "0" * 31 + "1", "auth_token": "token-of-the-account", **sender}
    witness = Witness(TwilioFake())
    configured = SmsPagerSettings.model_validate({"twilio": account})
    pager = factory.build("sms", configured, ConnectorTools(witness, lambda _options: None, "https://i.example.com"))
    page = make_page(contact=Contact(PersonName("asha"), "Asha", Channel.SMS, "+15558675310"))
    key = EffectKey("INC-1042/sms/page/1")
    receipt = await pager.page(page, key)
    await pager.find_page(page, key)
    await pager.follow(receipt.id)
    await pager.check()
    assert [request.method for request, _ in witness.seen] == ["POST", "GET", "GET", "GET"]
    for request, reply in witness.seen:
        check_request(contract, request)
        check_reply(contract, request, reply)
