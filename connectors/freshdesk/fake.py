"""A model of Freshdesk that speaks HTTP: for tests, the simulator, and trying ingestd without an account.

It keeps what the API v2 reference promises (validation per field, private notes, tags that replace, paging, rate limits with their
headers, a search index that is late) and can be told to fail. Where the reference is silent it takes the harder case: the list
of tickets is as late as the search, and an unknown requester is a 400.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from connectors.freshdesk.fake_desk import Account, Desk, Problem
from ingestd.core.multipart import read_form
from ingestd.errors import OutcomeUnknown, TryLater
from ingestd.ports import HttpReply, HttpRequest

_SEARCH_PAGE: Final = 30
_FILE_BYTES_MAX: Final = 20_000_000
_LOGIN_PAGE: Final = b"<!DOCTYPE html><html><title>Login</title><form><input type='password' name='p'></form></html>"


class Fault(StrEnum):
    """What befalls the next write request instead of, or after, its effect."""

    BUSY_503 = "busy-503"
    RATE_LIMIT_429 = "rate-limit-429"
    LOSE_REPLY_AFTER_EFFECT = "lose-reply-after-effect"
    LOSE_REQUEST = "lose-request"
    BAD_GATEWAY_AFTER_EFFECT = "bad-gateway-after-effect"
    REFUSE_CONNECTION = "refuse-connection"
    UNAUTHORIZED = "unauthorized"
    HTML_LOGIN = "html-login"
    REDIRECT_LOGIN = "redirect-login"
    GARBAGE_2XX = "garbage-2xx"


_AFTER_EFFECT: Final = {Fault.LOSE_REPLY_AFTER_EFFECT, Fault.BAD_GATEWAY_AFTER_EFFECT, Fault.GARBAGE_2XX}


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests per minute, as the Pro plan has them; requests that are refused count too."""

    total: int = 400
    create: int = 160
    update: int = 160
    list: int = 100


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


