"""A stand-in for Jira that keeps its contract: for tests, the simulator, and acceptance runs behind a real socket.

It models what has hurt people: a search index that lags behind, 404 for what the account may not see, fields that are on no
screen, transitions whose names are translated, a limit of writes per issue, and proxies that answer in its place. Nothing in
it knows how the connector is made.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from connectors.jira.fake_faults import Fault, after_effect, before_effect
from connectors.jira.fake_issues import SIMPLE_WORKFLOW, FakeIssue, FieldRules, Workflow, WorkflowStep
from connectors.jira.fake_jql import JqlError, parse
from connectors.jira.fake_replies import answer, body_of, header, refusal
from connectors.jira.fake_work import add_comment, add_files, move, offer, page_of_comments
from connectors.jira.wire_replies import plain_text
from ingestd.ports import HttpReply, HttpRequest

__all__ = ["Fault", "JiraFake"]

_NOT_FOUND = "Issue does not exist or you do not have permission to see it."
_WRITE_LIMITS = ((timedelta(seconds=2), 20), (timedelta(seconds=30), 100))


class JiraFake:
    """A Jira with issues in memory. Set the attributes to make it behave as another Jira would."""

    def __init__(
        self,
        clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC),
        *,
        is_cloud: bool = True,
        index_lag_seconds: float = 0.0,
        email: str = "bot@example.com",
        token: str = "token-of-the-bot",  # noqa: S107 (a stand-in's password is no secret)
    ) -> None:
        self.is_cloud = is_cloud
        self.clock = clock
        self.issues: dict[str, FakeIssue] = {}
        """By id; issues that were deleted are not in it."""
        self.faults: list[Fault] = []
        """Befall the next write requests, first one first; consumed."""
        self.requests: list[HttpRequest] = []
        self.index_lag_seconds = index_lag_seconds
        self.rules = FieldRules(is_cloud)
        self.workflow: Workflow = SIMPLE_WORKFLOW
        self.missing_permissions: set[str] = set()
        self.attachment_bytes_max = 10 * 1024**2
        """What its admin lets through as one file."""
        self.lets_strangers_look = False
        """Whether wrong credentials are treated as nobody's, who sees nothing, instead of being refused."""
        self._basic = "Basic " + base64.b64encode(f"{email}:{token}".encode()).decode()
        self._bearer = f"Bearer {token}"
        self._last_id = 10_000

    # ------------------------------------------------------------------------------------------ inspection

    def tickets(self) -> list[dict[str, Any]]:
        """The issues in plain words, oldest first."""
        return [
            {
                "id": issue.id,
                "key": issue.key,
                "title": issue.fields["summary"],
                "description": plain_text(issue.fields.get("description")),
                "priority": issue.fields.get("priority", {}).get("name", ""),
                "labels": list(issue.fields.get("labels", [])),
                "tags": list(issue.fields.get("labels", [])),
                "is_done": self.workflow.status(issue.status).category == "done",
                "comments": [plain_text(comment["body"]) for comment in issue.comments],
            }
            for issue in self.issues.values()
        ]

    def touch(self, issue: FakeIssue) -> None:
        """Let the search index learn, after its lag, what an issue has become."""
        issue.index.append((self.clock() + timedelta(seconds=self.index_lag_seconds), issue.searchable()))

    def clone(self, issue: FakeIssue) -> FakeIssue:
        """What the button Clone does: fields and labels are copied, properties and comments are not."""
        return self._store({**issue.fields, "summary": f"CLONE - {issue.fields['summary']}"}, [])

    # ------------------------------------------------------------------------------------------ the service

    async def handle(self, request: HttpRequest) -> HttpReply:
        """Answer as Jira would; raises what an ``HttpClient`` raises where a fault cuts the line."""
        self.requests.append(request)
        path = urlsplit(request.url).path.partition("/rest/api/")[2]
        is_write = request.method != "GET" and "search" not in path
        fault = self.faults.pop(0) if is_write and self.faults else None
        if fault is not None and not fault.comes_after_effect:
            return before_effect(fault)
        reply = self._answer(request, path)
        return reply if fault is None else after_effect(fault, reply)

    async def send(self, request: HttpRequest) -> HttpReply:
        """The same, under the name that ``ingestd.ports.HttpClient`` gives it."""
        return await self.handle(request)

    def _answer(self, request: HttpRequest, path: str) -> HttpReply:
        version, _, resource = path.partition("/")
        parts = [unquote(part) for part in resource.split("/")]
        if parts == ["serverInfo"]:
            return answer(200, {"deploymentType": "Cloud" if self.is_cloud else "Server", "version": "1001.0.0"})
        if version != ("3" if self.is_cloud else "2"):
            return HttpReply(404, {"content-type": "text/html"}, b"<html><title>Oops, a dead link</title></html>")
        if header(request, "authorization") != (self._basic if self.is_cloud else self._bearer):
            return self._answer_stranger(parts)
        body = body_of(request)
        if body is None:
            return refusal(400, "There was an error parsing JSON. Check that your request body is valid.")
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        match request.method, parts:
            case "GET", ["myself"]:
                return answer(200, {"accountId" if self.is_cloud else "name": "bot", "displayName": "The Bot"})
            case "GET", ["mypermissions"]:
                return self._permissions(query)
            case "POST", ["issue"]:
                return self._create(body)
            case "POST", ["search", *rest]:
                return self._search(body, rest)
            case _, ["issue", id_, *rest]:
                issue = self._find(id_)
                return refusal(404, _NOT_FOUND) if issue is None else self._about(issue, request, rest, body, query)
        return refusal(404, "null for uri")

    def _answer_stranger(self, parts: list[str]) -> HttpReply:
        if not self.lets_strangers_look or parts[0] == "myself":
            return replace(
                refusal(401, "Client must be authenticated to access this resource."),
                headers={"content-type": "text/html"},
            )
        if parts[0] == "search":
            return answer(200, {"issues": [], "isLast": True})
        if parts == ["issue"]:
            return refusal(400, project="valid project is required")
        return refusal(404, _NOT_FOUND)

    def _about(
        self, issue: FakeIssue, request: HttpRequest, rest: list[str], body: dict[str, Any], query: dict[str, str]
    ) -> HttpReply:
        if request.method != "GET" and self._writes_too_fast(issue):
            headers = {"retry-after": "3", "ratelimit-reason": "jira-per-issue-on-write"}
            reply = refusal(429, "Rate limit exceeded.")
            return replace(reply, headers={**reply.headers, **headers})
        match request.method, rest:
            case "GET", []:
                return answer(200, self._shown(issue, query.get("properties", "")))
            case "PUT", []:
                return self._edit(issue, body)
            case "GET", ["comment"]:
                return page_of_comments(issue, query)
            case "POST", ["comment"]:
                return self._comment(issue, body)
            case "POST", ["attachments"]:
                return self._attach(issue, request)
            case "GET", ["transitions"]:
                return offer(self._steps(issue), self.workflow, query, language=header(request, "accept-language"))
            case "POST", ["transitions"]:
                return self._move(issue, body)
        return refusal(405, "Method not allowed")

    # ------------------------------------------------------------------------------------------ issues

    def _create(self, body: dict[str, Any]) -> HttpReply:
        fields = body.get("fields")
        if not isinstance(fields, dict):
            return refusal(400, "Field fields is required.")
        if "CREATE_ISSUES" in self.missing_permissions:
            return refusal(400, project="You do not have permission to create issues in this project.")
        errors = self.rules.errors_of_new(fields)
        if errors:
            return refusal(400, **errors)
        issue = self._store(fields, body.get("properties", []))
        return answer(
            201, {"id": issue.id, "key": issue.key, "self": f"https://jira.example/rest/api/2/issue/{issue.id}"}
        )

    def _store(self, fields: dict[str, Any], properties: list[dict[str, Any]]) -> FakeIssue:
        self._last_id += 1
        key = f"{fields['project']['key']}-{self._last_id - 10_000}"
        held = {item["key"]: item["value"] for item in properties}
        issue = FakeIssue(str(self._last_id), key, dict(fields), self.workflow.statuses[0].id, self.clock(), held)
        self.issues[issue.id] = issue
        self.touch(issue)
        return issue

    def _find(self, id_or_key: str) -> FakeIssue | None:
        by_key = {issue.key: issue for issue in self.issues.values()}
        return self.issues.get(id_or_key) or by_key.get(id_or_key.upper())

    def _shown(self, issue: FakeIssue, properties: str = "") -> dict[str, Any]:
        status = self.workflow.status(issue.status)
        assignee = issue.fields.get("assignee")
        shown = {
            "id": issue.id,
            "key": issue.key,
            "fields": {
                "labels": list(issue.fields.get("labels", [])),
                "attachment": [{"filename": name, "size": len(content)} for name, content in issue.files],
                "description": issue.fields.get("description"),
                "assignee": {"displayName": next(iter(assignee.values()))} if assignee else None,
                "status": {"id": status.id, "name": status.name, "statusCategory": {"key": status.category}},
            },
        }
        if properties:
            shown["properties"] = {
                name: value for name, value in issue.properties.items() if name in properties.split(",")
            }
        return shown

    def _edit(self, issue: FakeIssue, body: dict[str, Any]) -> HttpReply:
        if "EDIT_ISSUES" in self.missing_permissions:
            return refusal(403, "You do not have permission to edit this issue.")
        fields, update = dict(body.get("fields", {})), body.get("update", {})
        for name, operations in update.items():
            if name in fields:
                return refusal(400, **{name: f"Field '{name}' cannot be in both update and fields."})
            for operation in operations:
                (verb, value), *_ = operation.items()
                held = fields.get(name, issue.fields.get(name, []))
                fields[name] = (
                    value
                    if verb == "set"
                    else [*held, value]
                    if verb == "add"
                    else [one for one in held if one != value]
                )
        errors = self.rules.errors_of(fields)
        if errors:
            return refusal(400, **errors)
        issue.fields |= fields
        self.touch(issue)
        return HttpReply(204)

    def _search(self, body: dict[str, Any], rest: list[str]) -> HttpReply:
        if self.is_cloud and rest != ["jql"]:
            return refusal(410, "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API.")
        if not self.is_cloud and rest:
            return refusal(404, "null for uri")
        try:
            query = parse(body.get("jql", ""))
        except JqlError as problem:
            return refusal(400, str(problem))
        seen = [(issue, issue.seen_by_search(self.clock())) for issue in self.issues.values()]
        hits = [issue for issue, form in seen if form is not None and query.matches(form)]
        hits.sort(key=lambda issue: (issue.created_at, int(issue.id)), reverse=query.is_newest_first)
        shown = [self._hit(issue, body) for issue in hits[: body.get("maxResults", 50)]]
        return answer(
            200, {"issues": shown, **({"isLast": True} if self.is_cloud else {"total": len(hits), "startAt": 0})}
        )

    def _hit(self, issue: FakeIssue, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get("fields", ["id"] if self.is_cloud else ["*navigable"])
        if wanted == ["id"]:
            return {"id": issue.id}
        shown = self._shown(issue, ",".join(body.get("properties", [])) if self.is_cloud else "")
        return {**shown, "fields": {name: value for name, value in shown["fields"].items() if name in wanted}}

    def _permissions(self, query: dict[str, str]) -> HttpReply:
        if query.get("projectKey") not in self.rules.projects:
            return refusal(404, f"No project could be found with key '{query.get('projectKey')}'.")
        wanted = query.get("permissions", "").split(",")
        return answer(
            200, {"permissions": {name: {"havePermission": name not in self.missing_permissions} for name in wanted}}
        )

    def _steps(self, issue: FakeIssue) -> list[WorkflowStep]:
        return [] if "TRANSITION_ISSUES" in self.missing_permissions else self.workflow.steps_from(issue.status)

    def _move(self, issue: FakeIssue, body: dict[str, Any]) -> HttpReply:
        reply = move(issue, self._steps(issue), body, is_cloud=self.is_cloud)
        self.touch(issue)
        return reply

    def _comment(self, issue: FakeIssue, body: dict[str, Any]) -> HttpReply:
        if "ADD_COMMENTS" in self.missing_permissions:
            return refusal(403, "You do not have the permission to comment on this issue.")
        return add_comment(issue, body, is_cloud=self.is_cloud)

    def _attach(self, issue: FakeIssue, request: HttpRequest) -> HttpReply:
        if "CREATE_ATTACHMENTS" in self.missing_permissions:
            return refusal(403, "You do not have permission to create attachments for this issue.")
        return add_files(issue, request, self.attachment_bytes_max)

    def _writes_too_fast(self, issue: FakeIssue) -> bool:
        now = self.clock()
        if self.is_cloud and any(sum(at > now - span for at in issue.writes) >= most for span, most in _WRITE_LIMITS):
            return True
        issue.writes.append(now)
        return False
