"""The stand-in keeps Jira's contract also where our connector never goes: else it could hide a mistake."""

from __future__ import annotations

import base64
import json

import pytest

from connectors.jira.fake_issues import STEPWISE_WORKFLOW
from connectors.jira.fake_jql import JqlError, Searchable, parse
from ingestd.core.names import EffectKey
from ingestd.ports import HttpRequest

COMMENT = EffectKey("INC-1042/jira/ticket-comment/3")


async def ask(jira, method, path, body=None, **headers):
    account = base64.b64encode(b"bot@example.com:token-of-the-bot").decode()
    sent = {
        "authorization": f"Basic {account}" if jira.is_cloud else "Bearer token-of-the-bot",
        "content-type": "application/json",
        **headers,
    }
    raw = json.dumps(body).encode() if body is not None else b""
    version = 3 if jira.is_cloud else 2
    return await jira.fake.handle(HttpRequest(method, f"https://jira.example/rest/api/{version}/{path}", sent, raw))


def errors(reply):
    return json.loads(reply.body)["errors"]


async def test_the_old_search_of_the_cloud_is_gone_and_the_new_one_is_unknown_elsewhere(jira):
    reply = await ask(jira, "POST", "search" if jira.is_cloud else "search/jql", {"jql": 'project = "OPS"'})
    assert reply.status == (410 if jira.is_cloud else 404)


async def test_the_cloud_returns_ids_alone_unless_asked_for_more(cloud):
    await cloud.open()
    reply = await ask(cloud, "POST", "search/jql", {"jql": 'project = "OPS"'})
    assert json.loads(reply.body)["issues"] == [{"id": "10001"}]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, {"project", "issuetype", "summary"}),
        ({"project": {"key": "NO"}}, {"project"}),
        ({"issuetype": {"name": "Epic"}}, {"issuetype"}),
        ({"summary": ""}, {"summary"}),
        ({"summary": "a\nb"}, {"summary"}),
        ({"summary": "x" * 256}, {"summary"}),
        ({"summary": "😀" * 128}, {"summary"}),
        ({"labels": ["a b"]}, {"labels"}),
        ({"labels": ["x" * 256]}, {"labels"}),
        ({"priority": {"name": "Urgent"}}, {"priority"}),
        ({"components": [{"name": "none"}]}, {"components"}),
        ({"assignee": {"emailAddress": "x@example.com"}}, {"assignee"}),
        ({"customfield_1": 1}, {"customfield_1"}),
    ],
)
async def test_bad_fields_are_named(jira, fields, named):
    good = {"project": {"key": "OPS"}, "issuetype": {"name": "Task"}, "summary": "x"}
    reply = await ask(jira, "POST", "issue", {"fields": {**good, **fields} if fields else {}})
    assert reply.status == 400
    assert set(errors(reply)) == named
    assert jira.fake.tickets() == []


def document(*content):
    return {"type": "doc", "version": 1, "content": list(content)}


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        {"content": []},
        document({"type": "text", "text": "x"}),
        document({"type": "paragraph", "content": [{"type": "text", "text": ""}]}),
        document({"type": "blink"}),
        document({"type": "paragraph", "content": [{"type": "text", "text": "x" * 32_768}]}),
    ],
)
async def test_the_cloud_takes_documents_alone(cloud, text):
    ref = await cloud.open()
    assert (await ask(cloud, "POST", f"issue/{ref.id}/comment", {"body": text})).status == 400
    assert cloud.only()["comments"] == []


@pytest.mark.parametrize("text", [document(), "x" * 32_768, None])
async def test_data_center_takes_strings_alone(datacenter, text):
    ref = await datacenter.open()
    assert (await ask(datacenter, "POST", f"issue/{ref.id}/comment", {"body": text})).status == 400


