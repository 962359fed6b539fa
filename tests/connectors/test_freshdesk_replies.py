"""What each answer of Freshdesk means to the dispatcher."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.freshdesk.replies import Call, FieldsRefused, next_page, read_list, read_object
from ingestd.errors import (
    CredentialsRejected,
    DeliveryError,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.ports import HttpReply

CREATE = Call("opening a ticket", may_repeat=False)
NOTE = Call("adding a note", may_repeat=False, ticket_id="7")
CHANGE = Call("changing a ticket", ticket_id="7")
READ = Call("reading the agent")
JSON = {"content-type": "application/json"}


def refused(status, *errors):
    return HttpReply(status, JSON, json.dumps({"description": "Validation failed", "errors": errors}).encode())


@pytest.mark.parametrize(
    ("reply", "call", "expected"),
    [
        (HttpReply(429, {"retry-after": "30"}), CREATE, TryLater),
        (HttpReply(408), CREATE, TryLater),
        (HttpReply(409, JSON, b'{"code":"inconsistent_state","message":"busy"}'), CREATE, TryLater),
        (HttpReply(503, {}, b"<html>"), CREATE, TryLater),
        (HttpReply(500), CREATE, OutcomeUnknown),
        (HttpReply(502, {}, b"<html>Bad Gateway"), NOTE, OutcomeUnknown),
        (HttpReply(504), CREATE, OutcomeUnknown),
        (HttpReply(502), CHANGE, TryLater),
        (HttpReply(500), READ, TryLater),
        (HttpReply(401, JSON, b'{"code":"invalid_credentials","message":"log in"}'), CREATE, CredentialsRejected),
        (HttpReply(403, JSON, b'{"code":"access_denied","message":"no"}'), CREATE, CredentialsRejected),
        (HttpReply(403, JSON, b'{"code":"access_denied","message":"no"}'), CHANGE, RequestRejected),
        (HttpReply(403, JSON, b'{"code":"account_suspended","message":"pay"}'), CHANGE, CredentialsRejected),
        (HttpReply(404), CHANGE, RequestRejected),
        (HttpReply(405), NOTE, RequestRejected),
        (HttpReply(404), CREATE, CredentialsRejected),
        (HttpReply(404, {"content-type": "text/html"}, b"<html>no such account"), CHANGE, CredentialsRejected),
        (HttpReply(302, {"location": "https://acme.freshdesk.com/login?key=1"}), CREATE, CredentialsRejected),
        (HttpReply(301, {"location": "http://acme.freshdesk.com/"}), READ, CredentialsRejected),
        (HttpReply(200, {"content-type": "text/html"}, b"<form><input type=password>"), CREATE, CredentialsRejected),
        (HttpReply(200, {}, b"<!DOCTYPE html><p>Scheduled maintenance"), CREATE, OutcomeUnknown),
        (HttpReply(415), CREATE, RequestRejected),
        (HttpReply(413), CREATE, RequestRejected),
        (HttpReply(422, JSON, b"{}"), CREATE, RequestRejected),
        (HttpReply(400, JSON, b'{"code":"invalid_json","message":"no"}'), CREATE, RequestRejected),
        (HttpReply(201, JSON, b'{"id": 1'), CREATE, ReplyUnreadable),
        (HttpReply(201, JSON, b"[]"), CREATE, ReplyUnreadable),
        (HttpReply(201, JSON, b""), CREATE, ReplyUnreadable),
        (HttpReply(201, JSON, b"\xff\xfe"), CREATE, ReplyUnreadable),
        (HttpReply(201, JSON, b"[" * 100_000), CREATE, ReplyUnreadable),
    ],
)
def test_each_answer_is_one_kind_of_error(reply, call, expected):
    with pytest.raises(DeliveryError) as raised:
        read_object(reply, call)

    assert type(raised.value) is expected
    assert call.what in str(raised.value)


@pytest.mark.parametrize("status", [404, 405, 410])
def test_a_ticket_that_freshdesk_does_not_know_is_gone(status):
    with pytest.raises(RequestRejected, match="ticket 7 is gone") as raised:
        read_object(HttpReply(status), CHANGE)

    assert raised.value.is_gone


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": " 1800 "}, 1800.0),
        ({"retry-after": "Mon, 05 Jan 2026 03:13:30 GMT", "date": "Mon, 05 Jan 2026 03:12:00 GMT"}, 90.0),
        ({"retry-after": "Mon, 05 Jan 2026 03:13:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({}, None),
    ],
)
def test_the_waiting_time_of_a_rate_limit_is_handed_on(headers, seconds):
    with pytest.raises(TryLater) as raised:
        read_object(HttpReply(429, headers), CREATE)

    assert raised.value.after_seconds == seconds


def test_a_refusal_names_each_field_and_what_to_do():
    missing = {"field": "cf_site", "message": "It should be a/an String", "code": "missing_field"}
    wrong = {"field": "priority", "message": "It should be one of these values: '1,2,3,4'", "code": "invalid_value"}

    with pytest.raises(FieldsRefused) as raised:
        read_object(refused(400, missing, wrong), CREATE)

    assert str(raised.value) == (
        "opening a ticket: Freshdesk refuses cf_site: It should be a/an String (missing_field); "
        "priority: It should be one of these values: '1,2,3,4' (invalid_value)"
    )
    assert "`custom_fields`" in raised.value.hint
    assert [problem.field for problem in raised.value.problems] == ["cf_site", "priority"]


def test_a_redirect_is_shown_without_its_query():
    with pytest.raises(CredentialsRejected) as raised:
        read_object(HttpReply(302, {"location": "https://sso.example/login?token=abc"}), CREATE)

    assert "https://sso.example/login" in str(raised.value)
    assert "abc" not in str(raised.value)


def test_a_list_skips_what_is_no_object():
    assert read_list(HttpReply(200, JSON, b'[{"id": 1}, 2, null]'), READ) == [{"id": 1}]


@pytest.mark.parametrize(
    ("link", "expected"), [('<https://x/y?page=2>; rel="next"', True), ("<https://x/y>; rel=prev", False), ("", False)]
)
def test_the_next_page_is_told_by_the_link_header(link, expected):
    assert next_page(HttpReply(200, {"link": link})) is expected


@given(
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["content-type", "retry-after", "location", "date"]), st.text(max_size=40)),
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["errors", "field", "code", "message", "id"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_answer_raises_anything_but_a_delivery_error(status, headers, body):
    for call in (CREATE, CHANGE, READ):
        for read in (read_object, read_list):
            with suppress(DeliveryError):
                read(HttpReply(status, headers, body), call)
