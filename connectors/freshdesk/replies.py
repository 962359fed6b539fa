"""What Freshdesk's answers mean: each status and body that is no success becomes exactly one ``DeliveryError``.

Facts from Freshdesk's API v2 reference, "Errors": 400 carries ``{"description", "errors": [{"field", "message", "code"}]}``, other
errors ``{"code", "message"}``; 429 carries ``Retry-After`` in seconds; 404 has no body.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ingestd.errors import (
    CredentialsRejected,
    DeliveryError,
    OutcomeUnknown,
    ReplyUnreadable,
    RequestRejected,
    TryLater,
)
from ingestd.ports import HttpReply

_EXCERPT_CHARACTERS: Final = 300
_LOGIN_WORDS = re.compile(rb'type=["\']?password|log ?in|sign ?in|single sign-on', re.IGNORECASE)
_ACCOUNT_CODES: Final = frozenset(
    {"invalid_credentials", "account_suspended", "require_feature", "ssl_required", "password_expired"}
)


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One entry of ``errors``: which field Freshdesk refuses, and why, in its words."""

    field: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message} ({self.code})" if self.field else f"{self.message} ({self.code})"


class FieldsRefused(RequestRejected):
    """A definite 400: nothing was made, and Freshdesk names the fields that it refuses."""

    def __init__(self, text: str, problems: tuple[FieldProblem, ...], *, hint: str = "") -> None:
        super().__init__(text, hint=hint)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked, as far as it decides what an answer means.

    ``may_repeat`` says that asking again does no harm (reads, and writes that set a value). ``ticket_id`` is the ticket that the
    address names, or empty: a 404 then means that the ticket is gone, otherwise that the address is no Freshdesk.
    """

    what: str
    may_repeat: bool = True
    ticket_id: str = ""


def read_object(reply: HttpReply, call: Call) -> dict[str, Any]:
    """The JSON object of a success. Raises the ``DeliveryError`` that the answer means otherwise."""
    value = _read_json(reply, call)
    if not isinstance(value, dict):
        raise ReplyUnreadable(
            f"{call.what}: Freshdesk answered {reply.status} with something that is no JSON object: {_excerpt(reply)}"
        )
    return value


def read_list(reply: HttpReply, call: Call) -> list[dict[str, Any]]:
    """The JSON objects of a list. Raises the ``DeliveryError`` that the answer means otherwise."""
    value = _read_json(reply, call)
    if not isinstance(value, list):
        raise ReplyUnreadable(
            f"{call.what}: Freshdesk answered {reply.status} with something that is no JSON list: {_excerpt(reply)}"
        )
    return [item for item in value if isinstance(item, dict)]


def next_page(reply: HttpReply) -> bool:
    """Whether a ``Link`` header names a next page."""
    return bool(re.search(r';\s*rel="?next"?', reply.headers.get("link", "")))


def _read_json(reply: HttpReply, call: Call) -> Any:  # noqa: ANN401 (it is JSON)
    if not 200 <= reply.status < 300:
        raise _error(reply, call)
    if _is_html(reply):
        if _LOGIN_WORDS.search(reply.body):
            raise _not_freshdesk(reply, call, "with a login page")
        raise OutcomeUnknown(f"{call.what}: something in front of Freshdesk answered {reply.status} with a web page")
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise ReplyUnreadable(
            f"{call.what}: Freshdesk answered {reply.status} with unreadable JSON: {_excerpt(reply)}"
        ) from error


def _error(reply: HttpReply, call: Call) -> DeliveryError:
    status = reply.status
    said = f"{call.what}: Freshdesk answered {status}"
    if status == 429:
        return TryLater(f"{said} (rate limit)", after_seconds=_retry_after_seconds(reply))
    if status in {408, 409, 425, 503}:
        # 409: two requests at once, such as two tickets that both make the requester's contact; 503: nobody took the request.
        return TryLater(f"{said}: {_words(reply)}", after_seconds=_retry_after_seconds(reply))
    if status >= 500:
        text = f"{said}: {_excerpt(reply)}"
        return TryLater(text) if call.may_repeat else OutcomeUnknown(text)
    if 300 <= status < 400:
        return _not_freshdesk(reply, call, "with a redirect")
    if status in {401, 403}:
        return _refused_account(reply, call)
    if status in {404, 405, 410}:
        if call.ticket_id and not _is_html(reply):
            return RequestRejected(
                f"{call.what}: ticket {call.ticket_id} is gone (deleted, merged or spam)", is_gone=True
            )
        return _not_freshdesk(reply, call, f"{status}")
    return _refused_request(reply, call)


def _refused_account(reply: HttpReply, call: Call) -> DeliveryError:
    text = f"{call.what}: Freshdesk answered {reply.status}: {_words(reply)}"
    if reply.status == 403 and call.ticket_id and _code(reply) not in _ACCOUNT_CODES:
        # The account works, but an agent with a narrow ticket scope does not reach this ticket (somebody moved it away).
        return RequestRejected(text, hint="give ingestd's agent the scope `Global access`, then retry the delivery")
    return CredentialsRejected(text, hint="check `api_key` and that the agent is active; `ingestd doctor` tries it")


def _refused_request(reply: HttpReply, call: Call) -> DeliveryError:
    problems = _field_problems(reply)
    if not problems:
        return RequestRejected(f"{call.what}: Freshdesk answered {reply.status}: {_words(reply)}")
    text = f"{call.what}: Freshdesk refuses " + "; ".join(str(problem) for problem in problems)
    is_missing = any(problem.code == "missing_field" for problem in problems)
    where = "`custom_fields` (new tickets) or `resolve_fields` (resolve)"
    hint = (
        f"the account requires these fields: set them in {where}"
        if is_missing
        else "correct these fields in the connector or the rule"
    )
    return FieldsRefused(text, problems, hint=hint)


def _not_freshdesk(reply: HttpReply, call: Call, how: str) -> CredentialsRejected:
    target = reply.headers.get("location", "").split("?")[0]
    text = f"{call.what}: answered {how}{f' to {target[:200]}' if target else ''} instead of Freshdesk's API"
    return CredentialsRejected(text, hint="check `domain` or `url`: NAME.freshdesk.com, without a login proxy in front")


def _field_problems(reply: HttpReply) -> tuple[FieldProblem, ...]:
    body = _json_or_none(reply)
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return ()
    return tuple(
        FieldProblem(_short(error.get("field")), _short(error.get("code")), _short(error.get("message")))
        for error in errors[:20]
        if isinstance(error, dict)
    )


def _code(reply: HttpReply) -> str:
    body = _json_or_none(reply)
    return _short(body.get("code")) if isinstance(body, dict) else ""


def _words(reply: HttpReply) -> str:
    """What the body says, in one short line."""
    body = _json_or_none(reply)
    if isinstance(body, dict):
        said = [_short(body.get(name)) for name in ("code", "message", "description")]
        return ", ".join(word for word in said if word) or _excerpt(reply)
    return _excerpt(reply)


def _json_or_none(reply: HttpReply) -> Any:  # noqa: ANN401 (it is JSON)
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None


def _is_html(reply: HttpReply) -> bool:
    return "html" in reply.headers.get("content-type", "").lower() or reply.body[:200].lstrip().lower().startswith(
        (b"<!doctype", b"<html")
    )


def _retry_after_seconds(reply: HttpReply) -> float | None:
    value = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,7}(\.\d+)?", value):
        return float(value)
    try:  # a date counts from the service's own clock: no need to read ours
        return max(
            0.0, (parsedate_to_datetime(value) - parsedate_to_datetime(reply.headers.get("date", ""))).total_seconds()
        )
    except (ValueError, TypeError):
        return None


def _short(value: object) -> str:
    return " ".join(str("" if value is None else value).split())[:_EXCERPT_CHARACTERS]


def _excerpt(reply: HttpReply) -> str:
    text = re.sub(r"[^\x20-\x7e]+|<[^>]*>", " ", reply.body[:2000].decode(errors="replace"))
    return " ".join(text.split())[:_EXCERPT_CHARACTERS] or "an empty body"
