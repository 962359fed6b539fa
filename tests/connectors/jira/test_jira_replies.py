"""What each answer of Jira, or of something in front of it, means: recorded replies in, one error out."""

from __future__ import annotations

import json

import pytest

from connectors.jira.settings import Deployment
from connectors.jira.wire import Wire
from connectors.jira.wire_errors import FieldsRejected, answer
from connectors.jira.wire_replies import (
    read_account,
    read_comments,
    read_created,
    read_deployment,
    read_found,
    read_issue,
    read_missing,
    read_transitions,
)
from ingestd.errors import (
    CredentialsRejected,
    DeliveryError,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.ports import HttpReply

WIRE = Wire("https://jira.example", Deployment.CLOUD, "Basic c2VjcmV0")
CREATE = WIRE.create({}, [])
COMMENT = WIRE.comment("10001", {}, internal=False)
READ = WIRE.issue("10001")
SEARCH = WIRE.search("project = X")

JSON = {"content-type": "application/json;charset=UTF-8"}
HTML = {"content-type": "text/html;charset=UTF-8"}


def reply(status, body=b"", **headers):
    kind = HTML if isinstance(body, bytes) and body.startswith(b"<") else JSON
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpReply(status, {**kind, **{name.replace("_", "-"): value for name, value in headers.items()}}, raw)


def fails(call, given, kind):
    with pytest.raises(DeliveryError) as raised:
        answer(call, given)
    assert type(raised.value) is kind, f"{raised.value!r}"
    assert "c2VjcmV0" not in str(raised.value)
    return raised.value


NOT_FOUND = {"errorMessages": ["Issue does not exist or you do not have permission to see it."], "errors": {}}


@pytest.mark.parametrize(
    ("given", "on_write", "on_read"),
    [
        (reply(401), CredentialsRejected, CredentialsRejected),
        (reply(401, b"<html>Unauthorized (401)</html>"), CredentialsRejected, CredentialsRejected),
        (
            reply(403, x_authentication_denied_reason="CAPTCHA_CHALLENGE; login-url=https://jira.example/login.jsp"),
            CredentialsRejected,
            CredentialsRejected,
        ),
        (reply(403, {}, x_seraph_loginreason="AUTHENTICATED_FAILED"), CredentialsRejected, CredentialsRejected),
        (reply(403, b"<html>Your IP is not allowed</html>"), CredentialsRejected, CredentialsRejected),
        (reply(403, {"errorMessages": ["No permission."]}), RequestRejected, RequestRejected),
        (reply(404, NOT_FOUND), RequestRejected, RequestRejected),
        (reply(404, b"<html>HTTP Status 404 - Not Found</html>"), TryLater, TryLater),
        (reply(405, {}), RequestRejected, RequestRejected),
        (reply(408), TryLater, TryLater),
        (reply(409, {"errorMessages": ["Another operation is running."]}), TryLater, TryLater),
        (reply(410, {"errorMessages": ["Gone."]}), RequestRejected, RequestRejected),
        (reply(413, {"errorMessages": ["Comment limit."]}), RequestRejected, RequestRejected),
        (reply(422, {"errorMessages": ["Workflow."]}), RequestRejected, RequestRejected),
        (reply(429, b""), TryLater, TryLater),
        (reply(500, {"errorMessages": ["Internal server error"]}), OutcomeUnknown, TryLater),
        (reply(502, b"<html>Bad Gateway</html>"), OutcomeUnknown, TryLater),
        (reply(503, b"<html>Service Unavailable</html>"), TryLater, TryLater),
        (reply(504, b""), OutcomeUnknown, TryLater),
        (reply(520, b"<html>Web server returned an unknown error</html>"), OutcomeUnknown, TryLater),
        (reply(302, location="https://sso.example/saml?x=1"), CredentialsRejected, CredentialsRejected),
        (reply(303, location="/login.jsp?permissionViolation=true"), CredentialsRejected, CredentialsRejected),
        (reply(301, location="https://new.example/jira/"), TryLater, TryLater),
        (reply(307), TryLater, TryLater),
        (reply(200, b"<html><form>Log in</form></html>"), CredentialsRejected, CredentialsRejected),
        (reply(200, b"<html>Scheduled maintenance</html>"), ReplyUnreadable, TryLater),
        (reply(201, b'{"id": "100'), ReplyUnreadable, TryLater),
        (reply(200, b"[" * 100_000), ReplyUnreadable, TryLater),
        (reply(200, b"\xff\xfe\x00"), ReplyUnreadable, TryLater),
    ],
    ids=lambda value: f"{value.status}-{value.body[:24]!r}" if isinstance(value, HttpReply) else "",
)
def test_every_answer_has_one_meaning(given, on_write, on_read):
    fails(COMMENT, given, on_write)
    fails(READ, given, on_read)


def test_a_stranger_on_a_public_site_is_not_taken_for_a_reader():
    given = reply(200, {"issues": []}, x_seraph_loginreason="AUTHENTICATED_FAILED")
    fails(SEARCH, given, CredentialsRejected)


def test_a_captcha_hint_says_how_to_get_rid_of_it():
    given = reply(403, {}, x_authentication_denied_reason="CAPTCHA_CHALLENGE; login-url=x")
    assert "browser" in fails(COMMENT, given, CredentialsRejected).hint


@pytest.mark.parametrize("status", [404, 410])
def test_only_what_is_said_of_an_issue_means_gone(status):
    assert fails(COMMENT, reply(status, NOT_FOUND), RequestRejected).is_gone
    assert fails(READ, reply(status, NOT_FOUND), RequestRejected).is_gone
    for call in (CREATE, SEARCH):
        rejected = fails(call, reply(status, NOT_FOUND), RequestRejected)
        assert not rejected.is_gone
        assert "deployment" in rejected.hint


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0"}, 0.0),
        ({"retry_after": "99999999999999999999"}, 3600.0),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "soon"}, None),
        ({}, None),
        ({"retry_after": "Fri, 02 Jan 2026 03:05:05 GMT", "date": "Fri, 02 Jan 2026 03:04:05 GMT"}, 60.0),
        ({"retry_after": "Fri, 02 Jan 2026 03:04:05 GMT", "date": "Fri, 02 Jan 2026 03:05:05 GMT"}, 0.0),
        ({"retry_after": "Fri, 02 Jan 2026 03:05:05 GMT"}, None),
        ({"x_ratelimit_reset": "2026-01-02T03:04:35Z", "date": "Fri, 02 Jan 2026 03:04:05 GMT"}, 30.0),
        ({"x_ratelimit_reset": "2026-01-02T03:04Z", "date": "Fri, 02 Jan 2026 03:04:00 GMT"}, 0.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_that_jira_asks_for_is_passed_on(status, headers, seconds):
    assert fails(COMMENT, reply(status, b"", **headers), TryLater).after_seconds == seconds


def test_a_refused_field_keeps_jiras_words_for_each_field():
    errors = {"labels": "Field 'labels' cannot be set. It is not on the appropriate screen, or unknown."}
    rejected = fails(CREATE, reply(400, {"errorMessages": [], "errors": errors}), FieldsRejected)
    assert isinstance(rejected, RequestRejected)
    assert rejected.errors == errors
    assert "not on the appropriate screen" in str(rejected)


@pytest.mark.parametrize(
    "body",
    [
        {"errorMessages": ["what went wrong"]},
        {"errors": {"summary": "what went wrong"}},
        {"message": "what went wrong", "status-code": 400},
        {"errorMessage": "what went wrong"},
    ],
)
def test_the_words_of_every_kind_of_error_body_reach_the_reader(body):
    with pytest.raises(RequestRejected, match="what went wrong"):
        answer(CREATE, reply(400, body))


@pytest.mark.parametrize("body", [[], "x", 3, None, {"errors": [1], "errorMessages": "x"}, {"errors": {"a": {"b": 1}}}])
def test_an_error_body_of_any_shape_is_still_a_rejection(body):
    with pytest.raises(RequestRejected):
        answer(CREATE, reply(400, body))


def test_what_jira_says_is_cut_and_cleaned_before_it_is_stored():
    with pytest.raises(RequestRejected) as raised:
        answer(CREATE, reply(400, {"errorMessages": ["\x1b[31mred\n" + "x" * 100_000]}))
    assert len(str(raised.value)) < 400
    assert str(raised.value).isprintable()


def test_good_answers_are_read():
    created = {"id": "10000", "key": "OPS-1", "self": "https://jira.example/rest/api/3/issue/10000"}
    assert read_created(CREATE, answer(CREATE, reply(201, created))) == ("10000", "OPS-1")
    assert answer(COMMENT, reply(204)) is None
    assert read_deployment(READ, {"deploymentType": "Cloud"}) is Deployment.CLOUD
    assert read_deployment(READ, {"deploymentType": "Server"}) is Deployment.DATACENTER
    issue = {
        "id": "1",
        "key": "OPS-1",
        "fields": {"status": {"id": "3", "name": "In Arbeit", "statusCategory": {"key": "indeterminate"}}},
    }
    state = read_issue(READ, issue)
    assert (state.status, state.category, state.assignee, state.properties) == ("In Arbeit", "indeterminate", "", {})


def test_transitions_that_are_not_available_are_not_offered():
    to = {"id": "5", "name": "Done", "statusCategory": {"key": "done"}}
    offered = [{"id": "1", "name": "a", "to": to, "isAvailable": False}, {"id": "2", "name": "b", "to": to}]
    assert [one.id for one in read_transitions(READ, {"transitions": offered})] == ["2"]


@pytest.mark.parametrize("body", [None, [], "x", 1, {}, {"id": 5, "key": "A-1"}, {"id": "5"}, {"id": "", "key": ""}])
def test_a_created_issue_without_its_names_probably_exists(body):
    with pytest.raises(ReplyUnreadable):
        read_created(CREATE, body)


@pytest.mark.parametrize("body", [None, [], "x", 1, {}, {"issues": {}, "permissions": 3}, {"issues": [None]}])
@pytest.mark.parametrize(
    "read", [read_account, read_comments, read_deployment, read_found, read_issue, read_missing, read_transitions]
)
def test_a_read_that_cannot_be_understood_may_be_asked_again(read, body):
    with pytest.raises(TryLater):
        read(READ, body)
