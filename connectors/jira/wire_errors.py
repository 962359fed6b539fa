"""What an answer of Jira, or of something that answers in its place, means for a delivery. Pure: values in, one error out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.jira.text import clean_line
from connectors.jira.wire import Call
from ingestd.errors import (
    CredentialsRejected,
    DeliveryError,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.ports import HttpReply

_LONGEST_WAIT_SECONDS = 3600.0
_LOGIN_WORDS = re.compile(
    rb"log[ -]?in|sign[ -]?in|single sign|saml|sso|password|oauth|id\.atlassian\.com", re.IGNORECASE
)
_DENIED_REASONS = ("authenticated_failed", "authentication_denied", "authorisation_failed")


class FieldsRejected(RequestRejected):
    """A definite 400 that names fields: nothing was created. ``errors`` is field to Jira's words."""

    def __init__(self, text: str, errors: Mapping[str, str], *, hint: str = "") -> None:
        super().__init__(text, hint=hint)
        self.errors = errors


def answer(call: Call, reply: HttpReply) -> Any:  # noqa: ANN401 (JSON is whatever Jira sent; the readers check it)
    """The JSON of a good answer, None if it has no body; raises the one ``DeliveryError`` that fits otherwise.

    A read never leaves an outcome unknown: whatever may pass is ``TryLater`` for it.
    """
    if 200 <= reply.status < 300:
        return _good(call, reply)
    raise _error_of(call, reply)


def unreadable(call: Call, why: str) -> DeliveryError:
    """The error for a success that cannot be understood."""
    text = f"{call.what}: Jira reported success, but {why}"
    if call.writes:
        return ReplyUnreadable(text)
    return TryLater(text, hint="Check that `url` leads to Jira itself and not to a portal in front of it.")


def _good(call: Call, reply: HttpReply) -> Any:  # noqa: ANN401 (as above)
    if not reply.body.strip():
        return None
    if not call.writes and _is_login_refused(reply):
        raise _credentials(call, "Jira answered as to a stranger: the login was refused")
    if _is_html(reply):
        if _LOGIN_WORDS.search(reply.body[:50_000]):
            raise _credentials(call, "a login page came instead of an answer")
        raise unreadable(call, "the answer is a web page")
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        raise unreadable(call, "the answer is not JSON") from None


def _error_of(call: Call, reply: HttpReply) -> DeliveryError:
    status = reply.status
    said = f"{call.what}: HTTP {status}{_words(reply)}"
    if status == 401 or _is_captcha(reply) or _is_login_refused(reply):
        return _credentials(call, f"HTTP {status}{_words(reply)}", captcha=_is_captcha(reply))
    if 300 <= status < 400:
        return _redirected(call, reply)
    if status == 429 or status in {408, 409, 425, 503}:
        return TryLater(said, after_seconds=_retry_after(reply))
    if status >= 500 or status < 200:
        return OutcomeUnknown(said) if call.writes else TryLater(said, after_seconds=_retry_after(reply))
    if _is_html(reply):
        return _page_in_place(call, reply, said)
    return _rejected(call, reply, said)


def _rejected(call: Call, reply: HttpReply, said: str) -> DeliveryError:
    status = reply.status
    if status in {404, 410} and call.issue:
        return RequestRejected(said, is_gone=True, hint="The issue was deleted, or the account may no longer see it.")
    if status == 410:
        return RequestRejected(
            said, hint="This Jira no longer has that API: set `deployment` to what it is (cloud, datacenter)."
        )
    if status == 404:
        return RequestRejected(said, hint="Check `url` (with its context path) and `deployment`.")
    if status == 403:
        return RequestRejected(
            said, hint="The account lacks a permission in that project; `ingestd doctor` lists what it needs."
        )
    if status == 413:
        return RequestRejected(
            said, hint="A limit of Jira is reached: the size of a file, or the number of comments of the issue."
        )
    errors = field_errors(reply)
    if status == 400 and errors:
        return FieldsRejected(
            said, errors, hint="Give required fields under `fields:` of the connector or of the rule's `ticket:`."
        )
    return RequestRejected(said)


