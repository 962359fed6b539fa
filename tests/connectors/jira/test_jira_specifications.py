"""What the connector sends, held against Atlassian's own specifications. Runs where these are at hand."""

from __future__ import annotations

import json
import re
from functools import cache
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4

from connectors.jira.fake_issues import STEPWISE_WORKFLOW
from ingestd.core.names import EffectKey
from ingestd.ports import HttpRequest, TicketDraft

OPEN = EffectKey("INC-1042/jira/ticket-open/1")
COMMENT = EffectKey("INC-1042/jira/ticket-comment/3")
RESOLVE = EffectKey("INC-1042/jira/ticket-resolve/4")
REOPEN = EffectKey("INC-1042/jira/ticket-reopen/5")


@cache
def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def adf_schema(contracts):
    return Draft4Validator(load(contracts / "adf-schema-v1-full.json"))


@pytest.fixture
def cloud_api(contracts):
    return Specification(load(contracts / "jira-cloud-swagger-v3.v3.json"))


class Specification:
    """An OpenAPI 3.0 document, as far as it speaks of requests."""

    def __init__(self, document):
        self.document = document
        resource = DRAFT4.create_resource(document)
        self.registry = Registry().with_resource("urn:api", resource)

    def problems(self, request):
        """What the document does not allow in a request; empty if it is as described."""
        parts = urlsplit(request.url)
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
            if re.fullmatch(pattern, parts.path) and request.method.lower() in operations:
                operation = operations[request.method.lower()]
                return [*self._query_problems(operation, parts.query), *self._body_problems(operation, request)]
        return [f"no such operation: {request.method} {parts.path}"]

    def _query_problems(self, operation, query):
        known = {one["name"]: one["schema"] for one in operation.get("parameters", []) if one["in"] == "query"}
        for name, value in parse_qsl(query):
            if name not in known:
                yield f"unknown query parameter {name}"
            elif known[name].get("enum") and value not in known[name]["enum"]:
                yield f"{name}={value} is none of {known[name]['enum']}"
            elif known[name]["type"] == "integer" and not value.isdigit():
                yield f"{name}={value} is no number"

    def _body_problems(self, operation, request):
        if "requestBody" not in operation:
            return ["a body where none is described"] if request.body else []
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        whole = {"$ref": f"urn:api{schema['$ref']}"}
        errors = Draft4Validator(whole, registry=self.registry).iter_errors(json.loads(request.body))
        return [error.message for error in errors]


def documents(fake):
    """Every description and comment that was sent."""
    for request in fake.requests:
        body = json.loads(request.body) if request.body else {}
        if "body" in body:
            yield body["body"]
        if request.url.endswith("/issue"):
            yield body["fields"]["description"]


async def everything(jira, incident, note):
    """Uses every request that there is."""
    jira.fake.workflow = STEPWISE_WORKFLOW
    tickets = jira.connector(url="https://jira.example", deployment="auto")
    await tickets.check()
    ref = await tickets.open_ticket(TicketDraft(incident(), {"component": "no-such", "labels": ["x"]}), OPEN)
    await tickets.find_ticket(OPEN, incident(), {})
    await tickets.comment(ref, note("one", "two"), COMMENT)
    await tickets.find_comment(ref, COMMENT)
    await tickets.set_priority(ref, incident(), {})
    await tickets.resolve(ref, note("x"), RESOLVE, {})
    await tickets.reopen(ref, note("x"), REOPEN, {})
    await tickets.read(ref)


async def test_every_request_is_in_atlassians_openapi(cloud, incident, note, cloud_api):
    await everything(cloud, incident, note)
    called = {(request.method, urlsplit(request.url).path.rpartition("/")[2]) for request in cloud.fake.requests}
    assert len(called) >= 11
    for request in cloud.fake.requests:
        if not request.url.endswith("/rest/api/2/serverInfo"):  # the same on both versions; this document has only 3
            assert cloud_api.problems(request) == [], request.url


def test_the_check_itself_sees_what_is_wrong(cloud_api):
    def problems(method, path, body=None):
        raw = json.dumps(body).encode() if body is not None else b""
        return cloud_api.problems(HttpRequest(method, "https://jira.example" + path, {}, raw))

    assert problems("POST", "/rest/api/3/search/jql", {"jql": "x", "startAt": 0})
    assert problems("POST", "/rest/api/3/search/jql", {"jql": 5})
    assert problems("PUT", "/rest/api/3/issue/1", {"update": {"labels": [{"append": "x"}]}})
    assert problems("GET", "/rest/api/3/issue/1?field=x")
    assert problems("GET", "/rest/api/3/no-such")
    assert problems("POST", "/rest/api/3/issue", {"properties": [{"name": "x"}]})
    assert problems("POST", "/rest/api/3/issue", {"fields": {"summary": "x"}}) == []


async def test_every_text_is_a_valid_document(cloud, incident, note, adf_schema):
    await everything(cloud, incident, note)
    sent = list(documents(cloud.fake))
    assert len(sent) == 5
    for document in sent:
        assert list(adf_schema.iter_errors(document)) == []


@pytest.mark.parametrize(
    "text",
    ["", " \n ", "\x00", "\ud800", "a\nb", "x" * 50_000, "[~admin]", "https://x.example/|]", "javascript:alert(1)"],
    ids=range(9),
)
async def test_documents_of_hostile_text_are_valid(cloud, incident, alert, note, adf_schema, text):
    bad = alert(
        name=text, summary=text, labels={text: text}, annotations={"description": text + "!"}, links={text: text}
    )
    whole = incident(
        title=text, summary=text, category=text, team=text, rule=text, runbook=text, url=text, alerts=(bad,)
    )
    ref = await cloud.tickets.open_ticket(TicketDraft(whole, {}), OPEN)
    await cloud.tickets.comment(ref, note(text, text), COMMENT)
    sent = list(documents(cloud.fake))
    assert len(sent) == 2
    for document in sent:
        assert list(adf_schema.iter_errors(document)) == []


def test_the_document_check_itself_sees_an_empty_text(adf_schema):
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": ""}]}
    assert list(adf_schema.iter_errors({"type": "doc", "version": 1, "content": [paragraph]}))