class FreshdeskFake:
    """One account in memory. Set the attributes to make it late, narrow or faulty; ``desk.account`` is what its admin set up."""

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC),
        *,
        index_lag_seconds: float = 0.0,
        api_key: str = "key-of-the-agent",
        account: Account | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        self.clock = clock
        self.faults: list[Fault] = []
        """Befall the next write requests, first one first; consumed."""
        self.requests: list[HttpRequest] = []
        self.files: list[tuple[str, str, bytes]] = []
        """Ticket, name and content of every file that was attached."""
        self.index_lag_seconds = index_lag_seconds
        """How late the search is, and the list of tickets too unless ``list_is_immediate``."""
        self.list_is_immediate = False
        self.limits = limits or RateLimits()
        self.desk = Desk(account or Account(), lambda: self.clock())  # noqa: PLW0108 (a test may set another clock later)
        self._authorization = f"Basic {base64.b64encode(f'{api_key}:X'.encode()).decode()}"
        self._minute = 0
        self._used: Counter[str] = Counter()

    async def handle(self, request: HttpRequest) -> HttpReply:
        """Answer as Freshdesk would; raises what an ``HttpClient`` raises where a fault cuts the line."""
        self.requests.append(request)
        parts = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = parts.path.removeprefix("/api/v2")
        asked = _Asked(request.method, path, dict(parse_qsl(parts.query)), headers, request.body)
        fault = self.faults.pop(0) if request.method != "GET" and self.faults else None
        if fault is not None and fault not in _AFTER_EFFECT:
            return _before_effect(fault)
        reply = self._answer(asked)
        return reply if fault is None else _after_effect(fault, reply)

    async def send(self, request: HttpRequest) -> HttpReply:
        """The same, under the name that ``ingestd.ports.HttpClient`` gives it."""
        return await self.handle(request)

    # ------------------------------------------------------------------------------------------ what people do and see

    def tickets(self) -> list[dict[str, Any]]:
        """All tickets that are neither deleted nor spam, in the words of the contract suite."""
        return [
            {
                "id": str(ticket["id"]),
                "title": ticket["subject"],
                "description": ticket["description"],
                "priority": ticket["priority"],
                "tags": ticket["tags"],
                "is_done": ticket["status"] in self.desk.account.done_statuses,
                "comments": [conversation["body"] for conversation in self.desk.conversations[ticket["id"]]],
            }
            for ticket in self.desk.all()
        ]

    def edit(self, ticket_id: str, **fields: object) -> None:
        """Change a ticket as an agent does in the browser (also ``deleted`` and ``spam``)."""
        self.desk.update(int(ticket_id), fields)

    def purge(self, ticket_id: str) -> None:
        """Delete a ticket for good."""
        self.desk.purge(int(ticket_id))

    # ------------------------------------------------------------------------------------------ the door

    def _answer(self, asked: _Asked) -> HttpReply:
        if asked.headers.get("authorization") != self._authorization:
            return _unauthorized()
        headers = self._count(asked)
        if headers["x-ratelimit-remaining"] == "-1":
            now = self.clock()
            return _too_many(headers | {"x-ratelimit-remaining": "0"}, 60 - now.second)
        kind = asked.headers.get("content-type", "").split(";")[0]
        takes_form = asked.method == "POST" and kind == "multipart/form-data"
        if asked.method in {"POST", "PUT"} and kind != "application/json" and not takes_form:
            return _reply(
                415,
                {"code": "invalid_content_type", "message": "Content-Type header should have application/json"},
                headers,
            )
        reply = self._route(asked)
        return HttpReply(reply.status, {**headers, **reply.headers}, reply.body)

    def _count(self, asked: _Asked) -> dict[str, str]:
        minute = int(self.clock().timestamp() // 60)
        if minute != self._minute:
            self._minute = minute
            self._used.clear()
        kind = {("POST", "/tickets"): "create", ("GET", "/tickets"): "list"}.get((asked.method, asked.path), "")
        if asked.method == "PUT":
            kind = "update"
        room = self.limits.total - self._used["total"]
        if kind:
            room = min(room, getattr(self.limits, kind) - self._used[kind])
        self._used["total"] += 1
        self._used[kind] += 1
        left = {"x-ratelimit-total": str(float(self.limits.total)), "x-ratelimit-remaining": str(max(room - 1, -1))}
        return left | {"x-ratelimit-used-currentrequest": "1"}

    def _route(self, asked: _Asked) -> HttpReply:
        if asked.path == "/agents/me" and asked.method == "GET":
            return _reply(200, {"id": 1, "contact": {"name": "ingestd", "email": "ingestd-agent@example.com"}})
        if asked.path == "/groups" and asked.method == "GET":
            groups = [{"id": number, "name": name} for name, number in self.desk.account.groups.items()]
            return self._page(asked, groups, int(asked.query.get("per_page", 30)))
        if asked.path == "/search/tickets" and asked.method == "GET":
            return self._search(asked)
        if asked.path == "/tickets" and asked.method in {"GET", "POST"}:
            return self._list(asked) if asked.method == "GET" else self._create(asked)
        match = re.fullmatch(r"/tickets/(\d+)(/notes|/reply|/conversations)?", asked.path)
        return self._one_ticket(asked, int(match[1]), match[2] or "") if match else HttpReply(404)

    # ------------------------------------------------------------------------------------------ the resources

    def _one_ticket(self, asked: _Asked, number: int, part: str) -> HttpReply:
        ticket = self.desk.find(number)
        if ticket is None:
            return HttpReply(404)
        is_gone = ticket["deleted"] or ticket["spam"]
        match (asked.method, part):
            case ("GET", ""):
                return _reply(200, ticket)
            case ("GET", "/conversations"):
                return self._page(asked, self.desk.conversations[number], int(asked.query.get("per_page", 30)))
            case ("PUT", "") | ("POST", "/notes" | "/reply") if is_gone:
                return HttpReply(405)
            case ("PUT", ""):
                return self._change(asked, number)
            case ("POST", "/notes" | "/reply"):
                return self._converse(asked, number, is_note=part == "/notes")
            case _:
                return HttpReply(405)

    def _create(self, asked: _Asked) -> HttpReply:
        fields = _object(asked.body)
        if fields is None:
            return _invalid_json()
        problems = self.desk.problems_of_new(fields)
        if problems:
            return _invalid(problems)
        ticket = self.desk.create(fields)
        return _reply(201, ticket, {"location": f"/api/v2/tickets/{ticket['id']}"})

    def _change(self, asked: _Asked, number: int) -> HttpReply:
        fields = _object(asked.body)
        if not fields:
            return _invalid_json()
        problems = self.desk.problems_of_change(number, fields)
        return _invalid(problems) if problems else _reply(200, self.desk.update(number, fields))

    def _converse(self, asked: _Asked, number: int, *, is_note: bool) -> HttpReply:
        form = read_form(asked.headers.get("content-type", ""), asked.body)
        fields = _object(asked.body) if form is None else _typed(form[0])
        files = [] if form is None else form[1]
        if fields is None:
            return _invalid_json()
        if sum(len(file.content) for file in files) > _FILE_BYTES_MAX or any(
            f.field_name != "attachments[]" for f in files
        ):
            return _invalid([{"field": "attachments", "message": "Invalid attachments", "code": "invalid_size"}])
        allowed = {"body", "user_id"} | (
            {"private", "notify_emails", "incoming"} if is_note else {"from_email", "cc_emails", "bcc_emails"}
        )
        problems: list[Problem] = [
            {"field": name, "message": "Unexpected/invalid field in request", "code": "invalid_field"}
            for name in fields
            if name not in allowed
        ]
        if not isinstance(fields.get("body"), str) or not 0 < len(fields["body"]) <= 65_535:
            problems.append({"field": "body", "message": "It should be a/an String", "code": "missing_field"})
        if problems:
            return _invalid(problems)
        is_private = is_note and bool(fields.get("private", True))
        conversation = self.desk.add_conversation(number, fields["body"], is_private=is_private)
        conversation["attachments"] = [
            {"name": f.name, "content_type": f.content_type, "size": len(f.content)} for f in files
        ]
        self.files += [(str(number), file.name, file.content) for file in files]
        return _reply(201, conversation)

    def _list(self, asked: _Asked) -> HttpReply:
        query = asked.query
        email = query.get("email", "").casefold()
        if email and email not in self.desk.contacts:
            return _invalid(
                [{"field": "email", "message": "There is no contact matching the given email", "code": "invalid_value"}]
            )
        tickets = self.desk.as_of(0.0 if self.list_is_immediate else self.index_lag_seconds)
        since = query.get("updated_since", "")
        shown = [
            {name: value for name, value in ticket.items() if name != "description"}
            for ticket in tickets
            if ticket["updated_at"] >= since and (not email or str(ticket.get("email")).casefold() == email)
        ]
        order_by = query.get("order_by", "created_at")
        shown.sort(
            key=lambda ticket: (ticket[order_by], ticket["id"]), reverse=query.get("order_type", "desc") == "desc"
        )
        return self._page(asked, shown, int(query.get("per_page", 30)))

    def _search(self, asked: _Asked) -> HttpReply:
        expression = asked.query.get("query", "")
        clause = re.fullmatch(r"\"(tag|cf_[a-z0-9_]+):'([^']*)'\"", expression)
        if clause is None or len(expression) > 512:
            return _invalid([{"field": "query", "message": "Given query is invalid", "code": "invalid_value"}])
        name, value = clause.groups()
        found = [
            ticket
            for ticket in self.desk.as_of(self.index_lag_seconds)
            if (value in ticket["tags"] if name == "tag" else ticket["custom_fields"].get(name) == value)
        ]
        start = _SEARCH_PAGE * (int(asked.query.get("page", 1)) - 1)
        return _reply(200, {"total": len(found), "results": found[start : start + _SEARCH_PAGE]})

    def _page(self, asked: _Asked, items: list[dict[str, Any]], per_page: int) -> HttpReply:
        if not 1 <= per_page <= 100:
            return _invalid(
                [
                    {
                        "field": "per_page",
                        "message": "It should be a Positive Integer less than or equal to 100",
                        "code": "invalid_value",
                    }
                ]
            )
        page = int(asked.query.get("page", 1))
        shown = items[per_page * (page - 1) : per_page * page]
        is_last = per_page * page >= len(items)
        link = (
            {} if is_last else {"link": f'<https://fake.freshdesk.com/api/v2{asked.path}?page={page + 1}>; rel="next"'}
        )
        return _reply(200, shown, link)


def _before_effect(fault: Fault) -> HttpReply:
    match fault:
        case Fault.REFUSE_CONNECTION:
            raise TryLater("connection refused")
        case Fault.LOSE_REQUEST:
            raise OutcomeUnknown("the connection was lost")
        case Fault.RATE_LIMIT_429:
            return _too_many({}, 30)
        case Fault.UNAUTHORIZED:
            return _unauthorized()
        case Fault.HTML_LOGIN:
            return HttpReply(200, {"content-type": "text/html; charset=utf-8"}, _LOGIN_PAGE)
        case Fault.REDIRECT_LOGIN:
            return HttpReply(302, {"location": "https://fake.freshdesk.com/support/login?return=/api"})
    return HttpReply(503, {"content-type": "text/html"}, b"<html>Service Unavailable</html>")


def _after_effect(fault: Fault, reply: HttpReply) -> HttpReply:
    if fault is Fault.LOSE_REPLY_AFTER_EFFECT:
        raise OutcomeUnknown("the connection was lost")
    if fault is Fault.BAD_GATEWAY_AFTER_EFFECT:
        return HttpReply(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>")
    status = reply.status if reply.status < 300 else 200
    return HttpReply(status, {"content-type": "application/json"}, b'{"id": 1')


def _reply(status: int, body: object, headers: Mapping[str, str] | None = None) -> HttpReply:
    return HttpReply(
        status, {"content-type": "application/json; charset=utf-8", **(headers or {})}, json.dumps(body).encode()
    )


def _invalid(problems: list[Problem]) -> HttpReply:
    return _reply(400, {"description": "Validation failed", "errors": problems})


def _invalid_json() -> HttpReply:
    return _reply(400, {"code": "invalid_json", "message": "Request body has invalid json format"})


def _unauthorized() -> HttpReply:
    return _reply(401, {"code": "invalid_credentials", "message": "You have to be logged in to perform this action."})


def _too_many(headers: Mapping[str, str], after_seconds: int) -> HttpReply:
    body = {"message": "You have exceeded the limit of requests per minute"}
    return _reply(429, body, {**headers, "retry-after": str(after_seconds)})


def _typed(fields: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a form: words of a truth value are one."""
    return {name: {"true": True, "false": False}.get(value, value) for name, value in fields.items()}


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
        value_text = json.dumps(value, ensure_ascii=False)
        value_text.encode()  # a lone surrogate is no text that Freshdesk could store
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
