"""The requests that ingestd makes of Jira, as values. No I/O.

Paths and bodies follow Atlassian's OpenAPI of the Cloud platform (REST v3) and the Data Center reference (REST v2).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from connectors.jira.marker import PROPERTY
from connectors.jira.settings import Deployment, JiraSettings
from ingestd.core.multipart import Form
from ingestd.ports import HttpRequest

PERMISSIONS = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "ADD_COMMENTS", "TRANSITION_ISSUES")
"""What the account needs in each project that it writes into."""

COMMENTS_PER_PAGE = 20
"""Few enough that a page of the longest comments stays below the 1 MiB at which answers are cut."""

_FILE_SECONDS = 60.0
_INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}


@dataclass(frozen=True, slots=True)
class Call:
    """A request and what it is: ``what`` in words, whether it ``writes``, the id of the ``issue`` that it speaks of."""

    request: HttpRequest
    what: str
    writes: bool = False
    issue: str = ""


@dataclass(frozen=True, slots=True)
class Wire:
    """Makes requests for one Jira, whose deployment is known."""

    base_url: str
    deployment: Deployment
    authorization: str = field(repr=False)
    timeout_seconds: float = 20.0

    @property
    def is_cloud(self) -> bool:
        """Whether texts are ADF and the paths those of REST v3."""
        return self.deployment is Deployment.CLOUD

    def server(self) -> Call:
        """What kind of Jira answers; the same path on both."""
        return Call(self._request("GET", "/rest/api/2/serverInfo"), "asking what Jira this is")

    def whoami(self) -> Call:
        """Whom Jira takes us for; 401 for strangers, which other paths may answer with 404 or nothing."""
        return Call(self._request("GET", self._path("myself")), "checking the account")

    def permissions(self, project: str) -> Call:
        """Which of the needed permissions the account has in a project."""
        query = urlencode({"projectKey": project, "permissions": ",".join(PERMISSIONS)})
        return Call(
            self._request("GET", self._path("mypermissions") + "?" + query), f"checking permissions in {project}"
        )

    def create(self, fields: Mapping[str, Any], properties: Sequence[Mapping[str, Any]]) -> Call:
        """Open an issue."""
        body = {"fields": fields, **({"properties": list(properties)} if properties else {})}
        return Call(self._request("POST", self._path("issue"), body), "opening a ticket", writes=True)

    def search(self, jql: str) -> Call:
        """Find issues; both deployments take and return the parts that are used here."""
        body: dict[str, Any] = {"jql": jql, "maxResults": 20, "fields": ["labels", "description", "created"]}
        if self.is_cloud:
            body["properties"] = [PROPERTY]
        path = self._path("search/jql" if self.is_cloud else "search")
        return Call(self._request("POST", path, body), "looking for a ticket")

    def issue(self, issue: str) -> Call:
        """Read one issue: consistent with the last write, unlike a search."""
        path = self._issue_path(issue) + "?" + urlencode({"fields": "status,assignee", "properties": PROPERTY})
        return Call(self._request("GET", path), f"reading {issue}", issue=issue)

    def set_priority(self, issue: str, priority: str) -> Call:
        """Change the priority and nothing else."""
        body = {"update": {"priority": [{"set": {"name": priority}}]}}
        return Call(
            self._request("PUT", self._issue_path(issue), body),
            f"setting the priority of {issue}",
            writes=True,
            issue=issue,
        )

    def comments(self, issue: str, start: int) -> Call:
        """One page of comments, newest first: a consistent read."""
        query = urlencode({"orderBy": "-created", "startAt": start, "maxResults": COMMENTS_PER_PAGE})
        return Call(
            self._request("GET", f"{self._issue_path(issue)}/comment?{query}"),
            f"reading the comments of {issue}",
            issue=issue,
        )

    def comment(self, issue: str, text: Any, *, internal: bool) -> Call:  # noqa: ANN401 (ADF or a string)
        """Add a comment; ``internal`` hides it from the customers of a service project."""
        body = {"body": text, **({"properties": [_INTERNAL]} if internal else {})}
        return Call(
            self._request("POST", f"{self._issue_path(issue)}/comment", body),
            f"commenting on {issue}",
            writes=True,
            issue=issue,
        )

    def attach(self, issue: str, form: Form) -> Call:
        """Put a file to the issue. Without the token Jira takes the form for a forged one of a browser and refuses it."""
        headers = {**self._headers(), "Content-Type": form.content_type, "X-Atlassian-Token": "no-check"}
        url = f"{self.base_url}{self._issue_path(issue)}/attachments"
        request = HttpRequest("POST", url, headers, form.body, _FILE_SECONDS)
        return Call(request, f"attaching a file to {issue}", writes=True, issue=issue)

    def attachments(self, issue: str) -> Call:
        """The files of the issue: a consistent read."""
        path = self._issue_path(issue) + "?" + urlencode({"fields": "attachment"})
        return Call(self._request("GET", path), f"reading the files of {issue}", issue=issue)

    def transitions(self, issue: str) -> Call:
        """What may be done with the issue in its present status, with the fields of each screen."""
        path = f"{self._issue_path(issue)}/transitions?expand=transitions.fields"
        return Call(self._request("GET", path), f"reading the transitions of {issue}", issue=issue)

    def transition(self, issue: str, transition: str, fields: Mapping[str, Any]) -> Call:
        """Move the issue on. No comment travels with it: Jira drops that silently where the transition has no screen."""
        body = {"transition": {"id": transition}, **({"fields": fields} if fields else {})}
        return Call(
            self._request("POST", f"{self._issue_path(issue)}/transitions", body),
            f"moving {issue} on",
            writes=True,
            issue=issue,
        )

    def _path(self, name: str) -> str:
        return f"/rest/api/{3 if self.is_cloud else 2}/{name}"

    def _issue_path(self, issue: str) -> str:
        return self._path(f"issue/{quote(issue, safe='')}")

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": self.authorization,
            "Accept": "application/json",
            # Names of transitions, statuses and resolutions are translated to the account's language otherwise.
            "Accept-Language": "en",
        }

    def _request(self, method: str, path: str, body: object = None) -> HttpRequest:
        headers = self._headers()
        if body is None:
            return HttpRequest(method, self.base_url + path, headers, timeout_seconds=self.timeout_seconds)
        headers["Content-Type"] = "application/json"
        raw = json.dumps(body, separators=(",", ":"), default=str).encode()
        return HttpRequest(method, self.base_url + path, headers, raw, self.timeout_seconds)


def wire_for(settings: JiraSettings, deployment: Deployment) -> Wire:
    """The wire of an account: Basic with an email address, else Bearer."""
    token = settings.token.get_secret_value()
    basic = base64.b64encode(f"{settings.email}:{token}".encode()).decode()
    authorization = f"Basic {basic}" if settings.email else f"Bearer {token}"
    return Wire(settings.url, deployment, authorization, settings.timeout_seconds)


def marker_query(project: str, label: str) -> str:
    """The JQL for what carries a marker: as a label, or in the description where labels are not on the screen."""
    by_label = f"labels = {jql_string(label)} OR description ~ {jql_string(jql_string(label))}"
    return f"project = {jql_string(project)} AND ({by_label}) ORDER BY created ASC"


def jql_string(text: str) -> str:
    """The text as a quoted JQL string."""
    escaped = "".join(char for char in text if char.isprintable()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