async def test_labels_in_fields_replace_and_labels_in_update_add(jira):
    ref = await jira.open()
    issue = jira.fake.issues[ref.id]
    held = list(issue.fields["labels"])
    assert (await ask(jira, "PUT", f"issue/{ref.id}", {"update": {"labels": [{"add": "x"}]}})).status == 204
    assert issue.fields["labels"] == [*held, "x"]
    assert (await ask(jira, "PUT", f"issue/{ref.id}", {"fields": {"labels": ["y"]}})).status == 204
    assert issue.fields["labels"] == ["y"]
    both = {"fields": {"labels": ["y"]}, "update": {"labels": [{"add": "x"}]}}
    assert (await ask(jira, "PUT", f"issue/{ref.id}", both)).status == 400


async def test_the_names_of_transitions_are_translated(jira):
    ref = await jira.open()
    for language, name in (("de-DE", "Fertig"), ("en", "Done")):
        reply = await ask(jira, "GET", f"issue/{ref.id}/transitions", **{"accept-language": language})
        assert json.loads(reply.body)["transitions"][-1]["name"] == name


async def test_a_comment_inside_a_transition_without_a_screen_is_dropped_in_silence(datacenter):
    ref = await datacenter.open()
    comment = {"update": {"comment": [{"add": {"body": "x"}}]}}
    reply = await ask(datacenter, "POST", f"issue/{ref.id}/transitions", {"transition": {"id": "31"}, **comment})
    assert reply.status == 204
    assert datacenter.only()["comments"] == []


async def test_a_transition_that_is_not_offered_is_refused(jira):
    jira.fake.workflow = STEPWISE_WORKFLOW
    ref = await jira.open()
    reply = await ask(jira, "POST", f"issue/{ref.id}/transitions", {"transition": {"id": "5"}})
    assert reply.status == (400 if jira.is_cloud else 500)
    await ask(jira, "POST", f"issue/{ref.id}/transitions", {"transition": {"id": "4"}})
    reply = await ask(jira, "POST", f"issue/{ref.id}/transitions", {"transition": {"id": "5"}})
    assert errors(reply) == {"resolution": "Resolution is required."}


async def test_a_body_that_is_no_json_is_refused(jira):
    assert (await ask(jira, "POST", "issue", [])).status == 400
    assert (await ask(jira, "POST", "issue", {}, **{"content-type": "text/plain"})).status == 400


async def test_search_sees_a_changed_issue_as_it_was_until_the_index_has_caught_up(jira):
    ref = await jira.open()
    jira.fake.index_lag_seconds = 60
    await ask(jira, "PUT", f"issue/{ref.id}", {"update": {"labels": [{"add": "late"}]}})

    async def count(label):
        path = "search/jql" if jira.is_cloud else "search"
        reply = await ask(jira, "POST", path, {"jql": f'labels = "{label}"'})
        return len(json.loads(reply.body)["issues"])

    assert (await count("ingestd"), await count("late")) == (1, 0)
    jira.clock.advance(60)
    assert (await count("ingestd"), await count("late")) == (1, 1)


ISSUE = Searchable("OPS", frozenset({"a", "b"}), "Marker: ingestd-0a1b. More words")


@pytest.mark.parametrize(
    ("jql", "matches"),
    [
        ('project = "OPS"', True),
        ("project = OPS AND labels = a", True),
        ("project = OPS and labels = c", False),
        ("labels = c OR labels = b", True),
        ("project = NO AND labels = c OR labels = b", True),
        ("project = NO AND (labels = c OR labels = b)", False),
        (r'description ~ "\"ingestd-0a1b\""', True),
        (r'description ~ "\"0a1b ingestd\""', False),
        ('description ~ "words more"', True),
        (r'description ~ "\"ingestd-0a1\""', False),
    ],
)
def test_queries_mean_what_they_mean_in_jira(jql, matches):
    assert parse(jql).matches(ISSUE) is matches


@pytest.mark.parametrize(
    "jql",
    [
        "",
        "ORDER BY created",
        "project",
        "project =",
        'project = "OPS',
        "project = OPS AND",
        "(project = OPS",
        "project = OPS)",
        "project = OPS ORDER BY rank",
        "reporter = me",
        "project ? OPS",
        "labels != a",
    ],
)
def test_queries_that_jira_or_the_stand_in_would_not_understand_are_refused(jql):
    with pytest.raises(JqlError):
        parse(jql)