def _page_in_place(call: Call, reply: HttpReply, said: str) -> DeliveryError:
    """A 4xx in HTML comes from something in front of Jira, or from its servlet container while Jira starts."""
    if reply.status == 403 or _LOGIN_WORDS.search(reply.body[:50_000]):
        return _credentials(call, f"HTTP {reply.status} with a web page: the account or this network is not let in")
    return TryLater(
        said, hint="A web page answered in place of Jira: check `url` (with its context path) if this lasts."
    )


def _redirected(call: Call, reply: HttpReply) -> DeliveryError:
    target = clean_line(reply.headers.get("location", "").split("?")[0], 200)
    if _LOGIN_WORDS.search(reply.headers.get("location", "").encode(errors="replace")):
        return _credentials(call, f"HTTP {reply.status} to a login page, {target}")
    return TryLater(
        f"{call.what}: HTTP {reply.status}, redirected to {target or 'nowhere'}",
        hint="Set `url` to the address at which Jira answers without a redirect.",
    )


def _credentials(call: Call, why: str, *, captcha: bool = False) -> CredentialsRejected:
    hint = (
        "Log in once in a browser with this account to answer the CAPTCHA, then correct the token."
        if captcha
        else "Check `email` and `token`: tokens expire, and Data Center wants a personal access token without email."
    )
    return CredentialsRejected(f"{call.what}: {why}", hint=hint)


def _is_captcha(reply: HttpReply) -> bool:
    return "CAPTCHA" in reply.headers.get("x-authentication-denied-reason", "").upper()


def _is_login_refused(reply: HttpReply) -> bool:
    reason = reply.headers.get("x-seraph-loginreason", "").lower()
    return any(word in reason for word in _DENIED_REASONS)


def _is_html(reply: HttpReply) -> bool:
    return "html" in reply.headers.get("content-type", "").lower() or reply.body.lstrip()[:1] == b"<"


def _retry_after(reply: HttpReply) -> float | None:
    """Seconds to wait. Dates are read against the answer's own ``Date``: the connector has no clock."""
    wish = reply.headers.get("retry-after", "").strip()
    if wish.isascii() and wish.isdigit():
        return min(float(wish[:9]), _LONGEST_WAIT_SECONDS)
    try:
        sent_at = parsedate_to_datetime(reply.headers.get("date", "")).replace(tzinfo=UTC)
        if wish:
            until = parsedate_to_datetime(wish).replace(tzinfo=UTC)
        else:
            until = datetime.fromisoformat(reply.headers.get("x-ratelimit-reset", "")).astimezone(UTC)
        return min(max((until - sent_at).total_seconds(), 0.0), _LONGEST_WAIT_SECONDS)
    except (ValueError, TypeError, OverflowError):
        return None


def field_errors(reply: HttpReply) -> dict[str, str]:
    """The fields that an error body names, with Jira's words; empty if it names none."""
    errors = _error_body(reply).get("errors")
    return {str(name): str(text) for name, text in errors.items()} if isinstance(errors, dict) else {}


def _error_body(reply: HttpReply) -> dict[str, Any]:
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _words(reply: HttpReply) -> str:
    """What Jira said, for people: from any of its four kinds of error body."""
    body = _error_body(reply)
    messages = body.get("errorMessages")
    words = [str(text) for text in messages] if isinstance(messages, list) else []
    words += [f"{name}: {text}" for name, text in field_errors(reply).items()]
    words += [str(body[name]) for name in ("message", "errorMessage") if body.get(name)]
    reason = reply.headers.get("ratelimit-reason", "")
    said = clean_line("; ".join([*words, reason] if reason else words), 300)
    return f" ({said})" if said else ""
